"""Reports of a settled first day: what they say of it, and that nothing but the question changes a byte."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lockstep.app.intake import expand, submit_files
from lockstep.app.market_file import read_market
from lockstep.app.reconciling import Sources, of_world
from lockstep.app.report_forms import as_form
from lockstep.app.reporting import KINDS, Asked, make_report
from lockstep.app.world import World
from lockstep.chain.ledger import read
from lockstep.cli.commands import app
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.journal import Entry
from lockstep.iso20022 import read as read_message
from lockstep.iso20022 import write
from lockstep.ports import Change
from lockstep.reports.model import Report
from lockstep.rtgs.page_views import statement_messages
from lockstep.simulation.chain import SimulatedChain
from lockstep.store import SqlBook, open_database

ROOT = Path(__file__).resolve().parents[3]
FIRST_DAY = ROOT / "examples" / "first-day"
OF_JOURNAL = ("efficiency", "transactions", "audit", "breaks", "cash")
FORMS = ("terminal", "csv", "json", "html")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    file = read_market(FIRST_DAY / "market.toml")
    made = World(file, tmp_path_factory.mktemp("world"), chain=SimulatedChain)
    waves = sorted(path for path in FIRST_DAY.iterdir() if path.is_dir())
    for place, wave in enumerate(waves):
        made.move_to(file.opening + place * (file.pay_by_instant - file.opening) / len(waves))
        submit_files(made.reception, expand([wave]))
        made.run_until_quiet()
    made.close_day()
    made.run_until_quiet()
    yield made
    made.close()


@pytest.fixture(scope="module")
def sources(world: World) -> Sources:
    return of_world(world)


def rows(report: Report, name: str) -> list[dict[str, object]]:
    table = report.table(name)
    return [dict(zip([one.name for one in table.columns], row, strict=True)) for row in table.rows]


def test_efficiency_of_the_first_day(sources: Sources) -> None:
    """Of 18 trades 15 settled, one failed for want of money, two were cancelled; examples/first-day/README.md."""
    report = make_report(sources, Asked(kind="efficiency"))
    days = rows(report, "days")
    assert [(one["currency"], one["settled"], one["failed"], one["cancelled"]) for one in days] == [
        ("EUR", 10, 1, 1),
        ("JPY", 5, 0, 1),
    ]
    (fail,) = rows(report, "fails")
    assert (fail["receiver"], fail["reason_code"], fail["state"]) == ("Atlantis Custody", "MONY", "RELEASED")


def test_every_trade_is_a_transaction_with_its_day(sources: Sources, world: World) -> None:
    told = {one["trade_id"]: one for one in rows(make_report(sources, Asked(kind="transactions")), "trades")}
    stored = {one.trade_id: one for one in world.book.trades()}
    assert {name: (one["state"], one["settlement_id"]) for name, one in told.items()} == {
        name: (one.state.value, one.settlement_id or "") for name, one in stored.items()
    }
    assert {one["trade_date"] for one in told.values()} == {date(2026, 11, 19)}


def test_holders_are_those_of_the_tokens(sources: Sources, world: World) -> None:
    """Against each token's own state, and the market file's issues."""
    found = {
        (one["isin"], one["holder"]): one["owned"]
        for one in rows(make_report(sources, Asked(kind="holders")), "positions")
    }
    for security in world.market.securities.values():
        for member in world.market.participants.values():
            (units,) = read(world.chain.node, "SecurityToken", security.token, "balanceOf", member.wallet)
            assert found.get((security.isin, member.lei), 0) == units
    issued = sum(one.units for one in world.file.holdings if one.isin == "ZZ00EXB20314")
    assert sum(units for (isin, _), units in found.items() if isin == "ZZ00EXB20314") == issued


def test_holders_as_of_the_opening_hold_what_the_market_was_founded_with(sources: Sources, world: World) -> None:
    report = make_report(sources, Asked(kind="holders", as_of=world.file.opening + timedelta(minutes=1)))
    leis = {one.bic: one.lei for one in world.market.participants.values()}
    founded = {(one.isin, leis[one.participant]): one.units for one in world.file.holdings if one.units}
    assert {(one["isin"], one["holder"]): one["owned"] for one in rows(report, "positions")} == founded


def test_the_mirror_agrees_with_the_rtgs(sources: Sources) -> None:
    report = make_report(sources, Asked(kind="cash"))
    accounts = rows(report, "accounts")
    assert len(accounts) == 12
    assert {one["verdict"] for one in accounts} == {"agrees"}
    assert sum(int(str(one["settlements"])) for one in accounts) == 0, "what is debited is credited"


def test_statements_are_read_from_files(sources: Sources, world: World, tmp_path: Path) -> None:
    """Of one account, as the RTGS's desk writes it; then without one of its entries, as if that were lost."""
    account, day, rtgs = "RTGS-EUR-1001", world.file.business_day, world.rtgs
    ((_, text),) = rtgs.operator.look(
        lambda opened: statement_messages(opened, rtgs.bic, account, day, world.clock.now())
    )
    whole, lacking = tmp_path / "whole.xml", tmp_path / "lacking.xml"
    whole.write_text(text)
    report = make_report(sources, Asked(kind="cash", statements=(whole,)))
    assert [(one["account"], one["verdict"]) for one in rows(report, "accounts")] == [(account, "agrees")]
    assert report.source.others == (f"file whole.xml, SHA-256 {hashlib.sha256(text.encode()).hexdigest()}",)
    message = read_message(text.encode())
    entries = [one for one in message.body.entries if one.settlement_id is not None]
    rest = tuple(one for one in message.body.entries if one is not entries[0])
    closing = replace(message.body.closing, amount=message.body.closing.amount - entries[0].signed)
    lacking.write_bytes(write(replace(message, body=replace(message.body, entries=rest, closing=closing))))
    report = make_report(sources, Asked(kind="cash", statements=(lacking,)))
    (difference,) = rows(report, "differences")
    assert (difference["what"], difference["settlement_id"], difference["mirrored"]) == (
        "not on the statement",
        entries[0].settlement_id,
        entries[0].signed,
    )


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Asked(kind="profit"), "kind"),
        (Asked(kind="reuse"), "kind"),
        (Asked(kind="audit", since=date(2026, 11, 23)), "since"),
        (Asked(kind="holders", journal=3), "journal"),
        (Asked(kind="efficiency", block=3), "block"),
        (Asked(kind="audit", journal=0), "journal"),
        (Asked(kind="audit", journal=1_000_000), "journal"),
        (Asked(kind="audit", as_of=datetime(2027, 1, 1, tzinfo=UTC)), "as-of"),
        (Asked(kind="audit", as_of=datetime(2026, 11, 23, 9)), "as-of"),  # noqa: DTZ001 -- that is what is refused
        (Asked(kind="holders", block=1_000_000), "block"),
        (Asked(kind="holders", day=date(2026, 11, 23)), "day"),
        (Asked(kind="holders", block=1, day=date(2026, 11, 20)), "day"),
        (Asked(kind="holders", as_of=datetime(2000, 1, 1, tzinfo=UTC)), "as_of"),
        (Asked(kind="cash", day=date(2026, 11, 23), statements=(Path("x.xml"),)), "day"),
        (Asked(kind="cash", statements=(Path("none.xml"),)), "statement"),
        (Asked(kind="cash", day=date(2026, 11, 25)), "day"),
        (Asked(kind="cash", day=date.max), "day"),
        (Asked(kind="holders", day=date.max), "day"),
        (Asked(kind="holders", as_of=datetime(1, 1, 1, tzinfo=UTC)), "as_of"),
        (Asked(kind="efficiency", penalties=Path("none.toml")), "penalties"),
    ],
    ids=lambda one: f"{one.kind}" if isinstance(one, Asked) else one,
)
def test_what_cannot_be_asked_is_named(sources: Sources, asked: Asked, field: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        make_report(sources, asked)
    assert raised.value.field == field


@pytest.mark.parametrize("kind", OF_JOURNAL)
@pytest.mark.parametrize("moment", [None, datetime(2002, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)])
def test_of_nothing_there_is_a_report_in_every_form(
    sources: Sources, tmp_path: Path, kind: str, moment: datetime | None
) -> None:
    """An installation in which nothing happened yet, and one asked for a moment before its first entry."""
    empty = SqlBook(open_database(f"sqlite:///{tmp_path}/service.db"))
    for one in (replace(sources, book=empty), *([sources] if moment else [])):
        if kind == "cash" and one is sources:
            continue  # the RTGS of that day is asked, which had no statements then
        asked = Asked(kind=kind, as_of=moment, day=date(2026, 11, 23) if kind == "cash" else None)
        report = make_report(one, asked)
        assert report.source.journal_number == 0
        for form in FORMS:
            assert as_form(report, form)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00", "2026-11-23T12:00", "now", ""])
def test_a_moment_that_is_none_is_told(moment: str) -> None:
    with pytest.raises(InvalidInput, match="as-of"):
        CliRunner().invoke(app, ["report", "audit", "--as-of", moment], catch_exceptions=False)


def test_without_a_node_there_are_no_holders(sources: Sources) -> None:
    with pytest.raises(Unavailable, match="no node answers"):
        make_report(replace(sources, node=None, assets=None), Asked(kind="holders"))


class Silent:
    """An RTGS that takes every message and never answers."""

    def send(self, message: object) -> None:
        pass

    def receive(self, after: int, limit: int = 200) -> list[object]:
        return []


def test_a_silent_rtgs_is_no_mirror_that_agrees(sources: Sources) -> None:
    with pytest.raises(Unavailable):
        make_report(replace(sources, cash=Silent(), wait_seconds=0), Asked(kind="cash"))


def test_the_command_hands_over_what_was_asked(
    sources: Sources, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("lockstep.app.reconciling.of_home", lambda home: sources)
    path = tmp_path / "report.csv"
    told = ("report", "efficiency", "--as-of", "2026-11-23T12:00+02:00", "--journal", "120", "--since", "2026-11-23")
    done = CliRunner().invoke(app, [*told, "--format", "csv", "--table", "participants", "--out", str(path)])
    assert done.exit_code == 0, done.output
    asked = Asked(
        kind="efficiency", as_of=datetime(2026, 11, 23, 10, tzinfo=UTC), journal=120, since=date(2026, 11, 23)
    )
    assert path.read_bytes() == as_form(make_report(sources, asked), "csv", "participants")
    assert (
        CliRunner()
        .invoke(app, ["report", "audit", "--format", "json"])
        .stdout_bytes.startswith(b'{\n  "kind": "audit"')
    )
    for wrong, field in (
        (("audit", "--as-of", "yesterday"), "as-of"),
        (("audit", "--as-of", "2026-11-23T12:00"), "as-of"),
        (("audit", "--format", "pdf"), "format"),
        (("audit", "--format", "xml"), "format"),
        (("audit", "--table", "profit"), "table"),
    ):
        error = CliRunner().invoke(app, ["report", *wrong]).exception
        assert isinstance(error, InvalidInput) and error.field == field, wrong


# --- to the byte

ELSEWHERE = """
import hashlib, json, locale, pickle, sys, time
from lockstep.app.reconciling import Sources
from lockstep.app.report_forms import as_form
from lockstep.app.reporting import Asked, make_report
from lockstep.store import SqlBook, open_database
time.tzset()
url, market, clock, wanted = pickle.load(sys.stdin.buffer)
book = SqlBook(open_database(url))
sources = Sources(market=market, opening=(), book=book, cash=None, clock=clock, node=None, assets=None)
found = {}
for kind, moment, number, form in wanted:
    report = make_report(sources, Asked(kind=kind, as_of=moment, journal=number))
    found[f"{kind} {number} {form}"] = hashlib.sha256(as_form(report, form)).hexdigest()
print(json.dumps([time.strftime("%z"), found]))
"""


def test_the_same_question_gives_the_same_bytes_everywhere_and_always(world: World, sources: Sources) -> None:
    """Made here, and after more was written in another process, with another time zone, locale and hash seed."""
    moment, size = datetime(2026, 11, 23, 16, 30, tzinfo=UTC), world.book.journal_size()
    kinds = [one for one in OF_JOURNAL if one != "cash"]
    wanted = [(kind, moment, number, form) for kind in kinds for number in (100, size) for form in FORMS]
    here = {
        f"{kind} {number} {form}": hashlib.sha256(
            as_form(make_report(sources, Asked(kind=kind, as_of=moment, journal=number)), form)
        ).hexdigest()
        for kind, moment, number, form in wanted
    }
    late = Entry(at=moment - timedelta(hours=1), kind="waiting", subject="somebody", facts={"reason": "MONY: late"})
    world.book.commit(Change(entries=(late,)))
    given = pickle.dumps((f"sqlite:///{world.root / 'service.db'}", world.market, world.clock, wanted))
    environment = {
        **os.environ,
        "TZ": "Pacific/Chatham",
        "LC_ALL": "C",
        "LANG": "de_DE.UTF-8",
        "PYTHONHASHSEED": "4711",
        "PYTHONPATH": str(ROOT / "src"),
        "COLUMNS": "300",
        "FORCE_COLOR": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE], input=given, capture_output=True, env=environment, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
    offset, there = json.loads(done.stdout)
    assert offset in ("+1345", "+1245"), "the other zone did not hold"
    assert there == here


def test_another_database_filled_in_another_order_makes_the_same_bytes(
    world: World, sources: Sources, fresh: Callable[[], str]
) -> None:
    """SQLite and PostgreSQL, their rows put in last first; PostgreSQL sorts texts by the server's locale."""
    there = open_database(fresh())
    copy = SqlBook(there)
    copy.commit(Change(instructions=tuple(reversed(world.book.instructions()))))
    copy.commit(Change(trades=tuple(replace(one, version=0) for one in reversed(world.book.trades()))))
    rows = world.book.journal()
    copy.commit(Change(entries=tuple(one.entry for one in rows)))
    moved = replace(sources, book=copy)
    for kind in OF_JOURNAL:
        if kind == "cash":
            continue
        asked = Asked(kind=kind, journal=len(rows))
        for form in FORMS:
            assert as_form(make_report(moved, asked), form) == as_form(make_report(sources, asked), form)
    there.dispose()


def test_the_chains_reports_are_the_same_after_more_blocks(world: World, sources: Sources) -> None:
    final = world.chain.node.head().number - world.market.network.finality_depth
    asked = Asked(kind="holders", block=final - 3)
    first = [as_form(make_report(sources, asked), form, servicer=world.market.service) for form in (*FORMS, "xml")]
    world.chain.mine(5)
    again = [as_form(make_report(sources, asked), form, servicer=world.market.service) for form in (*FORMS, "xml")]
    assert again == first


def test_every_kind_is_known() -> None:
    assert set(KINDS) == {*OF_JOURNAL, "holders", "reuse"}


def test_a_file_that_takes_nothing_is_told(sources: Sources, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("lockstep.app.reconciling.of_home", lambda home: sources)
    for out in (tmp_path / "none" / "report.csv", tmp_path):
        with pytest.raises(InvalidInput, match="out"):
            CliRunner().invoke(app, ["report", "audit", "--out", str(out)], catch_exceptions=False)


@pytest.mark.parametrize("text", [f"x = {'9' * 5_000}", f"x = {'[' * 5_000}", "x = 2026-13-45", "x = \udcff"])
def test_penalties_that_python_cannot_read_are_told(sources: Sources, tmp_path: Path, text: str) -> None:
    path = tmp_path / "penalties.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InvalidInput, match="penalties"):
        make_report(sources, Asked(kind="efficiency", penalties=path))
