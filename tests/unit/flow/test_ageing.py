"""Breaks with their ages: counted by hand, narrowed, and told by the journal as the records tell them."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.domain.journal import Entry
from lockstep.domain.reconciliation.books import Book, Key
from lockstep.domain.reconciliation.breaks import Break, BreakState, CloseReason
from lockstep.domain.reconciliation.differences import BreakClass, Difference, Found
from lockstep.flow.ageing import Aged, Wanted, aged, aged_as_told
from lockstep.flow.comparing import Comparison, Run
from lockstep.flow.reconciling import Acted, assign, close, comment, decide, propose, reconcile, reopen
from lockstep.ports import Change
from lockstep.testing.fakes import FakeBook

AT = datetime(2026, 3, 30, 17, tzinfo=UTC)
MONDAY = AT.date()
KEYS = (
    Key.position("P1", "XS1"),
    Key.position("P2", "XS1"),
    Key.position("P2", "XS2"),
    Key.cash("P1", "EUR"),
    Key.trade("T-1"),
)
CLASSES = (BreakClass.AMOUNT, BreakClass.AMOUNT, BreakClass.TIMING, BreakClass.AMOUNT, BreakClass.IDENTITY)


def found(place: int, said: str = "90") -> Found:
    key, kind = KEYS[place], CLASSES[place]
    by = int(said) - 100 if kind is BreakClass.AMOUNT else 0
    return Found(
        book=Book.LEGACY,
        key=key,
        differences=(Difference(break_class=kind, field="quantity", said=said, agreed="100", by=by),),
        rule="exact",
        participants=("P1", "P3") if key.reference else (),
        instrument="XS1" if key.reference else "",
        against=(Book.CHAIN,),
    )


def on(place: int, day: date) -> Break:
    return Break.opened(found(place), day=day, at=AT)


def five() -> list[Break]:
    """Found from Monday to Thursday of the week before Easter 2026, and on the Tuesday after."""
    days = (MONDAY, date(2026, 3, 31), date(2026, 4, 2), date(2026, 4, 7), date(2026, 4, 7))
    breaks = [on(place, day) for place, day in enumerate(days)]
    breaks[1] = breaks[1].assigned("Ada", by="Bea", at=AT)
    breaks[2] = breaks[2].gone(at=AT)
    return breaks


def names(found: list[Aged]) -> list[str]:
    return [one.key.text() for one in found]


def test_ages_are_business_days_and_the_oldest_comes_first() -> None:
    """Good Friday, the weekend and Easter Monday, 3 to 6 April, do not count."""
    listed = aged(five(), date(2026, 4, 8))
    assert [(one.days, one.key.text()) for one in listed] == [
        (5, "position|P1|XS1"),
        (4, "position|P2|XS1"),
        (2, "position|P2|XS2"),
        (1, "trade|T-1"),  # an identity is graver than an amount
        (1, "cash|P1|EUR"),
    ]
    assert [one.days for one in aged(five(), MONDAY)] == [0] * 5


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), "position|P1|XS1 position|P2|XS1 trade|T-1 cash|P1|EUR"),
        (Wanted(open_only=False, instrument="XS2"), "position|P2|XS2"),
        (Wanted(instrument="XS1"), "position|P1|XS1 position|P2|XS1 trade|T-1"),
        (Wanted(instrument="EUR"), "cash|P1|EUR"),
        (Wanted(participants=frozenset({"P1"})), "position|P1|XS1 trade|T-1 cash|P1|EUR"),
        (Wanted(participants=frozenset({"P3", "?"})), "trade|T-1"),
        (Wanted(participants=frozenset({"?"})), ""),
        (Wanted(assignee="ADA"), "position|P2|XS1"),
        (Wanted(assignee=""), "position|P1|XS1 trade|T-1 cash|P1|EUR"),
        (Wanted(break_class=BreakClass.TIMING), ""),
        (Wanted(break_class=BreakClass.TIMING, open_only=False), "position|P2|XS2"),
        (Wanted(older_than=4), "position|P1|XS1"),
        (Wanted(older_than=1), "position|P1|XS1 position|P2|XS1"),
        (Wanted(older_than=0, instrument="XS1", participants=frozenset({"P1"})), "position|P1|XS1 trade|T-1"),
    ],
)
def test_what_is_asked_for(wanted: Wanted, expected: str) -> None:
    assert names(aged(five(), date(2026, 4, 8), wanted)) == expected.split()


def test_an_age_is_not_below_zero() -> None:
    with pytest.raises(InvalidInput, match="older_than"):
        Wanted(older_than=-1)


def test_the_journal_tells_what_the_records_tell_then_and_later() -> None:
    """As of each of its entries after an act, in random histories."""
    rng, states = random.Random(20261122), set[str]()
    for _ in range(12):
        book, now, shots = FakeBook(), AT, list[tuple[int, list[Aged]]]()
        for _ in range(40):
            now += timedelta(hours=rng.randrange(1, 30))
            _anything(rng, book, now)
            shots.append((len(book.journal()), aged(book.breaks(), now.date())))
        rows = book.journal()
        states |= {row.entry.facts["state"] for row in rows}
        for number, expected in shots:
            days = {one.break_id: one.days for one in expected}
            told = [replace(one, days=days[one.break_id]) for one in aged_as_told(rows[:number], MONDAY)]
            assert sorted(told, key=lambda one: one.order) == expected
        assert aged_as_told(rows, now.date()) == aged(book.breaks(), now.date())
    assert states == {one.value for one in BreakState}


def _anything(rng: random.Random, book: FakeBook, now: datetime) -> None:
    """A run, or a person's act that the break's state allows."""
    known = list(book.breaks())
    if not known or rng.random() < 0.4:
        there = [found(place, rng.choice(["90", "80"])) for place in range(len(KEYS)) if rng.random() < 0.5]
        spoke = {key.subject: frozenset({Book.CHAIN, Book.LEGACY}) for key in KEYS}
        run = Run(day=now.date(), at=now, spoke=spoke)
        done = reconcile(known, Comparison(run=run, found=tuple(there), tolerated=(), keys=5, alone=()))
        book.keep(done.changed, (), done.entries)
        return
    one = rng.choice(known)
    acts = [lambda: comment(one, "hm", by="Ada", at=now)]
    if one.is_open:
        acts.append(lambda: assign(one, rng.choice(["Ada", "Bea"]), by="Bea", at=now))
        acts.append(lambda: close(one, CloseReason.ACCEPTED, "so", by="Bea", at=now))
        if not book.corrections(one.break_id):
            said = {"book": Book.LEGACY, "field": "quantity", "right": "7", "why": "x", "by": "Ada", "at": now}
            acts.append(lambda: propose(one, (), **said))
    else:
        acts.append(lambda: reopen(one, "no", by="Cyd", at=now))
    acted: Acted = rng.choice(acts)()
    book.keep([acted.one], [acted.correction] if acted.correction else [], acted.entries)


def test_other_entries_are_passed_over() -> None:
    book = FakeBook()
    acted = propose(on(0, MONDAY), (), book=Book.LEGACY, field="quantity", right="7", why="x", by="Ada", at=AT)
    assert acted.correction is not None
    acted = decide(acted.one, acted.correction, approve=True, by="Bea", at=AT)
    other = Entry(at=AT, kind="settled", subject="T-1", facts={"break": "no such thing"})
    book.commit(Change(entries=(*acted.entries, other)))
    assert [row.entry.kind for row in book.journal()] == ["reconciliation", "correction", "settled"]
    (one,) = aged_as_told(book.journal(), MONDAY)
    assert (one.break_id, one.opened_on) == (acted.one.break_id, MONDAY)
    assert aged_as_told([], MONDAY) == []
