"""TARGET's business days, against published Easter Sundays and a count day by day."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.errors import InvalidInput
from lockstep.domain.target_calendar import (
    business_days_after,
    closing_days,
    easter,
    is_business_day,
    next_business_day,
)

PUBLISHED = [
    "2002-03-31 2003-04-20 2004-04-11 2005-03-27 2006-04-16 2007-04-08 2008-03-23 2009-04-12 2010-04-04 2011-04-24",
    "2012-04-08 2013-03-31 2014-04-20 2015-04-05 2016-03-27 2017-04-16 2018-04-01 2019-04-21 2020-04-12 2021-04-04",
    "2022-04-17 2023-04-09 2024-03-31 2025-04-20 2026-04-05 2027-03-28 2028-04-16 2029-04-01 2030-04-21 2031-04-13",
    # The earliest, the latest, and the two exceptions of the calendar's tables.
    "1818-03-22 1943-04-25 1954-04-18 1981-04-19 2038-04-25 2049-04-18 2076-04-19 2285-03-22",
]
DAYS = st.dates(min_value=date(2002, 1, 1), max_value=date(2060, 12, 31))


@pytest.mark.parametrize("text", " ".join(PUBLISHED).split())
def test_easter_as_published(text: str) -> None:
    assert easter(int(text[:4])) == date.fromisoformat(text)


@given(st.integers(1583, 4000))
def test_easter_is_a_sunday_from_22_march_to_25_april(year: int) -> None:
    found = easter(year)
    assert found.isoweekday() == 7
    assert date(year, 3, 22) <= found <= date(year, 4, 25)


def test_the_closing_days_of_2026() -> None:
    expected = {(1, 1), (4, 3), (4, 6), (5, 1), (12, 25), (12, 26)}
    assert {(one.month, one.day) for one in closing_days(2026)} == expected


@given(DAYS, st.integers(0, 900))
def test_counted_as_day_by_day(start: date, length: int) -> None:
    end = start + timedelta(days=length)
    walked = [start + timedelta(days=one) for one in range(1, length + 1)]
    assert business_days_after(start, end) == sum(is_business_day(one) for one in walked)


@given(DAYS)
def test_the_next_business_day_is_one_business_day_after(day: date) -> None:
    found = next_business_day(day)
    assert is_business_day(found)
    assert business_days_after(day, found) == 1


def test_over_easter_and_christmas() -> None:
    assert next_business_day(date(2026, 4, 2)) == date(2026, 4, 7)
    assert next_business_day(date(2026, 12, 24)) == date(2026, 12, 28)
    assert business_days_after(date(2026, 4, 2), date(2026, 4, 6)) == 0
    assert business_days_after(date(2026, 11, 23), date(2026, 11, 20)) == 0


def test_days_before_the_calendar_are_refused() -> None:
    for call in (lambda: is_business_day(date(2001, 12, 31)), lambda: business_days_after(date(2001, 1, 1), date.max)):
        with pytest.raises(InvalidInput, match="2002"):
            call()
    with pytest.raises(InvalidInput, match="1583"):
        easter(1582)
