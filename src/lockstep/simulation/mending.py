"""What people do at the end about what the service does not end: it lost the record of a lock, or the RTGS told it two
stories of a payment and it halted.

Agents end what the RTGS decided, and anyone may carry their proof to the contract. Where the RTGS never heard of the
payment there is no proof; then officer and confirmer end the lock by the long stop, which is slow on purpose. Where two
stories were told and nothing is locked, people ask the RTGS, and tell the service that the payment was never booked.
"""

from datetime import UTC, datetime, timedelta

from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.sender import Sender
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Order, OutcomeResult
from lockstep.domain.payment import PaymentState
from lockstep.flow.deciding import decide_never
from lockstep.flow.halting import accept
from lockstep.signing import build_proof
from lockstep.simulation.actors_hands import key_of
from lockstep.simulation.boundaries import office
from lockstep.simulation.ground import DEPTH
from lockstep.simulation.world import World, is_halted
from lockstep.store import SqlChainEvents
from lockstep.testing.fakes import FakeTransactionLog

__all__ = ["decide_on_halts", "end_what_is_left"]

ENDED = ("Settled", "GivenBack")


def decide_on_halts(world: World, *, at_once: bool) -> bool:
    """Accepts what the chain is now, for the service to go on: some steps after it halted, or at once."""
    if world.miner.deepest <= DEPTH:
        return False
    events = SqlChainEvents(world.ground.engines["door"], world.market.network)
    if not events.halts():
        world.decide_at = 0
        return False
    if not world.decide_at:
        world.decide_at = world.faults.step + world.streams.stream("halted", world.faults.step).randint(1, 30)
    if not at_once and world.faults.step < world.decide_at:
        return False
    with world.faults.paused():
        found = accept(world.door.book(), events, world.door.clock, "operations", "the chain is looked at")
    world.timeline.tell("people", f"accept {len(found)} deep reorganisations: the service goes on")
    return True


def end_what_is_left(world: World) -> bool:
    """Ends each lock that nobody works on any more, and decides on two stories of what is not locked; True if there was
    one."""
    decided = [_decided(world, one) for one in _told_twice(world)]
    left = _left(world)
    for settlement, order in left.items():
        if not _proven(world, settlement, order):
            _long_stop(world, settlement)
    return bool(left) or any(decided)


def _told_twice(world: World) -> list[SettlementId]:
    """Settlements without a lock that the RTGS told two stories of, and that a trade waits for."""
    book, ledger, found = world.door.book(), world.stage.ledger, dict[SettlementId, None]()
    for trade in filter(is_halted, world.open_trades()):
        for one in (trade.settlement_id, *book.unclaimed(trade.terms.salt)):
            view = None if one is None else book.cash_view(one)
            if one is None or view is None or view.contradiction is None:
                continue
            if not any(event.name == "Locked" for event in ledger.history(one)):
                found[one] = None
    return list(found)


def _decided(world: World, settlement: SettlementId) -> bool:
    """Asks the RTGS, and says so where it has nothing booked and nothing that it may book yet."""
    states = {one.state for one in world.facts().payments if one.payment.settlement_id == settlement}
    if not all(one.is_never for one in states):
        return False
    with world.faults.paused():
        book, clock = world.door.book(), world.door.clock
        decide_never(book, world.stage.ledger, clock, settlement, "operations", "the RTGS was asked")
    world.timeline.tell("people", f"decide that {settlement[:12]} is never paid")
    return True


def _left(world: World) -> dict[SettlementId, Order]:
    """Locks without an end, of settlements that the service is not at, or has halted, by id."""
    ledger, found = world.stage.ledger, {}
    known = {one.settlement_id for one in world.trades() if not one.state.is_end and not is_halted(one)}
    for settlement in sorted(ledger.locked()):
        history = ledger.history(settlement)
        order = next((event.order for event in history if event.order is not None), None)
        if order is not None and settlement not in known and not any(event.name in ENDED for event in history):
            found[settlement] = order
    return found


def _proven(world: World, settlement: SettlementId, order: Order) -> bool:
    """Carries the agents' proof to the contract, if they made one."""
    stage, network = world.stage, world.market.network
    sender = Sender(stage.node, key_of(stage.roles, "anybody"), FakeTransactionLog(), lambda _: None)
    ledger = EvmAssetLedger(stage.node, network, sender)
    words, epoch = stage.board.attestations(settlement), ledger.epoch(order.movement.epoch)
    for result, act in ((OutcomeResult.PAID, ledger.settle), (OutcomeResult.NEVER, ledger.give_back)):
        proof = build_proof(result, words, epoch, network)
        if proof is not None:
            act(settlement, order, proof)
            world.mine()
            world.timeline.tell("anybody", f"ends {settlement[:12]} on the agents' proof of {result.name}")
            return True
    return False


def _long_stop(world: World, settlement: SettlementId) -> None:
    """The two roles, having asked the RTGS: what it booked, or may book yet, they leave alone."""
    payment = next((one for one in world.facts().payments if one.payment.settlement_id == settlement), None)
    if payment is not None and payment.state in (PaymentState.BOOKED, PaymentState.HELD, PaymentState.PENDING):
        return
    officer, confirmer = office(world, world.ground.roles.officer), office(world, world.ground.roles.confirmer)
    shown = officer.show_long_stop(settlement)
    if shown["confirmable_after"] is None:  # else it was proposed while things went wrong
        _wait_until(world, str(shown["proposable_after"]))
        officer.propose_long_stop(settlement)
    _wait_until(world, str(officer.show_long_stop(settlement)["confirmable_after"]))
    confirmer.confirm_long_stop(settlement)
    world.timeline.tell("officer", f"ends {settlement[:12]} with the confirmer by the long stop")


def _wait_until(world: World, text: str) -> None:
    instant = datetime.fromisoformat(text).astimezone(UTC) + timedelta(seconds=1)
    world.clock.move_to(instant)
    world.run("rtgs")  # its days go on
    world.mine()
