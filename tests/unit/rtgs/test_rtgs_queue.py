"""Whose payment goes first: classes, FIFO and bypass, reservations, limits, times, and the queue's owner."""

from datetime import timedelta

import pytest
from banks import (
    BOOKED,
    HELD,
    HIGH,
    NORMAL,
    PENDING,
    REJECTED,
    URGENT,
    A,
    B,
    Banks,
    C,
    D,
    held,
    order,
    uetr,
)
from rtgs_world import NOON, PAY_BY, SERVICE, World, euro, settlement

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.rtgs import Kind, Priority


@pytest.mark.parametrize(
    ("first", "second", "goes"),
    [
        (URGENT, URGENT, False),
        (URGENT, HIGH, False),
        (URGENT, NORMAL, False),
        (HIGH, URGENT, True),
        (HIGH, HIGH, False),
        (HIGH, NORMAL, False),
        (NORMAL, URGENT, True),
        (NORMAL, HIGH, True),
        (NORMAL, NORMAL, True),
    ],
)
def test_what_passes_what(world: World, first: Priority, second: Priority, goes: bool) -> None:
    """A payment too large waits; a smaller one comes after it."""
    banks = Banks(world, A=100)
    assert banks.pay(1, A, B, 101, priority=first) is PENDING
    assert banks.pay(2, A, B, 40, priority=second) is (BOOKED if goes else PENDING)
    banks.fund(A, 41)
    assert banks.states(1, 2) == [BOOKED, BOOKED]
    assert banks.posted(A, B) == [0, 141]


def test_the_queue_is_served_by_class_and_arrival(world: World) -> None:
    banks = Banks(world)
    for number, priority in enumerate((NORMAL, HIGH, URGENT, NORMAL, HIGH, URGENT), 1):
        assert banks.pay(number, A, B, 100, priority=priority) is PENDING
    assert banks.queue(A) == [3, 6, 2, 5, 1, 4]
    for count, number in enumerate((3, 6, 2, 5, 1, 4), 1):
        banks.fund(A, 100)
        assert banks.stored(number).state is BOOKED
        assert len(banks.queue(A)) == 6 - count


def test_money_that_arrives_is_paid_on(world: World) -> None:
    """A chain of payments that each wait for the one before."""
    banks = Banks(world)
    assert [banks.pay(1, C, D, 100), banks.pay(2, B, C, 100), banks.pay(3, A, B, 100)] == [PENDING] * 3
    banks.fund(A, 100)
    assert banks.states(1, 2, 3) == [BOOKED] * 3
    assert banks.posted(A, B, C, D) == [0, 0, 0, 100]


def test_a_held_payment_waits_in_the_same_queue(world: World) -> None:
    banks = Banks(world, A=100)
    banks.mandate(A)
    assert banks.pay(1, A, B, 150, priority=HIGH) is PENDING
    assert banks.submit(held(2, A, B, 50, PAY_BY)) is PENDING
    banks.fund(A, 100)
    assert banks.states(1, 2) == [BOOKED, HELD]
    assert (banks.account(A).posted, banks.account(A).earmarked) == (50, 50)


def test_reservations_keep_money_for_their_class(world: World) -> None:
    banks = Banks(world, A=100)
    banks.desk.reserve(A.number, URGENT, euro(50))
    banks.desk.reserve(A.number, HIGH, euro(30))
    assert banks.pay(1, A, B, 21) is PENDING
    assert banks.pay(2, A, B, 20) is BOOKED
    assert banks.pay(3, A, B, 31, priority=HIGH) is PENDING
    assert banks.pay(4, A, B, 60, priority=URGENT) is BOOKED  # 50 reserved, and 10 kept for high ones
    account = banks.account(A)
    assert (account.posted, account.reserved_urgent, account.reserved_high) == (20, 0, 30)
    banks.fund(A, 11)
    assert banks.stored(3).state is BOOKED
    assert banks.account(A).reserved_high == 0
    banks.fund(A, 21)
    assert banks.stored(1).state is BOOKED


def test_a_reservation_fills_from_incoming_money(world: World) -> None:
    banks = Banks(world)
    banks.desk.reserve(A.number, HIGH, euro(80))
    assert banks.pay(1, A, B, 30) is PENDING
    banks.fund(A, 100)
    assert banks.stored(1).state is PENDING
    banks.desk.reserve(A.number, HIGH, euro(70))
    assert banks.stored(1).state is BOOKED


