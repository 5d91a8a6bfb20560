"""The first day on a chain, with an RTGS that does everything wrong at once: every trade ends right, or waits."""

from pathlib import Path

import pytest

from lockstep.app.auditing import audit
from lockstep.app.intake import expand, submit_file
from lockstep.app.market_file import read_market
from lockstep.app.world import World
from lockstep.domain.trade import TradeState
from lockstep.rtgs.faults import parse

pytestmark = pytest.mark.deep
DAY = Path(__file__).parents[2] / "examples" / "first-day"
RULES = [
    {"kind": "delay", "probability": "0.3", "seconds": 70},
    {"kind": "reorder", "probability": "0.2"},
    {"kind": "duplicate", "probability": "0.2", "seconds": 15},
    {"kind": "loss", "probability": "0.15"},
    {"kind": "loss", "direction": "in", "probability": "0.15"},
    {"kind": "duplicate", "direction": "in", "probability": "0.2", "seconds": 40},
    {"kind": "answer_lost", "probability": "0.1"},
    {"kind": "outage", "calls": 5},
]
PASSES = 150
"""Of twenty seconds each, in each wave: what is lost twice or three times is asked for again."""


@pytest.mark.parametrize("seed", range(2))
def test_the_day_ends_and_every_invariant_holds(seed: int, tmp_path: Path) -> None:
    file = read_market(DAY / "market.toml")
    world = World(file, tmp_path / "world")
    world.rtgs.faults.set(parse({"seed": seed, "rules": RULES}), by="test")
    waves = sorted(path for path in DAY.iterdir() if path.is_dir())
    for place, wave in enumerate(waves):
        world.move_to(file.opening + place * (file.pay_by_instant - file.opening) / len(waves))
        for path in expand([wave]):
            submit_file(world.reception, path, lambda _: None)
        passes(world)
    world.close_day()
    passes(world)
    passes(world)
    trades = world.book.trades()
    assert not [trade.state for trade in trades if not trade.state.is_end]
    assert [trade.state for trade in trades].count(TradeState.SETTLED) >= 12
    status = world.rtgs.faults.status()
    assert sum(use.struck for use in status.uses) > 100
    found = audit(
        world.chain.node,
        world.market,
        world.rtgs.facts(),
        [one for trade in trades if trade.settlement_id for one in world.board.attestations(trade.settlement_id)],
        {str(trade.settlement_id or trade.trade_id): trade.state for trade in trades},
        world.book.journal(),
        ended=True,
        terms=[trade.terms for trade in trades],
    )
    assert not any(found.values()), found
    world.close()


def passes(world: World) -> None:
    for _ in range(PASSES):
        world.tick()
