"""The event reader: DvP's events by settlement, read once per block and re-read where the chain changed.

A settlement is one order here. Cycles (lockNet) end by events of the same names, under ids that no order has: they
are read by `chain.audit` and are no settlement of this reader's, so nobody takes one for a lock that he can judge.

It keeps in memory what it has read. A block that it read and that is no longer there makes it read
everything again: what was seen above the finality depth was only ever an observation.

A node behind a load balancer may name a head and then give the logs of another that lags, fewer, and no error. So the
last blocks are read again with the next ones, and nothing that was overlooked stays so.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from eth_abi.abi import decode
from eth_utils.address import to_checksum_address

from lockstep.chain.artifacts import event_topic
from lockstep.chain.node import Node
from lockstep.chain.refusals import decode_refusal
from lockstep.domain.errors import ContractRefused, Unavailable
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.order import Movement, Order, OrderTerms

__all__ = ["EventReader", "SeenEvent", "SkippedLeg", "checksummed", "skipped_legs"]

checksummed = lru_cache(maxsize=4096)(to_checksum_address)
"""An address as EIP-55 writes it; the same few come again and again."""

OVERLAP = 16
"""Blocks that are read again: more than nodes of one provider are behind each other."""
_NAMES = ("Locked", "PaidRecorded", "Settled", "GivenBack")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEvent:
    """One event of a settlement; `order` with Locked only."""

    name: str
    transaction: str
    block: int
    at: datetime
    order: Order | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedLeg:
    """A settlement that a batch went on without, and what it met."""

    settlement_id: SettlementId
    reason: ContractRefused


def skipped_legs(logs: Iterable[Mapping[str, Any]]) -> list[SkippedLeg]:
    """The LegSkipped events of a transaction's logs, each with its reason decoded."""
    topic = event_topic("LegSkipped")
    return [
        SkippedLeg(
            settlement_id=SettlementId(bytes(log["topics"][1]).hex()),
            reason=decode_refusal(decode(["bytes"], bytes(log["data"]))[0]),
        )
        for log in logs
        if "0x" + bytes(log["topics"][0]).hex() == topic
    ]


class EventReader:
    """All settlements' events of one DvP contract through one node."""

    def __init__(self, node: Node, dvp: str) -> None:
        self._node, self._dvp = node, dvp
        self._names = {event_topic(name): name for name in _NAMES}
        self._forget()

    def _forget(self) -> None:
        self._events: defaultdict[SettlementId, list[SeenEvent]] = defaultdict(list)
        self._trades: dict[TradeId, list[SettlementId]] = defaultdict(list)
        self._read_to = -1
        self._hash = ""
        self._recent: list[tuple[int, int]] = []
        """Block and place of the logs that were read of the last blocks."""

    def events(self, settlement_id: SettlementId) -> Sequence[SeenEvent]:
        """Oldest first, up to the head as it is now; none for a cycle. Raises Unavailable."""
        self._refresh()
        return self._events.get(settlement_id, ())

    def events_of(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, Sequence[SeenEvent]]:
        """As `events`, of many in one look. Raises Unavailable."""
        self._refresh()
        return {one: self._events.get(one, ()) for one in ids}

    def settlements_of_all(self, ids: Collection[TradeId]) -> Mapping[TradeId, Sequence[SettlementId]]:
        """As `settlements_of`, of many in one look. Raises Unavailable."""
        self._refresh()
        return {one: tuple(self._trades.get(one, ())) for one in ids}

    def locked(self) -> Collection[SettlementId]:
        """Every settlement with a Locked event, up to the head. Raises Unavailable."""
        self._refresh()
        return self._events.keys()

    def settlements_of(self, trade_id: TradeId) -> Sequence[SettlementId]:
        """The trade's settlements in the order of their locks, up to the head. Raises Unavailable."""
        self._refresh()
        return tuple(self._trades.get(trade_id, ()))

    def _refresh(self) -> None:
        head = self._node.head()
        if (head.number, head.hash) == (self._read_to, self._hash):
            return
        if head.number < self._read_to or (self._read_to >= 0 and self._node.block(self._read_to).hash != self._hash):
            self._forget()
        logs = self._new_logs(head.number)
        # Decoded before anything is kept: an answer that fails halfway leaves the reader as it was.
        new = (log for log in logs if log["blockNumber"] > self._read_to)
        fresh = [(SettlementId(bytes(log["topics"][1]).hex()), self._event(log)) for log in new]
        for settlement_id, event in fresh:
            if event.order is None and settlement_id not in self._events:
                continue  # a cycle's: DvP ends no order that it did not lock before
            self._events[settlement_id].append(event)
            if event.order is not None:
                self._trades[event.order.terms.trade_id].append(settlement_id)
        self._read_to, self._hash = head.number, head.hash
        self._recent = [one for one in map(_place, logs) if one[0] > head.number - OVERLAP]

    def _new_logs(self, head: int) -> Sequence[Mapping[str, Any]]:
        """The logs since some blocks before the last that was read, or all where one was overlooked there. Raises
        Unavailable where some are gone that were there: the answer is that of a node that lags."""
        topics, first = [list(self._names)], max(0, self._read_to + 1 - OVERLAP)
        logs = self._node.logs(self._dvp, topics, first, head)
        again = [_place(log) for log in logs if log["blockNumber"] <= self._read_to]
        known = [one for one in self._recent if one[0] >= first]
        if again == known:
            return logs
        if not set(again) >= set(known):
            raise Unavailable(f"the node has block {head} and not the events of blocks before it: its logs lag")
        self._forget()
        return self._node.logs(self._dvp, topics, 0, head)

    def _event(self, log: Mapping[str, Any]) -> SeenEvent:
        name = self._names["0x" + bytes(log["topics"][0]).hex()]
        block = self._node.block(log["blockNumber"])
        if bytes(log["blockHash"]).hex() != block.hash:
            raise Unavailable(f"the node tells of block {block.number} in two ways: it is changing its mind")
        return SeenEvent(
            name=name,
            transaction="0x" + bytes(log["transactionHash"]).hex(),
            block=block.number,
            at=datetime.fromtimestamp(block.timestamp, UTC),
            order=_order(bytes(log["data"])) if name == "Locked" else None,
        )


def _place(log: Mapping[str, Any]) -> tuple[int, int]:
    return log["blockNumber"], log["logIndex"]


def _order(data: bytes) -> Order:
    """The order in a Locked event's data."""
    movement, terms = decode(
        ["(address,address,address,uint64,uint32,uint64)", "(bytes32,uint32,uint64,bytes32,bytes32,uint40,uint40)"],
        data,
    )
    token, seller, buyer, quantity, epoch, nonce = movement
    trade_id, part, minimum_lot, group, cash_hash, lock_by, pay_by = terms
    return Order(
        movement=Movement(
            token=checksummed(token),
            seller=checksummed(seller),
            buyer=checksummed(buyer),
            quantity=quantity,
            epoch=epoch,
            nonce=nonce,
        ),
        terms=OrderTerms(
            trade_id=TradeId(trade_id.hex()),
            part=part,
            minimum_lot=minimum_lot,
            group=group.hex(),
            cash_hash=cash_hash.hex(),
            lock_by=lock_by,
            pay_by=pay_by,
        ),
    )