def test_an_earmark_that_ends_gives_its_reservation_back(world: World) -> None:
    banks = Banks(world, A=100)
    banks.desk.reserve(A.number, HIGH, euro(60))
    banks.mandate(A)
    given = held(1, A, B, 80, PAY_BY)
    assert banks.submit(order(1, A, B, 80, **_of(given), priority=HIGH)) is HELD
    assert (banks.account(A).reserved_high, banks.account(A).earmarked) == (0, 80)
    world.clock.instant = PAY_BY + timedelta(seconds=1)
    assert world.rtgs.tick() == 1
    assert (banks.account(A).reserved_high, banks.account(A).earmarked) == (60, 0)


@pytest.mark.parametrize("anew", [0, 20, 60])
def test_a_reservation_set_anew_gets_nothing_back(world: World, anew: int) -> None:
    """The owner's newest word counts: what it lets go of, no earmark of before keeps for it."""
    banks = Banks(world, A=200)
    for priority in (HIGH, URGENT):
        banks.desk.reserve(A.number, priority, euro(60))
    for number, priority in ((1, HIGH), (2, URGENT)):
        given = _of(held(number, A, B, 50, PAY_BY))
        assert banks.submit(order(number, A, B, 50, **given, priority=priority)) is HELD
    banks.desk.reserve(A.number, HIGH, euro(anew))
    banks.desk.reserve(A.number, URGENT, euro(99), standing=True)  # of later days
    world.clock.instant = PAY_BY + timedelta(seconds=1)
    assert world.rtgs.tick() == 2
    account = banks.account(A)
    assert (account.reserved_high, account.reserved_urgent, account.earmarked) == (anew, 60, 0)


def test_an_urgent_reservation_set_anew_gets_nothing_back_of_a_batch(world: World) -> None:
    banks = Banks(world, A=100)
    banks.mandate(A)
    banks.desk.reserve(A.number, URGENT, euro(60))
    terms = {"held": True, "settlement_id": settlement(1), "salt": "0" * 32, "pay_by": PAY_BY}
    assert banks.batch(1, (A, -50), (B, 50), **terms).state is HELD
    banks.desk.reserve(A.number, HIGH, euro(5))
    banks.desk.reserve(A.number, URGENT, euro(30))
    assert banks.desk.recall(uetr(1), asked_by=SERVICE) is None
    account = banks.account(A)
    assert (account.reserved_high, account.reserved_urgent, account.earmarked) == (5, 30, 0)


def _of(given: object) -> dict[str, object]:
    return {name: getattr(given, name) for name in ("kind", "held", "settlement_id", "salt", "pay_by")}


def test_a_bilateral_limit_counts_what_was_received(world: World) -> None:
    banks = Banks(world, A=1_000, B=1_000)
    banks.desk.set_limit(A.number, B.number, euro(100))
    assert banks.pay(1, A, B, 100) is BOOKED
    assert banks.pay(2, A, B, 50) is PENDING
    assert banks.stored(2).reason_code == "AM14"
    assert banks.pay(3, A, C, 500) is BOOKED
    assert banks.pay(4, A, B, 10, priority=HIGH) is BOOKED
    assert banks.pay(5, B, A, 50) is BOOKED
    assert banks.stored(2).state is BOOKED
    assert banks.pay(6, A, B, 1) is PENDING
    banks.desk.set_limit(A.number, B.number, None)
    assert banks.stored(6).state is BOOKED


def test_the_multilateral_limit_holds_for_all_others(world: World) -> None:
    banks = Banks(world, A=1_000)
    banks.desk.set_limit(A.number, B.number, euro(1_000))
    banks.desk.set_limit(A.number, None, euro(100))
    assert banks.pay(1, A, C, 60) is BOOKED
    assert banks.pay(2, A, D, 41) is PENDING
    assert banks.pay(3, A, D, 40) is BOOKED
    assert banks.pay(4, A, B, 500) is BOOKED
    banks.desk.set_limit(A.number, None, euro(141))
    assert banks.stored(2).state is BOOKED


