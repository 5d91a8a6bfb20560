"""Each term at its edge, and all, any and not over them."""

from datetime import date

import pytest

from collateral.securities import DAY, STATE, an_isin, an_lei, bund, rated
from lockstep.domain.collateral.assets import Agency, Asset, AssetKind, IssuerKind, Rating
from lockstep.domain.collateral.criteria import (
    AllOf,
    AnyOf,
    Criterion,
    Maturity,
    NoneOf,
    OneOf,
    Period,
    Rated,
    RatingOf,
    Refusal,
    Resolution,
    Term,
    explain,
    walk,
)
from lockstep.domain.errors import InvalidInput


def one_of(term: Term, *values: str) -> OneOf:
    return OneOf(term=term, values=frozenset(values))


@pytest.mark.parametrize(
    ("term", "taken", "other", "figure"),
    [
        (Term.ISSUER_KIND, "SovereignCentralBank", "Corporate", "SovereignCentralBank"),
        (Term.ASSET_KIND, "Debt", "Equity", "Debt"),
        (Term.ISSUER_COUNTRY, "DE", "FR", "DE"),
        (Term.COUNTRY, "LU", "DE", "LU"),
        (Term.CURRENCY, "EUR", "USD", "EUR"),
        (Term.ISSUER, STATE, an_lei(9), STATE),
        (Term.ISIN, an_isin(1), an_isin(2), an_isin(1)),
        (Term.INDEX, "EURO STOXX 50", "DAX", "EURO STOXX 50, STOXX Europe 600"),
    ],
)
def test_one_of(term: Term, taken: str, other: str, figure: str) -> None:
    asset = bund(country="LU", indices=frozenset({"STOXX Europe 600", "EURO STOXX 50"}))
    assert explain(one_of(term, taken, "XX"), asset, DAY) is None
    assert explain(one_of(term, other), asset, DAY) == Refusal(rule=term.value, figure=figure, limit=other)


def test_what_is_in_no_index() -> None:
    refusal = explain(one_of(Term.INDEX, "DAX", "CAC 40"), bund(), DAY)
    assert refusal == Refusal(rule="index", figure="nothing", limit="one of CAC 40, DAX")


def test_a_long_list_is_told_by_its_beginning() -> None:
    refusal = explain(one_of(Term.ISIN, *(an_isin(number) for number in range(10, 30))), bund(), DAY)
    assert refusal is not None
    assert refusal.limit == f"one of {', '.join(sorted(an_isin(n) for n in range(10, 18)))} … (20 values)"


BOTH = (
    Rating(agency=Agency.MOODYS, notation="A3"),
    Rating(agency=Agency.FITCH, notation="AA-"),
)


@pytest.mark.parametrize(
    ("ratings", "minimum", "more", "figure"),
    [
        (rated("A-"), 6, {}, None),
        (rated("BBB+"), 6, {}, "BBB+"),
        ((), 21, {}, "no rating"),
        (BOTH, 6, {}, None),
        (BOTH, 5, {}, "A-"),
        (BOTH, 5, {"resolution": Resolution.HIGHEST}, None),
        (BOTH, 2, {"resolution": Resolution.HIGHEST}, "AA-"),
        (BOTH, 3, {"agencies": frozenset({Agency.FITCH})}, None),
        (BOTH, 3, {"agencies": frozenset({Agency.STANDARD_AND_POORS})}, "no rating"),
    ],
)
def test_ratings(ratings: tuple[Rating, ...], minimum: int, more: dict[str, object], figure: str | None) -> None:
    """A3 is step 6 as A- is; the lowest counts unless said otherwise; who is not counted does not count."""
    for of, name in (
        (RatingOf.ASSET, "ratings"),
        (RatingOf.ISSUER, "issuer_ratings"),
        (RatingOf.SOVEREIGN, "sovereign_ratings"),
    ):
        asset = bund(**{"ratings": (), name: ratings})
        refusal = explain(Rated(of=of, step=minimum, **more), asset, DAY)
        assert (refusal and refusal.figure) == figure
        assert refusal is None or (refusal.rule == of.value and refusal.limit.endswith(" or better"))


