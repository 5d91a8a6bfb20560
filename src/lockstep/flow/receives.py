"""Receives of one group by what a deliver looks for: references that fit, and the nearest amount.

To find one costs the logarithm of how many there are, however many do not fit.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence

from lockstep.domain.identifiers import Lei, Reference
from lockstep.domain.market import Tolerance
from lockstep.ports import StoredInstruction

__all__ = ["Receives"]

Names = tuple[Reference | None, Reference | None]
"""A receive's own reference, or None where that is not asked for; and the deliver's that it names, or None."""
Placed = tuple[int, StoredInstruction]
"""An instruction, and its place in the order in which they came."""


def _filed_under(receive: StoredInstruction) -> Sequence[Names]:
    named = receive.instruction.counterparty_reference
    return (None, named), (receive.instruction.reference, named)


def _looked_up(deliver: StoredInstruction) -> Sequence[Names]:
    """Where the receives lie whose references fit: each names the other's, or none."""
    named = deliver.instruction.counterparty_reference
    return (named, None), (named, deliver.instruction.reference)


class Receives:
    """Free receives of one match key. Whoever is taken is found no more."""

    def __init__(self, receives: Iterable[StoredInstruction]) -> None:
        self._free: set[tuple[Lei, Reference]] = set()
        filed: defaultdict[Names, list[Placed]] = defaultdict(list)
        for place, one in enumerate(receives):
            self._free.add(one.key)
            for names in _filed_under(one):
                filed[names].append((place, one))
        self._filed = {names: _ByAmount(ones, self._free) for names, ones in filed.items()}

    def nearest(self, deliver: StoredInstruction, tolerance: Tolerance | None) -> StoredInstruction | None:
        """Of those that are one trade with it, the nearest in cash; among equals the oldest."""
        amount = deliver.instruction.cash.amount
        found = [
            (abs(one.instruction.cash.amount - amount), place, one)
            for by_amount in self._fitting(deliver)
            for place, one in by_amount.nearest(amount, _ranges(amount, tolerance))
        ]
        return min(found, key=lambda one: one[:2])[2] if found else None

    def all_for(self, deliver: StoredInstruction, tolerance: Tolerance | None) -> list[StoredInstruction]:
        """All that are one trade with it, taken or not, the oldest first."""
        amount = deliver.instruction.cash.amount
        ranges = _ranges(amount, tolerance)
        placed = [one for by_amount in self._fitting(deliver) for one in by_amount.within(ranges)]
        return [one for _, one in sorted(placed, key=lambda one: one[0])]

    def take(self, receive: StoredInstruction) -> None:
        """It is another's now."""
        self._free.discard(receive.key)

    def _fitting(self, deliver: StoredInstruction) -> Iterator["_ByAmount"]:
        return (self._filed[names] for names in _looked_up(deliver) if names in self._filed)


def _ranges(amount: int, tolerance: Tolerance | None) -> Sequence[tuple[int, int]]:
    return tolerance.ranges(amount) if tolerance else ((amount, amount),)


class _ByAmount:
    """Receives in the order of their amounts, those of one amount in the order in which they came."""

    def __init__(self, ones: Iterable[Placed], free: set[tuple[Lei, Reference]]) -> None:
        self._free = free
        self._all: defaultdict[int, list[Placed]] = defaultdict(list)
        for placed in ones:
            self._all[placed[1].instruction.cash.amount].append(placed)
        self._amounts = sorted(self._all)
        self._left = list(self._amounts)
        """Amounts of which some may be free."""
        self._waiting: dict[int, deque[Placed]] = {}

    def nearest(self, amount: int, ranges: Sequence[tuple[int, int]]) -> Iterator[Placed]:
        """The oldest free one of the amount nearest to it from below, and from above in each range (low, high)."""
        for low, high in ranges:
            found = self._last(low, high) if low < amount else self._first(low, high)
            if found is not None:
                yield found

    def within(self, ranges: Sequence[tuple[int, int]]) -> Iterator[Placed]:
        """All in these ranges, taken or not; ranges do not overlap."""
        for low, high in ranges:
            first, last = bisect_left(self._amounts, low), bisect_right(self._amounts, high)
            for amount in self._amounts[first:last]:
                yield from self._all[amount]

    def _first(self, low: int, high: int) -> Placed | None:
        place = bisect_left(self._left, low)
        while place < len(self._left) and self._left[place] <= high:
            found = self._oldest(place)
            if found is not None:
                return found
        return None

    def _last(self, low: int, high: int) -> Placed | None:
        place = bisect_right(self._left, high) - 1
        while place >= 0 and self._left[place] >= low:
            found = self._oldest(place)
            if found is not None:
                return found
            place -= 1
        return None

    def _oldest(self, place: int) -> Placed | None:
        """The oldest free one of the amount that is there; without one the amount goes."""
        amount = self._left[place]
        waiting = self._waiting.get(amount)
        if waiting is None:
            waiting = self._waiting[amount] = deque(self._all[amount])
        while waiting and waiting[0][1].key not in self._free:
            waiting.popleft()
        if waiting:
            return waiting[0]
        del self._left[place]
        return None
