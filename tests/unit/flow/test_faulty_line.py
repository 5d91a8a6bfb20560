"""The service and its agents on a line that misbehaves: trades end right, or wait; nothing settles unpaid."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from faulty_world import FaultyBench

from lockstep.domain.instruction import Side
from lockstep.domain.money import Money
from lockstep.domain.order import OutcomeResult
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import TradeState
from lockstep.flow.asking import statement_request, status_request
from lockstep.signing import build_proof
from lockstep.testing.fakes import AGENTS, MORNING, SERVICE, FakeAssetLedger

Rule = dict[str, object]
SETTLED, RELEASED = TradeState.SETTLED, TradeState.RELEASED


@pytest.fixture
def bench() -> Iterator[FaultyBench]:
    made = FaultyBench()
    yield made
    made.close()
    assert made.legacy is not None
    made.legacy.close()


HEALED: dict[str, tuple[Rule, ...]] = {
    "nothing": ({"kind": "delay", "seconds": 0},),
    "late": ({"kind": "delay", "seconds": 100},),
    "late requests": ({"kind": "delay", "direction": "in", "seconds": 45},),
    "doubled": ({"kind": "duplicate", "copies": 3, "seconds": 30},),
    "doubled requests": ({"kind": "duplicate", "direction": "in", "copies": 2},),
    "out of order": ({"kind": "reorder"},),
    "requests out of order": ({"kind": "reorder", "direction": "in"},),
    "notice first": ({"kind": "notice_first"},),
    "an outage by the clock": ({"kind": "outage", "until": (MORNING + timedelta(minutes=5)).isoformat()},),
    "an outage by calls": ({"kind": "outage", "calls": 7},),
    "answers lost": ({"kind": "answer_lost", "probability": "0.5"},),
    "every first answer lost": ({"kind": "answer_lost", "at_most": 1},),
    "the first requests lost": ({"kind": "loss", "direction": "in", "at_most": 2},),
    "releases lost": ({"kind": "loss", "direction": "in", "message": "camt.007", "at_most": 1},),
    "every first pacs.002 lost": ({"kind": "loss", "message": "pacs.002", "at_most": 1},),
    "ACSC lost to the service": (
        {"kind": "loss", "message": "pacs.002", "status": "ACSC", "participant": SERVICE, "at_most": 1},
    ),
    "ACSC lost to all": ({"kind": "loss", "message": "pacs.002", "status": "ACSC", "at_most": 1},),
    "camt.054 lost to all": ({"kind": "loss", "message": "camt.054", "at_most": 2},),
    "camt.054 lost to the service for ever": ({"kind": "loss", "message": "camt.054", "participant": SERVICE},),
    "much at once": (
        {"kind": "delay", "probability": "0.4", "seconds": 70},
        {"kind": "reorder", "probability": "0.3"},
        {"kind": "duplicate", "probability": "0.3", "seconds": 15},
        {"kind": "loss", "probability": "0.3"},
        {"kind": "loss", "direction": "in", "probability": "0.3"},
        {"kind": "duplicate", "direction": "in", "probability": "0.3", "seconds": 40},
        {"kind": "answer_lost", "probability": "0.2"},
        {"kind": "outage", "calls": 3},
    ),
}


@pytest.mark.parametrize("name", HEALED)
def test_what_heals_settles(bench: FaultyBench, name: str) -> None:
    bench.plan(*HEALED[name])
    bench.stride = 60 if name == "much at once" else 0
    for number in (1, 2, 3):
        bench.instruct(number)
    bench.run(300)
    assert bench.states() == [SETTLED] * 3
    bench.sound()
    assert bench.asked() > 0 or name not in NEEDS_ASKING


NEEDS_ASKING = {
    "ACSC lost to the service",
    "ACSC lost to all",
    "camt.054 lost to all",
    "camt.054 lost to the service for ever",
}
"""Where the service itself has to ask; elsewhere sending again, or the agents' asking, is enough."""


@pytest.mark.parametrize("seed", range(3))
def test_any_seed_of_much_at_once(bench: FaultyBench, seed: int) -> None:
    bench.plan(*HEALED["much at once"], seed=seed)
    bench.stride = 60
    bench.instruct(1)
    bench.run(300)
    assert bench.states() == [SETTLED]
    bench.sound()


def test_the_same_seed_the_same_day() -> None:
    stories = []
    for _ in range(2):
        bench = FaultyBench()
        bench.plan(*HEALED["much at once"])
        bench.stride = 60
        bench.instruct(1)
        bench.run(100)
        stories.append([(row.entry.at, row.entry.kind, dict(row.entry.facts)) for row in bench.book.journal()])
        bench.close()
        assert bench.legacy is not None
        bench.legacy.close()
    assert stories[0] == stories[1]


