"""ERC-7943 for fungible tokens, sentence by sentence: https://eips.ethereum.org/EIPS/eip-7943 (Final).

Read in ethereum/ERCs at 0981419f; the final text keeps its interface and its id.
"""

from collections.abc import Callable
from typing import Any

import pytest

from .hands import confirmed, events, frozen, interface_id, low, moved, propose, refused_confirmation
from .harness import ZERO, Key, Standing, World

ENDLESS = 2**256 - 1
FUNCTIONS = {
    "forcedTransfer(address,address,uint256)": ("nonpayable", "bool"),
    "setFrozenTokens(address,uint256)": ("nonpayable", "bool"),
    "canSend(address)": ("view", "bool"),
    "canReceive(address)": ("view", "bool"),
    "getFrozenTokens(address)": ("view", "uint256"),
    "canTransfer(address,address,uint256)": ("view", "bool"),
}


def forced(from_: str, to: str, amount: int) -> tuple[str, dict[str, Any]]:
    return ("ForcedTransfer", {"from": from_, "to": to, "amount": amount})


def freeze(world: World, amount: int) -> None:
    world.send(world.token.functions.setFrozenTokens(world.seller.address, amount), world.officer)


# Each leaves the seller unable to send, the buyer unable to receive, or both.
REFUSALS: dict[str, Callable[[World], object]] = {
    "sender suspended": lambda w: w.set_standing(w.seller.address, Standing.SUSPENDED),
    "receiver closed": lambda w: w.set_standing(w.buyer.address, Standing.CLOSED),
    "sender's account frozen": lambda w: w.send(w.token.functions.setAccountFrozen(w.seller.address, True), w.officer),
    "receiver's account frozen": lambda w: w.send(w.token.functions.setAccountFrozen(w.buyer.address, True), w.officer),
    "all units frozen": lambda w: freeze(w, ENDLESS),
    "security paused": lambda w: w.send(w.token.functions.setPaused(True), w.officer),
    "no jurisdiction may hold": lambda w: w.send(w.token.functions.setRules(0, 2**32 - 1), w.issuer),
    "no class may hold": lambda w: w.send(w.token.functions.setRules(2**192 - 1, 0), w.issuer),
    "all units earmarked": lambda w: w.send(
        w.token.functions.makeEarmark(w.seller.address, w.buyer.address, 10_000), w.collateral
    ),
}


@pytest.fixture(params=REFUSALS)
def refused(request: pytest.FixtureRequest, world: World) -> str:
    """One reason why no unit can go from seller to buyer."""
    REFUSALS[request.param](world)
    return str(request.param)


# Interface


def test_the_interface_is_the_standards_and_its_id_is_told(world: World) -> None:
    assert interface_id(*FUNCTIONS).hex() == "3edbb4c4"
    assert world.token.functions.supportsInterface(interface_id(*FUNCTIONS)).call()
    entries = {
        f"{e['name']}({','.join(i['type'] for i in e['inputs'])})": e
        for e in world.token.abi
        if e["type"] in ("function", "event", "error")
    }
    for signature, (mutability, returned) in FUNCTIONS.items():
        entry = entries[signature]
        assert entry["stateMutability"] == mutability
        assert [one["type"] for one in entry["outputs"]] == [returned]
    for event, indexed in {
        "ForcedTransfer(address,address,uint256)": [True, True, False],
        "Frozen(address,uint256)": [True, False],
    }.items():
        assert [one["indexed"] for one in entries[event]["inputs"]] == indexed
    for error in (
        "ERC7943CannotSend(address)",
        "ERC7943CannotReceive(address)",
        "ERC7943CannotTransfer(address,address,uint256)",
        "ERC7943InsufficientUnfrozenBalance(address,uint256,uint256)",
    ):
        assert entries[error]["type"] == "error"
    # Earlier drafts', whose views had another name.
    assert not world.token.functions.supportsInterface(bytes.fromhex("29388973")).call()


# Views


@pytest.mark.parametrize("amount", [0, 1, 10_000, 10_001, 2**60, 2**64, ENDLESS])
def test_no_view_reverts_whoever_and_however_much(world: World, amount: int) -> None:
    functions = world.token.functions
    freeze(world, ENDLESS)
    world.set_standing(world.buyer.address, Standing.CLOSED)
    wallets = [ZERO, world.seller.address, world.buyer.address, world.outsider.address, world.token.address]
    for one in wallets:
        assert functions.canSend(one).call() in (True, False)
        assert functions.canReceive(one).call() in (True, False)
        assert functions.getFrozenTokens(one).call() == (ENDLESS if one == world.seller.address else 0)
        for other in wallets:
            assert functions.canTransfer(one, other, amount).call() in (True, False)


def test_can_send_and_can_receive_know_no_amounts(world: World) -> None:
    functions = world.token.functions
    freeze(world, ENDLESS)
    for wallet in (world.seller.address, world.other.address):  # the one all frozen, the other without units
        assert functions.canSend(wallet).call()
        assert functions.canReceive(wallet).call()


