"""Every position beside every requirement: eligible or not, at which haircut, worth what, under which limits."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lockstep.analytics.columns import AssetColumns, Bools, Codes
from lockstep.analytics.eligibility import INELIGIBLE, Judge
from lockstep.domain.collateral.allocation import Task
from lockstep.domain.collateral.concentration import most
from lockstep.domain.collateral.schedules import EligibilitySchedule, Parties
from lockstep.domain.collateral.valuation import PRICED_UNITS
from lockstep.domain.rounding import PARTS

__all__ = ["Candidates", "Limited", "Pairing"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Limited:
    """One concentration limit over all positions."""

    counts: Bools
    codes: Codes
    names: dict[str, int]


@dataclass(frozen=True, slots=True)
class Candidates:
    """What one schedule between certain parties takes, cheapest for its collateral value first, then as given.

    All but `places` are in the order of positions.
    """

    places: Places
    """The eligible positions that count for something, by cost over collateral value, settlement apart."""
    order: list[int]
    """The same, for a loop."""
    ranks: Places
    """Where a position stands in `places`; -1 where it does not."""
    haircuts: npt.NDArray[np.int32]
    values: Floats
    """Collateral value of a lot in the schedule's currency, approximately; 0 where nothing is taken."""
    limits: tuple[Limited, ...]


class Pairing:
    """A task's positions and requirements, numbered as they come."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.positions, self.requirements = task.available, task.requirements
        self.table = AssetColumns([one.asset for one in self.positions])
        self.lots = np.array([one.units // one.lot for one in self.positions], dtype=np.float64)
        self._judge = Judge(self.table, task.on)
        self._ratios: dict[str, list[tuple[int, int]]] = {}
        self._cost = np.array([one.cost for one in self.positions], dtype=np.int64)
        self.costs = self._values(task.currency) * self._cost / PARTS
        """Of a lot, in minor units of the task's currency, approximately; settlement apart."""
        known: dict[tuple[EligibilitySchedule, Parties], Candidates] = {}
        self.candidates: list[Candidates] = []
        """By requirement; those under one schedule between the same parties share them."""
        for one in self.requirements:
            key = (one.schedule, one.parties)
            if key not in known:
                known[key] = self._taken(*key)
            self.candidates.append(known[key])

    def value_ratio(self, number: int, place: int) -> tuple[int, int]:
        """What a lot counts for, exactly: numerator and denominator, minor units of the schedule's currency."""
        haircut = int(self.candidates[number].haircuts[place])
        top, below = self._exact(self.requirements[number].schedule.currency)[place]
        return top * (PARTS - haircut), below * PARTS

    def cost_ratio(self, place: int) -> tuple[int, int]:
        """What giving a lot costs, exactly; settlement apart."""
        top, below = self._exact(self.task.currency)[place]
        return top * self.positions[place].cost, below * PARTS

    def bounds(self, number: int) -> list[int]:
        """The greatest value of a group, by limit of the schedule."""
        requirement = self.requirements[number]
        return [most(limit, requirement.portfolio) for limit in requirement.schedule.limits]

    def held(self, number: int) -> list[dict[int, int]]:
        """By limit and group: what is held already. Groups of which there is no position are left out."""
        requirement, limits = self.requirements[number], self.candidates[number].limits
        sums: list[dict[int, int]] = [{} for _ in limits]
        for one in requirement.held:
            for place, limit in enumerate(requirement.schedule.limits):
                code = limits[place].names.get(limit.by.group(one.asset))
                if code is not None and limit.counts(one.asset, self.task.on):
                    sums[place][code] = sums[place].get(code, 0) + one.value
        return sums

    def _taken(self, schedule: EligibilitySchedule, parties: Parties) -> Candidates:
        haircuts = self._judge.verdicts(schedule, parties).haircuts
        eligible = haircuts != INELIGIBLE
        kept = np.where(eligible, PARTS - haircuts.astype(np.int64), 0)
        values = self._values(schedule.currency) * kept / PARTS
        taken = np.flatnonzero((values > 0) & (self.lots > 0))
        order = np.argsort(self._cost[taken] * PARTS * PARTS // kept[taken], kind="stable")
        places = taken[order]
        ranks = np.full(self.table.size, -1, dtype=np.int64)
        ranks[places] = np.arange(len(places))
        limits = []
        for limit in schedule.limits:
            column = self.table.groups(limit.by)
            every = np.ones(self.table.size, dtype=np.bool_)
            counts = every if limit.applies_to is None else self._judge.met(limit.applies_to)
            limits.append(Limited(counts, column.codes, column.names))
        return Candidates(places, places.tolist(), ranks, haircuts, values, tuple(limits))

    def _exact(self, currency: str) -> list[tuple[int, int]]:
        """Market value of a lot, by position: minor units of a currency as numerator and denominator."""
        found = self._ratios.get(currency)
        if found is None:
            rates = {}
            for base in {one.price.currency for one in self.positions}:
                rate = self.task.rate(base, currency)
                rates[base] = (1, 1) if rate is None else rate.ratio
            found = self._ratios[currency] = [
                (one.lot * one.price.price * rates[one.price.currency][0], PRICED_UNITS * rates[one.price.currency][1])
                for one in self.positions
            ]
        return found

    def _values(self, currency: str) -> Floats:
        return np.array([top / below for top, below in self._exact(currency)], dtype=np.float64)
