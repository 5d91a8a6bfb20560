"""The root of each day of the journal, written where nobody can change it.

Level-triggered: a day is closed in the records first, for good, and counts as anchored only once a final block shows
its root. Killed anywhere, the next look goes on; asked again, nothing is sent that stands there.

```
day under way ─> over: closed ─> sent ─> in a block ─> final: anchored
                    ^             └─ the block vanished, or was never made
                    └─ a day without entries has no root: the next one says that nothing was added
```
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from lockstep.domain.anchor import DayRoot, Growing, end_of
from lockstep.domain.errors import Contradiction, Unavailable
from lockstep.ports import AnchorBook, AnchorLedger, Clock

__all__ = ["AT_MOST", "EVERY", "GRACE", "SOON", "Anchoring"]

GRACE = timedelta(minutes=10)
"""From a day's end until it is closed: workers' clocks differ, and commits take time."""
AT_MOST = 32
"""Days looked at in one step."""
EVERY, SOON = timedelta(minutes=1), timedelta(seconds=5)
"""Between two steps of a service, and after one that brought something about."""
_AT_ONCE = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Watch:
    """When to step again. In memory: a service that starts steps at once."""

    due: datetime = _AT_ONCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchoring:
    """Next steps of anchoring, over the ports."""

    clock: Clock
    book: AnchorBook
    ledger: AnchorLedger
    watch: _Watch = field(default_factory=_Watch)
    """Shared by those that one worker makes of each other."""

    def falls_due(self) -> bool:
        """Whether a service is to step now: its key may anchor, and it asked this last `EVERY` ago."""
        now = self.clock.now()
        if now < self.watch.due:
            return False
        self.watch.due = now + EVERY
        try:
            return self.ledger.may_anchor()
        except Unavailable:
            return False

    def step(self) -> bool:
        """Closes the days that are over and sees to their roots. True if anything was stored or sent.

        Raises Contradiction where another root stands than the records have: people decide; Unavailable, LeaseLost, and
        ContractRefused for what the contract objects to. Nothing that was done before is undone by it.
        """
        closed = self.close_days()
        moved = self.anchor_days() or closed
        if moved:
            self.watch.due = self.clock.now() + SOON
        return moved

    def close_days(self) -> bool:
        """Days that nobody has closed yet. True if there were any."""
        since = self.book.last_closed() or Growing()
        over = (self.clock.now().astimezone(UTC) - GRACE).date() - timedelta(days=1)
        if since.day is not None and since.day >= over:  # most looks end here, and read no journal
            return False
        closed = False
        for day in since.closed(self.book.journal_hashes(since.frontier.size), over):
            self.book.close_day(day)
            closed = True
        return closed

    def anchor_days(self) -> bool:
        """The roots that are not known to stand, in the order of their days: the ledger takes no earlier one later."""
        days = self.book.days_to_anchor(AT_MOST)
        if not days:
            return False
        final, moved = self.ledger.final_block(), False
        for day in days:
            if (stands := self._stands(day, final)) or self._is_passed(day, final):
                self.book.anchored(day, stands=stands)
                moved = True
            elif self._stands(day, None) or self._is_passed(day, None):
                continue  # in a block that may vanish: the next one can follow meanwhile
            elif self.ledger.time_of() < end_of(day.day).timestamp():
                break  # the chain's clock is behind: it would take the day for one that is under way
            else:
                self.ledger.anchor(day)
                moved = True
                if not self._stands(day, None):
                    break
        return moved

    def _stands(self, day: DayRoot, at: int | None) -> bool:
        """Raises Contradiction where another root does."""
        found = self.ledger.anchor_of(day.journal, day.day, at)
        if found is not None and found != day:
            raise Contradiction(
                f"journal {day.journal}, {day.day}: the chain has the root {found.root} over {found.size} entries, "
                f"the records {day.root} over {day.size}"
            )
        return found is not None

    def _is_passed(self, day: DayRoot, at: int | None) -> bool:
        """Whether a later day was anchored, as from records restored since: this day's entries are under its root."""
        last = self.ledger.last_day(day.journal, at)
        return last is not None and last > day.day
