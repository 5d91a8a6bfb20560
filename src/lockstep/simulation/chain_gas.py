"""What a transaction would cost in a block of its own state, from what it cost with its storage warm and dirty.

pyrevm has no storage below its journal. A slot that is not zero therefore stands in the journal when a transaction
starts: the first access to it costs 100 instead of 2,100, and revm believes it was zero before the transaction. Which
slots were accessed, no journal says; but where one is left out, every access to it is cold and reads zero, and so the
gas differs. So: run again without some of them, halve where it differs, count. Writes are in the journal, in order;
their cost and refund follow from EIP-2200, EIP-2929 and EIP-3529.

Not made good is what happened inside a call that was reverted while the transaction went on: its writes are in no
journal, and what it had warmed is cold again.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

__all__ = ["Write", "accessed", "exact", "writes_in"]

COLD_SLOT, WARM, COLD_ACCOUNT = 2_100, 100, 2_600
SET, RESET, CLEARED = 20_000, 2_900, 4_800
REFUND_QUOTIENT = 5

Item = TypeVar("Item")
Slot = tuple[str, int]
Write = tuple[int, int]
"""A slot's value before and after one SSTORE that changed it."""

_CHANGE = re.compile(r"StorageChange \{ address: (0x[0-9a-f]{40}), key: (\d+), had_value: Some\((\d+)\) \}")


def exact(
    spent: int, slots: int, accounts: int, originals: Callable[[Slot], int], writes: Mapping[Slot, Sequence[Write]]
) -> int:
    """Gas used. `spent` is what pyrevm counted, before any refund; `slots` and `accounts` are how many it held for
    warm that were cold; `originals` says what a slot held before the transaction.
    """
    spent += slots * (COLD_SLOT - WARM) + accounts * (COLD_ACCOUNT - WARM)
    back = 0
    for slot, changes in writes.items():
        original = originals(slot)
        if original:
            spent += _cost(original, changes) - _cost(0, changes)
        back += _refund(original, changes)
    return spent - min(back, spent // REFUND_QUOTIENT)


def accessed(items: Sequence[Item], same_without: Callable[[Sequence[Item]], bool]) -> list[Item]:
    """Which items matter: `same_without` says whether the run is the same with all of its argument left out."""
    if not items or same_without(items):
        return []
    if len(items) == 1:
        return list(items)
    middle = len(items) // 2
    return accessed(items[:middle], same_without) + accessed(items[middle:], same_without)


def writes_in(journal: str, now: Callable[[Slot], int]) -> dict[Slot, list[Write]]:
    """The writes in what pyrevm prints of a journal, by slot, in order; `now` is what a slot holds in the end."""
    before: dict[Slot, list[int]] = defaultdict(list)
    for address, slot, had in _CHANGE.findall(journal):
        before[address, int(slot)].append(int(had))
    return {slot: list(zip(values, [*values[1:], now(slot)], strict=True)) for slot, values in before.items()}


def _cost(original: int, writes: Iterable[Write]) -> int:
    """What the writes to one warm slot cost, whose value was `original` before the transaction."""
    clean = RESET if original else SET
    return sum(clean if before == original else WARM for before, _ in writes)


def _refund(original: int, writes: Iterable[Write]) -> int:
    """What the writes to one slot give back, before the cap."""
    total = 0
    for before, after in writes:
        if original and before == 0:
            total -= CLEARED
        if original and after == 0:
            total += CLEARED
        if after == original:
            total += (RESET if original else SET) - WARM
    return total
