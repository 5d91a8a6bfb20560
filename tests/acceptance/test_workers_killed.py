"""Two workers on the same records, killed a few times at random moments (I6). `make deep` does it a thousand times."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.testing.trade_files import FileMarket

from .running import Installation
from .workers import Killing

KILLS, TRADES = 6, 36


@pytest.mark.parametrize("on", [pytest.param("sqlite", marks=pytest.mark.deep), "postgresql"])
def test_two_workers_killed(
    installed: Callable[..., Installation], tmp_path: Path, request: pytest.FixtureRequest, on: str
) -> None:
    market = FileMarket(trades=TRADES, banks=3, securities=1)
    (tmp_path / "market.toml").write_text(market.text())
    database = request.getfixturevalue("postgresql_server").fresh() if on == "postgresql" else None
    killing = Killing(installed(tmp_path / "market.toml", database), market, tmp_path / "trades", random.Random(1))
    killing.play(KILLS, 120)
    killing.judge()
