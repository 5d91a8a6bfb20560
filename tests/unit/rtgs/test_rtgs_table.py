"""Every state of a payment × every message and act, refusals included.

Each cell says what the sender is answered (the answers' meanings, or a refusal's name) and the state
and tombstone afterwards.
"""

from collections.abc import Callable

import pytest
from rtgs_world import AGENTS, BUYER_ACCOUNT, PAY_BY, RTGS, SERVICE, World, cancellation, euro, payment

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.message import Message
from lockstep.domain.payment import Release
from lockstep.iso20022 import write
from lockstep.rtgs import Role

P = payment()


def _pay(world: World) -> list[str]:
    return world.say(P, message_id="PAY1")


def _book(world: World) -> None:
    _pay(world)
    world.release(P, 0, 1, 2)


def _expire(world: World) -> None:
    _pay(world)
    world.later(hours=4, seconds=1)
    world.rtgs.tick()


def _cancelled(world: World) -> None:
    _pay(world)
    world.say(cancellation(P))


def _refused(world: World) -> None:
    world.rtgs.operator.set_mandate(BUYER_ACCOUNT.number, euro(1), P.settlement_date)
    _pay(world)
    world.rtgs.operator.set_mandate(BUYER_ACCOUNT.number, euro(1_000_000), P.settlement_date)


def _pending(world: World) -> None:
    world.say(payment(9, 10_000))  # takes the money: 5,000 of 15,000 are left
    _pay(world)


STATES: dict[str, Callable[[World], object]] = {
    "unknown": lambda world: None,
    "buried unseen": lambda world: world.say(cancellation(P)),
    "held": _pay,
    "held, 2 releases": lambda world: (_pay(world), world.release(P, 0, 1)),
    "pending": _pending,
    "booked": _book,
    "refused": _refused,
    "expired": _expire,
    "cancelled": _cancelled,
    "closed": lambda world: (_pay(world), world.rtgs.operator.close_day()),
}

ACTS: dict[str, Callable[[World], object]] = {
    "pay": lambda world: world.say(P, message_id="PAY2"),
    "pay, other content": lambda world: world.say(payment(cents=9_999)),
    "pay, other UETR": lambda world: world.say(payment(attempt=2)),
    "cancel": lambda world: world.say(cancellation(P)),
    "cancel, other UETR": lambda world: world.say(cancellation(payment(attempt=2))),
    "release": lambda world: world.release(P, 3),
    "release twice": lambda world: world.release(P, 3, 3),
    "tick": lambda world: world.rtgs.tick(),
    "too late": lambda world: (world.later(hours=4, seconds=1), world.rtgs.tick())[1],
    "close": lambda world: world.rtgs.operator.close_day() and None,
    "fund": lambda world: world.rtgs.operator.fund(BUYER_ACCOUNT.number, euro(50_000), "more") and None,
}

