"""Roots of the journal's days: what the records keep of them, and where they stand for others to see."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Protocol

from lockstep.domain.anchor import DayRoot, Growing

__all__ = ["AnchorBook", "AnchorLedger"]


class AnchorBook(Protocol):
    """The records, for who anchors them."""

    def journal_hashes(self, after: int = 0) -> Iterator[tuple[date, str]]:
        """Of the journal's entries numbered above `after`, in order: the day each is dated, UTC, and its hash."""

    def last_closed(self) -> Growing | None:
        """The last day closed, with what is needed to go on from it; None: there is none."""

    def close_day(self, closed: Growing) -> None:
        """Stores it, to be anchored. A day that is stored stays as it is: of two workers the first counts.

        Raises LeaseLost, and stores nothing, if it writes under a lease that another has taken over.
        """

    def days_to_anchor(self, limit: int) -> Sequence[DayRoot]:
        """The days closed and not known to be anchored, the first ones first."""

    def anchored(self, day: DayRoot, *, stands: bool) -> None:
        """It need not be looked at again: its root stands on the chain, finally, or never will. Raises LeaseLost."""

    def day_root_over(self, number: int) -> DayRoot | None:
        """The first day whose root stands, finally, and whose tree has the entry of this number; None: none yet."""

    def day_roots(self) -> Sequence[DayRoot]:
        """Every day closed, in order."""

    def closed_before(self, number: int) -> Growing | None:
        """The last day closed whose tree has only entries before the one of this number; None: there is none."""


class AnchorLedger(Protocol):
    """Where a day's root cannot be changed any more: one network's JournalAnchor contract.

    Looks take `at`, a block's number; None is the head. They raise Unavailable.
    """

    def final_block(self) -> int:
        """The last final block's number."""

    def time_of(self, block: int | None = None) -> int:
        """A block's time, seconds: what says whether a day is over."""

    def anchor_of(self, journal: str, day: date, at: int | None = None) -> DayRoot | None:
        """What stands for a day; None: nothing."""

    def last_day(self, journal: str, at: int | None = None) -> date | None:
        """The last day with a root: it takes none for that day or an earlier one."""

    def may_anchor(self) -> bool:
        """Whether the contract would take a root from the key that this sends with; without one, False."""

    def anchor(self, root: DayRoot) -> None:
        """Writes it. Named by its content, sent once, and called again watched over until it is in a block: then the
        call returns, and a look shows what came of it. Raises ContractRefused, Unavailable, Refused ReadOnly."""
