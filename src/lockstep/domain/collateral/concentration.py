"""A portfolio against a schedule's concentration limits, by collateral value after haircuts."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from lockstep.domain.collateral.assets import Asset
from lockstep.domain.collateral.criteria import Refusal
from lockstep.domain.collateral.schedules import ConcentrationLimit, EligibilitySchedule
from lockstep.domain.money import Money
from lockstep.domain.rounding import PARTS, divide_down, share_text

__all__ = ["Held", "breaches", "most"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One holding of a portfolio: what, and its collateral value in minor units of the schedule's currency."""

    asset: Asset
    value: int


def most(limit: ConcentrationLimit, total: int) -> int:
    """The greatest value of one group in a portfolio worth `total`: the share rounded down, or the amount if less."""
    bounds = [] if limit.share is None else [divide_down(total * limit.share, PARTS)]
    if limit.amount is not None:
        bounds.append(limit.amount)
    return min(bounds)


def breaches(
    schedule: EligibilitySchedule, portfolio: Iterable[Held], on: date, *, of: int | None = None
) -> tuple[Refusal, ...]:
    """Every limit that a portfolio breaks, in the schedule's order, its groups by name.

    Shares are of the portfolio's collateral value, or of `of`, as of an amount that is to be covered.
    """
    holdings = tuple(portfolio)
    total = sum(one.value for one in holdings) if of is None else of
    found = []
    for limit in schedule.limits:
        sums: dict[str, int] = defaultdict(int)
        for one in holdings:
            if limit.counts(one.asset, on):
                sums[limit.by.group(one.asset)] += one.value
        bound = most(limit, total)
        for group in sorted(sums):
            if sums[group] > bound:
                found.append(_refusal(schedule, limit, group, sums[group], bound))
    return tuple(found)


def _refusal(schedule: EligibilitySchedule, limit: ConcentrationLimit, group: str, value: int, bound: int) -> Refusal:
    def shown(amount: int) -> str:
        return str(Money(currency=schedule.currency, amount=amount))

    share = "" if limit.share is None else f" ({share_text(limit.share)} of the portfolio)"
    return Refusal(
        rule=f"concentration/{limit.by.value}/{group}", figure=shown(value), limit=f"at most {shown(bound)}{share}"
    )
