"""Enforcement over the compiled register and DvP on a simulated chain, and killed between any two steps: nothing is
taken without right, beyond what is owed, or twice, and what is over goes back (I3, I10, I12)."""

from collections.abc import Iterator

import pytest

from collateral_venue import DEPTH, GIVER, SECOND, TAKER, UNITS, CollateralVenue, salt
from enforcing_venue import E1, SALT
from enforcing_venue import EnforcingVenue as Desk
from lockstep.app.collateral import LocalCollateralWallets
from lockstep.domain.collateral.calls import BurnNonceCall, DeclareDefaultCall, EndDefaultCall, ReleaseCall
from lockstep.domain.collateral.register import AgreementMode, PledgeId
from lockstep.domain.enforcement import MoveKind, Outcome, move_nonce
from lockstep.domain.errors import Conflict, InvalidInput, Refused, Unavailable
from lockstep.domain.identifiers import Reference
from lockstep.domain.margin_bonds import ActState
from lockstep.domain.margin_call import CallState
from lockstep.domain.order import OutcomeResult
from lockstep.domain.values import replace
from lockstep.ports import Change
from margin_venue import CALL, Killed, euros


@pytest.fixture(scope="module")
def founded() -> CollateralVenue:
    return CollateralVenue.open()


@pytest.fixture
def venue(founded: CollateralVenue) -> Iterator[CollateralVenue]:
    snapshot = founded.snapshot()
    founded.log.stored.clear()
    founded.renew()
    yield founded
    founded.revert(snapshot)


@pytest.fixture
def desk(venue: CollateralVenue) -> Desk:
    return Desk(venue)


@pytest.fixture
def short(desk: Desk) -> Desk:
    """1,000 units of a cent, at a haircut of 10 %, where 10.00 are owed and required."""
    desk.pledged(1_000)
    desk.value(1_000)
    return desk


def test_declared_taken_and_ended(short: Desk) -> None:
    short.begin()
    short.rest()
    one = short.one()
    assert short.taken() == [("DECLARE", 0, 0), ("APPROPRIATE", 1_000, 1_000), ("END", 0, 0)]
    assert (one.outcome, one.left, one.is_open) == (Outcome.ENFORCED, 0, False)
    assert short.venue.units(TAKER) == (1_000, 1_000)
    assert (short.state().credit, short.state().enforce_from, short.state().surplus) == (1_000, 0, 0)


def test_no_more_is_taken_than_is_owed_and_the_rest_goes_back(desk: Desk) -> None:
    desk.pledged(2_000)
    desk.value(999, (desk.venue.token, 1_500_000, 100_000), required=3_000)  # a unit is 1.5 cents
    desk.begin()
    desk.rest()
    assert desk.taken() == [("DECLARE", 0, 0), ("APPROPRIATE", 666, 999), ("RELEASE", 1_334, 0), ("END", 0, 0)]
    assert desk.one().outcome is Outcome.ENFORCED
    assert (desk.venue.units(GIVER), desk.venue.units(TAKER)) == ((UNITS - 666, UNITS - 666), (666, 666))


def test_what_is_owed_below_a_unit_s_price_is_let_go(desk: Desk) -> None:
    desk.pledged(1_000)
    desk.value(1_000, (desk.venue.token, 3_000_000, 0), required=4_000)
    desk.begin()
    desk.rest()
    assert desk.taken()[1:] == [("APPROPRIATE", 333, 999), ("RELEASE", 667, 0), ("END", 0, 0)]
    assert (desk.one().outcome, desk.one().left) == (Outcome.ENFORCED, 1)


def test_pledge_by_pledge_until_what_is_owed_is_taken(desk: Desk) -> None:
    desk.pledged(300)
    desk.pledged(500, 1, desk.venue.second)
    desk.pledged(900, 2)
    desk.value(1_500, (desk.venue.token, 1_000_000, 0), (desk.venue.second, 2_000_000, 0), required=3_000)
    desk.begin()
    desk.rest()
    takes = [one for one in desk.taken() if one[0] == "APPROPRIATE"]
    assert takes == [("APPROPRIATE", 300, 300), ("APPROPRIATE", 500, 1_000), ("APPROPRIATE", 200, 200)]
    assert desk.state().credit == 1_500
    assert desk.venue.units(GIVER) == (UNITS - 500, UNITS - 500)


