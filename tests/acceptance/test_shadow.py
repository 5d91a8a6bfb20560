"""A mirror by command: everything up, marked, fed with a legacy day, which settles; nothing of another RTGS."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lockstep.app.home import Home
from lockstep.app.mirror import require_simulated
from lockstep.app.processes import open_book, open_cash
from lockstep.cli.commands import app
from lockstep.domain.errors import InvalidInput, Misconfigured, Unavailable
from lockstep.domain.trade import TradeState

from .running import Forks, stop, wait_until
from .test_up import brought_up

WEEK = Path(__file__).parents[2] / "examples" / "parallel-week"
MONDAY = ("--legacy", str(WEEK), "--day", "2026-11-23")


def shadow(home: Home, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["shadow", *arguments, "--home", str(home.root)])
    if isinstance(done.exception, Exception):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def test_a_legacy_day_settles_in_a_mirror(forks: Forks, tmp_path: Path) -> None:
    home, output = Home(tmp_path / "home"), tmp_path / "up.log"
    child = brought_up(home, WEEK / "market.toml", output, forks)
    try:
        with pytest.raises(Misconfigured, match="is no mirror"):
            shadow(home, "feed", *MONDAY)
        wait_until(lambda: answers(home), 30, "the RTGS answers")
        assert json.loads(shadow(home, "mirror", "--by", "Eva", "--json"))["is_new"]
        assert "10 instructed" in shadow(home, "feed", *MONDAY)
        assert "10 duplicate" in shadow(home, "feed", *MONDAY)
        book = open_book(home)
        wait_until(
            lambda: [one.state for one in book.trades()] == [TradeState.SETTLED] * 10, 60, "ten settle", pause=0.2
        )
        shutil.copyfile(WEEK / "gates.toml", home.root / "gates.toml")
        assert "over before it is scored" in shadow(home, "compare", *MONDAY, code=2)
        assert book.scorecards_of(home.market_file().business_day) == []
    finally:
        assert stop(child) == 0, child.output.read_text()
    network = home.root / "network.json"
    network.write_text(network.read_text().replace("http://127.0.0.1:", "https://rtgs.bank.example:"))
    with pytest.raises(Misconfigured, match="a mirror's RTGS is simulated"):
        open_cash(home)
    with pytest.raises(InvalidInput, match="--day"):
        shadow(home, "feed", "--legacy", str(WEEK), "--day", "Monday")


def answers(home: Home) -> bool:
    try:
        require_simulated(home)
    except Unavailable:
        return False
    return True
