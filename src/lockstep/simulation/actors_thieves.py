"""What a stolen key can try: the operator's, with its door at the RTGS, or one agent's, below the threshold.

Each tries what the key can sign, where only the contracts, the RTGS and the honest agents stand in its way.
"""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

from lockstep.chain.ledger import leg_words, order_words, packed
from lockstep.domain.identifiers import SettlementId, TradeId, Uetr, derive_message_id, derive_uetr
from lockstep.domain.money import Money
from lockstep.domain.order import ALONE, Attestation, LogEntry, Movement, Order, OrderTerms, OutcomeResult, Proof
from lockstep.domain.payment import CancelPayment, Payment, Release
from lockstep.domain.transfer import StatusRequest
from lockstep.flow.ordering import payment_message
from lockstep.iso20022 import read
from lockstep.signing import log_digest, outcome_digest, outcomes_digest, settlement_id
from lockstep.simulation.actors_hands import Hands, Lock, fresh_id, names_of
from lockstep.simulation.actors_offices import rotates

__all__ = [
    "attests_both",
    "cancels_in_the_services_name",
    "cuts_an_order_into_parts",
    "ends_a_batch_alone",
    "ends_with_too_few",
    "enters_a_forged_line",
    "locks_a_batch_of_its_own",
    "locks_a_net_cycle",
    "locks_without_consent",
    "pays_another",
    "pays_first",
    "releases_early",
    "rotates_alone",
    "spends_the_services_ids",
    "takes_the_nonce",
]

RESULTS = (OutcomeResult.PAID, OutcomeResult.NEVER)
NOTHING = Proof(quorum=0, signers=0, signatures=b"", absent=())


