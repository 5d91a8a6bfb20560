"""A mirror by command: everything up, marked, fed with a legacy day, which settles; nothing of another RTGS."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from lockstep.app.home import Home
from lockstep.app.mirror import require_simulated
from lockstep.app.processes import open_book, open_cash
from lockstep.cli.commands import app
from lockstep.domain.errors import InvalidInput, Misconfigured, Unavailable
from lockstep.domain.trade import TradeState

from .running import Forks, Installation, stop, wait_until
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


def settled(place: Installation) -> int:
    return sum(one.state is TradeState.SETTLED for one in place.trades().values())


def ask_chain(rpc: str, method: str, words: list[Any]) -> None:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": words}
    answer = requests.post(rpc, json=body, timeout=10).json()
    assert "error" not in answer, answer


def test_a_day_is_compared_with_all_four_books(installed: Callable[..., Installation]) -> None:
    """Monday settles in processes of their own; on Tuesday morning chain, RTGS, service and legacy book speak. What is
    found is what was planted in Monday's files, and the cards count it: ten trades, fifteen positions, ten balances."""
    place = installed(WEEK / "market.toml")
    home, others = place.home, [f"agent-{number}" for number in range(1, 5)]
    place.start("rtgs", *others, "service")
    wait_until(lambda: answers(home), 30, "the RTGS answers")
    shadow(home, "mirror", "--by", "Eva")
    shadow(home, "feed", *MONDAY)
    wait_until(lambda: settled(place) == 10, 60, "ten settle", pause=0.2)
    place.stop()
    network = home.root / "network.json"
    settings = json.loads(network.read_text())
    network.write_text(json.dumps(settings | {"clock_offset_seconds": settings["clock_offset_seconds"] + 86_400}))
    for method, words in (("evm_increaseTime", [86_400]), ("anvil_mine", [hex(10)])):
        ask_chain(place.rpc, method, words)
    shutil.copyfile(WEEK / "gates.toml", home.root / "gates.toml")
    compare = ("compare", *MONDAY, "--rules", str(WEEK / "rules.toml"), "--json")
    assert place.book.scorecards_of(place.home.market_file().business_day) == []
    place.start("rtgs", "service")
    wait_until(lambda: answers(home), 30, "the RTGS answers")
    both = [place.forks.start(["shadow", *compare, *place.place], home.root / f"compare-{n}.log", {}) for n in (1, 2)]
    wait_until(lambda: all(one.poll() is not None for one in both), 60, "two have compared at once")
    assert [one.poll() for one in both] == [1, 1], [one.output.read_text() for one in both]
    size = place.book.journal_size()
    told = json.loads(shadow(home, *compare, code=1))
    assert [(one["book"], one["silent"]) for one in told["run"]["books"]] == [
        (name, {}) for name in ("chain", "rtgs", "service", "legacy")
    ]
    found = Counter((*one["key"].split("|")[:1], one["book"], one["class"]) for one in told["run"]["open"])
    planted = [one for one in json.loads((WEEK / "planted.json").read_text()) if "2026-11-23" in one["found"]]
    assert found == Counter((one["subject"], one["book"], one["found"]["2026-11-23"]) for one in planted)
    balances = {one["key"].partition("|")[2] for one in told["run"]["open"] if not one["key"].startswith("trade")}
    assert balances == {one["name"] for one in planted if one["subject"] != "trade"}
    whole = told["scorecards"][0]["whole"]
    assert {name: (one["compared"], one["agreed"]) for name, one in whole["agreement"].items()} == {
        "trades": (10, 6),
        "positions": (15, 12),
        "cash": (10, 7),
        "events": (11, 8),
    }
    assert {one.version for one in place.book.scorecards_of(place.home.market_file().business_day)} == {1}
    later = [row.entry.kind for row in place.book.journal(after=size)]
    assert {*later} <= {"reconciled"}, "the same again is told as a run, and changes nothing"
