"""DvP: every state × every call, and what always holds (the numbered rules are those of IDvP)."""

import pytest

from .harness import DAY, EMPTY_PROOF, NEVER, PAID, Order, Standing, Status, World

# What each call leads to in each state: a status, or the name of the refusal and the status it expects.
ENDED = ("AlreadyEnded", Status.LOCKED)
NOT_OPEN = ("WrongStatus", Status.LOCKED)
USED = ("NonceUsed", None)
TABLE = {
    (Status.NONE, "lock"): Status.LOCKED,
    (Status.NONE, "settle with proof"): NOT_OPEN,
    (Status.NONE, "settle without proof"): NOT_OPEN,
    (Status.NONE, "recordPaid"): NOT_OPEN,
    (Status.NONE, "giveBack"): NOT_OPEN,
    (Status.LOCKED, "lock"): USED,
    (Status.LOCKED, "settle with proof"): Status.SETTLED,
    (Status.LOCKED, "settle without proof"): ("QuorumNotReached", None),
    (Status.LOCKED, "recordPaid"): Status.PAID,
    (Status.LOCKED, "giveBack"): Status.GIVEN_BACK,
    (Status.PAID, "lock"): USED,
    (Status.PAID, "settle with proof"): Status.SETTLED,
    (Status.PAID, "settle without proof"): Status.SETTLED,
    (Status.PAID, "recordPaid"): NOT_OPEN,
    (Status.PAID, "giveBack"): NOT_OPEN,
    (Status.SETTLED, "lock"): USED,
    (Status.SETTLED, "settle with proof"): ENDED,
    (Status.SETTLED, "settle without proof"): ENDED,
    (Status.SETTLED, "recordPaid"): ENDED,
    (Status.SETTLED, "giveBack"): ENDED,
    (Status.GIVEN_BACK, "lock"): USED,
    (Status.GIVEN_BACK, "settle with proof"): ENDED,
    (Status.GIVEN_BACK, "settle without proof"): ENDED,
    (Status.GIVEN_BACK, "recordPaid"): ENDED,
    (Status.GIVEN_BACK, "giveBack"): ENDED,
    (Status.CANCELLED, "lock"): USED,
    (Status.CANCELLED, "settle with proof"): NOT_OPEN,
    (Status.CANCELLED, "settle without proof"): NOT_OPEN,
    (Status.CANCELLED, "recordPaid"): NOT_OPEN,
    (Status.CANCELLED, "giveBack"): NOT_OPEN,
    (Status.IN_PARTS, "lock"): USED,
    (Status.IN_PARTS, "settle with proof"): NOT_OPEN,
    (Status.IN_PARTS, "settle without proof"): NOT_OPEN,
    (Status.IN_PARTS, "recordPaid"): NOT_OPEN,
    (Status.IN_PARTS, "giveBack"): NOT_OPEN,
    # Of an order whose minimum lot is 10: locked whole, it is no longer to be had in parts.
    (Status.NONE, "lockPart"): Status.IN_PARTS,
    (Status.LOCKED, "lockPart"): USED,
    (Status.PAID, "lockPart"): USED,
    (Status.SETTLED, "lockPart"): USED,
    (Status.GIVEN_BACK, "lockPart"): USED,
    (Status.CANCELLED, "lockPart"): USED,
    (Status.IN_PARTS, "lockPart"): Status.IN_PARTS,
    (Status.NONE, "cancelOrder"): Status.CANCELLED,
    (Status.LOCKED, "cancelOrder"): USED,
    (Status.PAID, "cancelOrder"): USED,
    (Status.SETTLED, "cancelOrder"): USED,
    (Status.GIVEN_BACK, "cancelOrder"): USED,
    (Status.CANCELLED, "cancelOrder"): USED,
    (Status.IN_PARTS, "cancelOrder"): Status.CANCELLED,
    # All long after payBy and after the window of what the officer proposed, where it could be proposed.
    (Status.NONE, "proposeLongStop"): NOT_OPEN,
    (Status.LOCKED, "proposeLongStop"): Status.LOCKED,
    (Status.PAID, "proposeLongStop"): NOT_OPEN,
    (Status.SETTLED, "proposeLongStop"): ENDED,
    (Status.GIVEN_BACK, "proposeLongStop"): ENDED,
    (Status.CANCELLED, "proposeLongStop"): NOT_OPEN,
    (Status.IN_PARTS, "proposeLongStop"): NOT_OPEN,
    (Status.NONE, "confirmLongStop"): NOT_OPEN,
    (Status.LOCKED, "confirmLongStop"): Status.GIVEN_BACK,
    (Status.PAID, "confirmLongStop"): NOT_OPEN,
    (Status.SETTLED, "confirmLongStop"): ENDED,
    (Status.GIVEN_BACK, "confirmLongStop"): ENDED,
    (Status.CANCELLED, "confirmLongStop"): NOT_OPEN,
    (Status.IN_PARTS, "confirmLongStop"): NOT_OPEN,
}
CALLS = (
    "lock",
    "settle with proof",
    "settle without proof",
    "recordPaid",
    "giveBack",
    "lockPart",
    "cancelOrder",
    "proposeLongStop",
    "confirmLongStop",
)
SENDERS = {"cancelOrder": "seller", "proposeLongStop": "officer", "confirmLongStop": "confirmer"}
PART = 2

