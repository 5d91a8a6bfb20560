"""All planted bugs, and who wrote which: the other half is by somebody who had not read the oracle."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from simulation import planted_cash, planted_contracts, planted_service
from simulation.planting import Planted

__all__ = ["BLIND", "HOLES", "PLANTED", "every", "found"]

PLANTED: Sequence[Planted] = (*planted_service.PLANTED, *planted_cash.PLANTED, *planted_contracts.PLANTED)


def _blind() -> Sequence[Planted]:
    if find_spec("simulation.planted_blind") is None:
        return ()
    from simulation import planted_blind

    return tuple(planted_blind.PLANTED)


BLIND: Sequence[Planted] = _blind()


def every() -> Mapping[str, Planted]:
    """By name."""
    found = {one.name: one for one in (*PLANTED, *BLIND)}
    assert len(found) == len(PLANTED) + len(BLIND), "two planted bugs have one name"
    return found


_RARE = "no seed of those run so far shows it, of those that have the fault it needs: "
_UNRUN = "a handful of seeds run since the schedule was made denser; the rest are to be run"
HOLES: Mapping[str, str] = {
    "cancel a signed order": "not within 60 seeds; presumably guarded: who cancels asks the chain for a lock first",
    "any payment will do": "shown by seed 66 before the schedule was made denser; not within 60 seeds since",
    "any-amount-is-released": _UNRUN,
    "reorganisation unseen": _UNRUN,
    "reader-trusts-the-height": _UNRUN,
    "count blocks unread": _UNRUN,
    "intents in memory": _UNRUN,
    "never asks": "presumably guarded: what is not answered is sent again, and the day's statement tells it",
    "asks-once": "as `never asks`",
    "advance the checkpoint early": _UNRUN,
    "refused is cancelled": "shown by seed 23 before the schedule was made denser",
    "forget the lease fence": _UNRUN,
    "late-worker-writes": "presumably guarded by the version of each stored trade",
    "lost-update": "presumably guarded by the lease; the door, which has none, does not run while a worker is held up",
    "chain-not-asked-before-a-new-order": "presumably guarded by the agents, who release one open lock per trade",
    "chain-not-asked-before-cancelling": _UNRUN,
    "trade-twice": "presumably guarded by the service, which asks the chain for a lock before it writes an order",
    "off by one at payBy": "presumably guarded by the RTGS's own table, and one second wide: "
    + _RARE
    + "cut-off, in 45 seeds",
    "pay-by-exclusive": "one second wide: a payment must be booked in the very second of `payBy`",
    "sign both outcomes": _RARE + "line-contradict, in 45 seeds",
    "signs-twice": "presumably guarded by the agent, who stops where the mail tells two stories",
    "last-word-wins": _RARE + "line-contradict, in 45 seeds",
    "half-told-is-paid": "presumably guarded: the missing message says the same; only a contradiction shows it",
    "settle without proof": _RARE + "operator-stolen, in 120 seeds before the schedule was denser",
    "earmark what is owned": "not run: the compiler takes a minute",
    "reuse a nonce": "not run: the compiler takes a minute",
    "released-before-final": "presumably guarded by the service, which asks for the payment of a final lock only",
    "mined-for-ever": _UNRUN,
    "nonce-from-own-records": "presumably guarded by `DvP`: the order lapses, and the next has another nonce",
    "stale-by-own-clock": _UNRUN,
    "one-cancels-for-both": "no invariant: who may cancel a trade before payment leaves no trace in the ledgers",
    "receivers-amount-settles": "no invariant: both sides instructed an amount within the tolerance of each other",
    "references-not-compared": "the trades that participants make name no reference of the other side's",
    "breaks-on-the-creditors-account": "no invariant: a false alarm in the journal harms nobody",
    "doubled-is-refused": "no invariant: it tells a participant the wrong thing",
    "one-confirmation-for-both": "no invariant: messages to participants are not judged",
    "delivered-before-it-is": "no invariant: messages to participants are not judged",
    "cents-by-float": "presumably the amounts of the simulated market are too small for a float to be wrong: 45 seeds",
    "long-stop-forgets-the-cash": _UNRUN,
    "epoch-cached": _UNRUN,
    "last-file-counts": _UNRUN,
    "refused-is-forgotten": _UNRUN,
    "speaks-before-reconciling": _UNRUN,
    "ended-is-not-asked": _UNRUN,
    "mail-page-begins-late": "presumably no page of mail in a run is full: 200 messages",
}
"""Bugs that are not found within so many seeds as are run, and why."""


def found() -> Mapping[str, Planted]:
    """Those that must be found, by name."""
    return {name: one for name, one in every().items() if name not in HOLES}
