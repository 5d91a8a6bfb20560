"""A margin call as the service keeps it: the call, how it is met in cash and in bonds, and what was decided when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Reference
from lockstep.domain.margin_bonds import BondMove
from lockstep.domain.margin_call import MarginCall
from lockstep.domain.margin_message import MarginCallRequest, MarginCallResponse
from lockstep.domain.values import quick

__all__ = ["MarginCase"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class MarginCase:
    """One call, or one demand for a return: whoever is called pays who calls.

    `intents` holds when each step was first decided on, so that what is sent again is sent with the same content.
    `version` counts its stored versions: who stores over another's later version is refused.
    """

    agreement_id: AgreementId
    call: MarginCall
    is_return: bool = False
    """The giver calls, for what the taker holds too much."""
    request: MarginCallRequest | None = None
    """As the caller said it (colr.003), if it came as a message."""
    response: MarginCallResponse | None = None
    """As who is called answered (colr.004)."""
    paying: int = 0
    """Minor units that are to be paid in cash; 0: nobody said so yet. Fixed once it is said."""
    attempt: int = 0
    """Which payment of it is under way, from 1; another only after the RTGS said that the last is never booked."""
    pay_by: datetime | None = None
    """Until when the present attempt can be booked, UTC, inclusive."""
    is_counted: bool = False
    """The collateral register counts the payment, finally."""
    bonds: tuple[BondMove, ...] = ()
    """Securities that move for it, in the order in which that was said."""
    reason: str = ""
    """Why it waits, where people should know."""
    intents: Mapping[str, datetime] = field(default_factory=dict)
    version: int = 0

    def __post_init__(self) -> None:
        if self.paying < 0:
            raise InvalidInput("paying", self.paying, "not below zero")
        if (self.attempt > 0) != (self.pay_by is not None) or (self.attempt > 0 and not self.paying):
            raise InvalidInput("attempt", self.attempt, "an amount and a last second with every attempt, and only so")

    @property
    def reference(self) -> Reference:
        """The call's id: unique under its agreement."""
        return Reference(self.call.call_id)

    @property
    def key(self) -> tuple[AgreementId, Reference]:
        return self.agreement_id, self.reference

    @property
    def is_paying(self) -> bool:
        """A payment of it is under way."""
        return self.attempt > 0 and not self.is_counted

    @property
    def bonds_under_way(self) -> tuple[BondMove, ...]:
        return tuple(one for one in self.bonds if one.is_under_way)

    @property
    def is_open(self) -> bool:
        """Whether there is anything to look at: a call that has ended with nothing under way for it is not."""
        return not self.call.state.is_end or self.is_paying or bool(self.bonds_under_way)

    @property
    def unmet(self) -> int:
        """Minor units of what is owed that neither arrived nor is under way: bonds by the figures of their day."""
        under_way = sum(one.expected for one in self.bonds_under_way) + (self.paying if self.is_paying else 0)
        return max(0, self.call.open_amount.amount - under_way)

    def bond(self, name: Reference) -> BondMove | None:
        return next((one for one in self.bonds if one.name == name), None)
