"""Nothing without the leave of those whose it is, and the proof of those who saw it: I7, I9 and I11."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from lockstep.testing.facts import Cycle, Facts, Lock, LongStop, Mandate, Move, Order, Payment, Posting
from lockstep.testing.invariants import ledgers

__all__ = ["i7_endings_are_proven", "i9_one_outcome", "i11_owners_agreed"]

GRACE, CHALLENGE = timedelta(days=5), timedelta(days=2)
"""From the last second to pay to the proposal of a long stop, and from there to its confirmation; more than these."""


def i7_endings_are_proven(facts: Facts) -> Iterator[str]:
    """Every ending has a quorum's proof of its outcome, or two roles' acts; the journal's chain of hashes holds."""
    epochs = {epoch.number: epoch for epoch in facts.epochs}
    locks = ledgers.made(facts)
    recorded: set[str] = set()
    for move in facts.moves:
        if move.name == "Settled" and move.settlement in recorded:
            continue  # proven when it was recorded; the contract reads no second proof
        recorded |= {move.settlement} if move.name == "PaidRecorded" else set()
        epoch = next((epochs.get(lock.epoch) for lock in locks[move.settlement]), None)
        signers = _kept(facts, move, epoch.number) if move.hidden and epoch else move.signers
        valid = len(signers & epoch.agents) if epoch else 0
        if epoch is not None and valid >= epoch.quorum:
            continue
        if move.long_stop is not None:
            yield from _long_stop_faults(move, move.long_stop, locks[move.settlement])
        else:
            needed = epoch.quorum if epoch else "a quorum of"
            how = ", not provable from calldata, and kept are" if move.hidden else " on"
            yield f"settlement {move.settlement}: {move.name}{how} {valid} agents' signatures, {needed} needed"
    judged, previous = facts.journal_after
    for place, row in enumerate(facts.journal, start=judged + 1):
        content = [previous, row.number, row.at, row.kind, row.subject, sorted(row.facts.items())]
        text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
        if row.number != place:
            yield f"the journal's line {place} has number {row.number}"
        if row.hash != hashlib.sha256(text.encode()).hexdigest():
            yield f"the journal's line {place} does not have the hash of its content and of the line before"
        previous = row.hash


def _kept(facts: Facts, move: Move, epoch: int) -> frozenset[str]:
    """Whose signatures over a move's outcome are kept elsewhere than in its call: on boards, in registers."""
    outcome = "NEVER" if move.name == "GivenBack" else "PAID"
    wanted = (move.settlement, outcome, epoch)
    return frozenset(one.agent for one in facts.votes if (one.settlement, one.outcome, one.epoch) == wanted)


def _long_stop_faults(move: Move, stop: LongStop, locks: Sequence[Lock | Cycle]) -> Iterator[str]:
    """Two roles, one after the other, each in its time: never a clock alone, and never one of the two."""
    where = f"settlement {move.settlement}: {move.name} by long stop"
    if move.name != "GivenBack":
        yield f"{where}, which only ever gives back"
    for word, caller, role in (
        ("proposed", stop.proposed_by, stop.officer),
        ("confirmed", stop.confirmed_by, stop.confirmer),
    ):
        if caller is None:
            yield f"{where}: who {word} it is not provable from calldata"
        elif caller != role:
            yield f"{where} was {word} by {caller}, not by {role}"
    if stop.proposed_by is not None and stop.proposed_by == stop.confirmed_by:
        yield f"{where}: one hand, {stop.proposed_by}, did both"
    if stop.proposed_in != stop.confirmed_in:
        yield f"{where} was proposed in epoch {stop.proposed_in} and confirmed in {stop.confirmed_in}"
    for lock in locks:
        if stop.proposed_at <= lock.pay_by + GRACE:
            yield f"{where} was proposed at {stop.proposed_at.isoformat()}, within the grace after the time to pay"
    if move.at <= stop.proposed_at + CHALLENGE:
        yield f"{where} was confirmed at {move.at.isoformat()}, within the challenge"


