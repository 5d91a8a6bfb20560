"""Prices and interest of repos: published examples worked by hand, and QuantLib for many dates."""

import random
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.accrual import DayCount
from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money
from lockstep.domain.repo.pricing import (
    Period,
    haircut_of,
    interest,
    margin_ratio_of,
    price_by_haircut,
    price_by_margin_ratio,
    shares,
)

A360, A365 = DayCount.ACTUAL_360, DayCount.ACTUAL_365_FIXED


def money(amount: int, currency: str = "EUR") -> Money:
    return Money(currency=currency, amount=amount)


def simple(principal: int, rate: int, first: date, last: date, basis: DayCount = A360) -> int:
    return interest((Period(first=first, principal=principal, rate=rate),), last, basis)


def test_treasury_today_reverse_leg() -> None:
    """Treasury Today, December 2002, "Repo agreements: the reverse leg": 42,297,260.27 at 3.5 % for 25 days."""
    assert simple(4_229_726_027, 35_000, date(2002, 10, 30), date(2002, 11, 24)) == 10_280_584


def test_one_day_of_a_dealers_inventory() -> None:
    """CFA level I practice question: $9,998,195 at 6.50 % until the next day is repurchased for $10,000,000."""
    paid = simple(999_819_500, 65_000, date(2026, 3, 2), date(2026, 3, 3))
    assert paid == 180_523  # 9,998,195 * 0.065 / 360 = 1,805.2296…
    assert round((999_819_500 + paid) / 100) == 10_000_000


def test_a_haircut_comes_off_the_market_value() -> None:
    """FINOS CDM, sample "repo-reprice": 10,000,000 of a gilt at 1.0075, then at 0.9925, haircut 1 %."""
    assert price_by_haircut(money(1_007_500_000, "GBP"), 10_000) == money(997_425_000, "GBP")
    assert price_by_haircut(money(992_500_000, "GBP"), 10_000) == money(982_575_000, "GBP")


def test_interest_after_a_haircut() -> None:
    """University of Waterloo, MATBUS 471, practice exam: 1,000,000 at 117.63, 5 % haircut, 2.5 %, 7 days: 543.22."""
    price = price_by_haircut(money(117_630_000, "USD"), 50_000)
    assert price == money(111_748_500, "USD")
    assert simple(price.amount, 25_000, date(2026, 1, 5), date(2026, 1, 12)) == 54_322


def test_margin_ratio_and_haircut_are_two_views_of_one_price() -> None:
    """ICMA, Guide to Best Practice: 102 % is market value over price; the haircut is over the market value."""
    price = price_by_margin_ratio(money(10_200_000), 1_020_000)
    assert price == money(10_000_000)
    assert margin_ratio_of(money(10_200_000), price) == 1_020_000
    assert haircut_of(money(10_200_000), price) == 19_607  # 200,000 / 10,200,000
    assert haircut_of(money(10_000_000), money(10_100_000)) == -10_000


def test_prices_round_down_and_refuse_what_is_none() -> None:
    assert price_by_haircut(money(3), 500_000) == money(1)
    assert price_by_margin_ratio(money(3), 2_000_000) == money(1)
    for haircut in (-1, 1_000_000):
        with pytest.raises(InvalidInput, match="haircut"):
            price_by_haircut(money(3), haircut)
    with pytest.raises(InvalidInput, match="margin_ratio"):
        price_by_margin_ratio(money(3), 0)
    with pytest.raises(InvalidInput, match="EUR"):
        haircut_of(money(3), money(3, "USD"))


def test_a_rate_below_zero_is_owed_by_the_buyer() -> None:
    assert simple(100_000_000, -5_000, date(2026, 1, 1), date(2026, 1, 31)) == -41_667


def test_interest_is_rounded_once_over_all_periods() -> None:
    day = date(2026, 1, 1)
    periods = [Period(first=day + timedelta(one), principal=144, rate=1_000_000) for one in range(10)]  # 0.4 a day
    assert interest(periods, day + timedelta(10), A360) == 4
    assert interest(periods, day + timedelta(1), A360) == 0
    assert interest(periods, day, A360) == 0


def test_periods_in_disorder_and_other_bases_are_refused() -> None:
    one = Period(first=date(2026, 1, 2), principal=1, rate=1)
    two = Period(first=date(2026, 1, 1), principal=1, rate=1)
    with pytest.raises(InvalidInput, match="periods"):
        interest((one, two), date(2026, 2, 1), A360)
    with pytest.raises(InvalidInput, match="basis"):
        interest((one,), date(2026, 2, 1), DayCount.THIRTY_360)


def test_many_repos_as_quantlib_reckons_them() -> None:
    ql = pytest.importorskip("QuantLib")
    draw = random.Random(7)
    for _ in range(500):
        first = date(2020, 1, 1) + timedelta(draw.randrange(3_000))
        days = sorted(draw.sample(range(1, 700), 3))
        basis, theirs = draw.choice(((A360, ql.Actual360()), (A365, ql.Actual365Fixed())))
        starts = [first, first + timedelta(days[0]), first + timedelta(days[1])]
        periods = [
            Period(first=one, principal=draw.randrange(1, 10**10), rate=draw.randrange(-20_000, 90_000))
            for one in starts
        ]
        end = first + timedelta(days[2])
        dates = [ql.Date(one.day, one.month, one.year) for one in (*starts, end)]
        expected = sum(
            period.principal * period.rate / 1e6 * theirs.yearFraction(dates[place], dates[place + 1])
            for place, period in enumerate(periods)
        )
        assert abs(interest(periods, end, basis) - expected) <= 0.51


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**12), min_size=1, max_size=9).filter(any))
def test_shares_add_up_and_lie_within_one(total: int, weights: list[int]) -> None:
    parts = shares(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


def test_shares_need_weights() -> None:
    for weights in ([0, 0], [2, -1]):
        with pytest.raises(InvalidInput, match="weights"):
            shares(10, weights)
