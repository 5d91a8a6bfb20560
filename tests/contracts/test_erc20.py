"""ERC-20, sentence by sentence: https://eips.ethereum.org/EIPS/eip-20 (Final).

The token adds conditions of its own, who may hold and what is free; those are tested in test_security_token.py.
"""

from typing import Any

import pytest

from .hands import low, moved
from .harness import ZERO, World

ENDLESS = 2**256 - 1
OWNED = 10_000  # the seller's, from the harness


def approval(owner: str, spender: str, value: int) -> tuple[str, dict[str, Any]]:
    return ("Approval", {"owner": owner, "spender": spender, "value": value})


def balances(world: World) -> tuple[int, int]:
    functions = world.token.functions
    return functions.balanceOf(world.seller.address).call(), functions.balanceOf(world.buyer.address).call()


def test_name_symbol_and_decimals_are_told(world: World) -> None:
    functions = world.token.functions
    told = (functions.name().call(), functions.symbol().call(), functions.decimals().call())
    assert told == ("Bund 2.5% 2035", "BUND35", 2)


def test_total_supply_is_all_that_exists_and_balance_of_each_accounts(world: World) -> None:
    functions = world.token.functions
    world.send(functions.transfer(world.buyer.address, 1), world.seller)
    assert functions.totalSupply().call() == OWNED
    assert balances(world) == (OWNED - 1, 1)
    assert functions.balanceOf(ZERO).call() == 0


def test_functions_that_declare_success_return_true(world: World) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.approve(world.other.address, 1), world.seller)
    assert functions.transfer(buyer, 1).call({"from": seller}) is True
    assert functions.approve(buyer, 1).call({"from": seller}) is True
    assert functions.transferFrom(seller, buyer, 1).call({"from": world.other.address}) is True


# transfer


@pytest.mark.parametrize("value", [0, 1, OWNED])
def test_transfer_moves_the_value_and_fires_transfer_once_even_of_nothing(world: World, value: int) -> None:
    receipt = world.send(world.token.functions.transfer(world.buyer.address, value), world.seller)
    assert world.events(receipt) == [moved(world.seller.address, world.buyer.address, value)]
    assert balances(world) == (OWNED - value, value)


@pytest.mark.parametrize("value", [0, 1, OWNED])
def test_transfer_to_oneself_is_a_normal_transfer(world: World, value: int) -> None:
    seller = world.seller.address
    receipt = world.send(world.token.functions.transfer(seller, value), world.seller)
    assert world.events(receipt) == [moved(seller, seller, value)]
    assert balances(world) == (OWNED, 0)
    assert world.token.functions.totalSupply().call() == OWNED


@pytest.mark.parametrize("value", [OWNED + 1, 2**60, 2**64, ENDLESS])
@pytest.mark.parametrize("to", ["buyer", "seller"])
def test_transfer_throws_if_the_caller_has_not_enough(world: World, to: str, value: int) -> None:
    call = world.token.functions.transfer(getattr(world, to).address, value)
    assert world.refusal(call, world.seller) == ("ERC20InsufficientBalance", low(world.seller), OWNED, value)
    assert balances(world) == (OWNED, 0)


# transferFrom


@pytest.mark.parametrize("value", [0, 1, OWNED])
def test_transfer_from_moves_anothers_units_and_fires_transfer_even_of_nothing(world: World, value: int) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.approve(world.other.address, value), world.seller)
    receipt = world.send(functions.transferFrom(seller, buyer, value), world.other)
    assert world.events(receipt) == [moved(seller, buyer, value)]
    assert balances(world) == (OWNED - value, value)
    assert functions.allowance(seller, world.other.address).call() == 0


