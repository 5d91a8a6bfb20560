"""A folder of sixty-odd trades with one bad one of every kind: the others settle, each bad one ends with its reason."""

from collections.abc import Callable
from pathlib import Path

from lockstep.testing.bad_trades import KINDS
from lockstep.testing.trade_files import FileMarket

from .directory import SPECIALS, Directory
from .running import Installation


def test_a_folder_with_bad_trades(installed: Callable[[Path], Installation], tmp_path: Path) -> None:
    bad, good = len(KINDS), 2 * len(KINDS)
    market = FileMarket(trades=bad + good, banks=4, securities=1, specials=SPECIALS)
    (tmp_path / "market.toml").write_text(market.text())
    day = installed(tmp_path / "market.toml")
    directory = Directory(day, market, tmp_path / "trades", good, bad, seconds=180)
    directory.play()
    directory.judge()
