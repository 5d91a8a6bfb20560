"""People at work on breaks, over a database: by the desk that demos call, and by `lockstep reconcile`."""

import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from lockstep.app import breaks as desk_of
from lockstep.app.breaks import BreakDesk, keep_run, party_names
from lockstep.cli.commands import app
from lockstep.domain.errors import Conflict, InvalidInput, Refused
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.breaks import BreakState, CloseReason
from lockstep.domain.reconciliation.corrections import CorrectionState
from lockstep.domain.reconciliation.rules import RuleBook
from lockstep.flow.ageing import Wanted
from lockstep.flow.comparing import Comparison, Run, compare
from lockstep.flow.reconciling import reconcile
from lockstep.ports import BreakBook
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import BOND, BUYER, SELLER, FakeBook, FakeClock, example_market

AT = datetime(2026, 11, 25, 17, tzinfo=UTC)
BOOKS = (Book.CHAIN, Book.SERVICE, Book.LEGACY)
TRADE = "2b9c7a34-91f5-4b1e-8c52-6f0f4c7ad111"


def compared(held: dict[str, int], hours: int = 0, receiver: str | None = BUYER.lei) -> Comparison:
    """Positions, of which the legacy book has what is given and the others 1,000; a trade, where it has a receiver."""
    lines = [
        Line(book=book, key=Key.position(name, BOND), quantity=units if book is Book.LEGACY else 1_000)
        for name, units in held.items()
        for book in BOOKS
    ]
    lines += [
        Line(
            book=book,
            key=Key.trade(TRADE),
            quantity=10,
            amount=5_000,
            instrument=BOND,
            currency="EUR",
            deliverer=SELLER.lei,
            receiver=receiver if book is Book.LEGACY else BUYER.lei,
            status=LineStatus.SETTLED,
            day=AT.date(),
            origin=f"{book.value} 4",
        )
        for book in BOOKS
        if receiver
    ]
    spoke = {subject: frozenset(BOOKS) for subject in (Subject.POSITION, Subject.TRADE)}
    return compare(lines, RuleBook(), Run(day=AT.date(), at=AT + timedelta(hours=hours), spoke=spoke))


WRONG = compared({SELLER.lei: 1_900, BUYER.lei: 1_000}, receiver=SELLER.lei)
POSITION = Key.position(SELLER.lei, BOND)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[BreakBook]:
    engine = open_database(f"sqlite:///{tmp_path}/service.db")
    yield SqlBook(engine)
    engine.dispose()


@pytest.fixture
def desk(book: BreakBook) -> BreakDesk:
    """A break of a position and one of a trade, five calendar days old."""
    keep_run(book, WRONG)
    return BreakDesk(book, FakeClock(AT + timedelta(days=5)))


def of(desk: BreakDesk, subject: Subject) -> str:
    return next(one.break_id for one in desk.book.breaks() if one.found.key.subject is subject)


# --- runs


def test_a_run_is_kept_once(book: BreakBook) -> None:
    assert [one.found.key for one in keep_run(book, WRONG).changed] == [POSITION, Key.trade(TRADE)]
    assert keep_run(book, WRONG).changed == ()
    assert [row.entry.facts["act"] for row in book.journal()] == ["opened", "opened"]
    keep_run(book, compared({SELLER.lei: 1_000}, 1))
    assert [one.reason for one in book.breaks()] == [CloseReason.AGREED] * 2
    assert [row.number for row in book.journal()] == [1, 2, 3, 4]


def test_what_a_run_reads_of_the_records_is_all_that_it_needs() -> None:
    """Against `reconcile` over every break there is, in random histories of runs and people."""
    rng = random.Random(7)
    for _ in range(8):
        book = FakeBook()
        for hours in range(15):
            held = {f"P{one}": rng.choice([1_000, 1_000, 990]) for one in range(6)}
            comparison = compared(held, hours, rng.choice([None, SELLER.lei, BUYER.lei]))
            whole = reconcile(book.breaks(), comparison)
            assert keep_run(book, comparison) == whole
            opened = [one.break_id for one in book.breaks() if one.is_open]
            if opened and rng.random() < 0.5:
                desk = BreakDesk(book, FakeClock(AT + timedelta(hours=hours)))
                desk.close([rng.choice(opened)], CloseReason.ACCEPTED, "so", by="Ada")