def test_transfer_from_throws_unless_the_owner_authorised_the_caller(world: World) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    pull = functions.transferFrom(seller, buyer, 1)
    assert world.refusal(pull, world.other) == ("ERC20InsufficientAllowance", low(world.other), 0, 1)
    # Neither does one's own account authorise oneself, nor the receiver's permission the sender's units.
    assert world.refusal(pull, world.seller) == ("ERC20InsufficientAllowance", low(world.seller), 0, 1)
    world.send(functions.approve(world.other.address, 1), world.buyer)
    assert world.refusal(pull, world.other)[0] == "ERC20InsufficientAllowance"
    # Of nothing it needs no authorisation: nothing of the owner's moves.
    assert world.events(world.send(functions.transferFrom(seller, buyer, 0), world.other)) == [moved(seller, buyer, 0)]


def test_transfer_from_throws_above_the_allowance_and_above_the_balance(world: World) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.approve(world.other.address, OWNED + 1), world.seller)
    above = functions.transferFrom(seller, buyer, OWNED + 2)
    refused = ("ERC20InsufficientAllowance", low(world.other), OWNED + 1, OWNED + 2)
    assert world.refusal(above, world.other) == refused
    missing = functions.transferFrom(seller, buyer, OWNED + 1)
    assert world.refusal(missing, world.other) == ("ERC20InsufficientBalance", low(world.seller), OWNED, OWNED + 1)
    assert functions.allowance(seller, world.other.address).call() == OWNED + 1


def test_transfer_from_and_to_the_same_account_uses_the_allowance_and_moves_nothing(world: World) -> None:
    functions, seller = world.token.functions, world.seller.address
    world.send(functions.approve(world.other.address, 10), world.seller)
    receipt = world.send(functions.transferFrom(seller, seller, 10), world.other)
    assert world.events(receipt) == [moved(seller, seller, 10)]
    assert balances(world) == (OWNED, 0)
    assert functions.allowance(seller, world.other.address).call() == 0


# approve


def test_approve_fires_approval_and_lets_the_spender_withdraw_several_times(world: World) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    receipt = world.send(functions.approve(world.other.address, 3), world.seller)
    assert world.events(receipt) == [approval(seller, world.other.address, 3)]
    for rest in (2, 1, 0):
        world.send(functions.transferFrom(seller, buyer, 1), world.other)
        assert functions.allowance(seller, world.other.address).call() == rest
    assert world.refusal(functions.transferFrom(seller, buyer, 1), world.other)[0] == "ERC20InsufficientAllowance"


@pytest.mark.parametrize("then", [0, 1, 99, ENDLESS])
def test_approve_again_overwrites_and_need_not_pass_through_zero(world: World, then: int) -> None:
    functions, seller = world.token.functions, world.seller.address
    for value in (50, then):
        receipt = world.send(functions.approve(world.other.address, value), world.seller)
        assert world.events(receipt) == [approval(seller, world.other.address, value)]
    assert functions.allowance(seller, world.other.address).call() == then


def test_an_approval_is_its_owners_and_its_spenders_alone_and_may_exceed_the_balance(world: World) -> None:
    functions, seller, other = world.token.functions, world.seller.address, world.other.address
    world.send(functions.approve(other, OWNED * 5), world.seller)
    assert functions.allowance(other, seller).call() == 0
    assert functions.allowance(seller, world.buyer.address).call() == 0
    assert functions.allowance(seller, other).call() == OWNED * 5
    # Of oneself it is a permission like any other.
    world.send(functions.approve(seller, 4), world.seller)
    world.send(functions.transferFrom(seller, world.buyer.address, 4), world.seller)
    assert functions.allowance(seller, seller).call() == 0


# Events


def test_new_units_come_from_zero_and_ended_ones_go_to_zero(world: World) -> None:
    functions, seller = world.token.functions, world.seller.address
    assert world.events(world.send(functions.issue(seller, 5), world.issuer)) == [moved(ZERO, seller, 5)]
    world.register(world.issuer.address)
    world.send(functions.approve(world.issuer.address, 5), world.seller)
    ended = world.events(world.send(functions.buyBack(seller, 5), world.issuer))
    assert moved(seller, ZERO, 5) in ended
    assert functions.totalSupply().call() == OWNED
