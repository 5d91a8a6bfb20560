"""A parallel week in one process: a legacy system's five days settled by Lockstep as a mirror, each reconciled."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path

from lockstep.app.auditing_world import audit_world
from lockstep.app.breaks import BreakDesk
from lockstep.app.parallel_week.book import MirroredBook
from lockstep.app.parallel_week.figures import figures_of, wrong_figures
from lockstep.app.parallel_week.files import Place, Week, instant, read_week
from lockstep.app.parallel_week.judging import Judged, judge_day
from lockstep.app.parallel_week.people import HAPPENINGS, Done, People, kind_of
from lockstep.app.reconciling import Reconciliation, of_world, reconcile_day
from lockstep.app.shadow import Scored, ShadowDesk
from lockstep.app.shadow_feed import INSTRUCTIONS, Fed, feed, instructions_of
from lockstep.app.world import World
from lockstep.domain.anchor import DayRoot
from lockstep.domain.errors import InvalidInput, LockstepError
from lockstep.domain.legacy import BadRow, LegacyInstruction
from lockstep.domain.parallel.gates import Verdict
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.differences import Found
from lockstep.ports import AnchorBook
from lockstep.reports.model import Report, Source
from lockstep.reports.parallel import parallel_report
from lockstep.reports.parallel_run import ParallelRun

__all__ = ["DayTold", "Finding", "WeekReport", "run_parallel_week"]

MORNING = time_of_day(6)
"""UTC: what came late is there, and the day before is reconciled."""
BETWEEN_ACTS = timedelta(minutes=5)
_MOST_DAYS = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a day's run found at one place, and the numbers of what was planted there."""

    place: Place
    found: Found
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTold:
    """One business day and the morning after it."""

    day: date
    fed: Sequence[Fed]
    happened: Sequence[str]
    """What was done past the service, in words."""
    run: Reconciliation
    set_apart: Sequence[str]
    """Rows of the day's files that could not be read."""
    silent: Sequence[str]
    """Which book did not speak of what, and why."""
    findings: Sequence[Finding]
    judged: Judged
    scored: Scored
    closed: Sequence[tuple[Place, Break]]
    """Breaks that closed themselves."""
    acts: Sequence[Done]


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekReport:
    """What came of the week."""

    week: Week
    days: Sequence[DayTold]
    parallel: ParallelRun
    """Scorecards, stages, verdicts, breaks and corrections, as they stand at the end."""
    page: Report
    figures: Mapping[str, Mapping[str, str]]
    """The scorecards' figures over the week, by scope."""
    wrong_figures: Sequence[tuple[str, str, str, str]]
    """Those that are not the expected ones: scope, name, what is found, what is expected."""
    never_found: Sequence[str]
    """Planted discrepancies that no day found as what they are."""
    invariants: Mapping[str, Sequence[str]]
    """Each violation by name; an empty list means that it holds."""
    anchored: Sequence[DayRoot]
    """The journal's days whose root stands on the chain, where the market has it so."""
    seconds: float

    @property
    def sound(self) -> bool:
        """Whether all that was planted was found, each as what it is, and nothing else; figures and invariants hold."""
        wrong = self.never_found or self.wrong_figures or any(one.judged.wrong for one in self.days)
        return not wrong and not any(self.invariants.values())


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
    for node in week.acts:
        kind_of(node)
    for node in week.outside:
        node.chosen("do", HAPPENINGS)
        instant(node, week.days)
    given = {day: _instructed(week, day) for day in week.days}
    with tempfile.TemporaryDirectory(prefix="lockstep-") as temporary:
        world = World(week.market, root or Path(temporary), told=told)
        try:
            desk = _Desk(week, world, given)
            days = []
            for day in week.days:
                begun(f"{day:%A}")
                one = desk.day(day)
                days.append(one)
                done(one)
            world.run_until_quiet()  # the last day's root goes to the chain
            parallel = desk.parallel()
            figures = figures_of({isin: parallel.period(isin) for isin in ("", *parallel.isins)}, world.market)
            right = {planted.number for one in days for planted in one.judged.right}
            return WeekReport(
                week=week,
                days=days,
                parallel=parallel,
                page=desk.page(parallel),
                figures=figures,
                wrong_figures=wrong_figures(figures, week.expected),
                never_found=[f"no. {one.number}, {one.place}" for one in week.planted if one.number not in right],
                invariants=audit_world(world),
                anchored=_anchored(world.book),
                seconds=time.monotonic() - started,
            )
        finally:
            world.close()


