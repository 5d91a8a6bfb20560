"""A margin call's day by both parties: reckoned, called, answered, heard, delivered."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lockstep.domain.collateral.assets import Agency, Asset, AssetKind, IssuerKind, Rating
from lockstep.domain.collateral.criteria import OneOf, Term
from lockstep.domain.collateral.schedules import (
    ConcentrationLimit,
    EligibilitySchedule,
    HaircutBand,
    LimitBy,
    Parties,
    Rule,
)
from lockstep.domain.collateral.valuation import FxRate, Price
from lockstep.domain.errors import Conflict, InvalidInput
from lockstep.domain.identifiers import Bic, Isin, Lei, Reference
from lockstep.domain.margin import CsaTerms
from lockstep.domain.margin_call import CallState, deliver, overdue
from lockstep.domain.margin_message import CollateralKind, ExposureKind, MarginAgreement, Obligation
from lockstep.domain.money import Money
from lockstep.flow.pledging import Lying, Reckoning, answered, called, heard, portfolio_value, reckoned

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
DEADLINE = NOW + timedelta(hours=6)
TAKER, GIVER = Bic("ALDRDEFFXXX"), Bic("BRCHFRPP")
AGREEMENT = MarginAgreement(agreement_id="5d" * 32, name="CSA", signed_on=date(2025, 9, 1), currency="EUR")
OBLIGATION = Obligation(
    party_a=TAKER, party_b=GIVER, exposure_kind=ExposureKind.DERIVATIVES, valued_at=NOW - timedelta(hours=15)
)
TERMS = CsaTerms(currency="EUR", threshold=1_000_000_00, minimum_transfer=250_000_00, multiple=10_000_00)
PARTIES = Parties(giver=Lei("9845BIRCHBANK0000271"), giver_country="FR")
DEBT = OneOf(term=Term.ASSET_KIND, values=frozenset({"Debt"}))
SCHEDULE = EligibilitySchedule(
    name="debt", currency="EUR", fx_haircut=80_000,
    rules=(Rule(name="debt", criteria=DEBT, bands=(HaircutBand(when=DEBT, haircut=20_000),)),),
    limits=(ConcentrationLimit(by=LimitBy.COUNTRY, share=600_000),),
)  # fmt: skip
DOLLARS = {"USD": FxRate(base="USD", quote="EUR", rate=900_000_000, as_of=NOW)}


def eur(amount: int) -> Money:
    return Money(currency="EUR", amount=amount)


def lying(units: int, isin: str = "DE0001102614", **changed: object) -> Lying:
    terms = {
        "isin": Isin(isin), "kind": AssetKind.DEBT, "issuer": Lei("9845ALDERBANK0000177"),
        "issuer_kind": IssuerKind.SOVEREIGN, "issuer_country": "DE", "country": "DE", "currency": "EUR",
        "maturity": date(2032, 8, 15), "ratings": (Rating(agency=Agency.FITCH, notation="AAA"),),
    }  # fmt: skip
    asset = Asset(**{**terms, **changed})
    return Lying(
        asset=asset, units=units, price=Price(isin=asset.isin, currency=asset.currency, price=10**6, as_of=NOW)
    )


def reckoning(*exposures: int, cash: int = 0, under: tuple[Lying, ...] = ()) -> Reckoning:
    portfolio = portfolio_value(under, SCHEDULE, PARTIES, NOW.date(), DOLLARS)
    return reckoned(TERMS, [eur(one) for one in exposures], portfolio, cash, DOLLARS)


def test_what_lies_there_is_valued_by_the_schedule() -> None:
    share = lying(500, "US0378331005", kind=AssetKind.EQUITY)
    dollars = lying(1_000_000_00, "US912810TM09", currency="USD", issuer_country="US")
    found = portfolio_value((lying(2_000_000_00), share, dollars), SCHEDULE, PARTIES, NOW.date(), DOLLARS)
    # 2,000,000 × 0.98, and 1,000,000 × 0.90 × (1 - 0.02 - 0.08)
    assert [one.value for one in found.held] == [1_960_000_00, 810_000_00]
    assert found.value == 2_770_000_00
    assert [(asset.kind, str(why)) for asset, why in found.refused] == [
        (AssetKind.EQUITY, "debt/assetType: Equity is not Debt")
    ]
    assert [one.rule for one in found.breaches] == ["concentration/IssuerCountryOfOrigin/DE"]


def test_prices_and_rates_that_do_not_fit() -> None:
    other = replace(lying(1), price=lying(1, "US0378331005").price)
    with pytest.raises(InvalidInput, match="a price of DE0001102614"):
        portfolio_value((other,), SCHEDULE, PARTIES, NOW.date(), {})
    with pytest.raises(InvalidInput, match="EUR, where no rate is given"):
        portfolio_value((lying(1, currency="USD"),), SCHEDULE, PARTIES, NOW.date(), {})


def test_a_call_met() -> None:
    """By hand: 3.2 million less the threshold, less 980,000 in bonds and 200,000 in cash, is 1,020,000."""
    taker = reckoning(3_500_000_00, -300_000_00, cash=200_000_00, under=(lying(1_000_000_00),))
    assert taker.due.delivery == 1_020_000_00
    made = called(taker, Reference("MC-1"), OBLIGATION, AGREEMENT, (CollateralKind.SECURITIES,), DEADLINE, NOW)
    assert made is not None
    call, request = made
    assert (call.amount, call.called, call.deliver_by) == (eur(1_020_000_00), GIVER, DEADLINE)
    assert (request.amount, request.exposure, request.held) == (call.amount, eur(3_200_000_00), eur(1_180_000_00))
    assert request.deliver_on == DEADLINE.date() and not request.is_return
    response = answered(request, taker, Reference("MR-1"))
    assert (response.agreed, response.reason, response.call_id) == (call.amount, None, "MC-1")
    call = heard(call, response, GIVER, NOW)
    assert call.state is CallState.AGREED and heard(call, response, GIVER, NOW) is call
    assert deliver(call, eur(1_020_000_00), DEADLINE).state is CallState.DELIVERED
    assert overdue(call, DEADLINE + timedelta(seconds=1)).state is CallState.DEFAULTED


def test_a_call_disputed_in_part() -> None:
    taker, giver = reckoning(3_000_000_00), reckoning(2_500_000_00)
    made = called(
        taker, Reference("MC-2"), OBLIGATION, AGREEMENT, (CollateralKind.CASH,), DEADLINE, NOW, cure_seconds=60
    )
    assert made is not None
    call, request = made
    assert call.cure_seconds == 60
    response = answered(request, giver, Reference("MR-2"))
    assert response.agreed == eur(1_500_000_00)
    assert response.reason == "exposure 2500000.00 EUR, held 0.00 EUR, due 1500000.00 EUR"
    call = heard(call, response, GIVER, NOW)
    assert (call.state, call.owed, call.disputed) == (CallState.DISPUTED, eur(1_500_000_00), eur(500_000_00))
    assert call.reason == response.reason


@pytest.mark.parametrize(("tolerance", "agreed"), [(500_000_00, 2_000_000_00), (499_999_99, 1_500_000_00)])
def test_what_lies_within_the_tolerance_is_agreed(tolerance: int, agreed: int) -> None:
    made = called(
        reckoning(3_000_000_00), Reference("MC-3"), OBLIGATION, AGREEMENT, (CollateralKind.CASH,), DEADLINE, NOW
    )
    assert made is not None
    response = answered(made[1], reckoning(2_500_000_00), Reference("MR-3"), tolerance=tolerance)
    assert response.agreed == eur(agreed)


def test_nobody_agrees_to_more_than_was_called() -> None:
    made = called(
        reckoning(3_000_000_00), Reference("MC-4"), OBLIGATION, AGREEMENT, (CollateralKind.CASH,), DEADLINE, NOW
    )
    assert made is not None
    assert answered(made[1], reckoning(9_000_000_00), Reference("MR-4")).agreed == made[0].amount


def test_nothing_to_call() -> None:
    for quiet in (reckoning(), reckoning(1_200_000_00), reckoning(-5_000_000_00), reckoning(0, cash=300_000_00)):
        assert called(quiet, Reference("MC-5"), OBLIGATION, AGREEMENT, (CollateralKind.CASH,), DEADLINE, NOW) is None


def test_answers_that_are_refused() -> None:
    made = called(
        reckoning(3_000_000_00), Reference("MC-6"), OBLIGATION, AGREEMENT, (CollateralKind.CASH,), DEADLINE, NOW
    )
    assert made is not None
    call, request = made
    response = answered(request, reckoning(2_500_000_00), Reference("MR-6"))
    with pytest.raises(InvalidInput) as refused:
        heard(call, response, TAKER, NOW)
    assert (refused.value.field, refused.value.value) == ("sender", TAKER)
    with pytest.raises(InvalidInput, match="MC-6"):
        heard(call, replace(response, call_id=Reference("MC-7")), GIVER, NOW)
    once = heard(call, response, GIVER, NOW)
    with pytest.raises(Conflict):
        heard(once, replace(response, agreed=eur(1)), GIVER, NOW)
    unsaid = heard(call, replace(response, reason=None), GIVER, NOW)
    assert unsaid.reason == "not said"
