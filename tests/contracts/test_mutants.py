"""What mutation testing found untested in registry and token: boundaries, what is stored, second reasons."""

from typing import Any

import pytest

from .cycles import position
from .hands import confirmed, frozen, low, moved, propose, refused_confirmation
from .harness import DAY, FAR, ZERO, Key, Standing, World
from .storage import place, slot_of, wide

MAX_UNITS, ENDLESS = 2**60 - 1, 2**256 - 1
MATURITY = 2_051_222_400


def made_by(world: World, contract: Any) -> list[tuple[str, dict[str, Any]]]:
    """The events of a contract's deployment."""
    logs = world.w3.eth.get_logs({"address": contract.address, "fromBlock": 0})
    first = min(log["blockNumber"] for log in logs)
    return world.events({"logs": [log for log in logs if log["blockNumber"] == first]})


# Storage as it is drawn


def test_a_record_lies_where_it_is_drawn(world: World) -> None:
    lei, wallet, expires = b"529900T8BM49AURSDO55", Key.named("drawn").address, FAR - 2
    world.send(world.registry.functions.addJurisdiction(b"FR"), world.registrar)
    world.send(world.registry.functions.register(wallet, lei, b"FR", 31, expires), world.registrar)
    drawn = int.from_bytes(lei) | 1 << 160 | (192 + 31) << 168 | expires << 214 | 3 << 254
    assert slot_of(world, world.registry, wide(wallet)) == drawn
    for standing, counted in ((Standing.SUSPENDED, 2), (Standing.CLOSED, 1)):
        world.set_standing(wallet, standing)
        assert slot_of(world, world.registry, wide(wallet)) == drawn & (2**254 - 1) | counted << 254


def test_an_account_lies_where_it_is_drawn(world: World) -> None:
    lanes = [world.outsider, world.collateral, world.gateway]
    world.token = world.deploy_token([key.address for key in lanes])
    functions, holder = world.token.functions, world.other.address
    world.send(functions.issue(holder, 1_000), world.issuer)
    for units, lane in zip((100, 200, 300), lanes, strict=True):
        world.send(functions.makeEarmark(holder, holder, units), lane)
    plain = 1_000 | 100 << 60 | 200 << 120 | 300 << 180
    assert slot_of(world, world.token, wide(holder)) == plain
    world.send(functions.setAccountFrozen(holder, True), world.officer)
    assert slot_of(world, world.token, wide(holder)) == plain | 1 << 241
    confirmed(world, functions.setAccountFrozen(holder, False), world.officer)
    world.send(functions.setFrozenTokens(holder, 7), world.officer)
    kept = [world.w3.eth.get_storage_at(world.token.address, place(wide(holder), number)) for number in range(24)]
    assert sorted(value for one in kept if (value := int.from_bytes(one))) == [7, plain | 1 << 240]
    confirmed(world, functions.setFrozenTokens(holder, 0), world.officer)
    assert slot_of(world, world.token, wide(holder)) == plain


# Deployment


def test_a_registry_tells_its_first_roles(world: World) -> None:
    assert made_by(world, world.registry) == [
        ("RegistrarChanged", {"previous": ZERO, "current": world.registrar.address}),
        ("ConfirmerChanged", {"previous": ZERO, "current": world.confirmer.address}),
    ]


def test_a_token_tells_its_first_roles_and_rules(world: World) -> None:
    token = world.deploy_token(jurisdictions=5, investor_classes=9)
    first = [world.issuer.address, world.officer.address, world.confirmer.address]
    roles = [("RoleAssigned", {"role": n, "previous": ZERO, "current": one}) for n, one in enumerate(first)]
    assert made_by(world, token) == [("RulesChanged", {"jurisdictions": 5, "investorClasses": 9}), *roles]
    assert token.functions.rules().call() == [5, 9, False]
    assert [token.functions.holderOf(role).call() for role in range(3)] == first


