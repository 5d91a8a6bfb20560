"""Domain values to JSON and back: nothing is lost, nothing is guessed."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import Isin, Lei, Reference, SettlementId, TradeId, Uetr
from lockstep.domain.instruction import (
    AdviceStatus,
    CancellationRequest,
    Instruction,
    QuantityType,
    Side,
    StatusAdvice,
)
from lockstep.domain.message import Message
from lockstep.domain.money import MINOR_UNITS, Money, Quantity
from lockstep.domain.order import Movement, Order, OrderTerms, OutcomeResult
from lockstep.domain.payment import CashAccount, Payment, PaymentState
from lockstep.domain.trade import Reason, Trade, TradeState, TradeTerms
from lockstep.ports import StoredInstruction
from lockstep.store.codec import _REMEMBERED, dump, load
from lockstep.testing.fakes import BUYER, DAY, MORNING, SELLER, SERVICE, example_instruction

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
hex32 = st.binary(min_size=32, max_size=32).map(bytes.hex)
instants = st.integers(0, 4 * 10**15).map(
    lambda micros: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)
)
days = st.dates(date(2020, 1, 1), date(2100, 1, 1))
whole = st.integers(0, 2**63)
reasons = st.none() | st.builds(Reason, code=texts, text=texts)
money = st.builds(Money, currency=st.sampled_from(sorted(MINOR_UNITS)), amount=st.integers(1, 10**18))
quantities = st.builds(Quantity.of_units, st.integers(1, 10**18), st.integers(0, 6))
accounts = st.builds(CashAccount, owner=st.just(SERVICE), number=texts)
orders = st.builds(
    Order,
    movement=st.builds(Movement, token=texts, seller=texts, buyer=texts, quantity=whole, epoch=whole, nonce=whole),
    terms=st.builds(OrderTerms, trade_id=hex32, part=whole, cash_hash=hex32, lock_by=whole, pay_by=whole),
)
terms = st.builds(
    TradeTerms,
    deliverer=st.just(SELLER.lei),
    receiver=st.just(BUYER.lei),
    deliverer_reference=texts.map(Reference),
    receiver_reference=texts.map(Reference),
    isin=st.just(Isin("DE0001102580")),
    quantity=quantities,
    cash=money,
    settlement_date=days,
    salt=hex32,
)
trades = st.builds(
    Trade,
    trade_id=hex32.map(TradeId),
    terms=terms,
    state=st.sampled_from(TradeState),
    matched_at=instants,
    attempt=whole,
    order=st.none() | orders,
    settlement_id=st.none() | hex32.map(SettlementId),
    seller_signature=st.none() | st.binary(max_size=65),
    buyer_signature=st.none() | st.binary(max_size=65),
    cancel_asked=st.frozensets(st.sampled_from(Side)),
    reason=reasons,
    intents=st.dictionaries(texts, instants, max_size=3),
    version=whole,
)


@st.composite
def payments(draw: st.DrawFn) -> Payment:
    at = draw(instants)
    return Payment(
        uetr=Uetr("u"),
        instruction_id=draw(texts),
        end_to_end_id=draw(texts),
        amount=draw(money),
        settlement_date=at.date(),
        debtor=draw(accounts),
        creditor=draw(accounts),
        settlement_id=SettlementId(draw(hex32)),
        salt=draw(hex32),
        pay_by=at,
    )


views = st.builds(
    CashView,
    settlement_id=hex32.map(SettlementId),
    state=st.none() | st.sampled_from(PaymentState),
    payment=st.none() | payments(),
    decided_at=st.none() | instants,
    reason=st.none() | texts,
    booked_at=st.none() | instants,
    noticed=st.none() | money,
    cancel_refused=st.booleans(),
    contradiction=st.none() | texts,
)
stored = st.builds(
    StoredInstruction,
    message_id=texts,
    content_hash=hex32,
    instruction=st.sampled_from([example_instruction(side, "X-1") for side in Side]),
    status=texts,
    received_at=instants,
    trade_id=st.none() | hex32.map(TradeId),
    reason=reasons,
)


@settings(max_examples=60)
@given(st.one_of(trades, views, stored, orders, terms, payments()))
def test_round_trip(value: Any) -> None:
    text = dump(value)
    assert load(type(value), text) == value
    assert json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True, ensure_ascii=False) == text


@settings(max_examples=10, deadline=None)  # each writes some thousand texts
@given(st.one_of(trades, views, stored))
def test_what_was_written_is_read_as_the_same_value_for_a_while(value: Any) -> None:
    text = dump(value, type(value))
    assert load(type(value), text) is value
    others = [dump(replace(TRADE, version=version), type(value)) for version in range(2 * _REMEMBERED)]
    assert len(set(others)) == 2 * _REMEMBERED
    read = load(type(value), text)
    assert read is not value and read == value


def test_under_a_key_the_last_text_only() -> None:
    first, second = replace(TRADE, version=1), replace(TRADE, version=2)
    texts = [dump(one, Trade, "under a key") for one in (first, second)]
    again = load(Trade, texts[0], "under a key")
    assert again == first and again is not first
    assert load(Trade, texts[0], "under a key") is again
    assert load(Trade, texts[1], "under a key") == second
    dump(first, Trade, "under a key")
    for number in range(_REMEMBERED):  # more than without keys: each is one of those under way
        dump(second, Trade, number)
    assert load(Trade, texts[0], "under a key") is first
    assert load(Trade, texts[0], "under another key") is not first
    assert load(Trade, texts[0], "under another key") == load(Trade, texts[0]) == first
    assert load(StoredInstruction, dump(STORED), "under a key") == STORED, "a trade's key is not an instruction's"


def test_another_text_is_another_value() -> None:
    first = dump(TRADE, Trade)
    second = dump(replace(TRADE, version=1), Trade)
    assert load(Trade, first).version == 0 and load(Trade, second).version == 1


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**256 - 1])
def test_whole_numbers_of_any_size(number: int) -> None:
    movement = Movement(token="T", seller="S", buyer="B", quantity=number, epoch=1, nonce=0)
    text = dump(movement)
    assert load(Movement, text) == movement and json.loads(text)["quantity"] == number


@pytest.mark.parametrize("words", ["\x00\x1f\x7f\x80", '"\\/\b\f\n\r\t', "\u2028\u2029\ufeff", "ä😀", "\ud800"])
def test_texts_are_written_in_one_way_only(words: str) -> None:
    reason = Reason(code="X", text=words)
    assert dump(reason) == json.dumps({"code": "X", "text": words}, separators=(",", ":"), ensure_ascii=False)
    assert load(Reason, dump(reason)) == reason


def test_generic_messages() -> None:
    advice = StatusAdvice(reference=Reference("R"), side=Side.RECEIVE, status=AdviceStatus.MATCHED)
    wish = CancellationRequest(reference=Reference("R"), side=Side.DELIVER, owner=SELLER)
    for body in (advice, wish, example_instruction(Side.DELIVER, "R")):
        message = Message(sender=SERVICE, receiver=SELLER.bic, message_id="M", created=MORNING, body=body)
        assert load(Message[type(body)], dump(message)) == message


def test_types_are_kept() -> None:
    trade = load(Trade, dump(TRADE))
    assert isinstance(trade.cancel_asked, frozenset) and isinstance(trade.seller_signature, bytes)
    assert trade.intents["lock"].tzinfo is not None
    assert load(OutcomeResult, dump(OutcomeResult.NEVER)) is OutcomeResult.NEVER
    elsewhere = datetime(2026, 11, 23, 9, 30, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    assert load(datetime, dump(elsewhere)) == elsewhere
    assert load(date, dump(DAY)) == DAY
    kept = load(Instruction, dump(example_instruction(Side.DELIVER, "D")))
    assert kept.quantity_type is QuantityType.FACE_AMOUNT and kept.deliverer.lei == Lei(SELLER.lei)


TRADE = Trade(
    trade_id=TradeId("ab" * 32),
    terms=TradeTerms(
        deliverer=SELLER.lei,
        receiver=BUYER.lei,
        deliverer_reference=Reference("D"),
        receiver_reference=Reference("R"),
        isin=Isin("DE0001102580"),
        quantity=Quantity.parse("1"),
        cash=Money.parse("1", "EUR"),
        settlement_date=DAY,
        salt="00" * 16,
    ),
    state=TradeState.LOCKED,
    matched_at=MORNING,
    seller_signature=b"\x00\xff",
    cancel_asked=frozenset(Side),
    intents={"lock": MORNING},
)
STORED = StoredInstruction(
    message_id="M",
    content_hash="00" * 32,
    instruction=example_instruction(Side.DELIVER, "D-1"),
    status="WAITING",
    received_at=MORNING,
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("version",), "1"),
        (("version",), None),
        (("version",), 1.5),
        (("state",), "LOST"),
        (("matched_at",), "yesterday"),
        (("matched_at",), 5),
        (("seller_signature",), "zz"),
        (("cancel_asked",), ["MINE"]),
        (("reason",), {"code": "X"}),
        (("reason",), {"code": "X", "text": "y", "more": "z"}),
        (("terms", "cash"), {"currency": "EUR", "amount": "1"}),
        (("terms", "settlement_date"), "23.11.2026"),
        (("intents",), {"lock": "soon"}),
        (("trade_id",), 7),
    ],
)
def test_what_does_not_fit_is_an_error(path: tuple[str, ...], value: Any) -> None:
    content = json.loads(dump(TRADE))
    inner = content
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises((TypeError, ValueError, KeyError)):
        load(Trade, json.dumps(content))


def test_a_missing_or_strange_field_is_an_error() -> None:
    content = json.loads(dump(TRADE))
    for changed in ({**content, "extra": 1}, {key: one for key, one in content.items() if key != "terms"}):
        with pytest.raises((TypeError, KeyError)):
            load(Trade, json.dumps(changed))
    assert load(Trade, dump(replace(TRADE, reason=None))) == TRADE
