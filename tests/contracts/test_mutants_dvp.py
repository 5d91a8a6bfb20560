"""What mutation testing found untested in DvP: boundaries, what is stored, the second reason of a refusal."""

import pytest
from eth_keys import keys

from .hands import low
from .harness import DAY, EMPTY_PROOF, HALF_ORDER, PAID, ZERO, Key, Status, World, sign
from .storage import place, set_storage, slot_of

AMPLE = 15_000_000
MAGIC = "1626ba7e"


def test_a_lane_lies_where_it_is_drawn(world: World) -> None:
    """The neighbour's lane is the other half; the key is the seller, then the nonce without its last bit."""
    nonce = 2**63 - 2  # with its neighbour, the last two that are no part's
    even = world.brought_to(Status.LOCKED, nonce=nonce)
    odd = world.brought_to(Status.GIVEN_BACK, nonce=nonce + 1)
    key = (int(even.seller, 16) << 64 | nonce >> 1).to_bytes(32)
    halves = [
        int.from_bytes(world.id_of(order)[:15]) << 8 | status
        for order, status in ((even, Status.LOCKED), (odd, Status.GIVEN_BACK))
    ]
    assert slot_of(world, world.dvp, key) == halves[0] | halves[1] << 128


def test_the_waits_are_as_agreed(world: World) -> None:
    functions = world.dvp.functions
    waits = [functions[name]().call() for name in ("MAX_LOCK", "GRACE", "CHALLENGE", "ROTATION_DELAY")]
    assert waits == [30 * DAY, 5 * DAY, 2 * DAY, 45 * DAY]


# DvP: orders and lanes


def test_the_longest_lock_is_exact(world: World) -> None:
    at = world.now() + 1_000
    world.tester.time_travel(at)
    pay_by = at + 30 * DAY
    receipt = world.attempt(world.lock_call(world.order(lock_by=at, pay_by=pay_by)), world.outsider)
    assert (receipt["status"], world.now()) == (1, at)
    late = world.lock_call(world.order(nonce=1, pay_by=at + 50 + 30 * DAY + 1))
    world.tester.time_travel(at + 50)
    assert (world.attempt(late, world.outsider)["status"], world.now()) == (0, at + 50)
    name, _, asked, limit = world.refusal(world.lock_call(world.order(nonce=1, pay_by=pay_by + 1_000)))
    assert (name, asked) == ("PayByTooFar", pay_by + 1_000)
    assert pay_by < limit < pay_by + 100


def test_an_order_in_parts_is_cancelled_once_and_only_by_its_own_text(world: World) -> None:
    order = world.brought_to(Status.IN_PARTS, minimum_lot=10)
    cancel = world.dvp.functions.cancelOrder
    other = order.but(quantity=99)
    used = (low(world.seller), order.nonce, Status.IN_PARTS, world.id_of(order)[:15])
    assert world.refusal(cancel(other.words, b""), world.seller) == ("NonceUsed", world.id_of(other), *used)
    world.send(cancel(order.words, b""), world.seller)
    again = (low(world.seller), order.nonce, Status.CANCELLED, world.id_of(order)[:15])
    assert world.refusal(cancel(order.words, b""), world.seller) == ("NonceUsed", world.id_of(order), *again)


def test_a_part_that_says_it_is_divisible_is_refused(world: World) -> None:
    order = world.order(part=3, minimum_lot=1)
    assert world.refusal(world.lock_call(order)) == ("NotDivisible", world.id_of(order), 3)


def test_the_last_nonce_is_a_parts(world: World) -> None:
    order = world.order(nonce=2**39 - 1, minimum_lot=10)
    world.send(world.part_call(order, 2**24 - 1, 10), world.outsider)
    part = order.but(part=2**24 - 1, minimum_lot=0, quantity=10, nonce=2**64 - 1)
    assert world.status(part) is Status.LOCKED
    for nonce, number in ((2**39 - 1, 2**24), (2**39, 2**24 - 1), (2**39 - 1, 0)):
        beyond = order.but(nonce=nonce)
        assert world.refusal(world.part_call(beyond, number, 10)) == ("NotDivisible", world.id_of(beyond), number)


def test_another_order_of_a_locked_lane_is_skipped_in_a_batch(world: World) -> None:
    locked = world.brought_to(Status.LOCKED)
    other = locked.but(quantity=1)
    receipt = world.send(world.settle_batch([other]), world.outsider, AMPLE)
    ((name, told),) = world.events(receipt)
    id_ = world.id_of(other)
    assert (name, told["settlementId"]) == ("LegSkipped", id_)
    assert world.decode_error(told["reason"]) == ("WrongStatus", id_, Status.LOCKED, Status.LOCKED)
    assert world.status(locked) is Status.LOCKED


