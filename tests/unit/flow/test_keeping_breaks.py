"""Runs applied one after the other: level-triggered, silent where a book did not speak, told to the journal."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.errors import Conflict, Refused
from lockstep.domain.reconciliation.books import Book, Key, Line, Subject
from lockstep.domain.reconciliation.breaks import Break, BreakState, CloseReason
from lockstep.domain.reconciliation.differences import BreakClass
from lockstep.domain.reconciliation.rules import RuleBook
from lockstep.flow.comparing import Comparison, Run, compare
from lockstep.flow.reconciling import assign, close, comment, decide, propose, reconcile, reopen

AT = datetime(2026, 11, 25, 17, tzinfo=UTC)
BOOKS = (Book.CHAIN, Book.SERVICE, Book.LEGACY)
Figures = dict[str, dict[Book, int]]


def compared(figures: Figures, hours: int = 0, spoke: tuple[Book, ...] = BOOKS) -> Comparison:
    lines = [
        Line(book=book, key=Key.position(name, "XS1"), quantity=figure)
        for name, said in figures.items()
        for book, figure in said.items()
        if book in spoke
    ]
    run = Run(day=date(2026, 11, 25), at=AT + timedelta(hours=hours), spoke={Subject.POSITION: frozenset(spoke)})
    return compare(lines, RuleBook(), run)


def sound(*names: str) -> Figures:
    return {name: dict.fromkeys(BOOKS, 100) for name in names}


def off(name: str, by: int = 10) -> Figures:
    return {name: {Book.CHAIN: 100, Book.SERVICE: 100, Book.LEGACY: 100 + by}}


def opened() -> Break:
    (one,) = reconcile((), compared(off("P1"))).changed
    return one


def test_the_same_run_again_changes_nothing() -> None:
    run = compared(off("P1") | sound("P2"))
    first = reconcile((), run)
    assert [one.state for one in first.changed] == [BreakState.OPEN]
    assert [one.facts["act"] for one in first.entries] == ["opened"]
    again = reconcile(first.changed, run)
    assert (again.changed, again.entries) == ((), ())


def test_it_closes_itself_comes_back_and_says_so() -> None:
    (gone,) = reconcile([opened()], compared(sound("P1"), 1)).changed
    assert (gone.state, gone.reason) == (BreakState.CLOSED, CloseReason.AGREED)
    result = reconcile([gone], compared(off("P1"), 2))
    assert [one.state for one in result.changed] == [BreakState.REOPENED]
    assert result.entries[0].facts["text"].startswith("came back")


def test_what_another_break_tells_now_is_merged_into_it() -> None:
    mangled = sound("P1") | {"P9": {Book.LEGACY: 100}}
    del mangled["P1"][Book.LEGACY]
    extra = {"P9": {Book.LEGACY: 100}}
    (alone,) = reconcile((), compared(extra)).changed
    found, gone = reconcile([alone], compared(mangled, 1)).changed
    assert (found.break_class, found.found.differences[0].said) == (BreakClass.IDENTITY, "P9")
    assert (gone.break_id, gone.reason) == (alone.break_id, CloseReason.MERGED)
    assert found.break_id in gone.notes[-1].text
    (back, still) = sorted(
        reconcile([found, gone], compared(sound("P1") | extra, 2)).changed, key=lambda one: one.is_open
    )
    assert (back.state, still.state, still.break_id) == (BreakState.CLOSED, BreakState.REOPENED, alone.break_id)


def test_silence_closes_nothing() -> None:
    for spoke in ((Book.CHAIN, Book.SERVICE), (Book.CHAIN, Book.LEGACY), (Book.CHAIN,)):
        assert reconcile([opened()], compared(sound("P1"), 1, spoke)).changed == ()


def test_two_breaks_of_one_id_are_a_conflict() -> None:
    with pytest.raises(Conflict):
        reconcile([opened(), opened()], compared(sound("P1")))


def test_people_and_the_journal() -> None:
    told: list[tuple[str, str]] = []
    acted = assign(opened(), "Ada", by="Bea", at=AT)
    told += [(one.facts["act"], one.facts["by"]) for one in acted.entries]
    acted = comment(acted.one, "asked the custodian", by="Ada", at=AT)
    told += [(one.facts["act"], one.facts["by"]) for one in acted.entries]
    acted = close(acted.one, CloseReason.ACCEPTED, "known", by="Ada", at=AT)
    told += [(one.facts["act"], one.facts["by"]) for one in acted.entries]
    acted = reopen(acted.one, "no", by="Cyd", at=AT)
    told += [(one.facts["act"], one.facts["by"]) for one in acted.entries]
    assert told == [("assigned", "Bea"), ("commented", "Ada"), ("closed", "Ada"), ("reopened", "Cyd")]


def test_an_approved_correction_is_a_record_of_its_own() -> None:
    said = {"book": Book.LEGACY, "field": "quantity", "right": "100", "why": "booked twice", "by": "Ada", "at": AT}
    acted = propose(opened(), (), **said)
    assert [one.kind for one in acted.entries] == ["reconciliation"]
    with pytest.raises(Refused, match="FourEyes"):
        decide(acted.one, acted.correction, approve=True, by="Ada", at=AT)
    approved = decide(acted.one, acted.correction, approve=True, by="Bea", at=AT)
    facts = approved.entries[-1].facts
    assert approved.entries[-1].kind == "correction"
    assert (facts["book"], facts["said"], facts["right"]) == ("legacy", "110", "100")
    assert (facts["proposed_by"], facts["approved_by"]) == ("Ada", "Bea")
    assert reconcile([approved.one], compared(off("P1"), 1)).changed == ()
    (closed,) = reconcile([approved.one], compared(sound("P1"), 2)).changed
    assert closed.reason is CloseReason.CORRECTED
    rejected = decide(acted.one, acted.correction, approve=False, by="Bea", at=AT)
    assert [one.kind for one in rejected.entries] == ["reconciliation"]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_after_any_runs_what_is_open_is_what_differs(seed: int) -> None:
    """A plain model: by position, whether it differs now, whether a person closed it, and over which gap."""
    drawn = random.Random(seed)
    stored: dict[str, Break] = {}
    accepted: dict[str, int] = {}
    gaps = dict.fromkeys(("P1", "P2", "P3", "P4"), 0)
    for hour in range(25):
        for name in gaps:
            if drawn.random() < 0.4:
                gaps[name] = drawn.choice((0, 0, 10, -20))
        figures: Figures = {}
        for name, gap in gaps.items():
            figures |= off(name, gap)
        spoke = drawn.choice((BOOKS, BOOKS, BOOKS, (Book.CHAIN, Book.SERVICE)))
        run = compared(figures, hour, spoke)
        before = {name: one.is_open for name, one in stored.items()}
        stored |= {one.found.key.participant: one for one in reconcile(stored.values(), run).changed}
        assert not reconcile(stored.values(), run).changed
        if spoke is not BOOKS:
            assert {name: one.is_open for name, one in stored.items()} == before
            continue
        accepted = {name: gap for name, gap in accepted.items() if gaps[name] == gap}
        differs = {name for name, gap in gaps.items() if gap and name not in accepted}
        assert {name for name, one in stored.items() if one.is_open} == differs
        for name in sorted(differs):
            if drawn.random() < 0.3:
                stored[name] = close(stored[name], CloseReason.ACCEPTED, "known", by="Ada", at=run.run.at).one
                accepted[name] = gaps[name]
