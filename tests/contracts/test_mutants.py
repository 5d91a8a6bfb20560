"""What mutation testing found untested: boundaries, what is stored where, and the second reason of a refusal."""

from typing import Any

import pytest
from eth_keys import keys
from eth_utils import keccak

from .hands import confirmed, frozen, low, moved, propose, refused_confirmation
from .harness import DAY, EMPTY_PROOF, FAR, HALF_ORDER, PAID, ZERO, Key, Standing, Status, World, sign

AMPLE = 15_000_000
MAX_UNITS, ENDLESS = 2**60 - 1, 2**256 - 1
MATURITY = 2_051_222_400
MAGIC = "1626ba7e"


def made_by(world: World, contract: Any) -> list[tuple[str, dict[str, Any]]]:
    """The events of a contract's deployment."""
    logs = world.w3.eth.get_logs({"address": contract.address, "fromBlock": 0})
    first = min(log["blockNumber"] for log in logs)
    return world.events({"logs": [log for log in logs if log["blockNumber"] == first]})


def slot_of(world: World, contract: Any, key: bytes) -> int:
    """The value of the only mapping that has a slot for the key of 32 bytes."""
    found = [
        value
        for number in range(24)
        if (value := int.from_bytes(world.w3.eth.get_storage_at(contract.address, place(key, number))))
    ]
    assert len(found) == 1, found
    return found[0]


def place(key: bytes, number: int) -> int:
    return int.from_bytes(keccak(key + number.to_bytes(32)))


def wide(address: str) -> bytes:
    return bytes(12) + bytes.fromhex(address[2:])


# Storage as it is drawn


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


def test_the_waits_are_as_agreed(world: World) -> None:
    functions = world.dvp.functions
    waits = [functions[name]().call() for name in ("MAX_LOCK", "GRACE", "CHALLENGE", "ROTATION_DELAY")]
    assert waits == [30 * DAY, 5 * DAY, 2 * DAY, 45 * DAY]


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
    monkeypatch.setattr(type(chain), "chain_id", forked)
    assert world.dvp.functions.settlementId(locked.words).call() == id_
    assert world.refusal(call) == ("ChainChanged", world.id_of(order), forked, world.chain_id)
    assert world.refusal(world.prove("settle", locked, PAID))[:2] == ("ProofNotFromEpoch", id_)
    assert world.dvp.functions.eip712Domain().call()[3] == forked
    meant = world.call("settle", locked, world.proof(world.outcome(id_, PAID, chain_id=forked)))
    meant.call({"from": world.outsider.address})


# Two ids that begin alike


def set_storage(world: World, contract: Any, slot: int, value: int) -> None:
    """Write a contract's slot, as no transaction could."""
    chain = world.tester.backend.chain
    state = chain.get_vm().state
    state.set_storage(bytes.fromhex(contract.address[2:]), slot, value)
    state.persist()
    chain.header = chain.header.copy(state_root=state.make_state_root())
    world.tester.mine_block()


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
