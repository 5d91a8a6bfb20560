"""The protocol's invariants I1 to I12 as code, judged over what both ledgers say.

`check(facts)` names every violation in plain words. One function for each invariant, in order: longer
than our modules are, so that an auditor reads it in one sitting and in one place.

It is an oracle: it imports nothing of Lockstep but the form of the facts, and asks nobody.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from lockstep.testing.facts import Cycle, Facts, Leg, Lock, LongStop, Mandate, Move, Order, Payment, Posting

__all__ = ["INVARIANTS", "check", "states_of"]

GRACE, CHALLENGE = timedelta(days=5), timedelta(days=2)
"""From the last second to pay to the proposal of a long stop, and from there to its confirmation; more than these."""


def check(facts: Facts) -> dict[str, list[str]]:
    """The violations of each invariant, in plain words; all twelve keys are always there."""
    return {name: list(judge(facts)) for name, judge in INVARIANTS.items()}


# --- the invariants


def i1_delivered_only_when_paid(facts: Facts) -> Iterator[str]:
    """No unit is delivered unless its payment is final in the RTGS."""
    debits, locks, cycles = _debits(facts), _locks(facts), _cycles(facts)
    delivered, moved = _deliveries(facts, "Settled"), _arrivals(facts)
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


def _given_back_and_taken(facts: Facts, move: Move, cycle: Cycle) -> Iterator[str]:
    """Units of a cycle's net givers that went to its takers all the same, beyond what else was delivered there."""
    net, (owed, _), owners = _net(cycle), _owed(facts), _owners(facts)
    for (token, giver), units in net.items():
        gone = sum(
            one.units
            for one, arrived_for in zip(facts.transfers, owners, strict=True)
            if (one.transaction, one.token, one.source) == (_ended_in(cycle, move, token), token, giver)
            and any(net[token, owner] > 0 for owner in arrived_for)
        )
        if units < 0 and gone > owed[_ended_in(cycle, move, token), token, giver]:
            yield f"settlement {move.settlement} was given back, yet {gone} units of {giver} went to its takers"


def i2_paid_only_when_locked(facts: Facts) -> Iterator[str]:
    """No payment is booked unless exactly what the buyer instructed is locked, final at the chain's depth.

    Locked is a security of the market, and a quorum of agents said that they saw it. Of a lock that a reorganisation
    beyond the depth took, all of it is judged by the lock that stood.
    """
    all_made, booked = _made(facts), _booked_payments(facts)
    quorums = {epoch.number: epoch.quorum for epoch in facts.epochs}
    for settlement, postings in _debits(facts).items():
        made = all_made[settlement]
        if not made and settlement in facts.undone:
            made = [facts.undone[settlement].made]
        if len(made) != 1:
            yield f"the payment for settlement {settlement} is booked and it has {len(made)} locks, not one"
            continue
        (lock,) = made
        for token in sorted(_tokens(lock) - facts.supplies.keys()):
            yield f"the payment for settlement {settlement} is booked for units of {token}, no token of the market"
        for posting in postings:
            released = _released(facts, settlement, posting.booked_at)
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
                ("seller", lock.seller, payment.creditor, payment.creditor_account),
            ):
                if not _is_account_of(facts, wallet, bank, account):
                    yield f"settlement {settlement}: account {account} of {bank} is not the {role}'s, wallet {wallet}"


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


