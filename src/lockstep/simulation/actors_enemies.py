"""Outsiders and members with ill will: they repeat what they overheard, come first, squat, flood and grief.

They have no key that counts: what they send is what others have signed, or worth nothing.
"""

import random

from lockstep.chain.ledger import call_data, packed
from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import Bic, SettlementId
from lockstep.domain.order import Attestation, Batch, OutcomeResult
from lockstep.iso20022 import peek
from lockstep.signing import build_batch_proof, build_proof
from lockstep.simulation.actors_hands import Hands, answered

__all__ = [
    "asks_for_a_batch",
    "comes_first",
    "floods_the_board",
    "floods_the_door",
    "overtakes_what_waits",
    "passes_messages_off",
    "records_paid_first",
    "repeats_a_call",
    "repeats_a_transaction",
    "repeats_to_the_rtgs",
    "repeats_to_the_service",
]

NEWEST = 40
"""An eavesdropper repeats recent things rather than old ones."""
MIXED = 0.75
"""Of the batches asked for so many have both what agents have spoken of and what they have not, where there is both."""


def repeats_a_transaction(hands: Hands, rng: random.Random) -> str | None:
    """The same signed bytes again, as they went over the network; after a reorganisation they may count once more."""
    known = hands.stage.transactions()[-NEWEST:]
    if not known:
        return None
    objection = hands.stage.node.broadcast(rng.choice(known).raw)
    return f"repeats a transaction: {objection or 'the node takes it'}"


def repeats_a_call(hands: Hands, rng: random.Random) -> str | None:
    """Another's calldata under its own key: locks, ends and proofs belong to whoever presents them."""
    known = hands.stage.transactions()[-NEWEST:]
    if not known:
        return None
    one = rng.choice(known)
    said = hands.send_data(sorted(hands.keys)[0], one.to, one.data, blindly=rng.random() < 0.2)
    return f"repeats a call of {one.to[:8]}: {said}"


def overtakes_what_waits(hands: Hands, rng: random.Random) -> str | None:
    """The service's own call, seen before it is in a block, from another sender with a higher fee."""
    waiting = [one for one in hands.stage.pending() if one.to.lower() == hands.dvp.lower()]
    if not waiting:
        return None
    said = hands.send_data(sorted(hands.keys)[0], hands.dvp, rng.choice(waiting).data, blindly=True, tip=5)
    return f"overtakes a call that waits: {said}"


def comes_first(hands: Hands, rng: random.Random) -> str | None:
    """The end of a settlement, on the proof that lies on the board, before the service presents it."""
    return _presents(hands, rng, {OutcomeResult.PAID: "settle", OutcomeResult.NEVER: "giveBack"})


def records_paid_first(hands: Hands, rng: random.Random) -> str | None:
    """The same with `recordPaid`, so that a settle comes to what is paid already; or as a batch of one."""
    return _presents(hands, rng, {OutcomeResult.PAID: "recordPaid", OutcomeResult.NEVER: "giveBack"})


def _presents(hands: Hands, rng: random.Random, functions: dict[OutcomeResult, str]) -> str | None:
    lock = hands.a_lock(rng)
    if lock is None:
        return None
    left = hands.stage.board.attestations(lock.settlement)
    epoch = hands.stage.ledger.epoch(lock.order.movement.epoch)
    for result, function in functions.items():
        proof = build_proof(result, left, epoch, hands.market.network)
        if proof is not None:
            data = call_data("DvP", function, lock.leg, packed(proof))
            said = hands.send_data(sorted(hands.keys)[0], hands.dvp, data, tip=5)
            return f"{function} of {lock.settlement[:12]} before anyone else: {said}"
    return None


