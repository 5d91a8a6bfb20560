"""What a process has in mind of held payments between two steps: right while nobody else wrote, and never after."""

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from rtgs_world import AGENTS, BUYER_ACCOUNT, NOON, RTGS, SELLER_ACCOUNT, SERVICE, World, cancellation, euro, payment
from sqlalchemy import text

from lockstep.domain.errors import Refused
from lockstep.domain.liquidity import ModifyReservation, ReservationKind
from lockstep.domain.message import Message
from lockstep.domain.payment import PaymentState, Release
from lockstep.domain.priority import Priority as StatedPriority
from lockstep.iso20022 import write
from lockstep.rtgs import Priority, Role, Rtgs, held, register

PAID = payment(1, 100)
LET_GO = Release(uetr=PAID.uetr, settlement_id=PAID.settlement_id)
BOOKED = ["BOOKED", "DEBIT", "CREDIT"]
"""What the agent is told whose release makes the quorum."""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The payments that are read by their UETR from now on."""
    found: list[object] = []
    by_uetr: Callable[..., Any] = register.by_uetr
    monkeypatch.setattr(register, "by_uetr", lambda *given: (found.append(given[1]), by_uetr(*given))[1])
    return found


def require_read(world: World, read: list[object], expected: list[object]) -> None:
    """On PostgreSQL the server's own transactions (autovacuum) look like another hand's: then more is read."""
    if world.url.startswith("sqlite"):
        assert read == expected
    assert set(expected) <= set(read)


def mail(number: int, body: Any, sender: Any) -> tuple[bytes, Any]:
    message = Message(sender=sender, receiver=RTGS, message_id=f"{sender}{number}", created=NOON, body=body)
    return write(message), sender


def in_another_process(world: World, act: Callable[[Rtgs], object]) -> None:
    other = Rtgs(world.url, world.clock, bic=RTGS)
    try:
        act(other)
    finally:
        other.close()


def test_a_held_payment_is_read_by_no_release(world: World, read: list[object]) -> None:
    assert world.say(PAID) == ["HELD"]
    assert world.release(PAID, 0, 1) == ["RECEIVED"]
    assert world.release(PAID, 2) == BOOKED
    assert world.release(PAID, 3) == ["BOOKED"]
    require_read(world, read, [])
    assert world.money() == (14_900, 0)


def test_who_starts_anew_reads_it_once(world: World, read: list[object]) -> None:
    world.say(PAID)
    world.release(PAID, 0)
    world.restart()
    assert world.release(PAID, 1) == ["RECEIVED"]
    assert world.release(PAID, 1) == ["RECEIVED"], "the same agent counts once"
    assert world.release(PAID, 2) == BOOKED
    require_read(world, read, [PAID.uetr])


def test_releases_that_another_process_took_count(world: World) -> None:
    world.say(PAID)
    world.release(PAID, 0)
    in_another_process(world, lambda other: other.handle(*mail(1, LET_GO, AGENTS[1])))
    assert world.release(PAID, 2) == BOOKED
    assert len(world.rtgs.facts().releases) == 3


def test_what_another_process_ended_is_ended(world: World) -> None:
    world.say(PAID)
    world.release(PAID, 0, 1)
    in_another_process(world, lambda other: other.handle(*mail(1, cancellation(PAID), SERVICE)))
    with pytest.raises(Refused, match="PaymentEnded"):
        world.release(PAID, 2)
    assert world.money() == (15_000, 0)


def test_the_same_connection_used_past_the_register_is_seen(world: World) -> None:
    world.say(PAID)
    world.release(PAID, 0, 1)
    with world.rtgs._database._engine.begin() as connection:
        connection.execute(text("UPDATE payments SET state = 'PENDING'"))
    with pytest.raises(Refused, match="PaymentPending"):
        world.release(PAID, 2)


def test_who_is_no_agent_any_more_does_not_count(world: World) -> None:
    world.say(PAID)
    world.release(PAID, 0, 1)
    world.rtgs.operator.register_party(AGENTS[0], Role.PARTICIPANT)
    assert world.release(PAID, 2) == ["RECEIVED"]
    assert world.release(PAID, 3) == BOOKED


def test_a_smaller_quorum_books_what_has_enough(world: World) -> None:
    world.say(PAID)
    world.release(PAID, 0, 1)
    world.rtgs.operator.set_quorum(2)
    assert world.state(PAID) is PaymentState.BOOKED
    assert world.release(PAID, 2) == ["BOOKED"]


def test_a_release_that_did_not_become_durable_does_not_count(world: World) -> None:
    world.say(PAID)
    world.release(PAID, 0)

    def failing(name: str) -> None:
        raise RuntimeError(name)

    world.rtgs._database._before_commit = failing
    with pytest.raises(RuntimeError, match="release-recorded"):
        world.release(PAID, 1)
    world.rtgs._database._before_commit = None
    assert world.release(PAID, 2) == ["RECEIVED"]
    assert [one.agent for one in world.rtgs.facts().releases] == [AGENTS[0], AGENTS[2]]
    assert world.release(PAID, 1) == BOOKED


def test_one_file_may_bring_all_of_it(world: World) -> None:
    found = world.rtgs.handle_all([mail(1, PAID, SERVICE), *(mail(1, LET_GO, agent) for agent in AGENTS)])
    assert [len(answers) for answers in found if isinstance(answers, list)] == [1, 1, 1, 3, 1]
    assert world.state(PAID) is PaymentState.BOOKED
    assert len(world.rtgs.facts().releases) == 3


def test_a_message_twice_in_a_file_is_taken_once(world: World) -> None:
    world.say(PAID)
    letters = [mail(1, LET_GO, AGENTS[0]), mail(1, LET_GO, AGENTS[0]), mail(1, LET_GO, AGENTS[1])]
    found = world.rtgs.handle_all(letters)
    assert found[0] == found[1] != found[2]
    assert world.rtgs.handle_all(letters) == found
    assert len(world.rtgs.facts().releases) == 2
    other = mail(1, dataclasses.replace(LET_GO, settlement_id=payment(2, 100).settlement_id), AGENTS[0])
    refused = world.rtgs.handle_all([other, mail(2, LET_GO, AGENTS[1])])
    assert isinstance(refused[0], Refused) and refused[0].name == "MessageConflict"
    assert isinstance(refused[1], list)


def test_a_second_payment_in_the_same_file_meets_the_first(world: World) -> None:
    again = dataclasses.replace(PAID, uetr=payment(7, 100).uetr)
    found = world.rtgs.handle_all([mail(1, PAID, SERVICE), mail(2, again, SERVICE), mail(3, PAID, SERVICE)])
    assert isinstance(found[0], list) and found[2] == found[0]
    assert isinstance(found[1], Refused) and found[1].name == "SettlementConflict"


def test_a_reservation_that_was_given_anew_gets_nothing_back(world: World) -> None:
    """What was held out of the old one is in mind, and is forgotten with it."""
    world.rtgs.operator.reserve(BUYER_ACCOUNT.number, Priority.HIGH, euro(500))
    urgent = dataclasses.replace(PAID, priority=StatedPriority.HIGH)
    world.say(urgent)
    world.rtgs.operator.reserve(BUYER_ACCOUNT.number, Priority.HIGH, euro(300))
    world.say(cancellation(urgent))
    (account,) = (one for one in world.rtgs.operator.accounts() if one.number == BUYER_ACCOUNT.number)
    assert (account.reserved_high, account.earmarked) == (300, 0)


def test_a_reservation_gets_back_what_it_gave(world: World) -> None:
    world.rtgs.operator.reserve(BUYER_ACCOUNT.number, Priority.HIGH, euro(500))
    urgent = dataclasses.replace(PAID, priority=StatedPriority.HIGH)
    for restarts in (False, True):
        one = dataclasses.replace(urgent, **_ids(payment(10 + restarts, 100)))
        world.say(one)
        if restarts:
            world.restart()
        world.say(cancellation(one))
        (account,) = (row for row in world.rtgs.operator.accounts() if row.number == BUYER_ACCOUNT.number)
        assert (account.reserved_high, account.earmarked) == (500, 0)


def _ids(of: Any) -> dict[str, Any]:
    return {name: getattr(of, name) for name in ("uetr", "settlement_id", "salt", "instruction_id", "end_to_end_id")}


def test_what_begins_to_wait_within_a_file_is_served_within_it(world: World) -> None:
    """The first payment finds an empty queue; then one waits, and the money that comes goes to it."""
    there = [payment(number, 8_000) for number in (1, 2)]  # 15,000 are there
    back = dataclasses.replace(payment(3, 5_000), debtor=SELLER_ACCOUNT, creditor=BUYER_ACCOUNT)
    world.rtgs.operator.fund(SELLER_ACCOUNT.number, euro(5_000), "opening-2")
    letters = [mail(number, one, SERVICE) for number, one in enumerate([*there, back])]
    releases = [mail(9, Release(uetr=back.uetr, settlement_id=back.settlement_id), agent) for agent in AGENTS[:3]]
    assert not any(isinstance(one, Exception) for one in world.rtgs.handle_all([*letters, *releases]))
    assert [world.state(one) for one in (*there, back)] == [
        PaymentState.HELD,
        PaymentState.HELD,
        PaymentState.BOOKED,
    ]


def test_a_release_counts_that_no_table_has_yet(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one file: what is in mind of the payment leaves it between two releases."""
    monkeypatch.setattr(held, "MOST", 2)
    others = [payment(number, 100) for number in (2, 3)]
    for one in (PAID, *others):
        world.say(one)
    besides = [
        mail(number, Release(uetr=one.uetr, settlement_id=one.settlement_id), AGENTS[0])
        for number, one in enumerate(others, start=2)
    ]
    file = [mail(1, LET_GO, AGENTS[0]), *besides, mail(1, LET_GO, AGENTS[1]), mail(1, LET_GO, AGENTS[2])]
    assert all(isinstance(one, list) for one in world.rtgs.handle_all(file))
    assert world.state(PAID) is PaymentState.BOOKED


def test_a_release_counts_also_after_a_reservation_in_the_same_file(world: World) -> None:
    world.say(PAID)
    anew = ModifyReservation(kind=ReservationKind.HIGH, account=BUYER_ACCOUNT, amount=euro(10))
    file = [
        mail(1, LET_GO, AGENTS[0]),
        mail(1, anew, BUYER_ACCOUNT.owner),
        mail(1, LET_GO, AGENTS[1]),
        mail(1, LET_GO, AGENTS[2]),
    ]
    assert all(isinstance(one, list) for one in world.rtgs.handle_all(file))
    assert world.state(PAID) is PaymentState.BOOKED


def test_few_are_kept(world: World, monkeypatch: pytest.MonkeyPatch, read: list[object]) -> None:
    monkeypatch.setattr(held, "MOST", 2)
    all_of = [payment(number, 100) for number in (1, 2, 3)]
    for one in all_of:
        world.say(one)
    world.release(all_of[0], 0)
    require_read(world, read, [all_of[0].uetr])
    for one in all_of:
        world.release(one, 0, 1, 2)
        assert world.state(one) is PaymentState.BOOKED
    assert world.money() == (14_700, 0)