def i3_units_add_up(facts: Facts) -> Iterator[str]:
    """Earmarks are at most what is owned, free is the rest but what is frozen, and all holdings are what was issued."""
    replayed: defaultdict[tuple[str, str], int] = defaultdict(int)
    issued: Counter[str] = Counter()
    for transfer in facts.transfers:
        if transfer.target is None:
            issued[transfer.token] -= transfer.units
        else:
            replayed[transfer.token, transfer.target] += transfer.units
        if transfer.source is None:
            issued[transfer.token] += transfer.units
            continue
        replayed[transfer.token, transfer.source] -= transfer.units
        if replayed[transfer.token, transfer.source] < 0:
            yield f"{transfer.source} passed on more of token {transfer.token} than it owned"
    held: Counter[str] = Counter()
    for one in facts.holdings:
        where = f"token {one.token}, holder {one.holder}"
        held[one.token] += one.balance
        if one.earmarked > one.balance:
            yield f"{where}: {one.earmarked} units earmarked, {one.balance} owned"
        if one.free != max(0, one.balance - one.earmarked - one.frozen):
            yield (
                f"{where}: {one.free} units free, where {one.balance} are owned, {one.earmarked} earmarked "
                f"and {one.frozen} frozen"
            )
        if not 0 <= one.earmarked_by_dvp <= one.earmarked:
            yield f"{where}: {one.earmarked_by_dvp} units earmarked by DvP, {one.earmarked} by all"
        if one.balance != replayed.pop((one.token, one.holder), 0):
            yield f"{where}: {one.balance} units owned, the transfers say otherwise"
    for (token, holder), units in replayed.items():
        if units and token in facts.supplies:
            yield f"token {token}, holder {holder}: {units} units by the transfers, no holding"
    for token, supply in facts.supplies.items():
        if not supply == held[token] == issued[token]:
            yield f"token {token}: {supply} units in all, {held[token]} held, {issued[token]} issued"


def i4_ends_once(facts: Facts) -> Iterator[str]:
    """A settlement ends exactly once; no trade and no instruction is settled or paid twice, no nonce used twice."""
    locks = _made(facts)
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
    cycles = _cycles(facts)
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


def i5_money_is_conserved(facts: Facts) -> Iterator[str]:
    """Every debit has its credit, money sums to nothing, no account passes its limit."""
    accounts = {one.number: one for one in facts.accounts}
    balances: Counter[str] = Counter()
    paying = set[str]()
    for number, times in Counter(posting.number for posting in facts.postings).items():
        if times > 1:
            yield f"posting number {number} exists {times} times"
    for place, posting in enumerate(facts.postings):
        sides = [accounts.get(posting.debit), accounts.get(posting.credit)]
        if posting.amount <= 0 or posting.debit == posting.credit:
            yield f"posting {posting.number} moves {posting.amount} from {posting.debit} to {posting.credit}"
        if any(side is None or side.currency != posting.currency for side in sides):
            yield f"posting {posting.number} lacks a debited or credited account in {posting.currency}"
        balances[posting.credit] += posting.amount
        balances[posting.debit] -= posting.amount
        paying.add(posting.debit)
        following = facts.postings[place + 1 : place + 2]
        if following and following[0].booked_at == posting.booked_at:
            continue  # payments that offset each other are booked at once: which comes first there says nothing
        for account_number in sorted(paying):
            payer = accounts.get(account_number)
            least = 0 if payer is None else -payer.credit_limit
            if not (payer and payer.technical) and balances[account_number] < least:
                yield f"posting {posting.number} took account {account_number} below zero, or its limit"
        paying.clear()
    held = Counter[str]()
    for payment in facts.payments:
        if payment.state == "HELD":
            held[payment.debtor_account] += payment.amount
    for account in facts.accounts:
        if account.posted != balances[account.number]:
            yield f"account {account.number} shows {account.posted}, its postings sum to {balances[account.number]}"
        if not account.technical and account.earmarked > account.posted + account.credit_limit:
            yield f"account {account.number}: {account.earmarked} earmarked, {account.posted} there"
        if account.earmarked != held[account.number]:
            yield f"account {account.number}: {account.earmarked} earmarked, payments hold {held[account.number]}"
    for currency in sorted({account.currency for account in facts.accounts}):
        total = sum(account.posted for account in facts.accounts if account.currency == currency)
        if total:
            yield f"all accounts in {currency} sum to {total}, not to zero"
    yield from _payments_and_postings_agree(facts)


def _payments_and_postings_agree(facts: Facts) -> Iterator[str]:
    debits, booked = _debits(facts), _booked_payments(facts)
    for settlement in {**debits, **booked}:
        shown = Counter(
            (one.debtor_account, one.creditor_account, one.currency, one.amount, one.decided_at)
            for one in booked[settlement]
        )
        posted = Counter((one.debit, one.credit, one.currency, one.amount, one.booked_at) for one in debits[settlement])
        if shown != posted:
            yield f"settlement {settlement}: the payments booked and the postings made differ"


