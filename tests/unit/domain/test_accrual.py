"""Day counts and interest: against published figures, and against QuantLib for many dates."""

import random
from datetime import date, timedelta
from fractions import Fraction

import pytest

from lockstep.domain.accrual import (
    Bond,
    DayCount,
    accrued_interest,
    add_months,
    clean_price,
    dirty_price,
    repo_interest,
    year_fraction,
)
from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money

ICMA = DayCount.ACTUAL_ACTUAL_ICMA


def bond(issued: str, maturity: str, *, coupon: int = 100_000, frequency: int = 1, **more: object) -> Bond:
    return Bond(
        issued=date.fromisoformat(issued),
        maturity=date.fromisoformat(maturity),
        coupon=coupon,
        frequency=frequency,
        basis=more.pop("basis", ICMA),
        **{name: date.fromisoformat(value) if isinstance(value, str) else value for name, value in more.items()},
    )


# ISDA, "EMU and Market Conventions: Recent Developments" (1998): its worked examples, by the ISMA (now ICMA) method.
# From each period's first day to its last, so one day before its end is asked for and the last day added by hand.
MEMO = [
    pytest.param(
        bond("2003-11-01", "2005-05-01", frequency=2), "2003-11-01", "2004-05-01", "0.500000", id="semiannual"
    ),
    pytest.param(
        bond("1999-02-01", "2001-07-01", first_coupon="1999-07-01"),
        "1999-02-01",
        "1999-07-01",
        "0.410959",
        id="short first",
    ),
    pytest.param(
        bond("2002-08-15", "2006-07-15", frequency=2, first_coupon="2003-07-15"),
        "2002-08-15",
        "2003-07-15",
        "0.915761",
        id="long first",
    ),
    pytest.param(
        bond("1999-01-30", "2000-06-30", frequency=2, last_coupon="2000-01-30"),
        "2000-01-30",
        "2000-06-30",
        "0.417582",
        id="short final",
    ),
    pytest.param(
        bond("1999-05-31", "2000-04-30", frequency=4, last_coupon="1999-11-30", end_of_month=True),
        "1999-11-30",
        "2000-04-30",
        "0.415761",
        id="long final",
    ),
]


@pytest.mark.parametrize(("terms", "first", "last", "fraction"), MEMO)
def test_the_isda_memorandum(terms: Bond, first: str, last: str, fraction: str) -> None:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    assert terms.period(start) == (start, end)
    whole = Fraction(*terms._icma(start, end, end))
    assert f"{float(whole):.6f}" == fraction
    assert Fraction(*terms.accrued(start)) == 0
    before = Fraction(*terms.accrued(end - timedelta(days=1)))
    assert 0 < whole - before <= Fraction(1, 354)


# 31 CFR Part 356, Appendix B, I.A: a half-year's interest on $1,000 at 8 % is $40, whatever its days, and the days of
# each half-year as in its Table 1 (beginning and ending days the 15th; a regular year, a leap year).
HALF_YEARS = {
    "January to July": (181, 182), "February to August": (181, 182), "March to September": (184, 184),
    "April to October": (183, 183), "May to November": (184, 184), "June to December": (183, 183),
}  # fmt: skip


@pytest.mark.parametrize("name", HALF_YEARS)
@pytest.mark.parametrize(("leap", "year"), [(0, 2025), (1, 2028)])
def test_the_treasury_s_half_years(name: str, leap: int, year: int) -> None:
    month = list(HALF_YEARS).index(name) + 1
    start, end = date(year, month, 15), date(year, month + 6, 15)
    note = Bond(issued=start, maturity=add_months(start, 24), coupon=80_000, frequency=2, basis=ICMA)
    assert note.period(start) == (start, end)
    assert (end - start).days == HALF_YEARS[name][leap]
    day = accrued_interest(note, 100_000_000_000, start + timedelta(days=1))
    assert day == round(4_000_000_000 / HALF_YEARS[name][leap])
    last = accrued_interest(note, 100_000, end - timedelta(days=1))
    assert last == round(4_000 * (HALF_YEARS[name][leap] - 1) / HALF_YEARS[name][leap])
    assert accrued_interest(note, 100_000, end) == 0


