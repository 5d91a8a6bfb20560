"""Which securities a repo is of, by an eligibility schedule: what a triparty agent does for both parties.

The allocator finds what covers the cash, after haircuts and within the limits; here its answer becomes lots, and what a
schedule does not take any more becomes substitutions. Nothing is moved: see `flow.repoing`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from lockstep.domain.collateral.allocation import Allocation, Allocator, Available, Pick, Requirement, Task
from lockstep.domain.collateral.concentration import Held
from lockstep.domain.collateral.schedules import EligibilitySchedule, Eligible, Ineligible, Parties, judge
from lockstep.domain.collateral.valuation import FxRate, collateral_value
from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import Isin
from lockstep.domain.money import Money
from lockstep.domain.repo.life import Repo
from lockstep.domain.repo.pricing import shares
from lockstep.domain.repo.terms import Lot
from lockstep.flow.pledging import Lying

__all__ = ["Basket", "Selection", "Swap", "replacements", "select"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """Under which rules a selection is made, from what."""

    schedule: EligibilitySchedule
    parties: Parties
    on: date
    available: tuple[Available, ...]
    rates: Mapping[tuple[str, str], FxRate] = field(default_factory=dict)
    settlement_cost: int = 0
    """Of each security given, minor units of the schedule's currency."""

    def task(self, requirements: Sequence[Requirement]) -> Task:
        return Task(
            on=self.on,
            currency=self.schedule.currency,
            available=self.available,
            requirements=tuple(requirements),
            rates=self.rates,
            settlement_cost=self.settlement_cost,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What covers a purchase price. `values` are the lots' collateral values, in their order."""

    lots: tuple[Lot, ...]
    values: tuple[int, ...]
    method: str
    cost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """One substitution to propose: units of a lot against units of another security."""

    lot: int
    units: int
    isin: Isin
    new_units: int
    why: str


def select(allocator: Allocator, price: Money, basket: Basket) -> Selection:
    """Lots whose collateral value covers a purchase price, each with its share of it by value.

    Raises InvalidInput for a price in another currency than the schedule's, or that is none; Refused CollateralShort
    where what is eligible and free does not cover it: nothing is selected then.
    """
    if price.currency != basket.schedule.currency or price.amount <= 0:
        raise InvalidInput("purchase_price", price, f"above zero, in {basket.schedule.currency} as the schedule")
    requirement = Requirement(
        requirement_id="repo", amount=price.amount, schedule=basket.schedule, parties=basket.parties
    )
    answer = _whole(allocator.allocate(basket.task([requirement])), [requirement])
    found = _by_security(answer.picks, basket.available)
    values = tuple(value for _, value in found.values())
    lots = tuple(
        Lot(number=number, isin=isin, units=units, price=part)
        for number, ((isin, (units, _)), part) in enumerate(
            zip(found.items(), shares(price.amount, values), strict=True), 1
        )
    )
    return Selection(lots=lots, values=values, method=answer.method, cost=answer.cost)


def replacements(allocator: Allocator, repo: Repo, lying: Iterable[Lying], basket: Basket) -> tuple[Swap, ...]:
    """What to propose in place of lots that the schedule does not take any more, each covering the lot's price.

    `lying`: asset and price of each security that lies in the repo; its units are the repo's own. Lots without a price
    are margin securities: they are not replaced but called for anew. Raises InvalidInput where a security's is missing,
    Refused CollateralShort as `select`.
    """
    known = {one.asset.isin: one for one in lying}
    kept: list[Held] = []
    out: list[tuple[Lot, Ineligible]] = []
    for lot in (one for one in repo.lots if one.units):
        if lot.isin not in known:
            raise InvalidInput("lying", lot.isin, "given with asset and price")
        one = known[lot.isin]
        verdict = judge(basket.schedule, one.asset, basket.parties, basket.on)
        if isinstance(verdict, Eligible):
            rate = basket.task([]).rate(one.price.currency, basket.schedule.currency)
            value = collateral_value(lot.units, one.price, verdict.total, basket.schedule.currency, rate)
            kept.append(Held(asset=one.asset, value=value.amount))
        elif lot.price:
            out.append((lot, verdict))
    requirements = [
        Requirement(
            requirement_id=str(lot.number),
            amount=lot.price,
            schedule=basket.schedule,
            parties=basket.parties,
            held=tuple(kept),
        )
        for lot, _ in out
    ]
    if not requirements:
        return ()
    answer = _whole(allocator.allocate(basket.task(requirements)), requirements)
    swaps = []
    for lot, why in out:
        picks = [one for one in answer.picks if one.requirement_id == str(lot.number)]
        found = _by_security(picks, basket.available)
        parts = shares(lot.units, [value for _, value in found.values()])
        for (isin, (units, _)), part in zip(found.items(), parts, strict=True):
            swaps.append(Swap(lot=lot.number, units=part, isin=isin, new_units=units, why=str(why)))
    return tuple(swaps)


def _whole(answer: Allocation, requirements: Sequence[Requirement]) -> Allocation:
    if answer.shortfalls:
        required = {one.requirement_id: one.amount for one in requirements}
        short = {name: f"{missing} of {required[name]} missing" for name, missing in answer.shortfalls.items()}
        raise Refused("CollateralShort", {"method": answer.method, **short})
    return answer


def _by_security(picks: Iterable[Pick], available: Iterable[Available]) -> dict[Isin, tuple[int, int]]:
    """Units and collateral value of each security, in the order in which it was picked first."""
    isins = {one.position_id: one.asset.isin for one in available}
    found: dict[Isin, tuple[int, int]] = {}
    for one in picks:
        units, value = found.get(isins[one.position_id], (0, 0))
        found[isins[one.position_id]] = units + one.units, value + one.value
    return found
