"""Values and their rounding, and portfolios against limits, on both sides of each edge."""

from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collateral.securities import DAY, an_isin, an_lei, bund
from lockstep.domain.collateral.assets import AssetKind
from lockstep.domain.collateral.concentration import Held, breaches
from lockstep.domain.collateral.criteria import OneOf, Term
from lockstep.domain.collateral.schedules import ConcentrationLimit, EligibilitySchedule, LimitBy
from lockstep.domain.collateral.valuation import (
    FxRate,
    Price,
    collateral_value,
    market_value,
    price_of_par,
    units_for,
)
from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money
from lockstep.domain.rounding import divide_down, divide_nearest, divide_up, share_text

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)


def price(amount: int, currency: str = "EUR") -> Price:
    return Price(isin=an_isin(1), currency=currency, price=amount, as_of=NOW)


def eur(amount: int) -> Money:
    return Money(currency="EUR", amount=amount)


DOLLARS = FxRate(base="USD", quote="EUR", rate=921_658_986, as_of=NOW)
YEN = FxRate(base="JPY", quote="EUR", rate=5_988_024, as_of=NOW)


def test_post_haircut_margin_of_a_reporting_example() -> None:
    """ESMA's EMIR reporting guidelines, 5.3.3: 800,000 euro in cash and 220,000 in securities at a 10 % haircut.

    By hand: 220,000 × 0.9 = 198,000, and 998,000 together.
    """
    securities = collateral_value(220_000_00, price(1_000_000), 100_000, "EUR")
    assert securities == eur(198_000_00)
    assert securities.amount + 800_000_00 == 998_000_00


@pytest.mark.parametrize(
    ("units", "per_million", "haircut", "value"),
    [
        (1_000_000, 1_012_500, 0, 1_012_500),
        (1_000_000, 1_012_500, 20_000, 992_250),
        (1, 1_000_000, 0, 1),
        (1, 1_999_999, 0, 1),
        (1, 999_999, 0, 0),
        (3, 1_000_000, 500_000, 1),
        (0, 1_000_000, 0, 0),
        (10**30, 10**12, 1, 10**36 - 10**30),
        (5, 1_000_000, 1_000_000, 0),
    ],
)
def test_value_is_one_division_rounded_down(units: int, per_million: int, haircut: int, value: int) -> None:
    assert collateral_value(units, price(per_million), haircut, "EUR") == eur(value)


@settings(deadline=None)
@given(
    units=st.integers(0, 10**24), per_million=st.integers(0, 10**12), haircut=st.integers(0, 10**6),
    rate=st.integers(1, 10**15), quote=st.sampled_from(["JPY", "USD", "KWD"]),
)  # fmt: skip
def test_values_in_other_currencies_as_decimals_have_them(
    units: int, per_million: int, haircut: int, rate: int, quote: str
) -> None:
    fx = FxRate(base="EUR", quote=quote, rate=rate, as_of=NOW)
    ours = collateral_value(units, price(per_million), haircut, quote, fx)
    with localcontext() as context:
        context.prec = 200
        major = Decimal(units) * Decimal(per_million).scaleb(-6).scaleb(-2) * Decimal(rate).scaleb(-9)
        exact = (major * (1 - Decimal(haircut).scaleb(-6))).scaleb({"JPY": 0, "USD": 2, "KWD": 3}[quote])
        assert ours.amount == int(exact.to_integral_value(ROUND_FLOOR))


def test_rates_round_against_who_asks() -> None:
    # 0.92165898… euro for a dollar: a cent is worth 0.92 cents, claimed as nothing and owed as one
    assert DOLLARS.convert(Money(currency="USD", amount=1)) == eur(0)
    assert DOLLARS.convert(Money(currency="USD", amount=-1)) == eur(-1)
    assert DOLLARS.convert(Money(currency="USD", amount=100_000_000)) == eur(92_165_898)
    assert YEN.convert(Money(currency="JPY", amount=1_000_000)) == eur(598_802)
    assert FxRate(base="EUR", quote="JPY", rate=167_000_000_000, as_of=NOW).convert(eur(599)).amount == 1_000
    with pytest.raises(InvalidInput, match="USD, which the rate is for"):
        DOLLARS.convert(eur(1))


@settings(deadline=None)
@given(
    amount=st.integers(1, 10**15), per_million=st.integers(1, 10**9), haircut=st.integers(0, 999_999),
    lot=st.sampled_from([1, 7, 1_000, 100_000]),
)  # fmt: skip
def test_the_fewest_units_that_cover(amount: int, per_million: int, haircut: int, lot: int) -> None:
    units = units_for(eur(amount), price(per_million), haircut, lot=lot)
    assert units % lot == 0
    assert collateral_value(units, price(per_million), haircut, "EUR").amount >= amount
    assert collateral_value(units - lot, price(per_million), haircut, "EUR").amount < amount
    with localcontext() as context:
        context.prec = 200
        exact = Decimal(amount) / (Decimal(per_million).scaleb(-6) * (1 - Decimal(haircut).scaleb(-6))) / lot
        assert abs(int(exact.to_integral_value(ROUND_CEILING)) * lot - units) <= 0


