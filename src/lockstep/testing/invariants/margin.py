"""Margin in cash: behind a payment stands no lock, but an agreement of the collateral register, which counts it."""

from collections import Counter
from collections.abc import Iterator

from lockstep.testing.facts import Facts
from lockstep.testing.facts_collateral import Margin
from lockstep.testing.invariants import ledgers

__all__ = ["booked_as_named", "counted_only_when_booked", "counted_or_told", "once", "settlements"]


def settlements(facts: Facts) -> frozenset[str]:
    """The ids under which margin is paid."""
    return frozenset(one.settlement for one in facts.margin)


def counted_only_when_booked(facts: Facts) -> Iterator[str]:
    """The register counts no payment that is not final in the RTGS, and none as more or less than it is (I1)."""
    debits = ledgers.debits(facts)
    for one in facts.counted:
        of_call = [paid for paid in facts.margin if (paid.agreement, paid.call) == (one.agreement, one.call)]
        booked = [posting for paid in of_call if paid.amount == one.amount for posting in debits[paid.settlement]]
        if one.call in facts.sold:  # what a sale fetched counts under its settlement's own id
            booked = [posting for posting in debits[one.call] if posting.amount == one.amount]
        where = f"call {one.call} of agreement {one.agreement}"
        if not booked:
            yield f"{where} counts as {one.amount}, and no such payment is booked"
        elif min(posting.booked_at for posting in booked).replace(microsecond=0) > one.at + facts.skew:
            yield f"{where} was counted at {one.at.isoformat()}, before its payment was booked"


def booked_as_named(facts: Facts) -> Iterator[str]:
    """Margin is booked on a quorum's releases, in time, and as the amount that its id names (I2)."""
    debits, quorum = ledgers.debits(facts), min((epoch.quorum for epoch in facts.epochs), default=1)
    for one in facts.margin:
        for posting in debits[one.settlement]:
            where = f"the margin payment {one.settlement}"
            released = ledgers.released(facts, one.settlement, posting.booked_at)
            if len(released) < quorum:
                yield f"{where} was booked on {len(released)} agents' releases, {quorum} needed"
            if posting.booked_at > one.pay_by:
                yield f"{where} was booked at {posting.booked_at.isoformat()}, after {one.pay_by.isoformat()}"
            if posting.amount != abs(one.amount):
                yield f"{where} was booked as {posting.amount}, its id names {abs(one.amount)}"


def once(facts: Facts) -> Iterator[str]:
    """No call is paid twice, or counted twice (I4)."""
    debits = ledgers.debits(facts)
    paid = Counter((one.agreement, one.call) for one in facts.margin for _ in debits[one.settlement])
    counted = Counter((one.agreement, one.call) for one in facts.counted)
    for word, times in (("paid", paid), ("counted", counted)):
        for (agreement, call), count in times.items():
            if count > 1:
                yield f"call {call} of agreement {agreement} was {word} {count} times"


def counted_or_told(facts: Facts) -> Iterator[str]:
    """In the end what was booked counts (I12)."""
    counted = {(one.agreement, one.call) for one in facts.counted}
    for one in facts.margin:
        if _is_booked(facts, one) and (one.agreement, one.call) not in counted:
            yield f"the margin payment {one.settlement} is booked, and the register does not count it"


def _is_booked(facts: Facts, one: Margin) -> bool:
    return bool(ledgers.debits(facts)[one.settlement])
