"""What actors send to DvP. One function a call of the contract; the docstring says who sends it."""

from dataclasses import astuple, replace
from typing import Any

from .deciding import (
    any_proof,
    awaited,
    batch_proof,
    find,
    forged,
    honest,
    known_truth,
    new_order,
    next_epoch,
    part_signature,
    signatures,
    signed,
    status_of,
)
from .market import Call
from .model_dvp import GRACE, IN_PARTS, LOCKED, NONE, PAID, nonce_of_part
from .table_of_actions import action
from .typed import Digests
from .world import Order, Stage

BATCH_GAS = 20_000_000


def dvp(stage: Stage, sender: str, function: str, *arguments: Any, gas: int = 3_000_000) -> Call:
    return Call(sender, "DvP", stage.world.dvp, function, arguments, gas)


def operator(stage: Stage) -> str:
    """Anyone may submit; most often the service does."""
    return stage.world.address("operator") if stage.odds(0.8) else stage.anyone()


def lockable(stage: Stage) -> Order:
    found = find(stage, NONE) if stage.odds(0.25) else None
    return found or new_order(stage)


@action(14)
def lock(stage: Stage) -> Call:
    """Anyone, with both parties' signatures."""
    order = lockable(stage)
    return dvp(stage, operator(stage), "lock", order.words, *signatures(stage, order))


def group_of(stage: Stage) -> list[Order]:
    """Orders that name each other."""
    drafts = [new_order(stage, divisible=0) for _ in range(2 + stage.below(3))]
    del stage.orders[-len(drafts) :]
    group = stage.market.dvp.digests.group([one.movement for one in drafts])
    if stage.odds(0.06):
        group = stage.dice.randbytes(32)
    return [stage.order(one.movement, one.terms._replace(group=group)) for one in drafts]


def legs_of(stage: Stage, orders: list[Order]) -> list[Any]:
    legs = [signed(stage, one) for one in orders]
    if stage.odds(0.12) and legs:
        mischief = stage.below(3)
        if mischief == 0:
            del legs[stage.below(len(legs))]
        elif mischief == 1:
            legs.append(legs[stage.below(len(legs))])
        else:
            stage.dice.shuffle(legs)
    return legs


@action(3)
def lock_group(stage: Stage) -> Call:
    """Anyone: all of a group or none."""
    orders = group_of(stage) if stage.odds(0.95) else []
    return dvp(stage, operator(stage), "lockGroup", legs_of(stage, orders), gas=BATCH_GAS)


@action(4)
def lock_batch(stage: Stage) -> Call:
    """Anyone: what can be locked of these."""
    orders = [lockable(stage) for _ in range(stage.below(4))]
    if stage.odds(0.4):
        orders += group_of(stage)
    if stage.odds(0.3):
        orders += [lockable(stage) for _ in range(stage.below(3))]
    return dvp(stage, operator(stage), "lockBatch", legs_of(stage, orders), gas=BATCH_GAS)


@action(7)
def lock_part(stage: Stage) -> Call:
    """Anyone, with the signatures over the whole order and the seller's over the part; the seller without the last."""
    order = find(stage, IN_PARTS) if stage.odds(0.55) else None
    order = order or new_order(stage, divisible=0.93)
    left = order.movement.quantity - stage.market.dvp.in_parts.get(order.id, 0)
    lot = order.terms.minimum_lot
    part = (
        1 + stage.below(6) + 1_000 * stage.below(4) if stage.odds(0.94) else stage.pick(0, 2**24 - 1, 2**24, 2**32 - 1)
    )
    quantity = stage.pick(lot, left, min(left, lot + stage.below(max(1, left - lot + 1))))
    if stage.odds(0.12):
        quantity = stage.pick(0, max(lot - 1, 0), min(left + 1, 2**64 - 1), 2**64 - 1)
    child = order.movement._replace(quantity=quantity, nonce=nonce_of_part(order.movement.nonce, part) % 2**64)
    sender = order.movement.seller if stage.odds(0.3) else operator(stage)
    told = part_signature(stage, order, part, quantity) if sender != order.movement.seller or stage.odds(0.3) else b""
    call = dvp(stage, sender, "lockPart", order.words, part, quantity, *signatures(stage, order), told)
    stage.order(child, order.terms._replace(part=part, minimum_lot=0))
    return call


@action(4)
def cancel_order(stage: Stage) -> Call:
    """The seller; or the buyer with the seller's signature."""
    order = (find(stage, IN_PARTS, NONE) if stage.odds(0.6) else None) or new_order(stage)
    seller, _ = signatures(stage, order)
    sender = stage.rightly(stage.pick(order.movement.seller, order.movement.buyer))
    return dvp(stage, sender, "cancelOrder", order.words, seller if stage.odds(0.9) else b"")


def presented(stage: Stage, order: Order) -> Any:
    """The struct Leg; now and then not what was locked."""
    if stage.odds(0.97):
        return order.leg
    movement, terms = order.movement, order.terms
    return stage.pick(
        (movement, stage.dice.randbytes(32)),
        (movement._replace(quantity=movement.quantity ^ 1), order.leg[1]),
        (movement._replace(buyer=stage.wallet()), order.leg[1]),
        (movement._replace(token=stage.world.other_token), order.leg[1]),
        (movement, Digests.terms(terms._replace(pay_by=0))),
        (movement._replace(nonce=movement.nonce ^ 1), order.leg[1]),
    )


