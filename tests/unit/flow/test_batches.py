"""Many trades in one pass: asked for at once, judged by themselves."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy.exc
from bulk_world import BulkBench
from flow_world import UNAVAILABLE, Crash, check

from lockstep.domain.errors import ContractRefused, LockstepError
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.instruction import Side
from lockstep.domain.trade import TradeState
from lockstep.flow.engine import BATCH, CLAIM_SECONDS
from lockstep.testing.fakes import SELLER

MANY = 12


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[BulkBench]:
    bench = BulkBench(tmp_path)
    yield bench
    check(bench)
    bench.close()


def states(bench: BulkBench) -> Counter[TradeState]:
    return Counter(trade.state for trade in bench.book.trades())


def test_many_settle_in_as_many_calls_as_one(bench: BulkBench) -> None:
    bench.instruct_many(MANY)
    bench.run()
    assert states(bench) == {TradeState.SETTLED: MANY}
    assert Counter(bench.events()) == {"Locked": MANY, "Settled": MANY} and len(bench.rtgs.booked) == MANY
    calls, items = bench.assets.counted.calls, bench.assets.counted.items
    assert (calls["lock_all"], items["lock_all"]) == (1, MANY)
    assert items["settle_batch"] + items["settle_all"] == MANY and calls["settle_batch"] == 1
    assert (calls["obstacles"], calls["free_nonces"]) == (1, 1)
    assert bench.cash.counted.calls["send_all"] <= 2 and bench.cash.counted.items["send_all"] == MANY
    assert calls["histories"] <= 2, "the fake's last lock is in a later block than the others, and goes behind them"
    assert bench.book.commits < 2 * MANY + 40, "one for each instruction, and a few for all"


def test_what_is_seen_is_stored_with_what_is_decided_on_at_once(bench: BulkBench, monkeypatch: Any) -> None:
    """And before it is done: who dies in between begins where the intent says."""
    kinds, real = list[tuple[str, ...]](), type(bench.book).commit_all

    def commit_all(book: Any, changes: Any) -> Any:
        kinds.extend(tuple(entry.kind for entry in change.entries) for change in changes)
        return real(book, changes)

    monkeypatch.setattr(type(bench.book), "commit_all", commit_all)
    bench.assets.counted.before_all = bench.cash.counted.before_all = lambda name: kinds.append((name,))
    bench.instruct_many(1)
    bench.run_to_locked()
    for _ in range(6):  # the agents release, the RTGS books, and they sign, while the service sleeps
        for agent in bench.agents:
            agent.step()
        bench.chain.mine()
    bench.run()
    assert states(bench) == {TradeState.SETTLED: 1}
    for seen, then in ((("locked", "cash intended"), "send_all"), (("paid", "settle intended"), "settle_all")):
        assert kinds.count(seen) == 1 and kinds.index(seen) < kinds.index((then,))
    assert bench.book.trades()[0].intents.keys() == {"lock", "cash", "settle"}


def test_trades_of_one_seller_have_nonces_of_their_own(bench: BulkBench) -> None:
    bench.instruct_many(MANY)
    bench.engine.run_once()
    nonces = [trade.order.movement.nonce for trade in bench.book.trades() if trade.order is not None]
    assert sorted(nonces) == list(range(MANY))
    assert bench.book.next_order_nonce(bench.wallet_of(SELLER)) == MANY


def test_what_waits_for_units_reserves_no_nonce(bench: BulkBench) -> None:
    """The seller's free units are shared by the batch: what is too much waits, and is told once."""
    bench.chain.issued[bench.token, bench.wallet_of(SELLER)] = 100_100 + 100_200 + 50
    bench.instruct_many(3)
    bench.engine.run_once()
    first, second, third = bench.book.trades()
    assert first.order is not None and second.order is not None
    assert third.order is None and third.reason is not None and third.reason.code == "LACK"
    assert bench.book.next_order_nonce(bench.wallet_of(SELLER)) == 2
    bench.chain.issued[bench.token, bench.wallet_of(SELLER)] = 10**9
    bench.run()
    assert states(bench) == {TradeState.SETTLED: 3} and bench.told("LACK") == 2


def test_one_bad_lock_is_set_apart_and_nothing_is_sent_again(bench: BulkBench) -> None:
    bench.instruct_many(MANY)
    bench.engine.run_once()
    bad = bench.book.trades()[4]
    assert bad.settlement_id is not None
    bench.assets.refuses[bad.settlement_id] = ContractRefused("NotEligible", {"wallet": "0x"})
    bench.run(30)
    assert states(bench) == {TradeState.SETTLED: MANY - 1, TradeState.MATCHED: 1}
    assert bench.assets.counted.calls["lock_all"] == 1 and bench.assets.counted.items["lock_all"] == MANY
    left = bench.book.trade(bad.trade_id)
    assert left is not None and left.reason is not None and "NotEligible" in left.reason.text
    bench.assets.refuses.clear()
    bench.clock.advance(3600)
    bench.run(30)
    assert states(bench) == {TradeState.SETTLED: MANY - 1, TradeState.CANCELLED: 1}