def _own_order(hands: Hands, rng: random.Random) -> Order:
    """Units of one bank for another that neither has agreed to."""
    seller, buyer = rng.sample(hands.members, 2)
    security = rng.choice(hands.securities)
    by = int((hands.stage.clock.now() + timedelta(hours=1)).timestamp())
    free = hands.units(security.token, seller.wallet)
    return Order(
        movement=Movement(
            token=security.token,
            seller=seller.wallet,
            buyer=buyer.wallet,
            quantity=max(1, rng.choice((1, free // 2, free))),
            epoch=hands.stage.ledger.epoch().number,
            nonce=rng.choice((rng.randrange(8), 2**62, 2**63 + rng.randrange(2**24))),
        ),
        terms=OrderTerms(
            trade_id=TradeId(f"{rng.getrandbits(256):064x}"),
            part=0,
            cash_hash=f"{rng.getrandbits(256):064x}",
            lock_by=by,
            pay_by=by,
            minimum_lot=rng.choice((0, 0, 1)),
            group=ALONE,
        ),
    )


def _signatures(hands: Hands, rng: random.Random, order: Order) -> tuple[bytes, bytes]:
    """By the stolen keys, or none at all: never by the wallets."""
    digest = bytes.fromhex(settlement_id(order, hands.market.network))
    stolen = [hands.key(name).sign(digest) for name in sorted(hands.keys)]
    choices = [b"", bytes(65), *stolen]
    return rng.choice(choices), rng.choice(choices)


def _sender(hands: Hands) -> str:
    """The stolen key that pays the fees."""
    return "operator" if "operator" in hands.keys else sorted(hands.keys)[0]


# --- the operator's key, on the chain


def locks_without_consent(hands: Hands, rng: random.Random) -> str | None:
    """A lock of somebody's units, under every signature but theirs."""
    order = _own_order(hands, rng)
    return hands.send(_sender(hands), "DvP", hands.dvp, "lock", order_words(order), *_signatures(hands, rng, order))


def locks_a_batch_of_its_own(hands: Hands, rng: random.Random) -> str | None:
    """A true lock's neighbour and orders of its own, in one batch or as one group."""
    orders = [_own_order(hands, rng) for _ in range(rng.randint(1, 3))]
    orders += [lock.order for lock in hands.locks()[:1]]
    legs = [(order_words(one), *_signatures(hands, rng, one)) for one in orders]
    function = rng.choice(("lockBatch", "lockGroup"))
    return f"{len(legs)} legs: {hands.send(_sender(hands), 'DvP', hands.dvp, function, legs)}"


def cuts_an_order_into_parts(hands: Hands, rng: random.Random) -> str | None:
    """A part of an order that is to move whole, or of one that it made up."""
    lock = hands.a_lock(rng)
    order = lock.order if lock is not None and rng.random() < 0.7 else _own_order(hands, rng)
    units = max(1, order.movement.quantity // rng.choice((1, 2, 3)))
    words = (order_words(order), rng.choice((0, 1, 2**24 - 1)), units, *_signatures(hands, rng, order), b"")
    return f"{units} units: {hands.send(_sender(hands), 'DvP', hands.dvp, 'lockPart', *words)}"


def locks_a_net_cycle(hands: Hands, rng: random.Random) -> str | None:
    """A net cycle of everybody's units, which nobody signed."""
    security, (first, second) = rng.choice(hands.securities), rng.sample(hands.members, 2)
    by = int((hands.stage.clock.now() + timedelta(hours=1)).timestamp())
    units = rng.choice((1, 100))
    legs = bytes([0, 1, 0]) + units.to_bytes(8, "big") + rng.randbytes(32)
    epoch = hands.stage.ledger.epoch().number
    parties = sorted((first.wallet, second.wallet), key=lambda one: int(one, 16))
    cycle = ([security.token], parties, legs, bytes(32), epoch, by, by)
    signature = hands.key(_sender(hands)).sign(bytes(32))
    limits = [-units, units]
    signatures = [rng.choice((b"", signature)) for _ in limits]
    return hands.send(_sender(hands), "DvPNet", hands.dvp, "lockNet", cycle, limits, signatures)


def ends_with_too_few(hands: Hands, rng: random.Random) -> str | None:
    """An end on nothing, on what the board has, or on the stolen agents' word: fewer than the quorum in any case."""
    lock = hands.a_lock(rng)
    if lock is None:
        return None
    result = rng.choice(RESULTS)
    function = "giveBack" if result is OutcomeResult.NEVER else rng.choice(("settle", "recordPaid"))
    proof = rng.choice((NOTHING, _proof_of_the_stolen(hands, lock, result), _proof_of_the_other(hands, lock, result)))
    said = hands.send(_sender(hands), "DvP", hands.dvp, function, lock.leg, packed(proof))
    return f"{lock.settlement[:12]} on {proof.signers.bit_count()} signatures: {said}"


def _proof_of_the_stolen(hands: Hands, lock: Lock, result: OutcomeResult, digest: bytes = b"") -> Proof:
    """As many as there are, with a quorum of its own saying."""
    epoch = hands.stage.ledger.epoch(lock.order.movement.epoch)
    digest = digest or outcome_digest(lock.settlement, result, epoch.number, hands.market.network)
    stolen = {hands.key(name).address: hands.key(name) for name in sorted(hands.keys)}
    signed = [agent for agent in epoch.agents if agent in stolen]
    return Proof(
        quorum=max(1, len(signed)),
        signers=sum(1 << place for place, agent in enumerate(epoch.agents) if agent in signed),
        signatures=b"".join(_compact(stolen[agent].sign(digest)) for agent in signed),
        absent=tuple(agent for agent in epoch.agents if agent not in signed),
    )


def _proof_of_the_other(hands: Hands, lock: Lock, result: OutcomeResult) -> Proof:
    """The agents' true signatures over the other outcome, passed off as this one."""
    epoch = hands.stage.ledger.epoch(lock.order.movement.epoch)
    left = {
        one.agent: one.signature
        for one in hands.stage.board.attestations(lock.settlement)
        if one.result is not result and one.agent in epoch.agents
    }
    signed = [agent for agent in epoch.agents if agent in left][: epoch.quorum]
    return Proof(
        quorum=epoch.quorum,
        signers=sum(1 << place for place, agent in enumerate(epoch.agents) if agent in signed),
        signatures=b"".join(_compact(left[agent]) for agent in signed),
        absent=tuple(agent for agent in epoch.agents if agent not in signed),
    )


def _compact(signature: bytes) -> bytes:
    """EIP-2098; anything else as it is."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        return signature[:64].ljust(64, b"\0")
    return signature[:32] + bytes([signature[32] | (signature[64] - 27) << 7]) + signature[33:64]


def ends_a_batch_alone(hands: Hands, rng: random.Random) -> str | None:
    """A batch of true locks, on the stolen keys' word over exactly it."""
    locks = hands.locks()[:3]
    if not locks:
        return None
    epoch = locks[0].order.movement.epoch
    digest = outcomes_digest([one.settlement for one in locks], OutcomeResult.PAID, epoch, hands.market.network)
    proof = _proof_of_the_stolen(hands, locks[0], OutcomeResult.PAID, digest)
    legs = [leg_words(one.order) for one in locks]
    return f"{len(legs)} legs: {hands.send(_sender(hands), 'DvP', hands.dvp, 'settleBatch', legs, packed(proof))}"


# --- the operator's door at the RTGS


def _known_payments(hands: Hands) -> list[Payment]:
    """What the service has asked for: who stole its keys has read its mail."""
    bodies = [read(data).body for sender, data in hands.stage.told_rtgs() if sender == hands.market.service]
    return [one for one in bodies if isinstance(one, Payment)]


def pays_another(hands: Hands, rng: random.Random) -> str | None:
    """A payment for a true settlement, to another payee, of another amount, later, or for a settlement that is none."""
    known, lock = _known_payments(hands), hands.a_lock(rng)
    if not known and lock is None:
        return None
    payer, payee = rng.sample(hands.members, 2)
    currency = sorted(set(payer.accounts) & set(payee.accounts))[0]
    now = hands.stage.clock.now().replace(microsecond=0)
    made_up = Payment(
        uetr=derive_uetr(fresh_id(rng), 1),
        instruction_id=fresh_id(rng),
        end_to_end_id=f"E{rng.getrandbits(40):010X}",
        amount=Money(currency=currency, amount=rng.choice((1, 100_000))),
        settlement_date=now.date(),
        debtor=payer.account(currency),
        creditor=payee.account(currency),
        settlement_id=SettlementId(lock.settlement if lock is not None else f"{rng.getrandbits(256):064x}"),
        salt=f"{rng.getrandbits(128):032x}",
        pay_by=now + timedelta(hours=1),
    )
    base = rng.choice(known) if known and rng.random() < 0.7 else made_up
    other = [one for one in hands.members if base.amount.currency in one.accounts and one.bic != base.debtor.owner]
    choices: list[dict[str, Any]] = [
        {"creditor": rng.choice(other).account(base.amount.currency)},
        {"amount": Money(currency=base.amount.currency, amount=base.amount.amount + rng.choice((-1, 1, 1_000)))},
        {"pay_by": base.pay_by + timedelta(days=1)},
        {"salt": f"{rng.getrandbits(128):032x}"},
        {"settlement_id": made_up.settlement_id},
        {},
    ]
    changes = dict(rng.choice(choices))
    if base.amount.amount <= 1:
        changes.pop("amount", None)
    uetr = rng.choice((base.uetr, made_up.uetr))
    payment = replace(base, uetr=uetr, **changes)
    said = hands.tell_rtgs(hands.market.service, fresh_id(rng), payment)
    return f"pays {payment.amount} for {payment.settlement_id[:12]} with another {', '.join(changes) or 'id'}: {said}"


def pays_first(hands: Hands, rng: random.Random) -> str | None:
    """The service's own payment, to the byte, as soon as there is an order: before its lock is final, or there at all,
    and before the service. Its program and its records are at hand. Or another amount between the true accounts, or
    the payment for another lock of the same trade.
    """
    known = [one for one in hands.records() if one.settlement_id is not None]
    if not known:
        return None
    trade = rng.choice(known)
    doubles = [one.settlement for one in hands.locks() if one.order.terms.trade_id == trade.trade_id]
    named = rng.choice((trade.settlement_id, trade.settlement_id, *doubles))
    if named != trade.settlement_id:
        trade = replace(trade, settlement_id=named, cash_attempt=1)
    message = payment_message(trade, hands.market, hands.stage.clock.now().replace(microsecond=0))
    payment = message.body
    assert isinstance(payment, Payment)
    if rng.random() < 0.2:
        amount = payment.amount.amount + rng.choice((-1, 1, 1_000))
        payment = replace(payment, amount=Money(currency=payment.amount.currency, amount=max(1, amount)))
    said = hands.tell_rtgs(hands.market.service, message.message_id, payment)
    return f"pays {payment.amount} for {payment.settlement_id[:12]} before the service does: {said}"


def takes_the_nonce(hands: Hands, rng: random.Random) -> str | None:
    """The operator's next number, for nothing: what the service signed under it can never be mined."""
    if rng.random() < 0.5 and not hands.stage.pending():
        return None
    own = hands.key("operator").address
    return f"spends the operator's next number: {hands.send_data('operator', own, b'', blindly=True, tip=5)}"


def cancels_in_the_services_name(hands: Hands, rng: random.Random) -> str | None:
    """A cancellation of a payment that is on its way, held or not there yet: *never*, if it comes first."""
    known = _known_payments(hands)
    if not known:
        return None
    payment = rng.choice(known)
    body = CancelPayment(
        case_id=fresh_id(rng),
        uetr=payment.uetr,
        original_message_id=fresh_id(rng),
        original_amount=payment.amount,
        original_settlement_date=payment.settlement_date,
        settlement_id=payment.settlement_id,
        salt=payment.salt,
    )
    said = hands.tell_rtgs(hands.market.service, fresh_id(rng), body)
    return f"cancels the payment of {payment.settlement_id[:12]}: {said}"


def spends_the_services_ids(hands: Hands, rng: random.Random) -> str | None:
    """A question under the very message id that the service's payment will have: the id is spent on other content."""
    lock = hands.a_lock(rng)
    if lock is None:
        return None
    service, attempt = hands.market.service, rng.choice((1, 1, 2))
    name = derive_message_id(service, lock.settlement, rng.choice(("pacs.009", "camt.056")), attempt)
    question = StatusRequest(uetr=derive_uetr(lock.settlement, attempt))
    said = hands.tell_rtgs(service, name, question)
    return f"spends message id {attempt} of {lock.settlement[:12]}: {said}"


# --- an agent's key, and its door at the RTGS


def attests_both(hands: Hands, rng: random.Random) -> str | None:
    """Both outcomes of one settlement on the board, under the names of those whose keys it has; or under another's."""
    lock = hands.a_lock(rng)
    if lock is None:
        return None
    epoch, network = lock.order.movement.epoch, hands.market.network
    told = []
    for name in hands.keys_like("agent"):
        key = hands.key(name)
        victim = key.address if rng.random() < 0.8 else hands.stage.ledger.epoch(epoch).agents[0]
        for result in rng.sample(RESULTS, rng.randint(1, 2)):
            signature = key.sign(outcome_digest(lock.settlement, result, epoch, network))
            signature = signature if rng.random() < 0.9 else bytes(65)
            attestation = Attestation(
                settlement_id=lock.settlement, result=result, epoch=epoch, agent=victim, signature=signature
            )
            hands.stage.board.publish(attestation)
            told.append(result.name.lower())
    return f"{lock.settlement[:12]} is {' and '.join(told)}, on the board"


def releases_early(hands: Hands, rng: random.Random) -> str | None:
    """The agent's release of a payment, whatever the chain says, under any UETR that it can compute."""
    lock, known = hands.a_lock(rng), _known_payments(hands)
    if lock is None:
        return None
    fitting = [one.uetr for one in known if one.settlement_id == lock.settlement]
    uetr: Uetr = rng.choice(fitting) if fitting else derive_uetr(lock.settlement, 1)
    names, told = names_of(hands.market), []
    for name in hands.keys_like("agent"):
        body = Release(uetr=uetr, settlement_id=lock.settlement)
        told.append(f"{name} releases {lock.settlement[:12]}: {hands.tell_rtgs(names[name], fresh_id(rng), body)}")
    return "; ".join(told)


def enters_a_forged_line(hands: Hands, rng: random.Random) -> str | None:
    """A line in the signature log of the agent whose key it has: that agent finds it, and falls silent."""
    lock, names = hands.a_lock(rng), hands.keys_like("agent")
    if lock is None or not names:
        return None
    key, network = hands.key(rng.choice(names)), hands.market.network
    epoch, result = lock.order.movement.epoch, rng.choice(RESULTS)
    signature = key.sign(outcome_digest(lock.settlement, result, epoch, network))
    attestation = Attestation(
        settlement_id=lock.settlement, result=result, epoch=epoch, agent=key.address, signature=signature
    )
    number = len(hands.stage.board.log_numbers(key.address)) + rng.choice((0, 1, 1, 2))
    number, previous = max(1, number), "0" * 64
    entry = LogEntry(
        number=number,
        previous=previous,
        attestation=attestation,
        signature=key.sign(log_digest(number, previous, attestation, network)),
    )
    stands = hands.stage.board.enter(entry, replace=rng.random() < 0.3)
    return f"line {number} of {key.address}: {'stands' if stands == entry else 'another stands there'}"


def rotates_alone(hands: Hands, rng: random.Random) -> str | None:
    """The next epoch, of its own choosing, on the stolen keys' word."""
    return rotates(hands, rng)
