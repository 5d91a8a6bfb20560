"""DvP: many at once, what goes together, and what a part is."""

import pytest

from .harness import DAY, EMPTY_PROOF, NEVER, PAID, Key, Status, World, compact, packed, sign

AMPLE = 15_000_000


def names(world: World, receipt) -> list[str]:
    return [name for name, _ in world.events(receipt)]


def skipped(world: World, receipt) -> dict[bytes, tuple]:
    """Why each skipped leg was skipped."""
    return {
        arguments["settlementId"]: world.decode_error(arguments["reason"]) if arguments["reason"] else ()
        for name, arguments in world.events(receipt)
        if name == "LegSkipped"
    }


def batch(world: World, *orders):
    return world.dvp.functions.lockBatch([world.signed(order) for order in orders])


def orders_of(world: World, count: int, **changes):
    return [world.order(nonce=nonce, quantity=10 + nonce, **changes) for nonce in range(count)]


# lockBatch


def test_a_batch_locks_all_that_can_be_locked(world: World) -> None:
    good = orders_of(world, 3)
    used = world.brought_to(Status.CANCELLED, nonce=9)
    large = world.order(nonce=10, quantity=20_000)
    unsigned = world.order(nonce=11)
    legs = [world.signed(order) for order in (good[0], used, good[1], large, good[2])]
    legs.append((unsigned.words, *world.signed(good[0])[1:]))
    receipt = world.send(world.dvp.functions.lockBatch(legs), world.outsider, AMPLE)
    assert [world.status(order) for order in good] == [Status.LOCKED] * 3
    seller = world.seller.address.lower()
    assert skipped(world, receipt) == {
        world.id_of(used): ("NonceUsed", world.id_of(used), seller, 9, Status.CANCELLED, world.id_of(used)[:15]),
        world.id_of(large): ("InsufficientFreeUnits", seller, 10_000 - 21, 20_000),
        world.id_of(unsigned): ("InvalidSignature", world.id_of(unsigned), seller),
    }
    assert world.holding(world.seller.address) == (10_000, 10_000 - 33)


def test_a_skipped_lock_can_be_tried_again(world: World) -> None:
    order = world.order(quantity=10_000)
    world.send(world.token.functions.transfer(world.other.address, 1), world.seller)
    assert skipped(world, world.send(batch(world, order), world.outsider, AMPLE))
    world.send(world.token.functions.transfer(world.seller.address, 1), world.other)
    assert not skipped(world, world.send(batch(world, order), world.outsider, AMPLE))
    assert world.status(order) is Status.LOCKED


def test_an_empty_batch_does_nothing(world: World) -> None:
    assert names(world, world.send(batch(world), world.outsider)) == []
    assert names(world, world.send(world.dvp.functions.settleBatch([], packed(EMPTY_PROOF)), world.outsider)) == []


def test_the_caller_cannot_starve_a_leg(world: World) -> None:
    orders = orders_of(world, 3)
    for gas in range(150_000, 1_000_000, 50_000):
        call = batch(world, *orders)
        receipt = world.attempt(call, world.outsider, gas)
        if receipt["status"] == 0:
            continue
        assert not skipped(world, receipt)
        break
    assert [world.status(order) for order in orders] == [Status.LOCKED] * 3
    name, index, actual, expected = world.refusal(batch(world, *orders_of(world, 1)), gas=400_000)
    assert (name, index) == ("StarvedOfGas", 0)
    assert actual < expected


def test_a_burning_wallet_harms_only_its_own_leg(world: World) -> None:
    burner = world.deploy("MockWallet", world.other.address, 5)
    world.register(burner.address)
    bad, good = world.order(buyer=burner.address, nonce=1), world.order(nonce=2)
    receipt = world.send(batch(world, bad, good), world.outsider, AMPLE)
    assert list(skipped(world, receipt)) == [world.id_of(bad)]
    assert world.status(good) is Status.LOCKED


# Groups


def grouped(world: World, count: int = 3, first: int = 0):
    orders = [world.order(nonce=first + nonce, quantity=10 + nonce) for nonce in range(count)]
    group = world.group_of(orders)
    assert world.dvp.functions.groupOf([order.movement for order in orders]).call() == group
    return [order.but(group=group) for order in orders]


