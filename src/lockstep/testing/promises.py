"""What the protocol promises people, P1 to P7, as code: what they are told, and that they get what they asked for.

I1 to I12 (`testing.invariants`) say what the ledgers keep. A service that settles another amount than the seller's,
or tells nobody that it settled, breaks none of them. `check_promises(facts)` names every violation in plain words;
it is asked once a world has come to rest. One function for each promise, in order.

It imports nothing of Lockstep but the form of the facts, and asks nobody.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from lockstep.testing.promises_facts import Asked, Delivered, PromiseFacts, Terms, Told

__all__ = ["PROMISES", "check_promises"]

CALM = timedelta(minutes=60)
"""So long before the last second to pay all must be calm for a trade to be owed its settling: two questions, each asked
after 20 minutes of silence. No clock is off by more."""
REJECTED, CANCELLED, DENIED, MATCHED = "Rjctd", "Canc", "Dnd", "Mtchd"


def check_promises(facts: PromiseFacts) -> dict[str, list[str]]:
    """The violations of each promise, in plain words; all seven keys are always there."""
    return {name: list(judge(facts)) for name, judge in PROMISES.items()}


# --- the promises


def p1_confirmed_to_both(facts: PromiseFacts) -> Iterator[str]:
    """Every settled trade has exactly one sese.025 to each party, true in all it says, and none before it is final.

    Nothing else has one. A message id has one content, and what counts as delivered is in its receiver's box.
    """
    delivered = {one.settlement: one for one in facts.delivered}
    boxes: dict[tuple[str | None, str], list[Told]] = defaultdict(list)
    for one in facts.told:
        if one.kind != "sese.025":
            continue
        boxes[one.settlement, one.box].append(one)
        if one.settlement in facts.undone:
            continue
        made = delivered.get(str(one.settlement))
        if made is None:
            yield f"{one.box} is told that {one.reference} settled in {one.settlement}, which did not settle"
        elif not one.final:
            yield f"{one.box} was told that {one.reference} settled before that was final"
        else:
            yield from _told_the_truth(facts, one, made)
    for made in facts.delivered:
        pair = _pair_of(facts, made) or ()
        known = not facts.life or made.settlement in facts.known_settlements  # else lost with its records
        for terms in pair:
            sent = boxes[made.settlement, terms.owner_bic]
            if len(sent) > 1 or (not sent and made.settlement not in facts.undone and known):
                yield f"settlement {made.settlement}: {terms.owner_bic} has {len(sent)} confirmations, not one"
    lying = {one.message_id for one in facts.told}
    for one in facts.told:
        if one.changed:
            yield f"message {one.message_id} to {one.box} was sent with two contents"
        if one.receiver != one.box:
            yield f"message {one.message_id} is for {one.receiver} and lies in the box of {one.box}"
    for row in facts.rows:
        if row.delivered and row.message_id not in lying:
            yield f"message {row.message_id} counts as delivered and is in no box"
        if not row.delivered and row.message_id not in facts.undeliverable:
            yield f"message {row.message_id} was never delivered"


def _told_the_truth(facts: PromiseFacts, told: Told, made: Delivered) -> Iterator[str]:
    """A confirmation against what the ledgers have, and against what its reader had handed in."""
    terms = told.terms
    if terms is None:
        yield f"message {told.message_id} to {told.box} confirms nothing that can be read"
        return
    for what, said, true in (
        ("trade", told.trade, made.trade),
        ("time", told.settled_at, told.settled_at if told.settled_at in made.earlier else made.at),
        ("quantity", terms.quantity, made.units),
        ("amount", terms.cash, made.cash),
        ("currency", terms.currency, made.currency),
        ("ISIN", terms.isin, made.isin),
        ("deliverer", terms.deliverer, made.seller),
        ("receiver", terms.receiver, made.buyer),
    ):
        if said != true:
            yield f"{told.box} is told of {told.reference} the {what} {said}, and it was {true}"
    own = [one for one in _instructions(facts) if (one.owner_bic, one.reference) == (told.box, told.reference)]
    if not any(_same_but_cash(one, terms) for one in own):
        yield f"{told.box} is told that {told.reference} settled, which it did not instruct so"


def p2_status_told(facts: PromiseFacts) -> Iterator[str]:
    """Nobody is told that an accepted instruction is rejected. Each is told its end, and none that is not so."""
    refused = [one for one in _unsaid(facts) if one.outcome in ("refused", "none")]
    for one in facts.told:
        if one.kind == "sese.024" and one.status == REJECTED:
            why = [
                asked
                for asked in refused
                if one.reference.encode() in asked.data and (asked.sender is None or asked.sender == one.box)
            ]
            if not why:
                yield f"{one.box} is told that {one.reference} is rejected, and it was accepted"
    sent: dict[tuple[str, str], list[Told]] = defaultdict(list)
    for one in facts.told:
        sent[one.box, one.reference].append(one)
    settled = _settled_instructions(facts)
    for (box, reference), messages in sent.items():
        ends = [one for one in messages if one.kind in ("sese.024", "sese.027") and one.status == CANCELLED]
        ended = ends or [one for one in messages if one.kind == "sese.025"]
        messages = [one for one in messages if one.life == facts.life]  # what lost records told is not these records'
        over = settled.get((box, reference))
        if any(one in messages for one in ends) and over is not None and over.settlement not in facts.undone:
            yield f"{box} is told that {reference} is cancelled, and it settled in {over.settlement}"
        matched = [one for one in messages if one.kind == "sese.024" and one.status == MATCHED]
        live = any(one.terms and (one.sender, one.reference) == (box, reference) for one in _in_force(facts))
        if matched and not ended and live and not any(one.trade in facts.trades_undone for one in matched):
            yield f"{box} was told that {reference} matched, and never how it ended"
    for terms in {one.terms for one in facts.asked if one.terms and one.outcome == "taken" and one.life == facts.life}:
        advices = [one for one in sent[terms.owner_bic, terms.reference] if one.kind == "sese.024"]
        told = {one.status for one in advices}
        if not any(one.accepted for one in advices):
            yield f"{terms.owner_bic} was never told that {terms.reference} is accepted"
        if not told & {MATCHED, "Umtchd", CANCELLED}:
            yield f"{terms.owner_bic} was never told whether {terms.reference} matched"


def p3_what_was_agreed_settles(facts: PromiseFacts) -> Iterator[str]:
    """What settles are the terms of two instructions as handed in, each of them in one trade at most."""
    used: Counter[tuple[str, str]] = Counter()
    for made in facts.delivered:
        pair = _pair_of(facts, made)
        if pair is None:
            if made.settlement not in facts.undone:
                yield f"settlement {made.settlement} is of no two instructions that were handed in, to the last term"
            continue
        deliver, receive = pair
        used.update(((deliver.owner, deliver.reference), (receive.owner, receive.reference)))
        given = facts.given
        for what, has, should in (
            ("seller", made.seller, deliver.deliverer),
            ("buyer", made.buyer, deliver.receiver),
            ("ISIN", made.isin, deliver.isin),
            ("quantity", made.units, deliver.quantity),
            ("amount", made.cash, deliver.cash),
            ("currency", made.currency, deliver.currency),
            ("debited account", made.debtor, given.accounts.get((deliver.receiver, deliver.currency))),
            ("credited account", made.creditor, given.accounts.get((deliver.deliverer, deliver.currency))),
            ("day", made.pay_by.date(), deliver.settlement_date),
        ):
            if has != should:
                yield f"settlement {made.settlement}: the {what} was {has}, instructed was {should}"
        yield from (
            f"settlement {made.settlement}: {deliver.reference} and {receive.reference} {why}"
            for why in _why_no_match(facts, deliver, receive)
        )
    for (owner, reference), times in used.items():
        if times > 1:
            yield f"instruction {reference} of {owner} settled {times} times"


def p4_both_cancel(facts: PromiseFacts) -> Iterator[str]:
    """A matched trade is cancelled as wished (CANI) only if both parties asked; who asks is answered, to the end."""
    wished: dict[str | None, set[str | None]] = defaultdict(set)
    for one in _wishes(facts):
        if one.outcome != "refused":
            wished[one.reference].add(one.sender)
    matched: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for told in facts.told:
        if told.kind == "sese.024" and told.status == MATCHED and told.trade:
            matched[told.trade].add((told.box, told.reference))
    for told in facts.told:
        wish = (told.kind, told.status, told.code) == ("sese.024", CANCELLED, "CANI")
        if not wish or told.trade is None or told.trade in facts.trades_undone:
            continue
        silent = [ref for box, ref in sorted(matched[told.trade]) if box not in wished[ref]]
        if silent:
            yield f"trade {told.trade} was cancelled as both wished, and nobody asked to cancel {', '.join(silent)}"
    answers: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for told in facts.told:
        if told.kind == "sese.027":
            answers[told.box, told.request].add(told.status)
    open_ = {one.reference for one in facts.told if one.trade in facts.trades_undone}
    members = {one.terms.owner_bic for one in facts.asked if one.terms is not None}
    refused = {(one.sender, one.message_id) for one in facts.asked if one.outcome == "refused"}
    for one in _wishes(facts):
        if one.outcome in ("none", "again") or one.life != facts.life or one.sender not in members:
            continue
        said = answers[one.sender, one.message_id]
        if not said:
            yield f"{one.sender} asked to cancel {one.reference} in {one.message_id} and has no answer"
        elif not said & {CANCELLED, DENIED} and one.reference not in open_:
            yield f"{one.sender} asked to cancel {one.reference} and is told {sorted(said)} for ever"
        elif {CANCELLED, DENIED} <= said and not facts.life and (one.sender, one.message_id) not in refused:
            yield f"{one.sender} asked to cancel {one.reference} and is told both that it is and that it is not"


def p5_people_are_told(facts: PromiseFacts) -> Iterator[str]:
    """Two words of the RTGS that exclude each other, or a statement that misses a booking, are shown as a break.

    And no agent signs on half a word: PAID needs the booked status and the notice, NEVER an end without booking, and
    nothing that was there before may say the opposite.
    """
    words: dict[str, list[tuple[int, str, Decimal | None, str | None]]] = defaultdict(list)
    for one in facts.heard:
        if one.receiver == facts.service:
            words[one.settlement].append((one.position, one.word, one.cash, one.currency))
    for settlement, said in words.items():
        kinds = {word for _, word, _, _ in said}
        amounts = {(cash, currency) for _, word, cash, currency in said if word != "never"}
        if settlement in facts.breaks or settlement not in facts.known_settlements:
            continue
        if "never" in kinds and len(kinds) > 1:
            yield f"the service was told that settlement {settlement} is paid and never will be, and told nobody"
        elif len(amounts) > 1:
            yield f"the service was told two amounts of settlement {settlement}, and told nobody"
    for statement in facts.statements:
        for settlement, (at, debtor, creditor) in facts.booked.items():
            if statement.account not in (debtor, creditor) or not statement.since <= at <= statement.until:
                continue
            before = {word for position, word, _, _ in words[settlement] if position < statement.position}
            if settlement in statement.shows or not {"paid", "noticed"} <= before:
                continue
            if settlement in facts.known_settlements and settlement not in facts.breaks:
                yield (
                    f"a statement of {statement.account} misses the payment of settlement {settlement}, "
                    "and the service told nobody"
                )
    for signed in facts.signed:
        needed = {"paid", "noticed"} if signed.paid else {"never"}
        opposite = {"never"} if signed.paid else {"paid", "noticed"}
        outcome = "PAID" if signed.paid else "NEVER"
        if not facts.garbled and not needed <= signed.told:
            missing = ", ".join(sorted(needed - signed.told))
            yield f"{signed.agent} signed {outcome} for settlement {signed.settlement} and was never told: {missing}"
        if not facts.garbled and opposite & signed.told_before:
            yield f"{signed.agent} signed {outcome} for settlement {signed.settlement} and had been told the opposite"


def p6_what_nothing_hinders_settles(facts: PromiseFacts) -> Iterator[str]:
    """A trade that both instructed in time, with units and cash at hand, that nobody cancels and nothing stops.

    Judged where nothing struck that may stop a trade, and calm came an hour before the last second to pay.
    """
    given = facts.given
    if given.hindered or given.calm_since is None:
        return
    terms = list(dict.fromkeys(_instructions(facts)))
    settled, wishes = _settled_instructions(facts), {(one.sender, one.reference) for one in _wishes(facts)}
    keys = Counter((one.owner, one.reference) for one in terms)
    owed: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    spent: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for one in terms:
        if one.side == "DELI":
            owed[one.deliverer, one.isin] += one.quantity
            spent[one.receiver, one.currency] += one.cash
    for deliver, receive in _only_pairs(facts, terms):
        last = given.pay_by.get(deliver.settlement_date)
        if last is None or given.calm_since > last - CALM:
            continue
        if any(
            keys[one.owner, one.reference] > 1 or (one.owner_bic, one.reference) in wishes for one in (deliver, receive)
        ):
            continue
        seller, buyer = (deliver.deliverer, deliver.isin), (deliver.receiver, deliver.currency)
        if owed[seller] > given.units.get(seller, 0) or spent[buyer] > given.money.get(buyer, 0):
            continue
        if (deliver.owner_bic, deliver.reference) not in settled:
            yield f"nothing hindered {deliver.reference} and {receive.reference}, and they did not settle"


def p7_silent_until_it_knows(facts: PromiseFacts) -> Iterator[str]:
    """Nothing leaves an agent before its register has again all that it had signed."""
    for one in facts.spoke:
        if one.forgotten:
            forgotten = ", ".join(sorted(one.forgotten))
            yield f"{one.agent} spoke with an old register that had forgotten what it signed for {forgotten}"


PROMISES: Mapping[str, Callable[[PromiseFacts], Iterator[str]]] = {
    "P1": p1_confirmed_to_both,
    "P2": p2_status_told,
    "P3": p3_what_was_agreed_settles,
    "P4": p4_both_cancel,
    "P5": p5_people_are_told,
    "P6": p6_what_nothing_hinders_settles,
    "P7": p7_silent_until_it_knows,
}


# --- what they are judged by


def _instructions(facts: PromiseFacts) -> list[Terms]:
    """Whatever may have been accepted."""
    return [one.terms for one in facts.asked if one.terms is not None and one.outcome != "refused"]


def _wishes(facts: PromiseFacts) -> list[Asked]:
    return [one for one in facts.asked if one.cancels]


def _unsaid(facts: PromiseFacts) -> Iterator[Asked]:
    """What was handed in without the records having it by then: not accepted before, in the same life of theirs."""
    accepted: set[tuple[int, bytes]] = set()
    for one in facts.asked:
        if (one.life, one.data) not in accepted:
            yield one
        if one.outcome in ("taken", "again"):
            accepted.add((one.life, one.data))


def _in_force(facts: PromiseFacts) -> list[Asked]:
    """What the service's records, as they are now, ever took."""
    return [one for one in facts.asked if one.outcome in ("taken", "again") and one.life == facts.life]


