"""Units against cash: I1, I2 and I8."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

from lockstep.testing.facts import Cycle, Facts, Lock, Move, Payment
from lockstep.testing.invariants import ledgers, margin

__all__ = ["i1_delivered_only_when_paid", "i2_paid_only_when_locked", "i8_paid_is_delivered"]


def i1_delivered_only_when_paid(facts: Facts) -> Iterator[str]:
    """No unit is delivered unless its payment is final in the RTGS."""
    debits, locks, cycles = ledgers.debits(facts), ledgers.locks(facts), ledgers.cycles(facts)
    delivered, moved = ledgers.deliveries(facts, "Settled"), ledgers.arrivals(facts)
    for move in facts.moves:
        if move.name == "Settled":
            booked = debits[move.settlement]
            last = max((one.booked_at for one in booked), default=None)
            if last is None or (len(booked) != 1 and not cycles[move.settlement]):
                yield f"settlement {move.settlement} was delivered and has {len(booked)} booked payments, not one"
            elif _whole_second(last) > move.at + facts.skew:
                yield (
                    f"settlement {move.settlement} was delivered at {move.at.isoformat()}, "
                    f"before its payment was booked at {last.isoformat()}"
                )
        for lock in locks[move.settlement] if move.name == "GivenBack" else ():
            key = (move.transaction, lock.token, lock.seller, lock.buyer, lock.quantity)
            if moved[key] > delivered[key]:
                yield f"settlement {move.settlement} was given back, yet its units went to the buyer"
        for cycle in cycles[move.settlement] if move.name == "GivenBack" else ():
            yield from _given_back_and_taken(facts, move, cycle)
    yield from margin.counted_only_when_booked(facts)


def _given_back_and_taken(facts: Facts, move: Move, cycle: Cycle) -> Iterator[str]:
    """Units of a cycle's net givers that went to its takers all the same, beyond what else was delivered there."""
    net, (owed, _), owners = ledgers.net(cycle), ledgers.owed(facts), ledgers.owners(facts)
    for (token, giver), units in net.items():
        gone = sum(
            one.units
            for one, arrived_for in zip(facts.transfers, owners, strict=True)
            if (one.transaction, one.token, one.source) == (ledgers.ended_in(cycle, move, token), token, giver)
            and any(net[token, owner] > 0 for owner in arrived_for)
        )
        if units < 0 and gone > owed[ledgers.ended_in(cycle, move, token), token, giver]:
            yield f"settlement {move.settlement} was given back, yet {gone} units of {giver} went to its takers"


def i2_paid_only_when_locked(facts: Facts) -> Iterator[str]:
    """No payment is booked unless exactly what the buyer instructed is locked, final at the chain's depth.

    Locked is a security of the market, and a quorum of agents said that they saw it. Of a lock that a reorganisation
    beyond the depth took, all of it is judged by the lock that stood.
    """
    all_made, booked, of_margin = ledgers.made(facts), ledgers.booked_payments(facts), margin.settlements(facts)
    quorums = {epoch.number: epoch.quorum for epoch in facts.epochs}
    for settlement, postings in ledgers.debits(facts).items():
        made = all_made[settlement]
        if not made and settlement in of_margin:
            continue
        if not made and settlement in facts.undone:
            made = [facts.undone[settlement].made]
        if len(made) != 1:
            yield f"the payment for settlement {settlement} is booked and it has {len(made)} locks, not one"
            continue
        (lock,) = made
        for token in sorted(ledgers.tokens(lock) - facts.supplies.keys()):
            yield f"the payment for settlement {settlement} is booked for units of {token}, no token of the market"
        for posting in postings:
            released = ledgers.released(facts, settlement, posting.booked_at)
            if lock.epoch not in quorums or len(released) < quorums[lock.epoch]:
                yield (
                    f"the payment for settlement {settlement} was booked on {len(released)} agents' releases, "
                    f"{quorums.get(lock.epoch, 'a quorum')} needed"
                )
            final = _final_since(facts, lock)
            if final is None or final > posting.booked_at + facts.skew:
                yield (
                    f"the payment for settlement {settlement} was booked at {posting.booked_at.isoformat()}, "
                    f"before its lock in block {lock.block} was {facts.finality_depth} blocks deep"
                )
            if posting.booked_at > lock.pay_by:
                yield (
                    f"the payment for settlement {settlement} was booked at {posting.booked_at.isoformat()}, "
                    f"after {lock.pay_by.isoformat()}, the last second to pay"
                )
        for payment in booked[settlement]:
            if payment.cash_hash != lock.cash_hash:
                yield f"the payment booked for settlement {settlement} is not on the cash terms that were locked"
            if isinstance(lock, Cycle):
                yield from _strangers_cash(facts, lock, payment)
                continue
            for role, wallet, bank, account in (
                ("buyer", lock.buyer, payment.debtor, payment.debtor_account),
                ("seller", facts.sold.get(settlement, lock.seller), payment.creditor, payment.creditor_account),
            ):
                if not _is_account_of(facts, wallet, bank, account):
                    yield f"settlement {settlement}: account {account} of {bank} is not the {role}'s, wallet {wallet}"
    yield from margin.booked_as_named(facts)


