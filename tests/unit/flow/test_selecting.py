"""Selection by a schedule: against an allocator that a person can follow, and with the two that ship."""

from datetime import UTC, date, datetime

import pytest

from lockstep.domain.accrual import DayCount
from lockstep.domain.collateral.allocation import Allocation, Allocator, Available, Pick, Task
from lockstep.domain.collateral.assets import Asset, AssetKind, IssuerKind
from lockstep.domain.collateral.documents import parse_schedule
from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.collateral.schedules import Eligible, Parties, judge
from lockstep.domain.collateral.valuation import Price, collateral_value, units_for
from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import Isin, Lei, isin_check_digit, lei_check_digits
from lockstep.domain.money import Money
from lockstep.domain.repo.moves import agreed
from lockstep.domain.repo.terms import Lot, RepoTerms, repo_id
from lockstep.flow.pledging import Lying
from lockstep.flow.selecting import Basket, Swap, replacements, select
from lockstep.testing.fakes import BUYER, SELLER

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
SCHEDULE = """{
  "format": "lockstep-eligibility/1", "name": "governments", "currency": "EUR",
  "criteria": [{"name": "governments",
    "criteria": {"issuerType": ["SovereignCentralBank"]},
    "treatment": [{"haircutPercentage": "2"}]}]
}"""


def an_isin(number: int) -> Isin:
    body = f"DE{number:09d}"
    return Isin(body + isin_check_digit(body))


def an_lei(number: int) -> Lei:
    body = f"LCKS{number:014d}"
    return Lei(body + lei_check_digits(body))


A, B, SHARE = an_isin(1), an_isin(2), an_isin(3)
PARTIES = Parties(giver=SELLER.lei, giver_country="DE")


def asset(isin: Isin, kind: IssuerKind = IssuerKind.SOVEREIGN) -> Asset:
    return Asset(
        isin=isin,
        kind=AssetKind.DEBT,
        issuer=an_lei(4),
        issuer_kind=kind,
        issuer_country="DE",
        country="DE",
        currency="EUR",
        maturity=date(2035, 8, 15),
    )


def price(isin: Isin) -> Price:
    """A cent for a base unit."""
    return Price(isin=isin, currency="EUR", price=1_000_000, as_of=NOW)


def available(name: str, isin: Isin, units: int, cost: int = 0, kind: IssuerKind = IssuerKind.SOVEREIGN) -> Available:
    return Available(position_id=name, asset=asset(isin, kind), units=units, price=price(isin), cost=cost)


POSITIONS = (
    available("corporate", SHARE, 10**6, kind=IssuerKind.CORPORATE),
    available("a1", A, 3_000),
    available("a2", A, 2_000),
    available("b", B, 10_000, cost=100),
)


class FirstFit:
    """As they come, until it is covered. No limits."""

    def allocate(self, task: Task) -> Allocation:
        free = {one.position_id: one.units for one in task.available}
        picks, missing = [], {}
        for needs in task.requirements:
            left = needs.amount
            for one in task.available:
                verdict = judge(needs.schedule, one.asset, needs.parties, task.on)
                if not isinstance(verdict, Eligible) or left <= 0:
                    continue
                wanted = units_for(Money(currency="EUR", amount=left), one.price, verdict.total, lot=one.lot)
                units = min(wanted, free[one.position_id])
                if not units:
                    continue
                free[one.position_id] -= units
                value = collateral_value(units, one.price, verdict.total, "EUR").amount
                left -= value
                picks.append(
                    Pick(
                        requirement_id=needs.requirement_id,
                        position_id=one.position_id,
                        units=units,
                        value=value,
                        cost=0,
                    )
                )
            if left > 0:
                missing[needs.requirement_id] = left
        return Allocation(method="first fit", picks=tuple(picks), shortfalls=missing)


def allocators() -> list[Allocator]:
    pytest.importorskip("numpy")
    from lockstep.analytics.greedy import GreedyAllocator

    return [FirstFit(), GreedyAllocator()]


def basket(*positions: Available) -> Basket:
    return Basket(schedule=parse_schedule(SCHEDULE), parties=PARTIES, on=DAY, available=positions or POSITIONS)


def eur(amount: int) -> Money:
    return Money(currency="EUR", amount=amount)


def test_lots_cover_the_price_after_the_haircut() -> None:
    """5,000 units at a cent, less 2 %, count for 49.00; the other 41.00 take 4,184 units (4,183.7 rounded up)."""
    for one in allocators():
        found = select(one, eur(9_000), basket())
        assert [(lot.number, lot.isin, lot.units, lot.price) for lot in found.lots] == [
            (1, A, 5_000, 4_900),
            (2, B, 4_184, 4_100),
        ]
        assert found.values == (4_900, 4_100)


def test_the_cheapest_covers_it_too() -> None:
    pytest.importorskip("highspy")
    from lockstep.analytics.cheapest import CheapestAllocator

    found = select(CheapestAllocator(), eur(9_000), basket())
    assert sum(one.price for one in found.lots) == 9_000 <= sum(found.values)
    assert {one.isin for one in found.lots} <= {A, B}


def test_what_does_not_cover_is_refused_whole() -> None:
    for one in allocators():
        with pytest.raises(Refused) as caught:
            select(one, eur(15_000), basket())
        assert caught.value.name == "CollateralShort"
        assert caught.value.details["repo"] == "300 of 15000 missing"  # 15,000 units count for 147.00
    with pytest.raises(InvalidInput, match="purchase_price"):
        select(FirstFit(), Money(currency="USD", amount=1), basket())


def test_what_the_schedule_takes_no_more_is_replaced() -> None:
    terms = RepoTerms(
        repo_id=repo_id("R1"),
        agreement_id=AgreementId("a1" * 32),
        seller=SELLER,
        buyer=BUYER,
        purchase_date=DAY,
        repurchase_date=None,
        purchase_price=eur(9_000),
        rate=0,
        basis=DayCount.ACTUAL_360,
        lots=(Lot(number=1, isin=SHARE, units=10_000, price=7_350), Lot(number=2, isin=B, units=5_000, price=1_650)),
    )
    repo = agreed(terms, NOW)
    lying = [
        Lying(asset=asset(SHARE, IssuerKind.CORPORATE), units=10_000, price=price(SHARE)),
        Lying(asset=asset(B), units=5_000, price=price(B)),
    ]
    swaps = replacements(FirstFit(), repo, lying, basket(*POSITIONS[1:]))
    why = swaps[0].why
    assert "Corporate" in why
    assert swaps == (  # 4,900 of 7,350 is two thirds
        Swap(lot=1, units=6_666, isin=A, new_units=5_000, why=why),
        Swap(lot=1, units=3_334, isin=B, new_units=2_500, why=why),
    )
    taken = [lying[1], Lying(asset=asset(SHARE), units=10_000, price=price(SHARE))]
    assert replacements(FirstFit(), repo, taken, basket()) == ()
    with pytest.raises(InvalidInput, match="lying"):
        replacements(FirstFit(), repo, lying[:1], basket())