def test_a_group_is_locked_whole(world: World) -> None:
    orders = grouped(world)
    single = world.order(nonce=7)
    world.send(batch(world, *orders, single), world.outsider, AMPLE)
    assert [world.status(order) for order in (*orders, single)] == [Status.LOCKED] * 4


def test_a_group_with_a_bad_leg_is_skipped_whole_and_nothing_else_is(world: World) -> None:
    first, last = world.order(nonce=20), world.order(nonce=21)
    orders = grouped(world)
    world.send(world.dvp.functions.cancelOrder(orders[1].words, b""), world.seller)
    receipt = world.send(batch(world, first, *orders, last), world.outsider, AMPLE)
    reasons = skipped(world, receipt)
    assert list(reasons) == [world.id_of(order) for order in orders]
    assert {reason[0] for reason in reasons.values()} == {"NonceUsed"}
    assert [world.status(order) for order in (first, last)] == [Status.LOCKED] * 2
    assert [world.status(order) for order in orders] == [Status.NONE, Status.CANCELLED, Status.NONE]


def test_the_caller_cannot_take_a_group_apart(world: World) -> None:
    orders = grouped(world)
    id_, group = world.id_of(orders[0]), orders[0].group
    assert world.refusal(world.lock_call(orders[0])) == ("GroupMismatch", id_, group, b"\x00" * 32)
    for chosen in (orders[:2], orders[1:], orders[::-1], [*orders, orders[0]]):
        call = world.dvp.functions.lockGroup([world.signed(order) for order in chosen])
        assert world.refusal(call)[0] == "GroupMismatch"
    receipt = world.send(batch(world, *orders[:2]), world.outsider, AMPLE)
    assert {reason[0] for reason in skipped(world, receipt).values()} == {"GroupMismatch"}
    receipt = world.send(batch(world, orders[0], world.order(nonce=30), *orders[1:]), world.outsider, AMPLE)
    assert len(skipped(world, receipt)) == 3
    world.send(world.dvp.functions.lockGroup([world.signed(order) for order in orders]), world.outsider)


# settleBatch


def locked(world: World, count: int = 3, **changes):
    orders = orders_of(world, count, **changes)
    world.send(batch(world, *orders), world.outsider, AMPLE)
    return orders


def test_one_proof_settles_many(world: World) -> None:
    orders = locked(world)
    receipt = world.send(world.settle_batch(orders), world.outsider, AMPLE)
    assert names(world, receipt) == ["Transfer", "Settled"] * 3
    assert [world.status(order) for order in orders] == [Status.SETTLED] * 3
    assert world.holding(world.buyer.address) == (33, 33)
    assert world.holding(world.seller.address) == (10_000 - 33, 10_000 - 33)


def test_the_proof_is_over_exactly_these_legs(world: World) -> None:
    orders = locked(world, 4)
    first = world.id_of(orders[0])
    for presented in (orders[:3], orders[::-1], [orders[0], *orders]):
        assert world.refusal(world.settle_batch(presented, orders), gas=AMPLE)[0] == "ProofNotFromEpoch"
    assert world.refusal(world.settle_batch(orders, result=NEVER), gas=AMPLE)[:2] == ("ProofNotFromEpoch", first)
    single = world.proof(world.outcome(first, PAID))
    call = world.dvp.functions.settleBatch([world.leg(orders[0])], packed(single))
    assert world.refusal(call, gas=AMPLE)[:2] == ("ProofNotFromEpoch", first)
    many = world.proof(world.outcomes([first], PAID))
    assert world.refusal(world.call("settle", orders[0], many))[:2] == ("ProofNotFromEpoch", first)
    few = world.proof(world.outcomes([world.id_of(order) for order in orders], PAID), (0, 1))
    call = world.dvp.functions.settleBatch([world.leg(order) for order in orders], packed(few))
    assert world.refusal(call, gas=AMPLE) == ("QuorumNotReached", first, 2, 3)


def test_legs_of_two_epochs_do_not_mix(world: World) -> None:
    (order,) = locked(world, 1)
    other = world.order(nonce=5, epoch=2)
    refused = world.refusal(world.settle_batch([order, other]), gas=AMPLE)
    assert refused == ("MixedEpochs", world.id_of(other), 2, 1)


