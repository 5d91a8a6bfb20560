"""The parallel run of an installation: days scored, gates judged, securities promoted and demoted.

A day is scored from a run of the reconciliation with the legacy book. Scorecards are stored first, and then judged by
the guards: who is killed in between judges them with the next look.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol, TypeVar

from lockstep.app.home import Home
from lockstep.app.pairing import named_trades, pairs_of
from lockstep.app.reconciling import Reconciliation
from lockstep.app.records import open_book
from lockstep.domain.errors import Conflict, InvalidInput, Misconfigured, Refused
from lockstep.domain.legacy import LegacyTrade
from lockstep.domain.legacy_lines import LegacyProfile
from lockstep.domain.market import Market
from lockstep.domain.parallel.gate_text import Gates, read_gates
from lockstep.domain.parallel.gates import Verdict
from lockstep.domain.parallel.scorecards import ALL, Period, Scorecard, digest_of_files
from lockstep.domain.parallel.scoring import ScoredDay, keys_seen, score_day
from lockstep.domain.parallel.stages import Course, Stage
from lockstep.domain.reconciliation.books import Book, Key, Subject
from lockstep.domain.target_calendar import is_business_day
from lockstep.flow import paralleling
from lockstep.ports import BulkBook, Change, Clock, ParallelBook

__all__ = [
    "GATES",
    "Scored",
    "ShadowDesk",
    "ShadowRecords",
    "load_gates",
    "open_judging_desk",
    "open_shadow_desk",
    "require_over",
]

GATES = "gates.toml"
"""In the installation's folder: the gates and guards that hold for it."""
_TRIES = 3
Result = TypeVar("Result")


class ShadowRecords(ParallelBook, BulkBook, Protocol):
    """The service's records, with what a day's scoring asks of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What scoring a day has changed."""

    day: ScoredDay
    fallen: tuple[tuple[Course, Verdict], ...]
    """Securities that a guard sent back, as they are now."""


def require_over(day: date, at: datetime) -> None:
    """Raises InvalidInput for a day on which TARGET is closed, as nothing happens on it and all agrees, and for a
    moment before a day's cut-off: what has not settled by then has not failed yet."""
    if not is_business_day(day):
        raise InvalidInput("day", day, "a business day of TARGET")
    if at < (end := LegacyProfile().end_of(day)):
        raise InvalidInput("day", day, f"over before it is scored: from {end:%Y-%m-%d %H:%M} UTC on, not at {at:%H:%M}")


def last_over(at: datetime) -> date:
    """The last business day whose cut-off has passed."""
    day = at.astimezone(UTC).date()
    while not is_business_day(day) or LegacyProfile().end_of(day) > at:
        day -= timedelta(days=1)
    return day


def load_gates(path: Path) -> Gates:
    """Raises Misconfigured where there is no such file, InvalidInput for whatever breaks a rule in it."""
    try:
        return read_gates(path.read_text("utf-8"))
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}; it says what a security's promotion needs") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("gates", path, "text in UTF-8") from error


def open_shadow_desk(home: Home, gates: Gates | None = None) -> "ShadowDesk":
    """Without gates for who only looks, or sends back: that waits for no file. Raises Misconfigured where there is no
    installation."""
    return ShadowDesk(book=open_book(home), market=home.market(), clock=home.clock(), gates=gates or Gates(gates=()))