# (seller owns, seller free, buyer owns) of 10,000 with an order over 100.
HOLDINGS = {
    Status.NONE: (10_000, 10_000, 0),
    Status.LOCKED: (10_000, 9_900, 0),
    Status.PAID: (10_000, 9_900, 0),
    Status.SETTLED: (9_900, 9_900, 100),
    Status.GIVEN_BACK: (10_000, 10_000, 0),
    Status.CANCELLED: (10_000, 10_000, 0),
    # A part of 10.
    Status.IN_PARTS: (10_000, 9_990, 0),
}
EVENTS = {
    "lockPart": ["Locked", "PartLocked", "Earmarked"],
    "cancelOrder": ["OrderCancelled"],
    "proposeLongStop": ["LongStopProposed"],
    Status.LOCKED: ["Locked", "Earmarked"],
    Status.PAID: ["PaidRecorded"],
    Status.SETTLED: ["Settled", "Transfer"],
    Status.GIVEN_BACK: ["GivenBack", "EarmarkReleased"],
}


def call_named(world: World, name: str, order: Order):
    if name == "lock":
        return world.lock_call(order)
    if name == "settle without proof":
        # Well-formed, but nobody signed.
        return world.call("settle", order, (3, 0, b"", [key.address for key in world.agents]))
    if name == "settle with proof":
        return world.prove("settle", order, PAID)
    if name == "lockPart":
        return world.part_call(order, PART, 10)
    if name == "cancelOrder":
        return world.dvp.functions.cancelOrder(order.words, b"")
    if name == "proposeLongStop":
        return world.dvp.functions.proposeLongStop(order.words)
    if name == "confirmLongStop":
        return world.dvp.functions.confirmLongStop(world.leg(order))
    return world.prove(name, order, PAID if name == "recordPaid" else NEVER)


def holdings(world: World) -> tuple[int, int, int]:
    return (*world.holding(world.seller.address), world.holding(world.buyer.address)[0])


def test_the_table_is_complete() -> None:
    assert set(TABLE) == {(state, call) for state in Status for call in CALLS}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("state", list(Status), ids=lambda state: state.name)
def test_every_state_and_every_call(world: World, state: Status, name: str) -> None:
    order = world.brought_to(state, minimum_lot=10)
    id_ = world.id_of(order)
    sender = vars(world)[SENDERS.get(name, "outsider")]
    if name.endswith("LongStop"):
        world.tester.time_travel(order.pay_by + 6 * DAY)
        if name == "confirmLongStop" and state is Status.LOCKED:
            world.send(call_named(world, "proposeLongStop", order), world.officer)
            world.tester.time_travel(order.pay_by + 9 * DAY)
    call = call_named(world, name, order)
    expected = TABLE[state, name]
    if isinstance(expected, Status):
        receipt = world.send(call, sender)
        events = world.events(receipt)
        assert [event for event, _ in events] == EVENTS.get(name, EVENTS.get(expected))
        part = world.part_of(order, PART, 10)
        assert events[0][1]["settlementId"] == (world.id_of(part) if name == "lockPart" else id_)
        assert world.status(order) is expected
        if state is Status.IN_PARTS:
            owned, free, arrived = HOLDINGS[state]
            assert holdings(world) == (owned, free - (10 if name == "lockPart" else 0), arrived)
        else:
            assert holdings(world) == HOLDINGS[expected]
    else:
        error, wanted = expected
        refused = world.refusal(call, sender)
        assert refused[:2] == (error, id_)
        if error == "NonceUsed":
            assert refused[2:] == (order.seller.lower(), order.nonce, state, id_[:15])
        elif error == "QuorumNotReached":
            assert refused[2:] == (0, 3)
        else:
            assert refused[2:] == (state, wanted)
        assert world.attempt(call, sender)["status"] == 0
        assert world.status(order) is state
        assert holdings(world) == HOLDINGS[state]


def test_settling_what_is_recorded_as_paid_reads_no_proof(world: World) -> None:
    order = world.brought_to(Status.PAID)
    world.send(world.call("settle", order, EMPTY_PROOF), world.outsider)
    assert world.status(order) is Status.SETTLED