def i6_claims_follow_the_ledgers(facts: Facts) -> Iterator[str]:
    """The service holds no truth of its own: what it shows follows from the two ledgers alone.

    While work goes on it may show what was, never what is not yet, nor what is not yet final; once all has ended, what
    is. What a reorganisation beyond the depth took it may go on showing: it must not act on, and by the end people were
    told.
    """
    newest = {lock.trade: lock.settlement for lock in facts.locks}
    for key, claim in facts.claims.items():
        settlement = newest.get(key, key)
        states = allowed = states_of(facts, settlement)
        undone = facts.undone.get(settlement)
        if undone is not None and (not facts.ended or _told(facts, undone.made)):
            allowed = states | undone.states  # it stopped where it was
        if not facts.ended:
            allowed = allowed.union(*(_EARLIER[state] for state in allowed))
        if claim not in allowed:
            yield f"{key}: the service says {claim}, the ledgers say {' or '.join(sorted(states))}"


def _told(facts: Facts, made: Lock | Cycle) -> bool:
    """Whether people were told of a contradiction about what a reorganisation beyond the depth took."""
    return not facts.alarms.isdisjoint({made.settlement, made.trade if isinstance(made, Lock) else made.settlement})


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
    if (settlement, "Locked") in facts.fresh or not any(one.settlement == settlement for one in _all(facts)):
        return frozenset({"MATCHED", "CANCELLED"})
    if "HELD" in payments:
        return frozenset({"EARMARKED"})
    refused = settlement in facts.tombstones and payments
    return frozenset({"LOCKED", "EARMARKED"}) if refused else frozenset({"LOCKED"})


def i7_endings_are_proven(facts: Facts) -> Iterator[str]:
    """Every ending has a quorum's proof of its outcome, or two roles' acts; the journal's chain of hashes holds."""
    epochs = {epoch.number: epoch for epoch in facts.epochs}
    locks = _made(facts)
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


def i8_paid_is_delivered(facts: Facts) -> Iterator[str]:
    """Once paid, units never return to the seller: they go to the buyer, or to its heir once its wallet was recovered,
    and nothing else happens."""
    debits, locks = _debits(facts), _made(facts)
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
    moved = _arrivals(facts)
    for key, times in _deliveries(facts, "Settled").items():
        transaction, token, seller, buyer, units = key
        if token in facts.supplies and moved[key] < times:
            yield f"transaction {transaction} settled, and {units} of token {token} did not go from {seller} to {buyer}"
    for move in facts.moves:
        for token in _foreign(facts, locks[move.settlement]) if move.name == "Settled" else ():
            yield f"settlement {move.settlement} delivered units of {token}, whose transfers nobody audits"
    yield from _nets_not_delivered(facts)


def _nets_not_delivered(facts: Facts) -> Iterator[str]:
    """Of a cycle that settled each net giver's units left it, and each net taker's came. Who passed on to whom is the
    token's choice."""
    cycles, owed = _cycles(facts), _owed(facts)
    moved: tuple[Counter[_Place], Counter[_Place]] = (Counter(), Counter())
    for one, arrived_for in zip(facts.transfers, _owners(facts), strict=True):
        if one.source is not None:
            moved[0][one.transaction, one.token, one.source] += one.units
        for owner in arrived_for:
            moved[1][one.transaction, one.token, owner] += one.units
    for move in facts.moves:
        for cycle in cycles[move.settlement][:1] if move.name == "Settled" else ():
            for (token, holder), units in _net(cycle).items():
                side, place = int(units > 0), (_ended_in(cycle, move, token), token, holder)
                if place[0] and token in facts.supplies and units and moved[side][place] < owed[side][place]:
                    word = "reach" if side else "leave"
                    gone = f"{abs(units)} of token {token} did not {word} {holder}"
                    yield f"settlement {move.settlement} settled, and {gone}"


def i9_one_outcome(facts: Facts) -> Iterator[str]:
    """At most one outcome per settlement reaches the quorum, and it is the RTGS's; never means no debit."""
    debits = _debits(facts)
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