def test_what_a_batch_recorded_as_paid_needs_no_second_proof(world: World) -> None:
    token = world.deploy("MockToken")
    order = world.brought_to(Status.LOCKED, token=token.address)
    world.send(token.functions.prepare(b"", True), world.outsider)
    world.send(world.settle_batch([order]), world.outsider, AMPLE)
    assert world.status(order) is Status.PAID
    world.send(token.functions.prepare(b"", False), world.outsider)
    world.send(world.call("settle", order, EMPTY_PROOF), world.outsider)
    assert world.status(order) is Status.SETTLED


# DvP: gas of a batch (63/64 of it reaches a call)

LOCK, DELIVER, RESERVE = 2 * 200_000 + 300_000, 200_000, 60_000


def needed(limit: int) -> int:
    return limit + limit // 63 + RESERVE


def test_a_starved_lock_says_how_much_it_needs(world: World) -> None:
    orders = [world.order(nonce=nonce) for nonce in range(3)]
    group = world.group_of(orders[1:])
    legs = [world.signed(order) for order in (orders[0], *(order.but(group=group) for order in orders[1:]))]
    call = world.dvp.functions.lockBatch(legs)
    name, index, actual, expected = world.refusal(call, gas=500_000)
    assert (name, index, expected) == ("StarvedOfGas", 0, needed(LOCK))
    assert actual < 500_000
    name, index, _, expected = world.refusal(call, gas=1_300_000)
    assert (name, index, expected) == ("StarvedOfGas", 1, needed(2 * LOCK))


def test_a_starved_delivery_says_how_much_it_needs(world: World) -> None:
    orders = [world.order(nonce=nonce) for nonce in range(2)]
    world.send(world.dvp.functions.lockBatch([world.signed(order) for order in orders]), world.outsider, AMPLE)
    refused = {world.refusal(world.settle_batch(orders), gas=gas)[1::2] for gas in (200_000, 340_000)}
    assert refused == {(0, needed(DELIVER)), (1, needed(DELIVER))}


# DvP: proofs, long stop, rotation


