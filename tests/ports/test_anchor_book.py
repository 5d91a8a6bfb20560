"""One suite for every `ports.AnchorBook`: in memory, on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Protocol

import pytest

from lockstep.domain.anchor import Growing
from lockstep.domain.errors import LeaseLost
from lockstep.domain.journal import Entry
from lockstep.ports import AnchorBook, Book, Change
from lockstep.store import SqlBook, SqlLeases, open_database
from lockstep.testing.fakes import FakeAnchorBook, FakeBook, FakeClock

MORNING = datetime(2026, 11, 2, 9, tzinfo=UTC)
MONDAY, DAY = MORNING.date(), timedelta(days=1)


class Both(Protocol):
    """A book and its anchors; of a database they are one."""

    journal: Book
    anchors: AnchorBook


class Made:
    def __init__(self, journal: Book, anchors: AnchorBook) -> None:
        self.journal, self.anchors = journal, anchors


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Both]:
    if request.param == "memory":
        journal = FakeBook()
        yield Made(journal, FakeAnchorBook(journal))
        return
    postgresql = request.param == "postgresql"
    url = request.getfixturevalue("postgresql_server").fresh() if postgresql else f"sqlite:///{tmp_path}/book.db"
    engine = open_database(url)
    book = SqlBook(engine)
    yield Made(book, book)
    engine.dispose()


def say(both: Both, *offsets: int) -> None:
    """An entry for each, dated so many days after Monday."""
    both.journal.commit(
        Change(entries=tuple(Entry(at=MORNING + one * DAY, kind="k", subject=f"s{one}") for one in offsets))
    )


def close(both: Both, over: date) -> list[Growing]:
    since = both.anchors.last_closed() or Growing()
    days = [*since.closed(both.anchors.journal_hashes(since.frontier.size), over)]
    for day in days:
        both.anchors.close_day(day)
    return days


def test_hashes_are_those_of_the_journal_in_its_order_however_many(both: Both) -> None:
    say(both, *[0] * 40, *[1] * 3)
    rows = both.journal.journal()
    expected = [(MONDAY if row.number <= 40 else MONDAY + DAY, row.hash) for row in rows]
    assert [*both.anchors.journal_hashes()] == expected
    assert [*both.anchors.journal_hashes(16)] == expected[16:]
    assert [*both.anchors.journal_hashes(43)] == []


def test_a_day_is_dated_in_utc(both: Both) -> None:
    late = datetime(2026, 11, 3, 0, 30, tzinfo=timezone(timedelta(hours=1)))
    both.journal.commit(Change(entries=(Entry(at=late, kind="k", subject="s"),)))
    assert [day for day, _ in both.anchors.journal_hashes()] == [MONDAY]


def test_nothing_is_closed_at_first(both: Both) -> None:
    assert both.anchors.last_closed() is None
    assert list(both.anchors.days_to_anchor(5)) == []
    assert list(both.anchors.day_roots()) == []
    assert both.anchors.day_root_over(1) is None


def test_a_closed_day_is_kept_with_what_is_needed_to_go_on(both: Both) -> None:
    say(both, 0, 0, 0, 1, 1)
    first, second = close(both, MONDAY + DAY)
    assert both.anchors.last_closed() == second
    assert list(both.anchors.day_roots()) == [first.root, second.root]
    say(both, 2, 2)
    (third,) = close(both, MONDAY + 2 * DAY)
    assert third == [*Growing().closed(both.anchors.journal_hashes(), MONDAY + 2 * DAY)][-1]
    assert (third.root.size, third.root.journal) == (7, both.journal.journal()[0].hash)


def test_a_closed_day_stays_as_it_is(both: Both) -> None:
    say(both, 0)
    (first,) = close(both, MONDAY)
    both.anchors.anchored(first.root, stands=True)
    say(both, 0)
    (other,) = Growing().closed(both.anchors.journal_hashes(), MONDAY)
    assert other.root.size == 2
    both.anchors.close_day(other)
    assert both.anchors.last_closed() == first
    assert list(both.anchors.days_to_anchor(5)) == []


def test_days_to_anchor_are_the_first_that_are_not_settled(both: Both) -> None:
    say(both, 0, 1, 2, 3)
    roots = [one.root for one in close(both, MONDAY + 3 * DAY)]
    assert list(both.anchors.days_to_anchor(2)) == roots[:2]
    both.anchors.anchored(roots[0], stands=True)
    both.anchors.anchored(roots[2], stands=False)
    assert list(both.anchors.days_to_anchor(5)) == [roots[1], roots[3]]


def test_an_entry_is_under_the_first_root_that_stands(both: Both) -> None:
    say(both, 0, 0, 1, 2)
    monday, tuesday, wednesday = (one.root for one in close(both, MONDAY + 2 * DAY))
    both.anchors.anchored(monday, stands=False)
    both.anchors.anchored(tuesday, stands=True)
    assert [both.anchors.day_root_over(number) for number in (1, 2, 3, 4)] == [tuesday, tuesday, tuesday, None]
    both.anchors.anchored(wednesday, stands=True)
    assert both.anchors.day_root_over(4) == wednesday


def test_who_lost_the_lease_writes_nothing(fresh: Callable[[], str]) -> None:
    engine, clock = open_database(fresh()), FakeClock(MORNING)
    leases = SqlLeases(engine, clock)
    late = leases.claim("service", "late", 15)
    assert late is not None
    book = SqlBook(engine, lease=late)
    book.commit(Change(entries=(Entry(at=MORNING, kind="k", subject="s"),)))
    (day,) = Growing().closed(book.journal_hashes(), MONDAY)
    clock.advance(60)
    assert leases.claim("service", "new", 15) is not None
    with pytest.raises(LeaseLost):
        book.close_day(day)
    assert book.last_closed() is None
    SqlBook(engine).close_day(day)
    with pytest.raises(LeaseLost):
        book.anchored(day.root, stands=True)
    assert list(book.days_to_anchor(5)) == [day.root]
    engine.dispose()


def test_the_last_day_closed_before_an_entry(both: Both) -> None:
    say(both, 0, 0, 1, 3)
    assert both.anchors.closed_before(4) is None
    monday, tuesday, thursday = close(both, MONDAY + 3 * DAY)
    both.anchors.anchored(monday.root, stands=False)  # passed over or not, the tree was the same
    found = [both.anchors.closed_before(number) for number in range(1, 7)]
    assert found == [None, None, monday, tuesday, thursday, thursday]