def test_all_there_is_and_the_rest_is_owed_still(desk: Desk) -> None:
    desk.pledged(100)
    desk.value(1_000)
    desk.begin()
    desk.rest()
    assert (desk.one().outcome, desk.one().left) == (Outcome.ENFORCED, 900)


def test_of_a_repo_what_is_owed_is_set_off(venue: CollateralVenue) -> None:
    desk = Desk(venue, mode=AgreementMode.TITLE_TRANSFER)
    desk.pledged(1_000)
    desk.value(800, required=1_200)
    desk.begin()
    desk.rest()
    assert desk.taken() == [("DECLARE", 0, 0), ("SET_OFF", 800, 800), ("END", 0, 0)]
    assert desk.state().credit == 800


def test_from_a_margin_call_that_was_not_met(short: Desk) -> None:
    short.call(100)
    with pytest.raises(Refused) as caught:
        short.begin(call=CALL)
    assert caught.value.name == "CallNotFailed"
    short.venue.pass_time(2 * 3_600 + 1)
    short.turn()
    assert short.case().call.state is CallState.DEFAULTED
    with pytest.raises(Refused):  # it may still be cured
        short.begin(call=CALL)
    short.venue.pass_time(3_600)
    short.value(1_000)
    short.begin(call=CALL)
    short.rest()
    assert short.one().outcome is Outcome.ENFORCED
    with pytest.raises(InvalidInput):
        short.enforcing.begin(short.agreement, Reference("E-2"), Reference("MC-9"))


# Notice, cure, and ends by others


def patient(venue: CollateralVenue) -> Desk:
    desk = Desk(venue, notice_seconds=600, cure_seconds=900)
    desk.pledged(1_000)
    desk.value(1_000)
    return desk


def test_nothing_is_taken_before_notice_and_cure_are_over(venue: CollateralVenue) -> None:
    desk = patient(venue)
    desk.begin()
    desk.rest()
    assert desk.one().reason == f"notice and cure periods until {desk.one().enforce_from}, by the chain"
    assert desk.venue.units(TAKER) == (0, 0)
    desk.venue.pass_time(1_400)
    desk.turns(2)
    assert desk.taken() == [("DECLARE", 0, 0)]
    desk.venue.pass_time(120)
    desk.rest()
    assert desk.one().outcome is Outcome.ENFORCED


def test_covered_again_in_time_it_is_cured(venue: CollateralVenue) -> None:
    desk = patient(venue)
    desk.begin()
    desk.rest()
    desk.pledged(200, 1)
    desk.rest()
    assert (desk.one().outcome, desk.state().enforce_from) == (Outcome.CURED, 0)
    assert desk.taken() == [("DECLARE", 0, 0), ("END", 0, 0)]
    assert desk.venue.units(GIVER) == (UNITS, UNITS - 1_200)  # margin stays


def test_covered_before_it_is_declared_nothing_is(short: Desk) -> None:
    short.begin()
    short.pledged(200, 1)
    short.turns(2)
    assert (short.one().outcome, short.one().moves) == (Outcome.CURED, ())


def test_nothing_is_taken_over_a_payment_that_is_booked(short: Desk) -> None:
    """The taker has the money; the register will know of it once the agents have signed."""
    short.call(100)
    short.margining.pay(short.agreement, CALL)
    short.turn()
    ((identifier, held),) = short.rtgs.payments.items()
    short._release(identifier, held.payment.uetr)
    short.turn()
    short.begin()
    short.rest()
    assert (short.taken(), short.state().enforce_from) == ([], 0)
    assert short.one().reason == f"a payment of margin call {CALL} is booked, and not counted yet"
    short.agents()
    short.rest()
    assert (short.one().outcome, short.state().credit) == (Outcome.CURED, 100)
    assert short.venue.units(TAKER) == (0, 0)


def test_another_hand_declares_and_ends_it(venue: CollateralVenue) -> None:
    desk = patient(venue)
    desk.venue.run(TAKER, DeclareDefaultCall(agreement_id=desk.agreement))
    desk.venue.chain.mine(DEPTH)
    desk.begin()
    desk.turns(2)
    assert (desk.one().is_declared, desk.one().moves) == (True, ())
    desk.venue.run(TAKER, EndDefaultCall(agreement_id=desk.agreement))
    desk.rest()
    assert desk.one().outcome is Outcome.CURED


