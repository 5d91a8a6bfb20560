"""What a watcher remembers of the service's journal: how far it judged it, and what people were told.

A journal only grows. It goes back where a backup was put in its place, or writes were lost that were never synced; it
then grows from an earlier line.
"""

from collections.abc import Sequence

from lockstep.domain.journal import Entry, JournalRow

__all__ = ["Journal"]

START = (0, "0" * 64)
FAILED = "BREAK: the service failed at this trade"
"""So begins what the journal has of an error in the service's own code, by which a trade is set apart."""
LOST = "a final event stays"
"""The rule that a `break` names where a reorganisation beyond the depth took a final event of a settlement."""


class Journal:
    """One service's, over all its lives."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        """The hashes of all lines, as they were last seen."""
        self._restored = False
        self.new: Sequence[JournalRow] = ()
        """Those that are to be judged now."""
        self.after = START
        """Number and hash of the line before them."""
        self.alarms: set[str] = set()
        """Trades and settlements of which people were told that two facts exclude each other."""
        self.losses: set[str] = set()
        """Settlements of which people were told, when they had ended, that a final event was taken."""
        self._ended: set[str] = set()
        self._taken: set[str] = set()
        """Settlements told to have lost a final event, since people last accepted a reorganisation."""

    def see(self, journal: Sequence[JournalRow], *, whole: bool = False) -> list[str]:
        """Takes in the journal as it is now; says what it lost without leave, and where the service's own code failed.
        `whole`: all of it is to be judged.
        """
        kept, before = self._kept(journal, whole), len(self._lines)
        restored, self._restored = self._restored, False
        del self._lines[kept:]
        found = [
            f"line {row.number}: trade {row.entry.subject[:12]}, {row.entry.facts['reason']}"
            for row in journal[kept:]
            if row.entry.facts.get("reason", "").startswith(FAILED)
        ]
        for row in journal[kept:]:
            self._lines.append(row.hash)
            self._hear(row.entry)
        first = 0 if whole else kept
        self.new, self.after = journal[first:], (first, self._lines[first - 1]) if first else START
        if kept == before or restored:
            return found
        return [*found, f"the journal lost {before - kept} lines after line {kept}, and no backup was put in its place"]

    def _hear(self, entry: Entry) -> None:
        """What people are told by one line."""
        settlement = entry.facts.get("settlement_id", entry.subject)
        if entry.kind == "waiting" and entry.facts.get("reason", "").startswith("BREAK"):
            self.alarms |= {entry.subject, settlement}
        elif entry.kind in ("settled", "released"):
            self._ended.add(settlement)
            self.losses |= {settlement} & self._taken  # a worker was in the middle of it as another told
        elif entry.kind == "break" and entry.facts.get("rule") == LOST:
            self._taken.add(entry.subject)
            self.losses |= {entry.subject} & self._ended
        elif entry.kind == "reorganisation accepted":
            self._taken.clear()

    def restored(self) -> None:
        """The journal may have gone back since it was last seen."""
        self._restored = True

    def _kept(self, journal: Sequence[JournalRow], whole: bool) -> int:
        """How many of its first lines are those that were seen before. Its last line stands for those before it, as it
        has their hash in its own; whether it has is judged where `whole`."""
        known = len(self._lines)
        if not whole and known and known <= len(journal) and journal[known - 1].hash == self._lines[-1]:
            return known
        pairs = enumerate(zip(self._lines, journal, strict=False))
        return next((place for place, (line, row) in pairs if line != row.hash), min(known, len(journal)))
