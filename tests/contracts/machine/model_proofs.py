"""What counts as a proof and as a party's signature, as `docs/explanation/contracts.md` says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from .rules import ANYTHING, ZERO, Context, broken
from .typed import Keyring

__all__ = ["Epoch", "HostileTokenModel", "WalletModel", "misfit", "same_run", "unproved", "unsigned"]

MAX_AGENTS = 8
HONEST, AGREES_TO_ALL, AGREES_AT_LENGTH = 0, 6, 7
FAITHFUL_WALLET_SIGNATURE = 65


@dataclass(frozen=True, slots=True)
class Epoch:
    """Who proves outcomes, as the contract's struct has it."""

    agents: tuple[str, ...]
    quorum: int
    faulty: int
    officer: str
    confirmer: str


@dataclass
class WalletModel:
    """A wallet contract: who owns it and how it judges; see `contracts/mocks/HostileWallet.sol`."""

    owner: str
    conduct: int = HONEST

    def become(self, at: Context, conduct: int) -> None:
        self.conduct = conduct


@dataclass
class HostileTokenModel:
    """See `contracts/mocks/HostileToken.sol`."""

    conduct: int = 0
    payload: bytes = b""
    busy: bool = field(default=False, compare=False)

    REFUSALS: ClassVar[dict[int, set[str] | frozenset[str]]] = {
        1: {"Refused"},
        2: {""},
        3: ANYTHING,
        6: {""},
        7: ANYTHING,
    }

    def become(self, at: Context, conduct: int, payload: bytes) -> None:
        self.conduct, self.payload = conduct, payload

    @property
    def refusal(self) -> frozenset[str]:
        return frozenset(self.REFUSALS.get(self.conduct, ()))


def unsigned(
    keyring: Keyring, wallets: dict[str, WalletModel], party: str, digest: bytes, signature: bytes
) -> frozenset[str]:
    """InvalidSignature unless `party`, an account or a wallet contract, agreed to `digest`."""
    if keyring.signer(signature, digest) == party:
        return frozenset()
    wallet = wallets.get(party)
    if wallet is None:
        return frozenset({"InvalidSignature"})
    if wallet.conduct in (AGREES_TO_ALL, AGREES_AT_LENGTH):
        return frozenset()
    agreed = (
        wallet.conduct == HONEST
        and len(signature) == FAITHFUL_WALLET_SIGNATURE
        and keyring.signer(signature, digest) == wallet.owner
    )
    return broken(InvalidSignature=not agreed)


def unproved(keyring: Keyring, proof: bytes, digest: bytes, epoch: Epoch | None) -> frozenset[str]:
    """What is wrong with a proof: quorum, bitmap, a signature for each signer, an address for each absent agent."""
    if len(proof) < 2:
        return frozenset({"MalformedProof"})
    quorum, signers, body = proof[0], proof[1], proof[2:]
    signed = signers.bit_count()
    rest = len(body) - 64 * signed
    count = signed + rest // 20
    if rest < 0 or rest % 20 or count > MAX_AGENTS or signers >> count:
        return frozenset({"MalformedProof"})
    signatures = [body[64 * i : 64 * i + 64] for i in range(signed)]
    absent = [body[64 * signed + 20 * i :][:20] for i in range(count - signed)]
    named = [
        keyring.signer(signatures.pop(0), digest) if signers >> i & 1 else "0x" + absent.pop(0).hex()
        for i in range(count)
    ]
    theirs = epoch is not None and tuple(named) == epoch.agents and quorum == epoch.quorum
    return broken(QuorumNotReached=signed < quorum, ProofNotFromEpoch=not theirs)


def misfit(epoch: Epoch) -> frozenset[str]:
    """Why these agents and roles may not serve."""
    count, agents = len(epoch.agents), [int(one, 16) for one in epoch.agents]
    return broken(
        BadAgentCount=not 0 < count <= MAX_AGENTS,
        UnsafeQuorum=epoch.quorum > count or 2 * epoch.quorum - count <= epoch.faulty,
        RolesNotApart=ZERO in (epoch.officer, epoch.confirmer)
        or epoch.officer == epoch.confirmer
        or bool({epoch.officer, epoch.confirmer} & set(epoch.agents)),
        AgentsNotAscending=agents != sorted(set(agents)) or 0 in agents,
    )


def same_run(legs: Sequence[bytes]) -> list[range]:
    """A batch's legs as they are tried: neighbours of one group together, all others alone."""
    runs, start = [], 0
    while start < len(legs):
        end = start + 1
        while any(legs[start]) and end < len(legs) and legs[end] == legs[start]:
            end += 1
        runs.append(range(start, end))
        start = end
    return runs