def test_the_taker_withdraws(venue: CollateralVenue) -> None:
    desk = patient(venue)
    desk.begin()
    desk.rest()
    desk.enforcing.withdraw(desk.agreement, E1)
    again = desk.enforcing.withdraw(desk.agreement, E1)
    assert again == desk.one()
    desk.venue.pass_time(2_000)
    desk.rest()
    assert (desk.one().outcome, desk.state().enforce_from) == (Outcome.CURED, 0)
    assert desk.venue.units(TAKER) == (0, 0)


def test_withdrawn_before_it_is_declared(short: Desk) -> None:
    short.begin()
    short.enforcing.withdraw(short.agreement, E1)
    short.turns(2)
    assert (short.one().outcome, short.one().moves) == (Outcome.CURED, ())


# Held up


def test_figures_that_are_too_old_take_nothing(venue: CollateralVenue) -> None:
    desk = patient(venue)
    desk.begin()
    desk.rest()
    desk.venue.pass_time(4_000)
    desk.rest()
    assert "too old to enforce by" in desk.one().reason
    assert desk.venue.units(TAKER) == (0, 0)
    desk.value(1_000)
    desk.rest()
    assert desk.one().outcome is Outcome.ENFORCED


def test_what_is_pledged_on_comes_back_first(short: Desk) -> None:
    pledge = next(iter(short.enforcing.ledger.events_of(short.agreement)[1:])).said.pledge_id
    onward = short.venue.agree(giver=TAKER.address, taker=SECOND.address, salt=7)
    child = short.venue.repledge(pledge, onward, 800)
    short.venue.chain.mine(DEPTH)
    short.begin()
    short.rest()
    assert "1000 minor units are owed still" in short.one().reason
    short.venue.run(SECOND, ReleaseCall(pledge_id=child, quantity=800))
    short.rest()
    assert short.one().outcome is Outcome.ENFORCED
    assert short.venue.units(TAKER) == (1_000, 1_000)


def test_unsigned_nothing_happens_and_what_was_not_run_in_time_is_decided_anew(short: Desk) -> None:
    short.begin()
    short.unsigned()
    short.rest()
    (declare,) = short.one().moves
    assert declare.reason == f"{TAKER.address} has not signed"
    short.venue.pass_time(1_000)
    short.rest()
    (anew,) = short.one().moves
    assert (anew.kind, anew.act_by > declare.act_by) == (MoveKind.DECLARE, True)
    short.signing()
    short.rest()
    assert short.one().outcome is Outcome.ENFORCED


def test_the_giver_takes_its_surplus_where_the_taker_does_not_sign(desk: Desk) -> None:
    desk.pledged(2_000)
    desk.value(1_000, required=2_000)
    desk.begin()
    for _ in range(20):
        desk.turn()
        if desk.venue.units(TAKER)[0]:
            desk.wallet = LocalCollateralWallets({GIVER.address: GIVER}, desk.venue.register)
    assert desk.venue.units(GIVER) == (UNITS - 1_000, UNITS - 1_000)
    released = next(one for one in desk.one().moves if one.kind is MoveKind.RELEASE)
    assert (released.party, released.state) == (GIVER.address, ActState.DONE)


def test_a_burnt_number_is_given_up_and_another_used(short: Desk) -> None:
    short.begin()
    short.unsigned()
    short.turn()
    (declare,) = short.one().moves
    nonce = move_nonce(short.agreement, E1, declare)
    short.venue.run(TAKER, BurnNonceCall(nonce=nonce))
    short.turns(2)
    assert short.one().moves[0].state is ActState.DEAD
    short.signing()
    short.rest()
    assert short.one().outcome is Outcome.ENFORCED


def test_nothing_is_concluded_from_no_answer(short: Desk) -> None:
    def silent(name: str) -> None:
        if name == "before run":
            raise Unavailable("no answer")

    short.begin()
    short.turn()
    before = short.one()
    short.hook = silent
    short.turns(2)
    assert short.one() == before
    short.hook = lambda _: None
    short.rest()
    assert short.one().outcome is Outcome.ENFORCED


