"""The auditor's reading of a chain that goes on: only what is new is read, and what a reorganisation took is dropped.

What it returns is what a reading of the whole chain would return, at each head. It needs what `chain.audit` says.
"""

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import replace
from typing import Any, TypeVar

from requests import RequestException

from lockstep.chain.audit_facts import (
    ChainFacts,
    CycleFact,
    HoldingFact,
    LegFact,
    LockFact,
    RecoveryFact,
    SuccessionFact,
    TransferFact,
)
from lockstep.chain.audit_reader import (
    OUTCOME_OF,
    Reader,
    epoch_of,
    recovery_of,
    settlement_of,
    succession_of,
    transaction_of,
    transfer_of,
)
from lockstep.chain.node import Head, Node
from lockstep.domain.errors import Unavailable
from lockstep.domain.market import Network

__all__ = ["Follower"]

Fact = TypeVar("Fact")


class Follower:
    """One market's chain, followed through one node that tells the truth."""

    def __init__(self, node: Node, network: Network, tokens: Sequence[str]) -> None:
        self._node, self._network = node, network
        self._reader = Reader(node, network, tokens)
        self._heads: list[Head] = []
        """Those at which the chain was read, each an ancestor of the next."""
        self._events: list[Any] = []
        """All that matter, through the last of these heads."""
        self._read: dict[tuple[bytes, int], Any] = {}
        """Facts by block hash and the event's place in its block: true as long as the block stands."""
        self._facts: ChainFacts | None = None
        self.version = 0
        """Another where facts are others in more than what time it is: an event came, or a reorganisation."""

    def fork(self) -> "Follower":
        """Another for a chain that was set back to this one's head, or goes on from there: it begins with what this
        one knows."""
        other = copy(self)
        other._reader = self._reader.fork()
        other._heads, other._events, other._read = list(self._heads), list(self._events), dict(self._read)
        return other

    def forget(self) -> None:
        """The next reading is of the whole chain; only what a hash pins is kept."""
        self._heads, self._events, self._facts = [], [], None
        self._reader.times.clear()

    def facts(self) -> ChainFacts:
        """Everything at the head. The same object as before where the head is the same. Raises Unavailable."""
        try:
            head = self._node.head()
            if self._facts is None or self._heads[-1] != head:
                self._facts = self._follow(head)
            return self._facts
        except BaseException as error:  # whatever it is, what was half read is not kept
            self.forget()
            if isinstance(error, RequestException | OSError | TimeoutError):
                raise Unavailable(f"the node does not answer: {error}") from error
            raise

    def _follow(self, head: Head) -> ChainFacts:
        touched = self._rewind(head)
        first = self._heads[-1].number + 1 if self._heads else 0
        if first <= head.number:
            new, any_log = self._reader.events(first, head.number)
            self._events += new
            touched |= any_log
        self._heads.append(head)
        self._reader.times[head.number] = head.timestamp
        if self._facts is None or touched:
            self.version += 1
            return self._compose(head)
        self._tell_times(self._facts, head)
        return replace(self._facts, head=head.number, times=dict(self._reader.times))

    def _tell_times(self, made: ChainFacts, head: Head) -> None:
        locked: list[LockFact | CycleFact] = [*made.locks, *made.cycles]
        self._reader.times.update({one.block: one.at for one in (*locked, *made.moves)})
        for one in locked:
            final = one.block + self._network.finality_depth
            if final <= head.number:
                self._reader.time(final)

    def _rewind(self, head: Head) -> bool:
        """Drops what is not of this head's chain; True if anything was, or nothing had been read yet."""
        kept = len(self._heads)
        while kept and not self._stands(self._heads[kept - 1], head):
            kept -= 1
        if kept == len(self._heads) > 0:
            return False
        del self._heads[kept:]
        last = self._heads[-1].number if self._heads else -1
        self._events = [log for log in self._events if log["blockNumber"] <= last]
        times = self._reader.times
        for number in [number for number in times if number > last]:
            del times[number]
        return True

    def _stands(self, seen: Head, head: Head) -> bool:
        if seen.number >= head.number:
            return seen.number == head.number and seen.hash == head.hash
        return self._node.block(seen.number).hash == seen.hash

    def _compose(self, head: Head) -> ChainFacts:
        events, reader = self._events, self._reader
        parts = {bytes(log["args"]["settlementId"]): log["args"] for log in events if log["event"] == "PartLocked"}
        locks = tuple(self._once(log, lambda log: reader.lock(log, parts)) for log in _named(events, "Locked"))
        cycles = tuple(self._cycle(log) for log in _named(events, "NetLocked"))
        made: list[LockFact | CycleFact] = [*locks, *cycles]
        epochs = {one.settlement: one.epoch for one in made}
        transfers = tuple(self._once(log, transfer_of) for log in _named(events, "Transfer"))
        recoveries, successions = _heirs(events)
        composed = ChainFacts(
            head=head.number,
            locks=locks,
            cycles=cycles,
            moves=tuple(
                self._once(log, lambda log: reader.move(log, epochs, events)) for log in _named(events, *OUTCOME_OF)
            ),
            cancellations=tuple(self._once(log, reader.cancellation) for log in _named(events, "OrderCancelled")),
            epochs=tuple(self._once(log, epoch_of) for log in _named(events, "EpochStarted")),
            transfers=transfers,
            recoveries=recoveries,
            successions=successions,
            holdings=self._holdings_at(head.number, locks, cycles, transfers),
            supplies={token: reader.number(token, "totalSupply", head.number) for token in reader.tokens},
            times={},
        )
        self._tell_times(composed, head)
        return replace(composed, times=dict(reader.times))

    def _once(self, log: Any, read: Callable[[Any], Fact]) -> Fact:
        key = (bytes(log["blockHash"]), int(log["logIndex"]))
        if key not in self._read:
            self._read[key] = read(log)
        found: Fact = self._read[key]
        return found

    def _cycle(self, log: Any) -> CycleFact:
        """With the securities that ended apart: that is told later than the lock."""
        locked: CycleFact = self._once(log, self._reader.cycle)
        tokens = log["args"]["cycle"]["tokens"]
        apart = {
            tokens[one["args"]["place"]]: transaction_of(one)
            for one in _named(self._events, "NetSecurityEnded")
            if settlement_of(one) == locked.settlement
        }
        return replace(locked, apart=apart or None)

    def _holdings_at(
        self, block: int, locks: Sequence[LockFact], cycles: Sequence[CycleFact], transfers: Sequence[TransferFact]
    ) -> tuple[HoldingFact, ...]:
        holders = {(one.token, holder) for one in transfers for holder in (one.source, one.target) if holder}
        traded: list[LockFact | LegFact] = [*locks, *(leg for cycle in cycles for leg in cycle.legs)]
        holders |= {(one.token, holder) for one in traded for holder in (one.seller, one.buyer)}
        number, dvp = self._reader.number, self._network.dvp
        return tuple(
            HoldingFact(
                token=token,
                holder=holder,
                balance=number(token, "balanceOf", block, holder),
                free=number(token, "freeOf", block, holder),
                earmarked=number(token, "earmarkedTotalOf", block, holder),
                earmarked_by_dvp=number(token, "earmarkedOf", block, holder, dvp),
                frozen=number(token, "getFrozenTokens", block, holder),
            )
            for token, holder in sorted(holders)
            if token in self._reader.tokens
        )


def _named(events: Sequence[Any], *names: str) -> Iterable[Any]:
    return [log for log in events if log["event"] in names]


def _heirs(events: Sequence[Any]) -> tuple[tuple[RecoveryFact, ...], tuple[SuccessionFact, ...]]:
    recoveries, successions, transfers = [], [], 0
    for log in events:
        if log["event"] == "Transfer":
            transfers += 1
        elif log["event"] == "Recovered":
            recoveries.append(recovery_of(log, transfers))
        elif log["event"] == "Succeeded":
            successions.append(succession_of(log, transfers))
    return tuple(recoveries), tuple(successions)
