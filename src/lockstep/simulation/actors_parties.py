"""What banks do, honest and not: hand in again, cancel at the worst moment, use their units elsewhere."""

import random
from dataclasses import replace

from lockstep.chain.ledger import call_data, order_words
from lockstep.domain.identifiers import Reference, Uetr, derive_uetr
from lockstep.domain.instruction import CancellationRequest, Instruction, Side
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.transfer import BankTransfer
from lockstep.signing import settlement_id
from lockstep.simulation.actors_hands import Hands, fresh_id

__all__ = [
    "burns_an_order",
    "cancels",
    "cancels_as_the_payment_goes",
    "changes_its_mind",
    "empties_the_account",
    "locks_twice",
    "moves_units",
    "resubmits",
    "sends_dust",
    "squats_a_uetr",
]


def _an_instruction(hands: Hands, rng: random.Random) -> Message[Instruction] | None:
    known = hands.instructions()
    return rng.choice(known) if known else None


def resubmits(hands: Hands, rng: random.Random) -> str | None:
    """The same message again, to the byte: it had no answer."""
    own = [data for data in hands.stage.submitted() if any(one.encode() in data for one in sorted(hands.doors))]
    if not own:
        return None
    return f"hands a message in again: {hands.submit(rng.choice(own))}"


def changes_its_mind(hands: Hands, rng: random.Random) -> str | None:
    """The same reference, or the same message id, with other cash: one id has one content."""
    known = _an_instruction(hands, rng)
    if known is None:
        return None
    body, same_id = known.body, rng.random() < 0.5
    more = replace(body, cash=Money(currency=body.cash.currency, amount=body.cash.amount + rng.randint(1, 1_000)))
    name = known.message_id if same_id else fresh_id(rng)
    said = hands.letter(known.sender, name, more)
    return f"changes {body.reference} under {'the same message id' if same_id else 'a new message id'}: {said}"


def _asks(hands: Hands, rng: random.Random, one: Message[Instruction]) -> str:
    body = CancellationRequest(reference=one.body.reference, side=one.body.side, owner=one.body.owner)
    return f"asks to cancel {one.body.reference}: {hands.letter(one.sender, fresh_id(rng), body)}"


def cancels(hands: Hands, rng: random.Random) -> str | None:
    """One party's wish. Alone it is none."""
    known = _an_instruction(hands, rng)
    return None if known is None else _asks(hands, rng, known)


def cancels_as_the_payment_goes(hands: Hands, rng: random.Random) -> str | None:
    """Both parties of one trade ask, right when its payment is on its way or held: both must not come true."""
    locked = {one.order.terms.trade_id for one in hands.locks()}
    known = hands.instructions()
    pairs = [
        (one, two)
        for one in known
        for two in known
        if one.body.side is Side.DELIVER
        and two.body.side is Side.RECEIVE
        and one.body.deliverer == two.body.deliverer
        and one.body.receiver == two.body.receiver
        and (one.body.isin, one.body.quantity) == (two.body.isin, two.body.quantity)
    ]
    if not locked or not pairs:
        return None
    one, two = rng.choice(pairs)
    return f"{_asks(hands, rng, one)}; {_asks(hands, rng, two)}"


