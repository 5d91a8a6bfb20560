"""What a comparison found at one book, of which class, and what probably caused it, with the evidence."""

import hashlib
from dataclasses import dataclass
from enum import Enum

from lockstep.domain.reconciliation.books import Book, Key
from lockstep.domain.values import quick

__all__ = ["BreakClass", "Cause", "Difference", "Evidence", "Found", "Tolerated", "break_id"]


class BreakClass(Enum):
    """What is wrong, the gravest first: a break of several is of its first."""

    IDENTITY = "identity"
    """Another party, security or currency, or the same thing under another reference."""
    DUPLICATE = "duplicate"
    """One key, told more than once."""
    MISSING = "missing"
    """The book lacks what the others have, and its time is over."""
    EXTRA = "extra"
    """The book has what the others lack, and their time is over."""
    STATUS = "status"
    """Settled here, ended there; or still open when its time is over."""
    AMOUNT = "amount"
    """Another quantity or amount, beyond what is tolerated."""
    LATE = "late"
    """The same, but later than agreed or than the others had it, beyond what is tolerated."""
    TIMING = "timing"
    """Not there or not that far yet, and it may still come, which closes it; or agreed for another day."""

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS = {one: place for place, one in enumerate(BreakClass)}


class Cause(Enum):
    """What probably lies behind a difference. A likelihood, from the evidence named beside it."""

    UNKNOWN = "unknown"
    IN_FLIGHT = "in flight"
    """It may still arrive; for a balance, trades that are under way explain the whole difference."""
    TRADE_BREAKS = "trade breaks"
    """Trades that are breaks themselves explain the whole difference of a balance."""
    ROW_SET_APART = "row set apart"
    """The book's row was unreadable, and set apart."""
    TOLD_TWICE = "told twice"
    REFERENCE_REUSED = "reference reused"
    """One reference, with different content."""
    OTHER_REFERENCE = "other reference"
    """The same content stands in the same book under another key."""
    PARTIES_SWAPPED = "parties swapped"
    SIGN = "sign"
    """The figure with the other sign."""
    BOOKED_TWICE = "booked twice"
    """Twice the figure."""
    DECIMALS = "decimals"
    """The figure with its decimal point moved."""
    DIGITS_TRANSPOSED = "digits transposed"
    """Two neighbouring digits changed places."""
    NEVER_ARRIVED = "never arrived"
    """Others have had it for longer than the rule waits."""
    SETTLED_LATE = "settled late"


def break_id(book: Book, key: Key) -> str:
    """Sixteen hex digits of SHA-256 over book and key: the same break each day, on every machine."""
    return hashlib.sha256(f"lockstep break\n{book.value}\n{key.text()}".encode()).hexdigest()[:16]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One reason to believe a cause: who says it, where, and what."""

    book: Book
    origin: str
    says: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that a book says otherwise."""

    break_class: BreakClass
    field: str
    said: str
    """What the book says; "" for nothing."""
    agreed: str
    """What the others say, or the one that decides; "" for nothing."""
    by: int = 0
    """Units or minor units, said minus agreed; seconds for what is late; lines too many for a duplicate."""

    @property
    def what(self) -> str:
        """What makes it the same difference in another run."""
        return str(self.by) if self.break_class is BreakClass.AMOUNT else f"{self.said}|{self.agreed}"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All that one run found at one book under one key; `differences` come the gravest first, and there is one."""

    book: Book
    key: Key
    differences: tuple[Difference, ...]
    rule: str
    cause: Cause = Cause.UNKNOWN
    evidence: tuple[Evidence, ...] = ()
    participants: tuple[str, ...] = ()
    instrument: str = ""
    against: tuple[Book, ...] = ()
    """Who says otherwise: without one of these in a later run, nothing can be concluded from silence."""
    other_key: Key | None = None
    """Under which the book has the same content: what it has there is part of this, and no finding of its own."""

    @property
    def break_class(self) -> BreakClass:
        return self.differences[0].break_class

    @property
    def break_id(self) -> str:
        return break_id(self.book, self.key)

    @property
    def concerned(self) -> tuple[str, ...]:
        """Whom it is about: its parties, and of a position or cash whose it is."""
        return tuple(sorted({*self.participants, self.key.participant} - {""}))

    @property
    def about(self) -> str:
        """The security, or of cash the currency; "" where the books do not say."""
        return self.key.instrument or self.instrument

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits of what differs; of figures only by how much, as balances move and the gap stays."""
        lines = (f"{one.break_class.value}|{one.field}|{one.what}" for one in self.differences)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerated:
    """A difference within its rule's tolerance: no break, and told."""

    book: Book
    key: Key
    difference: Difference
    rule: str
