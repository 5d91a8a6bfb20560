"""The journal's days on the database: see `ports.AnchorBook`."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Engine

from lockstep.domain.anchor import DayRoot, Growing, day_number, day_of_number
from lockstep.domain.merkle import Frontier
from lockstep.ports import Lease
from lockstep.store.bulk import Insert, Statement
from lockstep.store.leases import require
from lockstep.store.prepared import transaction
from lockstep.store.tables import anchor

__all__ = ["Anchors"]

_FIRST_PAGE, _PAGE = 16, 4_096

_DAY = "day, journal, size, root"
_HASHES = Statement("SELECT number, at, hash FROM journal WHERE number > ? ORDER BY number LIMIT ?")
_SIZE = Statement("SELECT coalesce(max(number), 0) FROM journal")
_LAST = Statement(f"SELECT {_DAY}, peaks FROM anchor ORDER BY day DESC LIMIT 1")
_BEFORE = Statement(f"SELECT {_DAY}, peaks FROM anchor WHERE size < ? ORDER BY size DESC, day DESC LIMIT 1")
_CLOSE = Insert(anchor, "day", "journal", "size", "root", "peaks", "state", conflict="(day) DO NOTHING")
_TO_ANCHOR = Statement(f"SELECT {_DAY} FROM anchor WHERE state = 'CLOSED' ORDER BY day LIMIT ?")
_OVER = Statement(f"SELECT {_DAY} FROM anchor WHERE state = 'ANCHORED' AND size >= ? ORDER BY day LIMIT 1")
_ALL = Statement(f"SELECT {_DAY} FROM anchor ORDER BY day")
_SETTLE = Statement("UPDATE anchor SET state = ? WHERE day = ?")


class Anchors:
    """What a book reads and writes of them. A worker's writes are under its `lease`."""

    _engine: Engine
    _lease: Lease | None

    def journal_size(self) -> int:
        """How many entries it has: the newest one's number, 0 for none."""
        ((size,),) = _SIZE.alone(self._engine)
        return int(size)

    def journal_hashes(self, after: int = 0) -> Iterator[tuple[date, str]]:
        most = _FIRST_PAGE  # most who ask stop at the first
        while True:
            page = _HASHES.alone(self._engine, after, most)
            for _, at, digest in page:
                yield datetime.fromisoformat(at).astimezone(UTC).date(), digest
            if len(page) < most:
                return
            after, most = page[-1][0], _PAGE

    def last_closed(self) -> Growing | None:
        return _growing(_LAST.alone(self._engine))

    def close_day(self, closed: Growing) -> None:
        one, peaks = closed.root, b"".join(closed.frontier.peaks).hex()
        with transaction(self._engine) as connection:
            require(connection, self._lease)
            _CLOSE.run(connection, [(day_number(one.day), one.journal, one.size, one.root, peaks, "CLOSED")])

    def days_to_anchor(self, limit: int) -> Sequence[DayRoot]:
        return [_day_root(row) for row in _TO_ANCHOR.alone(self._engine, limit)]

    def anchored(self, day: DayRoot, *, stands: bool) -> None:
        with transaction(self._engine) as connection:
            require(connection, self._lease)
            _SETTLE.run(connection, "ANCHORED" if stands else "PASSED_OVER", day_number(day.day))

    def day_root_over(self, number: int) -> DayRoot | None:
        rows = _OVER.alone(self._engine, number)
        return _day_root(rows[0]) if rows else None

    def day_roots(self) -> Sequence[DayRoot]:
        return [_day_root(row) for row in _ALL.alone(self._engine)]

    def closed_before(self, number: int) -> Growing | None:
        return _growing(_BEFORE.alone(self._engine, number))


def _growing(rows: Sequence[Sequence[Any]]) -> Growing | None:
    for row in rows:
        found = _day_root(row[:4])
        peaks = bytes.fromhex(row[4])
        frontier = Frontier(size=found.size, peaks=tuple(peaks[i : i + 32] for i in range(0, len(peaks), 32)))
        return Growing(journal=found.journal, day=found.day, frontier=frontier)
    return None


def _day_root(row: Sequence[Any]) -> DayRoot:
    day, journal, size, root = row
    return DayRoot(journal=journal, day=day_of_number(day), size=size, root=root)
