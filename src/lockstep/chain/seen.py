"""What the event reader answers with, and small tools of its own."""

import gc
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from lockstep.chain.decoding import order_of
from lockstep.domain.chain_events import EventKind, EventRow
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Order

__all__ = ["Deep", "SeenEvent", "Settlements", "block_of", "has_ended", "key_of", "seen_event", "uncollected"]


class Deep(Enum):
    """What a reader does where blocks were replaced that were final."""

    FOLLOW = "follow"
    "It reads the new ones: for whoever only looks."
    DOUBT = "doubt"
    "And it does not answer for a settlement of which something final was taken, until that is there again, finally."
    HALT = "halt"
    "And it remembers that the service halts, until people say otherwise: see `ChainEvents.halts`."


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenEvent:
    """One event of a settlement; `order` with Locked only."""

    name: str
    transaction: str
    block: int
    at: datetime
    order: Order | None


@contextmanager
def uncollected() -> Iterator[None]:
    """Without Python's collection of cycles: it would look at ten thousand rows again and again, in none of which is
    one, and take a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def block_of(row: EventRow) -> int:
    return row.block


def has_ended(rows: Sequence[EventRow], last: int) -> bool:
    """Whether a settlement's events up to a block have its end."""
    return any(row.kind >= EventKind.Settled and row.block <= last for row in rows)


def key_of(identifier: str) -> bytes | None:
    """An id's bytes; None for what cannot be one."""
    try:
        return bytes.fromhex(identifier)
    except ValueError:
        return None


def seen_event(row: EventRow) -> SeenEvent:
    return SeenEvent(
        name=EventKind(row.kind).name,
        transaction="0x" + row.transaction.hex(),
        block=row.block,
        at=datetime.fromtimestamp(row.at, UTC),
        order=None if row.order is None else order_of(row.order),
    )


class Settlements(Collection[SettlementId]):
    """All settlements of a reader, however many: gone through page by page, and not all in memory."""

    def __init__(
        self,
        all_: Callable[[EventRow | None], Iterator[bytes]],
        rows_of: Callable[[bytes], Sequence[EventRow]],
        count: int,
    ) -> None:
        """`all_`: in the order of their locks, those after a lock, or all."""
        self._all, self._rows_of, self._count = all_, rows_of, count

    def __contains__(self, one: object) -> bool:
        key = key_of(one) if isinstance(one, str) else None
        return key is not None and bool(self._rows_of(key))

    def __iter__(self) -> Iterator[SettlementId]:
        return (SettlementId(one.hex()) for one in self._all(None))

    def __len__(self) -> int:
        return self._count

    def since(self, one: SettlementId) -> Sequence[SettlementId]:
        """Those locked after this one, in order, without going through those before; none where it is not locked."""
        key = key_of(one)
        lock = next((row for row in self._rows_of(key) if row.trade is not None), None) if key is not None else None
        return [] if lock is None else [SettlementId(later.hex()) for later in self._all(lock)]
