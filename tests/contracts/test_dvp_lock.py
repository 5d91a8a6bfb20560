"""DvP.lock: what both parties signed, and nothing else."""

import pytest
from eth_abi import encode
from eth_tester.exceptions import TransactionFailed
from eth_utils import keccak

from .harness import FAR, HALF_ORDER, TYPES, ZERO, Key, Standing, Status, World, compact, high_s, sign, typed_digest

STRANGER = Key.named("stranger")
HONEST, WRONG_WORD, SHORT, HUGE, REVERTS, BURNS, AGREES = range(7)


def low(key: Key) -> str:
    return key.address.lower()


# Identity


def test_the_id_is_the_digest_that_the_parties_sign(world: World) -> None:
    order = world.order(quantity=2**60 - 1, nonce=2**64 - 1, part=7, lock_by=FAR - 1)
    functions = world.dvp.functions
    id_ = world.id_of(order)
    assert functions.settlementId(order.words).call() == id_
    assert functions.termsHash(order.terms).call() == world.terms_hash(order)
    for result in (1, 2):
        expected = world.outcome(id_, result, epoch=9)
        assert functions.outcomeDigest(id_, result, 9).call() == expected
    assert world.lock_call(world.order()).call({"from": world.outsider.address, "gas": 10**6}) == world.id_of(
        world.order()
    )


def test_the_id_covers_every_field(world: World) -> None:
    order = world.order()
    others = [
        order.but(token=STRANGER.address),
        order.but(seller=STRANGER.address),
        order.but(buyer=STRANGER.address),
        order.but(quantity=101),
        order.but(epoch=2),
        order.but(nonce=1),
        order.but(trade_id=b"\x12" * 32),
        order.but(part=1),
        order.but(minimum_lot=1),
        order.but(group=b"\x01" * 32),
        order.but(cash_hash=b"\x23" * 32),
        order.but(lock_by=FAR - 1),
        order.but(pay_by=FAR - 1),
    ]
    ids = [world.dvp.functions.settlementId(each.words).call() for each in (order, *others)]
    assert len(set(ids)) == len(ids)
    assert ids == [world.id_of(each) for each in (order, *others)]


def test_the_domain_is_told_as_erc_5267_asks(world: World) -> None:
    assert world.dvp.functions.eip712Domain().call() == [
        b"\x0f",
        "Lockstep DvP",
        "1",
        world.chain_id,
        world.dvp.address,
        b"\x00" * 32,
        [],
    ]


NARROW = {"token": 0, "seller": 1, "buyer": 2, "quantity": 3, "epoch": 4, "nonce": 5, "part": 7, "minimumLot": 8}
NARROW |= {"lockBy": 11, "payBy": 12}


@pytest.mark.parametrize("field", NARROW)
def test_a_field_with_stray_high_bits_is_refused_though_both_signed_it(world: World, field: str) -> None:
    """The event repeats calldata as it is, so what readers could not decode must not get in."""
    order = world.order()
    data = bytearray.fromhex(
        world.lock_call(order).build_transaction({"gas": 1, "gasPrice": 1, "nonce": 0})["data"][2:]
    )
    start = 4 + 32 * NARROW[field]
    data[start] ^= 0x80
    words = [bytes(data[4 + 32 * i : 36 + 32 * i]) for i in range(13)]
    kinds = {name: keccak(text=f"{name}({fields_of(name)})") for name in ("Movement", "Terms")}
    hashes = [keccak(kinds["Movement"] + b"".join(words[:6])), keccak(kinds["Terms"] + b"".join(words[6:]))]
    type_hash = keccak(
        text=f"Order(Movement movement,Terms terms)Movement({fields_of('Movement')})Terms({fields_of('Terms')})"
    )
    domain = domain_separator(world)
    id_ = keccak(b"\x19\x01" + domain + keccak(type_hash + hashes[0] + hashes[1]))
    signatures = bytes(data).index(compact(sign(world.seller, world.id_of(order))))
    data[signatures : signatures + 64] = compact(sign(world.seller, id_))
    buyer = bytes(data).index(compact(sign(world.buyer, world.id_of(order))))
    data[buyer : buyer + 64] = compact(sign(world.buyer, id_))
    request = {"from": world.outsider.address, "to": world.dvp.address, "data": "0x" + data.hex(), "gas": 10**6}
    with pytest.raises(TransactionFailed) as caught:
        world.w3.eth.call(request)
    # By the compiler's own check of the range, which answers nothing: not for want of a signature.
    assert str(caught.value) == "execution reverted: b''"


def fields_of(name: str) -> str:
    return ",".join(f"{one['type']} {one['name']}" for one in TYPES[name])


def domain_separator(world: World) -> bytes:
    kind = keccak(text=f"EIP712Domain({fields_of('EIP712Domain')})")
    names = [keccak(text="Lockstep DvP"), keccak(text="1")]
    types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    return keccak(encode(types, [kind, *names, world.chain_id, world.dvp.address]))


# Signatures of accounts


