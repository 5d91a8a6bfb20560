"""The parallel run on the database: see `ports.ParallelBook`. `wholes` writes it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import Engine

from lockstep.domain.parallel.pairs import Paired
from lockstep.domain.parallel.scorecards import StoredCard
from lockstep.domain.parallel.stages import Course
from lockstep.store.bulk import Statement
from lockstep.store.codec import load

__all__ = ["Parallel"]

_COURSE = Statement("SELECT body FROM course WHERE isin = ?")
_COURSES = Statement("SELECT isin, body FROM course ORDER BY isin")
_CARDS = Statement("SELECT day, isin, body FROM scorecard WHERE isin = ? AND day >= ? AND day <= ? ORDER BY day")
_CARDS_OF = Statement("SELECT day, isin, body FROM scorecard WHERE day = ? ORDER BY isin")
_PAIRED = Statement("SELECT reference, body FROM trade_pair WHERE reference IN LIST")
_PAIRED_ON = Statement("SELECT reference, body FROM trade_pair WHERE seen_on = ? ORDER BY reference")


class Parallel:
    """What a book reads of it."""

    _engine: Engine

    def course(self, isin: str) -> Course | None:
        rows = _COURSE.alone(self._engine, isin)
        return load(Course, rows[0][0], isin) if rows else None

    def courses(self) -> Sequence[Course]:
        return [load(Course, body, isin) for isin, body in _COURSES.alone(self._engine)]

    def scorecards(self, isin: str, since: date | None = None, until: date | None = None) -> Sequence[StoredCard]:
        ends = ((since or date.min).isoformat(), (until or date.max).isoformat())
        return [load(StoredCard, body, (day, of)) for day, of, body in _CARDS.alone(self._engine, isin, *ends)]

    def scorecards_of(self, day: date) -> Sequence[StoredCard]:
        rows = _CARDS_OF.alone(self._engine, day.isoformat())
        return [load(StoredCard, body, (of_day, isin)) for of_day, isin, body in rows]

    def paired(self, references: Collection[str]) -> Mapping[str, Paired]:
        rows = _PAIRED.alone(self._engine, [*references]) if references else ()
        return {reference: load(Paired, body, reference) for reference, body in rows}

    def paired_on(self, day: date) -> Sequence[Paired]:
        rows = _PAIRED_ON.alone(self._engine, day.toordinal())
        return [load(Paired, body, reference) for reference, body in rows]
