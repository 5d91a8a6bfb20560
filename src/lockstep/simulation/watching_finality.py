"""What a watcher remembers of finality: since when each lock was final, and what a reorganisation took all the same.

A reorganisation within the depth leaves a lock in its block and replaces blocks above it. Its depth is then reached
anew, later; but who acted on it before did so rightly.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from lockstep.app.auditing import cycle_of, lock_of
from lockstep.chain.audit import ChainFacts
from lockstep.testing.facts import Cycle, Facts, Lock, Undone
from lockstep.testing.invariants import states_of

__all__ = ["Finality"]


class Finality:
    """One chain's, at one depth."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._seen: ChainFacts | None = None
        self._made: dict[str, Lock | Cycle] = {}
        """Whatever was ever seen locked, by settlement."""
        self._states: dict[str, frozenset[str]] = {}
        """What the two ledgers ever made of a settlement."""
        self._moved: set[tuple[str, str]] = set()
        """(settlement, name) of moves that were final."""
        self._gone: set[str] = set()
        self.since: dict[str, datetime] = {}
        """By settlement, of the chain's clock."""

    @property
    def undone(self) -> dict[str, Undone]:
        """By settlement: what was final and was taken back, now or before."""
        return {
            key: Undone(settlement=key, made=self._made[key], states=self._states.get(key, frozenset()))
            for key in sorted(self._gone)
        }

    @property
    def fresh(self) -> frozenset[tuple[str, str]]:
        """(settlement, what happened) that is on the chain and was final at no head that was seen."""
        if self._seen is None:
            return frozenset()
        locked = {one.settlement for one in self._seen.locks} | {one.settlement for one in self._seen.cycles}
        moved = {(one.settlement, one.name) for one in self._seen.moves} - self._moved
        return frozenset({(key, "Locked") for key in locked - self.since.keys()} | moved)

    def see(self, found: ChainFacts) -> None:
        """Takes in the chain as it is now."""
        if found is self._seen:
            return
        self._seen, final = found, found.head - self._depth
        locked, moved = set[str](), set[tuple[str, str]]()
        for lock in found.locks:
            self._made[lock.settlement] = lock_of(lock)
            locked.add(lock.settlement)
        for cycle in found.cycles:
            self._made[cycle.settlement] = cycle_of(cycle)
            locked.add(cycle.settlement)
        for key in locked:
            block = self._made[key].block
            if block <= final and key not in self.since:
                self.since[key] = datetime.fromtimestamp(found.times[block + self._depth], UTC)
        for move in found.moves:
            moved.add((move.settlement, move.name))
            if move.block <= final:
                self._moved.add((move.settlement, move.name))
        self._gone |= self.since.keys() - locked
        self._gone |= {settlement for settlement, _ in self._moved - moved} & self._made.keys()
        self._moved &= moved

    def take(self, settlements: Iterable[str]) -> None:
        """Of these a lock or an ending was final and is gone, unseen."""
        self._gone |= set(settlements) & self._made.keys()

    def judged(self, facts: Facts) -> None:
        """Remembers what the two ledgers made of each settlement."""
        for key in self._made:
            self._states[key] = self._states.get(key, frozenset()) | states_of(facts, key)
