"""Margin calls met in bonds, over the compiled register on a simulated chain, and killed between any two steps: what is
pledged is pledged once, counts once, and as the contract values it (I3, I10)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from collateral_venue import GIVER, TAKER, UNITS, CollateralVenue, salt
from lockstep.domain.collateral.calls import BurnNonceCall, DeclareDefaultCall, PledgeCall, ReleaseCall
from lockstep.domain.collateral.register import AgreementMode, PledgeId
from lockstep.domain.errors import Conflict, InvalidInput, Refused, Unavailable
from lockstep.domain.identifiers import Reference
from lockstep.domain.margin_bonds import ActState, BondMove, bond_nonce, bond_salt
from lockstep.domain.margin_call import CallState, dispute
from lockstep.domain.payment import PaymentState
from lockstep.ports import Change
from lockstep.signing import pledge_id
from margin_venue import BUND, CALL, OBL, Killed, MarginVenue, euros

FIRST, SECOND, BACK = Reference("D-1"), Reference("D-2"), Reference("R-1")


@pytest.fixture(scope="module")
def founded() -> CollateralVenue:
    return CollateralVenue.open()


@pytest.fixture
def venue(founded: CollateralVenue) -> Iterator[CollateralVenue]:
    snapshot = founded.snapshot()
    founded.log.stored.clear()
    founded.attempts.clear()
    founded.renew()
    yield founded
    founded.revert(snapshot)


@pytest.fixture
def desk(venue: CollateralVenue) -> MarginVenue:
    made = MarginVenue(venue)
    made.value(900)
    return made


def pledged(desk: MarginVenue, name: Reference = FIRST) -> Any:
    move = desk.case().bond(name)
    assert move is not None
    return desk.venue.ledger.pledge(move.pledge_id)


def deliver(desk: MarginVenue, units: int = 1_000, name: Reference = FIRST) -> Any:
    return desk.margining.deliver_bonds(desk.agreement, CALL, name, BUND, units)


def move(desk: MarginVenue, name: Reference = FIRST, call: Reference = CALL) -> BondMove:
    found = desk.case(call).bond(name)
    assert found is not None
    return found


def test_called_pledged_counted_met(desk: MarginVenue) -> None:
    desk.call(900)
    deliver(desk)
    desk.turns(3)
    case = desk.case()
    assert (case.call.state, case.is_open) == (CallState.DELIVERED, False)
    assert (move(desk).state, move(desk).value, case.call.delivered) == (ActState.DONE, 900, 900)
    assert pledged(desk).quantity == 1_000
    assert desk.venue.units(GIVER) == (UNITS, UNITS - 1_000)  # title stays
    assert desk.venue.ledger.cover(desk.agreement) == case.call.delivered  # as the contract values it
    assert desk.kinds() == ["margin called", "margin bonds intended", "margin bonds counted"]


def test_of_a_repo_title_moves(venue: CollateralVenue) -> None:
    desk = MarginVenue(venue, mode=AgreementMode.TITLE_TRANSFER)
    desk.value(900)
    desk.call(900)
    deliver(desk)
    desk.turns(3)
    assert desk.case().call.state is CallState.DELIVERED
    assert desk.venue.units(TAKER) == (1_000, 1_000)
    back = Reference("MR-1")
    desk.value(450)
    desk.call(450, call_id=back, is_return=True)
    desk.margining.return_bonds(desk.agreement, back, BACK, move(desk).pledge_id, 500)
    desk.turns(3)
    assert desk.case(back).call.state is CallState.DELIVERED
    assert (desk.venue.units(TAKER), pledged(desk).owed) == ((500, 500), 500)


def test_a_return_is_released_by_the_taker(desk: MarginVenue) -> None:
    desk.call(900)
    deliver(desk)
    desk.turns(3)
    desk.value(300)
    back = Reference("MR-1")
    desk.call(600, call_id=back, is_return=True)
    with pytest.raises(InvalidInput) as caught:
        desk.margining.return_bonds(desk.agreement, back, BACK, move(desk).pledge_id, 668)
    assert (caught.value.field, caught.value.rule) == ("units", "worth at most 6.00 EUR, by the latest valuation 601")
    desk.margining.return_bonds(desk.agreement, back, BACK, move(desk).pledge_id, 666)
    desk.turns(3)
    case = desk.case(back)
    assert (case.call.state, case.call.open_amount) == (CallState.ISSUED, euros(1))  # 666 units are 5.99
    with pytest.raises(InvalidInput) as too_many:
        desk.margining.return_bonds(desk.agreement, back, SECOND, move(desk).pledge_id, 335)
    assert too_many.value.rule == "at most 334: what of the pledge can be released"
    desk.margining.return_bonds(desk.agreement, back, SECOND, move(desk).pledge_id, 2)
    desk.turns(3)
    assert (desk.case(back).call.state, pledged(desk).quantity) == (CallState.DELIVERED, 332)


def test_two_deliveries_add_up(desk: MarginVenue) -> None:
    desk.value(900, (desk.venue.token, 1_000_000, 100_000), (desk.venue.second, 2_000_000, 250_000))
    desk.call(900)
    deliver(desk, 500)
    desk.margining.deliver_bonds(desk.agreement, CALL, SECOND, OBL, 300)
    desk.turns(4)
    assert [(one.value, one.state) for one in desk.case().bonds] == [(450, ActState.DONE)] * 2
    assert desk.case().call.state is CallState.DELIVERED
    assert desk.venue.ledger.cover(desk.agreement) == 900


def test_in_bonds_and_in_cash(desk: MarginVenue) -> None:
    desk.call(900)
    deliver(desk, 400)
    with pytest.raises(InvalidInput) as caught:
        desk.margining.pay(desk.agreement, CALL, euros(541))
    assert caught.value.rule == "above zero, at most 5.40 EUR, the rest of it"
    desk.margining.pay(desk.agreement, CALL)
    with pytest.raises(InvalidInput) as more:
        deliver(desk, 1, SECOND)
    assert more.value.rule == "nothing: all that is owed has arrived or is under way"
    desk.turns(8)
    case = desk.case()
    assert (case.paying, case.is_counted, desk.credit()) == (540, True, 540)
    assert (case.call.state, case.call.delivered, move(desk).value) == (CallState.DELIVERED, 900, 360)


def test_bonds_in_place_of_cash_that_will_never_be_booked(desk: MarginVenue) -> None:
    """Who cannot pay may still deliver, and is not made to pay as well."""
    account = next(
        one.account("EUR").number for one in desk.market.participants.values() if one.wallet == GIVER.address
    )
    desk.rtgs.available[account] = 0
    desk.call(900)
    desk.margining.pay(desk.agreement, CALL)
    desk.turns(2)
    with pytest.raises(InvalidInput, match="nothing: all that is owed"):
        deliver(desk)  # it may yet be booked
    (held,) = desk.rtgs.payments.values()
    desk.rtgs._never(held, PaymentState.REJECTED, "AM04", "no funds")
    desk.turns(2)
    with pytest.raises(InvalidInput, match="so many that they count"):
        desk.margining.deliver_bonds(desk.agreement, CALL, FIRST, BUND, 1)
    assert desk.case().is_paying  # what was refused changes nothing
    deliver(desk)
    desk.rtgs.available[account] = 1_000_000
    desk.clock.advance(16 * 60)
    desk.turns(6)
    case = desk.case()
    assert (case.call.state, case.call.delivered, case.is_paying) == (CallState.DELIVERED, 900, False)
    assert (desk.credit(), len(desk.rtgs.payments)) == (0, 1)
    assert desk.book.all_unclaimed() == []


# Killed and silent


@pytest.mark.parametrize(
    "where",
    ["margin called", "margin bonds intended", "before run", "after run", "margin bonds counted"],
)
@pytest.mark.parametrize("is_return", [False, True])
def test_killed_between_any_two_steps(desk: MarginVenue, where: str, is_return: bool) -> None:
    reference = CALL
    if is_return:
        desk.call(900)
        deliver(desk)
        desk.turns(3)
        desk.value(0)
        reference = Reference("MR-1")
    hit = []

    def hook(name: str) -> None:
        if name == where and len(hit) < 2:
            hit.append(name)
            raise Killed(name)

    desk.hook = hook
    for _ in range(8):
        try:
            if desk.book.margin_case(desk.agreement, reference) is None:
                desk.call(900, call_id=reference, is_return=is_return)
            if is_return:
                desk.margining.return_bonds(desk.agreement, reference, BACK, move(desk).pledge_id, 1_000)
            else:
                deliver(desk)
            desk.turn()
        except Killed:
            desk.venue.renew()
            desk.venue.chain.mine()
    assert hit
    assert desk.case(reference).call.state is CallState.DELIVERED
    assert desk.case(reference).call.delivered == 900
    assert pledged(desk).quantity == (0 if is_return else 1_000)
    assert desk.venue.units(GIVER) == (UNITS, UNITS - pledged(desk).quantity)


def test_nothing_is_concluded_from_no_answer(desk: MarginVenue) -> None:
    def silent(name: str) -> None:
        if name == "before run":
            raise Unavailable("no answer")

    desk.call(900)
    deliver(desk)
    before = desk.case()
    desk.hook = silent
    desk.turns(2)
    assert desk.case() == before
    desk.hook = lambda _: None
    desk.turns(3)
    assert desk.case().call.state is CallState.DELIVERED


def test_what_is_not_signed_waits_and_dies_in_time(desk: MarginVenue) -> None:
    desk.call(900)
    deliver(desk)
    desk.unsigned()
    desk.turns(2)
    assert move(desk).reason == f"{GIVER.address} has not signed"
    assert desk.kinds().count("margin bonds wait") == 1
    desk.venue.pass_time(86_401)
    desk.turns(3)
    assert (move(desk).state, move(desk).reason) == (ActState.DEAD, "not run in time")
    assert desk.case().call.state is CallState.DEFAULTED
    desk.signing()
    desk.value(900)
    deliver(desk)  # said again, it is tried again, under another number
    desk.turns(3)
    assert (move(desk).state, pledged(desk).quantity) == (ActState.DONE, 1_000)
    assert desk.case().call.state is CallState.DEFAULTED  # too late to cure


def test_late_is_default_and_pledged_within_the_cure_period_cures(desk: MarginVenue) -> None:
    desk.call(900)
    desk.venue.pass_time(2 * 3_600 + 1)
    desk.turn()
    assert desk.case().call.state is CallState.DEFAULTED
    desk.value(900)
    deliver(desk)
    desk.turns(3)
    assert desk.case().call.state is CallState.CURED


def test_a_number_that_its_wallet_burnt_is_given_up(desk: MarginVenue) -> None:
    desk.call(900)
    case = deliver(desk)
    nonce = bond_nonce(desk.agreement, CALL, FIRST, case.bonds[0].act_by)
    desk.venue.run(GIVER, BurnNonceCall(nonce=nonce))
    desk.turns(3)
    assert (move(desk).state, move(desk).reason) == (ActState.DEAD, "the wallet burnt the number of its act")
    assert desk.venue.units(GIVER) == (UNITS, UNITS)


def test_what_is_refused_waits_until_it_is_not(desk: MarginVenue) -> None:
    """The same units twice: those that are pledged elsewhere are refused, counted, and pledged once they are free."""
    elsewhere = desk.venue.agree(salt=5)
    other = desk.venue.pledge(elsewhere, UNITS - 100)
    desk.call(900)
    deliver(desk)
    desk.turns(2)
    assert move(desk).reason.startswith("the register refuses, retried: InsufficientFreeUnits")
    assert {one.party for one in desk.venue.attempts} == {GIVER.address}
    desk.venue.run(TAKER, ReleaseCall(pledge_id=other, quantity=5_000))
    desk.turns(3)
    assert desk.case().call.state is CallState.DELIVERED


def test_it_counts_by_the_valuation_of_its_block_whenever_it_is_looked_at(desk: MarginVenue) -> None:
    desk.call(900)
    deliver(desk)
    desk.margining.run()  # pledged, not final
    assert move(desk).state is ActState.UNDER_WAY
    desk.value(900, (desk.venue.token, 500_000, 100_000))  # afterwards it is worth half
    desk.turn()
    assert move(desk).value == 900


def test_what_the_valuation_of_its_block_does_not_name_counts_for_nothing(desk: MarginVenue) -> None:
    desk.call(900)
    deliver(desk)
    desk.value(900, (desk.venue.second, 1_000_000, 0))
    desk.turns(3)
    assert (move(desk).state, move(desk).value) == (ActState.DONE, 0)
    assert desk.venue.ledger.cover(desk.agreement) == 0
    assert (desk.case().call.state, desk.case().call.delivered) == (CallState.ISSUED, 0)


def test_pledged_by_other_software_it_counts_all_the_same(desk: MarginVenue) -> None:
    desk.unsigned()
    desk.call(900)
    deliver(desk)
    call = PledgeCall(
        agreement_id=desk.agreement,
        token=desk.venue.token,
        quantity=1_000,
        salt=bond_salt(desk.agreement, CALL, FIRST),
    )
    desk.venue.run(GIVER, call)
    desk.turns(3)
    assert (desk.case().call.state, move(desk).value) == (CallState.DELIVERED, 900)


def test_another_release_of_as_many_units_is_not_taken_for_it(desk: MarginVenue) -> None:
    desk.call(900)
    deliver(desk)
    desk.turns(3)
    desk.value(0)
    back = Reference("MR-1")
    desk.call(450, call_id=back, is_return=True)
    case = desk.margining.return_bonds(desk.agreement, back, BACK, move(desk).pledge_id, 500)
    desk.unsigned()
    desk.venue.run(TAKER, ReleaseCall(pledge_id=move(desk).pledge_id, quantity=500))
    nonce = bond_nonce(desk.agreement, back, BACK, case.bonds[0].act_by)
    desk.venue.run(TAKER, BurnNonceCall(nonce=nonce))
    desk.turns(3)
    assert move(desk, BACK, back).state is ActState.DEAD
    assert desk.case(back).call.delivered == 0


# What is refused


def test_said_again_it_is_the_same_and_otherwise_a_conflict(desk: MarginVenue) -> None:
    desk.call(900)
    first = deliver(desk)
    assert deliver(desk) == replace(first, version=desk.case().version)
    with pytest.raises(Conflict):
        deliver(desk, 999)
    desk.turns(3)
    assert deliver(desk) == desk.case()  # done, and the same
    with pytest.raises(Refused) as caught:
        deliver(desk, 1, SECOND)
    assert caught.value.name == "CallEnded"


@pytest.mark.parametrize("units", [0, -1])
def test_no_units_are_not_delivered(desk: MarginVenue, units: int) -> None:
    desk.call(900)
    with pytest.raises(InvalidInput) as caught:
        deliver(desk, units)
    assert caught.value.field == "units"
    assert desk.case().bonds == ()


def test_what_counts_for_nothing_is_not_taken(desk: MarginVenue) -> None:
    desk.call(900)
    with pytest.raises(InvalidInput) as unpriced:
        desk.margining.deliver_bonds(desk.agreement, CALL, FIRST, OBL, 1_000)
    assert unpriced.value.field == "security"
    with pytest.raises(InvalidInput) as too_few:
        deliver(desk, 1)
    assert too_few.value.field == "units"


def test_no_bonds_by_figures_that_are_too_old(desk: MarginVenue) -> None:
    desk.call(900)
    desk.venue.pass_time(3_700)
    desk.venue.chain.mine(3)
    with pytest.raises(Refused) as caught:
        deliver(desk)
    assert caught.value.name == "StaleValuation"


def test_what_is_under_way_in_bonds_is_not_withdrawn(desk: MarginVenue) -> None:
    desk.call(900)
    deliver(desk)
    with pytest.raises(Refused) as caught:
        desk.margining.withdraw(desk.agreement, CALL, "an error")
    assert caught.value.name == "BondsUnderWay"


def test_a_return_of_another_pledge_or_in_default_is_refused(desk: MarginVenue) -> None:
    desk.call(900)
    deliver(desk)
    desk.turns(3)
    strange = desk.venue.pledge(desk.venue.agree(salt=5), 100)
    desk.value(0)
    desk.venue.chain.mine(2)
    back = Reference("MR-1")
    desk.call(900, call_id=back, is_return=True)
    for unknown in (strange, PledgeId(salt(77))):
        with pytest.raises(InvalidInput) as caught:
            desk.margining.return_bonds(desk.agreement, back, BACK, unknown, 10)
        assert caught.value.field == "pledge"
    desk.value(2_000)
    desk.venue.run(TAKER, DeclareDefaultCall(agreement_id=desk.agreement))
    desk.venue.chain.mine(2)
    with pytest.raises(Refused) as refused:
        desk.margining.return_bonds(desk.agreement, back, BACK, move(desk).pledge_id, 10)
    assert refused.value.name == "InDefault"


def test_bonds_for_a_return_and_a_release_for_a_delivery_are_refused(desk: MarginVenue) -> None:
    desk.call(900)
    made = pledge_id(desk.agreement, desk.venue.token, salt(1))
    with pytest.raises(InvalidInput):
        desk.margining.return_bonds(desk.agreement, CALL, BACK, made, 10)
    back = Reference("MR-1")
    desk.call(100, call_id=back, is_return=True)
    with pytest.raises(InvalidInput):
        desk.margining.deliver_bonds(desk.agreement, back, FIRST, BUND, 10)


def test_a_dispute_is_met_as_far_as_it_goes(desk: MarginVenue) -> None:
    case = desk.call(900)
    disputed = dispute(case.call, euros(450), "less", desk.clock.now() + timedelta(seconds=1))
    desk.book.commit(Change(margin=(replace(case, call=disputed),)))
    deliver(desk, 500)
    desk.turns(3)
    assert (desk.case().call.state, desk.case().call.open_amount) == (CallState.DISPUTED, euros(0))
