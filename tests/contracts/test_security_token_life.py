"""SecurityToken: issue, tap, redemption, buy-back, and the successor of a security."""

from .hands import confirmed, events, frozen, low, moved, refused_confirmation
from .harness import ZERO, Key, Standing, World

ISSUER, CONFIRMER = 0, 2
MAX_UNITS, ENDLESS = 2**60 - 1, 2**256 - 1
MATURITY = 2_051_222_400


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
    world.register(issuer.address)
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
