"""At the end, with faults off, everything pledged goes back to who gave it, and no taker has to agree (C5, I12).

In one half of the runs valuers say that nothing is owed, and each giver takes back its own, leaves first. In the other
valuers are silent for good: officer and confirmer end each pledge by the long stop, after its term.
"""

import random
from datetime import UTC, datetime, timedelta

from lockstep.chain.ledger import call_data
from lockstep.domain.collateral.calls import ConfirmLongStopCall, ProposeLongStopCall, ReleaseExcessCall
from lockstep.domain.collateral.register import PledgeId, Valuation
from lockstep.signing import call_bytes
from lockstep.simulation.actors_hands import Hands, stranger
from lockstep.simulation.collateral_hands import CARRIERS, QUORUM, REGISTER, VALUERS, Desk, proof_of, valuation_words
from lockstep.simulation.world import World

__all__ = ["give_all_back"]

GRACE, CHALLENGE = timedelta(days=5), timedelta(days=2)


def give_all_back(world: World) -> None:
    """What is still pledged is released, by right, and mined; the oracle says whether anything is left."""
    if world.stage.collateral is None:
        return
    members = sorted(world.ground.roles.wallets)
    names = {*CARRIERS, "officer", "confirmer", "registrar"}
    names |= {kind.format(bic) for bic in members for kind in ("wallet-{}", "heir of {}")}
    hands = Hands(stage=world.stage, keys=frozenset(names))
    rng = world.streams.stream("collateral exit")
    world.mine()  # a head of now
    _end_sales(world, hands, rng)
    if rng.random() < 0.5:
        _by_valuers(world, hands, rng)
    else:
        _by_long_stop(world, hands, rng)


def _leaves_first(desk: Desk) -> list[PledgeId]:
    return sorted(desk.live(), key=lambda one: -desk.pledges[one].depth)


def _by_valuers(world: World, hands: Hands, rng: random.Random) -> None:
    desk = Desk(hands, rng)
    open_ = {desk.pledges[one].agreement_id for one in desk.live()}
    ends = [desk.state(one).enforce_from for one in open_]
    if ends:
        _wait(world, max(ends) + 1)
    for name in sorted(open_):
        told = Valuation(agreement_id=name, exposure=0, required=0, as_of=Desk(hands, rng).now)
        proof = proof_of(told, [stranger(one) for one in VALUERS[:QUORUM]], desk)
        assert proof is not None
        said = Desk(hands, rng).present(call_data(REGISTER, "value", valuation_words(told), proof))
        world.timeline.tell("valuers", f"nothing is owed under {name[:12]}: {said}")
        world.mine()
    for one in _leaves_first(desk):
        of = desk.pledges[one]
        giver = desk.agreements[of.agreement_id].giver
        said = Desk(hands, rng).do((giver, ReleaseExcessCall(pledge_id=one, quantity=of.quantity - of.selling)))
        world.timeline.tell("giver", f"takes back all of {one[:12]}: {said}")
        world.mine()


def _by_long_stop(world: World, hands: Hands, rng: random.Random) -> None:
    desk = Desk(hands, rng)
    order = _leaves_first(desk)
    if not order:
        return
    last = max(desk.pledges[one].until for one in order)
    _wait(world, last + int(GRACE.total_seconds()) + 1)
    for wait, name, call in (
        (CHALLENGE, "officer", ProposeLongStopCall),
        (timedelta(), "confirmer", ConfirmLongStopCall),
    ):
        for one in order:
            said = hands.send_data(name, desk.address, call_bytes(call(pledge_id=one)))
            world.timeline.tell(name, f"ends {one[:12]} by the long stop: {said}")
            world.mine()
        _wait(world, world.chain.time + int(wait.total_seconds()) + 1)


def _end_sales(world: World, hands: Hands, rng: random.Random) -> None:
    """Each sale whose order has ended; what keeps the units from going home is lifted first."""
    desk = Desk(hands, rng)
    for sale in desk.sales():
        if not sale.open:
            continue
        _calm(world, hands, desk, sale.pledge_id)
        said = Desk(hands, rng).present(call_data(REGISTER, "endSale", bytes.fromhex(sale.settlement_id)))
        world.timeline.tell("anybody", f"writes down how sale {sale.settlement_id[:12]} ended: {said}")
        world.mine()


def _calm(world: World, hands: Hands, desk: Desk, pledge: PledgeId) -> None:
    token = desk.pledges[pledge].token
    wallets = [desk.address, *(one.wallet for one in hands.members)]
    for act, *words in (("setPaused", False), *(("setAccountFrozen", one, False) for one in wallets)):
        data = call_data("SecurityToken", str(act), *words)
        hands.send("officer", "SecurityToken", token, "propose", data)
        world.mine()
        hands.send_data("confirmer", token, data)
        world.mine()
    for one in wallets[1:]:
        hands.send("registrar", "ParticipantRegistry", hands.registry(), "setStatus", one, 1)
        world.mine()


def _wait(world: World, second: int) -> None:
    """Until then; the RTGS's days go on."""
    world.clock.move_to(datetime.fromtimestamp(second, UTC))
    world.run("rtgs")
    world.mine()
