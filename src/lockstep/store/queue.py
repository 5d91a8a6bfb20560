"""The work queue: which open trades are due, who has them, and until when. All of it stands in the trades' rows.

As in `leases`: a lease keeps workers apart most of the time, the fence keeps a late one from writing, always. Clocks
may lie. A trade whose lease would last longer than any given now counts as free; and as nothing sleeps longer than
`LONGEST_SECONDS`, what is due later than twice that from now was put there by a clock that was ahead, and is due.

None of this waits for the disk. A power cut takes the last claims and what was let go last, and nothing that was stored
after them: then a lease runs out, or a claim has gone and with it whatever its holder wrote under it. Its fence may
come again, under another's name or to the same worker, and a commit is judged by both name and fence.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine

from lockstep.domain.errors import Misconfigured
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.trade import Trade
from lockstep.ports import Claimed, Clock
from lockstep.store.bulk import Statement, Update
from lockstep.store.codec import load
from lockstep.store.committing import Hold
from lockstep.store.prepared import transaction
from lockstep.store.tables import trade as table

__all__ = ["LONGEST_SECONDS", "Queue"]

LONGEST_SECONDS = 900
"""However long a trade has nothing to wait for: it is looked at again after so long."""

_FREE = "open AND (until <= ? OR until > ?)"
_DUE = Statement(
    f"SELECT number, trade_id, fence, body FROM trade WHERE due <= ? AND {_FREE} ORDER BY due, number LIMIT ? "
    "[[FOR UPDATE SKIP LOCKED]]"
)
_BEYOND = Statement(
    f"SELECT number, trade_id, fence, body FROM trade WHERE due > ? AND {_FREE} ORDER BY due, number LIMIT ? "
    "[[FOR UPDATE SKIP LOCKED]]"
)
_TAKE = Statement("UPDATE trade SET holder = ?, fence = fence + 1, until = ?, due = ? WHERE number IN NUMBERS")
_MINE = Statement(
    "SELECT number, trade_id, fence, until, due FROM trade WHERE trade_id IN LIST AND holder = ? "
    "[[ORDER BY number FOR UPDATE]]"
)
_LET_GO = Update(table, "number", "due", also={"holder": "''", "until": "0"})
_LEFT_BEHIND = Statement(
    "UPDATE trade SET holder = '', until = 0, due = 0 WHERE number IN "
    "(SELECT number FROM trade WHERE open AND until > 0 AND holder = ? [[ORDER BY number FOR UPDATE]])"
)
_WAKE = Statement(
    "UPDATE trade SET due = 0 WHERE number IN "
    "(SELECT number FROM trade WHERE settlement_id IN LIST AND open AND due > 0 [[ORDER BY number FOR UPDATE]])"
)
_WAKE_ALL = Statement("UPDATE trade SET due = 0 WHERE open")


class Queue:
    """WorkQueue on a database, of one worker. `held` are its claims, for those who judge what it writes."""

    def __init__(self, engine: Engine, clock: Clock | None) -> None:
        self._engine, self._clock = engine, clock
        self.held: dict[TradeId, Hold] = {}

    def claim(self, worker: str, most: int, seconds: int) -> Sequence[Claimed]:
        if not 0 < seconds <= LONGEST_SECONDS:
            raise Misconfigured(f"lease: {seconds} seconds break the rule: from 1 to {LONGEST_SECONDS}")
        now = self._now()
        until = now + seconds
        with transaction(self._engine, at_once=False) as connection:
            free = (now, now + 2 * seconds)
            rows = list(_DUE.rows(connection, now, *free, most))
            if len(rows) < most:
                rows += _BEYOND.rows(connection, now + 2 * LONGEST_SECONDS, *free, most - len(rows))
            if rows:
                _TAKE.run(connection, worker, until, until, [row[0] for row in rows])
        claimed = [Claimed(trade=load(Trade, body), fence=fence + 1) for _, _, fence, body in rows]
        self.held.update({one.trade.trade_id: Hold(worker, one.fence) for one in claimed})
        return claimed

    def done_with(self, looked: Sequence[tuple[Claimed, datetime | None]]) -> None:
        now = self._now()
        at = {one.trade.trade_id: (one.fence, _due(again, now)) for one, again in looked}
        holders = {self.held[one].holder for one in at if one in self.held}
        with transaction(self._engine, at_once=False) as connection:
            for holder in sorted(holders):
                self._let_go(connection, holder, at)
        for one in at:
            self.held.pop(one, None)

    def _let_go(self, connection: Connection, holder: str, at: dict[TradeId, tuple[int, int]]) -> None:
        rows = []
        for number, trade_id, fence, until, due in _MINE.rows(connection, sorted(at), holder):
            held_as, again = at[trade_id]
            if fence == held_as:
                rows.append((again if due == until else due, number))  # woken since: it stays due
        _LET_GO.run(connection, rows)

    def let_go_of(self, worker: str) -> None:
        """Frees, and makes due, what a dead worker of this name has: for who begins under it. Not for each pass."""
        with transaction(self._engine, at_once=False) as connection:
            _LEFT_BEHIND.run(connection, worker)

    def wake(self, settlements: Collection[SettlementId]) -> None:
        if settlements:
            with transaction(self._engine, at_once=False) as connection:
                _WAKE.run(connection, sorted(settlements))

    def wake_all(self) -> None:
        with transaction(self._engine, at_once=False) as connection:
            _WAKE_ALL.run(connection)

    def _now(self) -> int:
        if self._clock is None:
            raise Misconfigured("work queue: these records were opened without a clock")
        return int(self._clock.now().timestamp())


def _due(again: datetime | None, now: int) -> int:
    """At once is before all that only waited for its time."""
    return 0 if again is None else min(int(again.timestamp()), now + LONGEST_SECONDS)
