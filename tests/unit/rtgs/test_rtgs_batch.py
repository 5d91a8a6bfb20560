"""A multilateral batch settles whole or not at all; a return gives back, and no more; a recall buries."""

from datetime import timedelta

import pytest
from banks import BOOKED, CANCELLED, HELD, PENDING, REJECTED, URGENT, A, B, Banks, C, D, order, uetr
from rtgs_world import AGENTS, NOON, PAY_BY, SERVICE, World, euro, payment, settlement

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.payment import Release
from lockstep.rtgs import Kind, Leg

NET = ((A, -70), (B, -30), (C, 60), (D, 40))
TECHNICAL = "NET-SETTLEMENT-EUR"


def _net_settlement(number: int = 1) -> dict[str, object]:
    return {"held": True, "settlement_id": settlement(number), "salt": "0" * 32, "pay_by": PAY_BY}


def test_a_batch_books_every_leg_debits_first(world: World) -> None:
    banks = Banks(world, A=100, B=50)
    banks.mandate(A, B)
    stored = banks.batch(1, *NET)
    assert stored.state is BOOKED
    assert banks.posted(A, B, C, D) == [30, 20, 60, 40]
    legs = [one for one in banks.desk.postings() if one.reference.startswith(f"batch/{uetr(1)}/")]
    assert [(one.debit, one.credit, one.amount.amount) for one in legs] == [
        (A.number, TECHNICAL, 70),
        (B.number, TECHNICAL, 30),
        (TECHNICAL, C.number, 60),
        (TECHNICAL, D.number, 40),
    ]
    technical = next(one for one in banks.desk.accounts() if one.number == TECHNICAL)
    assert (technical.posted, technical.technical) == (0, True)
    assert banks.batch(1, *NET).number == stored.number
    assert banks.posted(A) == [30]


def test_a_batch_waits_for_its_last_payer_and_passes_queues(world: World) -> None:
    banks = Banks(world, A=100)
    banks.mandate(A, B)
    assert banks.pay(9, B, C, 500, priority=URGENT) is PENDING
    assert banks.batch(1, *NET).state is PENDING
    assert banks.posted(A, B, C, D) == [100, 0, 0, 0]
    banks.fund(B, 29)
    assert banks.stored(1).state is PENDING
    banks.fund(B, 1)
    assert banks.states(1, 9) == [BOOKED, PENDING]
    assert banks.posted(A, B, C, D) == [30, 0, 60, 40]


def test_a_batch_may_use_what_is_reserved_for_urgent_payments(world: World) -> None:
    banks = Banks(world, A=70, B=30)
    banks.mandate(A, B)
    banks.desk.reserve(A.number, URGENT, euro(70))
    assert banks.batch(1, *NET).state is BOOKED
    assert banks.account(A).reserved_urgent == 0


def test_a_held_batch_sets_all_aside_until_the_quorum(world: World) -> None:
    banks = Banks(world, A=100, B=50)
    banks.mandate(A, B)
    assert banks.batch(1, *NET, **_net_settlement()).state is HELD
    assert [banks.account(one).earmarked for one in (A, B, C)] == [70, 30, 0]
    for agent in AGENTS[:3]:
        assert banks.stored(1).state is HELD
        world.say(Release(uetr=uetr(1), settlement_id=settlement(1)), agent)
    assert banks.stored(1).state is BOOKED
    assert banks.posted(A, B, C, D) == [30, 20, 60, 40]
    assert [banks.account(one).earmarked for one in (A, B)] == [0, 0]


def test_a_held_batch_that_runs_out_frees_every_leg(world: World) -> None:
    banks = Banks(world, A=100, B=50)
    banks.mandate(A, B)
    banks.batch(1, *NET, **_net_settlement())
    world.clock.instant = PAY_BY + timedelta(seconds=1)
    assert world.rtgs.tick() == 1
    assert banks.stored(1).state is REJECTED
    assert [banks.account(one).earmarked for one in (A, B)] == [0, 0]
    assert settlement(1) in {one.settlement_id for one in world.rtgs.facts().tombstones}
    assert banks.batch(2, *NET, **_net_settlement() | {"pay_by": PAY_BY + timedelta(hours=1)}).reason_code == "ED05"


@pytest.mark.parametrize(
    ("positions", "total", "field"),
    [
        (((A, -70), (C, 60)), 70, "legs"),
        (((A, -70), (C, 70)), 71, "legs"),
        (((A, -70), (A, 70)), 70, "legs/account"),
        (((A, -70), (B, 0), (C, 70)), 70, "legs/amount"),
        ((), 70, "legs"),
    ],
)
def test_a_batch_that_does_not_add_up_is_no_batch(
    world: World, positions: tuple[tuple[object, int], ...], total: int, field: str
) -> None:
    banks = Banks(world, A=100)
    legs = tuple(Leg(account=one.number, debit=cents < 0, amount=abs(cents)) for one, cents in positions)
    before = world.rtgs.facts()
    with pytest.raises(InvalidInput) as refused:
        banks.desk.submit_batch(order(1, A, A, total), legs, instructing=SERVICE, message_id="M")
    assert refused.value.field == field
    assert world.rtgs.facts() == before