def asks_for_a_batch(hands: Hands, rng: random.Random) -> str | None:
    """Deliveries of what is locked, paid or not, as a batch on the board, mostly beside one that agents have spoken of
    already; and of the batches that a quorum signed the one with most to deliver, at once on the chain."""
    board, ledger, said = hands.stage.board, hands.stage.ledger, []
    locks = {one.settlement: one for one in hands.locks()}
    wanted = [one for one in locks.values() if not ledger.view(one.settlement, one.order).head.is_done]
    is_open = {one.settlement for one in wanted}.__contains__
    for batch in sorted(board.batches(), key=lambda one: -sum(map(is_open, one.settlements))):
        if not set(batch.settlements) <= locks.keys() or not any(map(is_open, batch.settlements)):
            continue
        epoch = ledger.epoch(batch.epoch)
        proof = build_batch_proof(batch, board.signatures_of(batch.id), epoch, hands.market.network)
        if proof is not None:
            legs = [locks[one].leg for one in batch.settlements]
            data = call_data("DvP", "settleBatch", legs, packed(proof))
            said.append(hands.send_data(sorted(hands.keys)[0], hands.dvp, data, tip=5))
            break  # one transaction at a time: the next has the same nonce
    spoken = [one for one in locks.values() if board.attestations(one.settlement)]
    silent = [one for one in wanted if one not in spoken]
    some = rng.sample(wanted, rng.randint(2, len(wanted))) if len(wanted) > 1 else []
    if spoken and silent and rng.random() < MIXED:
        some = [rng.choice(spoken), *rng.sample(silent, rng.randint(1, len(silent)))]
    if some:
        epoch_asked = some[0].order.movement.epoch
        settlements = tuple(one.settlement for one in some)
        board.ask_for(Batch(result=OutcomeResult.PAID, epoch=epoch_asked, settlements=settlements))
        said.append(f"asks for {len(settlements)} in one batch")
    return "; ".join(said) or None


def repeats_to_the_rtgs(hands: Hands, rng: random.Random) -> str | None:
    """The line repeats one of the service's or its agents' messages: the same bytes, the same sender."""
    known = hands.stage.told_rtgs()[-NEWEST:]
    if not known:
        return None
    sender, data = rng.choice(known)
    return f"the line repeats a message of {sender}: {_told(hands, data, sender)}"


def _told(hands: Hands, data: bytes, sender: Bic) -> str:
    def ask() -> None:
        hands.stage.tell_rtgs(data, sender)

    return answered(ask)


def passes_messages_off(hands: Hands, rng: random.Random) -> str | None:
    """Another's message, handed in at the RTGS under its own name."""
    known, doors = hands.stage.told_rtgs()[-NEWEST:], sorted(hands.doors)
    if not known or not doors:
        return None
    sender, data = rng.choice(known)
    own = rng.choice(doors)
    if own == sender:
        return None
    return f"{own} hands in a message of {sender}: {_told(hands, data, own)}"


def repeats_to_the_service(hands: Hands, rng: random.Random) -> str | None:
    """A participant's message once more, or with a byte of it changed."""
    known = hands.stage.submitted()
    if not known:
        return None
    data, changed = rng.choice(known), rng.random() < 0.5
    if changed:
        place = rng.randrange(len(data))
        data = data[:place] + bytes([data[place] ^ 1 << rng.randrange(7)]) + data[place + 1 :]
    header = _header(data)
    return f"repeats {header}{' with a bit changed' if changed else ''}: {hands.submit(data)}"


def _header(data: bytes) -> str:
    try:
        found = peek(data)
    except LockstepError:
        return "something"
    return found.message_id or "something" if found else "something"


def floods_the_door(hands: Hands, rng: random.Random) -> str | None:
    """What is no message, several times over."""
    kinds = (b"", b"<", b"<Document/>", rng.randbytes(64), b"<a>" * 200)
    pieces = rng.choices(kinds, k=rng.randint(2, 6))
    said = sorted({hands.submit(data).partition(":")[0] for data in pieces})
    return f"{len(pieces)} pieces of nothing at the service's door: {', '.join(said)}"


def floods_the_board(hands: Hands, rng: random.Random) -> str | None:
    """Signatures that are none, for settlements that are none and for one that is, under agents' names."""
    agents, lock = hands.stage.ledger.epoch().agents, hands.a_lock(rng)
    for _ in range(rng.randint(1, 4)):
        made_up = SettlementId(f"{rng.getrandbits(256):064x}")
        hands.stage.board.publish(
            Attestation(
                settlement_id=lock.settlement if lock is not None and rng.random() < 0.6 else made_up,
                result=rng.choice((OutcomeResult.PAID, OutcomeResult.NEVER)),
                epoch=rng.choice((1, 2, 2**31)),
                agent=rng.choice(agents),
                signature=rng.randbytes(64) + bytes([rng.choice((27, 28))]),
            )
        )
    return "signatures that are none, on the board"
