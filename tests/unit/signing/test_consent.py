"""A wallet signs what its owner agreed: each term altered is refused by its name (I2, I11)."""

from dataclasses import replace
from typing import Any

import pytest

from lockstep.domain.errors import Refused
from lockstep.domain.identifiers import TradeId
from lockstep.domain.instruction import Side
from lockstep.domain.market import Market
from lockstep.domain.money import Money, Quantity
from lockstep.domain.order import Order
from lockstep.domain.trade import Trade, TradeState, TradeTerms
from lockstep.flow.ordering import order_for
from lockstep.signing import check_order
from lockstep.testing.fakes import BUYER, MORNING, SELLER, example_instruction, example_market, key

MARKET = example_market()
DELIVER = example_instruction(Side.DELIVER, "D-1")
TERMS = TradeTerms(
    deliverer=SELLER.lei,
    receiver=BUYER.lei,
    deliverer_reference=DELIVER.reference,
    receiver_reference=example_instruction(Side.RECEIVE, "R-1").reference,
    isin=DELIVER.isin,
    quantity=DELIVER.quantity,
    cash=DELIVER.cash,
    settlement_date=DELIVER.settlement_date,
    salt="0f" * 16,
)
TRADE = Trade(trade_id=TERMS.trade_id, terms=TERMS, state=TradeState.MATCHED, matched_at=MORNING)
ORDER = order_for(TRADE, MARKET, epoch=1, nonce=0, now=int(MORNING.timestamp()))


def refusal(order: Order, terms: TradeTerms = TERMS, market: Market = MARKET) -> dict[str, Any]:
    with pytest.raises(Refused) as caught:
        check_order(order, terms, market)
    assert caught.value.name == "OrderDiffers"
    return caught.value.details


def test_as_agreed() -> None:
    check_order(ORDER, TERMS, MARKET)
    free = replace(ORDER, movement=replace(ORDER.movement, nonce=7, epoch=2))
    check_order(replace(free, terms=replace(ORDER.terms, lock_by=ORDER.terms.pay_by)), TERMS, MARKET)


@pytest.mark.parametrize(
    ("part", "term", "value"),
    [
        ("movement", "token", key("another").address),
        ("movement", "seller", key(BUYER.bic).address),
        ("movement", "buyer", key("another").address),
        ("terms", "part", 1),
        ("terms", "part", 255),
        ("terms", "minimum_lot", 1),
        ("terms", "group", "01" + "00" * 31),
        ("movement", "quantity", ORDER.movement.quantity + 1),
        ("movement", "quantity", ORDER.movement.quantity // 100),
        ("terms", "trade_id", TradeId("00" * 32)),
        ("terms", "cash_hash", "00" * 32),
        ("terms", "pay_by", ORDER.terms.pay_by + 1),
        ("terms", "pay_by", ORDER.terms.pay_by - 1),
    ],
)
def test_each_term_altered(part: str, term: str, value: Any) -> None:
    altered = replace(ORDER, **{part: replace(getattr(ORDER, part), **{term: value})})
    assert refusal(altered) == {"term": term, "actual": value, "expected": getattr(getattr(ORDER, part), term)}


def test_a_lock_after_the_time_to_pay() -> None:
    late = ORDER.terms.pay_by + 1
    altered = replace(ORDER, terms=replace(ORDER.terms, lock_by=late))
    assert refusal(altered) == {"term": "lock_by", "actual": late, "expected": "≤ pay_by"}


@pytest.mark.parametrize(
    ("changes", "term"),
    [
        ({"cash": Money.parse("990.01", "EUR")}, "trade_id"),
        ({"quantity": Quantity.parse("1000.01")}, "quantity"),
        ({"salt": "00" * 16}, "trade_id"),
        ({"deliverer": BUYER.lei, "receiver": SELLER.lei}, "seller"),
        ({"settlement_date": DELIVER.settlement_date.replace(day=24)}, "trade_id"),
    ],
)
def test_other_terms_than_the_orders(changes: dict[str, Any], term: str) -> None:
    assert refusal(ORDER, replace(TERMS, **changes))["term"] == term


def test_the_wallets_own_market_decides() -> None:
    members = {
        lei: replace(member, accounts={"EUR": f"{member.accounts['EUR']}-NEW"})
        for lei, member in MARKET.participants.items()
    }
    assert refusal(ORDER, market=replace(MARKET, participants=members))["term"] == "cash_hash"
