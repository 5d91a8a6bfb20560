"""What happens around the contracts: time, replays, and hostile contracts that change their conduct."""

from dataclasses import replace
from typing import Any

from . import actions_dvp, actions_net
from .deciding import RESULT_NEVER, any_proof, known_truth, proof_of
from .deciding_net import place_of
from .evm import CHAIN_ID
from .market import Call
from .model_dvp import GRACE, LOCKED, PAID
from .table_of_actions import action
from .typed import Digests
from .world import DAY, MATURITY, Cycle, Stage

REPLAYED = 150
SILENT = 0
# Bytes of calldata that a token can keep within the gas of a call.
LONGEST = 3_000


@action(8)
def time(stage: Stage) -> None:
    """Time passes: often by minutes, now and then to the very edge of a deadline."""
    if stage.odds(0.6):
        stage.now += stage.pick(0, 1, 60, 3_600, 3_600)
    elif stage.odds(0.6):
        stage.now += stage.below(2 * DAY)
    else:
        edge = stage.dice.choice(edges(stage)) + stage.pick(-1, 0, 1)
        stage.now = max(stage.now, edge)
    stage.world.chain.now = stage.now


def edges(stage: Stage) -> list[int]:
    """The last seconds at which something may happen, or from which on."""
    dvp, found = stage.market.dvp, [stage.now + DAY]
    for order in stage.orders[-30:]:
        found.append(order.terms.lock_by)
        if dvp.lanes.get((order.movement.seller, order.movement.nonce)) == (LOCKED, order.id):
            found += [order.terms.pay_by, order.terms.pay_by + GRACE]
            found.append(dvp.long_stop_from(order.id))
    for cycle in stage.cycles[-20:]:
        found.append(cycle.gross.lock_by)
        if dvp.cycles.get(cycle.id, (0,))[0] in (LOCKED, PAID):
            found += [cycle.gross.pay_by, cycle.gross.pay_by + GRACE, dvp.long_stop_from(cycle.id)]
    if dvp.proposal:
        found.append(dvp.proposal[2])
    for hands in (stage.market.registry.hands, *(token.hands for token in stage.market.tokens.values())):
        found += list(hands.proposals.values())[-5:]
    if stage.odds(0.05):
        found.append(MATURITY)
    far = (MATURITY, (dvp.proposal or (0, 0, 0))[2])
    near = [one for one in found if stage.now < one and (one < stage.now + 12 * DAY or one in far)]
    return near or [stage.now]


@action(1)
def rename_chain(stage: Stage) -> None:
    """The chain changes its id, for good: where the run's world can, and seldom."""
    dvp = stage.market.dvp
    if stage.world.renames and not dvp.renamed and stage.odds(0.3):
        stage.world.name_chain(renamed=True)
        dvp.renamed, dvp.said = True, Digests("Lockstep DvP", CHAIN_ID, stage.world.dvp)


@action(8)
def replay(stage: Stage) -> Call | None:
    """A stranger sends again what was sent before, or its sender does."""
    if not stage.history:
        return None
    call = stage.dice.choice(stage.history[-REPLAYED:])
    return call if stage.odds(0.4) else replace(call, sender=stage.anyone())


@action(3)
def conduct_of_a_wallet(stage: Stage) -> Call:
    """A wallet contract turns, most often back to honesty."""
    wallet = stage.dice.choice(stage.world.contract_wallets)
    conduct = 0 if stage.odds(0.55) else stage.below(9)
    return Call(stage.world.address("stranger"), "HostileWallet", wallet, "become", (conduct,))


@action(4)
def conduct_of_a_token(stage: Stage) -> Call:
    """The hostile token turns, and prepares a call to send back in the middle of the next."""
    token = stage.world.hostile
    conduct = SILENT if stage.odds(0.5) else stage.below(8)
    payload = b""
    if stage.odds(0.6):
        built = sent_back(stage) if stage.odds(0.5) else stage.dice.choice(REENTERED)(stage)
        if built is not None and not asks_a_wallet(stage, built):
            payload = stage.data(built)
            payload = payload if len(payload) <= LONGEST else b""
            stage.market.payloads[payload] = built
    return Call(stage.world.address("stranger"), "HostileToken", token, "become", (conduct, payload))


def asks_a_wallet(stage: Stage, call: Call) -> bool:
    """Whether a wallet contract is asked: one that burns its gas leaves the calling token none of a batch's share to
    end with, which the model, counting no gas, does not foresee."""
    if call.function == "lockNet":
        return bool(set(call.arguments[0].parties) & stage.world.operators.keys())
    if call.function not in ("lock", "lockPart", "cancelOrder"):
        return False
    movement = call.arguments[0][0]
    return bool({movement[1], movement[2]} & stage.world.operators.keys())


def sent_back(stage: Stage) -> Call | None:
    """Ends a settlement of the token itself, with what is the truth of it: when it comes back, once too often."""
    token, lanes = stage.world.hostile, stage.market.dvp.lanes
    cycles = [one for one in stage.cycles[-20:] if token in one.gross.tokens and one.id in stage.market.dvp.cycles]
    if cycles and stage.odds(0.5):
        return cycle_sent_back(stage, stage.dice.choice(cycles))
    open_ = [
        one
        for one in stage.orders[-60:]
        if one.movement.token == token
        and lanes.get((one.movement.seller, one.movement.nonce)) in ((LOCKED, one.id), (PAID, one.id))
    ]
    if not open_:
        return None
    order = stage.dice.choice(open_)
    result = known_truth(stage, order.id)
    function = "giveBack" if result == RESULT_NEVER else stage.pick("settle", "settle", "recordPaid")
    arguments = (order.leg, any_proof(stage, order, result))
    return Call(stage.world.address("stranger"), "DvP", stage.world.dvp, function, arguments)


def cycle_sent_back(stage: Stage, cycle: Cycle) -> Call:
    result = known_truth(stage, cycle.id)
    function = "giveBackNet" if result == RESULT_NEVER else stage.pick("settleNet", "settleNet", "recordPaidNet")
    arguments: tuple[Any, ...] = (cycle.id, cycle.net, proof_of(stage, cycle.id, cycle.gross.epoch, result))
    if function != "recordPaidNet" and stage.odds(0.4):
        # Of its own security, once more, or of another one of the cycle.
        place, function = place_of(stage, cycle), f"{function}Of"
        arguments = (*arguments[:2], place, *(arguments[2:] if result == RESULT_NEVER else ()))
    return Call(stage.world.address("stranger"), "DvP", stage.world.dvp, function, arguments)


def overfills(stage: Stage, call: Call) -> bool:
    """Whether a batch gives a leg's token less gas than the cycle needs that the token would send back: the model
    counts no gas. Not sent then."""
    if call.function not in ("lockBatch", "settleBatch"):
        return False
    payloads = [stage.market.payloads.get(one.payload) for one in stage.market.hostile.values()]
    return any(one is not None and "Net" in one.function for one in payloads)


REENTERED = (
    actions_dvp.lock,
    actions_dvp.settle,
    actions_dvp.settle,
    actions_dvp.give_back,
    actions_dvp.give_back,
    actions_dvp.record_paid,
    actions_dvp.cancel_order,
    actions_dvp.lock_part,
    actions_dvp.confirm_long_stop,
    actions_net.lock_net,
    actions_net.lock_net,
    actions_net.settle_net,
    actions_net.give_back_net,
    actions_net.record_paid_net,
    actions_net.settle_net_of,
    actions_net.give_back_net_of,
)
