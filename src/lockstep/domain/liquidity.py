"""A bank and its own money in the RTGS: transfers between accounts, and what it reserves."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Uetr
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, require_positive
from lockstep.domain.values import quick

__all__ = [
    "DeleteReservation",
    "LiquidityTransfer",
    "ModifyReservation",
    "QueryError",
    "Receipt",
    "Reservation",
    "ReservationKind",
    "ReservationQuery",
    "ReservationReport",
    "ReservationStatus",
]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityTransfer:
    """Move liquidity between two accounts (camt.050). It settles at once or not at all."""

    end_to_end_id: str
    amount: Money
    settlement_date: date
    debtor: CashAccount
    creditor: CashAccount
    instruction_id: str | None = None
    uetr: Uetr | None = None

    def __post_init__(self) -> None:
        require_positive(self.amount, "LqdtyCdtTrf/TrfdAmt/AmtWthCcy")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a request that changes something (camt.025)."""

    original_message_id: str
    original_definition: str
    status_code: str
    """Max4AlphaNumericText, as the system defines it."""
    description: str | None = None


class ReservationKind(Enum):
    """What liquidity is reserved for (ReservationType2Code)."""

    URGENT = "UPAR"
    HIGH = "HPAR"
    NET_SETTLEMENT = "NSSR"
    CENTRAL_BANK = "CARE"
    THRESHOLD = "THRE"
    BLOCKED = "BLKD"


class ReservationStatus(Enum):
    """How a reservation stands (ReservationStatus1Code)."""

    ENABLED = "ENAB"
    DISABLED = "DISA"
    DELETED = "DELD"
    REQUESTED = "REQD"
    BLOCKED = "BLKD"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Liquidity set aside on an account. `standing`: taken up anew each day; else for this day only."""

    kind: ReservationKind
    account: CashAccount
    amount: Money
    status: ReservationStatus = ReservationStatus.ENABLED
    since: datetime | None = None
    standing: bool = False


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationQuery:
    """Which reservations are there on an account? (camt.046)"""

    account: CashAccount


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class QueryError:
    """Why a query has no answer: the system's own code, and words."""

    code: str
    description: str | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class ReservationReport:
    """The answer to a query for reservations (camt.047): those there are, or why not."""

    query_id: str
    reservations: tuple[Reservation, ...] = ()
    errors: tuple[QueryError, ...] = ()

    def __post_init__(self) -> None:
        if self.reservations and self.errors:
            raise InvalidInput("RptOrErr", "", "reservations or errors, and not both")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyReservation:
    """Reserve so much from now on, in place of what was reserved (camt.048). `start` None: at once."""

    kind: ReservationKind
    account: CashAccount
    amount: Money
    standing: bool = False
    start: datetime | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteReservation:
    """Reserve no longer, for this day (camt.049)."""

    kind: ReservationKind
    account: CashAccount