def _pair_of(facts: PromiseFacts, made: Delivered) -> tuple[Terms, Terms] | None:
    """The two instructions whose terms, with the payment's salt, are the trade that was locked."""
    terms = dict.fromkeys(_instructions(facts))
    for deliver in terms:
        for receive in terms if deliver.side == "DELI" else ():
            if receive.side == "RECE" and _trade_id(deliver, receive, made.salt) == made.trade:
                return deliver, receive
    return None


def _trade_id(deliver: Terms, receive: Terms, salt: str) -> str:
    """One `name=value` line per term, in this order, hashed: docs/explanation/protocol.md."""
    lines = (
        ("deliverer", deliver.deliverer),
        ("receiver", deliver.receiver),
        ("deliverer_reference", deliver.reference),
        ("receiver_reference", receive.reference),
        ("isin", deliver.isin),
        ("quantity", deliver.quantity),
        ("cash", deliver.cash),
        ("currency", deliver.currency),
        ("settlement_date", deliver.settlement_date.isoformat()),
        ("salt", salt),
    )
    return hashlib.sha256("".join(f"{name}={value}\n" for name, value in lines).encode()).hexdigest()


def _settled_instructions(facts: PromiseFacts) -> dict[tuple[str, str], Delivered]:
    """By BIC and reference of who instructed."""
    return {
        (terms.owner_bic, terms.reference): made for made in facts.delivered for terms in _pair_of(facts, made) or ()
    }


