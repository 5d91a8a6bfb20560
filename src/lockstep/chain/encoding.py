"""DvP's hot calls encoded by hand: orders, legs and looks are a few static words each, the same for every trade.

Equal to eth_abi's bytes, which a test shows; it takes them from the ABI, and a tenth of the time is left.
Numbers are checked by their own width, as eth_abi does: a wrong one is refused and never cut off.
"""

from collections.abc import Sequence
from functools import cache, lru_cache

from eth_utils.abi import collapse_if_tuple, function_abi_to_4byte_selector

from lockstep.chain.artifacts import artifact
from lockstep.domain.errors import InvalidInput, Misconfigured
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Movement, Order
from lockstep.signing import terms_hash

__all__ = [
    "ORDER_BYTES",
    "end_data",
    "first_word",
    "lock_batch_data",
    "lock_data",
    "read_data",
    "selector",
    "settle_batch_data",
    "status_data",
    "word_of_address",
]

ORDER_BYTES = 13 * 32
_LEG_BYTES = 7 * 32


@cache
def selector(contract: str, name: str) -> bytes:
    """The four bytes that name a function."""
    entry = next(one for one in artifact(contract).abi if one["type"] == "function" and one["name"] == name)
    for one in entry["inputs"]:
        collapse_if_tuple(one)
    return bytes(function_abi_to_4byte_selector(entry))


@lru_cache(maxsize=65_536)
def word_of_address(address: str) -> bytes:
    """An address as a word; the same few come again and again. Raises InvalidInput."""
    try:
        word = bytes.fromhex(address.removeprefix("0x"))
    except ValueError:
        word = b""
    if len(word) != 20:
        raise InvalidInput("address", address, "0x and 40 hexadecimal digits")
    return bytes(12) + word


def _number(value: int, bits: int, field: str) -> bytes:
    if not 0 <= value < 1 << bits:
        raise InvalidInput(field, value, f"0 to 2^{bits} - 1")
    return value.to_bytes(32)


def _word(text: str, field: str) -> bytes:
    try:
        word = bytes.fromhex(text)
    except ValueError:
        word = b""
    if len(word) != 32:
        raise InvalidInput(field, text, "64 hexadecimal digits")
    return word


def _text(value: bytes) -> bytes:
    """A dynamic `bytes`: its length, then itself, up to a whole word."""
    return len(value).to_bytes(32) + value + bytes(-len(value) % 32)


def _movement(one: Movement) -> bytes:
    return b"".join(
        (
            word_of_address(one.token),
            word_of_address(one.seller),
            word_of_address(one.buyer),
            _number(one.quantity, 64, "quantity"),
            _number(one.epoch, 32, "epoch"),
            _number(one.nonce, 64, "nonce"),
        )
    )


def _order(order: Order) -> bytes:
    """IDvP.Order: 13 words."""
    one = order.terms
    return _movement(order.movement) + b"".join(
        (
            _word(one.trade_id, "trade_id"),
            _number(one.part, 32, "part"),
            _number(one.minimum_lot, 64, "minimum_lot"),
            _word(one.group, "group"),
            _word(one.cash_hash, "cash_hash"),
            _number(one.lock_by, 40, "lock_by"),
            _number(one.pay_by, 40, "pay_by"),
        )
    )


def _leg(order: Order) -> bytes:
    """IDvP.Leg: 7 words."""
    return _movement(order.movement) + terms_hash(order.terms)


def _signed(order: Order, seller: bytes, buyer: bytes) -> bytes:
    """Order and signatures, as arguments of `lock` and as one IDvP.SignedOrder: both lie the same."""
    first, second = _text(seller), _text(buyer)
    place = ORDER_BYTES + 64
    return b"".join((_order(order), place.to_bytes(32), (place + len(first)).to_bytes(32), first, second))


def lock_data(order: Order, seller: bytes, buyer: bytes) -> bytes:
    """DvP.lock."""
    return selector("DvP", "lock") + _signed(order, seller, buyer)


def lock_batch_data(legs: Sequence[tuple[Order, bytes, bytes]]) -> bytes:
    """DvP.lockBatch."""
    written = [_signed(*leg) for leg in legs]
    places, place = [], 32 * len(written)
    for one in written:
        places.append(place.to_bytes(32))
        place += len(one)
    head = (32).to_bytes(32) + len(written).to_bytes(32)
    return b"".join((selector("DvP", "lockBatch"), head, *places, *written))


def end_data(function: str, order: Order, proof: bytes) -> bytes:
    """DvP.settle or DvP.giveBack."""
    return b"".join((selector("DvP", function), _leg(order), (_LEG_BYTES + 32).to_bytes(32), _text(proof)))


def settle_batch_data(orders: Sequence[Order], proof: bytes) -> bytes:
    """DvP.settleBatch."""
    legs = len(orders).to_bytes(32) + b"".join(map(_leg, orders))
    places = (64).to_bytes(32) + (64 + len(legs)).to_bytes(32)
    return b"".join((selector("DvP", "settleBatch"), places, legs, _text(proof)))


def status_data(settlement_id: SettlementId, movement: Movement) -> bytes:
    """DvP.statusOfSettlement."""
    words = (_word(settlement_id, "settlement_id"), word_of_address(movement.seller))
    return b"".join((selector("DvP", "statusOfSettlement"), *words, _number(movement.nonce, 64, "nonce")))


def read_data(contract: str, name: str, *arguments: str | int) -> bytes:
    """A view's call, of addresses and numbers of 64 bits."""
    words = (word_of_address(one) if isinstance(one, str) else _number(one, 64, "argument") for one in arguments)
    return selector(contract, name) + b"".join(words)


def first_word(address: str, answer: bytes) -> int:
    """The first word that a view returned, as a number. Raises Misconfigured where no such contract answers."""
    if len(answer) < 32:
        raise Misconfigured(f"no such contract answers at {address}")
    return int.from_bytes(answer[:32])
