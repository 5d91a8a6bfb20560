"""All planted bugs, and who wrote which: the other half is by somebody who had not read the oracle."""

from collections.abc import Mapping, Sequence

from simulation import planted_blind, planted_cash, planted_contracts, planted_service
from simulation.planting import Planted

__all__ = ["BLIND", "HOLES", "PLANTED", "every", "found"]

PLANTED: Sequence[Planted] = (*planted_service.PLANTED, *planted_cash.PLANTED, *planted_contracts.PLANTED)


BLIND: Sequence[Planted] = planted_blind.PLANTED


def every() -> Mapping[str, Planted]:
    """By name."""
    found = {one.name: one for one in (*PLANTED, *BLIND)}
    assert len(found) == len(PLANTED) + len(BLIND), "two planted bugs have one name"
    return found


HOLES: Mapping[str, str] = {
    "chain of one": "needs two lines of one commit with another commit after them; 42 seeds run",
    "refused is cancelled": "presumably guarded: the payment's own end is told as well, and the two are a contradiction; 12 seeds run",
    "stale-by-own-clock": "weakly tried: the reserved nonce and the question to the chain guard all but a lock that is in no block yet; 12 seeds run",
    "chain-not-asked-before-cancelling": "weakly tried: records lost after a lock, and both requests, or the end of the day, before the next order; 12 seeds run",
    "last-word-wins": "presumably guarded: one party at most is told two things, and a notice that comes later contradicts all the same; 12 seeds run",
    "half-told-is-paid": "weakly tried: of the two messages the later is seldom lost for an agent that signs meanwhile; 12 seeds run",
    "breaks-on-the-creditors-account": "weakly tried: the service asks for a statement only of what is half told, and then misses nothing; 42 seeds run",
    "asks-once": "presumably guarded: the day's end, five askers and a line that heals; 12 seeds run",
    "long-stop-forgets-the-cash": "weakly tried: the long stop must come through while a payment is held; 12 seeds run",
    "mined-for-ever": "presumably guarded: the sender is asked no more once the head shows the step; a stale node opens the window; 12 seeds run",
    "nonce-from-own-records": "presumably guarded by `DvP`: the order lapses, and the next has another nonce; 12 seeds run",
    "last-file-counts": "presumably guarded: agents publish again until the chain shows the end; 12 seeds run",
    "released-before-final": "presumably guarded by the service, which asks for the payment of a final lock only; its thief must pay, to the byte, for a lock at the head; 12 seeds run",
    "refused-is-forgotten": "presumably guarded: any new mail puts a settlement back on the list; 12 seeds run",
    "signs-twice": "presumably guarded by the mirror's contradiction, and by the signature log at a start; 12 seeds run",
    "trade-twice": "presumably guarded by the service, which asks the chain for a lock before it writes an order; 15 seeds run",
    "ended-is-not-asked": "presumably guarded by the table of endings, which has one ending per settlement; 12 seeds run",
}
"""Bugs that are not found within `MOST_SEEDS`, and why; how many of them were run, which have the fault that it needs."""


def found() -> Mapping[str, Planted]:
    """Those that must be found, by name."""
    return {name: one for name, one in every().items() if name not in HOLES}