def _same_but_cash(one: Terms, other: Terms) -> bool:
    """Of a confirmation and the instruction it is of: the deliverer's amount settles, for both."""
    return all(
        getattr(one, name) == getattr(other, name)
        for name in (
            "reference", "side", "deliverer", "receiver", "deliverer_bic", "receiver_bic", "isin", "quantity",
            "counted", "currency", "trade_date", "settlement_date",
        )
    )  # fmt: skip


def _why_no_match(facts: PromiseFacts, deliver: Terms, receive: Terms) -> Iterator[str]:
    """Where two instructions do not say the same; docs/explanation/protocol.md, step 1."""
    for name in ("deliverer", "receiver", "isin", "quantity", "counted", "currency", "trade_date", "settlement_date"):
        if getattr(deliver, name) != getattr(receive, name):
            yield f"differ in {name}"
    for one, other in ((deliver, receive), (receive, deliver)):
        if one.counterparty not in (None, other.reference):
            yield f"do not name each other: {one.reference} names {one.counterparty}"
    threshold, below, above = facts.given.tolerances.get(deliver.currency, (Decimal(0), Decimal(0), Decimal(0)))
    allowed = below if max(deliver.cash, receive.cash) <= threshold else above
    if abs(deliver.cash - receive.cash) > allowed:
        yield f"lie further apart than {allowed}: {deliver.cash} and {receive.cash}"


def _only_pairs(facts: PromiseFacts, terms: Sequence[Terms]) -> Iterator[tuple[Terms, Terms]]:
    """Two instructions that fit each other, and nothing else."""
    deliveries, receipts = ([one for one in terms if one.side == side] for side in ("DELI", "RECE"))
    fits = [
        (deliver, receive)
        for deliver in deliveries
        for receive in receipts
        if not list(_why_no_match(facts, deliver, receive))
    ]
    times = Counter(one for pair in fits for one in pair)
    yield from (pair for pair in fits if all(times[one] == 1 for one in pair))
