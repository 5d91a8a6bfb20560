"""What a trade needs no look for but those that it is woken for: everything, as long as nothing is lost."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from bulk_world import BatchBoard, BulkAssets, BulkBench
from flow_world import check

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.instruction import Side
from lockstep.domain.order import AssetStatus
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow.engine import Engine
from lockstep.flow.pacing import TOLD_SECONDS, Moved, Pacing

MANY = 3


class TellingAssets(BulkAssets):
    """Tells what has become final, or is gone, since it was last asked."""

    _told: Mapping[SettlementId, AssetStatus] = MappingProxyType({})

    def news(self) -> Collection[SettlementId]:
        final = self.chain.head - self.chain.network.finality_depth
        now = {one.settlement_id: self.chain.status(one.settlement_id, final) for one in self.chain.mined}
        before, self._told = self._told, now
        none = AssetStatus.NONE
        return {one for one in {*now, *before} if now.get(one, none) is not before.get(one, none)}


class TellingBoard(BatchBoard):
    """Tells of what so many have signed, once."""

    _told: Collection[SettlementId] = ()

    def news(self, at_least: int) -> Collection[SettlementId]:
        agents: dict[SettlementId, set[str]] = {}
        for one in self._left:
            agents.setdefault(one.settlement_id, set()).add(one.agent)
        told = {one for one, signers in agents.items() if len(signers) >= at_least}
        before, self._told = self._told, told
        return told - set(before)


@dataclass(frozen=True, slots=True)
class Never(Pacing):
    """No look that nothing woke, before the queue's longest."""

    def next_look(self, trade: Trade, moved: bool | Moved, now: datetime, *, failed: bool = False) -> datetime | None:
        return None if moved and not isinstance(moved, Moved) else now + timedelta(seconds=TOLD_SECONDS)


class TellingBench(BulkBench):
    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.board = TellingBoard()
        self.assets = TellingAssets(self.chain, self.board)
        self.agents = [self.agent(place) for place in range(len(self.agents))]
        self.restarted()

    def restarted(self) -> Engine:
        self.engine = replace(super().restarted(), pacing=Never())
        return self.engine


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[TellingBench]:
    bench = TellingBench(tmp_path)
    yield bench
    check(bench)
    bench.close()


def states(bench: TellingBench) -> set[TradeState]:
    return {trade.state for trade in bench.book.trades()}


def test_trades_settle_by_what_wakes_them(bench: TellingBench) -> None:
    began = bench.clock.now()
    bench.instruct_many(MANY)
    bench.run()
    assert states(bench) == {TradeState.SETTLED}
    assert bench.clock.now() - began < timedelta(seconds=TOLD_SECONDS), "else a look might have come by itself"


def test_money_that_comes_wakes_them(bench: TellingBench) -> None:
    bench.set_cash(100)
    bench.instruct_many(MANY)
    bench.run(12)
    assert states(bench) == {TradeState.LOCKED} and bench.told("MONY") == 2 * MANY
    bench.clock.advance(30)  # all that was put off for so long is far from due
    began = bench.clock.now()
    bench.fund(10**9)
    bench.run()
    assert states(bench) == {TradeState.SETTLED}
    assert bench.clock.now() - began < timedelta(seconds=TOLD_SECONDS)


@pytest.mark.parametrize("how", ["the day closes", "both cancel"])
def test_what_will_never_be_paid_is_given_back_by_what_wakes_it(bench: TellingBench, how: str) -> None:
    bench.set_cash(100)
    bench.instruct_many(1)
    bench.run(12)
    assert states(bench) == {TradeState.LOCKED}
    began = bench.clock.now()
    if how == "both cancel":
        for side in Side:
            bench.ask_to_cancel(side)
    else:
        bench.rtgs.close_day()
    bench.run()
    assert states(bench) == {TradeState.RELEASED}
    assert bench.clock.now() - began < timedelta(seconds=TOLD_SECONDS)


def test_a_service_that_begins_anew_is_woken_by_what_came_meanwhile(bench: TellingBench) -> None:
    bench.instruct_many(MANY)
    bench.run_to_locked()
    began = bench.clock.now()
    for _ in range(6):  # the agents release, the RTGS books, the agents sign: the service sleeps
        for agent in bench.agents:
            agent.step()
        bench.chain.mine()
    bench.restarted()
    bench.run()
    assert states(bench) == {TradeState.SETTLED}
    assert bench.clock.now() - began < timedelta(seconds=TOLD_SECONDS)
