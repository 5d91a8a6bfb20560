"""Days of a parallel run over a database: scored, judged, decided on by people, sent back by a guard."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from lockstep.app import shadow as shadow_of
from lockstep.app.books.said import silence
from lockstep.app.pairing import named_trades, pairs_of
from lockstep.app.reconciling import Reconciliation
from lockstep.app.shadow import ShadowDesk, load_gates
from lockstep.cli.commands import app
from lockstep.domain.errors import Contradiction, InvalidInput, Misconfigured, Refused
from lockstep.domain.identifiers import Reference
from lockstep.domain.instruction import Side as Leg
from lockstep.domain.journal import Entry
from lockstep.domain.legacy import LegacyStatus, LegacyTrade
from lockstep.domain.money import Money, Quantity
from lockstep.domain.parallel.gate_text import read_gates
from lockstep.domain.parallel.pairs import Side
from lockstep.domain.parallel.scorecards import ALL, Finality, Score, Tally
from lockstep.domain.parallel.stages import Move, Stage
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.breaks import CloseReason
from lockstep.domain.reconciliation.rules import RuleBook
from lockstep.domain.trade import Trade
from lockstep.flow.comparing import Run, compare
from lockstep.flow.matching import match
from lockstep.flow.reconciling import Reconciled, reconcile
from lockstep.ports import Change, StoredInstruction
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import (
    BOND,
    BUYER,
    MORNING,
    SALT_KEY,
    SELLER,
    FakeClock,
    example_instruction,
    example_market,
)

MONDAY = MORNING.date()
BOOKS = frozenset({Book.CHAIN, Book.SERVICE, Book.LEGACY})
SPOKE = {Subject.POSITION: BOOKS, Subject.TRADE: BOOKS}
MARKET = example_market()
GATES = """
[[gate]]
name = "into parallel"
from = "shadow"
to = "parallel"
[[gate.condition]]
measure = "business_days"
at_least = 2
[[gate.condition]]
measure = "unexplained_breaks"
at_most = 0