@pytest.mark.parametrize(
    ("above", "up_to", "maturity", "taken"),
    [
        # On 23 November 2026: five years are over on 23 November 2031.
        (None, "P5Y", "2031-11-23", True),
        (None, "P5Y", "2031-11-24", False),
        ("P5Y", None, "2031-11-23", False),
        ("P5Y", None, "2031-11-24", True),
        ("P1Y", "P5Y", "2027-11-24", True),
        ("P1Y", "P5Y", "2027-11-23", False),
        ("P90D", None, "2027-02-22", True),
        ("P90D", None, "2027-02-21", False),
        (None, "P5Y", None, False),
        ("P5Y", None, None, True),
    ],
)
def test_maturity(above: str | None, up_to: str | None, maturity: str | None, taken: bool) -> None:
    term = Maturity(
        above=above and Period.parse(above, field="over"), up_to=up_to and Period.parse(up_to, field="upTo")
    )
    asset = bund(maturity=maturity and date.fromisoformat(maturity))
    assert (explain(term, asset, DAY) is None) is taken


def test_a_refused_maturity_names_the_days() -> None:
    term = Maturity(above=Period(months=12), up_to=Period(months=60))
    assert explain(term, bund(), DAY) == Refusal(
        rule="remainingMaturity", figure="2035-08-15", limit="after 2027-11-23 and by 2031-11-23"
    )
    refusal = explain(term, bund(maturity=None), DAY)
    assert refusal is not None and refusal.figure == "no maturity"


YES, NO = one_of(Term.CURRENCY, "EUR"), one_of(Term.CURRENCY, "USD")


@pytest.mark.parametrize(
    ("criterion", "met"),
    [
        (AllOf(parts=()), True),
        (AllOf(parts=(YES, YES)), True),
        (AllOf(parts=(YES, NO)), False),
        (AnyOf(parts=()), False),
        (AnyOf(parts=(NO, YES)), True),
        (AnyOf(parts=(NO, NO)), False),
        (NoneOf(part=NO), True),
        (NoneOf(part=YES), False),
        (NoneOf(part=NoneOf(part=YES)), True),
        (NoneOf(part=AllOf(parts=(YES, NO))), True),
        (NoneOf(part=AnyOf(parts=(YES, NO))), False),
        (AllOf(parts=(AnyOf(parts=(NO, YES)), NoneOf(part=NO))), True),
    ],
)
def test_all_any_and_not(criterion: Criterion, met: bool) -> None:
    assert (explain(criterion, bund(), DAY) is None) is met


def test_refusals_name_every_alternative() -> None:
    any_of = AnyOf(parts=(NO, one_of(Term.ASSET_KIND, "Equity")))
    assert str(explain(any_of, bund(), DAY)) == ("denominatedCurrency or assetType: EUR / Debt is not USD / Equity")
    assert str(explain(NoneOf(part=YES), bund(), DAY)) == "not denominatedCurrency: EUR is not outside EUR"
    assert [one.name for one in walk(AllOf(parts=(any_of, NoneOf(part=YES))))] == [
        "denominatedCurrency", "assetType", "denominatedCurrency",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "period"),
    [("P5Y", Period(months=60)), ("P1Y6M", Period(months=18)), ("P18M", Period(months=18)), ("P90D", Period(days=90))],
)
def test_periods(text: str, period: Period) -> None:
    assert Period.parse(text, field="over") == period
    assert Period.parse(period.text(), field="over") == period


@pytest.mark.parametrize("text", ["", "P", "5Y", "P-5Y", "P5W", "PT5M", "P5Y ", "P1D1Y", "P1001Y", "P1000Y1M"])
def test_no_periods(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Period.parse(text, field="upTo")
    assert (refused.value.field, refused.value.value) == ("upTo", text)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"currency": "XXX"}, "currency"),
        ({"country": "QQ"}, "country"),
        ({"issuer_country": "QQ"}, "issuer_country"),
        ({"ratings": rated("AAA") * 2}, "ratings"),
    ],
)
def test_securities_that_cannot_be(changed: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        bund(**changed)
    assert refused.value.field == field


def test_notations_belong_to_their_agency() -> None:
    with pytest.raises(InvalidInput, match="a long-term notation of Moodys"):
        Rating(agency=Agency.MOODYS, notation="AAA")
    assert Rating(agency=Agency.MOODYS, notation="C").step == Rating(agency=Agency.FITCH, notation="C").step
    assert isinstance(bund(kind=AssetKind.EQUITY, issuer_kind=IssuerKind.CORPORATE), Asset)
