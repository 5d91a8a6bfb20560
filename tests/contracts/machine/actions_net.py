"""What actors send to DvP for cycles. One function a call of the contract; the docstring says who sends it."""

from .actions_dvp import BATCH_GAS, dvp, operator
from .deciding import awaited, proof_of
from .deciding_net import find_cycle, limits_of, new_cycle, presented_net, signatures_net, standing
from .market import Call
from .model_dvp import GRACE, LOCKED, NONE, PAID, RESULT_NEVER, RESULT_PAID
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
    if standing(stage, cycle) == PAID and stage.odds(0.7):
        net = presented_net(stage, cycle)
        return dvp(stage, operator(stage), "settleNet", cycle.id, net, b"", gas=BATCH_GAS)
    return proved(stage, "settleNet", cycle, RESULT_PAID)


@action(3, "dvp")
def record_paid_net(stage: Stage) -> Call | None:
    """Anyone, with a proof of PAID."""
    cycle = find_cycle(stage, LOCKED)
    return cycle and proved(stage, "recordPaidNet", cycle, RESULT_PAID)


@action(5, "dvp")
def give_back_net(stage: Stage) -> Call | None:
    """Anyone, with a proof of NEVER; liars try it on what was paid."""
    cycle = find_cycle(stage, LOCKED) if stage.odds(0.85) else find_cycle(stage, PAID)
    return cycle and proved(stage, "giveBackNet", cycle, RESULT_NEVER)


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
