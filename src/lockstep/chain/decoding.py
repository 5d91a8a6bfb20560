"""DvP's events from a node's raw answer to rows, by their places in the data and not by their types.

A Locked event's data are thirteen words of 32 bytes, none of them dynamic (IDvP.Movement, IDvP.Terms), so each field
has a fixed place. It is kept packed, without the words' padding, and made an Order only where somebody asks for it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any

from eth_utils.address import to_checksum_address

from lockstep.chain.artifacts import event_topic
from lockstep.chain.node import Head
from lockstep.domain.chain_events import EventKind, EventRow
from lockstep.domain.errors import Unavailable
from lockstep.domain.identifiers import TradeId
from lockstep.domain.order import Movement, Order, OrderTerms

__all__ = ["Log", "checksummed", "logs_of_json", "logs_of_node", "order_of", "rows", "topics"]

checksummed = lru_cache(maxsize=4096)(to_checksum_address)
"""An address as EIP-55 writes it; the same few come again and again."""

_WORDS = Struct(">12s20s12s20s12s20s24sQ28sI24sQ32s28sI24sQ32s32s27s5s27s5s")
"""token, seller, buyer, quantity, epoch, nonce; trade, part, minimum lot, group, cash hash, lockBy, payBy: each but the
32-byte ones behind its padding."""
_PACKED = Struct(">20s20s20sQIQ32sIQ32s32s5s5s")
_PADDING = tuple(bytes(width) for width in (12, 12, 12, 24, 28, 24, 28, 24, 27, 27))
_TOPICS = {event_topic(kind.name): kind for kind in EventKind}
_KIND = {topic: int(kind) for topic, kind in _TOPICS.items()}


Log = tuple[int, int, Mapping[str, Any]]
"""An event as a node tells it, before its block is looked at: block, place among the block's events, the JSON."""


def topics() -> list[str]:
    """The topics that a settlement's events begin with."""
    return list(_TOPICS)


def logs_of_json(found: Sequence[Mapping[str, Any]]) -> list[Log]:
    """What eth_getLogs answered, as JSON says it. Raises Unavailable for what cannot be read."""
    try:
        return [(int(one["blockNumber"], 16), int(one["logIndex"], 16), one) for one in found]
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"the node's answer to eth_getLogs cannot be read: {error!r}") from error


def logs_of_node(found: Sequence[Mapping[str, Any]]) -> list[Log]:
    """The same of `Node.logs`, for a provider inside this process."""
    return [(one["blockNumber"], one["logIndex"], _as_json(one)) for one in found]


def _as_json(log: Mapping[str, Any]) -> Mapping[str, Any]:
    said = {name: "0x" + bytes(log[name]).hex() for name in ("blockHash", "transactionHash", "data")}
    return {**said, "topics": ["0x" + bytes(one).hex() for one in log["topics"]]}


def rows(logs: Sequence[Log], heads: Mapping[int, Head]) -> list[EventRow]:
    """The events, each with its block's time. Raises Unavailable where a log is of another block than the node has
    there, or has not the form of an event of DvP's."""
    made: list[EventRow] = []
    known = {number: ("0x" + head.hash, head.timestamp) for number, head in heads.items()}
    locked, data, new = int(EventKind.Locked), bytes.fromhex, tuple.__new__
    try:
        for block, place, log in logs:
            hash_, at = known[block]
            if log["blockHash"] != hash_:
                raise Unavailable(f"the node tells of block {block} in two ways: it is changing its mind")
            topic, settlement = log["topics"]
            kind = _KIND[topic]
            trade, order = _pack(data(log["data"][2:])) if kind == locked else (None, None)
            made.append(
                new(
                    EventRow,
                    (block, place, kind, data(settlement[2:]), data(log["transactionHash"][2:]), at, trade, order),
                )
            )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(f"the node's answer to eth_getLogs cannot be read: {error!r}") from error
    return made


def _pack(data: bytes) -> tuple[bytes, bytes]:
    """The trade's id, and the order packed."""
    if len(data) != _WORDS.size:
        raise Unavailable(f"a Locked event's data: {len(data)} bytes break the rule: {_WORDS.size} bytes")
    (
        p0,
        token,
        p1,
        seller,
        p2,
        buyer,
        p3,
        quantity,
        p4,
        epoch,
        p5,
        nonce,
        trade,
        p6,
        part,
        p7,
        lot,
        group,
        cash,
        *rest,
    ) = _WORDS.unpack(data)
    p8, lock_by, p9, pay_by = rest
    if (p0, p1, p2, p3, p4, p5, p6, p7, p8, p9) != _PADDING:
        raise Unavailable("a Locked event's data: a field wider than its type")
    packed = _PACKED.pack(token, seller, buyer, quantity, epoch, nonce, trade, part, lot, group, cash, lock_by, pay_by)
    return trade, packed


def order_of(packed: bytes) -> Order:
    """The order of a Locked event's row."""
    token, seller, buyer, quantity, epoch, nonce, trade, part, lot, group, cash, lock_by, pay_by = _PACKED.unpack(
        packed
    )
    return Order(
        movement=Movement(
            token=checksummed("0x" + token.hex()),
            seller=checksummed("0x" + seller.hex()),
            buyer=checksummed("0x" + buyer.hex()),
            quantity=quantity,
            epoch=epoch,
            nonce=nonce,
        ),
        terms=OrderTerms(
            trade_id=TradeId(trade.hex()),
            part=part,
            minimum_lot=lot,
            group=group.hex(),
            cash_hash=cash.hex(),
            lock_by=int.from_bytes(lock_by),
            pay_by=int.from_bytes(pay_by),
        ),
    )