@pytest.mark.parametrize(("held_back", "free"), [(0, 10_000), (1, 9_999), (10_000, 0), (10_001, 0), (ENDLESS, 0)])
def test_can_transfer_validates_that_the_amount_is_not_frozen(world: World, held_back: int, free: int) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    freeze(world, held_back)
    assert functions.canTransfer(seller, buyer, free).call()
    assert not functions.canTransfer(seller, buyer, free + 1).call()


def test_can_transfer_checks_that_the_one_can_send_and_the_other_receive(world: World) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    assert functions.canTransfer(seller, buyer, 1).call()
    for party in (world.seller, world.buyer):
        world.set_standing(party.address, Standing.SUSPENDED)
        assert not functions.canSend(party.address).call()
        assert not functions.canReceive(party.address).call()
        assert not functions.canTransfer(seller, buyer, 0).call()
        world.set_standing(party.address, Standing.ACTIVE)
    assert functions.canTransfer(seller, buyer, 1).call()


def test_can_transfer_is_false_whenever_a_rule_prevents_the_transfer(world: World, refused: str) -> None:
    assert not world.token.functions.canTransfer(world.seller.address, world.buyer.address, 1).call(), refused


def test_can_transfer_knows_no_allowance(world: World) -> None:
    functions = world.token.functions
    caller = {"from": world.other.address}
    assert functions.canTransfer(world.seller.address, world.buyer.address, 1).call(caller)


def test_the_frozen_amount_is_told_as_it_was_set_beyond_the_balance_too(world: World) -> None:
    functions, seller = world.token.functions, world.seller.address
    for amount in (0, 1, 10_000, 10_001, ENDLESS):
        freeze(world, amount)
        assert functions.getFrozenTokens(seller).call() == amount


# Public transfers, issue, end


def test_no_public_transfer_succeeds_where_can_transfer_is_false(world: World) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    world.send(functions.approve(world.other.address, ENDLESS), world.seller)
    reached = world.tester.take_snapshot()
    for name, refuse in REFUSALS.items():
        refuse(world)
        for call, caller in (
            (functions.transfer(buyer, 1), world.seller),
            (functions.transferFrom(seller, buyer, 1), world.other),
        ):
            assert world.attempt(call, caller)["status"] == 0, name
        world.tester.revert_to_snapshot(reached)
        reached = world.tester.take_snapshot()


def test_units_are_issued_only_to_who_can_receive(world: World, refused: str) -> None:
    functions, buyer = world.token.functions, world.buyer.address
    able = functions.canReceive(buyer).call() and refused != "security paused"
    assert (world.attempt(functions.issue(buyer, 1), world.issuer)["status"] == 1) is able


def test_a_holder_ends_no_more_than_is_free_and_only_if_it_can_send(world: World, refused: str) -> None:
    """Migration to a successor is the one way in which a holder ends units by itself."""
    functions = world.token.functions
    new = world.deploy_token(predecessor=world.token.address, authorised=0)
    confirmed(world, functions.nameSuccessor(new.address), world.issuer)
    ended = world.attempt(functions.migrate(1), world.seller)["status"] == 1
    assert ended is refused.startswith("receiver")


def test_units_ended_by_authority_unfreeze_what_they_need_and_say_so_first(world: World) -> None:
    functions, seller = world.token.functions, world.seller.address
    freeze(world, 9_000)
    world.tester.time_travel(2_051_222_400)
    receipt = confirmed(world, functions.redeem([seller], [3_000]), world.issuer)
    names = [name for name, _ in events(world, receipt)]
    assert names == ["Frozen", "Redeemed", "Transfer"]
    assert events(world, receipt)[0] == frozen(seller, 7_000)


# forcedTransfer


def test_a_forced_transfer_moves_the_units_and_emits_both_events_in_order(world: World) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    receipt = confirmed(world, functions.forcedTransfer(seller, buyer, 4_000), world.officer)
    assert events(world, receipt) == [moved(seller, buyer, 4_000), forced(seller, buyer, 4_000)]
    assert (world.holding(seller), world.holding(buyer)) == ((6_000, 6_000), (4_000, 4_000))


@pytest.mark.parametrize(("amount", "left"), [(1_000, None), (1_001, 8_999), (10_000, 0)])
def test_it_unfreezes_first_and_only_what_it_needs(world: World, amount: int, left: int | None) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    freeze(world, 9_000)
    receipt = confirmed(world, functions.forcedTransfer(seller, buyer, amount), world.officer)
    before = [] if left is None else [frozen(seller, left)]
    assert events(world, receipt) == [*before, moved(seller, buyer, amount), forced(seller, buyer, amount)]
    assert functions.getFrozenTokens(seller).call() == (9_000 if left is None else left)
    # What arrives is the receiver's, free.
    assert world.holding(buyer) == (amount, amount)


@pytest.mark.parametrize("held_back", [10_000, 10_001, ENDLESS])
def test_a_freeze_beyond_the_balance_is_lowered_by_the_units_taken(world: World, held_back: int) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    freeze(world, held_back)
    confirmed(world, functions.forcedTransfer(seller, buyer, 10), world.officer)
    assert functions.getFrozenTokens(seller).call() == held_back - 10
    assert world.holding(seller) == (9_990, 0)


