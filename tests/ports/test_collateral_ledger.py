"""The CollateralLedger port on the compiled contracts: what it shows, sends, refuses, and tells of what happened."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from anvil import running

from collateral_venue import (
    DEPTH,
    GIVER,
    OPERATOR,
    SECOND,
    TAKER,
    UNITS,
    VALUERS,
    CollateralVenue,
    salt,
)
from lockstep.chain.collateral import EvmCollateralLedger
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.ledger import read
from lockstep.domain.collateral import register_events as said
from lockstep.domain.collateral.calls import (
    AcknowledgeIncomeCall,
    AppropriateCall,
    BurnNonceCall,
    DeclareDefaultCall,
    EndDefaultCall,
    PledgeCall,
    RecallCall,
    RecordReturnCall,
    RecordTitleCall,
    ReleaseCall,
    ReleaseExcessCall,
    RepledgeCall,
    ReturnUnitsCall,
    SellCall,
    SetOffCall,
    SubstituteCall,
)
from lockstep.domain.collateral.register import (
    NO_PLEDGE,
    AgreementMode,
    Pledge,
    PledgeId,
    Position,
    State,
)
from lockstep.domain.errors import ContractRefused, InvalidInput, Misconfigured, Refused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import OutcomeResult
from lockstep.ports import CollateralLedger
from lockstep.signing import agreement_id, amendment_digest, pledge_id, settlement_id

NONE = State(exposure=0, required=0, credit=0, valued_at=0, enforce_from=0, selling=0)


@pytest.fixture(scope="module", params=["embedded", "anvil"])
def opened(request: pytest.FixtureRequest) -> Iterator[CollateralVenue]:
    if request.param == "embedded":
        yield CollateralVenue.open(EmbeddedChain)
    else:
        with running() as chain:
            yield CollateralVenue.open(lambda _: chain)


@pytest.fixture
def venue(opened: CollateralVenue) -> Iterator[CollateralVenue]:
    snapshot = opened.snapshot()
    opened.log.stored.clear()
    opened.attempts.clear()
    opened.renew()
    yield opened
    opened.revert(snapshot)


def refusal(venue: CollateralVenue, *acts: object) -> ContractRefused:
    with pytest.raises(ContractRefused) as caught:
        venue.ledger.run(acts)
    return caught.value


def told(venue: CollateralVenue, first: int = 0) -> list[said.Said]:
    return [one.said for one in venue.ledger.events(first) if not isinstance(one.said, said.NonceUsed)]


# Agreements


def test_an_agreement_is_opened_once_and_found_by_its_id(venue: CollateralVenue) -> None:
    terms = venue.terms(notice_seconds=60, cure_seconds=120, salt=2**127)
    identifier = agreement_id(terms, venue.register)
    assert venue.ledger.agreement(identifier) is None
    signatures = venue.signed(identifier, GIVER, TAKER)
    venue.ledger.open(terms, *signatures)
    sent = len(venue.log.stored)
    venue.ledger.open(terms, *signatures)  # again: the same transaction
    assert len(venue.log.stored) == sent == 1
    assert venue.ledger.agreement(identifier) == terms
    assert venue.ledger.state(identifier) == NONE
    assert venue.ledger.positions(identifier) == []
    assert told(venue) == [said.Agreed(agreement_id=identifier, agreement=terms)]

    at, chain = venue.register.address, venue.chain.node
    (words,) = read(chain, "CollateralRegister", at, "agreementOf", bytes.fromhex(identifier))
    (hashed,) = read(chain, "CollateralRegister", at, "agreementIdOf", words)
    assert hashed.hex() == identifier

    venue.log.stored.clear()  # another service of the market opened it
    venue.renew()
    venue.ledger.open(terms, *signatures)
    assert not venue.log.stored


def test_an_agreement_that_one_did_not_sign_is_refused(venue: CollateralVenue) -> None:
    terms = venue.terms()
    with pytest.raises(ContractRefused) as caught:
        venue.ledger.open(terms, *venue.signed(agreement_id(terms, venue.register), GIVER, GIVER))
    assert caught.value.name == "InvalidSignature"
    assert caught.value.details["party"] == TAKER.address


def test_terms_are_amended_by_both(venue: CollateralVenue) -> None:
    identifier = venue.agree()
    following, by = venue.terms(reuse_cap=0, sale_floor=0, salt=9), venue.now() + 600
    digest = amendment_digest(identifier, following, by, venue.register)
    signatures = venue.signed(digest, GIVER, TAKER)
    venue.ledger.amend(identifier, following, by, *signatures)
    assert venue.ledger.agreement(identifier) == following
    venue.log.stored.clear()
    venue.renew()
    with pytest.raises(ContractRefused) as caught:
        venue.ledger.amend(identifier, following, by, *signatures)
    assert caught.value.name == "AlreadyUsed"


# Pledges


def test_a_pledge_stays_where_it_is_and_is_seen_at_the_head_and_at_the_depth(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    before = venue.ledger.head_block()
    made = venue.pledge(agreement, 1_000)
    expected = Pledge(
        agreement_id=agreement,
        parent=NO_PLEDGE,
        token=venue.token,
        quantity=1_000,
        depth=0,
        max_depth=3,
        holder=GIVER.address,
        reused=0,
        reuse_cap=800_000,
        owed=0,
        recalled=0,
        until=venue.terms().until,
        selling=0,
    )
    assert venue.ledger.pledge(made) == expected
    assert expected.is_root and expected.reusable(venue.now()) == 800
    assert venue.units(GIVER) == (UNITS, UNITS - 1_000)
    assert venue.ledger.pledge(made, before) is None
    assert venue.ledger.pledge(made, venue.ledger.final_block()) is None
    venue.chain.mine(DEPTH)
    assert venue.ledger.pledge(made, venue.ledger.final_block()) == expected
    assert venue.ledger.time_of() == venue.now()
    assert venue.ledger.pledges([made, PledgeId("ab" * 32), made]) == {made: expected}


def test_the_same_acts_are_sent_once_and_refused_to_who_comes_later(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    act = venue.act(GIVER, PledgeCall(agreement_id=agreement, token=venue.token, quantity=10, salt=salt(1)))
    assert not venue.ledger.is_nonce_used(GIVER.address, act.nonce)
    venue.ledger.run([act])
    venue.ledger.run([act])
    venue.renew()
    venue.ledger.run([act])  # as after a restart: the log remembers
    assert venue.ledger.is_nonce_used(GIVER.address, act.nonce)
    assert [one.status for one in venue.log.stored.values()].count("mined") == 2
    venue.log.stored.clear()
    venue.renew()
    error = refusal(venue, act)
    assert (error.name, error.details) == ("ActUsed", {"party": GIVER.address, "nonce": act.nonce})


def test_a_transaction_under_way_is_watched_over_by_who_comes_back(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    act = venue.act(GIVER, PledgeCall(agreement_id=agreement, token=venue.token, quantity=10, salt=salt(1)))
    venue.mine_at_once(False)
    try:
        venue.ledger.run([act])
        venue.renew()
        venue.ledger.run([act])
        assert len(venue.log.stored) == 2
    finally:
        venue.mine_at_once(True)
    venue.chain.mine()
    assert venue.ledger.is_nonce_used(GIVER.address, act.nonce)


def test_acts_that_nobody_signed_or_that_came_late_are_refused_by_name(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    call = PledgeCall(agreement_id=agreement, token=venue.token, quantity=10, salt=salt(1))
    act = venue.act(GIVER, call)
    assert refusal(venue, replace(act, nonce=act.nonce + 99)).name == "ActNotSigned"
    late = refusal(venue, venue.act(GIVER, call, by=venue.now() - 1))
    assert (late.name, late.details["by"]) == ("ActExpired", venue.now() - 1)
    stranger = refusal(venue, venue.act(TAKER, call))
    assert (stranger.name, stranger.details) == (
        "NotActing",
        {"caller": TAKER.address, "expected": GIVER.address},
    )
    with pytest.raises(InvalidInput, match="at least one"):
        venue.ledger.run([])
    assert venue.ledger.why_not([act]) is None
    assert venue.ledger.pledge(pledge_id(agreement, venue.token, salt(1))) is None


def test_a_burnt_number_is_used(venue: CollateralVenue) -> None:
    act = venue.act(GIVER, BurnNonceCall(nonce=500))
    venue.ledger.run([act])
    assert venue.ledger.is_nonce_used(GIVER.address, 500)


def test_a_substitution_by_consent_is_one_or_nothing(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    old = venue.pledge(agreement, 1_000)
    new = PledgeCall(agreement_id=agreement, token=venue.second, quantity=700, salt=salt(7))
    plain = [
        venue.act(GIVER, new),
        venue.act(TAKER, ReleaseCall(pledge_id=old, quantity=1_000)),
    ]
    acts = venue.together(*plain)
    alone = refusal(venue, acts[1])
    assert alone.name == "ActNotTogether"
    first = venue.ledger.head_block() + 1
    venue.ledger.run(acts)
    made = pledge_id(agreement, venue.second, salt(7))
    assert venue.ledger.pledges([old, made])[made].quantity == 700
    assert venue.ledger.pledges([old, made])[old].quantity == 0
    assert [type(one) for one in told(venue, first)] == [said.Pledged, said.Released]
    assert venue.units(GIVER) == (UNITS, UNITS)
    assert venue.units(GIVER, venue.second) == (UNITS, UNITS - 700)


def test_attested_values_release_and_substitute_without_the_taker(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    old = venue.pledge(agreement, 1_000)
    valuation = venue.value(agreement, 500, (venue.token, 1_000_000, 100_000), (venue.second, 2_000_000, 0))
    venue.ledger.value(valuation, venue.proof_of(valuation, *VALUERS[1:]))  # the latest already
    state = venue.ledger.state(agreement)
    assert (state.exposure, state.required, state.valued_at) == (500, 500, valuation.as_of)
    held = venue.ledger.positions(agreement)
    assert held == [
        Position(token=venue.token, held=1_000, price=1_000_000, haircut=100_000, priced_at=valuation.as_of)
    ]
    assert venue.ledger.cover(agreement) == 900 == sum(one.covers(state) for one in held)
    venue.run(GIVER, ReleaseExcessCall(pledge_id=old, quantity=444))
    error = refusal(venue, venue.act(GIVER, ReleaseExcessCall(pledge_id=old, quantity=1)))
    assert (error.name, error.details["required"], error.details["covered"]) == ("NotCovered", 500, 499)
    call = SubstituteCall(old_pledge=old, quantity=556, token=venue.second, new_quantity=251, salt=salt(3))
    venue.run(GIVER, call)
    assert venue.ledger.pledge(pledge_id(agreement, venue.second, salt(3))) is not None
    assert venue.ledger.cover(agreement) == 502


def test_a_stale_valuation_is_told_from_one_that_is_there(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    now = venue.value(agreement, 500)
    other = replace(now, exposure=501)
    with pytest.raises(ContractRefused) as caught:
        venue.ledger.value(other, venue.proof_of(other))
    assert (caught.value.name, caught.value.details["asOf"]) == ("BadAsOf", now.as_of)
    dearer = replace(now, prices=(replace(now.prices[0], price=1_000_001),))
    with pytest.raises(ContractRefused, match="BadAsOf"):
        venue.ledger.value(dearer, venue.proof_of(dearer))
    short = replace(now, as_of=now.as_of + 1)
    stolen = venue.proof_of(other)
    with pytest.raises(ContractRefused) as caught:
        venue.ledger.value(short, stolen)
    assert caught.value.name == "ProofNotFromEpoch"


# Re-use


def test_a_chain_of_re_use_is_recalled_and_unwound_in_order(venue: CollateralVenue) -> None:
    first, second = venue.agree(), venue.agree(giver=TAKER.address, taker=SECOND.address)
    root = venue.pledge(first, 1_000)
    child = venue.repledge(root, second, 500)
    above, below = venue.ledger.pledges([root, child]).values()
    assert (above.reused, below.depth, below.parent, below.holder) == (500, 1, root, "0x" + "0" * 40)
    assert (above.reusable(venue.now()), above.releasable) == (300, 375)
    venue.run(GIVER, RecallCall(pledge_id=root, quantity=1_000, by=venue.now() + 60))
    error = refusal(
        venue,
        venue.act(TAKER, RepledgeCall(parent=root, agreement_id=second, quantity=1, salt=salt(8))),
    )
    assert (error.name, error.details["limit"]) == ("ReuseExceeded", 0)
    unwinding = venue.together(
        venue.act(SECOND, ReleaseCall(pledge_id=child, quantity=500)),
        venue.act(TAKER, ReleaseCall(pledge_id=root, quantity=1_000)),
    )
    wrong = venue.together(*reversed(unwinding))
    assert refusal(venue, *wrong).name == "ReuseExceeded"
    venue.ledger.run(unwinding)
    assert venue.units(GIVER) == (UNITS, UNITS)
    names = [type(one.said).__name__ for one in venue.ledger.events_of_pledge(root)]
    assert names == ["Pledged", "Recalled", "Released"]


def test_attempts_to_commit_what_is_not_there_are_told_once_a_try(venue: CollateralVenue) -> None:
    first, second = venue.agree(), venue.agree(giver=TAKER.address, taker=SECOND.address)
    root = venue.pledge(first, 9_000)
    again = venue.act(GIVER, PledgeCall(agreement_id=first, token=venue.token, quantity=2_000, salt=salt(2)))
    assert refusal(venue, again).name == "InsufficientFreeUnits"
    assert venue.ledger.why_not([again]) is not None
    too_much = venue.act(TAKER, RepledgeCall(parent=root, agreement_id=second, quantity=7_201, salt=salt(3)))
    assert refusal(venue, too_much).name == "ReuseExceeded"
    child = venue.repledge(root, second, 7_200)
    assert refusal(venue, venue.act(TAKER, ReleaseCall(pledge_id=root, quantity=1))).name == "ReuseExceeded"
    seen = [(one.party, one.token, one.name, one.actual, one.needed) for one in venue.attempts]
    assert seen == [
        (GIVER.address, venue.token, "InsufficientFreeUnits", 1_000, 2_000),
        (GIVER.address, venue.token, "InsufficientFreeUnits", 1_000, 2_000),
        (TAKER.address, venue.token, "ReuseExceeded", 7_200, 7_201),
    ]
    assert venue.attempts[0].attempt == venue.attempts[1].attempt != venue.attempts[2].attempt
    assert venue.ledger.pledge(child) is not None


# Cash, default, enforcement


def test_cash_counts_once_and_comes_back(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    paid = venue.cash(agreement, 700, 1)
    venue.cash(agreement, -200, 2)
    assert venue.ledger.state(agreement).credit == 500
    with pytest.raises(ContractRefused) as caught:
        venue.cash(agreement, 1, 1)
    assert caught.value.name == "AlreadyUsed"
    found = [one.said for one in venue.ledger.events_of(agreement) if isinstance(one.said, said.CashRecorded)]
    assert found == [
        said.CashRecorded(agreement_id=agreement, call_id=paid.call_id, amount=700, credit=700),
        said.CashRecorded(agreement_id=agreement, call_id=salt(2), amount=-200, credit=500),
    ]


def test_income_that_the_taker_owes_is_paid_or_acknowledged(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    made = venue.pledge(agreement, 100)
    income = venue.income(made, entitled=40, owed=30)
    assert venue.ledger.income_owed(made) == 30
    venue.cash(agreement, -10, 5, made)
    venue.run(GIVER, AcknowledgeIncomeCall(pledge_id=made, amount=20))
    assert venue.ledger.income_owed(made) == 0
    assert [one.said for one in venue.ledger.events_of_pledge(made)][1:] == [
        said.IncomeRecorded(pledge_id=made, income_id=salt(1), record_date=income.record_date, entitled=40, owed=30),
        said.IncomePaid(pledge_id=made, amount=10, left=20),
        said.IncomePaid(pledge_id=made, amount=20, left=0),
    ]


def test_a_default_is_enforced_at_a_leaf_and_felt_at_the_root(venue: CollateralVenue) -> None:
    first, second = venue.agree(), venue.agree(giver=TAKER.address, taker=SECOND.address)
    root = venue.pledge(first, 1_000)
    child = venue.repledge(root, second, 500)
    venue.value(second, 2_000)
    venue.run(SECOND, DeclareDefaultCall(agreement_id=second))
    state = venue.ledger.state(second)
    assert state.in_default and not state.enforceable(state.enforce_from)
    venue.pass_time(2)
    venue.run(SECOND, AppropriateCall(pledge_id=child, quantity=300))
    above, below = (venue.ledger.pledges([root, child])[one] for one in (root, child))
    assert (above.quantity, above.reused, above.owed) == (700, 200, 300)
    assert (below.quantity, venue.ledger.state(second).credit) == (200, 300)
    assert venue.units(SECOND) == (300, 300)
    venue.run(SECOND, EndDefaultCall(agreement_id=second))
    assert told(venue)[-4:] == [
        said.DefaultDeclared(agreement_id=second, enforce_from=state.enforce_from),
        said.Appropriated(pledge_id=child, quantity=300, value=300),
        said.EquivalentOwed(pledge_id=root, quantity=300),
        said.DefaultEnded(agreement_id=second, by=SECOND.address),
    ]


@pytest.mark.parametrize("paid", [True, False])
def test_a_sale_ends_settled_or_given_back(venue: CollateralVenue, paid: bool) -> None:
    agreement = venue.agree()
    made = venue.pledge(agreement, 1_000)
    venue.value(agreement, 2_000, (venue.token, 1_000_000, 0))
    venue.run(TAKER, DeclareDefaultCall(agreement_id=agreement))
    venue.pass_time(2)
    order = venue.order(venue.register.address, SECOND.address, 400)
    identifier = settlement_id(order, venue.network)
    (signature,) = venue.signed(identifier, SECOND)
    assert venue.ledger.sale(identifier) is None
    with pytest.raises(ContractRefused, match="UnknownSale"):
        venue.ledger.end_sale(identifier)
    venue.run(TAKER, SellCall(pledge_id=made, order=order, buyer_signature=signature))
    sale = venue.ledger.sale(identifier)
    assert sale is not None
    assert (sale.pledge_id, sale.quantity, sale.price, sale.floor, sale.open) == (made, 400, 400, 200, True)
    with pytest.raises(ContractRefused) as caught:
        venue.ledger.end_sale(identifier)
    assert caught.value.name == "SaleNotEnded"
    if not paid:
        venue.pass_time(8_000)
    venue.end(order, OutcomeResult.PAID if paid else OutcomeResult.NEVER)
    venue.ledger.end_sale(identifier)
    venue.log.stored.clear()
    venue.renew()
    venue.ledger.end_sale(identifier)  # somebody did
    ended = venue.ledger.sale(identifier)
    assert ended is not None and not ended.open
    now = venue.ledger.pledge(made)
    assert now is not None
    assert (now.quantity, now.selling) == ((600, 0) if paid else (1_000, 0))
    assert venue.ledger.state(agreement).credit == (200 if paid else 0)
    assert told(venue)[-1] == said.SaleEnded(pledge_id=made, settlement_id=identifier, settled=paid)


# Title


def test_title_goes_and_comes_back_by_settled_orders_and_through_the_lane(venue: CollateralVenue) -> None:
    agreement = venue.agree(mode=AgreementMode.TITLE_TRANSFER, reuse_cap=0, max_depth=0)
    order = venue.order(GIVER.address, TAKER.address, 500)
    settlement = venue.settled(order)
    venue.run(TAKER, RecordTitleCall(agreement_id=agreement, order=order))
    repo = pledge_id(agreement, venue.token, settlement)
    found = venue.ledger.pledge(repo)
    assert found is not None
    assert (found.quantity, found.owed) == (0, 500)
    back = venue.order(TAKER.address, GIVER.address, 200, nonce=1)
    returned = venue.settled(back)
    venue.run(GIVER, RecordReturnCall(pledge_id=repo, order=back))
    venue.run(TAKER, ReturnUnitsCall(pledge_id=repo, quantity=100))
    venue.value(agreement, 1_000)
    venue.run(TAKER, DeclareDefaultCall(agreement_id=agreement))
    venue.pass_time(2)
    venue.run(TAKER, SetOffCall(pledge_id=repo, quantity=50))
    found = venue.ledger.pledge(repo)
    assert found is not None
    assert found.owed == 150
    assert venue.units(TAKER) == (200, 200)
    assert [one.said for one in venue.ledger.events_of_pledge(repo)] == [
        said.TitleTransferred(
            pledge_id=repo, agreement_id=agreement, token=venue.token, quantity=500, settlement_id=settlement
        ),
        said.Returned(pledge_id=repo, quantity=200, settlement_id=returned),
        said.Returned(pledge_id=repo, quantity=100, settlement_id=SettlementId("0" * 64)),
        said.SetOff(pledge_id=repo, quantity=50, value=50),
    ]
    named = [type(one.said).__name__ for one in venue.ledger.events_of(agreement)]
    assert named == ["Agreed", "TitleTransferred", "Valued", "DefaultDeclared"]


# Events


def test_events_are_kept_where_they_are_settled_and_read_anew_where_the_chain_changed(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    venue.pledge(agreement, 1)
    venue.chain.mine(40)
    venue.pledge(agreement, 2, 1)
    begun = venue.snapshot()
    venue.pledge(agreement, 3, 2)
    at = venue.ledger.head_block()
    venue.chain.mine(40)
    whole = venue.ledger.events()
    assert [one.quantity for one in told(venue) if isinstance(one, said.Pledged)] == [1, 2, 3]
    assert venue.ledger.events() == whole
    assert [(one.block, one.place) for one in whole] == sorted((one.block, one.place) for one in whole)
    assert [one for one in whole if one.block >= at] == venue.ledger.events(at)
    assert [one for one in whole if one.block < at] == venue.ledger.events(0, at - 1)
    venue.revert(begun)
    venue.pass_time(5)
    venue.chain.mine(45)
    assert [one.quantity for one in told(venue) if isinstance(one, said.Pledged)] == [1, 2]
    assert venue.ledger.events_of_pledge(PledgeId("00" * 31 + "01")) == []
    assert venue.ledger.events_of(agreement, 0) == []


# Without a hand


def test_a_ledger_without_a_sender_looks_and_sends_nothing(venue: CollateralVenue) -> None:
    agreement = venue.agree()
    eyes: CollateralLedger = EvmCollateralLedger(venue.chain.node, venue.register)
    assert eyes.agreement(agreement) == venue.terms()
    act = venue.act(GIVER, PledgeCall(agreement_id=agreement, token=venue.token, quantity=1, salt=salt(1)))
    assert eyes.why_not([act]) is None
    with pytest.raises(Refused, match="ReadOnly"):
        eyes.run([act])
    with pytest.raises(Misconfigured, match="configured is 7"):
        EvmCollateralLedger(venue.chain.node, replace(venue.register, chain_id=7))
    nowhere = EvmCollateralLedger(venue.chain.node, replace(venue.register, address=OPERATOR.address))
    with pytest.raises(Misconfigured, match="no CollateralRegister answers"):
        nowhere.state(agreement)
    with pytest.raises(Misconfigured, match="no CollateralRegister answers"):
        nowhere.pledges([PledgeId("ab" * 32)])
