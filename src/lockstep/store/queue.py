"""The work queue: which open trades are due, who has them, and until when. All of it stands in the trades' rows.

A trade stays with who had it last while that one lives, that is: while it has the lease of a key. What it knows of the
trade, the signatures that it asked for, the texts that it has read, is not found out anew, and of what all hear each
wakes its own. What it was unable to look at is anybody's: another may have a node that answers. Who has nothing to do
takes of what another has too much of, beyond some batches.

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
from lockstep.store.committing import WAKE, WOKEN, Hold
from lockstep.store.prepared import transaction
from lockstep.store.tables import trade as table

__all__ = ["LONGEST_SECONDS", "Queue"]

LONGEST_SECONDS = 900
"""However long a trade has nothing to wait for: it is looked at again after so long."""
LIVING_SECONDS = 60
"""A key's lease that would last longer was given by a clock that was ahead: its holder may be gone."""
PASS = 5
"""Batches that a worker may take one after the other. What another has due beyond that many is too much for it."""
OTHERS_SECONDS = 5
"""So soon is a trade due of which its own worker should have heard, and be faster."""

_FREE = "open AND (until <= ? OR until > ?)"
# Who holds a key steps trades: see `flow.sharing`.
_OTHERS = (
    "holder IN (SELECT holder FROM lease WHERE subject >= 'key/' AND subject < 'key0' "
    "AND until > ? AND until <= ? AND holder <> ?)"
)
_ONES = "SELECT number, trade_id, fence, body FROM trade"
_DUE = Statement(
    f"{_ONES} WHERE due <= ? AND {_FREE} AND NOT {_OTHERS} ORDER BY due, number LIMIT ? [[FOR UPDATE SKIP LOCKED]]"
)
_BEYOND = Statement(
    f"{_ONES} WHERE due > ? AND {_FREE} AND NOT {_OTHERS} ORDER BY due, number LIMIT ? [[FOR UPDATE SKIP LOCKED]]"
)
# Rows that OFFSET passes over would be locked, too: they are found first.
_TOO_MANY = Statement(
    f"{_ONES} WHERE number IN (SELECT number FROM trade WHERE due <= ? AND {_FREE} AND {_OTHERS} "
    f"ORDER BY due, number LIMIT ? OFFSET ?) AND {_FREE} ORDER BY due, number [[FOR UPDATE SKIP LOCKED]]"
)
# What has an index stays as it is: for PostgreSQL that is the greater part of an update.
_TAKE = Statement(
    "UPDATE trade SET holder = ?, fence = fence + 1, until = ?, due = CASE WHEN due < 0 THEN 0 ELSE due END "
    "WHERE number IN NUMBERS"
)
_MINE = Statement(
    "SELECT number, trade_id, fence, due FROM trade WHERE trade_id IN LIST AND holder = ? "
    "[[ORDER BY number FOR UPDATE]]"
)
_LET_GO = Update(table, "number", "due", "holder", also={"until": "0"})
_LEFT_BEHIND = Statement(
    "UPDATE trade SET holder = '', until = 0, due = 0 WHERE number IN "
    "(SELECT number FROM trade WHERE open AND until > 0 AND holder = ? [[ORDER BY number FOR UPDATE]])"
)
_WAKE_OWN = Statement(
    f"UPDATE trade SET due = {WOKEN} WHERE number IN "
    f"(SELECT number FROM trade WHERE settlement_id IN LIST AND open AND due > {WOKEN} AND NOT {_OTHERS} "
    "[[ORDER BY number FOR UPDATE]])"
)
_WAKE_OTHERS = Statement(
    "UPDATE trade SET due = ? WHERE number IN "
    f"(SELECT number FROM trade WHERE settlement_id IN LIST AND open AND due > ? AND until = 0 AND {_OTHERS} "
    "[[ORDER BY number FOR UPDATE]])"
)
_WAKE_ALL = Statement(f"UPDATE trade SET due = {WOKEN} WHERE open")


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
            others = (now, now + LIVING_SECONDS, worker)
            rows = list(_DUE.rows(connection, now, *free, *others, most))
            if len(rows) < most:
                beyond = now + 2 * LONGEST_SECONDS
                rows += _BEYOND.rows(connection, beyond, *free, *others, most - len(rows))
            if not rows:
                rows += _TOO_MANY.rows(connection, now, *free, *others, most, PASS * most, *free)
            if rows:
                _TAKE.run(connection, worker, until, [row[0] for row in rows])
        claimed = [Claimed(trade=load(Trade, body, trade_id), fence=fence + 1) for _, trade_id, fence, body in rows]
        self.held.update({one.trade.trade_id: Hold(worker, one.fence) for one in claimed})
        return claimed

    def done_with(self, looked: Sequence[tuple[Claimed, datetime | None]], unable: Collection[TradeId] = ()) -> None:
        now = self._now()
        at = {one.trade.trade_id: (one.fence, _due(again, now)) for one, again in looked}
        holders = {self.held[one].holder for one in at if one in self.held}
        with transaction(self._engine, at_once=False) as connection:
            for holder in sorted(holders):
                self._let_go(connection, holder, at, unable)
        for one in at:
            self.held.pop(one, None)

    def _let_go(
        self, connection: Connection, holder: str, at: dict[TradeId, tuple[int, int]], unable: Collection[TradeId]
    ) -> None:
        rows = []
        for number, trade_id, fence, due in _MINE.rows(connection, sorted(at), holder):
            held_as, again = at[trade_id]
            if fence == held_as:
                rows.append(
                    (0 if due < 0 else again, "" if trade_id in unable else holder, number)
                )  # woken since: it stays due
        _LET_GO.run(connection, rows)

    def let_go_of(self, worker: str) -> None:
        """Frees, and makes due, what a dead worker of this name has: for who begins under it. Not for each pass."""
        with transaction(self._engine, at_once=False) as connection:
            _LEFT_BEHIND.run(connection, worker)

    def wake(self, settlements: Collection[SettlementId], worker: str = "") -> None:
        if not settlements:
            return
        these = sorted(settlements)
        with transaction(self._engine, at_once=False) as connection:
            if not worker:
                WAKE.run(connection, these)
                return
            now = self._now()
            others = (now, now + LIVING_SECONDS, worker)
            _WAKE_OWN.run(connection, these, *others)
            _WAKE_OTHERS.run(connection, now + OTHERS_SECONDS, these, now + OTHERS_SECONDS, *others)

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