def _final_since(facts: Facts, lock: Lock | Cycle) -> datetime | None:
    known = (facts.block_times.get(lock.block + facts.finality_depth), facts.final_since.get(lock.settlement))
    return min((one for one in known if one is not None), default=None)


def _strangers_cash(facts: Facts, cycle: Cycle, payment: Payment) -> Iterator[str]:
    """A cycle's cash moves between accounts of its parties."""
    for bank, account in (
        (payment.debtor, payment.debtor_account),
        (payment.creditor, payment.creditor_account),
    ):
        if not any(_is_account_of(facts, party.wallet, bank, account) for party in cycle.parties):
            yield f"settlement {cycle.settlement}: account {account} of {bank} is no party's of the cycle"


def _is_account_of(facts: Facts, wallet: str, bank: str, account: str) -> bool:
    member = facts.members.get(wallet)
    return member is not None and member.bank == bank and account in member.accounts


def i8_paid_is_delivered(facts: Facts) -> Iterator[str]:
    """Once paid, units never return to the seller: they go to the buyer, or to its heir once its wallet was recovered,
    and nothing else happens."""
    debits, locks = ledgers.debits(facts), ledgers.made(facts)
    paid = set[str]()
    for move in facts.moves:
        if move.name == "GivenBack" and debits[move.settlement]:
            yield f"settlement {move.settlement} was given back and its payment is booked"
        if move.settlement in paid and move.name != "Settled":
            yield f"settlement {move.settlement}: {move.name} after PaidRecorded"
        if move.name == "PaidRecorded":
            paid.add(move.settlement)
        if move.name == "Settled" and not locks[move.settlement]:
            yield f"settlement {move.settlement} was delivered and no lock says to whom"
    moved = ledgers.arrivals(facts)
    for key, times in ledgers.deliveries(facts, "Settled").items():
        transaction, token, seller, buyer, units = key
        if token in facts.supplies and moved[key] < times:
            yield f"transaction {transaction} settled, and {units} of token {token} did not go from {seller} to {buyer}"
    for move in facts.moves:
        for token in ledgers.foreign(facts, locks[move.settlement]) if move.name == "Settled" else ():
            yield f"settlement {move.settlement} delivered units of {token}, whose transfers nobody audits"
    yield from _nets_not_delivered(facts)


def _nets_not_delivered(facts: Facts) -> Iterator[str]:
    """Of a cycle that settled each net giver's units left it, and each net taker's came. Who passed on to whom is the
    token's choice."""
    cycles, owed = ledgers.cycles(facts), ledgers.owed(facts)
    moved: tuple[Counter[ledgers.Place], Counter[ledgers.Place]] = (Counter(), Counter())
    for one, arrived_for in zip(facts.transfers, ledgers.owners(facts), strict=True):
        if one.source is not None:
            moved[0][one.transaction, one.token, one.source] += one.units
        for owner in arrived_for:
            moved[1][one.transaction, one.token, owner] += one.units
    for move in facts.moves:
        for cycle in cycles[move.settlement][:1] if move.name == "Settled" else ():
            for (token, holder), units in ledgers.net(cycle).items():
                side, place = int(units > 0), (ledgers.ended_in(cycle, move, token), token, holder)
                if place[0] and token in facts.supplies and units and moved[side][place] < owed[side][place]:
                    word = "reach" if side else "leave"
                    gone = f"{abs(units)} of token {token} did not {word} {holder}"
                    yield f"settlement {move.settlement} settled, and {gone}"


def _whole_second(instant: datetime) -> datetime:
    """Blocks tell whole seconds only."""
    return instant.replace(microsecond=0)
