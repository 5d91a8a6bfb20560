"""What actors send to DvP for cycles. One function a call of the contract; the docstring says who sends it."""

from .actions_dvp import BATCH_GAS, dvp, operator
from .deciding import awaited, proof_of
from .deciding_net import find_cycle, limits_of, new_cycle, place_of, presented_net, signatures_net, standing
from .market import Call
from .model_dvp import GIVEN_BACK, GRACE, LOCKED, NONE, PAID, RESULT_NEVER, RESULT_PAID, SETTLED
from .table_of_actions import action
from .world import Cycle, Stage


@action(12, "dvp")
def lock_net(stage: Stage) -> Call:
    """Anyone, with all parties' signatures."""
    cycle = (find_cycle(stage, NONE) if stage.odds(0.2) else None) or new_cycle(stage)
    limits = limits_of(stage, cycle)
    signed = signatures_net(stage, cycle, limits)
    return dvp(stage, operator(stage), "lockNet", cycle.gross, limits, signed, gas=BATCH_GAS)


def proved(stage: Stage, function: str, cycle: Cycle, result: int) -> Call:
    """With a quorum's proof if `result` is the truth, else with what liars can make."""
    proof = proof_of(stage, cycle.id, cycle.gross.epoch, result)
    return dvp(stage, operator(stage), function, cycle.id, presented_net(stage, cycle), proof, gas=BATCH_GAS)


@action(7, "dvp")
def settle_net(stage: Stage) -> Call | None:
    """Anyone, with a proof of PAID, or none where it is recorded; often just what a hostile token waits for."""
    id_ = awaited(stage, "settleNet") if stage.odds(0.5) else None
    cycle = next((one for one in reversed(stage.cycles) if one.id == id_), None) or find_cycle(stage, LOCKED, PAID)
    if cycle is None:
        return None
    if standing(stage, cycle) == PAID and cycle.id[0] % 2 and stage.odds(0.97):
        # Forgotten, until it may be delivered security by security.
        return None
    if standing(stage, cycle) == PAID and stage.odds(0.7):
        net = presented_net(stage, cycle)
        return dvp(stage, operator(stage), "settleNet", cycle.id, net, b"", gas=BATCH_GAS)
    return proved(stage, "settleNet", cycle, RESULT_PAID)


@action(5, "dvp")
def record_paid_net(stage: Stage) -> Call | None:
    """Anyone, with a proof of PAID."""
    cycle = find_cycle(stage, LOCKED)
    return cycle and proved(stage, "recordPaidNet", cycle, RESULT_PAID)


@action(5, "dvp")
def give_back_net(stage: Stage) -> Call | None:
    """Anyone, with a proof of NEVER; liars try it on what was paid."""
    cycle = find_cycle(stage, LOCKED) if stage.odds(0.85) else find_cycle(stage, PAID)
    return cycle and proved(stage, "giveBackNet", cycle, RESULT_NEVER)


def in_part(stage: Stage, function: str, status: int) -> Cycle | None:
    """One that stands so with securities left; often the one that a hostile token waits for."""
    left, id_ = stage.market.dvp.left, awaited(stage, function)
    found = [one for one in stage.cycles if one.id == id_]
    found = found or [one for one in stage.cycles if left.get(one.id) and standing(stage, one) == status]
    return stage.dice.choice(found) if found and stage.odds(0.6) else None


@action(6, "dvp")
def settle_net_of(stage: Stage) -> Call | None:
    """Anyone, long after `payBy` of a cycle whose PAID is recorded; or where it is begun."""
    late = [one for one in stage.cycles if standing(stage, one) == PAID and one.gross.pay_by + GRACE < stage.now]
    cycle = in_part(stage, "settleNetOf", SETTLED) or (stage.dice.choice(late) if late else None)
    cycle = cycle or find_cycle(stage, PAID if stage.odds(0.7) else SETTLED)
    if cycle is None:
        return None
    net = presented_net(stage, cycle)
    return dvp(stage, operator(stage), "settleNetOf", cycle.id, net, place_of(stage, cycle), gas=BATCH_GAS)


@action(4, "dvp")
def give_back_net_of(stage: Stage) -> Call | None:
    """Anyone, with a proof of NEVER, or the confirmer, after the challenge; the rest anyone, without."""
    model = stage.market.dvp
    cycle = in_part(stage, "giveBackNetOf", GIVEN_BACK) or find_cycle(stage, LOCKED if stage.odds(0.8) else GIVEN_BACK)
    if cycle is None:
        return None
    sender, proof = operator(stage), b""
    if standing(stage, cycle) == LOCKED and cycle.id in model.long_stop and stage.odds(0.8):
        sender = stage.rightly(model.epochs[model.current].confirmer)
    elif standing(stage, cycle) != GIVEN_BACK or stage.odds(0.2):
        proof = proof_of(stage, cycle.id, cycle.gross.epoch, RESULT_NEVER)
    net, place = presented_net(stage, cycle), place_of(stage, cycle)
    return dvp(stage, sender, "giveBackNetOf", cycle.id, net, place, proof, gas=BATCH_GAS)


@action(5, "dvp")
def propose_net_long_stop(stage: Stage) -> Call | None:
    """The officer, long after `payBy`."""
    model = stage.market.dvp
    late = [
        one for one in stage.cycles if one.gross.pay_by + GRACE < stage.now and standing(stage, one) in (LOCKED, PAID)
    ]
    late = [one for one in late if not model.long_stop_from(one.id) or stage.odds(0.2)]
    cycle = stage.dice.choice(late) if late and stage.odds(0.9) else find_cycle(stage, LOCKED)
    sender = stage.rightly(model.epochs[model.current].officer)
    return cycle and dvp(stage, sender, "proposeNetLongStop", cycle.id, presented_net(stage, cycle))


@action(5, "dvp")
def confirm_net_long_stop(stage: Stage) -> Call | None:
    """The confirmer, after the challenge."""
    model = stage.market.dvp
    proposed = [one for one in stage.cycles if one.id in model.long_stop and standing(stage, one) in (LOCKED, PAID)]
    ripe = [one for one in proposed if 0 < model.long_stop_from(one.id) < stage.now] or proposed
    cycle = stage.dice.choice(ripe) if ripe and stage.odds(0.9) else find_cycle(stage, LOCKED)
    sender = stage.rightly(model.epochs[model.current].confirmer)
    return cycle and dvp(stage, sender, "confirmNetLongStop", cycle.id, presented_net(stage, cycle))