def dying(desk: Desk, deaths: int) -> None:
    """At each `deaths`-th effect, a commit or a call of the register, the worker dies."""
    left = deaths

    def hook(_: str) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            left = deaths + 1
            raise Killed

    desk.hook = hook


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_killed_anywhere_it_loses_and_doubles_nothing(desk: Desk, deaths: int) -> None:
    desk.pledged(2_000)
    desk.value(1_000, required=2_000)
    dying(desk, deaths)
    for _ in range(40):
        try:
            desk.begin()
            desk.turn()
        except Killed:
            desk.venue.renew()
            desk.venue.chain.mine(DEPTH)
    assert desk.taken() == [("DECLARE", 0, 0), ("APPROPRIATE", 1_000, 1_000), ("RELEASE", 1_000, 0), ("END", 0, 0)]
    assert (desk.venue.units(GIVER), desk.venue.units(TAKER)) == ((UNITS - 1_000,) * 2, (1_000, 1_000))
    assert (desk.one().outcome, desk.state().credit) == (Outcome.ENFORCED, 1_000)


# Sales


def declared(desk: Desk, exposure: int = 1_000) -> PledgeId:
    pledge = desk.pledged(1_000)
    desk.value(exposure, required=exposure + 500)
    desk.begin(appropriates=False)
    desk.rest()
    return pledge


def test_sold_paid_and_the_proceeds_recorded(desk: Desk) -> None:
    pledge = declared(desk)
    order = desk.offered(1_000, 950)
    identifier = desk.sell(pledge, order, 950)
    desk.sell(pledge, order, 950)  # said again
    desk.rest()
    assert desk.venue.units(GIVER)[0] == UNITS - 1_000
    assert [one.settlement_id for one in (held.payment for held in desk.rtgs.payments.values())] == [identifier]
    paid = desk.rtgs.payments[identifier].payment
    assert (paid.amount, paid.debtor.owner, paid.salt) == (euros(950), "THRDDEFFXXX", SALT)
    desk.turns(2)
    assert desk.one().is_open
    desk.end(order, OutcomeResult.PAID)
    desk.rest()
    assert desk.taken()[1:] == [("SELL", 1_000, 500)]
    assert desk.one().reason == "the proceeds of a sale are not recorded"
    desk.venue.cash(desk.agreement, 950, int(identifier, 16))
    desk.rest()
    assert (desk.state().credit, desk.state().selling) == (950, 0)
    assert (desk.one().outcome, desk.one().left) == (Outcome.ENFORCED, 50)
    assert desk.venue.units(SECOND)[0] == 1_000


def test_not_paid_it_is_pledged_as_before_and_sold_anew(desk: Desk) -> None:
    pledge = declared(desk)
    first = desk.offered(1_000, 950)
    desk.sell(pledge, first, 950)
    desk.rest()
    desk.end(first, OutcomeResult.NEVER)
    desk.rest()
    sale = desk.one().moves[-1]
    assert (sale.state, sale.value, sale.offer.is_settled) == (ActState.DONE, 0, False)
    assert desk.venue.ledger.pledge(pledge).quantity == 1_000
    second = desk.offered(1_000, 900, nonce=1)
    desk.sell(pledge, second, 900)
    desk.rest()
    desk.end(second, OutcomeResult.PAID)
    desk.rest()
    assert [one.value for one in desk.one().moves if one.kind is MoveKind.SELL] == [0, 500]


def test_while_some_are_sold_others_are_taken_within_what_is_owed(desk: Desk) -> None:
    pledge = declared(desk, 1_000)
    desk.sell(pledge, desk.offered(400, 400), 400)
    desk.rest()
    stored = desk.one()

    desk.book.commit(Change(enforcements=(replace(stored, appropriates=True),)))
    desk.rest()
    assert desk.state().credit == 600
    assert desk.state().selling == 400


@pytest.mark.parametrize("deaths", [1, 2, 3])
def test_killed_anywhere_it_is_sold_once(desk: Desk, deaths: int) -> None:
    pledge = declared(desk)
    order = desk.offered(1_000, 950)
    dying(desk, deaths)
    for count in range(24):
        try:
            desk.sell(pledge, order, 950)
            desk.turn()
        except Killed:
            desk.venue.renew()
            desk.venue.chain.mine(DEPTH)
        if count == 14:
            desk.venue.end(order, OutcomeResult.PAID)
    assert desk.taken()[1:] == [("SELL", 1_000, 500)]
    assert len(desk.rtgs.payments) == 1


