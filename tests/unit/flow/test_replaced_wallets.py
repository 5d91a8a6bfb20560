"""Parties whose lost wallets were replaced, over the compiled registers: whoever the participants' registry names as
heir is called, pays, gives, enforces, and nothing that the lost wallet did is done again (I10, I12)."""

from collections.abc import Iterator
from typing import Any

import pytest

from collateral_venue import AGENTS, CONFIRMER, DEPTH, GIVER, PARTIES, REGISTRAR, TAKER, CollateralVenue
from enforcing_venue import EnforcingVenue
from lockstep.app.collateral import LocalCollateralWallets
from lockstep.chain.deployment import Deployer
from lockstep.chain.ledger import call_data
from lockstep.domain.enforcement import MoveKind, Outcome
from lockstep.domain.errors import Refused
from lockstep.domain.identifiers import Reference
from lockstep.domain.margin_call import CallState
from lockstep.domain.values import replace
from lockstep.flow.register_parties import owner_of
from lockstep.signing import Key
from lockstep.testing.fakes import BUYER, SELLER, key
from margin_venue import BUND, CALL

HEIR, SECOND_HEIR = key("an heir"), key("the heir's heir")
BACK = Reference("MR-1")


@pytest.fixture(scope="module")
def founded() -> CollateralVenue:
    return CollateralVenue.open()


@pytest.fixture
def desk(founded: CollateralVenue) -> Iterator[EnforcingVenue]:
    snapshot = founded.snapshot()
    founded.log.stored.clear()
    founded.renew()
    yield EnforcingVenue(founded)
    founded.revert(snapshot)


def replaced(desk: EnforcingVenue, lost: Key, heir: Key, *, of: Key | None = None, signs: bool = True) -> None:
    """The registry names an heir, finally; the lost wallet's units follow, and its key signs no more."""
    chain, registry = desk.venue.chain, desk.venue.participants
    registrar, confirmer = (Deployer(chain.node, one, poll=chain.mine) for one in (REGISTRAR, CONFIRMER))
    registrar.fund(chain.faucet, CONFIRMER.address)
    lei = f"5299000000000000{PARTIES.index(of or lost):04d}".encode()
    registrar.call("ParticipantRegistry", registry, "register", heir.address, lei, b"DE", 0, 2**40 - 1)
    succession = call_data("ParticipantRegistry", "succeed", lost.address, heir.address)
    registrar.call("ParticipantRegistry", registry, "propose", succession)
    registrar.flush()
    confirmer.call("ParticipantRegistry", registry, "succeed", lost.address, heir.address)
    confirmer.flush()
    registrar.call("SecurityToken", desk.venue.token, "recover", lost.address)
    registrar.flush()
    chain.mine(DEPTH)
    keys = [one for one in (GIVER, TAKER, heir) if one != lost]
    desk.wallet = LocalCollateralWallets({one.address: one for one in keys if signs}, desk.venue.register)


def named(desk: EnforcingVenue, lei: Any, heir: Key) -> None:
    """The market has the new wallet."""
    member = replace(desk.market.participants[lei], wallet=heir.address)
    desk.market = replace(desk.market, participants={**desk.market.participants, lei: member})


def test_lines_are_read_of_any_block(desk: EnforcingVenue) -> None:
    before = desk.venue.ledger.head_block()
    replaced(desk, GIVER, HEIR)
    between = desk.venue.ledger.head_block()
    replaced(desk, HEIR, SECOND_HEIR, of=GIVER)
    asked = [GIVER.address, HEIR.address, TAKER.address]
    line = [GIVER.address, HEIR.address, SECOND_HEIR.address]
    assert desk.venue.ledger.lines(asked) == {
        GIVER.address: line,
        HEIR.address: line[1:],
        TAKER.address: [TAKER.address],
    }
    assert desk.venue.ledger.lines(asked, between)[GIVER.address] == line[:2]
    assert desk.venue.ledger.lines(asked, before) == {one: [one] for one in asked}
    assert desk.venue.ledger.lines([]) == {}


