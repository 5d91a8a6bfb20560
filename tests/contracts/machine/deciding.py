"""How actors find orders, sign and prove: mostly as they should, now and then not."""

from dataclasses import replace
from typing import Any

from .model_dvp import NONE, Movement, Terms
from .model_proofs import Epoch
from .typed import Key, compact, high_s
from .world import DAY, NOBODY, Order, Stage

__all__ = [
    "any_proof",
    "awaited",
    "batch_proof",
    "find",
    "known_truth",
    "new_order",
    "next_epoch",
    "part_signature",
    "proof_by",
    "proof_of",
    "signature_of",
    "signatures",
    "signed",
]

REMEMBERED = 60
RESULT_PAID, RESULT_NEVER = 1, 2
WHOLE = b"\0" * 32
SHAPES = ((4, 3, 1), (3, 2, 0), (1, 1, 0), (7, 5, 2), (4, 4, 3), (8, 6, 3))
UNSAFE = ((4, 2, 1), (0, 0, 0), (9, 6, 2), (3, 4, 0))


def new_order(stage: Stage, group: bytes = WHOLE, divisible: float = 0.35) -> Order:
    """Most often an order that can be locked now; one in seven breaks a rule."""
    world, roll = stage.world, stage.dice.random()
    token = world.token if roll < 0.6 else world.other_token if roll < 0.82 else world.hostile
    if stage.market.tokens[world.token].successor and roll > 0.94:
        token = world.next_token
    able = [one for one in world.wallets if stage.market.registry.may_act(one, stage.now)]
    seller, buyer = stage.dice.sample(able if len(able) > 1 and stage.odds(0.9) else world.wallets, 2)
    ledger = stage.market.tokens.get(token)
    quantity = 1 + stage.below(min(ledger.free(seller) if ledger else 50, 2_000))
    nonce = stage.counters[seller] = stage.counters.get(seller, -1) + 1
    movement = Movement(token, seller, buyer, quantity, stage.market.dvp.current, nonce)
    lock_by = stage.now + stage.below(3 * DAY)
    pay_by = lock_by + stage.below(8 * DAY)
    lot = 1 + stage.below(max(1, quantity // 3)) if stage.odds(divisible) else 0
    terms = Terms(stage.dice.randbytes(32), 0, lot, group, stage.dice.randbytes(32), lock_by, pay_by)
    if stage.odds(0.14):
        movement, terms = _spoilt(stage, movement, terms)
    return stage.order(movement, terms)


def _spoilt(stage: Stage, movement: Movement, terms: Terms) -> tuple[Movement, Terms]:
    world, dvp = stage.world, stage.market.dvp
    ledger = stage.market.tokens.get(movement.token)
    free = ledger.free(movement.seller) if ledger else 0
    on_movement: list[dict[str, Any]] = [
        {"token": stage.pick(NOBODY, world.address("collateral"))},
        {"buyer": movement.seller},
        {"seller": world.address("stranger")},
        {"buyer": stage.pick(world.address("stranger"), NOBODY)},
        {"quantity": stage.pick(0, free, free + 1, 2**64 - 1, 2**60)},
        {"epoch": stage.pick(0, dvp.current + 1, max(dvp.current - 1, 0), 2**32 - 1)},
        {"nonce": stage.pick(0, 1, 2**64 - 1, 2**63, 2**63 - 1, 2**39 - 1, 2**39, max(movement.nonce - 1, 0))},
    ]
    on_terms: list[dict[str, Any]] = [
        {"lock_by": stage.pick(stage.now, stage.now - 1, terms.pay_by + 1, 2**40 - 1)},
        {
            "pay_by": stage.pick(
                terms.lock_by - 1, stage.now + 30 * DAY, stage.now + 30 * DAY + 1, 2**40 - 1, terms.lock_by
            )
        },
        {"part": stage.pick(1, 2**32 - 1)},
        {"group": stage.dice.randbytes(32)},
    ]
    choice = stage.below(len(on_movement) + len(on_terms))
    if choice < len(on_movement):
        return movement._replace(**on_movement[choice]), terms
    return movement, terms._replace(**on_terms[choice - len(on_movement)])


def status_of(stage: Stage, order: Order) -> int:
    """Of this very settlement, by the model."""
    status, kept = stage.market.dvp.lanes.get((order.movement.seller, order.movement.nonce), (NONE, order.id))
    return status if kept == order.id else NONE


def find(stage: Stage, *statuses: int) -> Order | None:
    """An order of the run, most often one whose settlement stands at one of `statuses`."""
    recent = stage.orders[-REMEMBERED:]
    if not recent:
        return None
    if stage.odds(0.93):
        fitting = [one for one in recent if status_of(stage, one) in statuses]
        if not fitting and stage.odds(0.8):
            return None
        recent = fitting or recent
    return recent[stage.below(len(recent))]


def awaited(stage: Stage, function: str) -> Any:
    """What the hostile token waits for: the first argument of the call that it would send back, if it is this one."""
    for hostile in stage.market.hostile.values():
        call = stage.market.payloads.get(hostile.payload)
        if call is not None and call.function == function:
            return call.arguments[0]
    return None


# Parties


def signatures(stage: Stage, order: Order) -> tuple[bytes, bytes]:
    """The seller's and the buyer's over the order's id."""
    both = [signature_of(stage, party, order.id) for party in (order.movement.seller, order.movement.buyer)]
    return both[0], both[1]


def signed(stage: Stage, order: Order) -> tuple[Any, bytes, bytes]:
    """The struct SignedOrder."""
    return (order.words, *signatures(stage, order))


def part_signature(stage: Stage, order: Order, part: int, quantity: int) -> bytes:
    """The seller's word that this much is to go now; now and then of another part."""
    told = quantity + 1 if stage.odds(0.03) else quantity
    return signature_of(stage, order.movement.seller, stage.market.dvp.digests.part(order.id, part, told))


def signature_of(stage: Stage, party: str, digest: bytes) -> bytes:
    if party == NOBODY:
        return bytes(65)
    good = stage.sign(party, digest)
    if stage.odds(0.96):
        return good
    raw = stage.keyring.sign(stage.key_of(party), digest)
    return bytes(
        stage.pick(
            b"",
            good[:-1],
            good + b"\0",
            good[:5] + bytes([good[5] ^ 1]) + good[6:],
            raw if party in stage.world.operators else high_s(raw),
            stage.sign(stage.wallet(), digest),
            stage.sign(party, stage.dice.randbytes(32)),
            compact(raw),
        )
    )


# Agents


def keys_of(stage: Stage, epoch: Epoch) -> list[Key]:
    found = {key.address: key for key in (*stage.world.agents, *stage.world.outsiders)}
    return [found[one] for one in epoch.agents]


def known_truth(stage: Stage, id_: bytes) -> int:
    """What the payment system says of this settlement: one outcome, for good."""
    return stage.truth.setdefault(id_, RESULT_PAID if stage.odds(0.62) else RESULT_NEVER)


def proof_by(stage: Stage, digest: bytes, epoch: Epoch, signers: list[int], quorum: int | None = None) -> bytes:
    """The proof that these of the epoch's agents give."""
    keys = keys_of(stage, epoch)
    head = bytes([epoch.quorum if quorum is None else quorum, sum(1 << i for i in signers)])
    given = b"".join(compact(stage.keyring.sign(keys[i], digest)) for i in sorted(signers))
    absent = b"".join(bytes.fromhex(one[2:]) for i, one in enumerate(epoch.agents) if i not in signers)
    return head + given + absent


def honest(stage: Stage, digest: bytes, epoch: Epoch) -> bytes:
    count = len(epoch.agents)
    size = epoch.quorum + stage.below(count - epoch.quorum + 1)
    return proof_by(stage, digest, epoch, stage.dice.sample(range(count), size))


def forged(stage: Stage, digest: bytes, epoch: Epoch) -> bytes:
    """What fewer liars than are tolerated, outsiders and strangers can make of a lie: never a proof."""
    count = len(epoch.agents)
    liars = list(range(epoch.faulty))
    truth = honest(stage, stage.dice.randbytes(32), epoch)
    kind = stage.below(8)
    if kind == 0:
        return proof_by(stage, digest, epoch, liars)
    if kind == 1:
        return proof_by(stage, digest, epoch, liars, quorum=len(liars))
    if kind == 2:
        # Each liar signs twice, in another's place.
        body = proof_by(stage, digest, epoch, liars)[2 : 2 + 64 * len(liars)]
        return bytes([epoch.quorum, 2 ** (2 * len(liars)) - 1 & 255]) + body * 2
    if kind == 3:
        return truth
    if kind == 4:
        return truth[: stage.below(len(truth))]
    if kind == 5:
        return truth + bytes(stage.pick(1, 20, 64))
    if kind == 6:
        others = replace(epoch, agents=tuple(key.address for key in stage.world.outsiders[:count]))
        return proof_by(stage, digest, others, list(range(count)))
    return bytes([epoch.quorum, stage.below(256)]) + stage.dice.randbytes(64 * epoch.quorum + 20 * stage.below(4))


def any_proof(stage: Stage, order: Order, result: int) -> bytes:
    return proof_of(stage, order.id, order.movement.epoch, result)


def proof_of(stage: Stage, id_: bytes, number: int, result: int) -> bytes:
    """A quorum's proof if `result` is the truth, else what liars can make."""
    dvp = stage.market.dvp
    epoch = dvp.epochs.get(number, dvp.epochs[dvp.current])
    digest = dvp.said.outcome(id_, result, number)
    true = known_truth(stage, id_) == result and number in dvp.epochs
    return honest(stage, digest, epoch) if true and stage.odds(0.95) else forged(stage, digest, epoch)


def batch_proof(stage: Stage, orders: list[Order], of: list[Order]) -> bytes:
    """Over the ids of `of`, by honest agents only if each was paid; never more than was asked of them."""
    dvp = stage.market.dvp
    number = orders[0].movement.epoch
    epoch = dvp.epochs.get(number, dvp.epochs[dvp.current])
    digest = dvp.said.outcomes([one.id for one in of], RESULT_PAID, number)
    true = number in dvp.epochs and all(known_truth(stage, one.id) == RESULT_PAID for one in of)
    return honest(stage, digest, epoch) if true else forged(stage, digest, epoch)


def next_epoch(stage: Stage) -> Epoch:
    """Agents, quorum and roles: most often such that they may serve."""
    at = stage.world.address
    count, quorum, faulty = stage.pick(*SHAPES) if stage.odds(0.9) else stage.pick(*UNSAFE)
    agents = sorted(key.address for key in stage.dice.sample(stage.world.agents, count))
    if stage.odds(0.05) and count > 1:
        agents[0] = agents[1]
    officer, confirmer = stage.dice.sample(
        [at(one) for one in ("dvp_officer", "dvp_confirmer", "spare 2", "spare 3")], 2
    )
    if stage.odds(0.05):
        officer = stage.pick(confirmer, "0x" + "00" * 20, *agents)
    return Epoch(tuple(agents), quorum, faulty, officer, confirmer)