def moves_units(hands: Hands, rng: random.Random) -> str | None:
    """Own free units to another bank, perhaps between match and lock; perhaps more than are free."""
    wallet, security = rng.choice(hands.keys_like("wallet")), rng.choice(hands.securities)
    free = hands.units(security.token, hands.key(wallet).address)
    target = rng.choice([one.wallet for one in hands.members if one.wallet != hands.key(wallet).address])
    units = rng.choice((1, free // 2, free, free + 1))
    return f"{wallet} gives {units}: {hands.send(wallet, 'SecurityToken', security.token, 'transfer', target, units)}"


def empties_the_account(hands: Hands, rng: random.Random) -> str | None:
    """A bank pays its cash away, so that a payment of a trade finds none."""
    member = rng.choice([one for one in hands.members if one.bic in hands.doors])
    currency = rng.choice(sorted(member.accounts))
    payee = rng.choice([one for one in hands.members if one is not member and currency in one.accounts])
    money = Money(currency=currency, amount=rng.choice((1, 1_000, 100_000, 250_000)))
    transfer = _transfer(hands, rng, derive_uetr(fresh_id(rng), 1), money)
    said = replace(transfer, debtor=member.account(currency), creditor=payee.account(currency))
    return f"{member.bic} pays {money} to {payee.bic}: {hands.tell_rtgs(member.bic, fresh_id(rng), said)}"


def squats_a_uetr(hands: Hands, rng: random.Random) -> str | None:
    """A transfer of its own under the UETR of a settlement's payment, which everybody can compute from the chain."""
    lock = hands.a_lock(rng)
    if lock is None:
        return None
    member = rng.choice([one for one in hands.members if one.bic in hands.doors])
    currency = rng.choice(sorted(member.accounts))
    payee = rng.choice([one for one in hands.members if one is not member and currency in one.accounts])
    uetr = derive_uetr(lock.settlement, rng.choice((1, 1, 2)))
    transfer = _transfer(hands, rng, uetr, Money(currency=currency, amount=1))
    said = replace(transfer, debtor=member.account(currency), creditor=payee.account(currency))
    told = hands.tell_rtgs(member.bic, fresh_id(rng), said)
    return f"{member.bic} takes the UETR of {lock.settlement[:12]}: {told}"


def _transfer(hands: Hands, rng: random.Random, uetr: Uetr, money: Money) -> BankTransfer:
    one, *_ = hands.members
    account = one.account(money.currency)
    return BankTransfer(
        uetr=uetr,
        instruction_id=fresh_id(rng),
        end_to_end_id=Reference(f"E{rng.getrandbits(40):010X}"),
        amount=money,
        settlement_date=hands.stage.clock.now().date(),
        debtor=account,
        creditor=account,
    )


def burns_an_order(hands: Hands, rng: random.Random) -> str | None:
    """A seller burns the order that waits for its lock, if it sees the lock coming; else one that is locked already."""
    waiting = [one.data for one in hands.stage.pending() if one.to.lower() == hands.dvp.lower()]
    lock = hands.a_lock(rng)
    wallets = {hands.key(name).address: name for name in hands.keys_like("wallet")}
    if lock is None or lock.order.movement.seller not in wallets:
        return None
    name = wallets[lock.order.movement.seller]
    movement = lock.order.movement
    burnt = replace(lock.order, movement=replace(movement, nonce=movement.nonce + rng.choice((0, 1))))
    data = call_data("DvP", "cancelOrder", order_words(burnt), b"")
    said = hands.send_data(name, hands.dvp, data, tip=3 if waiting else 1)
    return f"{name} burns nonce {burnt.movement.nonce}: {said}"


def locks_twice(hands: Hands, rng: random.Random) -> str | None:
    """Both parties sign and lock a second order for a trade of theirs: the same terms under another nonce."""
    lock = hands.a_lock(rng)
    if lock is None or lock.order.terms.lock_by < hands.stage.clock.now().timestamp():
        return None
    movement = lock.order.movement
    again = replace(lock.order, movement=replace(movement, nonce=movement.nonce + rng.choice((1, 1, 2, 7))))
    wallets = {hands.key(name).address: hands.key(name) for name in hands.keys_like("wallet")}
    if movement.seller not in wallets or movement.buyer not in wallets:
        return None
    digest = bytes.fromhex(settlement_id(again, hands.market.network))
    signatures = [wallets[one].sign(digest) for one in (movement.seller, movement.buyer)]
    name = next(one for one in hands.keys_like("wallet") if hands.key(one).address == movement.buyer)
    said = hands.send(name, "DvP", hands.dvp, "lock", order_words(again), *signatures)
    return f"trade {again.terms.trade_id[:12]} once more, with nonce {again.movement.nonce}: {said}"


def sends_dust(hands: Hands, rng: random.Random) -> str | None:
    """One unit to everybody: it must change nobody's trade."""
    wallet, security = rng.choice(hands.keys_like("wallet")), rng.choice(hands.securities)
    address = hands.key(wallet).address
    target = rng.choice([one.wallet for one in hands.members if one.wallet != address])
    return f"{wallet} sends dust: {hands.send(wallet, 'SecurityToken', security.token, 'transfer', target, 1)}"
