"""The event reader: DvP's events by settlement, each block read once, and again where the chain changed.

A settlement is one order here. Cycles (lockNet), that end by events of the same names, are `chain.audit`'s.

What is final is stored with the checkpoint that it leads to, in one transaction (`ChainEvents`), and is read from there
where it is asked for; in memory are the last blocks and the settlements that have not ended. A new reader goes on from
the checkpoint, once it has compared hashes.

A node behind a load balancer may name a head and then give another's logs that lag, and no error. So those of the last
blocks that may have more are read again (`overlap`), also by the next process, and nothing overlooked stays so.

Blocks that were not final may be replaced: what was seen there was only ever an observation, and is read again. Where
final ones are replaced, what everything rests on did not hold; what then is done is the reader's `Deep`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from lockstep.chain.decoding import Log, checksummed, rows
from lockstep.chain.event_memory import MemoryEvents
from lockstep.chain.node import Head, Node
from lockstep.chain.overlap import Overlap, has_more, is_linked
from lockstep.chain.seen import Deep, SeenEvent, Settlements, block_of, has_ended, key_of, seen_event, uncollected
from lockstep.chain.source import Source
from lockstep.domain.chain_events import BEGINNING, ChainEvents, Checkpoint, EventKind, EventRow, Reorganisation
from lockstep.domain.errors import Conflict, Unavailable
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.market import Network

__all__ = ["Deep", "EventReader", "SeenEvent", "checksummed"]

OVERLAP = 16
"""Blocks that are read again: more than nodes of one provider are behind each other."""
HASHES = 256
"""Block hashes that are kept, besides those above the checkpoint: how deep a reorganisation can be measured."""


class EventReader:
    """All settlements' events of one network's DvP contract through one node.

    As a rule each question looks first whether there is a new block. One that is not `live` answers from what the last
    `refresh` found: for many questions in one pass. Questions raise Unavailable.
    """

    def __init__(
        self,
        node: Node,
        network: Network,
        store: ChainEvents | None = None,
        *,
        deep: Deep = Deep.FOLLOW,
        live: bool = True,
    ) -> None:
        self._source, self._depth = Source(node, network.dvp), network.finality_depth
        self._store: ChainEvents = MemoryEvents() if store is None else store
        self._deep, self.live = deep, live
        self._changed: set[bytes] = set()
        self._overlap = Overlap(network.dvp)
        self._loaded = False

    # --- what is asked

    def events(self, settlement_id: SettlementId, *, doubtful: bool = False) -> Sequence[SeenEvent]:
        """Oldest first, up to the head; none for a cycle. Raises Unavailable; not for a settlement in doubt if those
        may be shown too."""
        self._look()
        return self._events_of(settlement_id, doubtful=doubtful)

    def _events_of(self, settlement_id: SettlementId, *, doubtful: bool = False) -> Sequence[SeenEvent]:
        key = key_of(settlement_id)
        if key is None:
            return ()
        if key in self._doubts and not doubtful:
            self._require_certain(key)
        seen = self._seen.get(key)
        if seen is None:
            seen = tuple(map(seen_event, self._rows_of(key)))
            if key in self._by:
                self._seen[key] = seen
        return seen

    def read_to(self) -> tuple[int, str]:
        """The head's number and hash, as of the last look at the chain; of none before the first."""
        return (self._read_to, self._hash) if self._loaded else (-1, "")

    def events_of(
        self, ids: Collection[SettlementId], *, doubtful: bool = False
    ) -> Mapping[SettlementId, Sequence[SeenEvent]]:
        """As `events`, of many in one look. Raises Unavailable."""
        self._look()
        return {one: self._events_of(one, doubtful=doubtful) for one in ids}

    def ended(self, ids: Collection[SettlementId]) -> Collection[SettlementId]:
        """Those that have ended, finally, and are not in doubt, in one look. Raises Unavailable."""
        self._look()
        keys, last = {one: key for one in ids if (key := key_of(one)) is not None}, self._read_to - self._depth
        for key in self._doubts.keys() & {*keys.values()}:
            with suppress(Unavailable):
                self._require_certain(key)
        return [one for one, key in keys.items() if key not in self._doubts and has_ended(self._rows_of(key), last)]

    def settlements_of_all(self, ids: Collection[TradeId]) -> Mapping[TradeId, Sequence[SettlementId]]:
        """The trades' settlements in the order of their locks, up to the head. Raises Unavailable."""
        self._look()
        asked = {one: key for one in ids if (key := key_of(one)) is not None}
        wanted = {*asked.values()}
        for settlement, (its_trade, _) in list(self._doubts.items()):
            if its_trade in wanted:
                self._require_certain(settlement)
        found: dict[bytes, list[bytes]] = {one: [] for one in wanted}
        if self._checkpoint.locked and wanted:
            for trade, settlement in self._store.settlements_of_all(wanted):
                found[trade].append(settlement)
        for row in self._window:
            if row.trade is not None and row.trade in found:
                found[row.trade].append(row.settlement)
        return {one: tuple(SettlementId(each.hex()) for each in found.get(asked.get(one, b""), ())) for one in ids}

    def locked(self) -> Collection[SettlementId]:
        """Every settlement with a Locked event, up to the head. Raises Unavailable."""
        self._look()
        count = self._checkpoint.locked + sum(row.trade is not None for row in self._window)
        return Settlements(self._settlements, self._rows_of, count)

    def changed(self, *, final: bool = False) -> Collection[SettlementId]:
        """Settlements with events that are new, newly final, or gone, since this was asked last; it does not look.

        `final`: without those whose last event is not final yet, which are told when it is.
        """
        found, self._changed = self._changed, set()
        if final:
            last = self._read_to - self._depth
            found = {one for one in found if not (its := self._by.get(one)) or its[-1].block <= last}
        return {SettlementId(one.hex()) for one in found}

    def halts(self) -> Sequence[Reorganisation]:
        """See `ports.AssetLedger.halts`."""
        with suppress(Unavailable):
            self.refresh()
        return self._store.halts()

    def _look(self) -> None:
        if self.live or not self._loaded or self._read_to < 0:
            self.refresh()

    # --- reading

    def refresh(self) -> None:
        """Reads what is new. Raises Unavailable; what was read and stored until then is kept."""
        if not self._loaded:
            self._load()
        head = self._source.head()
        if (head.number, head.hash) == (self._read_to, self._hash):
            return
        try:
            self._refresh(head)
        except Conflict as error:
            self._loaded = False
            raise Unavailable("another reader has moved the checkpoint on") from error

    def _refresh(self, head: Head) -> None:
        self._follow(head)
        first = self._overlap.first(self._read_to, OVERLAP)
        while first <= head.number:
            with uncollected():
                first = self._refreshed(head, first)

    def _refreshed(self, head: Head, first: int) -> int:
        """Reads some blocks from `first` on; returns from where to go on."""
        logs, last = self._source.some_logs(first, head.number)
        if has_more(logs, self._recent, first, min(last, self._read_to)):  # some were overlooked
            self._go_back(first - 1)
            return self._read_to + 1
        self._overlap.read_again(first, min(last, self._read_to), OVERLAP)
        if last > self._read_to:
            self._read(head, [log for log in logs if log[0] > self._read_to], last)
        return last + 1

    def _load(self) -> None:
        """As stored: the checkpoint, and the settlements that have not ended."""
        self._checkpoint = self._store.checkpoint()
        self._read_to, self._hash = self._checkpoint.number, self._checkpoint.hash
        self._final, self._hashes = self._checkpoint.final, dict(self._checkpoint.hashes)
        if self._read_to >= 0:
            self._hashes[self._read_to] = self._hash
        self._top = max(self._hashes, default=-1)
        self._linked = self._read_to
        """From this block through the last that was read each is the parent of the next."""
        self._overlap.begin(self._read_to, OVERLAP)
        self._doubts = dict(self._store.doubts())
        stored = self._store.above(self._read_to - OVERLAP) if self._read_to >= 0 else ()
        self._recent = [(row.block, row.place) for row in stored]
        """Block and place of all logs that were read of the last blocks, cycles' too once they were read here."""
        self._window: list[EventRow] = []  # of blocks above the checkpoint, in the chain's order
        self._by: dict[bytes, list[EventRow]] = {}  # all of what has not ended, or has some above the checkpoint
        self._seen: dict[bytes, tuple[SeenEvent, ...]] = {}
        self._ended: dict[bytes, list[EventRow]] = {}  # those of which an end was stored last: they are asked for next
        for row in self._store.unended() if self._checkpoint != BEGINNING else ():
            self._by.setdefault(row.settlement, []).append(row)
        self._changed.update(self._by)
        self._loaded = True

    def _read(self, head: Head, logs: Sequence[Log], last: int) -> None:
        """Takes in the events of the blocks from the last that was read through `last`, or nothing of them."""
        wanted = {block for block, _, _ in logs} | {last}
        wanted.update(range(max(self._read_to + 1, head.number - max(self._depth, OVERLAP)), last + 1))
        wanted.discard(head.number)
        heads = self._source.blocks(wanted)
        if last == head.number:
            heads[last] = head
        found = rows(logs, heads)  # all of it decoded before anything is kept
        self._overlap.take(self._read_to + 1, last, OVERLAP, logs, heads)
        if not is_linked(heads, self._read_to + 1, last, self._hash):
            self._linked = last
        fresh: list[EventRow] = []
        for row in found:
            known = self._by.get(row.settlement)
            if known is not None:
                known.append(row)
            elif row.trade is not None:
                self._by[row.settlement] = [row]
            else:
                continue  # a cycle's: DvP ends no order that it did not lock before
            fresh.append(row)
        settlements = {row.settlement for row in fresh}
        self._changed |= settlements
        for settlement in settlements & self._seen.keys():
            del self._seen[settlement]
        self._recent = [one for one in self._recent if one[0] > last - OVERLAP]
        self._recent += [(block, place) for block, place, _ in logs if block > last - OVERLAP]
        self._read_to, self._hash = last, heads[last].hash
        self._hashes |= {number: one.hash for number, one in heads.items()}
        self._top = max(self._top, head.number)
        self._final = max(self._final, min(last, head.number - self._depth))
        newly_final = bisect_right(self._window, self._final, key=block_of)  # none was before: they are not stored
        self._changed.update(row.settlement for row in self._window[:newly_final])
        self._window += fresh
        self._keep(min(last, head.number - self._depth), at_once=last < head.number)

    def _keep(self, last: int, *, at_once: bool) -> None:
        """Stores the events of blocks up to `last`, all final; without any now and then, or while the head is far."""
        last = max((number for number in self._hashes if number <= last), default=-1)
        stored = bisect_right(self._window, last, key=block_of)
        before = self._checkpoint
        seldom = before == BEGINNING or last - before.number >= HASHES // 2
        if last <= before.number or not (stored or at_once or seldom):
            return
        done = self._window[:stored]
        after = Checkpoint(
            number=last,
            hash=self._hashes[last],
            final=self._final,
            hashes={number: hash_ for number, hash_ in self._hashes.items() if number >= last - OVERLAP},
            locked=before.locked + sum(row.trade is not None for row in done),
        )
        self._store.advance(before, done, after)
        self._ended = {}
        self._checkpoint = after
        del self._window[:stored]
        for row in done:
            if row.kind >= EventKind.Settled and row.settlement in self._by:
                self._ended[row.settlement] = self._by.pop(row.settlement)
                self._seen.pop(row.settlement, None)
        oldest = min(last - OVERLAP, self._read_to - HASHES)
        self._hashes = {number: hash_ for number, hash_ in self._hashes.items() if number >= oldest}

    # --- where the chain changed

    def _follow(self, head: Head) -> None:
        """Forgets what is no longer on the chain. Raises Unavailable for a node that cannot be compared."""
        if self._read_to < 0:
            return
        if head.parent == self._hash and self._linked <= self._final <= self._read_to == head.number - 1:
            return
        at = min(self._read_to, head.number)
        if at < self._checkpoint.number and self._deep is not Deep.FOLLOW:
            raise Unavailable(
                f"the node is at block {head.number}, and block {self._checkpoint.number} was final before"
            )
        there = {head.number: head} | self._source.blocks([one for one in {at, self._final} if 0 <= one < head.number])
        same = at in self._hashes and self._is_same(at, there)
        if same and at <= self._final <= head.number:
            same = self._is_same(self._final, there)
            deep = not same
        else:
            deep = not same and (at <= self._final or not self._is_same(self._final, there))
        if deep:
            self._reorganised(head)
        elif not same:
            self._drop_above(self._checkpoint.number)
        elif head.number < self._checkpoint.number:
            self._go_back(head.number)
        elif head.number < self._read_to:  # the same chain, and a node that is late
            self._drop_above(head.number)

    def _is_same(self, number: int, there: Mapping[int, Head]) -> bool:
        """Whether the node has the block that was read; nothing is known of blocks below all."""
        return number < 0 or (there.get(number) or self._source.block(number)).hash == self._hashes.get(number)

    def _drop_above(self, number: int) -> None:
        """Forgets what was read of higher blocks, none of which is stored."""
        kept = bisect_right(self._window, number, key=block_of)
        for settlement in {row.settlement for row in self._window[kept:]}:
            self._changed.add(settlement)
            self._seen.pop(settlement, None)
            left = [row for row in self._by[settlement] if row.block <= number]
            if left:
                self._by[settlement] = left
            else:
                del self._by[settlement]
        del self._window[kept:]
        self._recent = [one for one in self._recent if one[0] <= number]
        self._overlap.drop_above(number)
        self._linked = min(self._linked, number)
        self._read_to, self._hash = number, self._hashes.get(number, "")
        highest = max(number, self._final)  # what was final is compared with what the node has there later
        self._hashes = {one: hash_ for one, hash_ in self._hashes.items() if one <= highest}

    def _go_back(self, number: int) -> None:
        """To a block that is known, no higher than this one, stored or not."""
        known = max((one for one in self._hashes if one <= number), default=-1)
        if known >= self._checkpoint.number:
            self._drop_above(known)
            return
        left = {one: hash_ for one, hash_ in self._hashes.items() if one <= known}
        self._changed.update(row.settlement for row in self._store.above(known))
        self._drop_above(self._checkpoint.number)
        after = Checkpoint(number=known, hash=left.get(known, ""), final=known, hashes=left)
        self._store.go_back(self._checkpoint, after)
        final, top, hashes = self._final, self._top, self._hashes
        self._load()
        if self._deep is not Deep.FOLLOW:  # what was final is compared with what the node has there later
            self._final, self._top, self._hashes = final, top, hashes

    def _reorganised(self, head: Head) -> None:
        """Final blocks are others now: goes back to the last that is the same, and has it remembered.

        Raises Unavailable while the node has fewer blocks than were seen: perhaps it was left behind on a fork.
        """
        if head.number < self._top and self._deep is not Deep.FOLLOW:
            raise Unavailable(f"the node has other blocks than were final, and only {head.number} of {self._top}")
        known, there = sorted(number for number in self._hashes if number <= head.number), {head.number: head}
        place = bisect_left(known, True, key=lambda number: not self._is_same(number, there))
        fork = known[place - 1] if place else -1
        before = self._checkpoint
        lost = self._store.above(fork)  # what is final is stored, when it was read
        same = self._source.places(fork + 1, known[place] - 1) if place < len(known) else frozenset()
        taken: dict[bytes, set[EventKind]] = {}
        for row in lost:
            self._changed.add(row.settlement)
            if (row.block, row.place, f"0x{row.transaction.hex()}") not in same:
                taken.setdefault(row.settlement, set()).add(EventKind(row.kind))
        halt = None
        if place < len(known) and self._deep is Deep.HALT:
            first = known[place]
            halt = Reorganisation(
                block=first,
                ours=self._hashes[first],
                theirs=self._source.block(first).hash,
                depth=self._top - first + 1,
                settlements=tuple(one.hex() for one in taken),
            )
        doubts = {one: (self._trade_of(one), frozenset(kinds)) for one, kinds in taken.items()}
        self._changed.update(row.settlement for row in self._window)
        left = {number: hash_ for number, hash_ in self._hashes.items() if number <= fork}
        if fork >= before.number:
            after = replace(before, final=min(before.final, fork), hashes=left)
        else:
            after = Checkpoint(number=fork, hash=left.get(fork, ""), final=fork, hashes=left)
        self._store.go_back(before, after, halt=halt, doubts=doubts if self._deep is Deep.DOUBT else None)
        self._load()

    def _trade_of(self, settlement: bytes) -> bytes | None:
        return next((row.trade for row in self._rows_of(settlement) if row.trade is not None), None)

    def _require_certain(self, settlement: bytes) -> None:
        """Raises Unavailable unless all that was taken of a settlement is there again, finally."""
        _, kinds = self._doubts[settlement]
        there = {row.kind for row in self._rows_of(settlement) if row.block <= self._read_to - self._depth}
        missing = [kind.name for kind in sorted(kinds) if kind not in there]
        if missing:
            lost = f"{', '.join(missing)} was final, a reorganisation took it, and it is not there again, finally"
            raise Unavailable(f"settlement {settlement.hex()}: {lost}")
        self._store.certain([settlement])
        del self._doubts[settlement]

    # --- what is known

    def _rows_of(self, settlement: bytes) -> Sequence[EventRow]:
        known = self._by.get(settlement) or self._ended.get(settlement)
        return self._store.of(settlement) if known is None and self._checkpoint.locked else known or ()

    def _settlements(self, after: EventRow | None) -> Iterator[bytes]:
        fresh = [row.settlement for row in self._window if row.trade is not None and (after is None or row > after)]
        known = set(fresh)  # what is stored meanwhile comes once
        if self._checkpoint.locked:
            yield from (one for one in self._store.settlements(after) if one not in known)
        yield from fresh