def i10_locks_equal_earmarks(facts: Facts) -> Iterator[str]:
    """DvP's open locks equal its earmarks, per holder and security."""
    open_units: Counter[tuple[str, str]] = Counter()
    for lock in _open(facts, facts.locks):
        open_units[lock.token, lock.seller] += lock.quantity
    for cycle, left in _unended(facts):
        for (token, holder), units in _net(cycle).items():
            open_units[token, holder] += max(0, -units) if token in left else 0
    for one in _open(facts, _all(facts)):
        for token in _foreign(facts, [one]):
            yield f"settlement {one.settlement} locks units of {token}, whose earmarks nobody audits"
    earmarked = {(held.token, held.holder): held.earmarked_by_dvp for held in facts.holdings}
    for token, holder in sorted({*open_units, *earmarked}):
        locked, marked = open_units[token, holder], earmarked.get((token, holder), 0)
        if token in facts.supplies and locked != marked:
            yield f"token {token}, holder {holder}: open locks of {locked} units, {marked} earmarked by DvP"


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
    payments, orders = _booked_payments(facts), {order.uetr: order for order in facts.orders}
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
    where, net = f"settlement {cycle.settlement} was locked net", _net(cycle)
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


def i12_everything_ends(facts: Facts) -> Iterator[str]:
    """With faults off, everything ends: no unit and no cent stays set aside.

    But for a settlement of which a reorganisation beyond the depth took the lock or the ending: it waits for the people
    who were told.
    """
    if not facts.ended:
        return
    told = {key for key, undone in facts.undone.items() if _told(facts, undone.made)}
    for lock in _open(facts, facts.locks):
        if lock.settlement not in told:
            yield f"settlement {lock.settlement} is still locked: {lock.quantity} units of {lock.seller}"
    for cycle in _open(facts, facts.cycles):
        if cycle.settlement not in told:
            yield f"settlement {cycle.settlement} is still locked: a cycle of {len(cycle.legs)} trades"
    for cycle, left in _unended(facts):
        for token in sorted(left) if cycle.apart is not None else ():
            yield f"settlement {cycle.settlement} ended, and its units of token {token} did not"
    debits, made = _debits(facts), _made(facts)
    for settlement in sorted(facts.undone.keys() - told):
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

# --- ways to look at the facts

_Place = tuple[str, str, str]
"""Transaction, token, holder."""
_Made = TypeVar("_Made", Lock, Cycle, Lock | Cycle)


def _locks(facts: Facts) -> defaultdict[str, list[Lock]]:
    found: defaultdict[str, list[Lock]] = defaultdict(list)
    for lock in facts.locks:
        found[lock.settlement].append(lock)
    return found


def _cycles(facts: Facts) -> defaultdict[str, list[Cycle]]:
    found: defaultdict[str, list[Cycle]] = defaultdict(list)
    for cycle in facts.cycles:
        found[cycle.settlement].append(cycle)
    return found


def _all(facts: Facts) -> list[Lock | Cycle]:
    return [*facts.locks, *facts.cycles]


def _made(facts: Facts) -> defaultdict[str, list[Lock | Cycle]]:
    """Whatever was locked, by settlement."""
    found: defaultdict[str, list[Lock | Cycle]] = defaultdict(list)
    for one in _all(facts):
        found[one.settlement].append(one)
    return found


def _net(cycle: Cycle) -> Counter[tuple[str, str]]:
    """Received less delivered, by token and party."""
    net: Counter[tuple[str, str]] = Counter()
    for leg in cycle.legs:
        net[leg.token, leg.seller] -= leg.quantity
        net[leg.token, leg.buyer] += leg.quantity
    return net


def _tokens(made: Lock | Cycle) -> set[str]:
    return {made.token} if isinstance(made, Lock) else {leg.token for leg in made.legs}


def _owed(facts: Facts) -> tuple[Counter[_Place], Counter[_Place]]:
    """What all settlements that one transaction delivers take from holders, and what they bring them."""
    taken: Counter[_Place] = Counter()
    brought: Counter[_Place] = Counter()
    for (transaction, token, seller, buyer, units), times in _deliveries(facts, "Settled").items():
        taken[transaction, token, str(seller)] += units * times
        brought[transaction, token, buyer] += units * times
    cycles = _cycles(facts)
    for move in facts.moves:
        for cycle in cycles[move.settlement][:1] if move.name == "Settled" else ():
            for (token, holder), units in _net(cycle).items():
                (taken if units < 0 else brought)[_ended_in(cycle, move, token), token, holder] += abs(units)
    return taken, brought