def test_a_trade_that_breaks_is_for_people_and_the_others_go_on(bench: BulkBench) -> None:
    bench.instruct_many(3)
    bench.engine.run_once()
    bad = bench.book.trades()[1]
    assert bad.settlement_id is not None
    bench.assets.refuses[bad.settlement_id] = LockstepError("nobody knows why")
    bench.run(12)
    assert states(bench) == {TradeState.SETTLED: 2, TradeState.MATCHED: 1}
    left = bench.book.trade(bad.trade_id)
    assert left is not None and left.reason is not None and str(left.reason) == "BREAK: nobody knows why"
    assert bench.told("BREAK") == 2, "once, to both"
    bench.assets.refuses.clear()
    bench.run()
    assert states(bench) == {TradeState.SETTLED: 3}


@pytest.mark.parametrize("call", ["views", "lock_all", "settle_batch", "obstacles", "settlements_of_all", "histories"])
@pytest.mark.parametrize("error", [UNAVAILABLE, Crash()], ids=["unavailable", "crash"])
def test_one_failure_of_all_changes_nothing(bench: BulkBench, call: str, error: BaseException) -> None:
    """Unknown is held for all of them; after a death each begins where its intent says."""
    failed = []

    def fail(name: str) -> None:
        if name == call and not failed:
            failed.append(name)
            raise error

    bench.assets.counted.before_all = fail
    bench.instruct_many(5)
    for _ in range(40):
        try:
            bench.tick()
        except Crash:
            bench.restarted()
    assert failed and states(bench) == {TradeState.SETTLED: 5}
    assert Counter(bench.events()) == {"Locked": 5, "Settled": 5} and len(bench.rtgs.booked) == 5
    assert all(trade.attempt == 1 for trade in bench.book.trades())


def test_dead_between_intent_and_act_and_in_the_middle_of_acting(bench: BulkBench) -> None:
    """What was sent before the death is not sent as another thing after it."""
    bench.instruct_many(6)
    bench.engine.run_once()
    left = [3]

    def die(name: str) -> None:
        left[0] -= name == "lock"
        if left[0] < 0:
            raise Crash

    bench.assets.before = die
    with pytest.raises(Crash):
        bench.engine.run_once()
    assert [("lock" in trade.intents, trade.state) for trade in bench.book.trades()] == [(True, TradeState.MATCHED)] * 6
    assert bench.events() == ["Locked"] * 3
    bench.assets.before = lambda _: None
    bench.restarted()
    bench.run()
    assert states(bench) == {TradeState.SETTLED: 6}
    assert Counter(bench.events()) == {"Locked": 6, "Settled": 6}


def test_a_cancellation_meanwhile_is_one_trades_conflict(bench: BulkBench) -> None:
    bench.instruct_many(3)
    bench.engine.run_once()
    asked = []

    def ask(name: str) -> None:
        if name == "views" and not asked:
            asked.append(bench.ask_to_cancel(Side.DELIVER, 2))

    bench.assets.counted.before_all = ask
    assert bench.engine.run_once()
    first, second, third = bench.book.trades()
    assert (Side.DELIVER in second.cancel_asked, "lock" in second.intents) == (True, False)
    assert "lock" in first.intents and "lock" in third.intents
    bench.run()
    assert states(bench) == {TradeState.SETTLED: 3}, "one party alone cancels nothing"


def test_more_than_a_batch_is_stepped_in_a_pass_and_first_what_moves(bench: BulkBench) -> None:
    bench.instruct_many(BATCH + 3)
    bench.engine.run_once()
    items = bench.assets.counted.items
    assert (items["obstacles"], items["lock_all"]) == (BATCH, BATCH), "who has signed goes on"
    bench.engine.run_once()
    assert items["obstacles"] == BATCH + 3


# --- several workers


