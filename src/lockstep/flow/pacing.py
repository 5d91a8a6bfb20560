"""When a trade is looked at again: at once while it moves, else ever less often, as what it waits for wakes it.

The looks in between are what the service goes by if a message, an event or a note of it was lost.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import Enum

from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.trade import Trade
from lockstep.ports import Book, Claimed

__all__ = ["LONGEST_SECONDS", "SENT_SECONDS", "Moved", "OpenTrades", "Pacing"]

FIRST_SECONDS, LONGEST_SECONDS = 1, 60
SENT_SECONDS = 4
"""What was sent is seen when it is final, or answered, and that wakes the trade; this is for what was lost."""
REMEMBERED_AT_MOST = 100_000
"""Trades whose pace is known; then all are looked at as often as at first, once."""


class Moved(Enum):
    """How a trade moved that did not only change in the records. True, like every member of an Enum."""

    SENT = "sent"
    """What comes of it is not seen at once."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How long trades wait for their next look. Kept in memory: after a restart all start anew."""

    _fruitless: dict[TradeId, int] = field(default_factory=dict)
    """Looks since the trade last moved."""

    def next_look(self, trade: Trade, moved: bool | Moved, now: datetime) -> datetime | None:
        """When it is due at the latest; None: at once. `trade` as it was before the look."""
        if moved:
            self._fruitless.pop(trade.trade_id, None)
            return now + timedelta(seconds=SENT_SECONDS) if moved is Moved.SENT else None
        if trade.order is None and trade.terms.settlement_date > now.date():
            return datetime.combine(trade.terms.settlement_date, time(), UTC)
        if len(self._fruitless) >= REMEMBERED_AT_MOST:
            self._fruitless.clear()
        looks = self._fruitless[trade.trade_id] = self._fruitless.get(trade.trade_id, 0) + 1
        return now + timedelta(seconds=min(FIRST_SECONDS * 2 ** min(looks - 1, 10), LONGEST_SECONDS))


@dataclass(frozen=True, slots=True)
class OpenTrades:
    """The WorkQueue of a book that has none: every open trade is due at every pass, and nobody else works."""

    book: Book

    def claim(self, worker: str, most: int, seconds: int) -> Sequence[Claimed]:
        """All of them, however many."""
        return [Claimed(trade=trade, fence=0) for trade in self.book.open_trades()]

    def done_with(self, looked: Sequence[tuple[Claimed, datetime | None]], unable: Collection[TradeId] = ()) -> None:
        """Nothing is kept."""

    def wake(self, settlements: Collection[SettlementId], worker: str = "") -> None:
        """All are awake."""

    def let_go_of(self, worker: str) -> None:
        """Nobody has any."""
