"""SecurityToken: who may do what, alone and by two hands."""

import pytest
from eth_utils import keccak

from .hands import WEEK, action, confirmed, events, frozen, low, propose
from .harness import ZERO, Key, World

ISSUER, OFFICER, CONFIRMER = range(3)


# Roles


def test_who_may_call_what(world: World, lane: Key) -> None:
    functions, wallet = world.token.functions, world.seller.address
    everyone = [world.issuer, world.officer, world.confirmer, world.registrar, world.seller, world.outsider]
    alone = {
        functions.issue(wallet, 0): ISSUER,
        functions.setRules(1, 1): ISSUER,
        functions.buyBack(wallet, 0): ISSUER,
        functions.setDocument(b"a" * 32, "u", b"h" * 32): ISSUER,
        functions.removeDocument(b"a" * 32): ISSUER,
        functions.setPaused(True): OFFICER,
        functions.setAccountFrozen(wallet, True): OFFICER,
        functions.setFrozenTokens(wallet, 1): OFFICER,
        functions.setPaused(False): CONFIRMER,
        functions.setAccountFrozen(wallet, False): CONFIRMER,
        functions.forcedTransfer(wallet, wallet, 0): CONFIRMER,
        functions.redeem([], []): CONFIRMER,
        functions.tap(1): CONFIRMER,
        functions.nameSuccessor(wallet): CONFIRMER,
    }
    for call, role in alone.items():
        for caller in everyone:
            if caller != everyone[role]:
                assert world.refusal(call, caller) == ("WrongRole", low(caller), role, low(everyone[role]))
    proposers = [world.officer] * 3 + [world.issuer] * 3
    for (call, role), proposer in zip(list(alone.items())[-6:], proposers, strict=True):
        refused = world.refusal(call, everyone[role])
        assert refused == ("NotProposed", keccak(action(world.token, call)), low(proposer))
    for caller in everyone[3:]:
        assert world.refusal(functions.propose(b""), caller) == ("NoRole", low(caller))
        assert world.refusal(functions.assignRole(ISSUER, wallet), caller) == ("NoRole", low(caller))
    refused = world.refusal(functions.acceptMigration(wallet, 1), world.issuer)
    assert refused == ("NotPredecessor", low(world.issuer), ZERO)


@pytest.mark.parametrize("role", [ISSUER, OFFICER, CONFIRMER])
def test_any_two_roles_replace_any_third(world: World, role: int) -> None:
    functions = world.token.functions
    keys = [world.issuer, world.officer, world.confirmer]
    one, two = keys[:role] + keys[role + 1 :]
    call = functions.assignRole(role, world.other.address)
    id_ = keccak(action(world.token, call))
    nobody = ("NotProposed", id_, ZERO)
    assert world.refusal(call, two) == nobody
    propose(world, world.token, call, one)
    assert world.refusal(call, one) == nobody
    receipt = world.send(call, two)
    assigned = {"role": role, "previous": keys[role].address, "current": world.other.address}
    assert events(world, receipt) == [("RoleAssigned", assigned)]
    assert functions.holderOf(role).call() == world.other.address
    assert world.refusal(functions.propose(b""), keys[role]) == ("NoRole", low(keys[role]))


def test_a_role_goes_to_nobody_who_has_one_and_dies_with_its_proposals(world: World) -> None:
    functions = world.token.functions
    for next_, error in ((ZERO, ("ZeroAddress",)), (world.officer.address, ("DuplicateRole", low(world.officer)))):
        call = functions.assignRole(ISSUER, next_)
        propose(world, world.token, call, world.issuer)
        assert world.refusal(call, world.confirmer) == error
    forced = functions.forcedTransfer(world.seller.address, world.buyer.address, 1)
    id_ = propose(world, world.token, forced, world.officer)
    left = functions.assignRole(ISSUER, world.seller.address)
    propose(world, world.token, left, world.officer)
    call = functions.assignRole(OFFICER, world.other.address)
    propose(world, world.token, call, world.issuer)
    world.send(call, world.confirmer)
    refused = world.refusal(forced, world.confirmer)
    assert refused == ("NotProposed", id_, low(world.other))
    left_id = keccak(action(world.token, left))
    assert world.refusal(left, world.confirmer) == ("NotProposed", left_id, ZERO)


