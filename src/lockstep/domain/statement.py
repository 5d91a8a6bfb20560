"""What an account and its payments look like to their bank: entries, statements, queries."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId, Uetr
from lockstep.domain.liquidity import QueryError
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, PaymentState
from lockstep.domain.priority import Priority
from lockstep.domain.values import quick

__all__ = [
    "Entry",
    "EntryKind",
    "EntryNotice",
    "QueriedPayment",
    "Statement",
    "StatementRequest",
    "TransactionQuery",
    "TransactionReport",
]


class EntryKind(Enum):
    """What an entry comes from (domain and sub-family of ISO's bank transaction codes)."""

    BANK_TRANSFER = "FICT"
    CUSTOMER_TRANSFER = "DMCT"
    RETURN = "RRTN"
    LIQUIDITY = "OTHR"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One booked movement of an account. `amount` is greater than zero; `credit` is its direction."""

    posting: int
    """The ledger's posting number (AcctSvcrRef)."""
    amount: Money
    credit: bool
    booked_at: datetime
    kind: EntryKind = EntryKind.BANK_TRANSFER
    end_to_end_id: str | None = None
    uetr: Uetr | None = None
    settlement_id: SettlementId | None = None
    salt: str | None = None

    def __post_init__(self) -> None:
        if (self.settlement_id is None) is not (self.salt is None):
            raise InvalidInput("RmtInf/Ustrd", self.settlement_id or self.salt, "a settlement and its salt together")

    @property
    def signed(self) -> int:
        """In minor units, a debit below zero."""
        return self.amount.amount if self.credit else -self.amount.amount


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class EntryNotice:
    """An account was debited or credited by something else than a settlement (camt.054)."""

    account: CashAccount
    entry: Entry


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An account over a period (camt.053), in pages; `opening` and `closing` are of this page.

    Balances may be below zero. Raises InvalidInput unless opening, entries and closing add up.
    """

    statement_id: str
    sequence: int
    account: CashAccount
    since: datetime
    until: datetime
    opening: Money
    closing: Money
    entries: tuple[Entry, ...] = ()
    page: int = 1
    is_last: bool = True
    query_id: str | None = None
    """The request that this answers, where there was one."""

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise InvalidInput("Stmt/FrToDt", self.since, "a start that is not after the end")
        currency = self.opening.currency
        for number, entry in enumerate(self.entries, 1):
            if entry.amount.currency != currency:
                at = "Stmt/Ntry" if number == 1 else f"Stmt/Ntry[{number}]"
                raise InvalidInput(f"{at}/Amt/@Ccy", entry.amount.currency, f"{currency}, the account's")
        total = self.opening.amount + sum(entry.signed for entry in self.entries)
        if self.closing != Money(currency=currency, amount=total):
            rule = f"{Money(currency=currency, amount=total)}: the opening balance and the entries"
            raise InvalidInput("Stmt/Bal[2]/Amt", self.closing, rule)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRequest:
    """Please state this account for these days, both included (camt.060)."""

    account: CashAccount
    first: date
    last: date
    request_id: str | None = None

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise InvalidInput("RptgReq/RptgPrd/FrToDt/FrDt", self.first, "not after ToDt")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionQuery:
    """Which payments are there? (camt.005) What is None does not narrow; something must."""

    uetr: Uetr | None = None
    debtor: CashAccount | None = None
    settlement_date: date | None = None
    final: bool | None = None
    """Only those that are decided, or only those that are not."""

    def __post_init__(self) -> None:
        if all(one is None for one in (self.uetr, self.debtor, self.settlement_date, self.final)):
            raise InvalidInput("TxQryDef/TxCrit/NewCrit/SchCrit", "", "at least one criterion")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class QueriedPayment:
    """A payment as its query found it."""

    uetr: Uetr
    message_id: str
    end_to_end_id: str
    state: PaymentState
    decided_at: datetime
    amount: Money
    settlement_date: date
    debtor: CashAccount
    creditor: CashAccount
    priority: Priority = Priority.NORMAL
    reason_code: str | None = None


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionReport:
    """The answer to a query for payments (camt.006), in pages: those found, or why none can be told."""

    query_id: str
    payments: tuple[QueriedPayment, ...] = ()
    errors: tuple[QueryError, ...] = ()
    page: int = 1
    is_last: bool = True

    def __post_init__(self) -> None:
        if bool(self.payments) is bool(self.errors):
            raise InvalidInput("RptOrErr", "", "payments or errors, and not both")