def i9_one_outcome(facts: Facts) -> Iterator[str]:
    """At most one outcome per settlement reaches the quorum, and it is the RTGS's; never means no debit."""
    debits = ledgers.debits(facts)
    for settlement in sorted(facts.tombstones):
        if debits[settlement]:
            yield f"settlement {settlement} was never to be paid and its payment is booked"
    signed: defaultdict[tuple[str, str, int], set[str]] = defaultdict(set)
    for vote in facts.votes:
        signed[vote.settlement, vote.outcome, vote.epoch].add(vote.agent)
    epochs = {epoch.number: epoch for epoch in facts.epochs}
    reached: defaultdict[str, set[str]] = defaultdict(set)
    for (settlement, outcome, number), agents in signed.items():
        epoch = epochs.get(number)
        if epoch is not None and len(agents & epoch.agents) >= epoch.quorum:
            reached[settlement].add(outcome)
    for settlement, outcomes in reached.items():
        if len(outcomes) > 1:
            yield f"settlement {settlement} has a quorum's signatures for {' and '.join(sorted(outcomes))}"
        if "PAID" in outcomes and not debits[settlement]:
            yield f"settlement {settlement}: a quorum signed PAID, and no payment is booked"
        if "NEVER" in outcomes and settlement not in facts.tombstones:
            yield f"settlement {settlement}: a quorum signed NEVER, and nothing bars a later debit"


def i11_owners_agreed(facts: Facts) -> Iterator[str]:
    """No holding is locked and no account debited without its owner's leave for those exact terms."""
    for lock in facts.locks:
        if lock.derived != lock.settlement:
            yield f"settlement {lock.settlement} was locked under an id that is not its order's, {lock.derived}"
        if lock.hidden:
            yield f"settlement {lock.settlement} was locked: seller's and buyer's consent not provable from calldata"
            continue
        for role, wallet, signed in (
            ("seller", lock.seller, lock.seller_signed),
            ("buyer", lock.buyer, lock.buyer_signed),
        ):
            if not signed:
                yield f"settlement {lock.settlement} was locked without the {role}'s signature, wallet {wallet}"
    for cycle in facts.cycles:
        yield from _parties_agreed(cycle)
    for one in facts.cancellations:
        if one.hidden:
            yield f"settlement {one.settlement} was cancelled by {one.by}: consent not provable from calldata"
        elif not one.seller_agreed:
            yield f"settlement {one.settlement} was cancelled by {one.by} without the seller's consent"
    technical = {account.number for account in facts.accounts if account.technical}
    payments, orders = ledgers.booked_payments(facts), {order.uetr: order for order in facts.orders}
    mandates, owners = {one.number: one for one in facts.mandates}, {one.number: one.owner for one in facts.accounts}
    for posting in facts.postings:
        if posting.debit in technical:
            continue
        of_it: list[Payment | Order] = [*payments[posting.settlement]] if posting.settlement else []
        of_it += [orders[posting.order]] if posting.order in orders else []
        given = [(mandates[one.mandate], one) for one in of_it if one.mandate in mandates]
        by_owner = any(one.instructing == owners.get(posting.debit) for one in of_it)
        if not by_owner and not any(_covers(mandate, posting, one) for mandate, one in given):
            yield f"posting {posting.number} debits account {posting.debit} without a mandate that covers it"


def _parties_agreed(cycle: Cycle) -> Iterator[str]:
    """Each party signed its own trades, and gives no more and gets no less than it signed."""
    where, net = f"settlement {cycle.settlement} was locked net", ledgers.net(cycle)
    if cycle.derived != cycle.settlement:
        yield f"{where} under an id that is not its cycle's, {cycle.derived}"
    if not cycle.legs:
        yield f"{where} and its trades cannot be read"
    if cycle.hidden:
        yield f"{where}: its parties' consent is not provable from calldata"
        return
    for party in cycle.parties:
        if not party.signed:
            yield f"{where} without the signature of {party.wallet} over its trades and limits"
        for token, least in party.least.items():
            if net[token, party.wallet] < least:
                yield f"{where}: {party.wallet} ends with {net[token, party.wallet]} of token {token}, {least} signed"
    for wallet in sorted({side for leg in cycle.legs for side in (leg.seller, leg.buyer)}):
        if wallet not in {party.wallet for party in cycle.parties}:
            yield f"{where}: {wallet} trades in it and is no party of it"


def _covers(mandate: Mandate, posting: Posting, payment: Payment | Order) -> bool:
    return (
        mandate.account == posting.debit
        and mandate.currency == posting.currency
        and mandate.maximum >= posting.amount
        and mandate.payee in (None, posting.credit)
        and mandate.instructing in (None, payment.instructing)
        and mandate.until >= payment.settlement_date
        and mandate.given_at <= posting.booked_at
    )
