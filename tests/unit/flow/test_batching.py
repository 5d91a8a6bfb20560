"""Deliveries on one signature of each agent: only where that saves something, and never waited for long."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from bulk_world import BulkBench
from flow_world import UNAVAILABLE, check

from lockstep.domain.errors import ContractRefused
from lockstep.domain.order import BatchSignature
from lockstep.domain.trade import TradeState
from lockstep.flow.batching import PATIENCE
from lockstep.testing.fakes import FakeBoard

MANY = 5


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[BulkBench]:
    """Paid by all accounts; the service is about to deliver."""
    bench = BulkBench(tmp_path)
    bench.instruct_many(MANY)
    for _ in range(20):
        bench.rtgs.expire()
        bench.engine.run_once()
        bench.chain.mine(3)
        bench.clock.advance(20)
        for agent in bench.agents:
            agent.step()
        if len(bench.rtgs.booked) == MANY and all(len(one.all()) == MANY for one in bench._registers):
            break
    yield bench
    check(bench)
    bench.close()


def passes(bench: BulkBench, count: int = 1, *, seconds: float = 1) -> None:
    for _ in range(count):
        bench.engine.run_once()
        bench.chain.mine()
        bench.clock.advance(seconds)


def delivered(bench: BulkBench) -> int:
    return bench.events().count("Settled")


def test_asked_once_and_sent_once_when_a_quorum_has_signed(bench: BulkBench) -> None:
    passes(bench)
    (batch,) = bench.board.asked_batches.values()
    assert len(batch.settlements) == MANY and delivered(bench) == 0
    assert all("settle" in trade.intents for trade in bench.book.trades()), "durable before anybody is asked"
    bench.sign_batches(0, 1)
    passes(bench)
    assert delivered(bench) == 0 and len(bench.board.asked_batches) == 1
    bench.sign_batches(0, 1, 3)
    passes(bench)
    assert delivered(bench) == MANY
    assert bench.assets.counted.calls["settle_batch"] == 1 and bench.assets.counted.calls["settle_all"] == 0
    passes(bench, 8)
    assert all(trade.state is TradeState.SETTLED for trade in bench.book.trades())
    assert bench.assets.counted.calls["settle_batch"] == 1


def test_an_agent_of_the_quorum_is_down(bench: BulkBench) -> None:
    """Each goes alone after a few seconds."""
    passes(bench)
    bench.sign_batches(0, 1)
    passes(bench, int(PATIENCE.total_seconds()) - 1)
    assert delivered(bench) == 0
    passes(bench, 2)
    assert delivered(bench) == MANY and bench.assets.counted.calls["settle_batch"] == 0
    assert len(bench.board.asked_batches) == 1, "they are not asked again"


def test_a_signature_that_is_none_helps_nobody(bench: BulkBench) -> None:
    passes(bench)
    (batch,) = bench.board.asked_batches.values()
    bench.board.forged = [
        BatchSignature(batch_id=batch.id, agent=key.address, signature=b"\x01" * 65) for key in bench.agent_keys
    ]
    passes(bench)
    assert bench.assets.counted.calls["settle_batch"] == 0
    passes(bench, 6)
    assert delivered(bench) == MANY


def test_a_board_that_takes_no_batch(bench: BulkBench) -> None:
    def ask_for(_: object) -> None:
        raise UNAVAILABLE

    bench.board.ask_for = ask_for
    passes(bench)
    assert delivered(bench) == MANY


def test_agents_that_do_not_know_batches(bench: BulkBench) -> None:
    class Plain:
        def __init__(self, board: FakeBoard) -> None:
            self.attestations = board.attestations

    settler = replace(bench.settler(), board=Plain(bench.board))
    bench.engine = replace(bench.engine, settler=settler)
    passes(bench)
    assert delivered(bench) == MANY


def test_a_leg_that_is_refused_goes_alone_and_shows_why(bench: BulkBench) -> None:
    passes(bench)
    bad = bench.book.trades()[2]
    assert bad.settlement_id is not None
    bench.assets.refuses[bad.settlement_id] = ContractRefused("LegSkipped", {})
    bench.sign_batches(0, 1, 2)
    passes(bench)
    assert delivered(bench) == MANY - 1
    stored = bench.book.trade(bad.trade_id)
    assert stored is not None and stored.reason is None, "the batch was refused, not yet the delivery"
    bench.assets.before = lambda name: _refuse() if name == "settle" else None
    passes(bench, 3)
    stored = bench.book.trade(bad.trade_id)
    assert stored is not None and stored.reason is not None and "TransferRefused" in stored.reason.text
    bench.assets.before = lambda _: None
    passes(bench, 70)
    assert all(trade.state is TradeState.SETTLED for trade in bench.book.trades())
    assert bench.assets.counted.calls["settle_batch"] == 1


def _refuse() -> None:
    raise ContractRefused("TransferRefused", {})


def test_a_batch_of_which_nothing_is_known_is_sent_again(bench: BulkBench) -> None:
    passes(bench)
    bench.sign_batches(0, 1, 2)
    left = [2]

    def fail(name: str) -> None:
        if name == "settle_batch" and left[0]:
            left[0] -= 1
            raise UNAVAILABLE

    bench.assets.counted.before_all = fail
    passes(bench, 6)
    assert not left[0] and delivered(bench) == MANY and bench.assets.counted.calls["settle_all"] == 0
    assert all(trade.reason is None for trade in bench.book.trades())


def test_a_restart_forgets_the_batch_and_nothing_is_lost(bench: BulkBench) -> None:
    passes(bench)
    bench.restarted()
    passes(bench)
    bench.sign_batches(0, 1, 2)
    bench.clock.advance(5)
    passes(bench, 2)
    assert delivered(bench) == MANY


def test_one_alone_is_delivered_at_once(tmp_path: Path) -> None:
    bench = BulkBench(tmp_path)
    bench.instruct_many(1)
    bench.run()
    assert delivered(bench) == 1 and not bench.board.asked_batches
    bench.close()


def test_time_that_is_long_over_is_forgotten(bench: BulkBench) -> None:
    passes(bench, 8)
    batching = bench.engine.batching
    assert batching._asked or batching._alone
    bench.clock.advance(timedelta(hours=1).total_seconds())
    passes(bench, 2)
    assert not batching._asked and not batching._alone
