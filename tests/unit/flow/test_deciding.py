"""Two stories of a payment whose order has no lock: nothing goes on, until people have asked the RTGS and decided."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flow_world import Bench, check

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.payment import Payment, PaymentReport, PaymentState
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow.deciding import decide_never
from lockstep.flow.mirroring import fold
from lockstep.flow.ordering import payment_message
from lockstep.ports import Change
from lockstep.testing.fakes import FakeAssetLedger


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.instruct()
    yield bench
    check(bench)
    bench.close()


def ordered(bench: Bench) -> Trade:
    """Up to a signed order; its lock is not sent."""
    for _ in range(10):
        bench.engine.run_once()
        if any(one.seller_signature is not None for one in bench.book.trades()):
            break
    assert bench.events() == [] and bench.trade.state is TradeState.MATCHED
    return bench.trade


def tell(bench: Bench, trade: Trade, state: PaymentState) -> None:
    """The RTGS's word, as the service keeps it."""
    assert trade.settlement_id is not None
    now = bench.clock.now()
    payment = payment_message(trade, bench.market, now).body
    assert isinstance(payment, Payment)
    report = PaymentReport(original_message_id="M", uetr=payment.uetr, state=state, decided_at=now, payment=payment)
    bench.book.commit(Change(cash=(fold(bench.book.cash_view(trade.settlement_id), report),)))


def decide(bench: Bench, settlement: str) -> SettlementId:
    return decide_never(bench.book, FakeAssetLedger(bench.chain), bench.clock, settlement, "A. Turing", "asked")


def test_the_trade_goes_on_when_people_have_decided(bench: Bench) -> None:
    trade = ordered(bench)
    assert trade.settlement_id is not None
    tell(bench, trade, PaymentState.REJECTED)
    tell(bench, trade, PaymentState.BOOKED)
    bench.run(20)
    assert (bench.trade.state, bench.trade.settlement_id) == (TradeState.MATCHED, trade.settlement_id)
    assert bench.trade.reason is not None and bench.trade.reason.code == "BREAK" and bench.events() == []
    decide(bench, trade.settlement_id[:10])
    last = bench.book.last_said(trade.settlement_id)
    assert last is not None and last.entry.kind == "decided never"
    assert last.entry.facts == {
        "rule": "one story",
        "told": "REJECTED and then BOOKED",
        "by": "A. Turing",
        "why": "asked",
    }
    bench.clock.advance(int(timedelta(days=1).total_seconds()))
    bench.run(20)
    assert bench.trade.state is TradeState.CANCELLED and bench.trade.reason is not None
    assert bench.trade.reason.code == "LATE"


def test_the_opposite_told_again_halts_it_again(bench: Bench) -> None:
    trade = ordered(bench)
    tell(bench, trade, PaymentState.REJECTED)
    tell(bench, trade, PaymentState.BOOKED)
    bench.engine.run_once()
    decide(bench, str(trade.settlement_id))
    tell(bench, trade, PaymentState.BOOKED)
    bench.engine.run_once()
    assert bench.trade.reason is not None and bench.trade.reason.code == "BREAK"


def test_what_is_one_story_is_not_for_people(bench: Bench) -> None:
    trade = ordered(bench)
    for state in (None, PaymentState.HELD, PaymentState.REJECTED):
        if state is not None:
            tell(bench, trade, state)
        with pytest.raises(InvalidInput) as refused:
            decide(bench, str(trade.settlement_id))
        assert (refused.value.field, refused.value.rule) == ("settlement", "one that the RTGS told two stories of")


@pytest.mark.parametrize("named", ["", "ff" * 32, "no settlement"])
def test_what_no_open_trade_has_is_refused(bench: Bench, named: str) -> None:
    ordered(bench)
    with pytest.raises(InvalidInput) as refused:
        decide(bench, named)
    assert (
        refused.value.field == "settlement" and "the beginning of the id of one open settlement" in refused.value.rule
    )


def test_what_is_locked_ends_on_the_chain(bench: Bench) -> None:
    trade = bench.run_to(TradeState.LOCKED)
    tell(bench, trade, PaymentState.REJECTED)
    tell(bench, trade, PaymentState.BOOKED)
    with pytest.raises(Refused) as refused:
        decide(bench, str(trade.settlement_id))
    assert (refused.value.name, refused.value.details["settlement"]) == ("LockedOnChain", trade.settlement_id)
    view = bench.book.cash_view(str(trade.settlement_id))
    assert view is not None and view.contradiction is not None
