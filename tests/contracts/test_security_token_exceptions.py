"""SecurityToken: freezes, pause, rules, court orders, recovery, roles, and the successor. Nothing reaches earmarks."""

from typing import Any

import pytest
from eth_utils import keccak

from .harness import FAR, ZERO, Key, Standing, World
from .test_registry_rules import WEEK, action, low, propose

ISSUER, OFFICER, CONFIRMER = range(3)
MAX_UNITS, ENDLESS = 2**60 - 1, 2**256 - 1
EVERYWHERE, EVERYONE = 2**192 - 1, 2**32 - 1
MATURITY = 2_051_222_400


@pytest.fixture
def lane(world: World) -> Key:
    """A token whose first lane belongs to a plain account takes the place of the world's."""
    world.token = world.deploy_token([world.collateral.address, ZERO, ZERO])
    world.send(world.token.functions.issue(world.seller.address, 1_000), world.issuer)
    return world.collateral


def holder(world: World, key: Key) -> None:
    world.register(key.address)


def confirmed(world: World, call: Any, proposer: Key) -> Any:
    propose(world, world.token, call, proposer)
    return world.send(call, world.confirmer)


def refused_confirmation(world: World, call: Any, proposer: Key) -> tuple[Any, ...]:
    propose(world, world.token, call, proposer)
    return world.refusal(call, world.confirmer)


def events(world: World, receipt: Any) -> list[tuple[str, dict[str, Any]]]:
    """All but the confirmation of the two hands."""
    return [event for event in world.events(receipt) if event[0] != "Confirmed"]


def moved(from_: str, to: str, value: int) -> tuple[str, dict[str, Any]]:
    return ("Transfer", {"from": from_, "to": to, "value": value})


def frozen(account: str, amount: int) -> tuple[str, dict[str, Any]]:
    return ("Frozen", {"account": account, "amount": amount})


# Part of an account frozen


def test_units_are_frozen_up_to_and_beyond_the_balance(world: World, lane: Key) -> None:
    functions, seller = world.token.functions, world.seller.address
    receipt = world.send(functions.setFrozenTokens(seller, 400), world.officer)
    assert world.events(receipt) == [frozen(seller, 400)]
    assert world.holding(seller) == (1_000, 600)
    call = functions.transfer(world.buyer.address, 601)
    assert world.refusal(call, world.seller) == ("ERC7943InsufficientUnfrozenBalance", low(world.seller), 601, 600)
    more = functions.transfer(world.buyer.address, 1_001)
    assert world.refusal(more, world.seller) == ("ERC20InsufficientBalance", low(world.seller), 1_000, 1_001)
    world.send(functions.transfer(world.buyer.address, 600), world.seller)
    for amount in (401, 2**60, ENDLESS):
        world.send(functions.setFrozenTokens(seller, amount), world.officer)
        assert functions.getFrozenTokens(seller).call() == amount
        assert world.holding(seller) == (400, 0)
    # What arrives is withheld too, and nothing truncates.
    world.send(functions.transfer(seller, 600), world.buyer)
    assert world.holding(seller) == (1_000, 0)
    confirmed(world, functions.setFrozenTokens(seller, 0), world.officer)
    assert world.holding(seller) == (1_000, 1_000)


def test_frozen_and_earmarked_units_are_counted_apart(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.makeEarmark(seller, buyer, 700), lane)
    world.send(functions.setFrozenTokens(seller, 200), world.officer)
    assert world.holding(seller) == (1_000, 100)
    assert world.refusal(functions.makeEarmark(seller, buyer, 101), lane) == (
        "InsufficientFreeUnits",
        low(world.seller),
        100,
        101,
    )
    assert world.refusal(functions.transfer(buyer, 301), world.seller)[0] == "ERC20InsufficientBalance"
    assert world.refusal(functions.transfer(buyer, 101), world.seller)[0] == "ERC7943InsufficientUnfrozenBalance"
    world.send(functions.setFrozenTokens(seller, ENDLESS), world.officer)
    assert world.holding(seller) == (1_000, 0)
    world.send(functions.settleEarmark(seller, buyer, 500), lane)
    world.send(functions.releaseEarmark(seller, 200), lane)
    assert world.holding(seller) == (500, 0)
    assert world.holding(buyer) == (500, 500)


# A whole account frozen, and a pause


