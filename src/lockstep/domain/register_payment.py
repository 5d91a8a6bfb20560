"""What the service pays in the RTGS for the collateral register, margin aside: income, and what a sale of pledged units
fetched.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from lockstep.domain.collateral.register import AgreementId, PledgeId
from lockstep.domain.errors import InvalidInput
from lockstep.domain.margin_payment import IncomeClaim
from lockstep.domain.money import Money
from lockstep.domain.order import Order
from lockstep.domain.payment import CashAccount, require_positive
from lockstep.domain.values import quick

__all__ = ["PaymentStage", "RegisterPayment"]


class PaymentStage(Enum):
    """Where a payment stands."""

    OPEN = "OPEN"
    COUNTED = "COUNTED"
    """Booked, and counted by the register, finally."""
    GIVEN_BACK = "GIVEN_BACK"
    """Of a sale: it was never paid, and the units are pledged as before."""
    LAPSED = "LAPSED"
    """Of a sale: its order was not locked in time. Nothing moved."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPayment:
    """One income claim or one sale, paid once. `version` counts its stored versions, as of a margin case."""

    name: str
    """64 hex digits: the call id under which the register counts it; of a sale its settlement's id."""
    agreement_id: AgreementId
    pledge_id: PledgeId
    amount: Money
    debtor: CashAccount
    creditor: CashAccount
    income_id: str = ""
    """Of income: which payment of the issuer's it is."""
    order: Order | None = None
    """Of a sale: what its buyer signed."""
    salt: str = ""
    """Of a sale: what hides its cash terms on the chain, 32 hex digits."""
    stage: PaymentStage = PaymentStage.OPEN
    attempt: int = 0
    """Which payment of income is under way, from 1; a sale has one for each order."""
    pay_by: datetime | None = None
    """Until when the present attempt can be booked, UTC, inclusive."""
    reason: str = ""
    """Why it waits, where people should know."""
    intents: Mapping[str, datetime] = field(default_factory=dict)
    """When each step was first decided on, so that what is sent again is the same."""
    version: int = 0

    def __post_init__(self) -> None:
        require_positive(self.amount, "payment/amount")
        if (self.order is None) == (not self.income_id):
            raise InvalidInput("payment", self.name, "of income, or of a sale's order")
        if (self.attempt > 0) != (self.pay_by is not None):
            raise InvalidInput("payment/attempt", self.attempt, "a last second with every attempt, and only so")

    @property
    def is_open(self) -> bool:
        return self.stage is PaymentStage.OPEN

    @property
    def claim(self) -> IncomeClaim:
        """Of income: what is paid."""
        return IncomeClaim(
            agreement_id=self.agreement_id,
            pledge_id=self.pledge_id,
            income_id=self.income_id,
            owed=self.amount.amount,
        )