def test_every_term_is_kept(world: World) -> None:
    terms: dict[str, Any] = {
        "isin": b"US0378331005", "kind": 1, "currency": b"USD", "decimals": 6, "nominal": 3, "issue_date": 11,
        "maturity_date": 12, "coupon_rate": 13, "coupon_frequency": 4, "day_count": 2,
    }  # fmt: skip
    functions = world.deploy_token(**terms, predecessor=world.token.address).functions
    assert tuple(functions.terms().call()) == tuple(terms.values())
    assert functions.predecessor().call() == world.token.address
    assert functions.decimals().call() == 6


# Registry


def test_an_unknown_wallet_has_no_record(world: World) -> None:
    known = world.registry.functions.participantOf(world.outsider.address).call()
    assert tuple(known) == (bytes(20), 0, bytes(2), 0, 0)


def test_a_proposed_registrar_that_became_the_confirmer_does_not_accept(world: World) -> None:
    functions, both = world.registry.functions, world.other
    world.send(functions.proposeRegistrar(both.address), world.registrar)
    change = functions.changeConfirmer(both.address)
    propose(world, world.registry, change, world.registrar)
    world.send(change, world.confirmer)
    assert world.refusal(functions.acceptRegistrar(), both) == ("SameHands", low(both))
    assert functions.registrar().call() == world.registrar.address


def test_the_registrar_confirms_what_the_confirmer_proposed(world: World) -> None:
    functions = world.registry.functions
    call = functions.changeConfirmer(world.other.address)
    propose(world, world.registry, call, world.confirmer)
    world.send(call, world.registrar)
    assert functions.confirmer().call() == world.other.address


def test_who_proposes_in_the_registry_has_a_role(world: World) -> None:
    refused = world.refusal(world.registry.functions.propose(b""), world.other)
    assert refused == ("NotRegistrar", low(world.other), low(world.registrar))


def test_a_proposal_is_open_through_its_last_second(world: World) -> None:
    functions = world.registry.functions
    call = functions.changeConfirmer(world.other.address)
    id_ = propose(world, world.registry, call, world.registrar)
    expires = functions.proposalOf(world.registrar.address, id_).call()
    world.tester.time_travel(expires)
    assert world.attempt(call, world.confirmer)["status"] == 1
    assert world.now() == expires


# Token


def test_what_standards_want_answered_is_true(world: World) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.approve(world.other.address, 5), world.seller)
    forced = functions.forcedTransfer(seller, buyer, 1)
    propose(world, world.token, forced, world.officer)
    for call, sender in (
        (functions.transfer(buyer, 1), world.seller),
        (functions.approve(buyer, 1), world.seller),
        (functions.transferFrom(seller, buyer, 5), world.other),
        (functions.setFrozenTokens(seller, 1), world.officer),
        (forced, world.confirmer),
    ):
        assert call.call({"from": sender.address}) is True


def test_redemption_begins_with_the_second_of_maturity(world: World) -> None:
    functions = world.token.functions
    call = functions.redeem([world.seller.address], [1])
    world.tester.time_travel(MATURITY - 3 * DAY)
    propose(world, world.token, call, world.issuer)
    world.tester.time_travel(MATURITY - 1)
    assert world.attempt(call, world.confirmer)["status"] == 0
    assert world.attempt(call, world.confirmer)["status"] == 1
    assert world.now() == MATURITY


def test_no_role_goes_to_who_has_the_last_one(world: World) -> None:
    call = world.token.functions.assignRole(0, world.confirmer.address)
    propose(world, world.token, call, world.issuer)
    assert world.refusal(call, world.officer) == ("DuplicateRole", low(world.confirmer))


def test_what_migrates_stays_within_what_one_security_can_have(world: World) -> None:
    functions, seller = world.token.functions, world.seller.address
    full = world.deploy_token(predecessor=world.token.address, authorised=MAX_UNITS - 5)
    confirmed(world, functions.nameSuccessor(full.address), world.issuer)
    refused = world.refusal(functions.migrate(6), world.seller)
    assert refused == ("IssuanceLimitExceeded", MAX_UNITS - 5, 6, MAX_UNITS)
    world.send(functions.migrate(5), world.seller)
    assert full.functions.authorised().call() == MAX_UNITS
    assert full.functions.balanceOf(seller).call() == 5


