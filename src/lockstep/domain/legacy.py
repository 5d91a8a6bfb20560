"""A legacy book's rows: what another system says is held, traded and in the accounts on a day.

They come from files that Lockstep did not write. `line` is where a row begins in its file, from 1, so that whoever
asks can be shown it; two rows of the same content at different lines differ. None of this is evidence of settlement:
these values are compared with Lockstep's own, and nothing acts on them.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from typing import TypeAlias, TypeVar

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Isin, Lei, Reference, Uetr
from lockstep.domain.instruction import QuantityType
from lockstep.domain.money import Money, Quantity
from lockstep.domain.values import quick

__all__ = [
    "BadRow",
    "HoldingsStatement",
    "LegacyCash",
    "LegacyInstruction",
    "LegacyPosition",
    "LegacyRow",
    "LegacyStatus",
    "LegacyTrade",
    "SubBalance",
    "sound",
]

Row = TypeVar("Row")


class LegacyStatus(Enum):
    """How a trade stands in the legacy book."""

    PENDING = "pending"
    FAILING = "failing"
    SETTLED = "settled"
    CANCELLED = "cancelled"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class BadRow:
    """A row that could not be understood, set apart: the first rule that it breaks.

    `field` is a column's name, or a message's path. The rows after it are read all the same.
    """

    line: int
    field: str
    value: str
    rule: str

    @classmethod
    def of(cls, line: int, broken: InvalidInput) -> "BadRow":
        """What an error says of the row that begins there."""
        return cls(line=line, field=broken.field, value=broken.value, rule=broken.rule)

    def __str__(self) -> str:
        return f"line {self.line}: {InvalidInput(self.field, self.value, self.rule)}"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class SubBalance:
    """A part of a position that is set aside, as the book names it (SecuritiesBalanceType12Code: PLED, BLOK, …)."""

    code: str
    quantity: Quantity


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyPosition:
    """What an owner holds of a security at the end of `as_of`. `quantity` is without sign: `short` is its sign."""

    line: int
    as_of: date
    owner: Lei
    account: str
    """The safekeeping account as the book numbers it."""
    isin: Isin
    quantity: Quantity
    short: bool = False
    quantity_type: QuantityType | None = None
    available: Quantity | None = None
    """How much of it nothing holds back, where the book says so."""
    parts: tuple[SubBalance, ...] = ()

    def __post_init__(self) -> None:
        if self.short and not self.quantity.value:
            raise InvalidInput("quantity", "-0", "zero is not short")

    def units(self, decimals: int) -> int:
        """Whole units of a security with so many decimals, below zero where short. Raises InvalidInput."""
        units = self.quantity.units(decimals)
        return -units if self.short else units


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyTrade:
    """A delivery against payment. `uetr` is None where the book has none: then a trade is matched by what it is."""

    line: int
    reference: Reference
    """As the book names the trade."""
    deliverer: Lei
    receiver: Lei
    isin: Isin
    quantity: Quantity
    cash: Money
    settlement_date: date
    """As agreed."""
    status: LegacyStatus
    trade_date: date | None = None
    uetr: Uetr | None = None
    settled_at: datetime | None = None
    """There if and only if it has settled."""

    def __post_init__(self) -> None:
        if self.deliverer == self.receiver:
            raise InvalidInput("receiver", self.receiver, "another party than the deliverer")
        if not self.quantity.value:
            raise InvalidInput("quantity", self.quantity, "greater than zero")
        if self.trade_date is not None and self.trade_date > self.settlement_date:
            raise InvalidInput("trade_date", self.trade_date, f"not after the settlement date {self.settlement_date}")
        if (self.status is LegacyStatus.SETTLED) is not (self.settled_at is not None):
            rule = "an instant for a settled trade, and only for that"
            raise InvalidInput("settled_at", "" if self.settled_at is None else self.settled_at, rule)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyInstruction:
    """What both parties instructed in the legacy system: what a mirror is fed with, and no row of a book."""

    line: int
    reference: Reference
    """As the book names the trade."""
    deliverer: Lei
    receiver: Lei
    isin: Isin
    quantity: Quantity
    cash: Money
    trade_date: date
    settlement_date: date
    instructed_at: datetime
    """When the second of the two was there, UTC."""
    uetr: Uetr | None = None
    """Of the legacy system's payment, by which its book may name the trade."""

    def __post_init__(self) -> None:
        if self.deliverer == self.receiver:
            raise InvalidInput("receiver", self.receiver, "another party than the deliverer")
        if not self.quantity.value:
            raise InvalidInput("quantity", self.quantity, "greater than zero")
        if not self.cash.amount:
            raise InvalidInput("amount", self.cash, "greater than zero: against payment only")
        if self.trade_date > self.settlement_date:
            raise InvalidInput("trade_date", self.trade_date, f"not after the settlement date {self.settlement_date}")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyCash:
    """An account's balance at the end of `as_of`, below zero where overdrawn."""

    line: int
    as_of: date
    owner: Lei
    account: str
    balance: Money


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsStatement:
    """What a page of a statement of holdings says of itself (semt.002, semt.003), before its rows.

    The pages of a statement are one after the other; which rows are the whole is known with the last one.
    """

    definition: str
    as_of: date
    at: datetime | None
    """The instant, where it tells more than the day."""
    statement_id: str | None
    page: int
    is_last: bool
    owner: Lei | None
    account: str | None
    """None where the holdings are told by sub-account."""
    has_activity: bool
    has_sub_accounts: bool


LegacyRow: TypeAlias = LegacyPosition | LegacyTrade | LegacyCash


def sound(rows: Iterable[Row | BadRow], apart: Callable[[BadRow], object]) -> Iterator[Row]:
    """The rows that were understood, in their order; each other one is handed to `apart` as it comes."""
    for row in rows:
        if isinstance(row, BadRow):
            apart(row)
        else:
            yield row
