"""What may take the place of collateral that is to come back: new in before old out, and never worth less.

What comes back may be wanted elsewhere, about to pay a coupon, or no longer eligible. What stays counts towards the
limits.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lockstep.domain.collateral.allocation import Allocation, Allocator, Available, Requirement, Task
from lockstep.domain.collateral.concentration import Held
from lockstep.domain.collateral.valuation import FxRate
from lockstep.domain.errors import InvalidInput

__all__ = ["Pledged", "Proposal", "propose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledged:
    """What lies under a requirement: a pledge, its asset, and its collateral value today."""

    pledge_id: str
    position_id: str
    """The position that it was given of: not proposed in its own place."""
    held: Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Old out for new in. `allocation` gives what comes in; it is enough where it has no shortfall."""

    requirement_id: str
    out: tuple[str, ...]
    value_out: int
    allocation: Allocation

    @property
    def is_enough(self) -> bool:
        return not self.allocation.shortfalls

    @property
    def value_in(self) -> int:
        return sum(pick.value for pick in self.allocation.picks)


def propose(
    allocator: Allocator,
    task: Task,
    requirement: Requirement,
    pledged: tuple[Pledged, ...],
    out: frozenset[str],
    *,
    available: tuple[Available, ...],
) -> Proposal:
    """What could come in for the pledges named in `out`.

    What comes in is worth at least what goes out, and at least what the requirement's `amount` asks beside what stays:
    so a substitution also cures a shortage. `task` gives day, currency, rates and the cost of settlement. Raises
    InvalidInput for a pledge that does not lie there.
    """
    known = {one.pledge_id for one in pledged}
    for name in sorted(out - known):
        raise InvalidInput("out", name, "a pledge under this requirement")
    going = [one for one in pledged if one.pledge_id in out]
    staying = tuple(one.held for one in pledged if one.pledge_id not in out)
    value_out = sum(one.held.value for one in going)
    missing = requirement.amount - sum(one.value for one in staying)
    places = {one.position_id for one in going}
    wanted = Requirement(
        requirement_id=requirement.requirement_id,
        amount=max(value_out, missing, 0),
        schedule=requirement.schedule,
        parties=requirement.parties,
        held=staying,
    )
    rates: Mapping[tuple[str, str], FxRate] = task.rates
    answer = allocator.allocate(
        Task(
            on=task.on,
            currency=task.currency,
            available=tuple(one for one in available if one.position_id not in places),
            requirements=(wanted,),
            rates=rates,
            settlement_cost=task.settlement_cost,
        )
    )
    return Proposal(
        requirement_id=requirement.requirement_id,
        out=tuple(one.pledge_id for one in going),
        value_out=value_out,
        allocation=answer,
    )
