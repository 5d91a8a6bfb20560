"""The journal tells of breaks what the records tell of them, as of any of its entries."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from lockstep.domain.journal import Entry, JournalRow
from lockstep.domain.reconciliation.books import Book, Key
from lockstep.domain.reconciliation.breaks import Break, BreakState, CloseReason
from lockstep.domain.reconciliation.differences import BreakClass, Difference, Found
from lockstep.flow.ageing import Aged, aged
from lockstep.flow.comparing import Comparison, Run
from lockstep.flow.reconciling import Acted, assign, close, comment, decide, propose, reconcile, reopen
from lockstep.ports import Change
from lockstep.reports.breaks import told_breaks
from lockstep.testing.fakes import FakeBook

AT = datetime(2026, 3, 30, 17, tzinfo=UTC)
MONDAY = AT.date()
KEYS = (Key.position("P1", "XS1"), Key.position("P2", "XS2"), Key.cash("P1", "EUR"), Key.trade("T-1"))


def found(place: int, said: str = "90") -> Found:
    key = KEYS[place]
    kind = BreakClass.IDENTITY if key.reference else BreakClass.AMOUNT
    by = 0 if key.reference else int(said) - 100
    return Found(
        book=Book.LEGACY,
        key=key,
        differences=(Difference(break_class=kind, field="quantity", said=said, agreed="100", by=by),),
        rule="exact",
        participants=("P1", "P3") if key.reference else (),
        instrument="XS1" if key.reference else "",
        against=(Book.CHAIN,),
    )


def by_records(breaks: Sequence[Break], day: date) -> dict[str, tuple[object, ...]]:
    return {one.break_id: _said(one) for one in aged(breaks, day)}


def _said(one: Aged) -> tuple[object, ...]:
    subject, reference = one.key.text().split("|")[0], one.key.reference
    return (
        (one.book.value, subject, reference, one.break_class.value, one.cause.value, one.rule, one.told),
        (
            one.state.value,
            one.is_open,
            one.reason.value if one.reason else "",
            one.opened_on,
            one.days,
            one.assignee,
            one.reopened,
        ),
        (one.participants, one.instrument),
    )


def by_journal(rows: Sequence[JournalRow], day: date) -> dict[str, tuple[object, ...]]:
    return {
        name: (
            (one.facts["book"], *one.key, *(one.facts[field] for field in ("class", "cause", "rule", "found"))),
            (
                *(one.facts["state"], one.is_open, one.facts["reason"], one.opened_on, one.age(day), one.assignee),
                int(one.facts["reopened"]),
            ),
            (tuple(one.participants), one.facts["instrument"]),
        )
        for name, one in told_breaks(rows).items()
    }


def test_the_journal_tells_what_the_records_tell_then_and_later() -> None:
    """As of each of its entries after an act, in random histories."""
    rng, states = random.Random(20261122), set[str]()
    for _ in range(12):
        book, now = FakeBook(), AT
        shots: list[tuple[int, date, dict[str, tuple[object, ...]]]] = []
        for _ in range(40):
            now += timedelta(hours=rng.randrange(1, 30))
            _anything(rng, book, now)
            shots.append((len(book.journal()), now.date(), by_records(book.breaks(), now.date())))
        rows = book.journal()
        states |= {row.entry.facts["state"] for row in rows}
        for number, day, expected in shots:
            assert by_journal(rows[:number], day) == expected
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
    acted = propose(
        Break.opened(found(0), day=MONDAY, at=AT),
        (),
        book=Book.LEGACY,
        field="quantity",
        right="7",
        why="x",
        by="Ada",
        at=AT,
    )
    assert acted.correction is not None
    acted = decide(acted.one, acted.correction, approve=True, by="Bea", at=AT)
    other = Entry(at=AT, kind="settled", subject="T-1", facts={"break": "no such thing"})
    book.commit(Change(entries=(*acted.entries, other)))
    assert [row.entry.kind for row in book.journal()] == ["reconciliation", "correction", "settled"]
    (one,) = told_breaks(book.journal()).values()
    assert (one.break_id, one.opened_on) == (acted.one.break_id, MONDAY)
    assert told_breaks([]) == {}