def _owners(facts: Facts) -> list[frozenset[str]]:
    """For each transfer the wallets that it arrived for: its target, or those lost wallets whose heir that is."""
    found: list[frozenset[str]] = []
    for place, one in enumerate(facts.transfers):
        successors = {step.wallet: step.successor for step in facts.successions if step.transfers <= place}
        heirs: dict[str, str] = {}
        for recovery in facts.recoveries:
            if recovery.token == one.token and recovery.transfers <= place:
                heirs[recovery.wallet] = _last_in_line(recovery.wallet, successors)
        lost = [wallet for wallet, heir in heirs.items() if heir == one.target]
        itself = [one.target] if one.target is not None and one.target not in heirs else []
        found.append(frozenset([*itself, *lost]))
    return found


def _last_in_line(wallet: str, successors: Mapping[str, str]) -> str:
    seen = {wallet}
    while (following := successors.get(wallet, wallet)) not in seen:
        wallet = following
        seen.add(wallet)
    return wallet


def _arrivals(facts: Facts) -> Counter[tuple[str, str, str | None, str, int]]:
    """What moved, by transaction, token, source, the wallet that it arrived for, and units."""
    return Counter(
        (one.transaction, one.token, one.source, owner, one.units)
        for one, arrived_for in zip(facts.transfers, _owners(facts), strict=True)
        for owner in arrived_for
    )


def _ended_in(cycle: Cycle, move: Move, token: str) -> str:
    """The transaction in which the units of one security were to move; empty: in none yet."""
    return move.transaction if cycle.apart is None else cycle.apart.get(token, "")


def _unended(facts: Facts) -> Iterator[tuple[Cycle, set[str]]]:
    """Cycles with the securities whose units are still earmarked: all of an open one, the rest of one taken apart."""
    still_open = {cycle.settlement for cycle in _open(facts, facts.cycles)}
    for cycle in facts.cycles:
        if cycle.settlement in still_open:
            yield cycle, _tokens(cycle)
        elif cycle.apart is not None:
            yield cycle, _tokens(cycle) - cycle.apart.keys()


def _debits(facts: Facts) -> defaultdict[str, list[Posting]]:
    """The postings that pay a settlement: the RTGS's ledger itself, by settlement."""
    found: defaultdict[str, list[Posting]] = defaultdict(list)
    for posting in facts.postings:
        if posting.settlement is not None:
            found[posting.settlement].append(posting)
    return found


def _booked_payments(facts: Facts) -> defaultdict[str, list[Payment]]:
    found: defaultdict[str, list[Payment]] = defaultdict(list)
    for payment in facts.payments:
        if payment.state == "BOOKED":
            found[payment.settlement].append(payment)
    return found


def _released(facts: Facts, settlement: str, until: datetime) -> frozenset[str]:
    """Which agents had released a settlement's payment by an instant."""
    given = {one.agent for one in facts.releases if one.settlement == settlement and one.released_at <= until}
    return facts.releasers & given


def _foreign(facts: Facts, made: Iterable[Lock | Cycle]) -> list[str]:
    """Tokens outside the market, locked where somebody paid for it or the service shows it as its own.

    Anyone may lock a token of his own making: of that alone no promise of ours is touched.
    """
    debits = _debits(facts)
    return [
        token
        for one in made
        if debits[one.settlement] or one.settlement in facts.claims
        for token in sorted(_tokens(one) - facts.supplies.keys())
    ]


def _open(facts: Facts, made: Sequence[_Made]) -> list[_Made]:
    ended = {move.settlement for move in facts.moves if move.name in ("Settled", "GivenBack")}
    return [one for one in made if one.settlement not in ended]


def _deliveries(facts: Facts, name: str) -> Counter[tuple[str, str, str | None, str, int]]:
    """The transfers that the moves of one name should have made, as Transfer tells them."""
    locks = _locks(facts)
    return Counter(
        (move.transaction, lock.token, lock.seller, lock.buyer, lock.quantity)
        for move in facts.moves
        if move.name == name
        for lock in locks[move.settlement][:1]
    )


def _whole_second(instant: datetime) -> datetime:
    """Blocks tell whole seconds only."""
    return instant.replace(microsecond=0)
