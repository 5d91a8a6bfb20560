"""At the end, with faults off, everything pledged goes back to who gave it, and no taker has to agree (C5, I12).

In one half of the runs valuers say that nothing is owed, and each giver takes back its own, leaves first. In the other
valuers are silent for good: officer and confirmer end each pledge by the long stop, after its term.
"""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta

from lockstep.chain.ledger import call_data
from lockstep.domain.collateral.calls import ConfirmLongStopCall, ProposeLongStopCall, ReleaseExcessCall
from lockstep.domain.collateral.register import AgreementId, PledgeId, Valuation
from lockstep.domain.errors import LockstepError
from lockstep.domain.margin_call import MarginCall
from lockstep.domain.money import Money
from lockstep.signing import call_bytes
from lockstep.simulation.actors_hands import Hands, stranger
from lockstep.simulation.collateral_hands import CARRIERS, QUORUM, REGISTER, VALUERS, Desk, proof_of, valuation_words
from lockstep.simulation.ground import DEPTH
from lockstep.simulation.market import OPENS
from lockstep.simulation.world import World

__all__ = ["give_all_back"]

LATEST, FRIDAY = time(15), 4
"""Later on a day, and after that day of the week, cash is not called for: the next morning."""
GRACE, CHALLENGE = timedelta(days=5), timedelta(days=2)


def give_all_back(world: World, rest: Callable[[], None]) -> None:
    """What is still pledged is released, by right, and mined; the oracle says whether anything is left.

    `rest` has everybody go on until nothing moves any more.
    """
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
        _return_cash(world, hands, rng, rest)
        _by_valuers(world, hands, rng)
    else:
        _by_long_stop(world, hands, rng)


def _return_cash(world: World, hands: Hands, rng: random.Random, rest: Callable[[], None]) -> None:
    """On the way down: nothing is owed any more, each giver calls for what its taker holds, and is paid."""
    desk, now = Desk(hands, rng), world.clock.now()
    held = [name for name in desk.agreements if desk.state(name).credit and not desk.state(name).in_default]
    if not held:
        return
    if not OPENS <= now.time() < LATEST or now.weekday() > FRIDAY:
        _wait(world, int(world.clock.next_at(OPENS).timestamp()) + 1)
    _nothing_is_owed(world, hands, rng, held)
    for _ in range(DEPTH + 1):
        world.mine()
    for name in held:
        try:
            said = _demand(world, hands, rng, name)
        except LockstepError as error:  # a wallet that was recovered, a holiday
            said = str(error)
        world.timeline.tell("giver", f"calls for the cash held under {name[:12]}: {said}")
    rest()


def _demand(world: World, hands: Hands, rng: random.Random, name: AgreementId) -> str:
    desk, now = Desk(hands, rng), world.clock.now().replace(microsecond=0)
    terms = desk.agreements[name]
    call = MarginCall(
        call_id=f"RT{rng.getrandbits(40):010X}",
        caller=desk.member(terms.giver).bic,
        called=desk.member(terms.taker).bic,
        amount=Money(currency=terms.currency, amount=desk.state(name).credit),
        issued_at=now,
        deliver_by=now + timedelta(hours=2),
    )
    case = world.stage.margin(lambda one: one.issue(name, call, is_return=True))
    made = world.stage.margin(lambda one: one.pay(name, case.reference))
    return f"{made.call.amount}"


def _leaves_first(desk: Desk) -> list[PledgeId]:
    return sorted(desk.live(), key=lambda one: -desk.pledges[one].depth)


def _by_valuers(world: World, hands: Hands, rng: random.Random) -> None:
    desk = Desk(hands, rng)
    open_ = {desk.pledges[one].agreement_id for one in desk.live()}
    ends = [desk.state(one).enforce_from for one in open_]
    if ends:
        _wait(world, max(ends) + 1)
    _nothing_is_owed(world, hands, rng, sorted(open_))
    for one in _leaves_first(desk):
        of = desk.pledges[one]
        giver = desk.agreements[of.agreement_id].giver
        said = Desk(hands, rng).do((giver, ReleaseExcessCall(pledge_id=one, quantity=of.quantity - of.selling)))
        world.timeline.tell("giver", f"takes back all of {one[:12]}: {said}")
        world.mine()


def _nothing_is_owed(world: World, hands: Hands, rng: random.Random, agreements: Sequence[AgreementId]) -> None:
    """A quorum of valuers says so, as of now."""
    for name in agreements:
        desk = Desk(hands, rng)
        told = Valuation(agreement_id=name, exposure=0, required=0, as_of=desk.now)
        proof = proof_of(told, [stranger(one) for one in VALUERS[:QUORUM]], desk)
        assert proof is not None
        said = desk.present(call_data(REGISTER, "value", valuation_words(told), proof))
        world.timeline.tell("valuers", f"nothing is owed under {name[:12]}: {said}")
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
