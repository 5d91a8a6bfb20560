"""The parallel run's page by command: made from a database, as of the journal's last entry, the same each time."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars
import pytest
from test_shadow import BOND, GATES, MARKET, Bench, days
from typer.testing import CliRunner

from lockstep.app import shadow_page
from lockstep.cli.commands import app
from lockstep.domain.errors import InvalidInput, Misconfigured, Unavailable
from lockstep.ports import Change


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.book.commit(Change(trades=(made.trade,)))
    yield made
    made.engine.dispose()


@pytest.fixture
def command(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    home = SimpleNamespace(root=tmp_path, market=lambda: MARKET, clock=lambda: bench.clock)
    monkeypatch.setattr("lockstep.cli.shadow.Home", lambda _: home)
    monkeypatch.setattr("lockstep.app.shadow_page.open_book", lambda _: bench.book)

    def run(*arguments: str) -> bytes:
        done = CliRunner().invoke(app, ["shadow", "report", *arguments])
        if isinstance(done.exception, Exception):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout_bytes

    return run


def test_the_run_is_one_page_in_every_form(bench: Bench, command: Any, tmp_path: Path) -> None:
    (tmp_path / "gates.toml").write_text(GATES)
    for day in days(2):
        bench.score(day)
    told = json.loads(command("--format", "json"))
    last = bench.book.journal()[-1]
    assert (told["kind"], told["source"]["journalNumber"]) == ("parallel", last.number)
    assert told["source"]["journalHash"] == last.hash
    assert [one["value"] for one in told["figures"] if one["title"] in ("Trades agree", "May go on")] == [
        "100 %",
        "1 of 1",
    ]
    (security,) = next(one for one in told["tables"] if one["name"] == "securities")["rows"]
    assert (security["isin"], security["stage"], security["gate"], security["days"]) == (BOND, "shadow", "met", 2)
    out = tmp_path / "page.html"
    assert f"{out}: ".encode() in command("--format", "html", "--out", str(out))
    bench.clock.advance(3_600)
    assert command("--format", "html") == out.read_bytes()
    assert b"Parallel run" in out.read_bytes() and b"Parallel run" in command()
    assert polars.read_parquet(io.BytesIO(command("--format", "parquet", "--table", "days"))).height == 2


def test_without_gates_it_tells_of_none_unless_a_file_was_named(bench: Bench, command: Any, tmp_path: Path) -> None:
    bench.score(days(1)[0])
    told = json.loads(command("--format", "json"))
    assert next(one for one in told["tables"] if one["name"] == "gates")["rows"] == []
    with pytest.raises(Misconfigured, match=r"other\.toml"):
        command("--gates", str(tmp_path / "other.toml"))


def test_before_anything_was_entered_there_is_nothing_to_tell(command: Any) -> None:
    with pytest.raises(InvalidInput, match="at least one entry"):
        command()


def test_no_xml_says_it(bench: Bench, command: Any) -> None:
    bench.score(days(1)[0])
    with pytest.raises(InvalidInput, match="this is parallel"):
        command("--format", "xml")


def test_records_that_change_while_they_are_read_are_read_again(
    bench: Bench, command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.score(days(1)[0])
    before = json.loads(command("--format", "json"))["source"]["journalNumber"]
    read, left = shadow_page.parallel_run, [1]

    def slow(desk: Any) -> Any:
        found = read(desk)
        if left:
            bench.score(days(len(left) + 1)[-1])
            left.pop()
        return found

    monkeypatch.setattr(shadow_page, "parallel_run", slow)
    told = json.loads(command("--format", "json"))
    assert told["source"]["journalNumber"] == bench.book.journal()[-1].number > before
    assert len(next(one for one in told["tables"] if one["name"] == "days")["rows"]) == 2
    sizes = iter(range(1, 100))
    monkeypatch.setattr(type(bench.book), "journal_size", lambda _: next(sizes))
    with pytest.raises(Unavailable, match="grew while it was read"):
        command()