def test_a_proof_of_a_head_alone_is_well_formed(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    refused = world.refusal(world.call("settle", order, (3, 0, b"", [])))
    assert refused == ("QuorumNotReached", world.id_of(order), 0, 3)


@pytest.mark.parametrize(("s", "good"), [(HALF_ORDER, True), (HALF_ORDER + 1, False)], ids=["half", "above half"])
def test_the_lower_s_ends_at_half_the_order(world: World, s: int, good: bool) -> None:
    """The agent is whoever the signature gives: only so can s be chosen."""
    token = world.deploy("MockToken")
    snapshot = world.tester.take_snapshot()
    nobody = [Key.named("nobody")]
    order = world.order(token=token.address)
    world.dvp = world.deploy("DvP", world.epoch(nobody, 1, 0))
    digest = world.outcome(world.id_of(order), PAID)
    r = int.from_bytes(sign(nobody[0], digest)[:32])
    signature = keys.Signature(vrs=(0, r, s))
    signer = signature.recover_public_key_from_msg_hash(digest).to_checksum_address()
    # At the same address, with that signer as its only agent.
    world.tester.revert_to_snapshot(snapshot)
    address = world.dvp.address
    world.dvp = world.deploy("DvP", world.epoch([Key(b"", signer)], 1, 0))
    assert world.dvp.address == address
    world.lock(order)
    call = world.call("settle", order, (1, 1, r.to_bytes(32) + s.to_bytes(32), []))
    if good:
        world.send(call, world.outsider)
    else:
        assert world.refusal(call)[:3] == ("ProofNotFromEpoch", world.id_of(order), world.epoch_hash([ZERO], 1, 1))


def test_the_long_stop_tells_both_times(world: World) -> None:
    functions, order = world.dvp.functions, world.brought_to(Status.LOCKED)
    propose_, confirm = functions.proposeLongStop(order.words), functions.confirmLongStop(world.leg(order))
    world.tester.time_travel(order.pay_by + 6 * DAY)
    world.send(propose_, world.officer)
    from_ = world.now() + 2 * DAY
    assert world.refusal(propose_, world.officer) == ("AlreadyProposed", world.id_of(order), from_)
    name, time, expected = world.refusal(confirm, world.confirmer)
    assert (name, expected) == ("TooEarly", from_)
    assert order.pay_by < time < from_


def test_a_rotation_by_roles_tells_what_was_proposed_and_when(world: World) -> None:
    functions, next_ = world.dvp.functions, world.epoch(world.agents[:3], 3, 1)
    other = world.epoch(world.agents[:3], 3, 2)
    receipt = world.send(functions.proposeRotation(next_), world.officer)
    ((_, told),) = world.events(receipt)
    from_ = world.now() + 45 * DAY
    assert told["from"] == from_
    name, presented, proposed = world.refusal(functions.confirmRotation(other), world.confirmer)
    assert (name, proposed) == ("NotProposed", next(value for value in told.values() if isinstance(value, bytes)))
    assert presented not in (proposed, bytes(32))
    name, time, expected = world.refusal(functions.confirmRotation(next_), world.confirmer)
    assert (name, expected) == ("TooEarly", from_)
    assert time < from_


# Wallets that are contracts


def wallet(world: World, runtime: str) -> str:
    """A registered wallet whose code is `runtime`."""
    size = len(runtime) // 2
    factory = world.w3.eth.contract(abi=[], bytecode=f"0x60{size:02x}600a5f3960{size:02x}5ff3{runtime}")
    sent = factory.constructor().transact({"from": world.outsider.address, "gas": 200_000, "gasPrice": 10**10})
    address = world.w3.eth.get_transaction_receipt(sent)["contractAddress"]
    assert address is not None
    assert world.w3.eth.get_code(address).hex() == runtime
    world.register(address)
    return address


# 63 MAGIC, shifted to the left end of a word, stored at 0; then so many bytes returned or reverted.
SAYS_MAGIC = f"63{MAGIC}60e01b5f52"


@pytest.mark.parametrize(
    ("ending", "agrees"), [("60205ff3", True), ("60405ff3", True), ("601f5ff3", False), ("60205ffd", False)]
)
def test_a_wallet_agrees_only_by_a_whole_word_that_it_returns(world: World, ending: str, agrees: bool) -> None:
    order = world.order(buyer=wallet(world, SAYS_MAGIC + ending))
    call = world.lock_call(order, buyer=b"")
    if agrees:
        world.send(call, world.outsider)
    else:
        assert world.refusal(call) == ("InvalidSignature", world.id_of(order), order.buyer.lower())


def test_a_wallet_agrees_by_the_whole_word_of_its_answer(world: World) -> None:
    order = world.order(buyer=wallet(world, f"63{MAGIC}60e01b60011760005260205ff3"))
    assert world.refusal(world.lock_call(order, buyer=b""))[0] == "InvalidSignature"


# A chain that forks


def test_after_a_fork_a_lock_ends_by_the_word_on_this_chain_and_none_begins(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two chains with one history: what the agents said of the one is no word on the other (I11)."""
    locked, order = world.brought_to(Status.LOCKED), world.order(nonce=1)
    call, id_ = world.lock_call(order), world.id_of(locked)
    forked = world.chain_id + 1
    chain = world.tester.backend.chain
    monkeypatch.setattr(chain, "chain_id", forked)
    assert world.dvp.functions.settlementId(locked.words).call() == id_
    assert world.refusal(call) == ("ChainChanged", world.id_of(order), forked, world.chain_id)
    assert world.refusal(world.prove("settle", locked, PAID))[:2] == ("ProofNotFromEpoch", id_)
    assert world.dvp.functions.eip712Domain().call()[3] == forked
    meant = world.call("settle", locked, world.proof(world.outcome(id_, PAID, chain_id=forked)))
    meant.call({"from": world.outsider.address})


# Two ids that begin alike


def test_recorded_as_paid_is_the_whole_id_and_not_its_beginning(world: World) -> None:
    """(I1) The lane keeps 15 bytes of an id: another order with these is settled by a proof of its own only."""
    paid = world.brought_to(Status.PAID, nonce=4)
    twin = paid.but(quantity=101)
    lane = int.from_bytes(world.id_of(twin)[:15]) << 8 | Status.PAID
    key = (int(paid.seller, 16) << 64 | paid.nonce >> 1).to_bytes(32)
    (number,) = [n for n in range(24) if any(world.w3.eth.get_storage_at(world.dvp.address, place(key, n)))]
    set_storage(world, world.dvp, place(key, number), lane)
    assert world.status(twin) is Status.PAID
    nobody = (3, 0, b"", [key.address for key in world.agents])
    assert world.refusal(world.call("settle", twin, nobody)) == ("QuorumNotReached", world.id_of(twin), 0, 3)
