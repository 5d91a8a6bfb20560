"""The service's records with the breaks that reconciliation found, and the corrections proposed for them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from lockstep.domain.journal import Entry
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.corrections import Correction
from lockstep.ports.book import Book

__all__ = ["BreakBook"]


class BreakBook(Book, Protocol):
    """Breaks and corrections are never deleted: a closed one may come back."""

    def breaks(self) -> Sequence[Break]:
        """All, closed ones too, in the order in which they were first stored."""

    def standing_breaks(self) -> Sequence[Break]:
        """Those that a run must look at again: open, or closed by a person while the difference is still there."""

    def breaks_of(self, ids: Collection[str]) -> Mapping[str, Break]:
        """By id; those not known are missing."""

    def breaks_beginning(self, beginning: str) -> Sequence[Break]:
        """Whose id begins so, by id; `beginning` is lower-case hex digits."""

    def corrections(self, break_id: str | None = None) -> Sequence[Correction]:
        """A break's, or all, in the order in which they were proposed."""

    def keep(
        self, changed: Sequence[Break], corrections: Sequence[Correction] = (), entries: Sequence[Entry] = ()
    ) -> None:
        """Stores what a run or a person's act changed, each as its next version, with its journal entries: all in one
        transaction. Nothing at all is no transaction.

        Raises Conflict, and stores nothing, if one was stored by another since it was read; LeaseLost as `commit`.
        """
