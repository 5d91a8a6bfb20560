"""An installation's parallel run as a report: its scorecards, stages, gates, breaks and corrections as they stand."""

from pathlib import Path

from lockstep.app.home import Home
from lockstep.app.records import open_book
from lockstep.app.shadow import GATES, ShadowDesk, load_gates
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.parallel.gate_text import Gates
from lockstep.domain.parallel.scorecards import ALL
from lockstep.reports.model import Report, Source
from lockstep.reports.parallel import parallel_report
from lockstep.reports.parallel_run import ParallelRun

__all__ = ["parallel_page", "parallel_run"]

_TRIES = 3


def parallel_run(desk: ShadowDesk) -> ParallelRun:
    """All that the desk's records tell. Verdicts are of the desk's gates, as of now."""
    book, courses = desk.book, desk.courses()
    verdicts = (desk.verdict(one.isin) for one in courses)
    return ParallelRun(
        cards=[stored.card for isin in (ALL, *(one.isin for one in courses)) for stored in book.scorecards(isin)],
        courses=courses,
        verdicts=[one for one in verdicts if one is not None],
        breaks=book.breaks(),
        corrections=book.corrections(),
        market=desk.market,
    )


def parallel_page(home: Home, gates: Path | None = None) -> Report:
    """As of the journal's last entry: while nobody adds one, the same to the byte.

    Gates are those of the file, the installation's own if None, none where it has no such file. Raises InvalidInput
    where nothing was entered yet, Unavailable where others go on entering while the records are read.
    """
    book = open_book(home)
    wanted = gates if gates is not None else home.root / GATES
    known = load_gates(wanted) if gates is not None or wanted.exists() else Gates(gates=())
    desk = ShadowDesk(book=book, market=home.market(), clock=home.clock(), gates=known)
    for _ in range(_TRIES):
        size = book.journal_size()
        if not size:
            raise InvalidInput("journal", 0, "at least one entry")
        run, (last,) = parallel_run(desk), book.journal(after=size - 1, limit=1)
        if book.journal_size() == size:
            return parallel_report(run, as_of=last.entry.at, source=Source(journal_number=size, journal_hash=last.hash))
    raise Unavailable(f"the journal grew while it was read, {_TRIES} times")