[[guard]]
name = "out of parallel"
from = "parallel"
to = "shadow"
[[guard.condition]]
measure = "position_agreement"
at_least = 1
"""


def a_trade() -> Trade:
    """Matched, and not locked: every book has it by its id."""
    both = [
        StoredInstruction(
            message_id=f"M{leg.value}",
            content_hash="0" * 64,
            instruction=example_instruction(leg, f"REF{leg.value}"),
            status="WAITING",
            received_at=MORNING,
        )
        for leg in Leg
    ]
    (change,) = match(both, MARKET, SALT_KEY, MORNING)
    return change.trades[0]


def legacy_row(settled_at: datetime | None, day: date = MONDAY) -> LegacyTrade:
    return LegacyTrade(
        line=2,
        reference=Reference("OLD1"),
        deliverer=SELLER.lei,
        receiver=BUYER.lei,
        isin=BOND,
        quantity=Quantity.parse("1000"),
        cash=Money.parse("990.00", "EUR"),
        settlement_date=day,
        status=LegacyStatus.SETTLED if settled_at else LegacyStatus.FAILING,
        settled_at=settled_at,
    )


class Bench:
    def __init__(self, folder: Path) -> None:
        self.engine = open_database(f"sqlite:///{folder}/service.db")
        self.book = SqlBook(self.engine)
        self.clock = FakeClock(MORNING)
        self.trade = a_trade()
        self.desk = ShadowDesk(book=self.book, market=MARKET, clock=self.clock, gates=read_gates(GATES))

    def run(self, day: date, legacy_holds: int = 1_000, theirs: datetime | None = None) -> Reconciliation:
        """Ours settled the trade on Monday at 9; the books hold 1,000 units each, the legacy one what is given."""
        at = datetime.combine(day, time(18), tzinfo=UTC)
        ours = datetime.combine(MONDAY, time(9), tzinfo=UTC)
        lines = [
            Line(book=book, key=Key.position(SELLER.lei, BOND), quantity=legacy_holds if book is Book.LEGACY else 1_000)
            for book in BOOKS
        ]
        for book in BOOKS:
            settled_at = theirs if book is Book.LEGACY else ours
            lines.append(
                Line(
                    book=book,
                    key=Key.trade(self.trade.trade_id),
                    instrument=BOND,
                    currency="EUR",
                    deliverer=SELLER.lei,
                    receiver=BUYER.lei,
                    quantity=100_000,
                    amount=99_000,
                    status=LineStatus.SETTLED if settled_at else LineStatus.OPEN,
                    day=settled_at.date() if settled_at else MONDAY,
                    at=settled_at,
                )
            )
        comparison = compare(lines, RuleBook(), Run(day=day, at=at, spoke=SPOKE))
        done = reconcile(self.book.standing_breaks(), comparison)
        self.book.keep(done.changed, (), done.entries)
        return Reconciliation(
            day=day,
            at=at,
            comparison=comparison,
            reconciled=Reconciled(changed=done.changed, entries=done.entries),
            said=(),
            open=tuple(one for one in self.book.breaks() if one.is_open),
            lines=tuple(lines),
        )

    def score(self, day: date, **said: Any) -> shadow_of.Scored:
        theirs = said.setdefault("theirs", datetime.combine(MONDAY, time(9, 1), tzinfo=UTC))
        rows = {Key.trade(self.trade.trade_id): legacy_row(theirs)}
        morning_after = datetime.combine(day + timedelta(days=1), time(9), tzinfo=UTC)
        self.clock.advance(max(1, int((morning_after - self.clock.now()).total_seconds())))
        return self.desk.score(self.run(day, **said), rows)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.book.commit(Change(trades=(made.trade,)))
    yield made
    made.engine.dispose()


def days(count: int) -> list[date]:
    """From Monday on; no weekend is reached."""
    return [MONDAY + timedelta(days=number) for number in range(count)]


def test_a_day_is_scored_and_told(bench: Bench) -> None:
    scored = bench.score(MONDAY)
    card = scored.day.card(BOND)
    assert card is not None
    assert card.whole.trades == card.whole.positions == Tally(compared=1, agreed=1)
    assert card.whole.finality == Finality(both=1, earlier=1, seconds_earlier=60, most_earlier=60)
    assert card.whole.freed.cash == {"EUR": 99_000 * 60}
    assert card.whole.freed.units == {BOND: 100_000 * 60}
    assert {*card.participants} == {SELLER.lei, BUYER.lei}
    ((stored, number),) = bench.desk.cards(BOND)
    assert stored == card
    (row,) = [one for one in bench.book.journal(BOND) if one.entry.kind == "scorecard"]
    assert (row.number, row.entry.facts["digest"]) == (number, card.digest)
    assert (row.entry.facts["trades"], row.entry.facts["seconds_earlier"]) == ("1 of 1", "60")
    assert bench.desk.course(BOND).stage is Stage.SHADOW
    assert [one.card.isin for one in bench.book.scorecards_of(MONDAY)] == [ALL, BOND]


def test_the_same_again_changes_nothing(bench: Bench) -> None:
    bench.score(MONDAY)
    before = bench.book.journal()
    bench.score(MONDAY)
    assert bench.book.journal() == before
    assert [one.version for one in bench.book.scorecards(BOND)] == [1]


def test_other_files_are_another_card(bench: Bench) -> None:
    """What `sha256sum trades.csv` says stands behind a card, as its journal entry tells."""
    theirs = datetime.combine(MONDAY, time(9, 1), tzinfo=UTC)
    rows = {Key.trade(bench.trade.trade_id): legacy_row(theirs)}
    files = {"trades.csv": sha256(b"one").hexdigest(), "cash.csv": sha256(b"two").hexdigest()}
    bench.desk.score(bench.run(MONDAY, theirs=theirs), rows, files)
    lines = f"cash.csv {files['cash.csv']}\ntrades.csv {files['trades.csv']}\n"
    (row,) = [one for one in bench.book.journal(BOND) if one.entry.kind == "scorecard"]
    assert row.entry.facts["legacy_files"] == sha256(lines.encode()).hexdigest()
    bench.desk.score(bench.run(MONDAY, theirs=theirs), rows, files | {"cash.csv": sha256(b"three").hexdigest()})
    assert [one.version for one in bench.book.scorecards(BOND)] == [2]


def test_another_moment_of_the_same_figures_is_no_other_card(bench: Bench) -> None:
    """So a proposal does not fall because somebody compared once more."""
    bench.score(MONDAY)
    rows = {Key.trade(bench.trade.trade_id): legacy_row(datetime.combine(MONDAY, time(9, 1), tzinfo=UTC))}
    theirs = datetime.combine(MONDAY, time(9, 1), tzinfo=UTC)
    later = replace(bench.run(MONDAY, theirs=theirs), at=datetime.combine(MONDAY, time(23), tzinfo=UTC))
    bench.desk.score(later, rows)
    assert [one.version for one in bench.book.scorecards(BOND)] == [1]


def test_a_day_scored_anew_has_the_breaks_that_it_ended_with(bench: Bench) -> None:
    """Closing them later makes no earlier day a better one."""
    bench.score(MONDAY, legacy_holds=999)
    before = bench.desk.period(BOND).whole
    assert (before.open_breaks, before.unexplained_breaks) == (1, 1)
    (one,) = bench.book.breaks()
    tuesday = datetime.combine(days(2)[1], time(9), tzinfo=UTC)
    bench.book.keep([one.closed(CloseReason.ACCEPTED, "known", by="Eva", at=tuesday)], (), ())
    bench.score(MONDAY, legacy_holds=999)
    assert bench.desk.period(BOND).whole == before
    bench.score(days(2)[1], legacy_holds=999)
    (_, second) = bench.book.scorecards(BOND)
    assert second.card.whole.open_breaks == 0


def test_finality_counts_on_one_day_however_often_it_is_told(bench: Bench) -> None:
    monday, tuesday, wednesday = days(3)
    assert bench.score(monday, theirs=None).day.settled == ()
    late = datetime.combine(tuesday, time(9), tzinfo=UTC)
    assert bench.score(tuesday, theirs=late).day.settled == (bench.trade.trade_id,)
    assert bench.score(wednesday, theirs=late).day.settled == ()
    assert bench.score(tuesday, theirs=late).day.settled == (bench.trade.trade_id,), "scored anew, it still counts"
    assert bench.desk.period(BOND).whole.finality.seconds_earlier == 86_400
    fails = bench.desk.period(BOND).whole.fails
    assert (fails.due, fails.legacy, fails.avoided, fails.avoided_value) == (1, 1, 1, {"EUR": 99_000})


def test_a_promotion_takes_two_people_and_stands_on_the_journal(bench: Bench) -> None:
    for day in days(2):
        bench.score(day)
    course = bench.desk.propose(BOND, "two days without a break", by="Eva")
    assert course.pending is not None
    proposal = course.pending.proposal_id
    with pytest.raises(Refused, match="FourEyes"):
        bench.desk.decide(proposal, approve=True, why="sure", by="eva")
    after = bench.desk.decide(proposal, approve=True, why="seen", by="Tom")
    assert (after.stage, after.since) == (Stage.PARALLEL, MONDAY + timedelta(days=2))
    stored = bench.desk.course(BOND)
    assert (stored.stage, stored.version) == (Stage.PARALLEL, 3)
    acts = [one for one in bench.book.journal(BOND) if one.entry.kind == "promotion"]
    assert [one.entry.facts["act"] for one in acts] == ["begun", "proposed", "promoted"]
    facts = acts[-1].entry.facts
    assert (facts["from"], facts["to"], facts["by"], facts["why"]) == ("shadow", "parallel", "Tom", "seen")
    assert facts["proposal"] == proposal
    assert facts["conditions"] == "business_days at least 2: 2; unexplained_breaks at most 0: 0"
    numbers = {
        one.number: one.entry.facts["digest"] for one in bench.book.journal(BOND) if one.entry.kind == "scorecard"
    }
    expected = [
        f"{day} {digest} journal {number}"
        for day, (number, digest) in zip(days(2), sorted(numbers.items()), strict=True)
    ]
    assert facts["scorecards"] == "; ".join(expected)


def test_a_gate_that_is_not_met_is_refused_with_its_figures(bench: Bench) -> None:
    bench.score(MONDAY)
    with pytest.raises(Refused) as refused:
        bench.desk.propose(BOND, "soon", by="Eva")
    assert refused.value.name == "GateNotMet"
    assert refused.value.details["unmet"] == "business_days at least 2: 1"


def test_evidence_scored_anew_is_not_decided_on(bench: Bench) -> None:
    for day in days(2):
        bench.score(day)
    course = bench.desk.propose(BOND, "ready", by="Eva")
    bench.score(MONDAY, theirs=datetime.combine(MONDAY, time(9, 2), tzinfo=UTC))
    assert course.pending is not None
    with pytest.raises(Refused) as refused:
        bench.desk.decide(course.pending.proposal_id, approve=True, why="seen", by="Tom")
    assert refused.value.name == "EvidenceChanged"
    assert refused.value.details["day"] == MONDAY
    assert bench.desk.course(BOND).stage is Stage.SHADOW


def test_a_broken_guard_sends_back_at_once(bench: Bench) -> None:
    for day in days(2):
        bench.score(day)
    course = bench.desk.propose(BOND, "ready", by="Eva")
    assert course.pending is not None
    bench.desk.decide(course.pending.proposal_id, approve=True, why="seen", by="Tom")
    scored = bench.score(days(3)[2], legacy_holds=999)
    ((fallen, verdict),) = scored.fallen
    assert (fallen.stage, verdict.name) == (Stage.SHADOW, "out of parallel")
    stored = bench.desk.course(BOND)
    assert (stored.stage, stored.since) == (Stage.SHADOW, MONDAY + timedelta(days=3))
    step = stored.steps[-1]
    assert (step.move, step.by, step.why) == (Move.DEMOTED, "lockstep", "position_agreement at least 1: 0")
    assert bench.book.last_said(BOND).entry.facts["conditions"] == "position_agreement at least 1: 0 (not met)"
    assert bench.score(days(3)[2], legacy_holds=999).fallen == ()


def test_one_person_sends_back(bench: Bench) -> None:
    for day in days(2):
        bench.score(day)
    with pytest.raises(Refused, match="NotEarlier"):
        bench.desk.demote(BOND, Stage.SHADOW, "outage", by="Eva")
    with pytest.raises(InvalidInput, match="one that is run in parallel"):
        bench.desk.demote("FR0000571218", Stage.SHADOW, "outage", by="Eva")


def test_a_card_that_the_journal_does_not_tell_is_no_evidence(bench: Bench) -> None:
    bench.score(MONDAY)
    with bench.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE scorecard SET body = replace(body, '\"agreed\":1', '\"agreed\":0')")
    with pytest.raises(Contradiction, match=f"scorecard {BOND} {MONDAY}"):
        bench.desk.verdict(BOND)


def test_without_the_legacy_book_nothing_is_scored(bench: Bench) -> None:
    run = bench.run(MONDAY)
    spoke = {kind: books - {Book.LEGACY} for kind, books in SPOKE.items()}
    comparison = compare([], RuleBook(), Run(day=MONDAY, at=run.at, spoke=spoke))
    silent = Reconciliation(day=MONDAY, at=run.at, comparison=comparison, reconciled=run.reconciled, said=(), open=())
    with pytest.raises(InvalidInput, match="the legacy book spoke"):
        bench.desk.score(silent, {})
    assert bench.book.scorecards_of(MONDAY) == []


def test_a_security_that_a_later_run_does_not_meet_has_an_empty_card(bench: Bench) -> None:
    bench.score(MONDAY)
    run = bench.run(MONDAY, theirs=datetime.combine(MONDAY, time(9, 1), tzinfo=UTC))
    comparison = compare([], RuleBook(), run.comparison.run)
    bench.desk.score(replace(run, comparison=comparison, lines=(), open=()), {})
    (stored,) = bench.book.scorecards(BOND)
    assert (stored.version, stored.card.whole, stored.card.participants) == (2, Score(), {})
    assert bench.book.paired([bench.trade.trade_id])[bench.trade.trade_id].counted_on == MONDAY


def test_a_day_in_which_a_book_was_silent_is_not_scored(bench: Bench) -> None:
    said = (silence(Book.CHAIN, [Subject.TRADE], "no node answers"),)
    with pytest.raises(InvalidInput, match="silent was chain of trade: no node answers"):
        bench.desk.score(replace(bench.run(MONDAY), said=said), {})
    assert bench.book.scorecards_of(MONDAY) == []


def test_a_day_is_scored_once_it_is_over(bench: Bench) -> None:
    """Before the cut-off nothing has failed yet."""
    early = replace(bench.run(MONDAY), at=datetime.combine(MONDAY, time(17, 59, 59), tzinfo=UTC))
    with pytest.raises(InvalidInput, match="over before it is scored: from 2026-11-23 18:00 UTC on, not at 17:59"):
        bench.desk.score(early, {})
    assert bench.book.scorecards_of(MONDAY) == []


def test_pairs_of_trades_that_one_book_lacks(bench: Bench) -> None:
    trades = named_trades(bench.book, bench.book.trades())
    alone = Key.trade("legacy:OLD1")
    legacy = Line(book=Book.LEGACY, key=alone, instrument=BOND, status=LineStatus.OPEN, day=MONDAY)
    ours = Line(book=Book.SERVICE, key=Key.trade(bench.trade.trade_id), instrument=BOND, status=LineStatus.OPEN)
    pairs = pairs_of([legacy, ours], trades, {alone: legacy_row(None)}, MARKET)
    theirs, mine = sorted(pairs, key=lambda one: one.lockstep.status is not None)
    assert (theirs.reference, theirs.lockstep, theirs.legacy) == (
        "legacy:OLD1",
        Side(),
        Side(status=LineStatus.OPEN),
    )
    assert (theirs.quantity, theirs.amount) == (100_000, 99_000)
    assert (mine.reference, mine.lockstep, mine.legacy) == (bench.trade.trade_id, Side(status=LineStatus.OPEN), Side())


def test_gates_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"gates\.toml"):
        load_gates(tmp_path / "gates.toml")
    (tmp_path / "gates.toml").write_bytes(b"\xff")
    with pytest.raises(InvalidInput, match="UTF-8"):
        load_gates(tmp_path / "gates.toml")


# --- by command


@pytest.fixture
def command(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    home = SimpleNamespace(root=tmp_path, market=lambda: MARKET, clock=lambda: bench.clock)
    (tmp_path / "gates.toml").write_text(GATES)
    monkeypatch.setattr("lockstep.cli.shadow.Home", lambda _: home)
    monkeypatch.setattr("lockstep.app.shadow.open_book", lambda _: bench.book)

    def run(*arguments: str, code: int = 0) -> Any:
        done = CliRunner().invoke(app, ["shadow", *arguments])
        if isinstance(done.exception, Exception):
            raise done.exception
        assert done.exit_code == code, done.output
        return json.loads(done.output) if "--json" in arguments else done.output

    return run


def test_people_promote_and_demote_by_command(bench: Bench, command: Any) -> None:
    assert "no security is run in parallel yet" in command("status")
    bench.score(MONDAY)
    told = command("gate", BOND, "--json", code=1)["gates"][0]
    assert [one["is_met"] for one in told["conditions"]] == [False, True]
    assert "not met" in command("gate", code=1)
    bench.score(days(2)[1])
    assert command("gate", "--json")["gates"][0]["is_met"]
    pending = command("propose", BOND, "--text", "ready", "--by", "Eva", "--json")["pending"]
    assert pending["verdict"]["evidence"][0]["day"] == "2026-11-23"
    assert pending["proposal"] in command("status").replace("\n", "")
    done = command("decide", pending["proposal"], "--approve", "--text", "seen", "--by", "Tom", "--json")
    assert (done["stage"], done["since"]) == ("parallel", "2026-11-25")
    assert "shadow since 2026-11-25" in command("demote", BOND, "--to", "shadow", "--text", "outage", "--by", "Ida")
    shown = command("status", BOND)
    assert [word in shown for word in ("Eva", "Tom", "Ida", "outage", "demoted shadow")] == [True] * 5
    steps = command("status", BOND, "--json")["securities"][0]["steps"]
    assert [one["act"] for one in steps] == ["begun", "proposed", "promoted", "demoted"]


def test_a_rejection_needs_no_gates(bench: Bench, command: Any, tmp_path: Path) -> None:
    for day in days(2):
        bench.score(day)
    proposal = command("propose", BOND, "--text", "ready", "--by", "Eva", "--json")["pending"]["proposal"]
    (tmp_path / "gates.toml").unlink()
    with pytest.raises(Misconfigured):
        command("decide", proposal, "--approve", "--text", "seen", "--by", "Tom")
    assert f"{BOND}: shadow since 2026-11-23" in command("decide", proposal, "--reject", "--text", "no", "--by", "Tom")


def test_the_scorecard_by_command(bench: Bench, command: Any) -> None:
    bench.score(MONDAY)
    told = command("scorecard", BOND, "--json")
    assert told["whole"]["agreement"]["trades"] == {"compared": 1, "agreed": 1, "share": "1"}
    assert told["whole"]["finality"]["mean_seconds_earlier"] == "60"
    assert told["whole"]["freed"]["cash_minor_unit_seconds"] == {"EUR": 5_940_000}
    shown = command("scorecard")
    assert "all securities" in shown
    assert "100 %" in shown and "0:01:00" in shown
    assert SELLER.bic in shown
    assert "no day was scored" in command("scorecard", BOND, "--since", "2026-12-01")
    with pytest.raises(InvalidInput, match="--since"):
        command("scorecard", "--since", "Monday")


def test_an_entry_of_another_kind_tells_no_card(bench: Bench) -> None:
    bench.score(MONDAY)
    bench.book.commit(Change(entries=(Entry(at=MORNING, kind="reconciliation", subject=BOND),)))
    assert len(bench.desk.cards(BOND)) == 1


# --- gates met by what was left out


def test_no_promotion_while_a_day_that_is_over_was_not_scored(bench: Bench) -> None:
    """Two good days, then a bad one that nobody compares: the gate's conditions hold, and nobody may use that."""
    first, second = days(2)
    bench.score(first)
    bench.score(second)
    pending = bench.desk.propose(BOND, "two days", by="Eva").pending
    assert pending is not None
    wednesday = datetime.combine(second + timedelta(days=1), time(18), tzinfo=UTC)
    bench.clock.advance(int((wednesday - bench.clock.now()).total_seconds()) - 1)
    assert bench.desk.verdict(BOND).is_met
    bench.clock.advance(1)
    with pytest.raises(Refused, match="DaysNotScored"):
        bench.desk.decide(pending.proposal_id, approve=True, why="seen", by="Tom")
    bench.desk.decide(pending.proposal_id, approve=False, why="seen", by="Tom")
    with pytest.raises(Refused, match="DaysNotScored"):
        bench.desk.propose(BOND, "two days", by="Eva")
    bench.score(wednesday.date())
    assert bench.desk.propose(BOND, "three days", by="Eva").pending is not None


