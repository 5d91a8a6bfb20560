"""What a reader of the chain keeps: events as rows, how far it has read, and what a deep reorganisation took.

Bytes as the chain has them, so that a hundred thousand rows are read and stored without a value made of each.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple, Protocol

from lockstep.domain.values import quick

__all__ = ["BEGINNING", "ChainEvents", "Checkpoint", "EventKind", "EventRow", "Reorganisation"]


class EventKind(IntEnum):
    """DvP's events of one order, named as in the contract."""

    Locked = 0
    PaidRecorded = 1
    Settled = 2
    GivenBack = 3

    @property
    def is_end(self) -> bool:
        return self >= EventKind.Settled


class EventRow(NamedTuple):
    """One event of a settlement. Block and place are its identity on one chain."""

    block: int
    place: int
    """The event's index among its block's (`logIndex`)."""
    kind: int
    """An EventKind."""
    settlement: bytes
    """32 bytes."""
    transaction: bytes
    """32 bytes, the hash."""
    at: int
    """Its block's time, Unix seconds."""
    trade: bytes | None = None
    """32 bytes, with Locked only."""
    order: bytes | None = None
    """The order packed (see `chain.decoding`), with Locked only."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Up to which block, inclusive, every event is stored. `number` -1: nothing is read yet.

    `final` is the highest block that the reader has seen final, which may lie above what is stored.
    """

    number: int
    hash: str
    """Hexadecimal, without 0x, as all hashes here."""
    final: int = -1
    hashes: Mapping[int, str] = field(default_factory=dict)
    """Of blocks around `number` and above, by number: what a reorganisation is measured against."""
    locked: int = 0
    """How many settlements are stored."""


BEGINNING = Checkpoint(number=-1, hash="")


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Reorganisation:
    """Final blocks were replaced by others: what finality promised did not hold."""

    block: int
    """The first that was replaced, as far as hashes were kept."""
    ours: str
    """Its hash as it was read."""
    theirs: str
    """As the node has it now."""
    depth: int
    """How many blocks were replaced, counted from the highest that was read: more than the finality depth."""
    settlements: tuple[str, ...] = ()
    """Hexadecimal ids of those of which a final event was taken, as far as they were stored."""
    number: int = 0
    """Given by the store, from 1."""

    def __str__(self) -> str:
        return (
            f"block {self.block} was {self.ours} and is {self.theirs} now: the last {self.depth} blocks were replaced, "
            f"final ones among them, with events of {len(self.settlements)} settlements"
        )


class ChainEvents(Protocol):
    """Where the reader of one contract's events keeps what is final, and how far it has come, as one.

    Every change names the checkpoint that it follows on; it raises Conflict, and stores nothing, where another reader
    has moved on from there meanwhile.
    """

    def checkpoint(self) -> Checkpoint: ...

    def unended(self) -> Sequence[EventRow]:
        """The events of settlements that have not ended, in the chain's order."""

    def of(self, settlement: bytes) -> Sequence[EventRow]:
        """A settlement's events, in the chain's order."""

    def settlements_of_all(self, trades: Collection[bytes]) -> Sequence[tuple[bytes, bytes]]:
        """These trades' settlements, each with its trade, in the order of their locks."""

    def settlements(self, after: EventRow | None = None) -> Iterator[bytes]:
        """Every settlement with a lock, in the order of the locks; those after one lock."""

    def above(self, block: int) -> Sequence[EventRow]:
        """The events of higher blocks, in the chain's order."""

    def advance(self, before: Checkpoint, rows: Sequence[EventRow], after: Checkpoint) -> None:
        """Stores events and the checkpoint that they lead to, in one transaction."""

    def go_back(
        self,
        before: Checkpoint,
        after: Checkpoint,
        *,
        halt: Reorganisation | None = None,
        doubts: Mapping[bytes, tuple[bytes | None, frozenset[EventKind]]] | None = None,
    ) -> None:
        """Forgets the events above `after`, and remembers what that means, in one transaction: that the service halts,
        and of which settlements (with their trades) which final events were taken."""

    def halts(self) -> Sequence[Reorganisation]:
        """Those that nobody has accepted, oldest first."""

    def accept(self, by: str, why: str, halts: Sequence[Reorganisation]) -> Sequence[Reorganisation]:
        """People have decided on these, and returns them. What came since halts still."""

    def doubts(self) -> Mapping[bytes, tuple[bytes | None, frozenset[EventKind]]]:
        """Settlements of which final events were taken that have not come again."""

    def certain(self, settlements: Collection[bytes]) -> None:
        """What was taken of these is there again, finally."""