def test_a_lapsed_proposal_of_a_role_does_not_hide_anothers(world: World) -> None:
    call = world.token.functions.assignRole(OFFICER, world.other.address)
    propose(world, world.token, call, world.issuer)
    world.tester.time_travel(world.now() + WEEK + 2)
    world.tester.mine_block()
    assert world.refusal(call, world.officer) == ("NotProposed", keccak(action(world.token, call)), ZERO)
    propose(world, world.token, call, world.confirmer)
    world.send(call, world.officer)
    assert world.token.functions.holderOf(OFFICER).call() == world.other.address


# One hand restricts, two lift


def test_one_hand_freezes_and_two_lift(world: World, lane: Key) -> None:
    functions, seller, officer = world.token.functions, world.seller.address, world.officer
    needs_two = ("WrongRole", low(officer), CONFIRMER, low(world.confirmer))
    world.send(functions.setPaused(True), officer)
    world.send(functions.setAccountFrozen(seller, True), officer)
    for amount in (500, 500, 800):  # the same again and more are still one hand's
        world.send(functions.setFrozenTokens(seller, amount), officer)
    lifts = [
        (functions.setPaused(False), ("PauseChanged", {"paused": False})),
        (functions.setAccountFrozen(seller, False), ("AccountFrozen", {"account": seller, "frozen": False})),
        (functions.setFrozenTokens(seller, 799), frozen(seller, 799)),
        (functions.setFrozenTokens(seller, 0), frozen(seller, 0)),
    ]
    for call, event in lifts:
        assert world.refusal(call, officer) == needs_two
        id_ = keccak(action(world.token, call))
        propose(world, world.token, call, world.issuer)
        assert world.refusal(call, world.confirmer) == ("NotProposed", id_, low(officer))
        propose(world, world.token, call, officer)
        assert world.refusal(call, officer) == needs_two
        receipt = world.send(call, world.confirmer)
        by_two = {"id": id_, "proposer": officer.address, "confirmer": world.confirmer.address}
        assert world.events(receipt) == [("Confirmed", by_two), event]
    world.send(functions.transfer(world.buyer.address, 1_000), world.seller)


def test_the_second_hand_restricts_nothing(world: World, lane: Key) -> None:
    functions, seller = world.token.functions, world.seller.address
    for call in (
        functions.setPaused(True),
        functions.setAccountFrozen(seller, True),
        functions.setFrozenTokens(seller, 1),
        functions.setFrozenTokens(seller, 0),  # nothing is frozen, so nothing is lifted
    ):
        propose(world, world.token, call, world.officer)
        refused = world.refusal(call, world.confirmer)
        assert refused == ("WrongRole", low(world.confirmer), OFFICER, low(world.officer))


def test_the_freezes_of_a_lost_officer_key_end_with_its_role(world: World, lane: Key) -> None:
    """The answer to an officer who freezes out of malice: the other two replace it, and its successor lifts."""
    functions, seller = world.token.functions, world.seller.address
    world.send(functions.makeEarmark(seller, world.buyer.address, 100), lane)
    world.send(functions.setPaused(True), world.officer)
    world.send(functions.setAccountFrozen(seller, True), world.officer)
    world.send(functions.settleEarmark(seller, world.buyer.address, 100), lane)
    call = functions.assignRole(OFFICER, world.other.address)
    propose(world, world.token, call, world.issuer)
    world.send(call, world.confirmer)
    refused = world.refusal(functions.setPaused(True), world.officer)
    assert refused == ("WrongRole", low(world.officer), OFFICER, low(world.other))
    for lift in (functions.setPaused(False), functions.setAccountFrozen(seller, False)):
        confirmed(world, lift, world.other)
    world.send(functions.transfer(world.buyer.address, 900), world.seller)