def test_a_weekend_is_over_with_its_friday() -> None:
    """18:00 UTC is the cut-off; 25 and 26 December 2026 are a Friday and a Saturday on which TARGET is closed."""
    assert shadow_of.last_over(datetime(2026, 11, 27, 17, 59, 59, tzinfo=UTC)) == date(2026, 11, 26)
    assert shadow_of.last_over(datetime(2026, 11, 27, 18, tzinfo=UTC)) == date(2026, 11, 27)
    assert shadow_of.last_over(datetime(2026, 11, 30, 17, tzinfo=UTC)) == date(2026, 11, 27)
    assert shadow_of.last_over(datetime(2026, 12, 28, 9, tzinfo=UTC)) == date(2026, 12, 24)


@pytest.mark.parametrize("day", [date(2026, 11, 28), date(2026, 11, 29), date(2026, 12, 25)])
def test_a_day_on_which_nothing_settles_is_not_scored(bench: Bench, day: date) -> None:
    with pytest.raises(InvalidInput, match="a business day of TARGET"):
        bench.score(day)
    assert bench.book.scorecards_of(day) == []


def test_an_earlier_version_of_a_card_is_no_evidence(bench: Bench) -> None:
    """A bad day scored anew is a bad day: who puts the better card back into the records is found out, though its
    digest stands in the journal."""
    bench.score(MONDAY)
    with bench.engine.connect() as connection:
        good = connection.exec_driver_sql(f"SELECT body FROM scorecard WHERE isin = '{BOND}'").scalar_one()
    bench.score(MONDAY, legacy_holds=999)
    assert len(bench.desk.cards(BOND)) == 1
    with bench.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE scorecard SET body = ? WHERE isin = '{BOND}'", (good,))
    with pytest.raises(Contradiction, match="scorecard"):
        bench.desk.cards(BOND)


