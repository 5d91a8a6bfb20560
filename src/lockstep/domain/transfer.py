"""Payments that no settlement waits for: what else an RTGS takes, and what it says of them.

A payment of a settlement is in `domain.payment`. Both travel in the same messages; which of the two
a message carries is told by what it holds of the settlement.
"""

from dataclasses import dataclass
from datetime import date, datetime

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, Uetr
from lockstep.domain.money import Money
from lockstep.domain.payment import (
    AT_ONCE,
    CashAccount,
    PaymentState,
    ResolutionStatus,
    Timing,
    require_positive,
    require_timing,
)
from lockstep.domain.priority import Priority
from lockstep.domain.values import quick

__all__ = [
    "BankTransfer",
    "Customer",
    "CustomerTransfer",
    "ModifyPayment",
    "Original",
    "PaymentReturn",
    "Recall",
    "RecallAnswer",
    "StatusRequest",
    "TransferReport",
]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The message that is spoken of: its id and its definition (`pacs.009.001.08`)."""

    message_id: str
    definition: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class BankTransfer:
    """Money from bank to bank (pacs.009). `reject_after` (SttlmTmReq/RjctTm) is the last second to book it."""

    uetr: Uetr
    instruction_id: str
    end_to_end_id: str
    amount: Money
    settlement_date: date
    debtor: CashAccount
    creditor: CashAccount
    priority: Priority = Priority.NORMAL
    timing: Timing = AT_ONCE
    reject_after: datetime | None = None

    def __post_init__(self) -> None:
        require_positive(self.amount, "IntrBkSttlmAmt")
        require_timing(self.timing, self.settlement_date, self.reject_after)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A bank's customer: its name, and its account there as an IBAN or as that bank numbers it."""

    name: str
    account: str
    is_iban: bool = True


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerTransfer:
    """Money from customer to customer (pacs.008), moved between their banks' accounts in the RTGS.

    `charges` (ChrgBr): SLEV, SHAR, DEBT or CRED.
    """

    uetr: Uetr
    instruction_id: str
    end_to_end_id: str
    amount: Money
    settlement_date: date
    debtor: Customer
    debtor_bank: CashAccount
    creditor_bank: CashAccount
    creditor: Customer
    charges: str = "SHAR"
    remittance: str | None = None
    priority: Priority = Priority.NORMAL
    timing: Timing = AT_ONCE
    reject_after: datetime | None = None

    def __post_init__(self) -> None:
        require_positive(self.amount, "IntrBkSttlmAmt")
        require_timing(self.timing, self.settlement_date, self.reject_after)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReturn:
    """Money sent back after it was booked (pacs.004): a new payment, which undoes nothing.

    `debtor` is who gives back, the original's creditor; the accounts are the original's.
    """

    return_id: str
    original: Original
    original_end_to_end_id: str
    uetr: Uetr
    """The original's; a return has none of its own."""
    original_amount: Money
    amount: Money
    settlement_date: date
    debtor: Bic
    creditor: Bic
    reason_code: str
    reason: str | None = None
    priority: Priority = Priority.NORMAL
    timing: Timing = AT_ONCE

    def __post_init__(self) -> None:
        require_positive(self.amount, "RtrdIntrBkSttlmAmt")
        require_timing(self.timing, self.settlement_date)
        if self.amount.currency != self.original_amount.currency or self.amount.amount > self.original_amount.amount:
            raise InvalidInput("RtrdIntrBkSttlmAmt", self.amount, f"at most the original's {self.original_amount}")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRequest:
    """How does this payment stand? (pacs.028). `original` where the asker knows the message that brought it."""

    uetr: Uetr
    request_id: str | None = None
    original: Original | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class TransferReport:
    """The status of a payment that no settlement waits for (pacs.002).

    `decided_at` (AccptncDtTm) is when the state was entered: for BOOKED the booking time.
    """

    original: Original
    uetr: Uetr
    state: PaymentState
    decided_at: datetime
    instruction_id: str | None = None
    end_to_end_id: str | None = None
    reason_code: str | None = None
    reason: str | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """Please cancel a payment, or ask for it back (camt.056)."""

    case_id: str
    uetr: Uetr
    original: Original
    original_amount: Money
    original_settlement_date: date
    reason_code: str = "CUST"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class RecallAnswer:
    """The answer to a recall (camt.029)."""

    case_id: str
    uetr: Uetr
    status: ResolutionStatus
    reason_code: str | None = None
    reason: str | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyPayment:
    """Change a payment that waits (camt.007): its priority, or when it may settle. None changes nothing."""

    uetr: Uetr
    priority: Priority | None = None
    not_before: datetime | None = None
    reject_after: datetime | None = None

    def __post_init__(self) -> None:
        if self.priority is None and self.not_before is None and self.reject_after is None:
            raise InvalidInput("Mod/NewPmtValSet", "", "a new priority or a new time")
        if self.not_before is not None and self.reject_after is not None and self.not_before > self.reject_after:
            raise InvalidInput("Mod/NewPmtValSet/PrcgVldtyTm", self.not_before, "a start that is not after the end")
