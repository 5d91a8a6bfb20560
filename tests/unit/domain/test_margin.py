"""Margin as the Credit Support Annex reckons it: worked by hand, each clause on both sides of its edge."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.collateral.valuation import FxRate
from lockstep.domain.errors import InvalidInput
from lockstep.domain.margin import (
    CsaTerms,
    Rounding,
    credit_support_amount,
    margin_due,
    net_exposure,
    repo_exposure_by_haircut,
    repo_exposure_by_ratio,
    rounded,
)
from lockstep.domain.money import Money

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)


def terms(**changed: object) -> CsaTerms:
    return CsaTerms(currency="EUR", **changed)


@pytest.mark.parametrize(
    ("exposure", "threshold", "giver", "taker", "required"),
    [
        # "Credit Support Amount", 1995 English law annex: exposure + IA of the transferor - IA of the transferee -
        # the transferor's threshold, deemed zero below zero.
        (650_000, 500_000, 0, 0, 150_000),
        (500_000, 500_000, 0, 0, 0),
        (499_999, 500_000, 0, 0, 0),
        (500_001, 500_000, 0, 0, 1),
        (650_000, 500_000, 100_000, 0, 250_000),
        (650_000, 500_000, 0, 200_000, 0),
        (-300_000, 0, 100_000, 0, 0),
        (-50_000, 0, 100_000, 0, 50_000),
        (0, 0, 0, 0, 0),
    ],
)
def test_credit_support_amount(exposure: int, threshold: int, giver: int, taker: int, required: int) -> None:
    csa = terms(threshold=threshold, independent_giver=giver, independent_taker=taker)
    assert credit_support_amount(csa, exposure) == required


MONTH_END = {"threshold": 1_000_000, "minimum_transfer": 250_000, "multiple": 10_000}


@pytest.mark.parametrize(
    ("exposure", "held", "delivery", "return_"),
    [
        # Required is exposure - 1,000,000; what is short of what is held moves from 250,000 on, in tens of thousands.
        (3_123_456, 0, 2_130_000, 0),
        (3_123_456, 1_873_456, 250_000, 0),
        (3_123_456, 1_873_457, 0, 0),
        (3_123_456, 2_123_456, 0, 0),
        (3_123_456, 2_373_455, 0, 0),
        (3_123_456, 2_373_456, 0, 250_000),
        (3_123_456, 2_400_000, 0, 270_000),
        (900_000, 100_000, 0, 100_000),
        (1_000_001, 100_000, 0, 0),
        (900_000, 123_456, 0, 123_456),
    ],
)
def test_delivery_and_return(exposure: int, held: int, delivery: int, return_: int) -> None:
    due = margin_due(terms(**MONTH_END), exposure, held)
    assert (due.delivery, due.return_) == (delivery, return_)
    assert (due.exposure, due.held) == (exposure, held)
    assert bool(due.reason) is (delivery == return_ == 0)


def test_variation_margin_below_the_minimum_is_not_called() -> None:
    """ESMA's EMIR reporting guidelines, 5.3.3: 100,000 would be due, which is below the minimum transfer amount.

    The guidelines name no minimum; 500,000 euro is the most that Regulation (EU) 2016/2251, Article 25, allows.
    """
    due = margin_due(terms(minimum_transfer=500_000_00), 100_000_00, 0)
    assert due.delivery == 0
    assert due.reason == "delivery of 10000000 is below the minimum transfer amount 50000000"
    assert margin_due(terms(minimum_transfer=500_000_00), 500_000_00, 0).delivery == 500_000_00


def test_reasons() -> None:
    csa = terms(minimum_transfer=10, minimum_return=20, multiple=1_000, rounding=Rounding.DOWN)
    assert margin_due(csa, 500, 500).reason == "what is held is what is required"
    assert margin_due(csa, 519, 500).reason == "19 rounds to nothing by 1000"
    assert margin_due(csa, 481, 500).reason == "return of 19 is below the minimum transfer amount 20"
    assert margin_due(csa, 480, 500).reason == "20 rounds to nothing by 1000"


def test_what_is_below_the_minimum_stays_where_the_annex_says_no_more() -> None:
    assert margin_due(terms(minimum_transfer=250, return_all=False), 0, 100).return_ == 0
    assert margin_due(terms(minimum_transfer=250, return_all=False), 0, 250).return_ == 250
    assert margin_due(terms(minimum_transfer=250), 0, 100).return_ == 100


@pytest.mark.parametrize(
    ("amount", "rounding", "delivery", "return_"),
    [
        (14_999, Rounding.UP_AND_DOWN, 20_000, 10_000),
        (10_001, Rounding.UP_AND_DOWN, 20_000, 10_000),
        (10_000, Rounding.UP_AND_DOWN, 10_000, 10_000),
        (19_999, Rounding.DOWN, 10_000, 10_000),
        (9_999, Rounding.DOWN, 0, 0),
        (14_999, Rounding.NEAREST, 10_000, 10_000),
        (15_000, Rounding.NEAREST, 20_000, 20_000),
    ],
)
def test_rounding(amount: int, rounding: Rounding, delivery: int, return_: int) -> None:
    csa = terms(multiple=10_000, rounding=rounding)
    assert rounded(amount, csa, is_delivery=True) == delivery
    assert rounded(amount, csa, is_delivery=False) == return_


def test_a_return_is_never_more_than_is_held() -> None:
    csa = terms(multiple=10_000, rounding=Rounding.NEAREST, return_all=False)
    assert margin_due(csa, 0, 15_000).return_ == 15_000


@settings(deadline=None)
@given(
    exposure=st.integers(-(10**6), 10**6), held=st.integers(0, 10**6), threshold=st.integers(0, 10**5),
    minimum=st.integers(0, 10**5), multiple=st.sampled_from([1, 1_000, 25_000]),
    rounding=st.sampled_from(list(Rounding)),
)  # fmt: skip
def test_one_reckoning_is_enough(
    exposure: int, held: int, threshold: int, minimum: int, multiple: int, rounding: Rounding
) -> None:
    """What was moved once is not asked for again, and up and down never leaves the taker short."""
    csa = terms(threshold=threshold, minimum_transfer=minimum, multiple=multiple, rounding=rounding)
    due = margin_due(csa, exposure, held)
    assert due.delivery == 0 or due.return_ == 0
    assert 0 <= due.return_ <= held
    after = held + due.delivery - due.return_
    again = margin_due(csa, exposure, after)
    if minimum >= multiple:
        assert (again.delivery, again.return_) == (0, 0)
    if rounding is Rounding.UP_AND_DOWN and (due.delivery or due.return_):
        assert after >= due.required


def test_netting_comes_before_rounding() -> None:
    rate = FxRate(base="USD", quote="EUR", rate=500_000_000, as_of=NOW)
    amounts = [Money(currency="USD", amount=amount) for amount in (1, 1, 1, -4)] + [Money(currency="EUR", amount=7)]
    # -1 dollar cent is half a euro cent owed: rounded down to -1
    assert net_exposure(amounts, "EUR", {"USD": rate}) == 6
    assert net_exposure(amounts[:2], "EUR", {"USD": rate}) == 1
    assert net_exposure([], "EUR") == 0


def test_exposures_that_cannot_be_netted() -> None:
    dollars = [Money(currency="USD", amount=1)]
    with pytest.raises(InvalidInput, match="one whose rate to it is given"):
        net_exposure(dollars, "EUR")
    yen = FxRate(base="JPY", quote="EUR", rate=1, as_of=NOW)
    with pytest.raises(InvalidInput, match="USD/EUR"):
        net_exposure(dollars, "EUR", {"USD": yen})


def test_repo_exposures() -> None:
    """ICMA: initial margin is market value over purchase price, a haircut what is taken off the market value.

    By hand: bonds of 10,000,000 at 102 % secure 9,803,921.57; after a fall to 9,900,000 the buyer is short by
    10,000,000 (rounded down) - 9,900,000 and what interest of 1,000 adds. At a 2 % haircut 9,800,000 were lent.
    """
    assert repo_exposure_by_ratio(980_392_157, 1_020_000, 990_000_000) == 10_000_000
    assert repo_exposure_by_ratio(980_492_157, 1_020_000, 990_000_000) == 10_102_000
    assert repo_exposure_by_haircut(980_000_000 + 100_000, 990_000_000 * 98 // 100) == 9_900_000
    with pytest.raises(InvalidInput, match="at least 1000000"):
        repo_exposure_by_ratio(1, 999_999, 1)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"threshold": -1}, "threshold"),
        ({"minimum_transfer": -1}, "minimum_transfer"),
        ({"minimum_return": -1}, "minimum_return"),
        ({"independent_giver": -1}, "independent_giver"),
        ({"independent_taker": -1}, "independent_taker"),
        ({"multiple": 0}, "multiple"),
    ],
)
def test_terms_that_cannot_be(changed: dict[str, int], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        terms(**changed)
    assert refused.value.field == field


def test_held_below_zero() -> None:
    with pytest.raises(InvalidInput, match="not below zero"):
        margin_due(terms(), 0, -1)