def test_a_bad_leg_is_skipped_recorded_as_paid_and_tried_again(world: World) -> None:
    token = world.deploy("MockToken")
    orders = locked(world)
    bad = world.order(nonce=8, token=token.address)
    world.lock(bad)
    never = world.order(nonce=9)
    legs = [orders[0], bad, orders[1], never, orders[2]]
    world.send(token.functions.prepare(b"", True), world.outsider)
    receipt = world.send(world.settle_batch(legs), world.outsider, AMPLE)
    assert skipped(world, receipt) == {
        world.id_of(bad): ("Refused",),
        world.id_of(never): ("WrongStatus", world.id_of(never), Status.NONE, Status.LOCKED),
    }
    assert ("PaidRecorded", {"settlementId": world.id_of(bad)}) in world.events(receipt)
    assert [world.status(order) for order in legs] == [
        Status.SETTLED, Status.PAID, Status.SETTLED, Status.NONE, Status.SETTLED,
    ]  # fmt: skip
    assert world.refusal(world.prove("giveBack", bad, NEVER))[0] == "WrongStatus"
    world.lock(never)
    again = world.send(world.settle_batch(legs), world.outsider, AMPLE)
    assert set(skipped(world, again)) == {world.id_of(order) for order in (*orders, bad)}
    assert "PaidRecorded" not in names(world, again)
    assert world.status(never) is Status.SETTLED
    world.send(token.functions.prepare(b"", False), world.outsider)
    last = world.send(world.settle_batch(legs), world.outsider, AMPLE)
    assert world.id_of(bad) not in skipped(world, last)
    assert world.status(bad) is Status.SETTLED
    assert world.holding(world.buyer.address)[0] == 33 + 100


def test_a_given_back_leg_is_skipped(world: World) -> None:
    orders = locked(world, 2)
    world.send(world.prove("giveBack", orders[0], NEVER), world.outsider)
    receipt = world.send(world.settle_batch(orders), world.outsider, AMPLE)
    id_ = world.id_of(orders[0])
    assert skipped(world, receipt) == {id_: ("WrongStatus", id_, Status.GIVEN_BACK, Status.LOCKED)}
    assert world.status(orders[1]) is Status.SETTLED


@pytest.mark.parametrize("gas", range(110_000, 600_000, 70_000))
def test_starved_of_gas_the_batch_reverts_and_skips_nobody(world: World, gas: int) -> None:
    orders = locked(world)
    receipt = world.attempt(world.settle_batch(orders), world.outsider, gas)
    statuses = {world.status(order) for order in orders}
    assert statuses == ({Status.SETTLED} if receipt["status"] else {Status.LOCKED})


def test_a_starved_batch_says_which_leg(world: World) -> None:
    name, index, actual, expected = world.refusal(world.settle_batch(locked(world)), gas=300_000)
    assert (name, index) == ("StarvedOfGas", 0)
    assert actual < expected


@pytest.mark.parametrize("mischief", ["burns", "floods"])
def test_a_token_that_burns_or_floods_harms_only_its_own_leg(world: World, mischief: str) -> None:
    token = world.deploy("MockToken")
    orders = locked(world, 2)
    bad = world.order(nonce=8, token=token.address)
    world.lock(bad)
    world.send(token.functions.become(1 if mischief == "burns" else 2), world.outsider)
    receipt = world.send(world.settle_batch([orders[0], bad, orders[1]]), world.outsider, AMPLE)
    assert receipt["gasUsed"] < 600_000
    assert [world.status(order) for order in (orders[0], bad, orders[1])] == [
        Status.SETTLED, Status.PAID, Status.SETTLED,
    ]  # fmt: skip
    ((_, told),) = [event for event in world.events(receipt) if event[0] == "LegSkipped"]
    assert len(told["reason"]) == (0 if mischief == "burns" else 256)


def test_a_reentering_token_finds_its_leg_settled(world: World) -> None:
    token = world.deploy("MockToken")
    order = world.order(nonce=1, token=token.address)
    world.lock(order)
    again = world.prove("settle", order, PAID)
    payload = bytes.fromhex(again.build_transaction({"gas": 1, "gasPrice": 1, "nonce": 0})["data"][2:])
    world.send(token.functions.prepare(payload, False), world.outsider)
    world.send(world.settle_batch([order]), world.outsider, AMPLE)
    assert world.decode_error(token.functions.reentryAnswer().call())[0] == "AlreadyEnded"
    assert world.status(order) is Status.SETTLED


# cancelOrder


