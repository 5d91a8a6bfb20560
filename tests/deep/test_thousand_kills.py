"""Two workers on one PostgreSQL under load, SIGKILLed at random, a thousand times in parts that add up (I6).

Each part is a market of its own: some fifty kills, then peace, then judgement. What is done is kept in
`.build/workers_killed.json` and the next run goes on from there; other code begins anew.
"""

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from acceptance.conftest import chain, forks, installed
from acceptance.running import Installation
from acceptance.workers import Killing
from lockstep.simulation.long import revision
from lockstep.testing.parts import Kept
from lockstep.testing.trade_files import FileMarket
from stores import PostgresqlStore

__all__ = ["chain", "forks", "installed"]

pytestmark = pytest.mark.deep

KEPT = Path(__file__).parents[2] / ".build" / "workers_killed.json"
KILLS, OF_A_PART = 1_000, 50
SECONDS = "LOCKSTEP_KILLING_SECONDS"
"""The budget of this run, 3600 if it is not set: no part begins after it."""
TRADES = 600
"""At most, of a part."""
PART_SECONDS = 1_800


@dataclass
class Progress(Kept):
    """What is done of one revision."""

    kills: int = 0
    trades: int = 0
    parts: int = 0


def test_a_thousand_kills(
    installed: Callable[..., Installation],
    postgresql_server: PostgresqlStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress, began = Progress.of(KEPT, revision()), time.monotonic()
    while progress.kills < KILLS and time.monotonic() - began < float(os.environ.get(SECONDS, "3600")):
        part = tmp_path / str(progress.parts)
        part.mkdir()
        market = FileMarket(trades=TRADES, banks=3, securities=1, seed=progress.parts)
        (part / "market.toml").write_text(market.text())
        day = installed(part / "market.toml", postgresql_server.fresh())
        killing = Killing(day, market, part / "trades", random.Random(progress.parts))
        killing.play(min(OF_A_PART, KILLS - progress.kills), PART_SECONDS)
        killing.judge()
        day.close()
        progress.kills += killing.kills
        progress.trades += killing.trades
        progress.parts += 1
        progress.keep(KEPT)
        with capsys.disabled():
            print(f"\n{progress.kills} kills, {progress.trades} trades, {progress.parts} parts", flush=True)
    assert progress.kills > 0