Instructed = tuple[list[LegacyInstruction], list[BadRow]]


def _instructed(week: Week, day: date) -> Instructed:
    """A day's instructions, and rows that are none. Raises InvalidInput for one that did not come on the day while the
    RTGS is open."""
    found, apart = instructions_of(week.folder / str(day))
    file = week.market
    opens, closes = (datetime.combine(day, time_, tzinfo=UTC) for time_ in (file.opens, file.closes))
    for one in found:
        if not opens <= one.instructed_at < closes:
            where = f"{day}/{INSTRUCTIONS}, line {one.line}: instructed_at"
            raise InvalidInput(where, one.instructed_at.isoformat(), f"on the day, from {file.opens} to {file.closes}")
    return found, apart


def _anchored(book: AnchorBook) -> Sequence[DayRoot]:
    waits = {one.day for one in book.days_to_anchor(_MOST_DAYS)}
    return [one for one in book.day_roots() if one.day not in waits]


class _Desk:
    """One week's hands: the feed, the runs, the people."""

    def __init__(self, week: Week, world: World, given: Mapping[date, Instructed]) -> None:
        self.week, self.world, self.given = week, world, given
        self.legacy = MirroredBook(week.folder, world.market, world.book)
        self.shadow = ShadowDesk(book=world.book, market=world.market, clock=world.clock, gates=week.gates)
        self.verdicts: Sequence[Verdict] = ()
        """Of the gates, after the last run and before anybody acted on it."""
        self.people = People(
            BreakDesk(world.book, world.clock),
            self.shadow,
            lambda one: self.legacy.place(one.found.book, one.found.key),
        )

    def day(self, day: date) -> DayTold:
        fed, happened = self._settle(day)
        self._to_morning(day)
        run = reconcile_day(of_world(self.world), day, legacy=self.legacy, rules=self.week.rules)
        assert self.legacy.read is not None  # by the run
        scored = self.shadow.score(run, self.legacy.read.trades, self.legacy.read.digests)
        verdicts = (self.shadow.verdict(one.isin) for one in self.shadow.courses())
        self.verdicts = [one for one in verdicts if one is not None]
        findings = [self._finding(day, one) for one in run.comparison.found]
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
            set_apart=[
                *(f"set apart: {day}/{INSTRUCTIONS}: {row}" for row in self.given[day][1]),
                *(line for said in run.said for line in said.told if line.startswith(f"set apart: {day}/")),
            ],
            silent=[
                f"{one.book.value} did not speak of {subject.value}: {why}"
                for one in run.said
                for subject, why in one.silent.items()
            ],
            findings=findings,
            judged=judge_day(day, [(one.place, one.found.break_class) for one in findings], self.week.planted),
            scored=scored,
            closed=[
                (self.legacy.place(one.found.book, one.found.key), one)
                for one in run.reconciled.changed
                if not one.is_open and not one.is_there
            ],
            acts=acts,
        )

    def _finding(self, day: date, found: Found) -> Finding:
        place = self.legacy.place(found.book, found.key)
        numbers = [one.number for one in self.week.planted if one.place == place and day in one.found]
        return Finding(place=place, found=found, numbers=tuple(numbers))

    def _settle(self, day: date) -> tuple[list[Fed], list[str]]:
        """Everything of the day in the order of its moments, until the RTGS has closed it."""
        file = self.week.market
        if self.world.rtgs.operator.business_day() is None:
            self.world.move_to(datetime.combine(day, file.opens, tzinfo=UTC))
            self.world.rtgs.operator.open_day(day)
        waves: dict[datetime, list[LegacyInstruction]] = {}
        for one in self.given[day][0]:
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

    def parallel(self) -> ParallelRun:
        """All that the week has come to."""
        book = self.world.book
        return ParallelRun(
            cards=[one.card for day in self.week.days for one in book.scorecards_of(day)],
            courses=self.shadow.courses(),
            verdicts=self.verdicts,
            breaks=book.breaks(),
            corrections=book.corrections(),
            market=self.world.market,
        )

    def page(self, parallel: ParallelRun) -> Report:
        last = self.world.book.journal()[-1]
        source = Source(journal_number=last.number, journal_hash=last.hash)
        return parallel_report(parallel, as_of=self.world.clock.now(), source=source)

    def _to_morning(self, day: date) -> None:
        self.world.move_to(datetime.combine(day + timedelta(days=1), MORNING, tzinfo=UTC))
        if self.world.clock.now().date() == day:
            raise LockstepError(f"the night after {day} did not come")
