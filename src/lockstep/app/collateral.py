"""The collateral register of an installation, wired: its ledger, its file of attempts, its parties' wallets."""

from collections.abc import Mapping

from lockstep.app.attempts import AttemptFile
from lockstep.app.home import Home
from lockstep.chain.acting import Sending
from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.manifest import read_manifest
from lockstep.chain.node import Node
from lockstep.chain.planning import DVP
from lockstep.domain.collateral.register import Act, Agreement, AgreementId, Register, check_agreement, register_of
from lockstep.domain.errors import Misconfigured, Refused
from lockstep.signing import Key, act_digest, agreement_id, amendment_digest

__all__ = ["ATTEMPTS", "LocalCollateralWallets", "attempts_of", "open_collateral"]

ATTEMPTS = "over-commitments.jsonl"
"""Below the installation's folder."""


def attempts_of(home: Home) -> AttemptFile:
    """Where refused attempts to commit more than there was are written down."""
    return AttemptFile(home.root / ATTEMPTS)


def open_collateral(home: Home, node: Node | None = None, sender: Sending | None = None) -> EvmCollateralLedger:
    """The installation's register; without a sender to look at. Raises Misconfigured where the market has none."""
    register = register_of(home.market().network)
    try:  # It was created after DvP, whose address it has: no event of its own is older.
        first = read_manifest(home.manifest()).contract(DVP).block or 0
    except Misconfigured:  # a folder of one process alone has no manifest: all blocks are read
        first = 0
    return EvmCollateralLedger(
        node or Node(home.settings().rpcs),
        register,
        sender,
        first_block=first,
        on_over_commitment=attempts_of(home).note,
    )


class LocalCollateralWallets:
    """`ports.CollateralWallet` on this machine, for rehearsals: elsewhere each party holds its own, and judges what an
    act is before it signs."""

    def __init__(self, keys: Mapping[str, Key], register: Register) -> None:
        """`keys` by wallet address; an address that is missing has not signed yet."""
        self._keys, self._register = keys, register

    def sign_agreement(self, agreement: Agreement, party: str) -> bytes | None:
        """Raises Refused NotAParty, InvalidInput for terms that the register would refuse."""
        check_agreement(agreement)
        return self._signed(bytes.fromhex(agreement_id(agreement, self._register)), agreement, party)

    def sign_amendment(self, agreement_id: AgreementId, following: Agreement, by: int, party: str) -> bytes | None:
        """As `sign_agreement`."""
        check_agreement(following)
        return self._signed(amendment_digest(agreement_id, following, by, self._register), following, party)

    def sign_act(self, act: Act) -> bytes | None:
        key = self._keys.get(act.party)
        return key.sign(act_digest(act, self._register)) if key else None

    def _signed(self, digest: bytes, agreement: Agreement, party: str) -> bytes | None:
        if party not in (agreement.giver, agreement.taker):
            expected = f"{agreement.giver} or {agreement.taker}"
            raise Refused("NotAParty", {"actual": party, "expected": expected})
        key = self._keys.get(party)
        return key.sign(digest) if key else None