@action(12)
def settle(stage: Stage) -> Call | None:
    """Anyone, with a proof of PAID, or none where it is recorded; often just what a hostile token waits for."""
    leg = awaited(stage, "settle") if stage.odds(0.5) else None
    order = next((one for one in reversed(stage.orders) if one.leg == leg), None) or find(stage, LOCKED, PAID)
    if order is None:
        return None
    recorded = status_of(stage, order) == PAID
    proof = b"" if recorded and stage.odds(0.7) else any_proof(stage, order, 1)
    return dvp(stage, operator(stage), "settle", presented(stage, order), proof)


@action(5)
def settle_batch(stage: Stage) -> Call | None:
    """Anyone, with one proof for all."""
    chosen = {one.id: one for one in (find(stage, LOCKED, PAID) for _ in range(stage.below(7))) if one}
    orders = [one for one in chosen.values() if known_truth(stage, one.id) == 1 or stage.odds(0.02)]
    if orders and stage.odds(0.95):
        orders = [one for one in orders if one.movement.epoch == orders[0].movement.epoch]
    of = list(orders)
    if orders and stage.odds(0.08):
        of = orders[::-1] if stage.odds(0.5) else orders[1:]
    proof = batch_proof(stage, orders, of) if orders else b""
    legs = [presented(stage, one) if stage.odds(0.2) else one.leg for one in orders]
    if legs and stage.odds(0.05):
        legs.append(legs[0])
    return dvp(stage, operator(stage), "settleBatch", legs, proof, gas=BATCH_GAS)


@action(4)
def record_paid(stage: Stage) -> Call | None:
    """Anyone, with a proof of PAID."""
    order = find(stage, LOCKED)
    return order and dvp(stage, operator(stage), "recordPaid", presented(stage, order), any_proof(stage, order, 1))


@action(7)
def give_back(stage: Stage) -> Call | None:
    """Anyone, with a proof of NEVER; liars try it on what was paid."""
    order = find(stage, LOCKED) if stage.odds(0.9) else find(stage, PAID)
    return order and dvp(stage, operator(stage), "giveBack", presented(stage, order), any_proof(stage, order, 2))


@action(4)
def propose_long_stop(stage: Stage) -> Call | None:
    """The officer, long after `payBy`."""
    dvp_ = stage.market.dvp
    late = [one for one in stage.orders if one.terms.pay_by + GRACE < stage.now and status_of(stage, one) == LOCKED]
    late = [one for one in late if not dvp_.long_stop_from(one.id) or stage.odds(0.2)]
    order = stage.dice.choice(late) if late and stage.odds(0.9) else find(stage, LOCKED)
    officer = stage.market.dvp.epochs[stage.market.dvp.current].officer
    return order and dvp(stage, stage.rightly(officer), "proposeLongStop", order.words)


@action(4)
def confirm_long_stop(stage: Stage) -> Call | None:
    """The confirmer, after the challenge."""
    long_stop, from_ = stage.market.dvp.long_stop, stage.market.dvp.long_stop_from
    proposed = [one for one in stage.orders if one.id in long_stop and status_of(stage, one) == LOCKED]
    ripe = [one for one in proposed if 0 < from_(one.id) < stage.now] or proposed
    order = stage.dice.choice(ripe) if ripe and stage.odds(0.9) else find(stage, LOCKED)
    confirmer = stage.market.dvp.epochs[stage.market.dvp.current].confirmer
    return order and dvp(stage, stage.rightly(confirmer), "confirmLongStop", presented(stage, order))


@action(1)
def rotate(stage: Stage) -> Call:
    """Anyone, with a proof of the present agents."""
    model = stage.market.dvp
    next_ = next_epoch(stage)
    number = model.current + 1 if stage.odds(0.95) else model.current
    digest = model.said.rotation(number, *astuple(next_))
    agents = model.epochs[model.current]
    if stage.odds(0.1):
        agents = model.epochs[1 + stage.below(model.current)]
    proof = honest(stage, digest, agents) if stage.odds(0.75) else forged(stage, digest, agents)
    return dvp(stage, operator(stage), "rotate", astuple(next_), proof)


@action(1)
def propose_rotation(stage: Stage) -> Call | None:
    """The officer."""
    model = stage.market.dvp
    if model.proposal and model.proposal[0] == model.current + 1 and stage.odds(0.85):
        return None
    sender = stage.rightly(model.epochs[model.current].officer)
    return dvp(stage, sender, "proposeRotation", astuple(next_epoch(stage)))


@action(1)
def confirm_rotation(stage: Stage) -> Call:
    """The confirmer, after the delay."""
    model = stage.market.dvp
    next_ = model.proposal[1] if model.proposal and stage.odds(0.9) else next_epoch(stage)
    if stage.odds(0.05):
        next_ = replace(next_, quorum=max(0, next_.quorum - 1))
    return dvp(stage, stage.rightly(model.epochs[model.current].confirmer), "confirmRotation", astuple(next_))
