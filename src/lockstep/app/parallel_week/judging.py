"""What a day's reconciliation found, against what was planted: all found, each as what it is, nothing invented."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from lockstep.app.parallel_week.files import Place, Planted
from lockstep.domain.reconciliation.differences import BreakClass

__all__ = ["Judged", "judge_day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One day's findings that are right, and each one that is not, in words."""

    right: Sequence[Planted]
    wrong: Sequence[str]


def judge_day(day: date, found: Iterable[tuple[Place, BreakClass]], planted: Iterable[Planted]) -> Judged:
    """`found` is all that the day's run found."""
    wanted: dict[Place, list[Planted]] = {}
    for one in planted:
        if day in one.found:
            wanted.setdefault(one.place, []).append(one)
    said: Mapping[Place, BreakClass] = dict(found)
    right: list[Planted] = []
    wrong: list[str] = []
    for place, there in wanted.items():
        for one in there:
            as_what = one.found[day]
            if said.get(place) is as_what:
                right.append(one)
            elif place in said:
                wrong.append(f"no. {one.number}, {place}: found as {said[place].value}, planted as {as_what.value}")
            else:
                wrong.append(f"no. {one.number}, {place}: planted as {as_what.value}, not found")
    wrong += [f"{place}: found as {kind.value}, not planted" for place, kind in said.items() if place not in wanted]
    return Judged(right=right, wrong=wrong)