@pytest.mark.parametrize(
    ("counterparty", "cents", "field"),
    [(A.number, 1, "counterparty"), (B.number, -1, "limit"), (None, 10**18, "limit")],
)
def test_bad_limits_are_refused(world: World, counterparty: str | None, cents: int, field: str) -> None:
    banks = Banks(world)
    with pytest.raises(InvalidInput) as refused:
        banks.desk.set_limit(A.number, counterparty, euro(cents))
    assert refused.value.field == field
    with pytest.raises(Refused, match="AccountUnknown"):
        banks.desk.set_limit(A.number, "NONE", euro(1))


def test_two_who_wait_for_each_other_offset_at_once(world: World) -> None:
    banks = Banks(world, A=10)
    assert banks.pay(1, A, B, 100) is PENDING
    assert banks.pay(2, B, A, 95) is BOOKED
    assert banks.states(1, 2) == [BOOKED, BOOKED]
    assert banks.posted(A, B) == [5, 5]


def test_offsetting_passes_no_urgent_payment(world: World) -> None:
    banks = Banks(world)
    assert banks.pay(1, A, C, 100, priority=URGENT) is PENDING
    assert banks.pay(2, A, B, 100, priority=HIGH) is PENDING
    assert banks.pay(3, B, A, 100) is PENDING
    assert banks.states(1, 2, 3) == [PENDING] * 3
    banks.fund(A, 100)
    assert banks.stored(1).state is BOOKED
    assert banks.desk.offset("EUR") == 2
    assert banks.states(2, 3) == [BOOKED, BOOKED]


@pytest.mark.parametrize(("cents", "goes"), [(105, True), (106, False)])
def test_limits_hold_when_two_offset(world: World, cents: int, goes: bool) -> None:
    banks = Banks(world, A=10, B=10)
    for one, other in ((A, B), (B, A)):
        banks.desk.set_limit(one.number, other.number, euro(5))
    assert banks.pay(1, A, B, 100) is PENDING
    assert banks.pay(2, B, A, cents) is (BOOKED if goes else PENDING)
    assert banks.states(1, 2) == [BOOKED if goes else PENDING] * 2


def test_three_in_a_circle_settle_together(world: World) -> None:
    banks = Banks(world)
    assert [banks.pay(1, A, B, 100), banks.pay(2, B, C, 100), banks.pay(3, C, A, 100)] == [PENDING] * 3
    assert world.rtgs.tick() == 0
    assert banks.states(1, 2, 3) == [BOOKED] * 3
    assert banks.posted(A, B, C) == [0, 0, 0]
    assert len({banks.stored(number).booked_at for number in (1, 2, 3)}) == 1


def test_offsetting_leaves_the_last_out(world: World) -> None:
    banks = Banks(world)
    assert banks.pay(1, A, B, 100) is PENDING
    assert banks.pay(2, A, B, 30) is PENDING
    assert banks.pay(3, B, C, 100) is PENDING
    assert banks.pay(4, C, A, 110) is PENDING
    banks.fund(C, 10)
    assert banks.desk.offset("EUR") == 3
    assert banks.states(1, 2, 3, 4) == [BOOKED, PENDING, BOOKED, BOOKED]
    assert banks.posted(A, B, C) == [10, 0, 0]


def test_multilateral_offsetting_keeps_limits_and_reservations(world: World) -> None:
    banks = Banks(world, A=50)
    banks.desk.set_limit(A.number, B.number, euro(90))
    banks.desk.reserve(C.number, URGENT, euro(1))
    for number, debtor, creditor in ((1, A, B), (2, B, C), (3, C, A)):
        assert banks.pay(number, debtor, creditor, 100) is PENDING
    assert banks.desk.offset("EUR") == 0
    banks.desk.set_limit(A.number, B.number, euro(100))
    assert banks.desk.offset("EUR") == 0
    banks.desk.reserve(C.number, URGENT, euro(0))
    assert banks.desk.offset("EUR") == 3


def test_what_is_held_brings_nothing_into_the_offset(world: World) -> None:
    banks = Banks(world)
    banks.mandate(A)
    assert banks.submit(held(1, A, B, 100, PAY_BY)) is PENDING
    assert [banks.pay(2, B, C, 100), banks.pay(3, C, A, 100)] == [PENDING] * 2
    assert banks.desk.offset("EUR") == 0
    banks.fund(C, 100)  # pays A, and what A must set aside is there
    assert banks.states(1, 2, 3) == [HELD, PENDING, BOOKED]


