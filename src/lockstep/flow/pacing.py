"""When a trade is looked at again: at once while it moves, else ever less often, as what it waits for wakes it.

The looks in between are what the service goes by if a message, an event or a note of it was lost. The next one is as
far off as the trade has waited already, so it depends on no memory of former looks: after a restart the trades'
own times say how long each has waited.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import Enum

from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.trade import Trade
from lockstep.flow.asking import begun_at, due_at, is_told, share, turn_of
from lockstep.ports import Book, Claimed

__all__ = ["LONGEST_SECONDS", "SENT_SECONDS", "TOLD_SECONDS", "Moved", "OpenTrades", "Pacing"]

LONGEST_SECONDS = 60
"""From one look to the next at a trade that may go on without a word to us: units come to the seller, a wallet signs,
a ledger answers again."""
TOLD_SECONDS = 900
"""The same, where the RTGS has the payment and tells how it ends."""
SENT_SECONDS = 4
"""What was sent is seen when it is final, or answered, and that wakes the trade; this is for what was lost."""
REMEMBERED_AT_MOST = 100_000
"""Trades whose last move is known; of others the times that they carry are."""


class Moved(Enum):
    """How a trade moved that did not only change in the records. True, like every member of an Enum."""

    SENT = "sent"
    """What comes of it is not seen at once."""
    ASKED = "asked"
    """Nothing changed but that the RTGS was asked: it waits on, and the answer wakes it."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """How long trades wait for their next look."""

    _waits_since: dict[TradeId, datetime] = field(default_factory=dict)
    """Since what this process saw them do last; the longest ago first. Only their first minutes need it."""

    def next_look(self, trade: Trade, moved: bool | Moved, now: datetime, *, failed: bool = False) -> datetime | None:
        """When it is due at the latest; None: at once. `trade` as it was before the look; `failed`: that brought an
        error, or no answer."""
        if moved and moved is not Moved.ASKED:
            seen = now + timedelta(seconds=SENT_SECONDS) if moved is Moved.SENT else None
            self._remember(trade.trade_id, seen or now)
            return seen
        if trade.order is None and trade.terms.settlement_date > now.date():
            return datetime.combine(trade.terms.settlement_date, time(), UTC)
        waited = int((now - self._since(trade)).total_seconds())
        if waited < -SENT_SECONDS:  # a clock was ahead, and its times say nothing
            waited = LONGEST_SECONDS
        seconds = min(1 + max(waited, 0), TOLD_SECONDS)
        if failed or not is_told(trade):
            return now + timedelta(seconds=min(seconds, LONGEST_SECONDS))
        turns = [now + timedelta(seconds=seconds) - share(trade, seconds // 8)]
        begun = begun_at(trade, None, doubted=False)
        if begun is not None:  # the RTGS is asked
            last = now if moved else trade.intents.get("status asked")
            asked = due_at(turn_of(trade, begun), last)
            late = asked <= now  # and it was not asked: two stories are people's, and it would be due for ever
            if late:
                asked = now + timedelta(seconds=LONGEST_SECONDS)
            # Those asked about at one moment, as after an outage, have no other spread.
            turns.append(asked + share(trade, LONGEST_SECONDS) if late or last is not None else asked)
        if trade.order is not None and trade.order.terms.pay_by >= now.timestamp():  # the time to pay is over
            turns.append(datetime.fromtimestamp(trade.order.terms.pay_by + 1, UTC))
        return min(turns)

    def _remember(self, trade_id: TradeId, since: datetime) -> None:
        known = self._waits_since
        known.pop(trade_id, None)
        if len(known) >= REMEMBERED_AT_MOST:
            del known[next(iter(known))]
        known[trade_id] = since

    def _since(self, trade: Trade) -> datetime:
        """Since when it waits. A question and its answer change nothing, and are no end of it."""
        stored = [at for name, at in trade.intents.items() if name != "status asked"]
        return max([trade.matched_at, self._waits_since.get(trade.trade_id, trade.matched_at), *stored])


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
