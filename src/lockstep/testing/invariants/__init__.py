"""The protocol's invariants I1 to I12 as code, judged over what both ledgers say.

`check(facts)` names every violation in plain words. One function for each invariant, in the module of its like; what
they share is `ledgers`.

It is an oracle: it imports nothing of Lockstep but the form of the facts, and asks nobody.
"""

from collections.abc import Callable, Iterator, Mapping

from lockstep.testing.facts import Facts
from lockstep.testing.invariants.claims import i6_claims_follow_the_ledgers, states_of
from lockstep.testing.invariants.consent import i7_endings_are_proven, i9_one_outcome, i11_owners_agreed
from lockstep.testing.invariants.ends import i4_ends_once, i12_everything_ends
from lockstep.testing.invariants.exchange import (
    i1_delivered_only_when_paid,
    i2_paid_only_when_locked,
    i8_paid_is_delivered,
)
from lockstep.testing.invariants.sums import i3_units_add_up, i5_money_is_conserved, i10_locks_equal_earmarks

__all__ = ["INVARIANTS", "check", "states_of"]

INVARIANTS: Mapping[str, Callable[[Facts], Iterator[str]]] = {
    "I1": i1_delivered_only_when_paid,
    "I2": i2_paid_only_when_locked,
    "I3": i3_units_add_up,
    "I4": i4_ends_once,
    "I5": i5_money_is_conserved,
    "I6": i6_claims_follow_the_ledgers,
    "I7": i7_endings_are_proven,
    "I8": i8_paid_is_delivered,
    "I9": i9_one_outcome,
    "I10": i10_locks_equal_earmarks,
    "I11": i11_owners_agreed,
    "I12": i12_everything_ends,
}


def check(facts: Facts) -> dict[str, list[str]]:
    """The violations of each invariant, in plain words; all twelve keys are always there."""
    return {name: list(judge(facts)) for name, judge in INVARIANTS.items()}