@pytest.mark.parametrize("call", ["settle", "recordPaid", "giveBack"])
def test_the_other_outcome_does_not_open_this_exit(world: World, call: str) -> None:
    """A proof of NEVER delivers nothing, and a proof of PAID gives nothing back."""
    order = world.brought_to(Status.LOCKED)
    wrong = PAID if call == "giveBack" else NEVER
    refused = world.refusal(world.prove(call, order, wrong))
    assert refused[:2] == ("ProofNotFromEpoch", world.id_of(order))
    assert refused[3] == world.dvp.functions.epochHash(1).call()
    assert world.status(order) is Status.LOCKED


def test_events_carry_the_whole_order(world: World) -> None:
    order = world.order(nonce=5, part=2)
    locked = world.send(world.lock_call(order), world.outsider)
    id_ = world.id_of(order)
    assert world.events(locked) == [
        (
            "Locked",
            {
                "settlementId": id_,
                "movement": order.message["movement"],
                "terms": order.message["terms"],
            },
        ),
        (
            "Earmarked",
            {
                "holder": order.seller,
                "earmarker": world.dvp.address,
                "quantity": 100,
            },
        ),
    ]
    lane = {"settlementId": id_}
    paid = world.send(world.prove("recordPaid", order, PAID), world.outsider)
    assert world.events(paid) == [("PaidRecorded", lane)]
    settled = world.send(world.prove("settle", order, PAID), world.outsider)
    assert world.events(settled)[0] == ("Settled", lane)
    assert world.events(settled)[1] == (
        "Transfer",
        {"from": order.seller, "to": order.buyer, "value": 100},
    )
    returned = world.brought_to(Status.LOCKED, nonce=6)
    back = world.send(world.prove("giveBack", returned, NEVER), world.outsider)
    assert world.events(back) == [
        ("GivenBack", {"settlementId": world.id_of(returned)}),
        (
            "EarmarkReleased",
            {"holder": order.seller, "earmarker": world.dvp.address, "quantity": 100},
        ),
    ]


# Lanes: two nonces share a slot


@pytest.mark.parametrize("ending", [Status.PAID, Status.SETTLED, Status.GIVEN_BACK], ids=lambda s: s.name)
@pytest.mark.parametrize("first", [6, 7])
def test_neighbouring_nonces_do_not_touch_each_other(world: World, first: int, ending: Status) -> None:
    second = first ^ 1
    neighbour = world.brought_to(Status.LOCKED, nonce=second, trade_id=b"\x77" * 32)
    order = world.brought_to(ending, nonce=first)
    status_of = world.dvp.functions.statusOf
    assert status_of(order.seller, first).call() == [ending, world.id_of(order)[:15]]
    assert status_of(order.seller, second).call() == [Status.LOCKED, world.id_of(neighbour)[:15]]
    for untouched in (5, 8, 2**64 - 1):
        assert status_of(order.seller, untouched).call() == [Status.NONE, b"\x00" * 15]
    assert status_of(order.buyer, first).call() == [Status.NONE, b"\x00" * 15]
    world.send(world.prove("giveBack", neighbour, NEVER), world.outsider)
    assert status_of(order.seller, first).call() == [ending, world.id_of(order)[:15]]


def test_nonces_are_used_in_any_order_up_to_the_last(world: World) -> None:
    for nonce in (2**63 - 1, 0, 2**62):
        assert world.status(world.brought_to(Status.SETTLED, nonce=nonce)) is Status.SETTLED


def test_the_nonces_of_parts_are_no_orders(world: World) -> None:
    for nonce in (2**63, 2**64 - 1):
        order = world.order(nonce=nonce)
        refused = ("NonceReserved", world.id_of(order), nonce, 2**63)
        assert world.refusal(world.lock_call(order)) == refused
        assert world.refusal(world.dvp.functions.cancelOrder(order.words, b""), world.seller) == refused


def test_a_used_nonce_stays_used_for_any_other_order(world: World) -> None:
    """Rule 2: a trade that goes on does so under a new settlement."""
    used = world.brought_to(Status.GIVEN_BACK, nonce=3)
    again = world.order(nonce=3, quantity=1)
    assert world.refusal(world.lock_call(again)) == (
        "NonceUsed",
        world.id_of(again),
        again.seller.lower(),
        3,
        Status.GIVEN_BACK,
        world.id_of(used)[:15],
    )