class Meddled(FakeBook):
    """Somebody else stores a comment of his own before each of the first so many keeps."""

    times = 0

    def keep(self, changed: Any, corrections: Any = (), entries: Any = ()) -> None:
        if self.times:
            self.times -= 1
            (one, *_) = self.breaks()
            super().keep([one.commented("me first", by="Cyd", at=AT)])
        super().keep(changed, corrections, entries)


def test_who_was_overtaken_judges_anew() -> None:
    book = Meddled()
    keep_run(book, WRONG)
    desk, one = BreakDesk(book, FakeClock(AT)), next(iter(book.breaks())).break_id
    acts: list[Callable[[], object]] = [
        lambda: desk.assign([one], "Ada", by="Bea"),
        lambda: desk.propose(one, book=Book.LEGACY, field="quantity", right="1", why="x", by="Ada"),
        lambda: desk.decide(f"{book.corrections()[0].correction_id}", approve=False, by="Bea", why="no"),
        lambda: keep_run(book, compared({SELLER.lei: 1_000}, 1)),
    ]
    for act in acts:
        book.times = 2
        act()
    told = [note.text for note in book.breaks_of([one])[one].notes]
    assert told.count("me first") == 8
    assert (told.count("Ada"), told[-1]) == (1, "agreed: the books agree, within what the rules tolerate")
    book.times = 3
    with pytest.raises(Conflict):
        desk.comment([one], "never", by="Ada")


# --- people


def test_ages_and_what_is_asked_for(desk: BreakDesk) -> None:
    """Wednesday to Monday: Thursday, Friday and Monday."""
    listed = desk.listed(Wanted(open_only=True))
    assert [(one.key, one.days) for one in listed] == [(Key.trade(TRADE), 3), (POSITION, 3)]
    desk.close([listed[0].break_id], CloseReason.ACCEPTED, "known", by="Ada")
    assert [one.key for one in desk.listed(Wanted(open_only=True))] == [POSITION]
    assert [one.key for one in desk.listed(Wanted(open_only=False))] == [Key.trade(TRADE), POSITION]


def test_several_breaks_together_or_none(desk: BreakDesk) -> None:
    trade, position = of(desk, Subject.TRADE), of(desk, Subject.POSITION)
    done = desk.assign([trade, position, trade[:15]], "Ada", by="Bea")
    assert [(one.break_id, one.assignee, one.version) for one in done] == [(trade, "Ada", 2), (position, "Ada", 2)]
    desk.close([trade], CloseReason.MISTAKEN, "wrong file", by="Ada")
    before = list(desk.book.breaks()), list(desk.book.journal())
    for wrong in ([position, trade], [position, "00" * 8]):
        with pytest.raises((Refused, InvalidInput)):
            desk.assign(wrong, "Cyd", by="Bea")
    assert (list(desk.book.breaks()), list(desk.book.journal())) == before
    (back,) = desk.reopen([trade], "look again", by="Cyd")
    assert back.state is BreakState.REOPENED


@pytest.mark.parametrize("text", ["", "g", "ABCDEF", "0" * 17, "%", "-", "é"])
def test_what_is_no_beginning_of_an_id_is_refused(desk: BreakDesk, text: str) -> None:
    with pytest.raises(InvalidInput, match=r"break: .* hex digits"):
        desk.find(text)


