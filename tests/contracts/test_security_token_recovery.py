"""SecurityToken: units and freezes of a lost wallet go to its heir, once."""

import pytest

from .hands import confirmed, frozen, low, moved, propose
from .harness import FAR, Key, World

ENDLESS = 2**256 - 1


# A lost wallet


@pytest.fixture
def heir(world: World, lane: Key) -> Key:
    """Another wallet of the seller's entity, set as its successor."""
    new = Key.named("heir")
    registry = world.registry
    lei = bytes(registry.functions.participantOf(world.seller.address).call()[0])
    world.send(registry.functions.register(new.address, lei, b"DE", 1, FAR), world.registrar)
    call = registry.functions.succeed(world.seller.address, new.address)
    propose(world, registry, call, world.registrar)
    world.send(call, world.confirmer)
    return new


def test_a_wallet_that_has_no_successor_is_not_recovered(world: World, lane: Key) -> None:
    functions, seller = world.token.functions, world.seller.address
    assert world.refusal(functions.recover(seller)) == ("NotSucceeded", low(world.seller))


def test_recovery_keeps_what_is_frozen_frozen(world: World, lane: Key, heir: Key) -> None:
    functions, seller = world.token.functions, world.seller.address
    world.send(functions.setFrozenTokens(seller, 600), world.officer)
    world.send(functions.setFrozenTokens(heir.address, 5), world.officer)
    world.send(functions.setAccountFrozen(seller, True), world.officer)
    receipt = world.send(functions.recover(seller), world.outsider)
    assert world.events(receipt) == [
        frozen(seller, 0),
        frozen(heir.address, 605),
        ("AccountFrozen", {"account": seller, "frozen": False}),
        ("AccountFrozen", {"account": heir.address, "frozen": True}),
        moved(seller, heir.address, 1_000),
        ("Recovered", {"from": seller, "heir": heir.address, "quantity": 1_000}),
    ]
    assert world.holding(seller) == (0, 0)
    assert world.holding(heir.address) == (1_000, 395)
    assert functions.isAccountFrozen(heir.address).call()
    assert not functions.isAccountFrozen(seller).call()
    # Nothing is left. Once the freezes are lifted, nobody can bring them back.
    assert world.refusal(functions.recover(seller)) == ("NothingToRecover", low(world.seller))
    confirmed(world, functions.setAccountFrozen(heir.address, False), world.officer)
    confirmed(world, functions.setFrozenTokens(heir.address, 0), world.officer)
    assert world.refusal(functions.recover(seller)) == ("NothingToRecover", low(world.seller))
    assert world.holding(heir.address) == (1_000, 1_000)


def test_each_thing_that_comes_after_a_recovery_is_carried_once(world: World, lane: Key, heir: Key) -> None:
    functions, seller = world.token.functions, world.seller.address
    world.send(functions.setFrozenTokens(seller, 7), world.officer)
    world.send(functions.recover(seller), world.outsider)
    nothing = ("NothingToRecover", low(world.seller))
    # A freeze of the lost wallet goes the same way, and no other with it.
    world.send(functions.setAccountFrozen(seller, True), world.officer)
    receipt = world.send(functions.recover(seller), world.outsider)
    assert [event for event in world.events(receipt) if event[0] != "Transfer"] == [
        ("AccountFrozen", {"account": seller, "frozen": False}),
        ("AccountFrozen", {"account": heir.address, "frozen": True}),
        ("Recovered", {"from": seller, "heir": heir.address, "quantity": 0}),
    ]
    assert world.refusal(functions.recover(seller)) == nothing
    world.send(functions.setFrozenTokens(seller, 5), world.officer)
    world.send(functions.recover(seller), world.outsider)
    assert functions.getFrozenTokens(heir.address).call() == 12
    assert functions.getFrozenTokens(seller).call() == 0
    assert world.refusal(functions.recover(seller)) == nothing


def test_an_empty_wallet_is_recovered_once_so_that_what_comes_later_goes_on(world: World, lane: Key, heir: Key) -> None:
    functions, seller = world.token.functions, world.seller.address
    confirmed(world, functions.forcedTransfer(seller, world.buyer.address, 1_000), world.officer)
    world.send(functions.makeEarmark(world.buyer.address, world.other.address, 10), lane)
    world.send(functions.recover(seller), world.outsider)
    assert world.refusal(functions.recover(seller)) == ("NothingToRecover", low(world.seller))
    world.send(functions.settleEarmark(world.buyer.address, seller, 10), lane)
    assert world.holding(heir.address) == (10, 10)


def test_endless_freezes_do_not_overflow_on_recovery(world: World, lane: Key, heir: Key) -> None:
    functions = world.token.functions
    for wallet in (world.seller.address, heir.address):
        world.send(functions.setFrozenTokens(wallet, ENDLESS), world.officer)
    world.send(functions.recover(world.seller.address), world.outsider)
    assert functions.getFrozenTokens(heir.address).call() == ENDLESS
    assert world.holding(heir.address) == (1_000, 0)


def test_units_in_flight_reach_the_heir(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.makeEarmark(seller, buyer, 300), lane)
    world.send(functions.transfer(buyer, 100), world.seller)
    world.send(functions.makeEarmark(buyer, seller, 100), lane)
    new = Key.named("heir")
    lei = bytes(world.registry.functions.participantOf(seller).call()[0])
    world.send(world.registry.functions.register(new.address, lei, b"DE", 1, FAR), world.registrar)
    call = world.registry.functions.succeed(seller, new.address)
    propose(world, world.registry, call, world.registrar)
    world.send(call, world.confirmer)
    # Before the first recovery they land at the old wallet, which cannot move them; recovery fetches them.
    world.send(functions.settleEarmark(buyer, seller, 40), lane)
    assert world.refusal(functions.transfer(buyer, 1), world.seller)[0] == "NotEligible"
    world.send(functions.recover(seller), world.outsider)
    assert world.holding(new.address) == (640, 640)
    assert world.holding(seller) == (300, 0)
    # Afterwards at once: what is delivered to the old wallet, and what is given back to it.
    receipt = world.send(functions.settleEarmark(buyer, seller, 60), lane)
    assert world.events(receipt) == [moved(buyer, new.address, 60)]
    receipt = world.send(functions.releaseEarmark(seller, 200), lane)
    released = ("EarmarkReleased", {"holder": seller, "earmarker": lane.address, "quantity": 200})
    assert world.events(receipt) == [released, moved(seller, new.address, 200)]
    world.send(functions.settleEarmark(seller, seller, 50), lane)
    world.send(functions.settleEarmark(seller, buyer, 50), lane)
    assert world.holding(seller) == (0, 0)
    assert world.holding(new.address) == (950, 950)
    assert world.holding(buyer) == (50, 50)
