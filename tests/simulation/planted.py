"""All planted bugs, and who wrote which: the other half is by somebody who had not read the oracle."""

from collections.abc import Mapping, Sequence

from simulation import (
    planted_batch,
    planted_blind,
    planted_cash,
    planted_collateral,
    planted_contracts,
    planted_service,
)
from simulation.planting import Planted

__all__ = ["BLIND", "HOLES", "PLANTED", "every", "found"]

PLANTED: Sequence[Planted] = (
    *planted_service.PLANTED,
    *planted_batch.PLANTED,
    *planted_cash.PLANTED,
    *planted_contracts.PLANTED,
    *planted_collateral.PLANTED,
)


BLIND: Sequence[Planted] = planted_blind.PLANTED


def every() -> Mapping[str, Planted]:
    """By name."""
    found = {one.name: one for one in (*PLANTED, *BLIND)}
    assert len(found) == len(PLANTED) + len(BLIND), "two planted bugs have one name"
    return found


HOLES: Mapping[str, str] = {
    "errors first": (
        "harmless as far as seen: who is told another's error looks at both ledgers again before it does anything, "
        "and so does who is not told its own; 30 seeds run"
    ),
    "skipped is done": (
        "harmless for a lock: the order lapses, and another takes its place; a delivery is skipped where somebody "
        "else has ended the settlement, which the chain shows; 20 seeds run"
    ),
    "store the rest": (
        "harmless as far as seen: the messages that are told too early have ids that derive from the trade, and the "
        "next pass, which reads the trade anew, comes to the same; 30 seeds run"
    ),
    "claim under a fence": (
        "guarded by the fence of each claim, which refuses what the first of two writes (`claim what is claimed` is "
        "the same without it); 11 seeds run"
    ),
    "first page is all": (
        "weakly tried: mail with a statement in it, and a crash between two of its pages; and the service asks the "
        "RTGS for what it was not told; 30 seeds run"
    ),
    "refused is cancelled": (
        "presumably guarded: the booking that is told as well contradicts it, and the trade stops with its "
        "`BREAK`; 47 seeds run"
    ),
    "stale-by-own-clock": (
        "weakly tried: the reserved nonce and the question to the chain guard all but a lock that is in no "
        "block yet; 72 seeds run"
    ),
    "chain-not-asked-before-cancelling": (
        "weakly tried: records lost after a lock, and both requests, or the end of the day, before the next "
        "order; 42 seeds run"
    ),
    "long-stop-forgets-the-cash": (
        "weakly tried: the long stop must come through while a payment is held; 20 seeds run"
    ),
    "nonce-from-own-records": (
        "presumably guarded by `DvP`: the order lapses, and the next has another nonce; 20 seeds run"
    ),
    "last-file-counts": ("presumably guarded: agents publish again until the chain shows the end; 20 seeds run"),
    "off by one at payBy": (
        "weakly tried: the last release must come in the one second after `payBy`; `expiry-by-tick-only`, the same "
        "mistake with more time, is found; 75 seeds run"
    ),
    "chain-not-asked-before-a-new-order": (
        "presumably guarded by what the service hears again of the RTGS, and by the agents, who release one open lock "
        "per trade; 75 seeds run"
    ),
    "refused-is-forgotten": (
        "presumably guarded: mail that comes later puts the settlement on the list again, and the quorum needs three "
        "agents of four; 80 seeds run"
    ),
    "signs-twice": (
        "presumably guarded by the mirror's contradiction, and by the signature log at a start; 30 seeds run"
    ),
    "trade-twice": (
        "presumably guarded by the service, which asks the chain for a lock before it writes an order; 15 seeds run"
    ),
}
"""Bugs that are not found within `MOST_SEEDS`, and why; how many were run: those that have the fault that it needs."""


def found() -> Mapping[str, Planted]:
    """Those that must be found, by name."""
    return {name: one for name, one in every().items() if name not in HOLES}
