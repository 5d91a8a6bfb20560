"""What one book says: lines by key, in figures that every book states alike.

A line says only what its book knows: the chain knows no cash and the RTGS no security. What is None is not compared.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum

from lockstep.domain.errors import InvalidInput
from lockstep.domain.values import quick

__all__ = ["Book", "Key", "Line", "LineStatus", "Subject"]


class Book(Enum):
    """Whose book it is."""

    CHAIN = "chain"
    RTGS = "rtgs"
    SERVICE = "service"
    LEGACY = "legacy"


class Subject(Enum):
    """What is compared: holdings of a security, trades, balances of cash."""

    POSITION = "position"
    TRADE = "trade"
    CASH = "cash"


class LineStatus(Enum):
    """Where a trade is, in words that every book can say: under way, settled, or ended without."""

    OPEN = "open"
    SETTLED = "settled"
    ENDED = "ended"


@quick
@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Key:
    """What a line is about. Made by `position`, `cash` and `trade`.

    The day is no part of it: a run compares books as of one moment, and a break that lasts is the same break the next
    day.
    """

    kind: str
    """A Subject's value: keys sort by it."""
    participant: str = ""
    """Whose position or cash: an LEI, or the book's account where it has no LEI."""
    instrument: str = ""
    """An ISIN for positions, a currency for cash."""
    reference: str = ""
    """A trade's: its id, or the UETR where all books know that."""

    def __post_init__(self) -> None:
        subject = Subject(self.kind)
        named = (bool(self.participant), bool(self.instrument), bool(self.reference))
        if named != ((False, False, True) if subject is Subject.TRADE else (True, True, False)):
            rule = "a reference for a trade, a participant and an instrument for a position or cash, and only so"
            raise InvalidInput("key", self.text(), rule)
        if "|" in self.participant + self.instrument + self.reference:
            raise InvalidInput("key", self.text(), "no '|' within a part")

    @classmethod
    def position(cls, participant: str, isin: str) -> "Key":
        return cls(kind=Subject.POSITION.value, participant=participant, instrument=isin)

    @classmethod
    def cash(cls, participant: str, currency: str) -> "Key":
        return cls(kind=Subject.CASH.value, participant=participant, instrument=currency)

    @classmethod
    def trade(cls, reference: str) -> "Key":
        return cls(kind=Subject.TRADE.value, reference=reference)

    @property
    def subject(self) -> Subject:
        return Subject(self.kind)

    def text(self) -> str:
        """As it stands in the journal and is typed: `position|LEI|ISIN`, `cash|LEI|EUR`, `trade|REFERENCE`."""
        return "|".join(part for part in (self.kind, self.participant, self.instrument, self.reference) if part)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What one book says of one key, as of the run's moment."""

    book: Book
    key: Key
    quantity: int | None = None
    """Base units of the security: held for a position (may be below zero), moved for a trade."""
    amount: int | None = None
    """Minor units of the currency: the balance for cash, what is paid for a trade."""
    instrument: str | None = None
    """A trade's ISIN."""
    currency: str | None = None
    """A trade's."""
    deliverer: str | None = None
    receiver: str | None = None
    """A trade's parties: LEIs, or accounts where the books agree on those."""
    status: LineStatus | None = None
    day: date | None = None
    """A trade's: the day for which it is agreed to settle."""
    at: datetime | None = None
    """When the book had it, UTC: settled, booked or received."""
    origin: str = ""
    """Where the book says so: a block and log index, a message id and entry, a journal number, a file and line."""

    def __post_init__(self) -> None:
        wanted = {Subject.POSITION: self.quantity, Subject.CASH: self.amount}.get(self.key.subject, 0)
        if wanted is None:
            raise InvalidInput("line", self.key.text(), "a quantity for a position, an amount for cash")
        if self.at is not None and self.at.utcoffset() is None:
            raise InvalidInput("at", self.at, "a moment with its offset from UTC")