@pytest.mark.parametrize(("one", "other"), [("José", "JOSE\u0301"), ("Eva Ⅳ", "eva iv"), ("Ｔｏｍ", "tom")])
def test_a_name_written_in_another_way_is_no_second_person(bench: Bench, one: str, other: str) -> None:
    for day in days(2):
        bench.score(day)
    pending = bench.desk.propose(BOND, "two days", by=one).pending
    assert pending is not None
    with pytest.raises(Refused, match="FourEyes"):
        bench.desk.decide(pending.proposal_id, approve=True, why="seen", by=other)


@pytest.mark.parametrize("why", ["\x1b[2J", "a\u202eb", "\udcff", "\x00"])
def test_words_that_move_a_cursor_are_refused(bench: Bench, why: str) -> None:
    bench.score(MONDAY)
    with pytest.raises(InvalidInput, match="why"):
        bench.desk.demote(BOND, Stage.SHADOW, why, by="Eva")
    bench.score(days(2)[1])
    with pytest.raises(InvalidInput, match="why"):
        bench.desk.propose(BOND, why, by="Eva")


@pytest.mark.parametrize(
    "text",
    [
        GATES.replace("at_least = 2", "at_least = 1e999999999"),
        GATES.replace("at_least = 2", "at_least = 1e-999999999"),
        GATES.replace("at_least = 2", f"at_least = {'9' * 5_000}"),
        GATES.replace("at_least = 2", f"at_least = {'[' * 5_000}"),
        GATES.replace("at_least = 2", "at_least = nan"),
        GATES.replace("into parallel", "\\u001b[2J"),
    ],
)
def test_gates_that_would_keep_a_machine_busy_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_gates(text)


