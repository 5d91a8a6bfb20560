"""One suite for every `ports.BreakBook`: in memory, on SQLite and on PostgreSQL."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from lockstep.domain.errors import Conflict, LeaseLost
from lockstep.domain.journal import Entry
from lockstep.domain.reconciliation.books import Book, Key
from lockstep.domain.reconciliation.breaks import Break, CloseReason
from lockstep.domain.reconciliation.corrections import Correction, CorrectionState, decide, propose
from lockstep.domain.reconciliation.differences import BreakClass, Cause, Difference, Evidence, Found
from lockstep.ports import BreakBook
from lockstep.store import SqlBook, SqlLeases, codec, open_database
from lockstep.testing.fakes import FakeBook, FakeClock

DAY = date(2026, 11, 25)
AT = datetime(2026, 11, 25, 17, tzinfo=UTC)
Opened = Callable[[], BreakBook]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """The same records each time; on a database as another process finds them."""
    if request.param == "memory":
        kept = FakeBook()
        yield lambda: kept
        return
    fresh = request.param == "postgresql"
    url = request.getfixturevalue("postgresql_server").fresh() if fresh else f"sqlite:///{tmp_path}/service.db"
    engine = open_database(url)

    def anew() -> BreakBook:
        codec._kept.cache_clear()  # nothing is known but the texts
        return SqlBook(engine)

    yield anew
    engine.dispose()


def found(name: str, kind: BreakClass = BreakClass.AMOUNT) -> Found:
    """Something in every field."""
    return Found(
        book=Book.LEGACY,
        key=Key.position(name, "XS1"),
        differences=(
            Difference(break_class=kind, field="quantity", said="-90", agreed="100", by=-190),
            Difference(break_class=BreakClass.LATE, field="at", said="2026-11-25T18:00:00+00:00", agreed="", by=3600),
        ),
        rule='"exact"\\',
        cause=Cause.SIGN,
        evidence=(Evidence(book=Book.CHAIN, origin="block 7, log 2", says="quantity=100"),),
        participants=(name, "Ärzte, {1}"),
        instrument="XS1",
        against=(Book.CHAIN, Book.SERVICE),
        other_key=Key.trade("R-1"),
    )


def fresh(name: str, kind: BreakClass = BreakClass.AMOUNT) -> Break:
    return Break.opened(found(name, kind), day=DAY, at=AT)


def entry(text: str) -> Entry:
    return Entry(at=AT, kind="reconciliation", subject=text, facts={"text": text})


def stored(one: Break) -> Break:
    return replace(one, version=one.version + 1)


def proposed(one: Break) -> tuple[Break, Correction]:
    return propose(
        one, (), book=Book.LEGACY, field="quantity", right="100", why='keyed "90" in\nby hand', by="Ada", at=AT
    )


def test_there_are_none_at_first(opened: Opened) -> None:
    book = opened()
    assert list(book.breaks()) == []
    assert list(book.standing_breaks()) == []
    assert book.breaks_of(["ab"]) == {}
    assert book.breaks_of([]) == {}
    assert list(book.breaks_beginning("")) == []
    assert list(book.corrections()) == []


@pytest.mark.parametrize("kind", list(BreakClass))
def test_what_is_kept_is_what_is_read(opened: Opened, kind: BreakClass) -> None:
    one = fresh("P1", kind).assigned("Bea", by="Cyd", at=AT).commented('a "note"\n— ✓', by="Bea", at=AT)
    if kind is BreakClass.LATE:
        one = one.gone(at=AT).seen(found("P1", kind), at=AT + timedelta(1)).gone(at=AT + timedelta(2))
    opened().keep([one])
    assert list(opened().breaks()) == [stored(one)]
    assert opened().breaks_of([one.break_id, "00"]) == {one.break_id: stored(one)}


def test_each_version_is_stored_once(opened: Opened) -> None:
    one = fresh("P1")
    opened().keep([one], (), [entry("first")])
    late = stored(one).closed(CloseReason.ACCEPTED, "known", by="Bea", at=AT)
    opened().keep([stored(one).commented("first", by="Ada", at=AT)], (), [entry("second")])
    for stale in (late, one, replace(one, version=7)):
        with pytest.raises(Conflict, match=f"break version {one.break_id}/{stale.version}"):
            opened().keep([fresh("P2"), stale], (), [entry("never")])
    (kept,) = opened().breaks()
    assert ([note.text for note in kept.notes[1:]], kept.version) == (["first"], 2)
    assert [row.entry.subject for row in opened().journal()] == ["first", "second"]


def test_who_finds_a_break_at_the_same_time_comes_late(opened: Opened) -> None:
    opened().keep([fresh("P1")])
    with pytest.raises(Conflict):
        opened().keep([fresh("P1")])


def test_order_is_that_of_the_first_finding(opened: Opened) -> None:
    names = ["P3", "P1", "P2"]
    opened().keep([fresh(name) for name in names])
    first = next(iter(opened().breaks()))
    opened().keep([first.commented("again", by="Ada", at=AT), fresh("P0")])
    assert [one.found.key.participant for one in opened().breaks()] == [*names, "P0"]


def test_a_run_looks_again_at_what_is_open_or_still_there(opened: Opened) -> None:
    kept = {name: fresh(name) for name in ("open", "assigned", "accepted", "arrived", "over")}
    kept["assigned"] = kept["assigned"].assigned("Ada", by="Bea", at=AT)
    kept["accepted"] = kept["accepted"].closed(CloseReason.ACCEPTED, "known", by="Bea", at=AT)
    kept["arrived"] = kept["arrived"].gone(at=AT)
    kept["over"] = kept["over"].closed(CloseReason.MISTAKEN, "no", by="Bea", at=AT).gone(at=AT)
    opened().keep(list(kept.values()))
    standing = [one.found.key.participant for one in opened().standing_breaks()]
    assert standing == ["open", "assigned", "accepted"]
    opened().keep([stored(kept["accepted"]).gone(at=AT), stored(kept["over"]).seen(found("over"), at=AT)])
    assert [one.found.key.participant for one in opened().standing_breaks()] == ["open", "assigned", "over"]


def test_a_break_is_found_by_the_beginning_of_its_id(opened: Opened) -> None:
    breaks = [fresh(f"P{number}") for number in range(40)]
    opened().keep(breaks)
    ids = sorted(one.break_id for one in breaks)
    for beginning in {ids[0][:length] for length in (1, 2, 16)} | {"a", "f", ""}:
        expected = [one for one in ids if one.startswith(beginning)]
        assert [one.break_id for one in opened().breaks_beginning(beginning)] == expected
    assert len({one[0] for one in ids}) > 5
    for pattern in ("%", "_", "A", f"{ids[0]}0"):
        assert list(opened().breaks_beginning(pattern)) == []


def test_a_correction_is_a_record_of_its_own_and_decided_once(opened: Opened) -> None:
    one = fresh("P1")
    opened().keep([one, fresh("P2")])
    noted, correction = proposed(stored(one))
    opened().keep([noted], [correction], [entry("proposed")])
    other = next(each for each in opened().breaks() if each.break_id != one.break_id)
    opened().keep(*([each] for each in proposed(other)))
    assert [each.break_id for each in opened().corrections()] == [one.break_id, other.break_id]
    (read,) = opened().corrections(one.break_id)
    assert read == replace(correction, version=1)
    assert list(opened().corrections("ab")) == []
    present = opened().breaks_of([one.break_id])[one.break_id]
    approved = decide(present, read, approve=True, by="Bea", at=AT, why="checked")
    rejected = decide(present, read, approve=False, by="Cyd", at=AT)
    opened().keep(*([each] for each in approved))
    with pytest.raises(Conflict, match="break version"):
        opened().keep(*([each] for each in rejected))
    with pytest.raises(Conflict, match=f"correction version {one.break_id}/{correction.correction_id}/1"):
        opened().keep([], [rejected[1]], [entry("never")])
    (decided,) = opened().corrections(one.break_id)
    assert (decided.state, decided.decided_by, decided.version) == (CorrectionState.APPROVED, "Bea", 2)
    assert [row.entry.subject for row in opened().journal()] == ["proposed"]


def test_the_journals_chain_goes_on_through_its_entries(opened: Opened) -> None:
    opened().keep([fresh("P1")], (), [entry("one"), entry("two")])
    opened().keep([fresh("P2")], (), [entry("three")])
    previous = "0" * 64
    rows = list(opened().journal())
    assert [row.number for row in rows] == [1, 2, 3]
    for row in rows:
        said = [previous, row.number, row.entry.at.isoformat(), row.entry.kind, row.entry.subject]
        said.append(sorted([name, value] for name, value in row.entry.facts.items()))
        text = json.dumps(said, separators=(",", ":"), ensure_ascii=False)
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert row.hash == previous


def test_nothing_is_no_transaction() -> None:
    told: list[str] = []
    book = FakeBook(told.append)
    book.keep([])
    assert told == []


def test_who_lost_the_lease_stores_nothing(fresh: Callable[[], str]) -> None:
    engine, clock = open_database(fresh()), FakeClock(AT)
    leases = SqlLeases(engine, clock)
    late = leases.claim("service", "late", 15)
    clock.advance(60)
    assert leases.claim("service", "new", 15) is not None
    with pytest.raises(LeaseLost):
        SqlBook(engine, lease=late).keep([Break.opened(found("P1"), day=DAY, at=AT)], (), [entry("never")])
    assert (list(SqlBook(engine).breaks()), list(SqlBook(engine).journal())) == ([], [])
    engine.dispose()


@pytest.mark.parametrize("opened", ["sqlite", "postgresql"], indirect=True)
def test_of_two_who_act_at_the_same_time_one_comes_late(opened: Opened) -> None:
    """At first two who found the same break, then two who noted something on it."""
    for _ in range(5):
        known = {one.break_id: one for one in opened().breaks()}
        one = known.get(fresh("P1").break_id, fresh("P1")).commented("me", by="Ada", at=AT)
        books, begin, results = [opened(), opened()], Barrier(2), list[Exception | None]()

        def keep(book: BreakBook, one: Break = one, begin: Barrier = begin, results: list[Any] = results) -> None:
            begin.wait(timeout=10)
            try:
                book.keep([one], (), [entry("kept")])
                results.append(None)
            except Conflict as error:
                results.append(error)

        threads = [Thread(target=keep, args=(book,)) for book in books]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(type(result).__name__ for result in results) == ["Conflict", "NoneType"]
    (kept,) = opened().breaks()
    assert (kept.version, len(kept.notes), len(opened().journal())) == (5, 6, 5)
