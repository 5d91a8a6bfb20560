"""Instants at which a rule turns: the schedule goes to one of them, or to the second before or after, on purpose.

Drawn at random, the clock hits such a second once in many runs. A day that nobody has done anything on yet is not
jumped over: there has to be something that the instant decides about.
"""

import random
from datetime import UTC, datetime, timedelta

from lockstep.app.officiating import Office
from lockstep.chain.desk import Desk
from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import Trade, TradeState
from lockstep.signing import Key
from lockstep.simulation.market import CLOSES, PAY_BY
from lockstep.simulation.world import World
from lockstep.testing.fakes import FakeTransactionLog

__all__ = ["due_instants", "may_be_stopped", "office", "stop_for_long"]

_OPEN = (PaymentState.HELD, PaymentState.PENDING)
_EARLIEST = 3
"""A day ends in the last two thirds of a run."""


def due_instants(world: World) -> dict[str, datetime]:
    """By kind of fault, the next instant that decides about something which is under way."""
    now, found = world.clock.now(), dict[str, datetime]()
    waiting = [one for one in world.open_trades() if one.order is not None and one.state is TradeState.MATCHED]
    by = [_instant(one) for one in waiting if _instant(one) > now]
    if by:
        found["lock-by"] = min(by)
    if world.faults.step * _EARLIEST > world.steps and _money_is_open(world):
        for kind, at in (("cut-off", PAY_BY), ("end-of-day", CLOSES)):
            found[kind] = world.clock.next_at(at)
    return found


def _instant(trade: Trade) -> datetime:
    assert trade.order is not None
    return datetime.fromtimestamp(trade.order.terms.lock_by, UTC)


def _money_is_open(world: World) -> bool:
    return any(one.state in _OPEN for one in world.facts().payments)


def may_be_stopped(world: World) -> bool:
    """Whether there is a lock whose money is under way, late in the run."""
    return world.faults.step * 2 > world.steps and bool(_stoppable(world))


def _stoppable(world: World) -> list[SettlementId]:
    """Open locks whose payment the RTGS has not booked: who stops one asks the RTGS first."""
    booked = {one.payment.settlement_id for one in world.facts().payments if one.state is PaymentState.BOOKED}
    locked = [
        one.settlement_id
        for one in world.open_trades()
        if one.state in (TradeState.LOCKED, TradeState.EARMARKED) and one.settlement_id not in booked
    ]
    return sorted(one for one in locked if one is not None)


def stop_for_long(world: World, how: random.Random) -> None:
    """Officer and confirmer end a lock by the long stop, as soon as they may or a second too early, while money for it
    is held or pending: the RTGS has not reached the end of the day, or is asleep. Agents and service go on between.
    """
    settlement = how.choice(_stoppable(world))
    try:
        officer, confirmer = (office(world, key) for key in (world.ground.roles.officer, world.ground.roles.confirmer))
        _go(world, str(officer.show_long_stop(settlement)["proposable_after"]), how)
        officer.propose_long_stop(settlement)
        for _ in range(how.randrange(6)):
            world.run(how.choice([name for name in world.cast if name != "rtgs" or how.random() < 0.3]))
        if settlement not in _stoppable(world):
            world.timeline.tell("officer", f"leaves {settlement[:12]} alone: it is paid, or has ended")
            return
        confirmable = confirmer.show_long_stop(settlement)["confirmable_after"]
        if confirmable is None:  # ended by others, or the block that had it was replaced
            world.timeline.tell("officer", f"leaves {settlement[:12]} alone: no long stop of it is proposed any more")
            return
        _go(world, str(confirmable), how)
        confirmer.confirm_long_stop(settlement)
        world.timeline.tell("officer", f"ends {settlement[:12]} with the confirmer by the long stop")
    except LockstepError as error:
        world.timeline.tell("officer", f"does not end {settlement[:12]} by the long stop: {error}")


def _go(world: World, text: str, how: random.Random) -> None:
    instant = datetime.fromisoformat(text).astimezone(UTC)
    world.clock.move_to(instant + timedelta(seconds=how.choice((-1, 0, 1, 1, 1))))
    world.chain.mine()


def office(world: World, key: Key) -> Office:
    """One of the roles at its desk, with a node that nothing is wrong with."""
    node = world.stage.node
    return Office(market=world.market, node=node, desk=Desk(node, key, FakeTransactionLog(), poll=world.chain.mine))
