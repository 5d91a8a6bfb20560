"""The cash leg of one settlement, folded from what the RTGS said of it."""

from dataclasses import dataclass
from datetime import datetime

from lockstep.domain.identifiers import SettlementId, Uetr
from lockstep.domain.money import Money
from lockstep.domain.payment import Payment, PaymentState
from lockstep.domain.values import quick

__all__ = ["CashView"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class CashView:
    """All that is known of one settlement's payment. Nothing known: `state` is None, and nothing
    may be concluded.

    `booked_at` is set by pacs.002 ACSC, `noticed_at` and `noticed` by the camt.054 debit or credit.
    A `contradiction` stops everything for this settlement until people decide.
    """

    settlement_id: SettlementId
    state: PaymentState | None = None
    payment: Payment | None = None
    decided_at: datetime | None = None
    reason_code: str | None = None
    reason: str | None = None
    booked_at: datetime | None = None
    noticed_at: datetime | None = None
    noticed: Money | None = None
    noticed_uetr: Uetr | None = None
    cancel_refused: bool = False
    contradiction: str | None = None

    @property
    def is_booked(self) -> bool:
        """Booked by both of the RTGS's messages, which agree."""
        return (
            self.contradiction is None
            and self.state is PaymentState.BOOKED
            and self.booked_at is not None
            and self.noticed_at is not None
        )

    @property
    def is_never(self) -> bool:
        return self.contradiction is None and self.state is not None and self.state.is_never
