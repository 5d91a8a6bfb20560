"""A trade as Lockstep and the legacy book have it: where it stands in each, and when it got there."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum

from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.books import LineStatus
from lockstep.domain.values import quick

__all__ = ["EventKind", "Paired", "Side", "TradePair"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EventKind(Enum):
    """What can happen to a trade that both books tell by their days' ends."""

    SETTLED = "settled"
    FAILED = "failed"
    """Not settled at the end of the day for which it was agreed, and not ended either. Once for each trade."""
    CANCELLED = "cancelled"
    """Ended without settling."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One book's word on a trade, as of the moment of the books."""

    status: LineStatus | None = None
    """None: the book does not have the trade."""
    settled_at: datetime | None = None
    """Final, in that book, UTC; there if and only if it has settled."""
    ended_on: date | None = None
    """The UTC day of an end without settling, where the book says it."""

    def __post_init__(self) -> None:
        if (self.status is LineStatus.SETTLED) is not (self.settled_at is not None):
            rule = "an instant for a settled trade, and only for that"
            raise InvalidInput("settled_at", self.settled_at, rule)
        if self.settled_at is not None and self.settled_at.utcoffset() is None:
            raise InvalidInput("settled_at", self.settled_at, "a moment with its offset from UTC")
        if self.ended_on is not None and self.status is not LineStatus.ENDED:
            raise InvalidInput("ended_on", self.ended_on, "a day for an ended trade, and only for that")

    def as_of(self, at: datetime) -> "Side":
        """Without what is dated after a moment: until then the trade was open."""
        return Side(status=LineStatus.OPEN) if self.settled_at is not None and self.settled_at > at else self

    @property
    def settled_on(self) -> date | None:
        """The UTC day."""
        return self.settled_at.astimezone(UTC).date() if self.settled_at is not None else None

    @property
    def settled_second(self) -> int | None:
        """Unix time, whole seconds, the fraction left away."""
        return (self.settled_at - _EPOCH) // timedelta(seconds=1) if self.settled_at is not None else None

    def failed(self, agreed: date, day: date) -> bool:
        """Whether it was neither settled nor ended when the agreed day was over; never before that."""
        if self.status is None or agreed > day:
            return False
        if self.status is LineStatus.ENDED:
            return self.ended_on is not None and self.ended_on > agreed
        return self.settled_on is None or self.settled_on > agreed

    def events(self, agreed: date, day: date) -> Mapping[EventKind, date]:
        """What happened in this book until a day's end, with its day; an end without a date is of that day."""
        found: dict[EventKind, date] = {}
        if self.settled_on is not None:
            found[EventKind.SETTLED] = self.settled_on
        if self.status is LineStatus.ENDED:
            found[EventKind.CANCELLED] = self.ended_on or day
        if self.failed(agreed, day):
            found[EventKind.FAILED] = agreed
        return found


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class TradePair:
    """One trade and its two sides. Terms are Lockstep's; where the books differ in them, that is a break."""

    reference: str
    """Lockstep's trade id, or the legacy book's own where Lockstep has no such trade: one name through all days."""
    isin: str
    deliverer: str
    receiver: str
    """LEIs."""
    quantity: int
    """Base units."""
    amount: int
    """Minor units of the currency."""
    currency: str
    agreed: date
    """The day for which it is agreed to settle."""
    lockstep: Side
    legacy: Side

    def __post_init__(self) -> None:
        if self.quantity < 0 or self.amount < 0:
            raise InvalidInput("pair", self.reference, "a quantity and an amount not below zero")
        if self.lockstep.status is None and self.legacy.status is None:
            raise InvalidInput("pair", self.reference, "a trade that at least one book has")

    @property
    def seconds_earlier(self) -> int | None:
        """How much earlier Lockstep was final; below zero: later. None where it has not settled in both books."""
        ours, theirs = self.lockstep.settled_second, self.legacy.settled_second
        return None if ours is None or theirs is None else theirs - ours


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """A pair as it is stored: as its last run had it. `version` counts its stored versions."""

    pair: TradePair
    seen_on: date
    """The business day of the run that saw it last."""
    counted_on: date | None = None
    """The business day on which its finality counted; None: it has not yet."""
    version: int = 0
