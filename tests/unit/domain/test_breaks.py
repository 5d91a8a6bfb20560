"""Breaks: every state × every move, what closes itself and why, what comes back; corrections under dual control."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.reconciliation.books import Book, Key
from lockstep.domain.reconciliation.breaks import SELF, Act, Break, BreakState, CloseReason
from lockstep.domain.reconciliation.corrections import Correction, CorrectionState, decide, propose
from lockstep.domain.reconciliation.differences import BreakClass, Cause, Difference, Found

DAY = date(2026, 4, 2)
AT = datetime(2026, 4, 2, 17, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


def found(
    kind: BreakClass = BreakClass.AMOUNT, said: str = "90", agreed: str = "100", field: str = "quantity"
) -> Found:
    by = int(said) - int(agreed) if kind is BreakClass.AMOUNT else 0
    one = Difference(break_class=kind, field=field, said=said, agreed=agreed, by=by)
    return Found(
        book=Book.LEGACY,
        key=Key.position("P1", "XS1"),
        differences=(one,),
        rule="exact",
        against=(Book.CHAIN, Book.SERVICE),
    )


OPEN = Break.opened(found(), day=DAY, at=AT)
ASSIGNED = OPEN.assigned("Ada", by="Bea", at=AT)
CLOSED = OPEN.closed(CloseReason.ACCEPTED, "known", by="Bea", at=AT)
REOPENED = CLOSED.reopened_by("look again", by="Bea", at=AT)
STATES = {one.state: one for one in (OPEN, ASSIGNED, CLOSED, REOPENED)}
MOVES: dict[str, Callable[[Break], Break]] = {
    "assign": lambda one: one.assigned("Cyd", by="Bea", at=LATER),
    "comment": lambda one: one.commented("hm", by="Bea", at=LATER),
    "close": lambda one: one.closed(CloseReason.MISTAKEN, "wrong file", by="Bea", at=LATER),
    "reopen": lambda one: one.reopened_by("no", by="Bea", at=LATER),
    "gone": lambda one: one.gone(at=LATER),
    "changed": lambda one: one.seen(found(said="80"), at=LATER),
    "same": lambda one: one.seen(found(), at=LATER),
}
_OPEN, _ASSIGNED, _CLOSED, _REOPENED = "open", "assigned", "closed", "reopened"
TABLE = {
    _OPEN: (_ASSIGNED, _OPEN, _CLOSED, "BreakOpen", _CLOSED, _OPEN, _OPEN),
    _ASSIGNED: (_ASSIGNED, _ASSIGNED, _CLOSED, "BreakOpen", _CLOSED, _ASSIGNED, _ASSIGNED),
    _CLOSED: ("BreakClosed", _CLOSED, "BreakClosed", _REOPENED, _CLOSED, _REOPENED, _CLOSED),
    _REOPENED: (_ASSIGNED, _REOPENED, _CLOSED, "BreakOpen", _CLOSED, _REOPENED, _REOPENED),
}


@pytest.mark.parametrize("state", list(BreakState))
@pytest.mark.parametrize("move", list(MOVES))
def test_every_state_and_every_move(state: BreakState, move: str) -> None:
    one, expected = STATES[state], TABLE[state.value][list(MOVES).index(move)]
    if expected.startswith("Break"):
        with pytest.raises(Refused) as refused:
            MOVES[move](one)
        assert refused.value.name == expected
        assert refused.value.details == {"break": one.break_id, "state": state.value}
        return
    after = MOVES[move](one)
    assert after.state.value == expected
    assert after.notes[: len(one.notes)] == one.notes
    assert len(after.notes) == len(one.notes) + (move != "same")
    assert (after.reason is None) == (expected != _CLOSED)
    assert after.opened_on == DAY


def test_it_ages_by_business_days_from_its_first_day() -> None:
    back = OPEN.gone(at=AT).seen(found(), at=LATER)
    for one in (OPEN, back):
        assert [one.age(date(2026, 4, day)) for day in (2, 3, 6, 7, 8)] == [0, 0, 0, 1, 2]
    assert back.reopened == 1


@pytest.mark.parametrize(
    ("kind", "field", "reason"),
    [
        (BreakClass.TIMING, "line", CloseReason.ARRIVED),
        (BreakClass.MISSING, "line", CloseReason.ARRIVED),
        (BreakClass.EXTRA, "line", CloseReason.ARRIVED),
        (BreakClass.TIMING, "day", CloseReason.AGREED),
        (BreakClass.STATUS, "status", CloseReason.AGREED),
    ],
)
def test_it_closes_itself_and_says_why(kind: BreakClass, field: str, reason: CloseReason) -> None:
    one = Break.opened(found(kind, field=field), day=DAY, at=AT).gone(at=LATER)
    assert (one.state, one.reason, one.is_there) == (BreakState.CLOSED, reason, False)
    assert (one.notes[-1].by, one.notes[-1].act) == (SELF, Act.CLOSED)
    assert one.notes[-1].text.startswith(reason.value)
    assert one.gone(at=LATER) is one


def test_a_matter_of_time_becomes_what_it_is_when_its_time_is_over() -> None:
    one = Break.opened(found(BreakClass.TIMING, "", "100", "line"), day=DAY, at=AT)
    one = one.seen(found(BreakClass.MISSING, "", "100", "line"), at=LATER)
    assert (one.state, one.break_class, one.notes[-1].act) == (BreakState.OPEN, BreakClass.MISSING, Act.CHANGED)


def test_what_a_person_closed_stays_closed_while_the_same_gap_lasts() -> None:
    assert CLOSED.seen(found(), at=LATER) is CLOSED
    assert CLOSED.seen(found(said="190", agreed="200"), at=LATER) is CLOSED, "balances move, the gap is the same"
    assert CLOSED.seen(found(said="80"), at=LATER).state is BreakState.REOPENED
    gone = CLOSED.gone(at=LATER)
    assert (gone.state, gone.notes[-1].act) == (BreakState.CLOSED, Act.GONE)
    back = gone.seen(found(), at=LATER)
    assert (back.state, back.reopened, back.is_there) == (BreakState.REOPENED, 1, True)


def test_reopened_by_a_person_it_closes_itself_where_there_is_nothing() -> None:
    one = OPEN.gone(at=AT).reopened_by("really?", by="Bea", at=AT).gone(at=LATER)
    assert (one.state, one.reason) == (BreakState.CLOSED, CloseReason.AGREED)


def test_found_of_another_is_refused() -> None:
    other = replace(found(), book=Book.SERVICE)
    with pytest.raises(InvalidInput, match="position"):
        OPEN.seen(other, at=LATER)


@pytest.mark.parametrize("name", ["", " Ada", "Ada  B", "A\nB", "x" * 101, "Lockstep", "lockstep"])
def test_bad_names_are_refused(name: str) -> None:
    for act in (
        lambda: OPEN.assigned(name, by="Bea", at=AT),
        lambda: OPEN.assigned("Ada", by=name, at=AT),
        lambda: OPEN.commented("x", by=name, at=AT),
        lambda: OPEN.closed(CloseReason.ACCEPTED, "x", by=name, at=AT),
        lambda: CLOSED.reopened_by("x", by=name, at=AT),
        lambda: propose(OPEN, (), book=Book.LEGACY, field="quantity", right="1", why="x", by=name, at=AT),
    ):
        with pytest.raises(InvalidInput):
            act()


def test_a_person_says_why_and_cannot_say_that_books_agree() -> None:
    for text in ("", "  ", "x" * 2001):
        with pytest.raises(InvalidInput):
            OPEN.closed(CloseReason.ACCEPTED, text, by="Bea", at=AT)
        with pytest.raises(InvalidInput):
            OPEN.commented(text, by="Bea", at=AT)
    for reason in (CloseReason.ARRIVED, CloseReason.AGREED, CloseReason.CORRECTED, CloseReason.MERGED):
        with pytest.raises(InvalidInput, match=reason.value):
            OPEN.closed(reason, "x", by="Bea", at=AT)


def proposed(one: Break = OPEN, **changes: object) -> tuple[Break, Correction]:
    said = {"book": Book.LEGACY, "field": "quantity", "right": "100", "why": "missed a trade", "by": "Ada", "at": AT}
    return propose(one, (), **(said | changes))


def test_a_correction_takes_two() -> None:
    one, correction = proposed()
    assert (correction.state, correction.said, correction.right) == (CorrectionState.PROPOSED, "90", "100")
    assert one.notes[-1].text == correction.correction_id
    for name in ("Ada", "ADA", "Аda", "Ａｄａ", "Ádà", "A d a", "Ada.", "Ada\ufe0f", "Ada\u3164"):
        with pytest.raises(Refused) as refused:
            decide(one, correction, approve=True, by=name, at=LATER)
        assert refused.value.name == "FourEyes"
    after, decided = decide(one, correction, approve=True, by="Bea", at=LATER)
    assert (decided.state, decided.decided_by, decided.correction_id) == (
        CorrectionState.APPROVED,
        "Bea",
        correction.correction_id,
    )
    assert after.is_open, "an approval edits no book"
    assert after.gone(at=LATER).reason is CloseReason.CORRECTED
    with pytest.raises(Refused) as refused:
        decide(after, decided, approve=False, by="Cyd", at=LATER)
    assert refused.value.name == "CorrectionDecided"
    with pytest.raises(FrozenInstanceError):
        decided.right = "1"


def test_an_approval_counts_only_until_the_break_comes_back() -> None:
    one, correction = proposed()
    one, _ = decide(one, correction, approve=True, by="Bea", at=LATER)
    again = one.gone(at=LATER).seen(found(), at=LATER).gone(at=LATER)
    assert again.reason is CloseReason.AGREED


def test_the_proposer_may_take_it_back() -> None:
    one, correction = proposed()
    after, decided = decide(one, correction, approve=False, by="Ada", at=LATER, why="typo")
    assert decided.state is CorrectionState.REJECTED
    assert after.gone(at=LATER).reason is CloseReason.AGREED


def test_an_approval_is_of_exactly_what_was_seen() -> None:
    one, correction = proposed()
    for moved in (found(said="80"), found(said="190", agreed="200")):
        with pytest.raises(Refused) as refused:
            decide(one.seen(moved, at=LATER), correction, approve=True, by="Bea", at=LATER)
        assert refused.value.name == "CorrectionStale"
    with pytest.raises(Refused) as refused:
        decide(one.gone(at=LATER), correction, approve=True, by="Bea", at=LATER)
    assert refused.value.name == "BreakClosed"
    ids = {proposed(**changes)[1].correction_id for changes in ({}, {"right": "99"}, {"why": "other"}, {"by": "Cyd"})}
    assert len(ids) == 4


def test_proposals_that_fit_nothing_are_refused() -> None:
    for changes in ({"field": "amount"}, {"book": Book.RTGS}, {"right": "90"}, {"why": " "}):
        with pytest.raises(InvalidInput):
            proposed(**changes)
    with pytest.raises(Refused) as refused:
        proposed(CLOSED)
    assert refused.value.name == "BreakClosed"
    one, first = proposed()
    said = {"book": Book.LEGACY, "field": "quantity", "right": "99", "why": "x", "by": "Cyd", "at": AT}
    with pytest.raises(Refused) as refused:
        propose(one, [first], **said)
    assert (refused.value.name, refused.value.details["correction"]) == ("CorrectionPending", first.correction_id)
    _, second = propose(one, [first], **{**said, "book": Book.CHAIN})
    assert (second.number, second.said) == (2, "100")
    with pytest.raises(InvalidInput):
        decide(replace(OPEN, found=replace(found(), book=Book.SERVICE)), first, approve=True, by="Bea", at=LATER)


def test_every_word_is_documented() -> None:
    page = Path(__file__).parents[3].joinpath("docs/reference/reconciliation.md").read_text()
    words = {one.value for kind in (BreakClass, Cause, BreakState, CloseReason, CorrectionState) for one in kind}
    assert not [one for one in sorted(words) if f"`{one}`" not in page]