def test_a_frozen_account_neither_sends_nor_receives_nor_earmarks(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.makeEarmark(seller, buyer, 300), lane)
    world.send(functions.issue(buyer, 10), world.issuer)
    receipt = world.send(functions.setAccountFrozen(seller, True), world.officer)
    assert world.events(receipt) == [("AccountFrozen", {"account": seller, "frozen": True})]
    assert functions.isAccountFrozen(seller).call()
    for value in (0, 1):
        assert world.refusal(functions.transfer(buyer, value), world.seller) == ("ERC7943CannotSend", low(world.seller))
        assert world.refusal(functions.transfer(seller, value), world.buyer) == (
            "ERC7943CannotReceive",
            low(world.seller),
        )
    assert world.refusal(functions.makeEarmark(seller, buyer, 1), lane) == ("ERC7943CannotSend", low(world.seller))
    assert world.refusal(functions.issue(seller, 1), world.issuer) == ("ERC7943CannotReceive", low(world.seller))
    assert not functions.canSend(seller).call()
    assert not functions.canReceive(seller).call()
    # What was earmarked goes its way, and what is locked for a frozen account arrives and stays.
    world.send(functions.setAccountFrozen(buyer, True), world.officer)
    world.send(functions.settleEarmark(seller, buyer, 200), lane)
    world.send(functions.releaseEarmark(seller, 100), lane)
    assert world.holding(buyer) == (210, 210)
    assert world.refusal(functions.transfer(world.other.address, 1), world.buyer)[0] == "ERC7943CannotSend"
    confirmed(world, functions.setAccountFrozen(buyer, False), world.officer)
    world.send(functions.transfer(world.other.address, 210), world.buyer)


def test_a_pause_stops_movements_and_new_earmarks_but_not_what_is_earmarked(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.makeEarmark(seller, buyer, 300), lane)
    world.send(functions.approve(world.issuer.address, 0), world.seller)
    receipt = world.send(functions.setPaused(True), world.officer)
    assert world.events(receipt) == [("PauseChanged", {"paused": True})]
    paused = ("SecurityPaused", b"DE0001102580")
    assert world.refusal(functions.transfer(buyer, 1), world.seller) == paused
    assert world.refusal(functions.transferFrom(seller, buyer, 1), world.other) == paused
    assert world.refusal(functions.makeEarmark(seller, buyer, 1), lane) == paused
    assert world.refusal(functions.issue(buyer, 1), world.issuer) == paused
    assert world.refusal(functions.buyBack(seller, 1), world.issuer) == paused
    assert functions.rules().call() == [EVERYWHERE, EVERYONE, True]
    world.send(functions.setRules(1, 2), world.issuer)
    assert functions.rules().call() == [1, 2, True]
    world.send(functions.settleEarmark(seller, buyer, 100), lane)
    world.send(functions.releaseEarmark(seller, 200), lane)
    confirmed(world, functions.forcedTransfer(seller, buyer, 5), world.officer)
    confirmed(world, functions.setPaused(False), world.officer)
    assert functions.rules().call() == [1, 2, False]
    world.send(functions.transfer(buyer, 1), world.seller)
    assert world.holding(buyer) == (106, 106)


def test_rules_are_judged_on_every_movement_and_never_touch_earmarks(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.makeEarmark(seller, buyer, 300), lane)
    receipt = world.send(functions.setRules(0b10, EVERYONE), world.issuer)
    assert world.events(receipt) == [("RulesChanged", {"jurisdictions": 0b10, "investorClasses": EVERYONE})]
    refused = ("JurisdictionNotAllowed", low(world.seller), b"DE")
    assert world.refusal(functions.transfer(buyer, 1), world.seller) == refused
    assert world.refusal(functions.makeEarmark(seller, buyer, 1), lane) == refused
    assert world.refusal(functions.issue(seller, 1), world.issuer) == refused
    assert not functions.canSend(seller).call()
    world.send(functions.setRules(0b01, EVERYONE ^ 0b10), world.issuer)
    assert world.refusal(functions.transfer(buyer, 1), world.seller) == (
        "InvestorClassNotAllowed",
        low(world.seller),
        1,
    )
    world.send(functions.settleEarmark(seller, buyer, 300), lane)
    assert world.holding(buyer) == (300, 300)
    assert world.refusal(functions.transfer(seller, 1), world.buyer)[0] == "InvestorClassNotAllowed"