def test_what_no_quantity_covers() -> None:
    assert units_for(eur(0), price(0), 0) == 0
    for worthless in (price(0), price(1_000_000)):
        with pytest.raises(InvalidInput, match="one that leaves a value"):
            units_for(eur(1), worthless, 1_000_000)
    with pytest.raises(InvalidInput, match="above zero"):
        units_for(eur(1), price(1), 0, lot=0)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda: collateral_value(-1, price(1), 0, "EUR"), "units"),
        (lambda: collateral_value(1, price(1), 1_000_001, "EUR"), "haircut"),
        (lambda: collateral_value(1, price(1), -1, "EUR"), "haircut"),
        (lambda: market_value(1, price(1, "USD"), "EUR"), "currency"),
        (lambda: market_value(1, price(1, "JPY"), "EUR", DOLLARS), "rate"),
        (lambda: price(-1), "price"),
        (lambda: FxRate(base="EUR", quote="EUR", rate=1, as_of=NOW), "quote"),
        (lambda: FxRate(base="EUR", quote="USD", rate=0, as_of=NOW), "rate"),
    ],
)
def test_what_has_no_value(wrong, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        wrong()
    assert refused.value.field == field


def test_prices_of_par() -> None:
    """101.25 % of a euro's face: a million units of a cent, of a euro, of a ten-thousandth."""
    assert price_of_par(1_012_500, 2, "EUR") == 1_012_500
    assert price_of_par(1_012_500, 0, "EUR") == 101_250_000
    assert price_of_par(1_012_599, 4, "EUR") == 10_125
    assert market_value(1_000_000_00, price(price_of_par(1_012_500, 2, "EUR")), "EUR") == eur(1_012_500_00)


@settings(deadline=None)
@given(st.integers(-(10**20), 10**20), st.integers(1, 10**9))
def test_roundings(number: int, by: int) -> None:
    down, up, nearest = divide_down(number, by), divide_up(number, by), divide_nearest(number, by)
    assert down * by <= number < (down + 1) * by
    assert (up - 1) * by < number <= up * by
    assert nearest in (down, up) and 2 * abs(nearest * by - number) <= by
    if 2 * abs(nearest * by - number) == by:
        assert abs(nearest) == max(abs(down), abs(up))


def test_shares_as_people_read_them() -> None:
    assert [share_text(parts) for parts in (0, 15_000, 1_000_000, 1, -80_000)] == [
        "0 %", "1.5 %", "100 %", "0.0001 %", "-8 %",
    ]  # fmt: skip


# Concentration


def held(value: int, number: int = 1, **changed: object) -> Held:
    return Held(asset=bund(isin=an_isin(number), issuer=an_lei(100 + number), **changed), value=value)


def schedule(*limits: ConcentrationLimit) -> EligibilitySchedule:
    return EligibilitySchedule(name="s", currency="EUR", rules=(), limits=limits)


@pytest.mark.parametrize(
    ("limit", "portfolio", "broken"),
    [
        # Exactly the share passes, a cent more does not.
        ({"by": LimitBy.ISSUER, "share": 100_000}, [held(10), held(90, 2, issuer_country="FR")], 1),
        ({"by": LimitBy.ISIN, "share": 500_000}, [held(50), held(50, 2)], 0),
        ({"by": LimitBy.ISIN, "share": 500_000}, [held(51), held(50, 2)], 1),
        # 50 % of 101 cents is 50: rounded down.
        ({"by": LimitBy.ISIN, "share": 500_000}, [held(50), held(51, 2)], 1),
        ({"by": LimitBy.COUNTRY, "share": 600_000}, [held(60), held(40, 2, issuer_country="FR")], 0),
        ({"by": LimitBy.COUNTRY, "share": 600_000}, [held(31), held(30, 3), held(39, 2, issuer_country="FR")], 1),
        ({"by": LimitBy.KIND, "share": 200_000}, [held(79), held(21, 2, kind=AssetKind.EQUITY)], 2),
        ({"by": LimitBy.ISSUER, "amount": 100}, [held(100), held(100, 2)], 0),
        ({"by": LimitBy.ISSUER, "amount": 99}, [held(100), held(100, 2)], 2),
        ({"by": LimitBy.ISSUER, "amount": 99, "share": 1_000_000}, [held(100)], 1),
        ({"by": LimitBy.ALL, "share": 200_000,
          "applies_to": OneOf(term=Term.ASSET_KIND, values=frozenset({"Equity"}))},
         [held(79), held(21, 2, kind=AssetKind.EQUITY)], 1),
        ({"by": LimitBy.ALL, "share": 210_000,
          "applies_to": OneOf(term=Term.ASSET_KIND, values=frozenset({"Equity"}))},
         [held(79), held(11, 2, kind=AssetKind.EQUITY), held(10, 3, kind=AssetKind.EQUITY)], 0),
        ({"by": LimitBy.ISSUER, "share": 0}, [], 0),
    ],
)  # fmt: skip
def test_limits(limit: dict[str, object], portfolio: list[Held], broken: int) -> None:
    found = breaches(schedule(ConcentrationLimit(**limit)), portfolio, DAY)
    assert len(found) == broken, found


def test_a_breach_names_group_figure_and_limit() -> None:
    limit = ConcentrationLimit(by=LimitBy.COUNTRY, share=500_000)
    portfolio = [held(600_01), held(400_00, 2, issuer_country="FR")]
    (breach,) = breaches(schedule(limit), portfolio, DAY)
    assert str(breach) == (
        "concentration/IssuerCountryOfOrigin/DE: 600.01 EUR is not at most 500.00 EUR (50 % of the portfolio)"
    )


def test_shares_of_what_is_to_be_covered() -> None:
    limit = schedule(ConcentrationLimit(by=LimitBy.ISIN, share=500_000))
    assert breaches(limit, [held(60)], DAY, of=120) == ()
    assert len(breaches(limit, [held(61)], DAY, of=120)) == 1


def test_limits_that_limit_nothing() -> None:
    with pytest.raises(InvalidInput, match="a percentage, an amount, or both"):
        ConcentrationLimit(by=LimitBy.ISSUER)
    with pytest.raises(InvalidInput) as refused:
        ConcentrationLimit(by=LimitBy.ISSUER, share=1_000_001)
    assert refused.value.field == "percentageLimit"
