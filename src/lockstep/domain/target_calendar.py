"""The business days of TARGET, by which breaks age and gaps are given time.

Closed are Saturdays, Sundays, New Year's Day, Good Friday, Easter Monday, 1 May, 25 and 26 December: the ECB's
long-term calendar, "from 2002 until further notice" (press release of 14 December 2000). A day before 2002 is refused,
as other rules held. Easter is computed as the Gregorian calendar has it (tables of Clavius, 1582).
"""

from datetime import date, timedelta
from functools import lru_cache

from lockstep.domain.errors import InvalidInput

__all__ = [
    "FIRST_YEAR",
    "business_days_after",
    "closing_days",
    "due_on",
    "easter",
    "is_business_day",
    "next_business_day",
]

FIRST_YEAR = 2002
_SATURDAY = 5
_GREGORIAN_FROM = 1583
_MOST_YEARS_KEPT = 256
_LONGEST_CLOSURE_DAYS = 7


def easter(year: int) -> date:
    """Easter Sunday of the western churches: the Sunday after the calendar's full moon on or after 21 March.

    Raises InvalidInput for a year before 1583, when the Gregorian rule did not hold yet.
    """
    if year < _GREGORIAN_FROM:
        raise InvalidInput("year", year, f"not before {_GREGORIAN_FROM}, when the Gregorian calendar began")
    century, golden = year // 100, year % 19
    solar, lunar = century - century // 4, (8 * century + 13) // 25
    moon_age = (solar - lunar + 19 * golden + 15) % 30
    # Two full moons are moved a day ahead, so that none falls after 18 April and no two of a cycle on one day.
    moon_age -= moon_age // 28 * (1 - 29 // (moon_age + 1) * ((21 - golden) // 11))
    full_moon = date(year, 3, 21) + timedelta(days=moon_age)
    return full_moon + timedelta(days=7 - (full_moon.weekday() + 1) % 7)


@lru_cache(maxsize=_MOST_YEARS_KEPT)
def closing_days(year: int) -> frozenset[date]:
    """The year's closing days besides weekends; some may fall on one. Raises InvalidInput before 2002."""
    if year < FIRST_YEAR:
        raise InvalidInput("year", year, f"not before {FIRST_YEAR}, when the long-term TARGET calendar began")
    sunday = easter(year)
    fixed = {date(year, 1, 1), date(year, 5, 1), date(year, 12, 25), date(year, 12, 26)}
    return frozenset({*fixed, sunday - timedelta(days=2), sunday + timedelta(days=1)})


def is_business_day(day: date) -> bool:
    """Whether TARGET is open. Raises InvalidInput before 2002."""
    return day not in closing_days(day.year) and day.weekday() < _SATURDAY


def next_business_day(day: date) -> date:
    """The first business day after a day. Raises InvalidInput before 2002."""
    for ahead in range(1, _LONGEST_CLOSURE_DAYS + 1):
        if is_business_day(day + timedelta(days=ahead)):
            return day + timedelta(days=ahead)
    raise AssertionError("TARGET is never closed for a week")


def due_on(agreed: date) -> date:
    """The business day on which what is agreed for a day is due: that one, or the next where TARGET is closed on it.
    A day before 2002 is taken as it is."""
    return agreed if agreed.year < FIRST_YEAR or is_business_day(agreed) else next_business_day(agreed)


def business_days_after(start: date, end: date) -> int:
    """How many business days lie after `start`, up to and with `end`; 0 where `end` is not later.

    Raises InvalidInput before 2002.
    """
    if min(start, end).year < FIRST_YEAR:
        raise InvalidInput("day", min(start, end), f"not before {FIRST_YEAR}, when the long-term calendar began")
    if end <= start:
        return 0
    weekdays = _weekdays_until(end) - _weekdays_until(start)
    closed = (one for year in range(start.year, end.year + 1) for one in closing_days(year))
    return weekdays - sum(start < one <= end and one.weekday() < _SATURDAY for one in closed)


def _weekdays_until(day: date) -> int:
    """Mondays to Fridays from 1 January of the year 1, a Monday, up to and with a day."""
    weeks, days = divmod(day.toordinal(), 7)
    return weeks * _SATURDAY + min(days, _SATURDAY)