@pytest.mark.parametrize("is_named", [True, False])
def test_an_heir_is_called_and_gives_bonds_and_cash(desk: EnforcingVenue, is_named: bool) -> None:
    replaced(desk, GIVER, HEIR)
    if is_named:
        named(desk, SELLER.lei, HEIR)
    desk.value(1_800)
    desk.call(1_800)
    desk.margining.deliver_bonds(desk.agreement, CALL, Reference("D-1"), BUND, 1_000)
    for _ in range(3):
        desk.turn()
    desk.margining.pay(desk.agreement, CALL)
    for _ in range(6):
        desk.turn()
        desk.agents()
    assert desk.case().call.state is CallState.DELIVERED
    assert (desk.credit(), desk.venue.ledger.cover(desk.agreement)) == (900, 900)


def test_a_stranger_s_wallet_is_no_party_s(desk: EnforcingVenue) -> None:
    desk.value(900)
    named(desk, SELLER.lei, AGENTS[0])
    with pytest.raises(Refused) as caught:
        desk.call(900)
    assert caught.value.name == "NotTheParties"


def test_what_the_lost_wallet_released_is_not_released_again(desk: EnforcingVenue) -> None:
    pledge = desk.pledged(2_000)
    desk.value(900)
    desk.call(600, call_id=BACK, is_return=True)
    desk.margining.return_bonds(desk.agreement, BACK, Reference("R-1"), pledge, 600)
    desk.margining.run()  # sent, and in a block; nobody has looked
    replaced(desk, TAKER, HEIR)
    for _ in range(3):
        desk.turn()
    found = desk.venue.ledger.pledge(pledge)
    assert found is not None
    assert (found.quantity, desk.case(BACK).call.delivered) == (1_400, 540)


def test_an_heir_enforces_what_its_lost_wallet_began(desk: EnforcingVenue) -> None:
    desk.pledged(2_000)
    desk.value(1_000, required=3_000)
    desk.begin()
    desk.unsigned()
    desk.turn()
    assert [(one.kind, one.party) for one in desk.one().moves] == [(MoveKind.DECLARE, TAKER.address)]
    replaced(desk, TAKER, HEIR)
    desk.rest()
    assert desk.taken() == [("DECLARE", 0, 0), ("APPROPRIATE", 1_000, 1_000), ("RELEASE", 1_000, 0), ("END", 0, 0)]
    assert {one.party for one in desk.one().moves} == {HEIR.address}
    assert (desk.one().outcome, desk.venue.units(HEIR)) == (Outcome.ENFORCED, (1_000, 1_000))


def test_what_the_lost_wallet_took_is_not_taken_again(desk: EnforcingVenue) -> None:
    desk.pledged(2_000)
    desk.value(1_000, required=3_000)
    desk.begin()
    while not any(one.kind is MoveKind.APPROPRIATE for one in desk.one().moves):
        desk.turn()
    desk.enforcing.run()  # sent, and in a block; nobody has looked
    replaced(desk, TAKER, HEIR)
    desk.rest()
    assert [one for one in desk.taken() if one[0] == "APPROPRIATE"] == [("APPROPRIATE", 1_000, 1_000)]
    assert (desk.one().outcome, desk.state().credit) == (Outcome.ENFORCED, 1_000)


def test_members_are_found_by_whichever_wallet(desk: EnforcingVenue) -> None:
    replaced(desk, TAKER, HEIR)
    final = desk.venue.ledger.final_block()
    for wallet in (TAKER, HEIR):
        owner = owner_of(desk.venue.ledger, desk.market, wallet.address, final)
        assert owner is not None
        assert owner.lei == BUYER.lei
    named(desk, BUYER.lei, HEIR)
    assert owner_of(desk.venue.ledger, desk.market, TAKER.address, final) == desk.market.participants[BUYER.lei]
    assert owner_of(desk.venue.ledger, desk.market, AGENTS[0].address, final) is None
