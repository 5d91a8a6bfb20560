"""Which trades a run is about, of all that the books have ever had."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from lockstep.domain.reconciliation.books import Key, Line, LineStatus, Subject

__all__ = ["Scope"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The business day's trades, those under way since an earlier one, and those that are breaks."""

    day: date
    at: datetime
    """The books' moment, UTC."""
    first: date
    """From which day on balances are followed: the oldest that an open break, or a day not yet compared, is of."""
    trades_since: date | None = None
    """From which day on settled trades count, where it is not `day`: no run has compared those in all books yet."""
    wanted: frozenset[Key] = frozenset()
    """Trades that are breaks of earlier days, and looked at again."""

    def covers(self, line: Line) -> bool:
        """Whether a trade's line brings its trade into the run; then all that the other books say of it counts."""
        if line.key.subject is not Subject.TRADE or line.key in self.wanted or line.day is None:
            return True
        if line.status is LineStatus.OPEN:
            return line.day <= self.day
        return (self.trades_since or self.day) <= line.day <= self.day

    def of(self, lines: Iterable[Line]) -> list[Line]:
        """The lines of the trades that any line brings in, and all positions and balances."""
        kept = list(lines)
        keys: Collection[Key] = {one.key for one in kept if self.covers(one)}
        return [one for one in kept if one.key in keys]