# Why not


def test_who_asks_gets_the_very_error_that_the_transfer_would_end_in(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address

    def asked(quantity: int, to: str = buyer) -> Any:
        why = functions.whyNot(seller, to, quantity).call()
        assert functions.canTransfer(seller, to, quantity).call() is (why == b"")
        if why == b"":
            functions.transfer(to, quantity).call({"from": seller})
            return None
        told = world.decode_error(why)
        actual = world.refusal(functions.transfer(to, quantity), world.seller)
        # A block's time stands in one error, and the two questions may see two blocks.
        assert told[:3] == actual[:3]
        return told[0]

    assert asked(1_000) is None
    assert asked(0, seller) is None
    assert asked(1_001) == "ERC20InsufficientBalance"
    assert asked(ENDLESS) == "ERC20InsufficientBalance"
    assert asked(1, ZERO) == "NotEligible"
    world.send(functions.setFrozenTokens(seller, 1), world.officer)
    assert asked(1_000) == "ERC7943InsufficientUnfrozenBalance"
    world.send(functions.setAccountFrozen(buyer, True), world.officer)
    assert asked(1) == "ERC7943CannotReceive"
    world.send(functions.setAccountFrozen(seller, True), world.officer)
    assert asked(1) == "ERC7943CannotSend"
    world.set_standing(buyer, Standing.SUSPENDED)
    assert asked(1) == "NotEligible"
    world.send(functions.setPaused(True), world.officer)
    assert asked(1) == "SecurityPaused"
    for wallet in (ZERO, world.outsider.address):
        assert not functions.canSend(wallet).call()
        assert not functions.canReceive(wallet).call()


# A court's order


def test_a_court_order_takes_free_units_first_then_frozen_ones(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.makeEarmark(seller, buyer, 300), lane)
    world.send(functions.setFrozenTokens(seller, 600), world.officer)
    receipt = confirmed(world, functions.forcedTransfer(seller, buyer, 100), world.officer)
    forced = ("ForcedTransfer", {"from": seller, "to": buyer, "amount": 100})
    assert events(world, receipt) == [moved(seller, buyer, 100), forced]
    receipt = confirmed(world, functions.forcedTransfer(seller, buyer, 50), world.officer)
    forced = ("ForcedTransfer", {"from": seller, "to": buyer, "amount": 50})
    assert events(world, receipt) == [frozen(seller, 550), moved(seller, buyer, 50), forced]
    assert world.holding(seller) == (850, 0)
    # Earmarked units are out of its reach.
    refused = refused_confirmation(world, functions.forcedTransfer(seller, buyer, 551), world.officer)
    assert refused == ("ERC20InsufficientBalance", low(world.seller), 550, 551)
    world.send(functions.setFrozenTokens(seller, ENDLESS), world.officer)
    confirmed(world, functions.forcedTransfer(seller, buyer, 550), world.officer)
    assert functions.getFrozenTokens(seller).call() == ENDLESS - 550
    assert functions.earmarkedOf(seller, lane.address).call() == 300
    assert world.holding(seller) == (300, 0)
    assert world.holding(buyer) == (700, 700)


def test_a_forced_transfer_to_oneself_frees_nothing(world: World, lane: Key) -> None:
    functions, seller = world.token.functions, world.seller.address
    world.send(functions.setFrozenTokens(seller, 900), world.officer)
    receipt = confirmed(world, functions.forcedTransfer(seller, seller, 1_000), world.officer)
    assert [name for name, _ in events(world, receipt)] == ["Transfer", "ForcedTransfer"]
    assert functions.getFrozenTokens(seller).call() == 900
    assert world.holding(seller) == (1_000, 100)
    refused = refused_confirmation(world, functions.forcedTransfer(seller, seller, 1_001), world.officer)
    assert refused == ("ERC20InsufficientBalance", low(world.seller), 1_000, 1_001)


def test_a_court_order_judges_the_receiver_alone(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.set_standing(seller, Standing.CLOSED)
    world.send(functions.setAccountFrozen(seller, True), world.officer)
    confirmed(world, functions.forcedTransfer(seller, buyer, 1), world.officer)
    world.send(functions.setAccountFrozen(buyer, True), world.officer)
    refused = refused_confirmation(world, functions.forcedTransfer(seller, buyer, 2), world.officer)
    assert refused == ("ERC7943CannotReceive", low(world.buyer))
    world.set_standing(buyer, Standing.SUSPENDED)
    assert world.refusal(functions.forcedTransfer(seller, buyer, 2), world.confirmer)[0] == "NotEligible"


def test_a_court_order_needs_officer_and_confirmer(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    call = functions.forcedTransfer(seller, buyer, 1)
    id_ = keccak(action(world.token, call))
    nothing = ("NotProposed", id_, low(world.officer))
    assert world.refusal(call, world.confirmer) == nothing
    for one in (world.officer, world.issuer, world.seller):
        expected = ("WrongRole", low(one), CONFIRMER, low(world.confirmer))
        assert world.refusal(call, one) == expected
    # Another role's proposal of the same act neither counts nor stands in the way.
    for squatter in (world.issuer, world.confirmer):
        propose(world, world.token, call, squatter)
        assert world.refusal(call, world.confirmer) == nothing
    propose(world, world.token, call, world.officer)
    # Word for word: another quantity is another call.
    assert world.refusal(functions.forcedTransfer(seller, buyer, 2), world.confirmer)[0] == "NotProposed"
    world.tester.time_travel(world.now() + WEEK + 1)
    world.tester.mine_block()
    assert world.refusal(call, world.confirmer)[:2] == ("ProposalExpired", id_)
    propose(world, world.token, call, world.officer)
    world.send(call, world.confirmer)
    assert world.refusal(call, world.confirmer) == nothing


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


# Issue, tap, redemption, buy-back


def test_issues_stay_within_what_is_authorised_and_a_tap_needs_two(world: World) -> None:
    world.token = world.deploy_token(authorised=100)
    functions, seller = world.token.functions, world.seller.address
    world.send(functions.issue(seller, 100), world.issuer)
    assert world.refusal(functions.issue(seller, 1), world.issuer) == ("IssuanceLimitExceeded", 100, 1, 100)
    tap = functions.tap(50)
    assert world.refusal(tap, world.issuer) == ("WrongRole", low(world.issuer), CONFIRMER, low(world.confirmer))
    receipt = confirmed(world, tap, world.issuer)
    assert events(world, receipt) == [("Tapped", {"quantity": 50, "authorised": 150})]
    world.send(functions.issue(seller, 50), world.issuer)
    for quantity in (MAX_UNITS - 149, ENDLESS):
        refused = refused_confirmation(world, functions.tap(quantity), world.issuer)
        assert refused == ("IssuanceLimitExceeded", 150, quantity, MAX_UNITS)
    confirmed(world, functions.tap(MAX_UNITS - 150), world.issuer)
    assert functions.authorised().call() == MAX_UNITS


def test_units_are_redeemed_at_maturity_by_two_hands(world: World, lane: Key) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.transfer(buyer, 100), world.seller)
    world.send(functions.makeEarmark(seller, buyer, 300), lane)
    world.send(functions.setFrozenTokens(seller, 500), world.officer)
    call = functions.redeem([seller, buyer], [600, 100])
    name, time, maturity = refused_confirmation(world, call, world.issuer)
    assert (name, maturity) == ("NotMatured", MATURITY)
    world.tester.time_travel(MATURITY)
    world.tester.mine_block()
    assert time < MATURITY
    receipt = confirmed(world, call, world.issuer)
    assert events(world, receipt) == [
        frozen(seller, 0),
        ("Redeemed", {"holder": seller, "quantity": 600}),
        moved(seller, ZERO, 600),
        ("Redeemed", {"holder": buyer, "quantity": 100}),
        moved(buyer, ZERO, 100),
    ]
    assert functions.totalSupply().call() == 300
    assert functions.authorised().call() == MAX_UNITS - 700
    refused = refused_confirmation(world, functions.redeem([seller], [1]), world.issuer)
    assert refused == ("ERC20InsufficientBalance", low(world.seller), 0, 1)
    refused = refused_confirmation(world, functions.redeem([seller], []), world.issuer)
    assert refused == ("LengthMismatch", 1, 0)
    share = world.deploy_token(maturity_date=0)
    world.token = share
    refused = refused_confirmation(world, share.functions.redeem([], []), world.issuer)
    assert refused[0] == "NotMatured"


def test_the_issuer_buys_back_what_a_holder_approved(world: World, lane: Key) -> None:
    functions, seller, issuer = world.token.functions, world.seller.address, world.issuer
    holder(world, issuer)
    call = functions.buyBack(seller, 60)
    assert world.refusal(call, world.other) == ("WrongRole", low(world.other), ISSUER, low(issuer))
    assert world.refusal(call, issuer) == ("ERC20InsufficientAllowance", low(issuer), 0, 60)
    world.send(functions.approve(issuer.address, 1_001), world.seller)
    receipt = world.send(call, issuer)
    assert world.events(receipt) == [("BoughtBack", {"holder": seller, "quantity": 60}), moved(seller, ZERO, 60)]
    assert functions.allowance(seller, issuer.address).call() == 941
    assert (functions.totalSupply().call(), functions.authorised().call()) == (940, MAX_UNITS - 60)
    assert world.refusal(functions.buyBack(seller, 941), issuer)[0] == "ERC20InsufficientBalance"
    world.send(functions.setFrozenTokens(seller, 940), world.officer)
    assert world.refusal(functions.buyBack(seller, 1), issuer)[0] == "ERC7943InsufficientUnfrozenBalance"


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


# The successor of a security


def test_holders_migrate_and_trades_in_flight_end_on_the_old_contract(world: World, lane: Key) -> None:
    old, functions = world.token, world.token.functions
    seller, buyer = world.seller.address, world.buyer.address
    world.send(functions.makeEarmark(seller, buyer, 300), lane)
    assert world.refusal(functions.migrate(1), world.seller) == ("NoSuccessor",)
    new = world.deploy_token([lane.address, ZERO, ZERO], predecessor=old.address, authorised=0)
    call = functions.nameSuccessor(new.address)
    receipt = confirmed(world, call, world.issuer)
    assert events(world, receipt) == [("SuccessorNamed", {"successor": new.address})]
    named = ("SuccessorAlreadyNamed", new.address.lower())
    assert refused_confirmation(world, call, world.issuer) == named
    assert refused_confirmation(world, functions.tap(1), world.issuer) == named
    assert world.refusal(functions.issue(seller, 1), world.issuer) == named
    # Only the holder moves its units, and only free ones.
    refused = world.refusal(functions.migrate(701), world.seller)
    assert refused == ("ERC20InsufficientBalance", low(world.seller), 700, 701)
    receipt = world.send(functions.migrate(700), world.seller)
    assert world.events(receipt) == [
        ("Migrated", {"holder": seller, "successor": new.address, "quantity": 700}),
        moved(seller, ZERO, 700),
        moved(ZERO, seller, 700),
    ]
    world.send(functions.settleEarmark(seller, buyer, 300), lane)
    world.send(functions.migrate(300), world.buyer)
    assert (functions.totalSupply().call(), new.functions.totalSupply().call()) == (0, 1_000)
    assert new.functions.authorised().call() == 1_000
    assert new.functions.balanceOf(buyer).call() == 300


def test_frozen_and_ineligible_holders_do_not_migrate(world: World, lane: Key) -> None:
    functions, seller = world.token.functions, world.seller.address
    new = world.deploy_token(predecessor=world.token.address, authorised=0)
    confirmed(world, functions.nameSuccessor(new.address), world.issuer)
    world.send(functions.setFrozenTokens(seller, 999), world.officer)
    assert world.refusal(functions.migrate(2), world.seller)[0] == "ERC7943InsufficientUnfrozenBalance"
    world.set_standing(seller, Standing.SUSPENDED)
    assert world.refusal(functions.migrate(1), world.seller)[0] == "NotEligible"
    world.send(functions.setPaused(True), world.officer)
    assert world.refusal(functions.migrate(1), world.seller)[0] == "SecurityPaused"


def test_an_unfit_successor_is_refused(world: World) -> None:
    old = world.token.address
    registry = world.deploy("ParticipantRegistry", world.registrar.address, world.confirmer.address).address
    for unfit in (
        world.other.address,
        world.deploy_token().address,
        world.deploy_token(predecessor=old, isin=b"DE0001102581").address,
        world.deploy_token(predecessor=old, registry=registry).address,
    ):
        refused = refused_confirmation(world, world.token.functions.nameSuccessor(unfit), world.issuer)
        assert refused == ("UnfitSuccessor", unfit.lower())
