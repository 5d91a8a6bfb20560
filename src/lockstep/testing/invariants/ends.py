"""Everything ends, and once: I4 and I12."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from lockstep.testing.facts import Facts, Leg
from lockstep.testing.invariants import ledgers, margin

__all__ = ["i4_ends_once", "i12_everything_ends"]


def i4_ends_once(facts: Facts) -> Iterator[str]:
    """A settlement ends exactly once; no trade and no instruction is settled or paid twice, no nonce used twice."""
    locks = ledgers.made(facts)
    endings = Counter(move.settlement for move in facts.moves if move.name in ("Settled", "GivenBack"))
    for settlement, times in endings.items():
        if times > 1:
            yield f"settlement {settlement} ended {times} times"
        if not locks[settlement]:
            yield f"settlement {settlement} ended and was never locked"
    for settlement, made in locks.items():
        if len(made) > 1:
            yield f"settlement {settlement} was locked {len(made)} times"
    for (seller, nonce), times in Counter((lock.seller, lock.nonce) for lock in facts.locks).items():
        if times > 1:
            yield f"nonce {nonce} of seller {seller} was locked {times} times"
    yield from _parts_add_up(facts)
    for one in facts.cancellations:
        if locks[one.settlement]:
            yield f"settlement {one.settlement} was cancelled and locked"
    yield from _legs_twice(facts)
    yield from margin.once(facts)
    settled = _trades(facts, [move.settlement for move in facts.moves if move.name == "Settled"])
    paid = _trades(facts, [one.settlement for one in facts.postings if one.settlement])
    for word, counted in (("settled", settled), ("paid", paid)):
        for trade, times in counted.items():
            if trade is not None and times > 1:
                yield f"trade {trade} was {word} {times} times"
        trades: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for trade, instructions in facts.instructions.items():
            for instruction in set(instructions) if counted[trade] else ():
                trades[instruction].append(trade)
        for (owner, reference), of_it in trades.items():
            if len(of_it) > 1:
                yield f"instruction {reference} of {owner} was {word} under {len(of_it)} trades: {', '.join(of_it)}"


def _legs_twice(facts: Facts) -> Iterator[str]:
    """The same trade, its salted terms included, delivered by two cycles or twice by one."""
    cycles = ledgers.cycles(facts)
    delivered = [cycle for move in facts.moves if move.name == "Settled" for cycle in cycles[move.settlement][:1]]
    times: Counter[Leg] = Counter(leg for cycle in delivered for leg in cycle.legs)
    for leg, count in times.items():
        if count > 1:
            yield f"the trade with terms {leg.terms_hash}, {leg.seller} to {leg.buyer}, was settled {count} times net"


def _parts_add_up(facts: Facts) -> Iterator[str]:
    """All parts of an order that were ever locked stay within its quantity."""
    parts: defaultdict[tuple[str, int], int] = defaultdict(int)
    for lock in facts.locks:
        if lock.of_order is not None:
            parts[lock.of_order, lock.order_quantity] += lock.quantity
    for (order, quantity), locked in parts.items():
        if locked > quantity:
            yield f"order {order} moves {quantity} units, and {locked} of it were locked in parts"


def _trades(facts: Facts, settlements: Iterable[str]) -> Counter[str | None]:
    """How often each trade stands behind these settlements: the parts of one order count once."""
    lock_of = {lock.settlement: lock for lock in facts.locks}
    counted: Counter[str | None] = Counter()
    orders: set[str] = set()
    for settlement in settlements:
        lock = lock_of.get(settlement)
        if lock is not None and lock.of_order is not None:
            if lock.of_order in orders:
                continue
            orders.add(lock.of_order)
        counted[lock.trade if lock is not None else None] += 1
    return counted


def i12_everything_ends(facts: Facts) -> Iterator[str]:
    """With faults off, everything ends: no unit and no cent stays set aside.

    But for a settlement of which a reorganisation beyond the depth took the lock or the ending: it waits for the people
    who were told.
    """
    if not facts.ended:
        return
    yield from margin.counted_or_told(facts)
    told = {key for key, undone in facts.undone.items() if ledgers.told(facts, undone.made)}
    for lock in ledgers.not_ended(facts, facts.locks):
        if lock.settlement not in told:
            yield f"settlement {lock.settlement} is still locked: {lock.quantity} units of {lock.seller}"
    for cycle in ledgers.not_ended(facts, facts.cycles):
        if cycle.settlement not in told:
            yield f"settlement {cycle.settlement} is still locked: a cycle of {len(cycle.legs)} trades"
    for cycle, left in ledgers.still_earmarked(facts):
        for token in sorted(left) if cycle.apart is not None else ():
            yield f"settlement {cycle.settlement} ended, and its units of token {token} did not"
    debits, made = ledgers.debits(facts), ledgers.made(facts)
    for settlement in sorted(facts.undone.keys() - told - facts.losses):
        if debits[settlement] and not made[settlement]:
            yield f"settlement {settlement} is paid, a reorganisation took its lock, and nobody was told"
    for payment in facts.payments:
        if payment.state in ("HELD", "PENDING"):
            yield f"payment {payment.uetr} for settlement {payment.settlement} is still {payment.state}"
    for order in facts.orders:
        if order.state in ("HELD", "PENDING"):
            yield f"payment {order.uetr} is still {order.state}"
    for account in facts.accounts:
        if account.earmarked:
            yield f"account {account.number}: {account.earmarked} are still set aside"