def test_a_beginning_fits_one_break(book: BreakBook) -> None:
    keep_run(book, compared({f"P{number}": 7 for number in range(17)}, receiver=None))
    desk, ids = BreakDesk(book, FakeClock(AT)), [one.break_id for one in book.breaks()]
    twice = next(one[0] for one in ids if sum(other[0] == one[0] for other in ids) > 1)
    with pytest.raises(InvalidInput, match=r"one break's id; [2-9]\d* fit"):
        desk.find(twice)
    with pytest.raises(InvalidInput, match="one break's id; 0 fit"):
        desk.find("0123456789abcdef")
    for one in ids:
        assert desk.find(one[:12]).break_id == one


def test_who_closes_says_which_difference(desk: BreakDesk) -> None:
    one = of(desk, Subject.POSITION)
    seen = desk.find(one).found.fingerprint
    keep_run(desk.book, compared({SELLER.lei: 1_800}, 1, receiver=SELLER.lei))
    with pytest.raises(Refused, match="BreakChanged") as refused:
        desk.close([one], CloseReason.ACCEPTED, "known", by="Ada", seen=seen)
    now = desk.find(one).found.fingerprint
    assert refused.value.details == {"break": one, "expected": seen, "actual": now}
    with pytest.raises(InvalidInput, match="one break only"):
        desk.close([one, of(desk, Subject.TRADE)], CloseReason.ACCEPTED, "known", by="Ada", seen=now)
    (closed,) = desk.close([one], CloseReason.ACCEPTED, "known", by="Ada", seen=now)
    assert closed.reason is CloseReason.ACCEPTED


def test_a_correction_needs_two(desk: BreakDesk) -> None:
    one = of(desk, Subject.POSITION)
    said: dict[str, Any] = {"book": Book.LEGACY, "field": "quantity", "right": "1000", "why": "keyed in twice"}
    made = desk.propose(one[:10], **said, by="Ada")
    assert (made.said, made.version) == ("1900", 1)
    with pytest.raises(Refused, match="CorrectionPending"):
        desk.propose(one, **said, by="Bea")
    with pytest.raises(Refused, match="FourEyes"):
        desk.decide(made.correction_id, approve=True, by="ADA")
    rest = made.correction_id.partition("-")[2]
    for wrong in (one, f"{one}-1", f"{one}-1-{'0' * 8}", f"{one}-2-{rest[2:]}", f"{one}-01-{rest[2:]}", "", rest):
        with pytest.raises(InvalidInput):
            desk.decide(wrong, approve=True, by="Bea")
    done = desk.decide(f"{one[:6]}-{rest}", approve=True, by="Bea", why="checked")
    assert (done.state, done.decided_by, done.decided_why, done.version) == (
        CorrectionState.APPROVED,
        "Bea",
        "checked",
        2,
    )
    with pytest.raises(Refused, match="CorrectionDecided"):
        desk.decide(made.correction_id, approve=False, by="Cyd", why="no")
    told = [row.entry.facts for row in desk.book.journal(one)][1:]
    content = {"of_book": "legacy", "field": "quantity", "said": "1900", "right": "1000"}
    for facts, act, why in ((told[0], "proposed", "keyed in twice"), (told[1], "approved", "checked")):
        assert facts.items() >= {"act": f"correction {act}", "text": made.correction_id, "why": why, **content}.items()
    (row,) = [row for row in desk.book.journal() if row.entry.kind == "correction"]
    assert (row.entry.facts["proposed_by"], row.entry.facts["approved_by"]) == ("Ada", "Bea")
    keep_run(desk.book, compared({SELLER.lei: 1_000}, 1, receiver=SELLER.lei))
    assert desk.find(one).reason is CloseReason.CORRECTED