def test_a_contradiction_stops_the_agents_and_the_service(bench: FaultyBench) -> None:
    bench.plan({"kind": "contradict", "at_most": 1})
    bench.instruct(1)
    bench.run(60)
    bench.plan({"kind": "delay", "seconds": 0})
    bench.instruct(2)
    bench.run(60)
    first, second = bench.book.trades()
    assert second.state is SETTLED
    assert first.state is not SETTLED and first.reason is not None and first.reason.code == "BREAK"
    assert "BOOKED and then REJECTED" in first.reason.text
    assert first.settlement_id is not None
    assert bench.board.attestations(first.settlement_id) == []
    assert [bench.noted(place, first.settlement_id).count("contradiction") for place in range(4)] == [0] * 4
    assert all("refused" in bench.noted(place, first.settlement_id) for place in range(4))
    assert bench.facts.payments[0].state is PaymentState.BOOKED
    breaks = [row.entry for row in bench.book.journal(first.settlement_id) if row.entry.kind == "break"]
    assert [one.facts["actual"] for one in breaks] == ["BOOKED and then REJECTED"]
    bench.sound()


def test_a_contradiction_to_the_service_ends_by_the_agents_proof(bench: FaultyBench) -> None:
    """The service halts; anyone carries the proof of the four, who heard one story, and the trade ends with it."""
    bench.plan({"kind": "contradict", "participant": SERVICE})
    bench.instruct(1)
    bench.run(60)
    (trade,) = bench.book.trades()
    assert not trade.state.is_end and trade.reason is not None and trade.reason.code == "BREAK"
    assert trade.order is not None and trade.settlement_id is not None
    words, epoch = bench.board.attestations(trade.settlement_id), bench.chain.epochs[trade.order.movement.epoch]
    proof = build_proof(OutcomeResult.PAID, words, epoch, bench.market.network)
    assert proof is not None
    FakeAssetLedger(bench.chain).settle(trade.settlement_id, trade.order, proof)
    bench.run(20)
    assert bench.states() == [SETTLED]
    bench.sound()


def test_a_contradiction_to_one_agent_leaves_the_others(bench: FaultyBench) -> None:
    bench.plan({"kind": "contradict", "participant": AGENTS[0]})
    bench.instruct(1)
    bench.run(60)
    assert bench.states() == [SETTLED]
    (trade,) = bench.book.trades()
    assert trade.settlement_id is not None
    assert len(bench.board.attestations(trade.settlement_id)) == 3
    bench.sound()


def test_two_contradicted_agents_leave_no_quorum(bench: FaultyBench) -> None:
    bench.plan(*({"kind": "contradict", "participant": agent} for agent in AGENTS[:2]))
    bench.instruct(1)
    bench.run(60)
    assert bench.states() == [TradeState.PAID]
    bench.sound()


def test_only_the_statement_tells(bench: FaultyBench) -> None:
    """No camt.054 ever comes, and the status request's copies are lost too: the day's camt.053 heals."""
    bench.plan({"kind": "loss", "message": "camt.054", "participant": SERVICE})
    bench.instruct(1)
    bench.run(200)
    assert bench.states() == [SETTLED]
    heard = [row.entry.facts["message"] for row in bench.book.journal() if row.entry.kind == "heard"]
    assert "Statement" in heard and "BookingNotice" not in heard
    bench.sound()


@pytest.mark.parametrize("fault", ["statement_wrong", "statement_misses"])
def test_a_statement_that_is_not_so_settles_nothing(bench: FaultyBench, fault: str) -> None:
    """A wrong amount is a contradiction, an entry that is not there is no answer: either way nothing moves."""
    bench.plan({"kind": "loss", "message": "camt.054", "participant": SERVICE}, {"kind": fault, "participant": SERVICE})
    bench.instruct(1)
    bench.run(150)
    (trade,) = bench.book.trades()
    shown = [row for row in bench.book.journal() if row.entry.facts.get("message") == "Statement"]
    if trade.state is not SETTLED:
        assert trade.state in (TradeState.EARMARKED, TradeState.PAID, TradeState.LOCKED)
        assert fault != "statement_wrong" or trade.reason is None or trade.reason.code == "BREAK"
    else:
        assert shown, "another entry than the payment's was the wrong one"
    bench.sound()


def test_a_statement_that_misses_what_is_booked_is_a_break(bench: FaultyBench) -> None:
    bench.instruct(1)
    bench.run(60)
    assert bench.states() == [SETTLED]
    (trade,) = bench.book.trades()
    bench.plan({"kind": "statement_misses", "participant": SERVICE})
    for second in range(12):  # each statement draws its own entry: the funding's or the payment's
        bench.clock.advance(1 + second)
        bench.cash_of(SERVICE).send(statement_request(trade, bench.market, bench.clock.now()))
    bench.tick()
    breaks = [row.entry for row in bench.book.journal() if row.entry.kind == "break"]
    assert breaks and {one.subject for one in breaks} == {trade.settlement_id}
    bench.sound()


