"""The service's records with the parallel run: where each security is, its scorecards, and trades in pairs."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Protocol

from lockstep.domain.parallel.pairs import Paired
from lockstep.domain.parallel.scorecards import StoredCard
from lockstep.domain.parallel.stages import Course
from lockstep.ports.breaks import BreakBook

__all__ = ["ParallelBook"]


class ParallelBook(BreakBook, Protocol):
    """They are stored by `Change.courses`, `Change.scorecards` and `Change.pairs`, and never deleted."""

    def course(self, isin: str) -> Course | None: ...

    def courses(self) -> Sequence[Course]:
        """All, by ISIN."""

    def scorecards(self, isin: str, since: date | None = None, until: date | None = None) -> Sequence[StoredCard]:
        """A security's, or with `ALL` those of all securities together, by day; both ends are included."""

    def scorecards_of(self, day: date) -> Sequence[StoredCard]:
        """A day's, by ISIN."""

    def paired(self, references: Collection[str]) -> Mapping[str, Paired]:
        """By reference; those not known are missing."""

    def paired_on(self, day: date) -> Sequence[Paired]:
        """Those that a day's run saw last, by reference."""