@pytest.mark.parametrize("text", ["\x00", "a\x1b[31m", "\udc80", "a\rb", " \n "])
def test_what_is_no_text_is_refused(desk: BreakDesk, text: str) -> None:
    one = of(desk, Subject.POSITION)
    said: dict[str, Any] = {"book": Book.LEGACY, "field": "quantity", "by": "Ada"}
    acts: list[Callable[[], object]] = [
        lambda: desk.comment([one], text, by="Ada"),
        lambda: desk.comment([one], "x", by=text),
        lambda: desk.close([one], CloseReason.ACCEPTED, text, by="Ada"),
        lambda: desk.propose(one, right="1", why=text, **said),
    ]
    if text.strip():
        acts.append(lambda: desk.propose(one, right=text, why="x", **said))
    for act in acts:
        with pytest.raises(InvalidInput):
            act()
    assert len(desk.book.journal()) == 2
    made = desk.propose(one, right="1", why="x", **said)
    if text.strip():
        with pytest.raises(InvalidInput, match="why"):
            desk.decide(made.correction_id, approve=True, by="Bea", why=text)
        assert len(desk.book.journal()) == 3


def test_what_tells_of_a_break_is_shown_with_it(desk: BreakDesk) -> None:
    """And nothing of it under the trade, whose entries are shown to strangers."""
    trade, position = of(desk, Subject.TRADE), of(desk, Subject.POSITION)
    desk.comment([trade, position], "hm", by="Ada")
    assert list(desk.book.journal(TRADE)) == []
    for one in (trade, position):
        shown = desk.shown(one)
        assert {row.entry.subject for row in shown.journal} == {one}
        assert [row.entry.facts["act"] for row in shown.journal] == ["opened", "commented"]


def test_a_participant_goes_by_each_of_its_names() -> None:
    market = example_market()
    for text in (SELLER.lei, SELLER.bic, market.participants[SELLER.lei].name):
        assert party_names(market, text) >= {SELLER.lei, SELLER.bic}
        assert BUYER.lei not in party_names(market, text)
    assert party_names(market, "a/c 7") == {"a/c 7"}


# --- by command