def test_a_contradiction_about_what_has_ended_is_a_break(bench: FaultyBench) -> None:
    """The trade has settled and is stepped no more: the journal tells people all the same, and once."""
    bench.instruct(1)
    bench.run(60)
    assert bench.states() == [SETTLED]
    (trade,) = bench.book.trades()
    assert trade.settlement_id is not None
    view = bench.book.cash_view(trade.settlement_id)
    assert view is not None and view.payment is not None
    bench.plan({"kind": "contradict", "participant": SERVICE})
    for _ in range(2):
        bench.clock.advance(1)
        now = bench.clock.now()
        question = status_request(SERVICE, bench.market.rtgs, view.payment.uetr, trade.settlement_id, now)
        bench.cash_of(SERVICE).send(question)
        bench.tick()
    (told,) = [row.entry for row in bench.book.journal() if row.entry.kind == "break"]
    assert (told.subject, told.facts["actual"]) == (trade.settlement_id, "BOOKED and then REJECTED")
    bench.sound()


def test_silence_for_the_whole_day_is_never_taken_for_no(bench: FaultyBench) -> None:
    bench.plan({"kind": "loss", "participant": SERVICE}, {"kind": "loss", "participant": AGENTS[0]})
    bench.instruct(1)
    bench.run(100)
    (trade,) = bench.book.trades()
    assert trade.state is TradeState.LOCKED and trade.reason is None
    assert bench.facts.payments[0].state is PaymentState.BOOKED, "three agents are enough"
    assert bench.asked() >= 2
    assert bench.legacy is not None
    bench.legacy.faults.clear(by="test")
    bench.run(300)
    assert bench.states() == [SETTLED]
    bench.sound()


def test_an_agent_that_heard_nothing_asks_by_itself(bench: FaultyBench) -> None:
    """Two of four hear nothing of the earmark: without their own question there were no quorum."""
    bench.plan(*({"kind": "loss", "message": "pacs.002", "participant": agent, "at_most": 1} for agent in AGENTS[:2]))
    bench.instruct(1)
    bench.run(10)
    assert bench.states() != [SETTLED]
    bench.run(100)
    assert bench.states() == [SETTLED]
    bench.sound()


def test_slow_liquidity_waits_and_settles() -> None:
    bench = FaultyBench(funds=0)
    bench.plan({"kind": "delay", "message": "pacs.002", "status": "PDNG", "seconds": 120})
    bench.instruct(1)
    bench.run(30)
    assert bench.states() == [TradeState.LOCKED]
    (trade,) = bench.book.trades()
    assert trade.reason is not None and trade.reason.code == "MONY"
    assert bench.legacy is not None
    bench.legacy.operator.fund("ACC-BUYER", Money(currency="EUR", amount=200_000), "late")
    bench.run(60)
    assert bench.states() == [SETTLED]
    bench.sound()
    bench.close()
    bench.legacy.close()


@pytest.mark.parametrize("winner", ["release", "recall"])
def test_a_recall_race_has_one_winner(bench: FaultyBench, winner: str) -> None:
    bench.plan({"kind": "recall_race", "winner": winner, "behind": 3 if winner == "release" else 1, "seconds": 200})
    bench.instruct(1)
    bench.run_to_locked()
    bench.ask_to_cancel(Side.DELIVER)
    bench.ask_to_cancel(Side.RECEIVE)
    bench.run(200)
    assert bench.states() == [SETTLED if winner == "release" else RELEASED]
    bench.sound()


def test_the_close_of_day_ends_what_the_line_kept(bench: FaultyBench) -> None:
    """Releases never arrive; the day closes, its RJCT is lost to all, and asking finds it."""
    bench.plan(
        {"kind": "loss", "direction": "in", "message": "camt.007"},
        {"kind": "loss", "message": "pacs.002", "status": "RJCT", "at_most": 1},
    )
    bench.instruct(1)
    bench.run(30)
    assert bench.states() == [TradeState.EARMARKED]
    bench.close_day()
    bench.run(400)
    assert bench.states() == [RELEASED]
    bench.sound()


def test_a_lost_tombstone_is_asked_for_again(bench: FaultyBench) -> None:
    """The payment never arrived, both cancel, and the answer to the cancellation is lost to everybody."""
    bench.plan(
        {"kind": "loss", "direction": "in", "message": "pacs.009"},
        {"kind": "loss", "message": "camt.029", "at_most": 1},
    )
    bench.instruct(1)
    bench.run(10)
    assert bench.states() == [TradeState.LOCKED]
    bench.ask_to_cancel(Side.DELIVER)
    bench.ask_to_cancel(Side.RECEIVE)
    bench.run(200)
    assert bench.states() == [RELEASED]
    bench.sound()
