"""Securities that move for a margin call: pledged by the giver, or released by the taker where it is a return."""

import hashlib
from dataclasses import dataclass
from enum import Enum

from lockstep.domain.collateral.register import AgreementId, PledgeId
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Reference
from lockstep.domain.values import quick

__all__ = ["ActState", "BondMove", "bond_nonce", "bond_salt"]


class ActState(Enum):
    """Where an act of a party's wallet is."""

    UNDER_WAY = "UNDER_WAY"
    DONE = "DONE"
    """The register shows it, finally."""
    DEAD = "DEAD"
    """It was not run and never will be."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class BondMove:
    """Units of one security that the called party moves for a call, as one act of its wallet.

    What the act is follows from this alone, so that it is the same act whoever sends it, and however often.
    """

    name: Reference
    """The called party's own: unique within the call."""
    token: str
    units: int
    pledge_id: PledgeId
    """The pledge that is made; of a return the one that is released from."""
    act_by: int
    """Last second of the act: in no later block can it be run."""
    expected: int
    """Minor units that it counts for by the figures of the day on which it was decided."""
    state: ActState = ActState.UNDER_WAY
    value: int = 0
    """Minor units that it counted for, once it is done."""
    reason: str = ""
    """Why it waits, or died."""

    def __post_init__(self) -> None:
        if self.units <= 0:
            raise InvalidInput("units", self.units, "above zero")

    @property
    def is_under_way(self) -> bool:
        return self.state is ActState.UNDER_WAY


def bond_salt(agreement: AgreementId, call: Reference, name: Reference) -> str:
    """The salt of the pledge that a delivery makes, 64 hex digits: of one delivery there is one pledge."""
    return hashlib.sha256(f"lockstep margin pledge\n{agreement}\n{call}\n{name}".encode()).hexdigest()


def bond_nonce(agreement: AgreementId, call: Reference, name: Reference, act_by: int) -> int:
    """The number of the wallet's act, 256 bits: another for each time that it is tried anew."""
    named = f"lockstep margin act\n{agreement}\n{call}\n{name}\n{act_by}"
    return int.from_bytes(hashlib.sha256(named.encode()).digest())