@pytest.mark.parametrize("form", [bytes, compact], ids=["65 bytes", "64 bytes"])
def test_both_parties_may_sign_in_either_form(world: World, form) -> None:
    order = world.order()
    digest = world.id_of(order)
    call = world.lock_call(order, form(sign(world.seller, digest)), form(sign(world.buyer, digest)))
    world.send(call, world.outsider)
    assert world.status(order) is Status.LOCKED


def test_each_partys_signature_is_needed(world: World) -> None:
    order = world.order()
    id_ = world.id_of(order)
    good_seller, good_buyer = sign(world.seller, id_), sign(world.buyer, id_)
    cases = {
        "empty": b"",
        "a stranger's": sign(STRANGER, id_),
        "the other party's": None,
        "zeros": b"\x00" * 64,
        "too short": good_seller[:63],
        "too long": good_seller + b"\x00",
    }
    for bad in cases.values():
        refused = world.refusal(world.lock_call(order, good_buyer if bad is None else bad, good_buyer))
        assert refused == ("InvalidSignature", id_, low(world.seller))
        refused = world.refusal(world.lock_call(order, good_seller, good_seller if bad is None else bad))
        assert refused == ("InvalidSignature", id_, low(world.buyer))
    assert world.status(order) is Status.NONE


def test_an_altered_signature_is_refused(world: World) -> None:
    order = world.order()
    id_ = world.id_of(order)
    good = sign(world.seller, id_)
    altered = [
        bytes([good[0] ^ 1]) + good[1:],
        good[:40] + bytes([good[40] ^ 1]) + good[41:],
        good[:64] + bytes([55 - good[64]]),
        good[:64] + bytes([good[64] - 27]),
        compact(good)[:32] + bytes([compact(good)[32] ^ 0x80]) + compact(good)[33:],
    ]
    for bad in altered:
        refused = world.refusal(world.lock_call(order, seller=bad))
        assert refused == ("InvalidSignature", id_, low(world.seller))


def test_the_signatures_twin_with_high_s_is_refused(world: World) -> None:
    order = world.order()
    id_ = world.id_of(order)
    twin = high_s(sign(world.buyer, id_))
    assert int.from_bytes(twin[32:64]) > HALF_ORDER
    refused = world.refusal(world.lock_call(order, buyer=twin))
    assert refused == ("InvalidSignature", id_, low(world.buyer))


@pytest.mark.parametrize("what", ["chain", "contract", "order"])
def test_a_signature_for_another_chain_contract_or_order_is_refused(world: World, what: str) -> None:
    order = world.order()
    id_ = world.id_of(order)
    elsewhere = {
        "chain": world.id_of(order, chain_id=world.chain_id + 1),
        "contract": world.id_of(order, contract=STRANGER.address),
        "order": world.id_of(order.but(quantity=order.quantity + 1)),
    }[what]
    refused = world.refusal(world.lock_call(order, seller=compact(sign(world.seller, elsewhere))))
    assert refused == ("InvalidSignature", id_, low(world.seller))