def test_either_signer_burns_an_order_before_its_lock(world: World) -> None:
    by_seller, by_buyer = world.order(nonce=0), world.order(nonce=1)
    cancel = world.dvp.functions.cancelOrder
    receipt = world.send(cancel(by_seller.words, b""), world.seller)
    told = {"settlementId": world.id_of(by_seller), "by": world.seller.address}
    assert world.events(receipt) == [("OrderCancelled", told)]
    signature = compact(sign(world.seller, world.id_of(by_buyer)))
    world.send(cancel(by_buyer.words, signature), world.buyer)
    for order in (by_seller, by_buyer):
        assert world.status(order) is Status.CANCELLED
        assert world.refusal(world.lock_call(order))[0] == "NonceUsed"
        other = order.but(quantity=1)
        assert world.refusal(world.lock_call(other))[0] == "NonceUsed"


def test_nobody_else_burns_a_sellers_nonce(world: World) -> None:
    order = world.order()
    id_ = world.id_of(order)
    cancel = world.dvp.functions.cancelOrder
    signature = compact(sign(world.seller, id_))
    refused = world.refusal(cancel(order.words, signature), world.outsider)
    assert refused == ("NotParty", id_, world.outsider.address.lower())
    for bad in (b"", compact(sign(world.buyer, id_))):
        refused = world.refusal(cancel(order.words, bad), world.buyer)
        assert refused == ("InvalidSignature", id_, world.seller.address.lower())


# Parts


def test_an_order_settles_in_parts(world: World) -> None:
    order = world.order(quantity=100, nonce=40, minimum_lot=30)
    order_id = world.id_of(order)
    receipt = world.send(world.part_call(order, 1, 30), world.outsider)
    first = world.part_of(order, 1, 30)
    assert world.events(receipt)[:2] == [
        ("Locked", {"settlementId": world.id_of(first), **first.message}),
        (
            "PartLocked",
            {
                "settlementId": world.id_of(first),
                "orderId": order_id,
                "orderQuantity": 100,
                "lockedQuantity": 30,
            },
        ),
    ]
    second = world.part_of(order, 2, 45)
    world.send(world.part_call(order, 2, 45), world.outsider)
    assert world.dvp.functions.lockedInParts(order_id).call() == 75
    world.send(world.prove("settle", first, PAID), world.outsider)
    world.send(world.prove("giveBack", second, NEVER), world.outsider)
    # 25 remain: less than the minimum lot, so all of them or none.
    assert world.refusal(world.part_call(order, 3, 24)) == ("BadPart", order_id, 24, 30, 25)
    assert world.refusal(world.part_call(order, 3, 26)) == ("BadPart", order_id, 26, 30, 25)
    world.send(world.part_call(order, 3, 25), world.outsider)
    for quantity in (0, 1, 30):
        assert world.refusal(world.part_call(order, 4, quantity)) == ("BadPart", order_id, quantity, 30, 0)
    third = world.part_of(order, 3, 25)
    world.send(world.prove("settle", third, PAID), world.outsider)
    assert world.holding(world.buyer.address) == (55, 55)
    assert world.status(order) is Status.IN_PARTS
    assert world.refusal(world.lock_call(order))[0] == "NonceUsed"


def test_a_part_below_the_minimum_lot_is_refused(world: World) -> None:
    order = world.order(quantity=100, minimum_lot=30)
    for quantity in (0, 29, 101):
        refused = world.refusal(world.part_call(order, 1, quantity))
        assert refused == ("BadPart", world.id_of(order), quantity, 30, 100)


def test_only_an_order_that_says_so_is_divided(world: World) -> None:
    for order, part in [
        (world.order(), 1),
        (world.order(minimum_lot=10), 0),
        (world.order(minimum_lot=10, group=b"\x01" * 32), 1),
        (world.order(minimum_lot=10, nonce=2**39), 2),
        (world.order(minimum_lot=10), 2**24),
    ]:
        assert world.refusal(world.part_call(order, part, 50)) == ("NotDivisible", world.id_of(order), part)


def test_a_part_is_not_divided_again(world: World) -> None:
    order = world.order(minimum_lot=10, part=3)
    for call in (world.part_call(order, 2, 50), world.lock_call(order)):
        assert world.refusal(call) == ("NotDivisible", world.id_of(order), 3)