def test_every_payer_of_a_batch_has_given_its_mandate(world: World) -> None:
    """(I11)"""
    banks = Banks(world, A=100, B=50)
    banks.mandate(A)
    stored = banks.batch(1, *NET)
    assert (stored.state, stored.reason_code) == (REJECTED, "MD01")
    assert banks.posted(A, B, C, D) == [100, 50, 0, 0]


def test_a_return_gives_back_and_no_more(world: World) -> None:
    banks = Banks(world, A=100, B=20)
    banks.pay(1, A, B, 100)
    back = {"kind": Kind.RETURN, "original": uetr(1)}
    assert banks.pay(2, B, A, 60, **back) is BOOKED
    assert banks.pay(3, B, A, 41, **back) is REJECTED
    assert banks.stored(3).reason_code == "AM09"
    assert banks.pay(4, B, A, 40, **back) is BOOKED
    assert banks.pay(5, B, A, 1, **back) is REJECTED
    assert banks.stored(5).reason_code == "ARDT"
    assert banks.posted(A, B) == [100, 20]
    assert banks.stored(1).state is BOOKED  # a return undoes nothing


@pytest.mark.parametrize(
    ("number", "original", "code"),
    [(9, uetr(9), "NOOR"), (2, uetr(2), "NOOR"), (3, uetr(3), "AC02")],
)
def test_a_return_is_of_a_payment_booked_the_other_way(world: World, number: int, original: object, code: str) -> None:
    banks = Banks(world, A=100, B=100)
    banks.pay(2, A, B, 1_000)
    banks.pay(3, A, C, 10)
    assert banks.pay(10, B, A, 10, kind=Kind.RETURN, original=original) is REJECTED
    assert banks.stored(10).reason_code == code


def test_a_return_waits_for_funds_and_counts_while_it_waits(world: World) -> None:
    banks = Banks(world, A=100)
    banks.pay(1, A, B, 100)
    banks.pay(2, B, C, 100)
    back = {"kind": Kind.RETURN, "original": uetr(1)}
    assert banks.pay(3, B, A, 70, **back) is PENDING
    assert banks.pay(4, B, A, 31, **back) is REJECTED
    banks.fund(B, 70)
    assert banks.stored(3).state is BOOKED


def test_a_recall_before_finality_cancels(world: World) -> None:
    banks = Banks(world)
    banks.pay(1, A, B, 10)
    assert banks.desk.recall(uetr(1), asked_by=A.owner) is None
    assert banks.stored(1).state is CANCELLED
    banks.fund(A, 10)
    assert banks.posted(A, B) == [10, 0]
    assert banks.desk.recall(uetr(1), asked_by=A.owner) is None


def test_a_recall_after_finality_is_refused(world: World) -> None:
    banks = Banks(world, A=10)
    banks.pay(1, A, B, 10)
    reason = banks.desk.recall(uetr(1), asked_by=A.owner)
    assert reason is not None
    assert reason.code == "PTNA"
    assert banks.posted(A, B) == [0, 10]


def test_a_recall_that_comes_first_buries_the_uetr(world: World) -> None:
    banks = Banks(world, A=10)
    assert banks.desk.recall(uetr(1), asked_by=A.owner) is None
    assert banks.pay(1, A, B, 10) is REJECTED
    assert banks.stored(1).reason_code == "ED05"
    banks.desk.recall(uetr(3), asked_by=A.owner)
    assert world.say(payment(3, uetr=uetr(3))) == ["HELD"], "who recalls, recalls its own"
    buried = payment(uetr=uetr(2))
    banks.desk.recall(uetr(2), asked_by=SERVICE)
    assert world.say(buried) == ["REJECTED"]
    assert banks.desk.recall(uetr(2), asked_by=SERVICE) is None


def test_only_who_instructed_recalls(world: World) -> None:
    banks = Banks(world)
    banks.pay(1, A, B, 10)
    with pytest.raises(Refused, match="NotAuthorised"):
        banks.desk.recall(uetr(1), asked_by=B.owner)
    assert banks.stored(1).state is PENDING


def test_a_batch_waits_for_its_time(world: World) -> None:
    """Money that comes earlier does not let it go, and its time alone does."""
    banks, begins = Banks(world, A=10), NOON + timedelta(hours=1)
    banks.mandate(A)
    assert banks.batch(1, (A, -10), (B, 10), not_before=begins).state is PENDING
    banks.fund(A, 5)
    assert (banks.stored(1).state, banks.posted(A, B)) == (PENDING, [15, 0])
    world.clock.instant = begins
    world.rtgs.tick()
    assert (banks.stored(1).state, banks.posted(A, B)) == (BOOKED, [5, 10])