def test_before_its_time_a_payment_blocks_nobody(world: World) -> None:
    banks = Banks(world, A=100)
    later = NOON + timedelta(hours=1)
    assert banks.pay(1, A, B, 60, priority=URGENT, not_before=later) is PENDING
    assert banks.pay(2, A, B, 50) is BOOKED
    world.clock.instant = later
    world.rtgs.tick()
    assert banks.stored(1).state is PENDING  # its turn, but 50 are left
    assert banks.pay(3, A, B, 1) is PENDING
    banks.fund(A, 11)
    assert banks.states(1, 3) == [BOOKED, BOOKED]


def test_the_owner_reorders_its_queue(world: World) -> None:
    banks = Banks(world)
    for number in (1, 2, 3):
        banks.pay(number, A, B, 100, priority=HIGH)
    banks.desk.move(uetr(3), to_front=True)
    assert banks.queue(A) == [3, 1, 2]
    banks.desk.move(uetr(1), to_front=False)
    assert banks.queue(A) == [3, 2, 1]
    banks.pay(4, A, B, 100, priority=HIGH)
    assert banks.queue(A) == [3, 2, 1, 4]
    banks.desk.set_priority(uetr(1), URGENT)
    banks.desk.set_priority(uetr(3), NORMAL)
    assert banks.queue(A) == [1, 2, 4, 3]
    banks.fund(A, 150)
    assert banks.states(1, 2) == [BOOKED, PENDING]
    with pytest.raises(Refused, match="PaymentNotQueued"):
        banks.desk.set_priority(uetr(1), HIGH)
    with pytest.raises(Refused, match="PaymentUnknown"):
        banks.desk.move(uetr(9), to_front=True)


def test_raised_priority_frees_what_it_blocked(world: World) -> None:
    banks = Banks(world, A=50)
    banks.pay(1, A, B, 100, priority=URGENT)
    assert banks.pay(2, A, B, 50) is PENDING
    banks.desk.set_priority(uetr(1), NORMAL)
    assert banks.states(1, 2) == [PENDING, BOOKED]


def test_a_liquidity_transfer_is_never_queued(world: World) -> None:
    banks = Banks(world, A=100)
    banks.desk.reserve(A.number, URGENT, euro(40))
    banks.pay(1, A, B, 200, priority=URGENT)
    assert banks.pay(2, A, C, 61, kind=Kind.TRANSFER) is REJECTED
    assert banks.stored(2).reason_code == "AM04"
    assert banks.pay(3, A, C, 60, kind=Kind.TRANSFER) is BOOKED
    assert banks.posted(A, C) == [40, 60]


def test_intraday_credit_has_its_limit(world: World) -> None:
    banks = Banks(world)
    banks.desk.set_credit_limit(A.number, euro(100))
    assert banks.pay(1, A, B, 101) is PENDING
    assert banks.pay(2, A, B, 100) is BOOKED
    assert banks.posted(A) == [-100]
    with pytest.raises(Refused, match="LimitInUse") as refused:
        banks.desk.set_credit_limit(A.number, euro(99))
    assert refused.value.details["rule"] == "at least the 100 in use"
    banks.desk.set_credit_limit(A.number, euro(201))
    assert banks.posted(A) == [-201]


def test_an_order_is_taken_once(world: World) -> None:
    banks = Banks(world, A=100)
    assert banks.pay(1, A, B, 60) is BOOKED
    assert banks.pay(1, A, B, 60) is BOOKED
    assert banks.posted(A, B) == [40, 60]
    with pytest.raises(Refused, match="UetrConflict"):
        banks.pay(1, A, B, 61)
    with pytest.raises(Refused, match="UetrConflict"):
        banks.desk.submit(order(1, A, B, 60), instructing=C.owner, message_id="X")


def test_only_the_owner_debits_without_a_mandate(world: World) -> None:
    """(I11)"""
    banks = Banks(world, A=100)
    taken = banks.desk.submit(order(1, A, B, 60), instructing=B.owner, message_id="X")
    assert (taken.state, taken.reason_code) == (REJECTED, "MD01")
    assert banks.posted(A) == [100]
