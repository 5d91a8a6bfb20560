"""The calls encoded by hand are those that eth_abi makes of the ABI."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.chain import encoding
from lockstep.chain.ledger import call_data, leg_words, order_words
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.order import Movement, Order, OrderTerms
from order_strategies import HEX_32, orders

ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda one: "0x" + one.hex())
SIGNATURES = st.one_of(st.binary(min_size=65, max_size=65), st.binary(max_size=200))


def numbers(bits: int) -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from([0, 1, 2**bits - 1]), st.integers(0, 2**bits - 1))


ORDERS = orders(ADDRESSES, numbers)


@given(ORDERS, SIGNATURES, SIGNATURES)
def test_lock(order: Order, seller: bytes, buyer: bytes) -> None:
    assert encoding.lock_data(order, seller, buyer) == call_data("DvP", "lock", order_words(order), seller, buyer)


@given(st.lists(st.tuples(ORDERS, SIGNATURES, SIGNATURES), max_size=5))
def test_lock_batch(legs: list[tuple[Order, bytes, bytes]]) -> None:
    known = [(order_words(order), seller, buyer) for order, seller, buyer in legs]
    assert encoding.lock_batch_data(legs) == call_data("DvP", "lockBatch", known)


@given(ORDERS, st.binary(max_size=400), st.sampled_from(["settle", "giveBack"]))
def test_the_end_of_one(order: Order, proof: bytes, function: str) -> None:
    assert encoding.end_data(function, order, proof) == call_data("DvP", function, leg_words(order), proof)


@given(st.lists(ORDERS, max_size=5), st.binary(max_size=400))
def test_settle_batch(orders: list[Order], proof: bytes) -> None:
    known = call_data("DvP", "settleBatch", [leg_words(one) for one in orders], proof)
    assert encoding.settle_batch_data(orders, proof) == known


@given(HEX_32, ORDERS)
def test_looks(settlement: str, order: Order) -> None:
    one = order.movement
    known = call_data("DvP", "statusOfSettlement", bytes.fromhex(settlement), one.seller, one.nonce)
    assert encoding.status_data(SettlementId(settlement), one) == known
    assert encoding.read_data("DvP", "statusOf", one.seller, one.nonce) == call_data(
        "DvP", "statusOf", one.seller, one.nonce
    )
    assert encoding.read_data("SecurityToken", "freeOf", one.seller) == call_data("SecurityToken", "freeOf", one.seller)


def order(**changes: Any) -> Order:
    movement = {"token": "0x" + "01" * 20, "seller": "0x" + "02" * 20, "buyer": "0x" + "03" * 20}
    rest: dict[str, Any] = {"quantity": 1, "epoch": 1, "nonce": 1}
    terms: dict[str, Any] = {
        "trade_id": TradeId("11" * 32),
        "part": 0,
        "cash_hash": "22" * 32,
        "lock_by": 1,
        "pay_by": 1,
    }
    for name, value in changes.items():
        (terms if name in terms else rest if name in rest else movement)[name] = value
    return Order(movement=Movement(**movement, **rest), terms=OrderTerms(**terms))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", 2**64),
        ("quantity", -1),
        ("epoch", 2**32),
        ("nonce", 2**64),
        ("lock_by", 2**40),
        ("cash_hash", "22" * 31),
        ("trade_id", "zz" * 32),
        ("seller", "0x12"),
        ("buyer", "nobody"),
    ],
)
def test_what_does_not_fit_is_refused_and_never_cut_off(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        encoding.lock_data(order(**{field: value}), b"", b"")
    assert caught.value.field in (field, "address") and caught.value.value == str(value)
