"""What is said to and by the RTGS: pacs and camt messages as values.

Every payment of this protocol names its settlement in the remittance information; `remittance()`
and `parse_remittance()` are the one place that knows the form.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, SettlementId, Uetr
from lockstep.domain.money import Money
from lockstep.domain.priority import Priority
from lockstep.domain.values import quick

__all__ = [
    "BookingNotice",
    "CancelPayment",
    "CashAccount",
    "NeverRequest",
    "Payment",
    "PaymentReport",
    "PaymentState",
    "Release",
    "Resolution",
    "ResolutionStatus",
    "Timing",
    "parse_remittance",
    "remittance",
    "require_positive",
    "require_timing",
]

_REMITTANCE = re.compile(r"/LSTP/([0-9a-f]{64})/([0-9a-f]{32})")


def remittance(settlement_id: SettlementId, salt: str) -> str:
    """RmtInf/Ustrd of a settlement's payment: `/LSTP/<settlement id>/<salt>`, 103 characters."""
    return f"/LSTP/{settlement_id}/{salt}"


def parse_remittance(text: str, *, field: str = "RmtInf/Ustrd") -> tuple[SettlementId, str]:
    """Settlement id and salt. Raises InvalidInput."""
    found = _REMITTANCE.fullmatch(text)
    if not found:
        raise InvalidInput(field, text, "/LSTP/<64 hex digits of the settlement>/<32 hex digits of the salt>")
    return SettlementId(found[1]), found[2]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class CashAccount:
    """An account in the RTGS and the bank that owns it."""

    owner: Bic
    number: str
    """Max34Text."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """When the sender would have a payment settle, in UTC; None where it leaves that open.

    `debit_at` and `credit_at` indicate when the two accounts move (SttlmTmIndctn); before
    `not_before` (SttlmTmReq/FrTm, on the settlement date) it may not settle.
    """

    debit_at: datetime | None = None
    credit_at: datetime | None = None
    not_before: datetime | None = None


AT_ONCE = Timing()


def require_positive(money: Money, field: str) -> None:
    """Raises InvalidInput for an amount that moves nothing."""
    if money.amount <= 0:
        raise InvalidInput(field, money, "greater than zero")


def require_timing(timing: Timing, day: date, until: datetime | None = None) -> None:
    """`not_before` and `until` are on the settlement date, in this order. Raises InvalidInput."""
    for field, moment in (("SttlmTmReq/FrTm", timing.not_before), ("SttlmTmReq/RjctTm", until)):
        if moment is not None and (moment.utcoffset() != timedelta(0) or moment.date() != day):
            raise InvalidInput(field, moment, "an instant of the settlement date, in UTC")
    if timing.not_before is not None and until is not None and timing.not_before > until:
        raise InvalidInput("SttlmTmReq/FrTm", timing.not_before, "not after SttlmTmReq/RjctTm")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment between banks for one settlement (pacs.009), earmarked until the agents release it."""

    uetr: Uetr
    instruction_id: str
    end_to_end_id: str
    amount: Money
    settlement_date: date
    debtor: CashAccount
    creditor: CashAccount
    settlement_id: SettlementId
    salt: str
    pay_by: datetime
    """UTC, inclusive, on the settlement date (SttlmTmReq/RjctTm): not booked by then means never."""
    priority: Priority = Priority.NORMAL
    timing: Timing = AT_ONCE

    def __post_init__(self) -> None:
        require_positive(self.amount, "IntrBkSttlmAmt")
        require_timing(self.timing, self.settlement_date, self.pay_by)


class PaymentState(Enum):
    """A payment's status (pacs.002 TxSts)."""

    HELD = "ACSP"  # earmarked, waiting for the agents' release
    PENDING = "PDNG"  # waiting for funds
    BOOKED = "ACSC"  # final
    REJECTED = "RJCT"  # never: refused, expired, or closed with the day
    CANCELLED = "CANC"  # never: cancelled on request

    @property
    def is_never(self) -> bool:
        return self in (PaymentState.REJECTED, PaymentState.CANCELLED)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReport:
    """The status of a payment (pacs.002), with the payment itself for who must judge it (OrgnlTxRef).

    `decided_at` (AccptncDtTm) is when the state was entered: for BOOKED the booking time.
    """

    original_message_id: str
    uetr: Uetr
    state: PaymentState
    decided_at: datetime
    payment: Payment
    reason_code: str | None = None
    reason: str | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class CancelPayment:
    """Please cancel a payment (camt.056). For one never seen it leaves a tombstone all the same."""

    case_id: str
    uetr: Uetr
    original_message_id: str
    original_amount: Money
    original_settlement_date: date
    settlement_id: SettlementId
    salt: str
    reason_code: str = "CUST"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class NeverRequest:
    """An agent asks that a settlement whose payment never came may never be paid (camt.056, a use of our own).

    It knows neither amount nor salt. One says nothing; at the quorum of agents it is a tombstone.
    """

    case_id: str
    uetr: Uetr
    settlement_id: SettlementId
    reason_code: str = "TECH"


class ResolutionStatus(Enum):
    """Outcome of a cancellation request (camt.029 Conf)."""

    CANCELLED = "CNCL"  # it will never be booked: a tombstone stands
    REFUSED = "RJCR"  # too late, or not the sender's to ask


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """The answer to a camt.056 (camt.029)."""

    case_id: str
    uetr: Uetr
    settlement_id: SettlementId
    salt: str | None
    """None in the answer to agents, who cannot know it."""
    status: ResolutionStatus
    reason_code: str | None = None
    reason: str | None = None
    decided_at: datetime


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class BookingNotice:
    """An account was debited or credited (camt.054)."""

    account: CashAccount
    amount: Money
    credit: bool
    booked_at: datetime
    posting: int
    """The ledger's posting number (AcctSvcrRef)."""
    uetr: Uetr
    settlement_id: SettlementId
    salt: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """An agent has seen the lock final and releases the earmark (camt.007, a profile of our own)."""

    uetr: Uetr
    settlement_id: SettlementId
