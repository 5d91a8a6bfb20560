"""What the service shows follows from the ledgers: I6."""

from collections.abc import Iterator, Mapping

from lockstep.testing.facts import Facts
from lockstep.testing.invariants import ledgers

__all__ = ["i6_claims_follow_the_ledgers", "states_of"]


def i6_claims_follow_the_ledgers(facts: Facts) -> Iterator[str]:
    """The service holds no truth of its own: what it shows follows from the two ledgers alone.

    While work goes on it may show what was, never what is not yet, nor what is not yet final; once all has ended, what
    is. What a reorganisation beyond the depth took it may go on showing: it must not act on, and by the end people were
    told. A trade never leaves its end, so of one that had ended they are told of the loss itself.
    """
    newest = {lock.trade: lock.settlement for lock in facts.locks}
    for key, claim in facts.claims.items():
        settlement = newest.get(key, key)
        states = allowed = states_of(facts, settlement)
        undone = facts.undone.get(settlement)
        ended_and_told = claim in _ENDS and settlement in facts.losses
        if undone is not None and (not facts.ended or ended_and_told or ledgers.told(facts, undone.made)):
            allowed = states | undone.states  # it stopped where it was
        if not facts.ended:
            allowed = allowed.union(*(_EARLIER[state] for state in allowed))
        if claim not in allowed:
            yield f"{key}: the service says {claim}, the ledgers say {' or '.join(sorted(states))}"


_ENDS = frozenset({"SETTLED", "RELEASED"})
_EARLIER: Mapping[str, frozenset[str]] = {
    "MATCHED": frozenset(),
    "CANCELLED": frozenset({"MATCHED"}),
    "LOCKED": frozenset({"MATCHED"}),
    "EARMARKED": frozenset({"MATCHED", "LOCKED"}),
    "PAID": frozenset({"MATCHED", "LOCKED", "EARMARKED"}),
    "SETTLED": frozenset({"MATCHED", "LOCKED", "EARMARKED", "PAID"}),
    "RELEASED": frozenset({"MATCHED", "LOCKED", "EARMARKED"}),
}


def states_of(facts: Facts, settlement: str) -> frozenset[str]:
    """What the two ledgers make of a settlement; where a state leaves no trace in them, each that may be.

    Of the chain only what is final counts, as far as that is known.
    """
    names = {
        move.name
        for move in facts.moves
        if move.settlement == settlement and (settlement, move.name) not in facts.fresh
    }
    payments = {payment.state for payment in facts.payments if payment.settlement == settlement}
    if "Settled" in names:
        return frozenset({"SETTLED"})
    if "GivenBack" in names:
        return frozenset({"RELEASED"})
    if "PaidRecorded" in names or "BOOKED" in payments:
        return frozenset({"PAID"})
    made = any(one.settlement == settlement for one in ledgers.all_made(facts))
    if (settlement, "Locked") in facts.fresh or not made:
        return frozenset({"MATCHED", "CANCELLED"})
    if "HELD" in payments:
        return frozenset({"EARMARKED"})
    refused = settlement in facts.tombstones and payments
    return frozenset({"LOCKED", "EARMARKED"}) if refused else frozenset({"LOCKED"})