def open_judging_desk(home: Home, gates: Path | None = None) -> "ShadowDesk":
    """With the gates of a file, the installation's own if None. Raises as `load_gates`, and Misconfigured."""
    return open_shadow_desk(home, load_gates(gates or home.root / GATES))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowDesk:
    """Where days are scored and people decide. Acts raise as the domain's, InvalidInput for an unknown security, and
    Conflict where others acted on the same security three times over in between."""

    book: ShadowRecords
    market: Market
    clock: Clock
    gates: Gates

    # --- days

    def score(
        self, run: Reconciliation, rows: Mapping[Key, LegacyTrade], files: Mapping[str, str] | None = None
    ) -> Scored:
        """Scores a day from its run, stores that, and sends back what a guard no longer holds. `rows` are the legacy
        book's trades of that run, `files` the SHA-256 of each file that it came from. Raises InvalidInput for a run in
        which a book was silent or the legacy book was not asked, as from silence follows nothing, one whose
        books are older than those that the day was scored of, and as `require_over`.
        """
        require_over(run.day, run.at)
        spoke = run.comparison.run.spoke
        if run.silent:
            silent = [(book, kind, why) for book, kinds in run.silent.items() for kind, why in kinds.items()]
            told = "; ".join(f"{book.value} of {kind.value}: {why}" for book, kind, why in silent)
            raise InvalidInput("run", run.day, f"one in which every book spoke; silent was {told}")
        if not any(Book.LEGACY in books for books in spoke.values()):
            raise InvalidInput("run", run.day, "one in which the legacy book spoke")
        scored = _again_on_conflict(lambda: self._score(run, rows, digest_of_files(files or {})))
        return Scored(day=scored, fallen=tuple(self.judge_guards()))

    def _score(self, run: Reconciliation, rows: Mapping[Key, LegacyTrade], legacy_files: str) -> ScoredDay:
        spoke = run.comparison.run.spoke
        pairs = (
            pairs_of(run.lines, named_trades(self.book, self.book.trades()), rows, self.market)
            if Book.LEGACY in spoke.get(Subject.TRADE, frozenset())
            else ()
        )
        paired = self.book.paired([one.reference for one in pairs])
        scored = score_day(
            day=run.day,
            at=run.at,
            seen=keys_seen(run.lines, spoke, run.comparison.alone),
            found=run.comparison.found,
            breaks=self.book.breaks(),
            pairs=pairs,
            settled_before={name for name, one in paired.items() if one.counted_on not in (None, run.day)},
            legacy_files=legacy_files,
        )
        stored = self.book.scorecards_of(run.day)
        if (last := max((one.card.at for one in stored), default=run.at)) > run.at:
            raise InvalidInput("run", run.at.isoformat(), f"not before {last.isoformat()}, as of when it was scored")
        change = paralleling.kept(
            scored,
            stored=stored,
            courses=self.book.courses(),
            pairs=pairs,
            paired=paired,
            securities=self.market.securities,
        )
        if change:
            self.book.commit(change)
        return scored

    def judge_guards(self) -> Sequence[tuple[Course, Verdict]]:
        """Sends back every security of which a guard is broken, as of its days so far."""
        fallen = []
        for one in self.book.courses():
            after = _again_on_conflict(lambda isin=one.isin: self._fall(isin))  # type: ignore[misc]  # bound at once
            if after is not None:
                fallen.append(after)
        return fallen

    def _fall(self, isin: str) -> tuple[Course, Verdict] | None:
        course = self.course(isin)
        if not self.gates.guards_of(course):
            return None
        fallen = paralleling.fall(course, self.gates, self.cards(isin), at=self.clock.now())
        if fallen is not None:
            after, verdict = fallen
            self._store(course, after, verdict)
        return fallen

    # --- looking

    def course(self, isin: str) -> Course:
        found = self.book.course(isin)
        if found is None:
            known = ", ".join(one.isin for one in self.book.courses()) or "none yet"
            raise InvalidInput("security", isin, f"one that is run in parallel: {known}")
        return found

    def courses(self) -> Sequence[Course]:
        return self.book.courses()

    def cards(self, isin: str = ALL, since: date | None = None) -> Sequence[tuple[Scorecard, int]]:
        """With their journal numbers, by day. Raises Contradiction for one that the journal does not tell."""
        rows = self.book.journal(paralleling.subject_of(isin))
        return paralleling.numbered(self.book.scorecards(isin, since), rows)

    def period(self, isin: str = ALL, since: date | None = None, until: date | None = None) -> Period:
        """A security's days together; of all of them together, with the cash, for `ALL`."""
        return Period.of(isin, [one.card for one in self.book.scorecards(isin, since, until)])

    def verdict(self, isin: str) -> Verdict | None:
        """Of the gate to the security's next stage, as of now; None where there is none."""
        course = self.course(isin)
        return paralleling.verdict_of(course, self.gates, self.cards(isin, course.since))

    def scored_anew(self, isin: str) -> Mapping[date, int]:
        """The days of the security's stage that have had more than one card, and how many: whoever decides asks why.
        Other legacy files make another card, and may make a better one."""
        since, told = self.course(isin).since, Counter[date]()
        for row in self.book.journal(paralleling.subject_of(isin)):
            if row.entry.kind == paralleling.SCORECARD:
                told[date.fromisoformat(row.entry.facts["day"])] += 1
        return {day: count for day, count in sorted(told.items()) if day >= since and count > 1}

    # --- deciding

    def propose(self, isin: str, why: str, *, by: str) -> Course:
        """One person proposes the next stage, on the gate's verdict of now."""

        def once() -> Course:
            course = self.course(isin)
            verdict = self._needed(course)
            after = course.proposed(verdict, why, by=by, at=self.clock.now())
            return self._store(course, after, verdict)

        return _again_on_conflict(once)

    def decide(self, proposal_id: str, *, approve: bool, why: str, by: str) -> Course:
        """Another person decides on a proposal, named by its whole id: who approves it has seen what it stands on."""

        def once() -> Course:
            course, now = self.course(proposal_id.partition("-")[0]), self.clock.now()
            if not approve:
                return self._store(course, course.decided(proposal_id, approve=False, why=why, by=by, at=now))
            verdict, cards = self._needed(course), self.cards(course.isin, course.since)
            after = course.decided(
                proposal_id,
                approve=True,
                why=why,
                by=by,
                at=now,
                verdict=verdict,
                digests={card.day: card.digest for card, _ in cards},
                since=paralleling.begin_after(course, cards),
            )
            return self._store(course, after, verdict)

        return _again_on_conflict(once)

    def demote(self, isin: str, to: Stage, why: str, *, by: str) -> Course:
        """One person sends a security back, at once."""

        def once() -> Course:
            course = self.course(isin)
            since = paralleling.begin_after(course, self.cards(isin, course.since))
            return self._store(course, course.demoted(to, why, by=by, at=self.clock.now(), since=since))

        return _again_on_conflict(once)

    def _needed(self, course: Course) -> Verdict:
        verdict = paralleling.verdict_of(course, self.gates, self.cards(course.isin, course.since))
        if course.stage.next is None:
            raise Refused("LastStage", {"isin": course.isin, "stage": course.stage.value})
        if verdict is None:
            raise InvalidInput("security", course.isin, f"one with a gate from {course.stage.value} on")
        if verdict.is_met and verdict.as_of < (last := last_over(self.clock.now())):
            raise Refused("DaysNotScored", {"isin": course.isin, "scored": verdict.as_of, "last_over": last})
        return verdict

    def _store(self, before: Course, after: Course, verdict: Verdict | None = None) -> Course:
        self.book.commit(Change(courses=(after,), entries=tuple(paralleling.moved(before, after, verdict))))
        return after


def _again_on_conflict(act: Callable[[], Result]) -> Result:
    for _ in range(_TRIES - 1):
        try:
            return act()
        except Conflict:
            continue
    return act()
