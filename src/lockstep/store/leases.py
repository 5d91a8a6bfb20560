"""Leases on the database that they guard: a take-over is one row, and every write judges it first.

After Kleppmann, "How to do distributed locking" (2016): a lease keeps two workers apart most of the time, for
speed; the fence keeps a late one from writing, always.
"""

from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from lockstep.domain.errors import LeaseLost
from lockstep.ports import Clock, Lease
from lockstep.store.prepared import Query, Write, transaction
from lockstep.store.tables import lease as table

__all__ = ["SqlLeases", "require"]

_same = table.c.subject == bindparam("one")
_FENCE = Query(select(table.c.holder, table.c.fence).where(_same).with_for_update(read=True))
_KNOWN = Query(select(table).where(_same).with_for_update())
_FIRST = Write(insert(table), "subject", "holder", "fence", "until")
_TAKE = Write(update(table).where(_same), "holder", "fence", "until")
_RENEW = Write(update(table).where(_same), "until")
_RELEASE = Write(
    update(table).where(_same, table.c.holder == bindparam("its_holder"), table.c.fence == bindparam("its_fence")),
    "until",
)


def require(connection: Connection, lease: Lease | None) -> None:
    """Raises LeaseLost unless the lease is the newest of its subject; its row stays so until the transaction ends.

    No clock is asked: a lease that ran out and that nobody took over still writes.
    """
    if lease is None:
        return
    rows = _FENCE.rows(connection, one=lease.subject)  # SQLite: the transaction is alone anyway
    if not rows or (rows[0].holder, rows[0].fence) != (lease.holder, lease.fence):
        raise LeaseLost(lease.subject, lease.fence)


class SqlLeases:
    """Leases on a database. Rows are never deleted, so that a fence never comes again."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock

    def claim(self, subject: str, holder: str, seconds: int) -> Lease | None:
        now = self._now()
        values: dict[str, str | int] = {"holder": holder, "fence": 1, "until": now + seconds}
        try:
            with transaction(self._engine) as connection:
                known = next(iter(_KNOWN.rows(connection, one=subject)), None)
                if known is None:
                    _FIRST.run(connection, subject=subject, **values)
                elif known.holder != holder and now < known.until <= now + 2 * seconds:
                    return None
                else:
                    values["fence"] = known.fence + 1
                    _TAKE.run(connection, one=subject, **values)
        except IntegrityError:  # another's first claim came in between; on SQLite it cannot
            return None
        return Lease(subject=subject, holder=holder, fence=int(values["fence"]), until=_instant(now + seconds))

    def renew(self, lease: Lease, seconds: int) -> Lease:
        until = self._now() + seconds
        with transaction(self._engine) as connection:
            require(connection, lease)
            _RENEW.run(connection, one=lease.subject, until=until)
        return replace(lease, until=_instant(until))

    def release(self, lease: Lease) -> None:
        with transaction(self._engine) as connection:
            _RELEASE.run(connection, one=lease.subject, its_holder=lease.holder, its_fence=lease.fence, until=0)

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