def succeeded(world: World) -> str:
    """Another wallet of the seller's entity, which succeeds the seller's."""
    heir, registry = Key.named("heir of mutants").address, world.registry
    lei = bytes(registry.functions.participantOf(world.seller.address).call()[0])
    world.send(registry.functions.register(heir, lei, b"DE", 1, FAR), world.registrar)
    call = registry.functions.succeed(world.seller.address, heir)
    propose(world, registry, call, world.registrar)
    world.send(call, world.confirmer)
    return heir


def test_recovery_of_a_plain_account_freezes_nothing(world: World) -> None:
    functions, seller, heir = world.token.functions, world.seller.address, succeeded(world)
    receipt = world.send(functions.recover(seller), world.outsider)
    recovered = ("Recovered", {"from": seller, "heir": heir, "quantity": 10_000})
    assert world.events(receipt) == [moved(seller, heir, 10_000), recovered]
    assert not functions.isAccountFrozen(heir).call()
    assert functions.canSend(heir).call()


def test_recovery_between_frozen_accounts_tells_what_it_carries(world: World) -> None:
    functions, seller, heir = world.token.functions, world.seller.address, succeeded(world)
    for wallet in (seller, heir):
        world.send(functions.setAccountFrozen(wallet, True), world.officer)
    world.send(functions.setFrozenTokens(seller, 1), world.officer)
    receipt = world.send(functions.recover(seller), world.outsider)
    whole = [("AccountFrozen", {"account": who, "frozen": is_}) for who, is_ in ((seller, False), (heir, True))]
    told = [frozen(seller, 0), frozen(heir, 1), *whole, moved(seller, heir, 10_000)]
    assert world.events(receipt) == [*told, ("Recovered", {"from": seller, "heir": heir, "quantity": 10_000})]
    assert functions.isAccountFrozen(heir).call()


def test_a_frozen_heir_stays_frozen_and_a_freeze_up_to_the_largest_number_is_added(world: World) -> None:
    functions, seller, heir = world.token.functions, world.seller.address, succeeded(world)
    world.send(functions.setAccountFrozen(heir, True), world.officer)
    world.send(functions.setFrozenTokens(heir, ENDLESS - 10), world.officer)
    world.send(functions.setFrozenTokens(seller, 9), world.officer)
    world.send(functions.recover(seller), world.outsider)
    assert functions.isAccountFrozen(heir).call()
    assert functions.getFrozenTokens(heir).call() == ENDLESS - 1


def test_a_tap_after_redemption_starts_from_what_is_left(world: World) -> None:
    functions = world.token.functions
    refused = refused_confirmation(world, functions.tap(1), world.issuer)
    assert refused == ("IssuanceLimitExceeded", MAX_UNITS, 1, MAX_UNITS)


# Token: net earmarks


def test_one_unit_is_moved_net_as_any_other(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    positions = [position(seller, -1), position(buyer, 1)]
    world.send(functions.earmarkNet(positions), lane)
    assert functions.earmarkedOf(seller, lane.address).call() == 1
    assert world.events(world.send(functions.settleNet(positions), lane)) == [moved(seller, buyer, 1)]
    assert [functions.balanceOf(one).call() for one in (seller, buyer)] == [999, 1]
    assert functions.earmarkedTotalOf(seller).call() == 0


@pytest.mark.parametrize("count", range(1, 6))
def test_each_of_any_number_of_parties_is_judged_the_first_first(world: World, lane: Key, count: int) -> None:
    parties = [Key.named(f"one of {count}: {number}").address for number in range(count)]
    for party in parties:
        world.register(party)
    positions = [position(party, 0) for party in parties]
    world.send(world.token.functions.earmarkNet(positions), lane)
    for party in reversed(parties):
        world.set_standing(party, Standing.SUSPENDED)
        refused = world.refusal(world.token.functions.earmarkNet(positions), lane)
        assert refused[:3] == ("NotEligible", party.lower(), Standing.SUSPENDED)