def test_a_replayed_lock_is_refused_whoever_sends_it(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    for sender in (world.outsider, world.seller, world.buyer):
        assert world.refusal(world.lock_call(order), sender) == (
            "NonceUsed",
            world.id_of(order),
            low(world.seller),
            0,
            Status.LOCKED,
            world.id_of(order)[:15],
        )


# Wallets that are contracts


def wallet_order(world: World, behaviour: int):
    wallet = world.deploy("MockWallet", STRANGER.address, behaviour)
    world.register(wallet.address)
    return world.order(buyer=wallet.address)


def test_a_wallet_contract_signs_for_itself(world: World) -> None:
    order = wallet_order(world, HONEST)
    signature = sign(STRANGER, world.id_of(order))
    world.send(world.lock_call(order, buyer=signature), world.outsider)
    assert world.status(order) is Status.LOCKED


def test_a_wallet_contract_may_sign_in_its_own_form(world: World) -> None:
    order = wallet_order(world, AGREES)
    world.send(world.lock_call(order, buyer=b"seven words of its own"), world.outsider)


def test_a_selling_wallet_contract_gets_nothing_it_did_not_sign(world: World) -> None:
    wallet = world.deploy("MockWallet", STRANGER.address, HONEST)
    world.register(wallet.address)
    world.send(world.token.functions.transfer(wallet.address, 500), world.seller)
    order = world.order(seller=wallet.address)
    id_ = world.id_of(order)
    refused = world.refusal(world.lock_call(order, seller=sign(world.seller, id_)))
    assert refused == ("InvalidSignature", id_, wallet.address.lower())
    world.send(world.lock_call(order, seller=sign(STRANGER, id_)), world.outsider)
    assert world.holding(wallet.address) == (500, 400)


@pytest.mark.parametrize("behaviour", [HONEST, WRONG_WORD, SHORT, HUGE, REVERTS])
def test_a_wallet_contract_that_does_not_agree_is_refused(world: World, behaviour: int) -> None:
    order = wallet_order(world, behaviour)
    id_ = world.id_of(order)
    refused = world.refusal(world.lock_call(order, buyer=sign(world.seller, id_)))
    assert refused == ("InvalidSignature", id_, order.buyer.lower())


def test_a_gas_burning_wallet_burns_its_cap_and_no_more(world: World) -> None:
    order = wallet_order(world, BURNS)
    call = world.lock_call(order, buyer=b"")
    assert world.refusal(call) == ("InvalidSignature", world.id_of(order), order.buyer.lower())
    receipt = world.attempt(call, world.outsider)
    assert receipt["status"] == 0
    assert 200_000 < receipt["gasUsed"] < 270_000


def test_a_wallet_that_agrees_to_all_cannot_speak_for_another(world: World) -> None:
    order = wallet_order(world, AGREES)
    refused = world.refusal(world.lock_call(order, seller=b"", buyer=b""))
    assert refused == ("InvalidSignature", world.id_of(order), low(world.seller))


# Terms of the order


def test_the_lock_is_in_time_through_the_last_second(world: World) -> None:
    """The one boundary rule, judged in the blocks' own time."""
    deadline = world.now() + 50
    first = world.lock_call(world.order(nonce=0, lock_by=deadline, pay_by=deadline))
    second = world.lock_call(world.order(nonce=1, lock_by=deadline, pay_by=deadline))
    world.tester.time_travel(deadline)
    at = world.attempt(first, world.outsider)
    assert (at["status"], world.now()) == (1, deadline)
    after = world.attempt(second, world.outsider)
    assert (after["status"], world.now()) == (0, deadline + 1)
    late = world.order(nonce=1, lock_by=deadline, pay_by=deadline)
    name, id_, time, lock_by = world.refusal(second)
    assert (name, id_, lock_by) == ("LockByPassed", world.id_of(late), deadline)
    assert time > deadline


def test_an_order_that_makes_no_sense_is_refused_by_name(world: World) -> None:
    token = world.token.address
    for order, expected in [
        (world.order(pay_by=world.deadline - 1), ("PayByBeforeLockBy", world.deadline - 1, world.deadline)),
        (world.order(epoch=0), ("NotCurrentEpoch", 0, 1)),
        (world.order(epoch=2), ("NotCurrentEpoch", 2, 1)),
        (world.order(quantity=0), ("ZeroQuantity",)),
        (world.order(buyer=world.seller.address), ("SameParty", low(world.seller))),
        (world.order(token=STRANGER.address), ("NoToken", STRANGER.address.lower())),
    ]:
        refused = world.refusal(world.lock_call(order))
        assert refused == (expected[0], world.id_of(order), *expected[1:])
    assert token == world.order().token


def test_nobody_cannot_be_a_party(world: World) -> None:
    for order in (world.order(buyer=ZERO), world.order(seller=ZERO)):
        refused = world.refusal(world.lock_call(order, b"\x00" * 64, b"\x00" * 64))
        assert refused[:2] == ("InvalidSignature", world.id_of(order))


def test_units_that_are_not_free_cannot_be_locked(world: World) -> None:
    world.brought_to(Status.LOCKED, quantity=9_950)
    order = world.order(nonce=1, quantity=51)
    refused = world.refusal(world.lock_call(order))
    assert refused == ("InsufficientFreeUnits", low(world.seller), 50, 51)
    assert world.status(order) is Status.NONE
    world.send(world.lock_call(order.but(quantity=50)), world.outsider)


def test_more_units_than_an_account_can_hold_cannot_be_locked(world: World) -> None:
    order = world.order(quantity=2**64 - 1)
    refused = world.refusal(world.lock_call(order))
    assert refused == ("InsufficientFreeUnits", low(world.seller), 10_000, 2**64 - 1)


@pytest.mark.parametrize("standing", [Standing.SUSPENDED, Standing.CLOSED])
def test_both_parties_must_be_eligible_at_the_lock(world: World, standing: Standing) -> None:
    for party in (world.buyer, world.seller):
        world.set_standing(party.address, standing)
        refused = world.refusal(world.lock_call(world.order()))
        assert refused[:3] == ("NotEligible", low(party), standing)
        if standing is Standing.CLOSED:
            break
        world.set_standing(party.address, Standing.ACTIVE)


def test_a_token_that_gave_this_contract_no_lane_refuses(world: World) -> None:
    token = world.deploy_token([world.collateral.address, ZERO, ZERO])
    refused = world.refusal(world.lock_call(world.order(token=token.address)))
    assert refused == ("NotEarmarker", world.dvp.address.lower())


def test_the_oracle_is_not_the_contract(world: World) -> None:
    """The digest that the tests sign comes from eth_account and differs with each part of the domain."""
    message = world.order().message
    digests = {
        typed_digest("Order", message, chain, contract)
        for chain in (1, world.chain_id)
        for contract in (world.dvp.address, STRANGER.address)
    }
    assert len(digests) == 4