def test_another_order_of_the_same_lane_is_a_mismatch(world: World) -> None:
    locked = world.brought_to(Status.LOCKED)
    actual = world.id_of(locked)[:15]
    for change in ({"quantity": 1}, {"buyer": world.other.address}, {"part": 1}, {"pay_by": 2**39}):
        other = locked.but(**change)
        id_ = world.id_of(other)
        for name, result in (("settle", PAID), ("recordPaid", PAID), ("giveBack", NEVER)):
            refused = world.refusal(world.prove(name, other, result))
            assert refused == ("OrderMismatch", id_, actual, id_[:15])
        assert world.status(other) is Status.NONE


# What cannot block an exit


@pytest.mark.parametrize(("name", "result"), [("settle", PAID), ("giveBack", NEVER)])
def test_no_status_change_and_no_deadline_blocks_an_exit(world: World, name: str, result: int) -> None:
    """Rule 4 (I8, I12)."""
    deadline = world.now() + 100
    order = world.brought_to(Status.LOCKED, lock_by=deadline, pay_by=deadline)
    for party in (world.seller, world.buyer):
        world.set_standing(party.address, Standing.CLOSED)
    world.tester.time_travel(deadline + 10_000_000)
    world.send(world.prove(name, order, result), world.outsider)
    ending = Status.SETTLED if name == "settle" else Status.GIVEN_BACK
    assert holdings(world) == HOLDINGS[ending]


def test_units_arrive_at_an_ineligible_buyer_and_stay(world: World) -> None:
    order = world.brought_to(Status.LOCKED)
    world.set_standing(world.buyer.address, Standing.SUSPENDED)
    world.send(world.prove("settle", order, PAID), world.outsider)
    sending = world.token.functions.transfer(world.other.address, 1)
    assert world.refusal(sending, world.buyer)[:2] == ("NotEligible", world.buyer.address.lower())


def test_a_refusing_token_leaves_record_paid_as_the_way_on(world: World) -> None:
    token = world.deploy("MockToken")
    order = world.brought_to(Status.LOCKED, token=token.address)
    world.send(token.functions.prepare(b"", True), world.outsider)
    assert world.refusal(world.prove("settle", order, PAID)) == ("Refused",)
    assert world.status(order) is Status.LOCKED
    world.send(world.prove("recordPaid", order, PAID), world.outsider)
    assert world.refusal(world.prove("giveBack", order, NEVER))[0] == "WrongStatus"
    world.send(token.functions.prepare(b"", False), world.outsider)
    world.send(world.call("settle", order, EMPTY_PROOF), world.outsider)
    assert world.status(order) is Status.SETTLED


@pytest.mark.parametrize("name", ["settle", "recordPaid", "giveBack"])
@pytest.mark.parametrize("entered", ["settle", "giveBack"])
def test_a_reentering_token_finds_the_settlement_ended(world: World, entered: str, name: str) -> None:
    token = world.deploy("MockToken")
    order = world.brought_to(Status.LOCKED, token=token.address)
    again = world.prove(name, order, NEVER if name == "giveBack" else PAID)
    payload = bytes.fromhex(again.build_transaction({"gas": 1, "gasPrice": 1, "nonce": 0})["data"][2:])
    world.send(token.functions.prepare(payload, False), world.outsider)
    world.send(world.prove(entered, order, NEVER if entered == "giveBack" else PAID), world.outsider)
    ended = Status.SETTLED if entered == "settle" else Status.GIVEN_BACK
    assert world.status(order) is ended
    assert token.functions.reentryDone().call() is False
    answer = world.decode_error(token.functions.reentryAnswer().call())
    assert answer == ("AlreadyEnded", world.id_of(order), ended, Status.LOCKED)


def test_a_token_that_reenters_the_lock_cannot_lock_twice(world: World) -> None:
    token = world.deploy("MockToken")
    order = world.order(token=token.address)
    lock = world.lock_call(order)
    payload = bytes.fromhex(lock.build_transaction({"gas": 1, "gasPrice": 1, "nonce": 0})["data"][2:])
    world.send(token.functions.prepare(payload, False), world.outsider)
    world.send(lock, world.outsider)
    assert world.decode_error(token.functions.reentryAnswer().call())[0] == "NonceUsed"
    assert world.status(order) is Status.LOCKED


def test_open_locks_equal_the_earmarks(world: World) -> None:
    """Rule 5 (I10), over a mix of endings."""
    for nonce, ending in enumerate([Status.LOCKED, Status.SETTLED, Status.PAID, Status.GIVEN_BACK] * 2):
        world.brought_to(ending, nonce=nonce, quantity=10 + nonce)
    open_quantity = sum(10 + nonce for nonce in (0, 2, 4, 6))
    earmarked = world.token.functions.earmarkedOf(world.seller.address, world.dvp.address).call()
    assert earmarked == open_quantity
    assert world.token.functions.earmarkedTotalOf(world.seller.address).call() == open_quantity