@pytest.mark.parametrize(
    ("basis", "first", "last", "days"),
    [
        # The rules of 2006 ISDA Definitions 4.16(f) and (g), worked by hand.
        (DayCount.THIRTY_360, "2026-01-31", "2026-03-31", 60),
        (DayCount.THIRTY_360, "2026-01-30", "2026-03-31", 60),
        (DayCount.THIRTY_360, "2026-01-29", "2026-03-31", 62),
        (DayCount.THIRTY_E_360, "2026-01-29", "2026-03-31", 61),
        (DayCount.THIRTY_360, "2026-02-28", "2026-03-31", 33),
        (DayCount.THIRTY_E_360, "2026-02-28", "2026-03-31", 32),
        (DayCount.THIRTY_360, "2025-12-15", "2026-12-15", 360),
        (DayCount.ACTUAL_360, "2028-02-28", "2028-03-01", 2),
        (DayCount.ACTUAL_360, "2026-01-01", "2026-01-01", 0),
    ],
)
def test_day_counts_by_hand(basis: DayCount, first: str, last: str, days: int) -> None:
    fraction = year_fraction(basis, date.fromisoformat(first), date.fromisoformat(last))
    assert Fraction(*fraction) == Fraction(days, 360)


@pytest.mark.parametrize(
    ("price", "rate", "first", "last", "interest"),
    [
        # AnalystNotes, CFA level I, fixed income markets: a dealer's overnight repo of 9,998,195 at 6.50 % is bought
        # back at 10,000,000 (to the nearest dollar).
        ("9998195", 65_000, "2026-03-02", "2026-03-03", "1805.23"),
        # University of Waterloo, MATBUS 471, practice final: full price 117.63 on 1,000,000, 5 % haircut, seven days
        # at 2.5 %: interest of 543.22.
        ("1117485", 25_000, "2026-03-02", "2026-03-09", "543.22"),
        # LeetQuiz, a repo of 180 million from 1 June to 1 September 2015 at 0.90 %; by hand: × 0.009 × 92 / 360.
        ("180000000", 9_000, "2015-06-01", "2015-09-01", "414000.00"),
        # A rate below zero.
        ("180000000", -9_000, "2015-06-01", "2015-09-01", "-414000.00"),
    ],
)
def test_repo_interest(price: str, rate: int, first: str, last: str, interest: str) -> None:
    purchase = Money.parse(price, "USD")
    paid = repo_interest(purchase, rate, date.fromisoformat(first), date.fromisoformat(last), DayCount.ACTUAL_360)
    assert paid.text() == interest


@pytest.mark.parametrize(
    ("amount", "interest"), [(36_000 // 2 - 1, 0), (36_000 // 2, 1), (3 * 18_000 - 1, 1), (54_000, 2)]
)
def test_repo_interest_rounds_at_the_half(amount: int, interest: int) -> None:
    """One day at 1 % is a cent on 36,000 cents: half a cent goes away from zero, either way."""
    day = date(2026, 3, 2), date(2026, 3, 3)
    for sign in (1, -1):
        paid = repo_interest(Money(currency="EUR", amount=amount), sign * 10_000, *day, DayCount.ACTUAL_360)
        assert paid.amount == sign * interest


def test_clean_and_dirty() -> None:
    note = bond("2025-02-15", "2035-02-15", coupon=25_000)
    on = date(2026, 5, 15)
    assert Fraction(*note.accrued(on)) == Fraction(89, 365)
    # 2.5 × 89 / 365 = 0.609589… per 100 of par
    assert dirty_price(note, 987_500, on) == 993_596
    assert clean_price(note, 993_596, on) == 987_500
    assert dirty_price(note, 9_875, on, scale=10_000) == 9_936
    assert accrued_interest(note, 1_000_000_00, on) == 609_589


def test_negative_yields_nothing_wrong() -> None:
    note = bond("2025-02-15", "2035-02-15", coupon=0)
    assert dirty_price(note, 1_050_000, date(2030, 1, 1)) == 1_050_000


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"frequency": 5}, "frequency"),
        ({"coupon": -1}, "coupon"),
        ({"maturity": date(2025, 1, 1)}, "maturity"),
        ({"first_coupon": date(2025, 1, 1)}, "first_coupon"),
        ({"last_coupon": date(2031, 1, 1)}, "last_coupon"),
    ],
)
def test_terms_that_cannot_be(changed: dict[str, object], field: str) -> None:
    terms = {"issued": date(2025, 1, 1), "maturity": date(2030, 1, 1), "coupon": 1, "frequency": 1, "basis": ICMA}
    with pytest.raises(InvalidInput) as refused:
        Bond(**{**terms, **changed})
    assert refused.value.field == field


