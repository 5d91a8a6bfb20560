"""ChainEvents in memory: for whoever may read the chain again from its beginning when he starts."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from lockstep.domain.chain_events import BEGINNING, Checkpoint, EventKind, EventRow, Reorganisation
from lockstep.domain.errors import Conflict

__all__ = ["MemoryEvents"]


class MemoryEvents:
    """The rows themselves, by settlement and by trade."""

    def __init__(self) -> None:
        self._checkpoint = BEGINNING
        self._doubts: dict[bytes, tuple[bytes | None, frozenset[EventKind]]] = {}
        self._halts: list[Reorganisation] = []
        self._accepted: set[int] = set()
        self._keep([])

    def _keep(self, rows: Sequence[EventRow]) -> None:
        self._rows: list[EventRow] = []
        self._of: dict[bytes, list[EventRow]] = {}
        self._trades: defaultdict[bytes, list[bytes]] = defaultdict(list)
        self._unended: set[bytes] = set()
        self._add(rows)

    def _add(self, rows: Sequence[EventRow]) -> None:
        for row in rows:
            self._rows.append(row)
            self._of.setdefault(row.settlement, []).append(row)
            if row.trade is not None:
                self._trades[row.trade].append(row.settlement)
                self._unended.add(row.settlement)
            elif row.kind >= EventKind.Settled:
                self._unended.discard(row.settlement)

    def checkpoint(self) -> Checkpoint:
        return self._checkpoint

    def unended(self) -> Sequence[EventRow]:
        return sorted(row for one in self._unended for row in self._of[one])

    def of(self, settlement: bytes) -> Sequence[EventRow]:
        return self._of.get(settlement, ())

    def settlements_of_all(self, trades: Collection[bytes]) -> Sequence[tuple[bytes, bytes]]:
        return [(trade, settlement) for trade in trades for settlement in self._trades.get(trade, ())]

    def settlements(self, after: EventRow | None = None) -> Iterator[bytes]:
        if after is None:
            return iter(tuple(self._of))
        begin = bisect_right(self._rows, after[:2], key=lambda row: row[:2])
        later = self._rows[begin:]
        return iter([row.settlement for row in later if row.trade is not None])

    def above(self, block: int) -> Sequence[EventRow]:
        return self._rows[bisect_right(self._rows, block, key=lambda row: row.block) :]

    def advance(self, before: Checkpoint, rows: Sequence[EventRow], after: Checkpoint) -> None:
        self._require(before)
        self._add(rows)
        self._checkpoint = after

    def go_back(
        self,
        before: Checkpoint,
        after: Checkpoint,
        *,
        halt: Reorganisation | None = None,
        doubts: Mapping[bytes, tuple[bytes | None, frozenset[EventKind]]] | None = None,
    ) -> None:
        self._require(before)
        self._keep([row for row in self._rows if row.block <= after.number])
        self._checkpoint = replace(after, locked=len(self._of))
        for settlement, (trade, kinds) in (doubts or {}).items():
            known = self._doubts.get(settlement, (trade, frozenset()))
            self._doubts[settlement] = known[0] or trade, known[1] | kinds
        if halt is not None:
            self._halts.append(replace(halt, number=len(self._halts) + 1))

    def halts(self) -> Sequence[Reorganisation]:
        return [one for one in self._halts if one.number not in self._accepted]

    def accept(self, by: str, why: str, halts: Sequence[Reorganisation]) -> Sequence[Reorganisation]:
        self._accepted.update(one.number for one in halts)
        return halts

    def doubts(self) -> Mapping[bytes, tuple[bytes | None, frozenset[EventKind]]]:
        return dict(self._doubts)

    def certain(self, settlements: Collection[bytes]) -> None:
        for one in settlements:
            self._doubts.pop(one, None)

    def _require(self, before: Checkpoint) -> None:
        if (before.number, before.hash) != (self._checkpoint.number, self._checkpoint.hash):
            raise Conflict("checkpoint", str(before.number))
