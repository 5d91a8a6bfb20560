"""The books of a business day, asked, compared, and the breaks kept.

Whose answer is wanted is asked once; who gives none did not speak, which is told, and nothing is concluded from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lockstep.app.books.said import LegacyBook, Said
from lockstep.app.home import Home
from lockstep.app.world import World
from lockstep.domain.market import Market
from lockstep.domain.reconciliation.breaks import Break
from lockstep.domain.reconciliation.rules import RuleBook
from lockstep.flow.comparing import Comparison
from lockstep.flow.reconciling import Reconciled
from lockstep.ports import BreakBook, BulkAssetLedger, CashSystem, Clock

__all__ = ["Reconciliation", "Sources", "of_home", "of_world", "reconcile_day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What came of a run."""

    day: date
    at: datetime
    comparison: Comparison
    reconciled: Reconciled
    """What changed, stored unless the run was only to look."""
    said: tuple[Said, ...]
    """Each book's answer."""
    open: tuple[Break, ...]
    """All breaks that are open after it, the oldest first."""

    @property
    def agrees(self) -> bool:
        """Whether no break is open."""
        return not self.open

    def as_json(self) -> Mapping[str, Any]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the books are asked. See `of_home` and `of_world`."""

    market: Market
    book: BreakBook
    cash: CashSystem
    clock: Clock
    assets: BulkAssetLedger | None


def of_home(home: Home) -> Sources:
    """An installation's. Raises Misconfigured."""
    raise NotImplementedError


def of_world(world: World) -> Sources:
    """Those of a world in this process."""
    raise NotImplementedError


def reconcile_day(
    sources: Sources,
    day: date,
    *,
    at: datetime | None = None,
    legacy: LegacyBook | None = None,
    rules: RuleBook = RuleBook(),
    keep: bool = True,
) -> Reconciliation:
    """Asks chain, RTGS, service and the legacy book of a business day, compares, and keeps the breaks.

    `at` is the moment of the books, UTC: now for today, the day's last instant for an earlier one. Without `keep`
    nothing is stored. Raises InvalidInput for a day or moment to come, Conflict where a person's act or another run
    stored a break meanwhile: then nothing is stored.
    """
    raise NotImplementedError
