"""What the faults strike: a world in which trades are under way, and instants at which something is decided."""

from collections import Counter
from datetime import timedelta

import pytest

from lockstep.domain.payment import PaymentState
from lockstep.simulation.boundaries import due_instants
from lockstep.simulation.faults import FaultPlan
from lockstep.simulation.ground import ground
from lockstep.simulation.market import CLOSES, MARKET, PAY_BY
from lockstep.simulation.running import run_seed
from lockstep.simulation.streams import Streams
from lockstep.simulation.trades import posts
from lockstep.simulation.world import World

CALM = FaultPlan(only=frozenset())


def test_when_the_faults_end_trades_are_in_every_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third of them at least are paid by then; if not, what follows the payment was never struck."""
    found: Counter[str] = Counter()
    heal = World.heal

    def counted(world: World) -> None:
        found.update(one.state.value for one in world.trades())
        heal(world)

    monkeypatch.setattr(World, "heal", counted)
    for seed in range(1, 31):
        run_seed(seed)
    assert set(found) == {"MATCHED", "LOCKED", "EARMARKED", "PAID", "SETTLED", "RELEASED", "CANCELLED"}
    assert 3 * (found["PAID"] + found["SETTLED"]) >= found.total()


def test_a_day_is_not_cut_off_before_money_is_under_way() -> None:
    world = World(ground(), 3, CALM)
    try:
        world.faults.step = world.steps
        assert due_instants(world) == {}
        while not any(one.state in (PaymentState.HELD, PaymentState.PENDING) for one in world.facts().payments):
            world.hand_in()
            for name in world.cast:
                world.run(name)
            if (found := due_instants(world)) and "cut-off" not in found:
                assert {"lock-by"} == set(found) and found["lock-by"] > world.clock.now()
            world.mine()
            world.clock.advance(10)
        found = due_instants(world)
        assert (found["cut-off"].time(), found["end-of-day"].time()) == (PAY_BY, CLOSES)
        world.faults.step = world.steps // 3
        assert "cut-off" not in due_instants(world), "early in a run the day goes on"
    finally:
        world.close()


def test_participants_hand_in_early_and_some_trades_are_alike() -> None:
    alike = 0
    for seed in range(40):
        found = posts(MARKET, MARKET.opening, Streams(seed).stream("trades"), steps=180, cancel=None)
        assert all(one.after <= 180 // 9 + 5 for one in found)
        terms = Counter(b"<Qty>" + one.data.partition(b"<Qty>")[2][:60] for one in found if one.name.endswith("DELI"))
        alike += any(times > 1 for times in terms.values())
    assert alike > 10


def test_a_party_that_is_late_sees_an_older_head() -> None:
    world = World(ground(), 5, FaultPlan(rates={"node-behind": 1.0}, swarm=False))
    try:
        world.run("agent-1")
        provider, node = world.ground.nodes["agent-1"]
        assert 1 <= provider.behind <= 6
        assert node.head().number == world.chain.head.number - provider.behind
        world.faults.active = False
        world.clock.advance(int(timedelta(hours=1).total_seconds()))
        world.run("agent-1")
        assert node.head().number == world.chain.head.number
    finally:
        world.close()