def test_days_outside_a_bond_s_life() -> None:
    note = bond("2025-02-15", "2035-02-15")
    for day in (date(2025, 2, 14), date(2035, 2, 15)):
        with pytest.raises(InvalidInput) as refused:
            note.accrued(day)
        assert refused.value.rule == "from 2025-02-15 to before 2035-02-15"
    with pytest.raises(InvalidInput, match="not before 2026-01-02"):
        year_fraction(DayCount.ACTUAL_360, date(2026, 1, 2), date(2026, 1, 1))
    with pytest.raises(InvalidInput, match="needs no coupon period"):
        year_fraction(ICMA, date(2026, 1, 1), date(2026, 1, 2))


def test_months_end_where_months_end() -> None:
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert add_months(date(2028, 1, 31), 1) == date(2028, 2, 29)
    assert add_months(date(2028, 2, 29), -12) == date(2027, 2, 28)
    assert add_months(date(2027, 2, 28), 6, end_of_month=True) == date(2027, 8, 31)
    assert add_months(date(2027, 2, 28), 6) == date(2027, 8, 28)
    assert add_months(date(2026, 12, 15), 1) == date(2027, 1, 15)


# QuantLib


def test_day_counts_as_quantlib_has_them() -> None:
    ql = pytest.importorskip("QuantLib")
    counters = {
        DayCount.ACTUAL_360: ql.Actual360(),
        DayCount.ACTUAL_365_FIXED: ql.Actual365Fixed(),
        DayCount.THIRTY_360: ql.Thirty360(ql.Thirty360.BondBasis),
        DayCount.THIRTY_E_360: ql.Thirty360(ql.Thirty360.EurobondBasis),
    }
    chance = random.Random(20061)
    for _ in range(4_000):
        first = date(2020, 1, 1) + timedelta(days=chance.randrange(4_000))
        last = first + timedelta(days=chance.randrange(1_500))
        for basis, counter in counters.items():
            ours = Fraction(*year_fraction(basis, first, last))
            theirs = counter.yearFraction(_ql(ql, first), _ql(ql, last))
            assert abs(float(ours) - theirs) < 1e-12, (basis, first, last)


@pytest.mark.parametrize("frequency", [1, 2, 4])
@pytest.mark.parametrize("basis", [ICMA, DayCount.THIRTY_E_360, DayCount.ACTUAL_365_FIXED])
@pytest.mark.parametrize("stub", ["none", "short", "long"])
def test_accrued_interest_as_quantlib_has_it(frequency: int, basis: DayCount, stub: str) -> None:
    """On a bond with a regular, a short or a long first period, on many days of its life."""
    ql = pytest.importorskip("QuantLib")
    chance = random.Random(f"{frequency} {basis.value} {stub}")
    months = 12 // frequency
    for _ in range(12):
        maturity = date(2034, chance.randrange(1, 13), chance.randrange(1, 29))
        regular = add_months(maturity, -months * chance.randrange(2 * frequency, 5 * frequency))
        first = None if stub == "none" else add_months(regular, months)
        issued = {
            "none": regular,
            "short": regular + timedelta(days=chance.randrange(1, 25 * months)),
            "long": regular - timedelta(days=chance.randrange(1, 25 * months)),
        }[stub]
        coupon = chance.randrange(0, 90_000)
        terms = Bond(
            issued=issued, maturity=maturity, coupon=coupon, frequency=frequency, basis=basis, first_coupon=first
        )
        theirs = _bond(ql, terms)
        for _ in range(25):
            on = issued + timedelta(days=chance.randrange(1, (maturity - issued).days))
            ours = Fraction(*terms.accrued(on)) * coupon / 10_000
            assert abs(float(ours) - theirs.accruedAmount(_ql(ql, on))) < 1e-9, (terms, on)


def _ql(ql, day: date):
    return ql.Date(day.day, day.month, day.year)


def _bond(ql, terms: Bond):
    tenor = ql.Period(12 // terms.frequency, ql.Months)
    schedule = ql.Schedule(
        _ql(ql, terms.issued),
        _ql(ql, terms.maturity),
        tenor,
        ql.NullCalendar(),
        ql.Unadjusted,
        ql.Unadjusted,
        ql.DateGeneration.Backward,
        False,
        *((_ql(ql, terms.first_coupon), ql.Date()) if terms.first_coupon else ()),
    )
    basis = {
        ICMA: ql.ActualActual(ql.ActualActual.ISMA, schedule),
        DayCount.THIRTY_E_360: ql.Thirty360(ql.Thirty360.EurobondBasis),
        DayCount.ACTUAL_365_FIXED: ql.Actual365Fixed(),
    }[terms.basis]
    return ql.FixedRateBond(0, 100.0, schedule, [terms.coupon / 1_000_000], basis)