def test_a_part_is_locked_once_and_only_as_both_signed(world: World) -> None:
    order = world.order(quantity=100, minimum_lot=10)
    world.send(world.part_call(order, 1, 20), world.outsider)
    assert world.refusal(world.part_call(order, 1, 20))[0] == "NonceUsed"
    words, seller, buyer = world.signed(order)
    stranger = compact(sign(Key.named("stranger"), world.id_of(order)))
    for pair in ((stranger, buyer), (seller, stranger)):
        call = world.dvp.functions.lockPart(words, 2, 20, *pair, world.part_signature(order, 2, 20))
        assert world.refusal(call)[:2] == ("InvalidSignature", world.id_of(order))


def test_only_the_seller_says_which_parts(world: World) -> None:
    order = world.order(quantity=100, minimum_lot=10)
    words, seller, buyer = world.signed(order)
    part = world.dvp.functions.lockPart
    theirs = world.part_signature(order, 1, 20)
    refused = ("InvalidSignature", world.id_of(order), world.seller.address.lower())
    for number, quantity, signature in [
        (1, 20, b""),
        (1, 21, theirs),
        (2, 20, theirs),
        (1, 20, seller),
        (1, 20, buyer),
    ]:
        for caller in (world.outsider, world.buyer):
            assert world.refusal(part(words, number, quantity, seller, buyer, signature), caller) == refused
    world.send(part(words, 1, 20, seller, buyer, theirs), world.outsider)
    world.send(part(words, 2, 20, seller, buyer, b""), world.seller)
    assert world.holding(world.seller.address) == (10_000, 9_960)


def test_parts_use_up_no_nonce_of_another_order(world: World) -> None:
    order = world.order(quantity=100, minimum_lot=10, nonce=3)
    world.send(world.part_call(order, 1, 20), world.outsider)
    world.send(world.part_call(order, 2**24 - 1, 20), world.outsider)
    neighbour = world.order(quantity=100, minimum_lot=10, nonce=4)
    world.send(world.part_call(neighbour, 1, 20), world.outsider)
    world.lock(world.order(nonce=5))
    assert world.status(world.part_of(neighbour, 1, 20)) is Status.LOCKED
    assert world.part_of(order, 2**24 - 1, 20).nonce + 2 == world.part_of(neighbour, 1, 20).nonce


def test_the_caller_cannot_starve_a_leg_by_its_size(world: World) -> None:
    """What copying a large leg costs is spent before its gas is counted: it gets all of its own, or nothing is done."""
    order = world.order()
    wallet = world.deploy("MockWallet", world.buyer.address, 6)
    world.register(wallet.address)
    large = order.but(buyer=wallet.address)
    legs = [(large.words, compact(sign(world.seller, world.id_of(large))), b"\x01" * 20_000)]
    call = world.dvp.functions.lockBatch(legs)
    for gas in range(1_000_000, 2_000_000, 60_000):
        receipt = world.attempt(call, world.outsider, gas)
        if receipt["status"]:
            assert not skipped(world, receipt)
            break
    assert world.status(large) is Status.LOCKED


def test_cancelling_ends_the_parts_to_come_and_leaves_the_locked_ones(world: World) -> None:
    order = world.order(quantity=100, minimum_lot=10)
    world.send(world.part_call(order, 1, 20), world.outsider)
    signature = compact(sign(world.seller, world.id_of(order)))
    world.send(world.dvp.functions.cancelOrder(order.words, signature), world.buyer)
    assert world.refusal(world.part_call(order, 2, 20))[0] == "NonceUsed"
    part = world.part_of(order, 1, 20)
    world.send(world.prove("settle", part, PAID), world.outsider)
    assert world.holding(world.buyer.address) == (20, 20)


def test_a_part_has_the_long_stop_of_any_settlement(world: World) -> None:
    order = world.order(quantity=100, minimum_lot=10)
    world.send(world.part_call(order, 1, 20), world.outsider)
    part = world.part_of(order, 1, 20)
    world.tester.time_travel(order.pay_by + 6 * DAY)
    world.send(world.dvp.functions.proposeLongStop(part.words), world.officer)
    world.tester.time_travel(order.pay_by + 9 * DAY)
    confirm = world.dvp.functions.confirmLongStop(world.leg(part))
    world.send(confirm, world.confirmer)
    assert world.holding(world.seller.address) == (10_000, 10_000)