def test_a_late_worker_harms_nobody(tmp_path: Path) -> None:
    """Its trades were claimed by another while it slept: what it writes of them is refused, for each of them."""
    bench = BulkBench(tmp_path)
    bench.instruct_many(4)
    bench.engine.run_once()
    late, slept = bench.opened(), []
    settler = bench.settler()

    def sleep(name: str) -> None:
        if name == "views" and not slept:
            slept.append(True)
            bench.clock.advance(CLAIM_SECONDS)
            other = bench.restarted()
            other.run_once()
            assert {"lock" in trade.intents for trade in bench.book.trades()} == {True}

    bench.assets.counted.before_all = sleep
    sleeper = replace(bench.engine, settler=replace(settler, book=late), worker="late")
    sleeper.run_once()
    assert slept and all(trade.reason is None for trade in bench.book.trades())
    bench.run()
    assert states(bench) == {TradeState.SETTLED: 4}
    assert Counter(bench.events()) == {"Locked": 4, "Settled": 4}
    check(bench)
    bench.close()


def test_two_workers_share_the_trades(tmp_path: Path) -> None:
    bench = BulkBench(tmp_path)
    bench.instruct_many(6)
    bench.engine.run_once()
    bench.clock.advance(5)
    other = replace(bench.engine, settler=replace(bench.settler(), book=bench.opened()), worker="other")
    first = bench.book.claim("service", 4, CLAIM_SECONDS)
    other.step_trades()
    locked = {trade.trade_id for trade in bench.book.trades() if "lock" in trade.intents}
    assert len(first) == 4 and len(locked) == 2
    assert not locked & {one.trade.trade_id for one in first}
    bench.close()


# --- what nobody foresaw


def failing_for(bench: BulkBench, call: str, settlement: SettlementId) -> list[str]:
    """The chain's adapter fails over this settlement, and so over all that it is asked at once with it."""
    failed: list[str] = []
    real = getattr(bench.assets, call)

    def fails(asked: Any, *more: Any) -> Any:
        names = [one if isinstance(one, str | tuple) else one.settlement_id for one in asked]
        if any(settlement == (one[0] if isinstance(one, tuple) else one) for one in names):
            failed.append(call)
            raise OverflowError("int too big to convert")
        return real(asked, *more)

    setattr(bench.assets, call, fails)
    return failed


@pytest.mark.parametrize("call", ["lock_all", "views", "histories", "settle_batch"])
def test_a_trade_at_which_the_service_fails_is_set_apart(
    bench: BulkBench, call: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The others settle. It is told to both once, logged with its traceback, and taken up again."""
    bench.instruct_many(4)
    bench.engine.run_once()
    bad = bench.book.trades()[2]
    assert bad.settlement_id is not None
    failed = failing_for(bench, call, bad.settlement_id)
    bench.run(40)
    assert failed
    if call == "settle_batch":
        assert states(bench) == {TradeState.SETTLED: 4}, "the others without the batch, and then this one alone"
    else:
        assert states(bench)[TradeState.SETTLED] == 3
        left = bench.book.trade(bad.trade_id)
        assert left is not None and left.reason is not None and not left.state.is_end
        assert str(left.reason).startswith("BREAK: the service failed at this trade (OverflowError)")
        assert bench.told("BREAK") == 2, "once, to both"
        logged = [one for one in caplog.records if bad.trade_id in one.getMessage()]
        assert logged and all(one.levelname == "ERROR" and one.exc_info is not None for one in logged)
        assert len(logged) < 20, "ever more rarely"
    del bench.assets.__dict__[call]
    bench.restarted()
    bench.run(40)
    assert states(bench) == {TradeState.SETTLED: 4}


def test_where_it_cannot_be_stored_the_others_go_on_all_the_same(
    bench: BulkBench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.instruct_many(3)
    bench.engine.run_once()
    bad = bench.book.trades()[1]
    real = bench.book.commit_all

    def commit_all(changes: Any) -> Any:
        if any(trade.trade_id == bad.trade_id for change in changes for trade in change.trades):
            raise OverflowError("int too big to convert")
        return real(changes)

    bench.book.commit_all = commit_all
    bench.run(40)
    assert states(bench)[TradeState.SETTLED] == 2
    assert any("cannot be set apart" in one.getMessage() for one in caplog.records)
    del bench.book.commit_all
    bench.clock.advance(60)
    bench.run(40)
    assert states(bench) == {TradeState.SETTLED: 3}


def test_records_that_fail_end_the_pass(bench: BulkBench) -> None:
    bench.instruct_many(3)
    bench.engine.run_once()

    tries = []

    def broken(changes: Any) -> Any:
        tries.append(len(changes))
        raise sqlalchemy.exc.OperationalError("COMMIT", {}, sqlite3.OperationalError("disk I/O error"))

    bench.book.commit_all = broken
    with pytest.raises(sqlalchemy.exc.OperationalError, match="disk"):
        bench.run(10)
    assert len(tries) == 1, "at once"
    del bench.book.commit_all
    bench.restarted()
    bench.run()
    assert states(bench) == {TradeState.SETTLED: 3}