def test_an_older_run_that_comes_last_changes_no_card(bench: Bench) -> None:
    """Two compare at once: whoever began first and ends last does not put back what the other found."""
    theirs = datetime.combine(MONDAY, time(9, 1), tzinfo=UTC)
    rows = {Key.trade(bench.trade.trade_id): legacy_row(theirs)}
    older = bench.run(MONDAY, theirs=theirs)
    newer = replace(bench.run(MONDAY, theirs=theirs, legacy_holds=999), at=older.at + timedelta(minutes=1))
    bench.desk.score(newer, rows)
    before = bench.book.scorecards_of(MONDAY), bench.book.journal_size()
    with pytest.raises(InvalidInput, match="as of when it was scored"):
        bench.desk.score(older, rows)
    assert (bench.book.scorecards_of(MONDAY), bench.book.journal_size()) == before


def test_whoever_was_killed_after_any_write_is_finished_by_the_same_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day that breaks the guard of a promoted security, killed before or after each commit: compared again, it ends
    as without the kill: one card, one fall."""
    for day in days(2):
        bench.score(day)
    pending = bench.desk.propose(BOND, "two days", by="Eva").pending
    assert pending is not None
    bench.desk.decide(pending.proposal_id, approve=True, why="seen", by="Tom")
    third, commit = days(3)[2], SqlBook.commit
    for number, is_after in ((1, False), (1, True), (2, False), (2, True)):
        seen = []

        def dying(
            book: SqlBook, change: Change, at: int = number, after: bool = is_after, seen: list[int] = seen
        ) -> None:
            seen.append(1)
            if len(seen) == at and not after:
                raise KeyboardInterrupt
            commit(book, change)
            if len(seen) == at:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(SqlBook, "commit", dying)
            try:
                bench.score(third, legacy_holds=999)
            except KeyboardInterrupt:
                continue
            finally:
                assert len({row.entry.facts["digest"] for row in cards_told(bench, third)}) <= 1
    bench.score(third, legacy_holds=999)
    assert bench.desk.course(BOND).stage is Stage.SHADOW
    assert [one.move for one in bench.desk.course(BOND).steps].count(Move.DEMOTED) == 1
    assert len(cards_told(bench, third)) == 1


def cards_told(bench: Bench, day: date) -> list[Any]:
    rows = bench.book.journal(BOND)
    return [one for one in rows if one.entry.kind == "scorecard" and one.entry.facts["day"] == day.isoformat()]


def test_a_day_made_better_by_other_files_is_named_to_who_decides(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Monday had a break; the legacy book's files are handed in again, without it. The gate is met, and says so."""
    monday, tuesday = days(2)
    bench.score(monday, legacy_holds=999)
    bench.score(monday)
    bench.score(tuesday)
    bench.score(tuesday)
    assert bench.desk.scored_anew(BOND) == {monday: 2}
    monkeypatch.setattr(shadow_of, "open_judging_desk", lambda *_: bench.desk)
    done = CliRunner().invoke(app, ["shadow", "gate", BOND, "--home", str(tmp_path)])
    assert (done.exit_code, f"scored more than once: {monday} (2 cards)" in done.output) == (0, True)
    done = CliRunner().invoke(app, ["shadow", "gate", BOND, "--json", "--home", str(tmp_path)])
    assert json.loads(done.output)["gates"][0]["scored_anew"] == [{"day": str(monday), "cards": 2}]