TABLE: dict[str, dict[str, tuple[object, str]]] = {
    "unknown": {
        "pay": (["HELD"], "HELD"),
        "pay, other content": (["HELD"], "HELD"),
        "pay, other UETR": (["HELD"], "-"),
        "cancel": (["CNCL"], "- never"),
        "cancel, other UETR": (["CNCL"], "- never"),
        "release": ("PaymentUnknown", "-"),
        "release twice": ("PaymentUnknown", "-"),
        "tick": (0, "-"),
        "too late": (0, "-"),
        "close": (None, "-"),
        "fund": (None, "-"),
    },
    "buried unseen": {
        "pay": (["REJECTED"], "REJECTED never"),
        "pay, other content": (["REJECTED"], "REJECTED never"),
        "pay, other UETR": (["REJECTED"], "- never"),
        "cancel": (["CNCL"], "- never"),
        "cancel, other UETR": (["CNCL"], "- never"),
        "release": ("PaymentUnknown", "- never"),
        "release twice": ("PaymentUnknown", "- never"),
        "tick": (0, "- never"),
        "too late": (0, "- never"),
        "close": (None, "- never"),
        "fund": (None, "- never"),
    },
    "held": {
        "pay": (["HELD"], "HELD"),
        "pay, other content": ("UetrConflict", "HELD"),
        "pay, other UETR": ("SettlementConflict", "HELD"),
        "cancel": (["CANCELLED", "CNCL"], "CANCELLED never"),
        "cancel, other UETR": ("PaymentMismatch", "HELD"),
        "release": (["RECEIVED"], "HELD"),
        "release twice": (["RECEIVED"], "HELD"),
        "tick": (0, "HELD"),
        "too late": (1, "REJECTED never"),
        "close": (None, "REJECTED never"),
        "fund": (None, "HELD"),
    },
    "pending": {
        "pay": (["PENDING"], "PENDING"),
        "pay, other content": ("UetrConflict", "PENDING"),
        "pay, other UETR": ("SettlementConflict", "PENDING"),
        "cancel": (["CANCELLED", "CNCL"], "CANCELLED never"),
        "cancel, other UETR": ("PaymentMismatch", "PENDING"),
        "release": ("PaymentPending", "PENDING"),
        "release twice": ("PaymentPending", "PENDING"),
        "tick": (0, "PENDING"),
        "too late": (2, "REJECTED never"),
        "close": (None, "REJECTED never"),
        "fund": (None, "HELD"),
    },
    "booked": {
        "pay": (["BOOKED"], "BOOKED"),
        "pay, other content": ("UetrConflict", "BOOKED"),
        "pay, other UETR": ("SettlementConflict", "BOOKED"),
        "cancel": (["RJCR"], "BOOKED"),
        "cancel, other UETR": ("PaymentMismatch", "BOOKED"),
        "release": (["BOOKED"], "BOOKED"),
        "release twice": (["BOOKED"], "BOOKED"),
        "tick": (0, "BOOKED"),
        "too late": (0, "BOOKED"),
        "close": (None, "BOOKED"),
        "fund": (None, "BOOKED"),
    },
}
TABLE["held, 2 releases"] = TABLE["held"] | {
    "release": (["BOOKED", "DEBIT", "CREDIT"], "BOOKED"),
    "release twice": (["BOOKED"], "BOOKED"),
}
_ENDED = {"refused": "REJECTED", "expired": "REJECTED", "closed": "REJECTED", "cancelled": "CANCELLED"}
for _state, _row in _ENDED.items():
    TABLE[_state] = {
        "pay": ([_row], f"{_row} never"),
        "pay, other content": ("UetrConflict", f"{_row} never"),
        "pay, other UETR": (["REJECTED"], f"{_row} never"),
        "cancel": (["CNCL"], f"{_row} never"),
        "cancel, other UETR": (["CNCL"], f"{_row} never"),
        "release": ("PaymentEnded", f"{_row} never"),
        "release twice": ("PaymentEnded", f"{_row} never"),
        "tick": (0, f"{_row} never"),
        "too late": (0, f"{_row} never"),
        "close": (None, f"{_row} never"),
        "fund": (None, f"{_row} never"),
    }


def test_the_table_is_whole() -> None:
    assert {state: set(row) for state, row in TABLE.items()} == {state: set(ACTS) for state in STATES}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("state", STATES)
def test_cell(world: World, state: str, act: str) -> None:
    STATES[state](world)
    before = world.rtgs.facts()
    answer, after = TABLE[state][act]
    if isinstance(answer, str):
        with pytest.raises(Refused) as refused:
            ACTS[act](world)
        assert refused.value.name == answer
        assert set(refused.value.details) == {"field", "value", "rule"}
        assert world.rtgs.facts() == before
    else:
        assert ACTS[act](world) == answer
    found = world.state(P)
    assert f"{found.name if found else '-'}{' never' if world.buried(P) else ''}" == after


@pytest.mark.parametrize("state", STATES)
def test_an_outsider_changes_nothing(world: World, state: str) -> None:
    """Only the instructing party may burn a settlement, only agents may release."""
    STATES[state](world)
    for party in (SERVICE, *AGENTS):
        world.rtgs.operator.register_party(party, Role.PARTICIPANT)
    before = world.rtgs.facts()
    for act in ("pay", "cancel", "release"):
        with pytest.raises(Refused) as refused:
            ACTS[act](world)
        assert refused.value.name == "NotAuthorised"
    assert world.rtgs.facts() == before


@pytest.mark.parametrize(("seconds", "books"), [(-1, True), (0, True), (1, False)])
def test_pay_by_is_inclusive(world: World, seconds: int, books: bool) -> None:
    _pay(world)
    world.release(P, 0, 1)
    world.clock.instant = PAY_BY
    world.later(seconds=seconds)
    if books:
        assert world.release(P, 2) == ["BOOKED", "DEBIT", "CREDIT"]
    else:  # no tick was needed: the first to come finds it expired
        with pytest.raises(Refused, match="PaymentEnded"):
            world.release(P, 2)
        assert world.news(SERVICE) == ["HELD", "REJECTED"]
        assert world.buried(P)


def test_a_second_is_not_over_before_it_ends(world: World) -> None:
    """The RTGS counts in whole seconds, as its messages do."""
    _pay(world)
    world.release(P, 0, 1)
    last = write(
        Message(
            sender=AGENTS[2],
            receiver=RTGS,
            message_id="LAST",
            created=PAY_BY,
            body=Release(uetr=P.uetr, settlement_id=P.settlement_id),
        )
    )
    world.clock.instant = PAY_BY.replace(microsecond=999_999)
    assert len(world.rtgs.handle(last, AGENTS[2])) == 3
    assert world.rtgs.operator.payments()[0].decided_at == PAY_BY


def test_an_instant_finer_than_seconds_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput):
        world.say(payment(pay_by=PAY_BY.replace(microsecond=1)))
