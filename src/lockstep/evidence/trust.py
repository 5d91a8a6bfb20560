"""What who verifies a pack brings himself: public keys, addresses and hashes, from elsewhere than the pack."""

from dataclasses import dataclass

from lockstep.domain.errors import InvalidInput
from lockstep.domain.market import Network
from lockstep.domain.order import Epoch
from lockstep.evidence.canonical import dump, load

__all__ = ["FORM", "Trust", "TrustedEpoch", "TrustedNetwork", "TrustedParty", "TrustedRoot", "TrustedSecurity"]

FORM = "lockstep-trust-1"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedNetwork:
    """The chain, the contract, and how many blocks must follow one that counts as final."""

    chain_id: int
    dvp: str
    finality_depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedEpoch:
    """The agents of one epoch, ascending, and how many must agree."""

    number: int
    agents: tuple[str, ...]
    quorum: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedParty:
    """A participant: its legal entity, where its messages come from, and the wallet that signs for it."""

    lei: str
    bic: str
    wallet: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedSecurity:
    """The token that a security is, and the decimals of its units."""

    isin: str
    token: str
    decimals: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedRoot:
    """The journal's root when it had `size` entries, as it was anchored or told at that time."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """All that is believed without proof. `seals`: who may have made a pack. `blocks`: hashes of final blocks; with
    one, all blocks before it are known that a pack has up to it."""

    form: str
    network: TrustedNetwork
    service: str
    rtgs: str
    seals: tuple[str, ...]
    epochs: tuple[TrustedEpoch, ...]
    parties: tuple[TrustedParty, ...]
    securities: tuple[TrustedSecurity, ...]
    blocks: tuple[bytes, ...]
    roots: tuple[TrustedRoot, ...]

    @classmethod
    def read(cls, data: bytes) -> "Trust":
        """From JSON, spaced as anybody likes. Raises InvalidInput."""
        trust = load(cls, data, field="trust", canonical=False)
        trust.check()
        return trust

    def check(self) -> None:
        """Whether it means one thing. Raises InvalidInput."""
        if self.form != FORM:
            raise InvalidInput("trust/form", self.form, FORM)
        addresses = [("network/dvp", self.network.dvp), *(("seals", one) for one in self.seals)]
        addresses += [("parties/wallet", one.wallet) for one in self.parties]
        addresses += [("securities/token", one.token) for one in self.securities]
        addresses += [("epochs/agents", agent) for epoch in self.epochs for agent in epoch.agents]
        for field, address in addresses:
            if not _is_address(address):
                raise InvalidInput(f"trust/{field}", address, "an address as EIP-55 writes it")
        for field, hashes in (("blocks", self.blocks), ("roots/root", [one.root for one in self.roots])):
            for one in hashes:
                if len(one) != 32:
                    raise InvalidInput(f"trust/{field}", one.hex(), "64 hex digits")
        if self.network.finality_depth < 0:
            raise InvalidInput("trust/network/finality_depth", self.network.finality_depth, "0 or more")
        for epoch in self.epochs:
            if list(epoch.agents) != sorted(set(epoch.agents), key=str.lower):
                raise InvalidInput("trust/epochs/agents", ", ".join(epoch.agents), "ascending, none twice")
            if not 0 < epoch.quorum <= len(epoch.agents):
                raise InvalidInput("trust/epochs/quorum", epoch.quorum, f"1 to {len(epoch.agents)}, the agents")
        unique: tuple[tuple[str, list[str | int]], ...] = (
            ("epochs/number", [one.number for one in self.epochs]),
            ("parties/lei", [one.lei for one in self.parties]),
            ("securities/isin", [one.isin for one in self.securities]),
            ("roots/size", [one.size for one in self.roots]),
        )
        for field, keys in unique:
            for key in keys:
                if keys.count(key) > 1:
                    raise InvalidInput(f"trust/{field}", key, "there once")

    def write(self) -> bytes:
        """As JSON in its canonical form."""
        return dump(self)

    def market_network(self) -> Network:
        """For whom the signatures are."""
        one = self.network
        return Network(chain_id=one.chain_id, dvp=one.dvp, finality_depth=one.finality_depth)

    def epoch(self, number: int) -> Epoch | None:
        found = next((one for one in self.epochs if one.number == number), None)
        if found is None:
            return None
        return Epoch(number=found.number, agents=found.agents, quorum=found.quorum)

    def party(self, lei: str) -> TrustedParty | None:
        return next((one for one in self.parties if one.lei == lei), None)

    def security(self, isin: str) -> TrustedSecurity | None:
        return next((one for one in self.securities if one.isin == isin), None)


def _is_address(text: str) -> bool:
    from eth_utils.address import is_checksum_address

    return is_checksum_address(text)
