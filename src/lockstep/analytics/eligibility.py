"""Many securities under many schedules at once: what `domain.collateral.schedules.judge` says of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from lockstep.analytics.columns import NEVER, UNRATED, AssetColumns, Bools
from lockstep.domain.collateral.assets import Agency
from lockstep.domain.collateral.criteria import (
    AllOf,
    AnyOf,
    Criterion,
    Maturity,
    NoneOf,
    OneOf,
    Rated,
    Resolution,
    Term,
)
from lockstep.domain.collateral.schedules import EligibilitySchedule, Parties
from lockstep.domain.rounding import PARTS

__all__ = ["INELIGIBLE", "Judge", "Verdicts"]

INELIGIBLE = -1


@dataclass(frozen=True, slots=True)
class Verdicts:
    """By security: the rule's place in its schedule and the whole haircut in parts of a million, or INELIGIBLE."""

    rules: npt.NDArray[np.int16]
    haircuts: npt.NDArray[np.int32]


class Judge:
    """Judges the securities of a table on one day. What schedules have in common is worked out once."""

    def __init__(self, table: AssetColumns, on: date) -> None:
        self.table, self.on = table, on
        self._known: dict[Criterion, Bools] = {}
        self._matured = table.maturity <= on.toordinal()

    def verdicts(self, schedule: EligibilitySchedule, parties: Parties) -> Verdicts:
        """What a schedule says of every security."""
        table = self.table
        rules = np.full(table.size, INELIGIBLE, dtype=np.int16)
        haircuts = np.full(table.size, INELIGIBLE, dtype=np.int32)
        open_ = ~(self._matured | self._wrong_way(schedule, parties))
        for place, rule in enumerate(schedule.rules):
            met = open_ & self.met(rule.criteria)
            for band in rule.bands:
                fits = met & self.met(band.when)
                rules[fits] = place
                haircuts[fits] = band.haircut
                met &= ~fits
            open_ = open_ & (rules == INELIGIBLE)
        if schedule.fx_haircut:
            foreign = ~table.columns[Term.CURRENCY].among(schedule.fx_exempt | {schedule.currency})
            foreign &= rules != INELIGIBLE
            haircuts[foreign] = np.minimum(haircuts[foreign] + schedule.fx_haircut, PARTS)
        return Verdicts(rules, haircuts)

    def all_verdicts(self, schedules: Sequence[tuple[EligibilitySchedule, Parties]]) -> list[Verdicts]:
        """One for each schedule, in the order given."""
        return [self.verdicts(schedule, parties) for schedule, parties in schedules]

    def met(self, criterion: Criterion) -> Bools:
        """Which securities meet a criterion. Not to be written to."""
        found = self._known.get(criterion)
        if found is None:
            found = self._known[criterion] = self._met(criterion)
        return found

    def _met(self, criterion: Criterion) -> Bools:
        table = self.table
        if isinstance(criterion, AllOf):
            found = np.ones(table.size, dtype=np.bool_)
            for part in criterion.parts:
                found &= self.met(part)
            return found
        if isinstance(criterion, AnyOf):
            found = np.zeros(table.size, dtype=np.bool_)
            for part in criterion.parts:
                found |= self.met(part)
            return found
        if isinstance(criterion, NoneOf):
            return ~self.met(criterion.part)
        if isinstance(criterion, Rated):
            return self._rated(criterion)
        if isinstance(criterion, Maturity):
            return self._maturity(criterion)
        return self._one_of(criterion)

    def _one_of(self, criterion: OneOf) -> Bools:
        if criterion.term is not Term.INDEX:
            return self.table.columns[criterion.term].among(criterion.values)
        found = np.zeros(self.table.size, dtype=np.bool_)
        for index in criterion.values & self.table.indices.keys():
            found |= self.table.indices[index]
        return found

    def _rated(self, criterion: Rated) -> Bools:
        lowest = criterion.resolution is Resolution.LOWEST
        worst = np.full(self.table.size, -1, dtype=np.int8)
        best = np.full(self.table.size, UNRATED, dtype=np.int8)
        for agency in sorted(criterion.agencies, key=list(Agency).index):
            steps = self.table.steps[criterion.of, agency]
            best = np.minimum(best, steps)
            worst = np.maximum(worst, np.where(steps == UNRATED, np.int8(-1), steps))
        counted = worst if lowest else best
        good: Bools = (best != UNRATED) & (counted <= criterion.step)
        return good

    def _maturity(self, criterion: Maturity) -> Bools:
        found = np.ones(self.table.size, dtype=np.bool_)
        if criterion.above is not None:
            found &= self.table.maturity > criterion.above.after(self.on).toordinal()
        if criterion.up_to is not None:
            found &= (self.table.maturity <= criterion.up_to.after(self.on).toordinal()) & (
                self.table.maturity != NEVER
            )
        return found

    def _wrong_way(self, schedule: EligibilitySchedule, parties: Parties) -> Bools:
        issuers: set[str] = set()
        if not schedule.own_issue_permitted:
            issuers.add(parties.giver)
        if not schedule.linked_issue_permitted:
            issuers |= parties.giver_group - {parties.giver}
        if not schedule.reference_issue_permitted:
            issuers |= parties.reference_entities
        columns = self.table.columns
        found = columns[Term.ISSUER].among(issuers)
        if schedule.same_country_excluded:
            kinds = columns[Term.ISSUER_KIND].among(kind.value for kind in schedule.same_country_excluded)
            found = found | (kinds & columns[Term.ISSUER_COUNTRY].among({parties.giver_country}))
        return found
