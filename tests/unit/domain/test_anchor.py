"""Days of a journal and their roots, against a plain reading of RFC 6962 and of the calendar."""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain import anchor
from lockstep.domain.anchor import Growing, day_number, day_of_number, end_of
from lockstep.domain.errors import InvalidInput

FIRST = date(2026, 11, 2)
Entries = list[tuple[date, str]]


def digest(number: int) -> str:
    return hashlib.sha256(number.to_bytes(4)).hexdigest()


def entries(*offsets: int, after: int = 0) -> Entries:
    return [(FIRST + timedelta(days=one), digest(after + n)) for n, one in enumerate(offsets, 1)]


def tree(leaves: Sequence[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, word for word."""
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + tree(leaves[:k]) + tree(leaves[k:])).digest()


def plain(given: Entries, over: date) -> list[tuple[str, date, int, str]]:
    """Each day with entries through `over`: how many entries there were before the first of a later day."""
    days, latest = [], date.min
    for dated, _ in given:
        latest = max(latest, dated)
        days.append(latest)
    found = []
    for day in sorted({one for one in days if one <= over}):
        size = sum(one <= day for one in days)
        root = tree([bytes.fromhex(one) for _, one in given[:size]])
        found.append((given[0][1], day, size, root.hex()))
    return found


def told(days: Sequence[Growing]) -> list[tuple[str, date, int, str]]:
    return [(one.journal, one.day, one.size, one.root) for one in (day.root for day in days)]


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(-1, 7))
def test_every_day_that_is_over_has_the_root_of_all_entries_until_then(offsets: list[int], over: int) -> None:
    given, until = entries(*offsets), FIRST + timedelta(days=over)
    assert told([*Growing().closed(given, until)]) == plain(given, until)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40), st.lists(st.integers(0, 7), min_size=1, max_size=4))
def test_going_on_gives_what_reading_at_once_gives(offsets: list[int], looks: list[int]) -> None:
    given, since, found = entries(*sorted(offsets)), Growing(), list[Growing]()
    for over in looks:
        closed = [*since.closed(given[since.frontier.size :], FIRST + timedelta(days=over))]
        found += closed
        since = closed[-1] if closed else since
    assert told(found) == plain(given, FIRST + timedelta(days=max(looks)))


def test_an_entry_that_comes_after_its_day_was_closed_belongs_to_the_next() -> None:
    given = entries(0, 0)
    (first,) = Growing().closed(given, FIRST)
    given += entries(0, after=2)
    assert [*first.closed(given[2:], FIRST)] == []
    (second,) = first.closed(given[2:], FIRST + timedelta(days=1))
    assert (second.root.day, second.root.size) == (FIRST + timedelta(days=1), 3)
    assert second.root.root == tree([bytes.fromhex(one) for _, one in given]).hex()


def test_nothing_is_read_beyond_the_first_entry_of_a_day_that_is_not_over() -> None:
    given = iter(entries(0, 1, 1, 1))
    assert [one.day for one in Growing().closed(given, FIRST)] == [FIRST]
    assert len([*given]) == 2


def test_a_long_day_is_not_held_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    given = entries(*[0] * 11, *[1] * 5)
    whole = told([*Growing().closed(given, FIRST + timedelta(days=1))])
    monkeypatch.setattr(anchor, "_TOGETHER", 3)
    assert told([*Growing().closed(given, FIRST + timedelta(days=1))]) == whole
    assert [size for _, _, size, _ in whole] == [11, 16]


def test_a_journal_without_a_closed_day_has_no_root() -> None:
    with pytest.raises(ValueError, match="no day is closed"):
        _ = Growing().root


def test_days_are_counted_from_1970_and_end_at_midnight_utc() -> None:
    assert day_number(date(1970, 1, 1)) == 0
    assert day_number(date(2026, 11, 22)) == 20_779
    assert day_of_number(20_779) == date(2026, 11, 22)
    assert end_of(date(2026, 12, 31)) == datetime(2027, 1, 1, tzinfo=UTC)
    with pytest.raises(InvalidInput, match="days since 1 January 1970"):
        day_of_number(2**32 - 1)
