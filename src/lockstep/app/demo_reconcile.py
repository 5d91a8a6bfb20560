"""A parallel week in one process: a legacy system's five days settled by Lockstep as a mirror, each reconciled."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

from lockstep.app.breaks import BreakDesk
from lockstep.app.parallel_week.book import MirroredBook
from lockstep.app.parallel_week.files import Week, instant, read_week
from lockstep.app.parallel_week.judging import Judged, judge_day
from lockstep.app.parallel_week.people import HAPPENINGS, Done, People
from lockstep.app.reconciling import Reconciliation, of_world, reconcile_day
from lockstep.app.shadow_feed import Fed, feed, instructions_of
from lockstep.app.world import World
from lockstep.domain.errors import LockstepError
from lockstep.domain.legacy import LegacyInstruction
from lockstep.domain.reconciliation.breaks import Break

__all__ = ["DayTold", "WeekReport", "run_parallel_week"]

MORNING = time_of_day(6)
"""UTC: what came late is there, and the day before is reconciled."""
BETWEEN_ACTS = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTold:
    """One business day and the morning after it."""

    day: date
    fed: Sequence[Fed]
    happened: Sequence[str]
    """What was done past the service, in words."""
    run: Reconciliation
    places: Mapping[str, str]
    """Of each break by id: where it is, in words."""
    judged: Judged | None
    """None where nothing was planted: then there is nothing to judge by."""
    closed: Sequence[Break]
    """Those that closed themselves."""
    acts: Sequence[Done]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekReport:
    """What came of the week."""

    week: Week
    days: Sequence[DayTold]
    breaks: Sequence[Break]
    """All, as they stand at the end."""
    never_found: Sequence[str]
    """Planted discrepancies that no day found as what they are."""
    seconds: float

    @property
    def sound(self) -> bool:
        return not self.never_found and not any(one.judged and one.judged.wrong for one in self.days)


def run_parallel_week(
    folder: Path,
    root: Path | None = None,
    *,
    told: Callable[[str], None] = lambda _: None,
    begun: Callable[[str], None] = lambda _: None,
    done: Callable[[DayTold], None] = lambda _: None,
) -> WeekReport:
    """Founds the folder's market, settles each day's instructions, reconciles it the next morning, lets people act.

    What is found is judged by the folder's planted.json, where there is one. Raises InvalidInput for a folder that is
    none, or an act that cannot be; what else is raised says that the week did not go as told.
    """
    started = time.monotonic()
    week = read_week(folder)
    with tempfile.TemporaryDirectory(prefix="lockstep-") as temporary:
        world = World(week.market, root or Path(temporary), told=told)
        try:
            desk = _Desk(week, world)
            days = []
            for day in week.days:
                begun(f"{day:%A}")
                one = desk.day(day)
                days.append(one)
                done(one)
            right = {planted.number for one in days if one.judged for planted in one.judged.right}
            return WeekReport(
                week=week,
                days=days,
                breaks=world.book.breaks(),
                never_found=[f"no. {one.number}, {one.place}" for one in week.planted if one.number not in right],
                seconds=time.monotonic() - started,
            )
        finally:
            world.close()


class _Desk:
    """One week's hands: the feed, the runs, the people."""

    def __init__(self, week: Week, world: World) -> None:
        self.week, self.world = week, world
        self.legacy = MirroredBook(week.folder, world.market, world.book)
        self.people = People(
            BreakDesk(world.book, world.clock), lambda one: self.legacy.place(one.found.book, one.found.key)
        )

    def day(self, day: date) -> DayTold:
        fed, happened = self._settle(day)
        self._to_morning(day)
        run = reconcile_day(of_world(self.world), day, legacy=self.legacy)
        found = [(self.legacy.place(one.book, one.key), one.break_class) for one in run.comparison.found]
        acts = []
        for node in self.week.acts:
            if node.day("day") == day:
                self.world.move_to(self.world.clock.now() + BETWEEN_ACTS)
                acts.append(self.people.act(node))
        return DayTold(
            day=day,
            fed=fed,
            happened=happened,
            run=run,
            places={
                one.break_id: str(self.legacy.place(one.found.book, one.found.key)) for one in self.world.book.breaks()
            },
            judged=judge_day(day, found, self.week.planted) if self.week.planted else None,
            closed=[one for one in run.reconciled.changed if not one.is_open and not one.is_there],
            acts=acts,
        )

    def _settle(self, day: date) -> tuple[list[Fed], list[str]]:
        """Everything of the day in the order of its moments, until the RTGS has closed it."""
        file = self.week.market
        if self.world.rtgs.operator.business_day() is None:
            self.world.move_to(datetime.combine(day, file.opens, tzinfo=UTC))
            self.world.rtgs.operator.open_day(day)
        given, _ = instructions_of(self.week.folder / str(day))
        waves: dict[datetime, list[LegacyInstruction]] = {}
        for one in given:
            waves.setdefault(one.instructed_at, []).append(one)
        outside = [(instant(node, self.week.days), node) for node in self.week.outside]
        moments = sorted({*waves, *(at for at, _ in outside if at.date() == day)})
        fed: list[Fed] = []
        happened: list[str] = []
        for at in moments:
            self.world.move_to(at)
            if at in waves:
                fed += feed(self.world.reception, waves[at])
            for when, node in outside:
                if when == at:
                    happened.append(f"{at:%H:%M} {node.chosen('do', HAPPENINGS)(self.world, node)}")
                    node.done()
            self.world.run_until_quiet()
        self.world.move_to(datetime.combine(day, file.closes, tzinfo=UTC))
        self.world.rtgs.operator.close_day()
        self.world.run_until_quiet()
        return fed, happened

    def _to_morning(self, day: date) -> None:
        self.world.move_to(datetime.combine(day + timedelta(days=1), MORNING, tzinfo=UTC))
        if self.world.clock.now().date() == day:
            raise LockstepError(f"the night after {day} did not come")
