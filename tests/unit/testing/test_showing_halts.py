"""That the service is halted is shown first, with what has it go on, and by every list of trades."""

import json
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from lockstep.app import processes
from lockstep.app.home import Home
from lockstep.cli.commands import app
from lockstep.domain.chain_events import Reorganisation
from lockstep.testing.fakes import FakeBook, example_market

DEEP = Reorganisation(block=7, ours="ab" * 32, theirs="cd" * 32, depth=9, settlements=("5e" * 32,), number=1)


def listed(patch: pytest.MonkeyPatch, halts: Sequence[Reorganisation], *options: str) -> str:
    book = FakeBook()
    patch.setattr(processes, "open_book", lambda _: book)
    patch.setattr(processes, "open_ledger", lambda _: None)
    patch.setattr(processes, "open_halts", lambda _: SimpleNamespace(halts=lambda: halts))
    patch.setattr(Home, "market", lambda _: example_market())
    result = CliRunner().invoke(app, ["trades", *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_first_of_all_and_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, *rest = listed(monkeypatch, [DEEP], "--home", str(tmp_path)).splitlines()
    assert first == "THE SERVICE IS HALTED: the chain replaced blocks that were final."
    told = "\n".join(rest)
    assert f"block 7 was {'ab' * 32} and is {'cd' * 32} now" in told
    command = f"lockstep resume --home {tmp_path} --accept-reorganisation --by WHO --why WHY"
    assert 0 < told.index(command) < told.index("Trades")


def test_the_folder_is_named_where_it_is_not_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "lockstep resume --accept-reorganisation" in listed(monkeypatch, [DEEP])
    assert "lockstep resume --home 'my house' --accept" in listed(monkeypatch, [DEEP], "--home", "my house")


def test_for_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.loads(listed(monkeypatch, [DEEP], "--json"))
    assert told["halted"] is True and told["trades"] == []
    (one,) = told["reorganisations"]
    assert (one["block"], one["depth"], one["settlements"]) == (7, 9, ["5e" * 32])
    assert json.loads(listed(monkeypatch, [], "--json")) == {"halted": False, "reorganisations": [], "trades": []}


def test_nothing_of_it_where_it_is_not_halted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = listed(monkeypatch, [])
    assert "HALTED" not in shown and "resume" not in shown and "Trades" in shown
