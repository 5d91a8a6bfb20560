"""While the chain is halted: what the service still does, what it leaves, and what people are told."""

from collections.abc import Collection, Iterator
from dataclasses import replace

import pytest
from flow_world import Bench, check

from lockstep.app.views import timeline
from lockstep.chain.event_memory import MemoryEvents
from lockstep.domain.chain_events import BEGINNING, Reorganisation
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.instruction import SettlementConfirmation
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import TradeState
from lockstep.flow.halting import accept, tell
from lockstep.testing.fakes import FakeAssetLedger

HALT = Reorganisation(block=7, ours="aa" * 32, theirs="bb" * 32, depth=9, settlements=("11" * 32, "22" * 32), number=1)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.instruct()
    yield bench
    check(bench)
    bench.close()


def passes(bench: Bench, count: int = 4) -> None:
    for _ in range(count):
        bench.engine.run_once()


def breaks(bench: Bench) -> list[tuple[str, dict[str, str]]]:
    return [(one.entry.subject, dict(one.entry.facts)) for one in bench.book.journal() if one.entry.kind == "break"]


def test_people_are_told_once_of_the_chain_and_of_each_settlement(bench: Bench) -> None:
    bench.chain.halts = [HALT]
    passes(bench)
    bench.restarted()
    passes(bench)
    (chain, facts), *settlements = breaks(bench)
    assert chain == "chain" and (facts["block"], facts["depth"]) == ("7", "9")
    assert (facts["hash read"], facts["hash now"]) == ("aa" * 32, "bb" * 32)
    assert [one for one, _ in settlements] == list(HALT.settlements)


def test_of_a_trade_that_had_ended_the_break_tells_and_it_stays_ended(bench: Bench) -> None:
    bench.run()
    assert bench.trade.state is TradeState.SETTLED
    settlement, mined = bench.trade.settlement_id, list(bench.chain.mined)
    assert settlement is not None
    bench.chain.halts = [replace(HALT, settlements=(settlement,))]
    passes(bench)
    bench.chain.halts = []
    passes(bench)
    assert bench.trade.state is TradeState.SETTLED and bench.chain.mined == mined
    shown = [(one.what, one.detail) for one in timeline(bench.trade, bench.book, None)]
    assert ("break", "rule a final event stays") in shown


def test_nothing_is_begun(bench: Bench) -> None:
    """Instructions are taken and matched; no order, no signature, no lock."""
    bench.chain.halts = [HALT]
    passes(bench)
    assert (bench.trade.state, bench.trade.order, bench.chain.mined) == (TradeState.MATCHED, None, [])
    bench.chain.halts = []
    bench.run_to(TradeState.LOCKED)


def test_what_the_last_look_at_the_chain_shows_counts_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the ledger reads ahead, the look for news may be the one that finds the blocks replaced."""

    def news(_: FakeAssetLedger) -> Collection[SettlementId]:
        bench.chain.halts = [HALT]
        return ()

    bench.engine.do("matching")
    monkeypatch.setattr(FakeAssetLedger, "news", news, raising=False)
    bench.engine.step_trades()
    assert (bench.trade.state, bench.trade.order) == (TradeState.MATCHED, None)


@pytest.mark.parametrize("state", [TradeState.LOCKED, TradeState.EARMARKED])
def test_no_payment_is_asked_for_or_cancelled_and_the_mail_is_heard(bench: Bench, state: TradeState) -> None:
    bench.run_to(state)
    settlement = bench.trade.settlement_id
    assert settlement is not None
    intents, mined = dict(bench.trade.intents), list(bench.chain.mined)
    bench.chain.halts = [HALT]
    bench.clock.advance(12 * 3600)  # the time to pay is over: it would want its money back
    passes(bench)
    assert (bench.trade.intents, bench.chain.mined, bench.trade.state) == (intents, mined, state)
    assert bench.book.cash_view(settlement) is not None, "heard"


def test_what_is_paid_is_delivered_and_nothing_else_concluded(bench: Bench) -> None:
    bench.run_to(TradeState.EARMARKED)
    bench.chain.halts = [HALT]
    for _ in range(8):
        for agent in bench.agents:
            agent.step()
        bench.engine.run_once()
        bench.chain.mine()
    settlement = bench.trade.settlement_id
    assert settlement is not None
    cash = bench.book.cash_view(settlement)
    assert cash is not None and cash.state is PaymentState.BOOKED
    assert [one.name for one in bench.chain.mined] == ["Locked", "Settled"]
    assert bench.trade.state is TradeState.EARMARKED
    told = [one.body for one in bench.mailbox.messages.values()]
    assert not any(isinstance(one, SettlementConfirmation) for one in told)
    bench.chain.halts = []
    passes(bench)
    assert bench.trade.state is TradeState.SETTLED


def test_who_accepts_and_why_is_in_the_journal(bench: Bench) -> None:
    """Also where the service had no pass in between: the break is told first."""
    events = MemoryEvents()
    assert accept(bench.book, events, bench.clock, "A", "b") == () and not bench.book.journal("chain")
    events.go_back(BEGINNING, BEGINNING, halt=HALT)
    assert [one.number for one in accept(bench.book, events, bench.clock, "A. Turing", "looked")] == [1]
    assert [one.entry.kind for one in bench.book.journal("chain")] == ["break", "reorganisation accepted"]
    facts = bench.book.journal("chain")[-1].entry.facts
    assert (facts["by"], facts["why"], facts["block"], facts["halt"]) == ("A. Turing", "looked", "7", "1")
    assert not events.halts()
    events.go_back(BEGINNING, BEGINNING, halt=HALT)
    assert tell(bench.book, events.halts(), bench.clock.now()), "the next is another"
    assert not tell(bench.book, events.halts(), bench.clock.now())