def test_an_offer_that_comes_too_late_is_dead(desk: Desk) -> None:
    pledge = declared(desk)
    desk.unsigned()
    desk.sell(pledge, desk.offered(1_000, 950), 950)
    desk.turn()
    desk.venue.pass_time(1_000)
    desk.turns(2)
    assert (desk.one().moves[-1].state, desk.one().moves[-1].reason) == (ActState.DEAD, "not run in time")


# What is refused


def test_said_again_it_is_the_same_and_otherwise_a_conflict(short: Desk) -> None:
    first = short.begin()
    assert short.begin() == replace(first, version=1)
    with pytest.raises(Conflict):
        short.begin(appropriates=False)
    with pytest.raises(Refused) as caught:
        short.enforcing.begin(short.agreement, Reference("E-2"))
    assert caught.value.name == "EnforcementUnderWay"
    with pytest.raises(InvalidInput):
        short.enforcing.withdraw(short.agreement, Reference("E-9"))


def test_no_ground_no_enforcement(desk: Desk) -> None:
    desk.pledged(2_000)
    desk.value(1_000)
    with pytest.raises(Refused) as caught:
        desk.begin()
    assert (caught.value.name, caught.value.details["covered"]) == ("Covered", 1_800)
    desk.venue.pass_time(3_700)
    desk.venue.chain.mine(DEPTH)
    with pytest.raises(Refused) as stale:
        desk.begin()
    assert stale.value.name == "StaleValuation"


def test_not_agreed_and_not_known(venue: CollateralVenue) -> None:
    desk = Desk(venue, appropriation=False, sale_floor=0)
    desk.pledged(100)
    desk.value(1_000)
    with pytest.raises(Refused) as caught:
        desk.begin()
    assert caught.value.name == "NotAgreed"
    desk.agreement = type(desk.agreement)("ab" * 32)
    with pytest.raises(Refused) as unknown:
        desk.begin()
    assert unknown.value.name == "UnknownAgreement"


def test_an_order_that_is_not_the_register_s_or_of_other_terms_is_not_sold(desk: Desk) -> None:
    pledge = declared(desk)
    good = desk.offered(1_000, 950)
    moved, terms = good.movement, good.terms
    with pytest.raises(InvalidInput) as unpaid:
        desk.enforcing.sell(desk.agreement, E1, pledge, good, b"")
    assert unpaid.value.rule == "a sale that was taken down: what is locked is to be paid for"
    for field, order in (
        ("order/seller", replace(good, movement=replace(moved, seller=GIVER.address))),
        ("order/token", replace(good, movement=replace(moved, token=desk.venue.second))),
        ("order/quantity", replace(good, movement=replace(moved, quantity=1_001))),
        ("order", replace(good, terms=replace(terms, minimum_lot=1))),
        ("sale/amount", replace(good, terms=replace(terms, cash_hash="33" * 32))),
    ):
        with pytest.raises(InvalidInput) as caught:
            desk.sell(pledge, order, 950)
        assert caught.value.field == field
    with pytest.raises(InvalidInput) as strange:
        desk.sell(PledgeId(salt(9)), good, 950)
    assert strange.value.field == "sale/pledge"
    desk.value(900, required=1_500)
    with pytest.raises(Refused) as much:
        desk.sell(pledge, good, 950)
    assert much.value.name == "ExceedsExposure"
    assert [one.kind for one in desk.one().moves] == [MoveKind.DECLARE]


def test_nothing_is_sold_too_early_or_after_the_end(venue: CollateralVenue) -> None:
    desk = patient(venue)
    pledge = desk.enforcing.ledger.events_of(desk.agreement)[1].said.pledge_id
    desk.begin(appropriates=False)
    desk.rest()
    with pytest.raises(Refused) as early:
        desk.sell(pledge, desk.offered(100, 90), 90)
    assert early.value.name == "TooEarly"
    desk.enforcing.withdraw(desk.agreement, E1)
    desk.rest()
    with pytest.raises(Refused) as late:
        desk.sell(pledge, desk.offered(100, 90), 90)
    assert late.value.name == "EnforcementEnded"
