"""SecurityToken: freezes, pause, rules, court orders. Nothing reaches earmarks."""

from typing import Any

from eth_utils import keccak

from .hands import WEEK, action, confirmed, events, frozen, low, moved, propose, refused_confirmation
from .harness import ZERO, Key, Standing, World

CONFIRMER = 2
ENDLESS = 2**256 - 1
EVERYWHERE, EVERYONE = 2**192 - 1, 2**32 - 1


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