@pytest.mark.parametrize("amount", [0, 1, 1_000, 1_001, 10_000])
def test_a_forced_transfer_to_oneself_unfreezes_nothing(world: World, amount: int) -> None:
    functions, seller = world.token.functions, world.seller.address
    freeze(world, 9_000)
    receipt = confirmed(world, functions.forcedTransfer(seller, seller, amount), world.officer)
    assert events(world, receipt) == [moved(seller, seller, amount), forced(seller, seller, amount)]
    assert functions.getFrozenTokens(seller).call() == 9_000
    assert world.holding(seller) == (10_000, 1_000)


@pytest.mark.parametrize("to", ["buyer", "seller"])
def test_it_validates_that_the_balance_is_there(world: World, to: str) -> None:
    call = world.token.functions.forcedTransfer(world.seller.address, getattr(world, to).address, 10_001)
    refused = refused_confirmation(world, call, world.officer)
    assert refused == ("ERC20InsufficientBalance", low(world.seller), 10_000, 10_001)


def test_a_forced_transfer_of_nothing_is_told_like_any_other(world: World) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    freeze(world, ENDLESS)
    receipt = confirmed(world, functions.forcedTransfer(seller, buyer, 0), world.officer)
    assert events(world, receipt) == [moved(seller, buyer, 0), forced(seller, buyer, 0)]


def test_it_reverts_if_the_receiver_cannot_receive_and_asks_nothing_of_the_sender(world: World, refused: str) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    call = functions.forcedTransfer(seller, buyer, 1)
    propose(world, world.token, call, world.officer)
    able = functions.canReceive(buyer).call() and refused != "all units earmarked"
    assert (world.attempt(call, world.confirmer)["status"] == 1) is able
    unregistered = functions.forcedTransfer(seller, world.outsider.address, 1)
    assert refused_confirmation(world, unregistered, world.officer)[0] == "NotEligible"


# Access


def test_forced_transfers_and_freezes_are_restricted_in_access(world: World) -> None:
    functions, seller, buyer = world.token.functions, world.seller.address, world.buyer.address
    everyone = [world.issuer, world.officer, world.confirmer, world.registrar, world.seller, world.outsider]
    for caller in everyone:
        assert world.attempt(functions.forcedTransfer(seller, buyer, 1), caller)["status"] == 0
        may_freeze = caller is world.officer
        assert (world.attempt(functions.setFrozenTokens(seller, 1), caller)["status"] == 1) is may_freeze
    for caller in everyone:
        assert world.attempt(functions.setFrozenTokens(seller, 0), caller)["status"] == 0


# setFrozenTokens


@pytest.mark.parametrize("amount", [0, 1, 10_000, 10_001, 2**64, ENDLESS])
def test_freezing_emits_frozen_overwrites_and_may_exceed_what_is_held(world: World, amount: int) -> None:
    functions, seller = world.token.functions, world.seller.address
    receipt = world.send(functions.setFrozenTokens(seller, amount), world.officer)
    assert world.events(receipt) == [frozen(seller, amount)]
    again = functions.setFrozenTokens(seller, amount // 2)
    if amount // 2 < amount:
        assert events(world, confirmed(world, again, world.officer)) == [frozen(seller, amount // 2)]
    assert functions.getFrozenTokens(seller).call() == amount // 2


def test_a_freeze_withholds_what_comes_later(world: World) -> None:
    functions, other = world.token.functions, world.other.address
    world.send(functions.setFrozenTokens(other, 50), world.officer)  # it holds nothing yet
    world.send(functions.transfer(other, 80), world.seller)
    assert world.holding(other) == (80, 30)
    assert functions.canTransfer(other, world.buyer.address, 30).call()
    assert not functions.canTransfer(other, world.buyer.address, 31).call()


# Errors


def test_the_errors_are_as_specific_as_the_standard_asks(world: World) -> None:
    functions, seller, buyer = world.token.functions, low(world.seller), world.buyer.address
    freeze(world, 9_000)
    within = functions.transfer(buyer, 1_001)
    assert world.refusal(within, world.seller) == ("ERC7943InsufficientUnfrozenBalance", seller, 1_001, 1_000)
    whole = functions.transfer(buyer, 10_000)
    assert world.refusal(whole, world.seller) == ("ERC7943InsufficientUnfrozenBalance", seller, 10_000, 1_000)
    beyond = functions.transfer(buyer, 10_001)
    assert world.refusal(beyond, world.seller) == ("ERC20InsufficientBalance", seller, 10_000, 10_001)


def test_a_frozen_account_is_named_by_side(world: World) -> None:
    functions = world.token.functions

    def refusal(from_: Key, to: Key) -> tuple[Any, ...]:
        return world.refusal(functions.transfer(to.address, 1), from_)

    world.send(functions.transfer(world.buyer.address, 5), world.seller)
    world.send(functions.setAccountFrozen(world.seller.address, True), world.officer)
    assert refusal(world.seller, world.buyer) == ("ERC7943CannotSend", low(world.seller))
    assert refusal(world.buyer, world.seller) == ("ERC7943CannotReceive", low(world.seller))
