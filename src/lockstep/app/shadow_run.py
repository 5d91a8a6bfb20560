"""A day of the parallel run by command: its legacy instructions fed to the mirror, its books compared and scored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from lockstep.app.books.legacy_book import in_folder, profile_of
from lockstep.app.books.sources import Sources, of_home
from lockstep.app.home import Home
from lockstep.app.legacy_books import LegacyBook, days_of, read_legacy_book
from lockstep.app.mirror import is_mirror, require_mirror, require_simulated
from lockstep.app.parallel_week.book import MirroredBook
from lockstep.app.reconciling import EXACT, Reconciliation, reconcile_day
from lockstep.app.records import open_reception
from lockstep.app.rules_file import read_rules
from lockstep.app.shadow import Scored, open_judging_desk, require_over
from lockstep.app.shadow_feed import Fed, feed, instructions_of
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Uetr, uetr
from lockstep.domain.legacy import BadRow
from lockstep.domain.legacy_lines import OurTrade
from lockstep.domain.reconciliation.books import Book, Line, Subject
from lockstep.domain.reconciliation.rules import RuleBook

__all__ = ["Compared", "compare_day", "feed_day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A business day, reconciled with the legacy book and scored."""

    run: Reconciliation
    scored: Scored


def feed_day(home: Home, folder: Path, day: date) -> tuple[Sequence[Fed], Sequence[BadRow]]:
    """Hands a day's legacy instructions to a mirror; what was handed in before is told to be a duplicate.

    Raises Misconfigured for an installation that is no mirror, or whose RTGS is not the simulated one; InvalidInput for
    a folder without instructions of the day.
    """
    require_mirror(home)
    require_simulated(home)
    days = days_of(folder) if folder.is_dir() else {}
    given, apart = instructions_of(days.get(day, folder if not days else folder / day.isoformat()))
    return feed(open_reception(home), given), apart


def compare_day(
    home: Home, folder: Path, day: date, *, rules: Path | None = None, gates: Path | None = None
) -> Compared:
    """Reconciles a day with the legacy book of a folder, keeps the breaks, scores the day, judges the guards.

    Raises as `reconcile_day`, `read_rules`, `load_gates`, and InvalidInput for a day that is not over, or where the
    legacy book did not speak.
    """
    desk, sources = open_judging_desk(home, gates), of_home(home)
    require_over(day, sources.clock.now())
    wanted = EXACT if rules is None else read_rules(rules)
    if is_mirror(home):
        run, read = _mirrored(sources, folder, day, wanted)
    else:
        run, read = _beside(sources, folder, day, wanted)
    return Compared(run=run, scored=desk.score(run, read.trades, read.digests))


def _mirrored(sources: Sources, folder: Path, day: date, rules: RuleBook) -> tuple[Reconciliation, LegacyBook]:
    """The mirror's trades came of the legacy instructions, by which the two systems' references are known."""
    book = MirroredBook(folder, sources.market, sources.book)
    run = reconcile_day(sources, day, legacy=book, rules=rules)
    assert book.read is not None  # a run asks its books
    return run, book.read


def _beside(sources: Sources, folder: Path, day: date, rules: RuleBook) -> tuple[Reconciliation, LegacyBook]:
    """Both systems settle: a trade's UETR is the same in both, or it is matched by what it is."""
    profile = profile_of(sources.market)
    run = reconcile_day(sources, day, legacy=in_folder(folder, sources.market, profile=profile), rules=rules)
    ours = [
        each
        for line in run.lines
        if line.book is Book.SERVICE and line.key.subject is Subject.TRADE
        if (each := OurTrade.of(line, decimals=profile.decimals.get(str(line.instrument), 0), uetr=_uetr(line)))
    ]
    return run, read_legacy_book(folder, day, profile=profile, ours=ours)


def _uetr(line: Line) -> Uetr | None:
    try:
        return uetr(line.key.reference)
    except InvalidInput:  # a trade that has no payment yet
        return None
