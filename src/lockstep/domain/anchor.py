"""Days of a journal: how many entries it had when each was over, and the root over them.

A day is UTC. It ends, in the journal, before the first entry of a later day: an entry that is dated back, as clocks of
several workers differ, belongs to the day that was under way when it was numbered.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from lockstep.domain.errors import InvalidInput
from lockstep.domain.merkle import Frontier, leaf_hash
from lockstep.domain.values import quick

__all__ = ["DayRoot", "Growing", "day_number", "day_of_number", "end_of"]

_EPOCH = date(1970, 1, 1)
_ONE = timedelta(days=1)
_EMPTY = Frontier()
_TOGETHER = 4_096
"""Leaves held at a time, however many a day has."""


def day_number(day: date) -> int:
    """Days since 1 January 1970, as IJournalAnchor counts them."""
    return (day - _EPOCH).days


def day_of_number(number: int) -> date:
    """Raises InvalidInput for one that no calendar has."""
    try:
        return _EPOCH + timedelta(days=number)
    except OverflowError as error:
        raise InvalidInput("day", number, "days since 1 January 1970") from error


def end_of(day: date) -> datetime:
    """The first instant of the next day, UTC."""
    return datetime.combine(day + _ONE, time(), tzinfo=UTC)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class DayRoot:
    """A journal as it was when a day was over: the root of RFC 6962 over its first `size` entries."""

    journal: str
    """The hash of its first entry, hex: one begun anew after a loss of records is another."""
    day: date
    size: int
    root: str
    """32 bytes, hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Growing:
    """A journal being read, from the end of `day`, the last that is closed: what is kept of the tree, so that further
    days cost their own entries only. `day` is None, and the tree empty, before the first."""

    journal: str = ""
    day: date | None = None
    frontier: Frontier = _EMPTY

    def closed(self, entries: Iterable[tuple[date, str]], over: date) -> Iterator["Growing"]:
        """Each day with entries through `over`, the last that is over, in order: its `frontier` is the tree at its end.

        `entries` follow those in the tree, in the journal's order: the day each is dated, UTC, and its hash, hex. They
        are read no further than the first of a day that is not over.
        """
        journal, frontier, leaves = self.journal, self.frontier, list[bytes]()
        current: date | None = None
        for dated, digest in entries:
            journal = journal or digest
            if self.day is not None and dated <= self.day:
                dated = self.day + _ONE
            if current is None or dated > current:
                if current is not None:
                    frontier = frontier.grown(leaves)
                    leaves.clear()
                    yield Growing(journal=journal, day=current, frontier=frontier)
                if dated > over:
                    return
                current = dated
            leaves.append(leaf_hash(bytes.fromhex(digest)))
            if len(leaves) == _TOGETHER:
                frontier = frontier.grown(leaves)
                leaves.clear()
        if current is not None:
            yield Growing(journal=journal, day=current, frontier=frontier.grown(leaves))

    @property
    def root(self) -> DayRoot:
        """Of its day. Raises ValueError before the first."""
        if self.day is None:
            raise ValueError("no day is closed")
        return DayRoot(journal=self.journal, day=self.day, size=self.frontier.size, root=self.frontier.root.hex())