@pytest.fixture
def run(desk: BreakDesk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(desk_of, "open_break_desk", lambda _: desk)
    monkeypatch.setattr("lockstep.cli.reconcile.Home", lambda _: SimpleNamespace(market=example_market))

    def invoke(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["reconcile", *arguments, "--home", str(tmp_path)], env={"COLUMNS": "80"})

    return invoke


def told(run: Any, *arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.output)


def test_listed(desk: BreakDesk, run: Any) -> None:
    listed = told(run, "breaks")["breaks"]
    assert [(one["class"], one["days"], one["book"], one["state"]) for one in listed] == [
        ("identity", 3, "legacy", "open"),
        ("amount", 3, "legacy", "open"),
    ]
    assert listed[1]["key"] == POSITION.text()
    by = {"--class": "amount", "--participant": SELLER.bic, "--instrument": BOND, "--assignee": ""}
    narrowed = told(run, "breaks", *(one for pair in by.items() for one in pair), "--older-than", "2")
    assert narrowed["breaks"] == [listed[1]]
    assert told(run, "breaks", "--older-than", "3") == {"breaks": []}
    told(run, "close", listed[0]["break"], "--reason", "mistaken", "--text", "no", "--by", "Ada")
    assert [one["break"] for one in told(run, "breaks", "--all")["breaks"]] == [one["break"] for one in listed]
    assert told(run, "breaks", "--open")["breaks"] == [listed[1]]
    lines = run("breaks", "--all").output.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[-1] == "2 in all, 1 open"
    assert run("breaks", "--assignee", "Nobody").output == "no break\n"


def test_a_break_from_its_opening_to_its_end(desk: BreakDesk, run: Any) -> None:
    one = of(desk, Subject.POSITION)
    (assigned,) = told(run, "assign", one[:8], "--to", "Ada", "--by", "Bea")["breaks"]
    assert (assigned["state"], assigned["assignee"]) == ("assigned", "Ada")
    assert run("comment", one, "--text", "asked\nthe custodian", "--by", "Ada").output.startswith(f"{one}  assigned")
    arguments = ("--book", "legacy", "--field", "quantity", "--right", "1000", "--why", "keyed in twice")
    proposed = told(run, "propose", one, *arguments, "--by", "Ada")
    assert (proposed["state"], proposed["said"], proposed["right"]) == ("proposed", "1900", "1000")
    own = run("approve", proposed["correction"], "--by", "Ada")
    assert isinstance(own.exception, Refused) and own.exception.name == "FourEyes"
    rejected = told(run, "reject", proposed["correction"], "--why", "ask first", "--by", "Bea")
    assert (rejected["state"], rejected["decided_by"], rejected["decided_why"]) == ("rejected", "Bea", "ask first")
    again = told(run, "propose", one, *arguments, "--by", "Ada")["correction"]
    assert told(run, "approve", again, "--by", "Bea")["state"] == "approved"
    shown = told(run, "show", one)
    assert [note["act"] for note in shown["notes"]] == [
        "opened",
        "assigned",
        "commented",
        "correction proposed",
        "correction rejected",
        "correction proposed",
        "correction approved",
    ]
    numbers = [note["journal"] for note in shown["notes"]]
    assert numbers == sorted(set(numbers))
    entries = {row.number: row.entry for row in desk.book.journal()}
    assert [entries[one].facts["text"] for one in numbers] == [note["text"] for note in shown["notes"]]
    assert [each["state"] for each in shown["corrections"]] == ["rejected", "approved"]
    assert shown["differences"] == [
        {"class": "amount", "field": "quantity", "said": "1900", "agreed": "1000", "by": "900"}
    ]
    output = run("show", one).output
    for text in ("amount at the legacy book, assigned Ada", "+900", "likely cause", "Bea: assigned: Ada", again):
        assert text in output
    told(run, "close", one, "--reason", "accepted", "--text", "known", "--by", "Ada", "--seen", shown["difference"])
    assert "closed, accepted" in run("show", one).output
    assert told(run, "reopen", one, "--text", "no", "--by", "Cyd")["breaks"][0]["state"] == "reopened"


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("assign", "{}", "--to", "Ada"), 2, "--by"),
        (("comment", "{}", "--by", "Ada"), 2, "--text"),
        (("breaks", "--older-than", "-1"), 2, "--older-than"),
        (("breaks", "--class", "odd"), 1, "--class: 'odd' breaks the rule: one of identity, duplicate"),
        (("close", "{}", "--reason", "gone", "--text", "x", "--by", "A"), 1, "--reason: 'gone'"),
        (("close", "{}", "--reason", "agreed", "--text", "x", "--by", "A"), 1, "accepted or mistaken"),
        (("assign", "{}", "--to", "Ada", "--by", "lockstep"), 1, "by: 'lockstep'"),
        (("assign", "{}", "--to", "", "--by", "Ada"), 1, "to: ''"),
        (("show", "xyz"), 1, "break: 'xyz'"),
        (("approve", "{}", "--by", "Ada"), 1, "correction: "),
        (("propose", "{}", "--book", "gl", "--field", "x", "--right", "1", "--why", "y", "--by", "A"), 1, "--book"),
        (
            ("propose", "{}", "--book", "rtgs", "--field", "quantity", "--right", "1", "--why", "y", "--by", "A"),
            1,
            "book",
        ),
        (("propose", "{}", "--book", "legacy", "--field", "at", "--right", "1", "--why", "y", "--by", "A"), 1, "field"),
        (("reopen", "{}", "--text", "x", "--by", "Ada"), 1, "BreakOpen"),
    ],
)
def test_what_is_wrong_is_named(desk: BreakDesk, run: Any, arguments: tuple[str, ...], status: int, words: str) -> None:
    one = of(desk, Subject.POSITION)
    done = run(*(each.format(one) for each in arguments))
    assert done.exit_code == status
    assert words in f"{done.output}{done.exception}"
    assert [each.state for each in desk.book.breaks()] == [BreakState.OPEN] * 2
