"""Ten thousand trades in a folder, a hundredth bad, of every kind: each ends with its reason, all others settle."""

from collections.abc import Callable
from pathlib import Path

import pytest

from acceptance.conftest import chain, forks, installed
from acceptance.directory import SPECIALS, Directory
from acceptance.running import Installation
from lockstep.testing.trade_files import FileMarket

__all__ = ["chain", "forks", "installed"]

pytestmark = pytest.mark.deep

TRADES, BAD = 10_000, 100
SECONDS = 7_200


def test_ten_thousand_trades(installed: Callable[[Path], Installation], tmp_path: Path) -> None:
    market = FileMarket(trades=TRADES, specials=SPECIALS)
    (tmp_path / "market.toml").write_text(market.text())
    day = installed(tmp_path / "market.toml")
    directory = Directory(day, market, tmp_path / "trades", TRADES - BAD, BAD, seconds=SECONDS)
    directory.play()
    directory.judge()
