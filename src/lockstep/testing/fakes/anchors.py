"""Where roots of days stand, in memory, by the contract's rules; and the records of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime

from lockstep.domain.anchor import DayRoot, Growing, end_of
from lockstep.domain.errors import ContractRefused
from lockstep.ports import Book
from lockstep.testing.fakes.simple import Hook, no_fault

__all__ = ["FakeAnchorBook", "FakeAnchorLedger"]


class FakeAnchorLedger:
    """A block for each anchor; `depth` more, by `mine`, make it final. `vanish` takes back what is not."""

    def __init__(self, now: datetime, depth: int = 2, fault: Hook = no_fault) -> None:
        self.now, self.depth, self.fault, self.head = now, depth, fault, 0
        self.allowed = True
        """Whether whoever anchors here is an anchorer."""
        self.written: list[tuple[int, DayRoot]] = []
        """With their blocks."""
        self.sent: list[DayRoot] = []

    def mine(self, blocks: int = 1) -> None:
        self.head += blocks

    def vanish(self) -> None:
        final = self.final_block()
        self.written = [(block, one) for block, one in self.written if block <= final]

    def final_block(self) -> int:
        self.fault("final_block")
        return max(0, self.head - self.depth)

    def time_of(self, block: int | None = None) -> int:
        return int(self.now.timestamp())

    def anchor_of(self, journal: str, day: date, at: int | None = None) -> DayRoot | None:
        self.fault("anchor_of")
        return next((one for one in self._seen(journal, at) if one.day == day), None)

    def last_day(self, journal: str, at: int | None = None) -> date | None:
        return max((one.day for one in self._seen(journal, at)), default=None)

    def may_anchor(self) -> bool:
        return self.allowed

    def anchor(self, root: DayRoot) -> None:
        self.fault("anchor")
        if not self.allowed:
            raise ContractRefused("NotAnchorer", {})
        before = [*self._seen(root.journal, None)]
        if before and root.day <= before[-1].day:
            raise ContractRefused("DayNotLater", {"journal": root.journal, "day": root.day, "last": before[-1].day})
        if self.now < end_of(root.day):
            raise ContractRefused("DayNotOver", {"journal": root.journal, "day": root.day})
        if root.size < max([1, *(one.size for one in before[-1:])]):
            raise ContractRefused("SizeShrank", {"journal": root.journal, "actual": root.size})
        if before and root.size == before[-1].size and root.root != before[-1].root:
            raise ContractRefused("RootDiffers", {"journal": root.journal, "actual": root.root})
        self.head += 1
        self.sent.append(root)
        self.written.append((self.head, root))
        self.fault("anchored")

    def _seen(self, journal: str, at: int | None) -> Iterator[DayRoot]:
        return (one for block, one in self.written if one.journal == journal and (at is None or block <= at))


class FakeAnchorBook:
    """Over the journal of a book."""

    def __init__(self, book: Book, fault: Hook = no_fault) -> None:
        self._book, self.fault = book, fault
        self._days: dict[date, Growing] = {}
        self.states: dict[date, str] = {}

    def journal_hashes(self, after: int = 0) -> Iterator[tuple[date, str]]:
        for row in self._book.journal(after=after):
            yield row.entry.at.astimezone(UTC).date(), row.hash

    def last_closed(self) -> Growing | None:
        return self._days[max(self._days)] if self._days else None

    def close_day(self, closed: Growing) -> None:
        self.fault("close_day")
        day = closed.root.day
        self._days.setdefault(day, closed)
        self.states.setdefault(day, "CLOSED")

    def days_to_anchor(self, limit: int) -> Sequence[DayRoot]:
        return [one for one in self.day_roots() if self.states[one.day] == "CLOSED"][:limit]

    def anchored(self, day: DayRoot, *, stands: bool) -> None:
        self.fault("anchored in records")
        self.states[day.day] = "ANCHORED" if stands else "PASSED_OVER"

    def day_root_over(self, number: int) -> DayRoot | None:
        standing = (one for one in self.day_roots() if self.states[one.day] == "ANCHORED")
        return next((one for one in standing if one.size >= number), None)

    def day_roots(self) -> Sequence[DayRoot]:
        return [self._days[day].root for day in sorted(self._days)]

    def closed_before(self, number: int) -> Growing | None:
        earlier = [one for one in self._days.values() if one.frontier.size < number]
        return max(earlier, key=lambda one: one.root.day, default=None)
