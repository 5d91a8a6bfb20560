"""Two processes on one database: whoever comes second does so by what the first has left, and by its time.

A process is interrupted where it matters, between its last look and its turn to write; or several run in threads.
"""

import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from banks import A, B, Banks, C, held, order, transfer, uetr
from rtgs_world import (
    AGENTS,
    BUYER_ACCOUNT,
    NOON,
    PAY_BY,
    RTGS,
    SELLER_ACCOUNT,
    SERVICE,
    SetClock,
    World,
    cancellation,
    euro,
    kind,
    payment,
)
from sqlalchemy import func, select

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.payment import CancelPayment, PaymentState, Release
from lockstep.iso20022 import read, write
from lockstep.rtgs import Rtgs
from lockstep.rtgs.database import Step
from lockstep.rtgs.faults import Fault, Plan, Rule
from lockstep.rtgs.tables import settings
from lockstep.rtgs.timetable import EVERYTHING, Phase, Timetable
from stores import Store

SHORT_DAY = Timetable(zone="UTC", phases=(Phase(name="ALL", starts=time(2), takes=EVERYTHING),), closes=time(16, 30))


class Other(World):
    """A second process on the same database, with the same real time."""

    def __init__(self, world: World) -> None:
        self.world = world
        super().__init__(world.url)
        self.clock = world.clock
        self.restart()

    def raw(self, body: object, sender: Bic = SERVICE, message_id: str | None = None, **header: object) -> list[bytes]:
        self._messages += 1
        return super().raw(body, sender, message_id or f"OTHER{self._messages}", **header)


@pytest.fixture
def other(world: World) -> Iterator[Other]:
    other = Other(world)
    yield other
    other.rtgs.close()


def before_its_turn(world: World, act: Callable[[], object]) -> None:
    """The other process acts after this one has looked, and before its next step begins."""
    database = world.rtgs._database
    step = database.step

    def interrupted(*asked: Any, **also: Any) -> AbstractContextManager[Step]:
        database.step = step
        act()
        return step(*asked, **also)

    database.step = interrupted


# --- time


def test_a_release_whose_turn_comes_too_late_books_nothing(world: World, other: Other) -> None:
    """(I2) `payBy` is judged by the instant of booking, not by when the message came in."""
    given = payment()
    world.say(given)
    world.release(given, 0, 1)
    world.clock.instant = PAY_BY
    before_its_turn(world, lambda: world.later(seconds=1))
    with pytest.raises(Refused, match="PaymentEnded"):
        world.release(given, 2)
    assert world.rtgs.tick() + other.rtgs.tick() == 1
    assert (world.state(given), world.money()) == (PaymentState.REJECTED, (15_000, 0))


def test_what_ran_out_meanwhile_is_no_answer(world: World, other: Other) -> None:
    late, given = payment(1), payment(2, 100, pay_by=PAY_BY + timedelta(hours=1))
    world.say(late)
    world.clock.instant = PAY_BY
    before_its_turn(world, lambda: world.later(seconds=1))
    assert world.say(given) == ["HELD"]
    assert world.state(late) is PaymentState.REJECTED
    assert world.news(SERVICE) == ["HELD", "REJECTED", "HELD"]


def test_a_payment_that_the_close_overtakes_is_refused(world: World, other: Other) -> None:
    world.rtgs.operator.set_timetable(SHORT_DAY)
    world.clock.instant = PAY_BY + timedelta(minutes=29, seconds=59)
    given = payment(pay_by=PAY_BY + timedelta(hours=1))

    def close() -> None:
        world.later(seconds=1)
        other.rtgs.tick()
        assert other.rtgs.operator.business_day() is None

    before_its_turn(world, close)
    assert world.say(given) == ["REJECTED"]
    (stored,) = world.rtgs.operator.payments()
    assert (stored.reason_code, stored.decided_at) == ("ED06", world.clock.instant)


@pytest.mark.parametrize("minutes", [29, 31])
def test_the_close_comes_first_even_if_nobody_ticks(world: World, minutes: int) -> None:
    """Its turn comes after the close: it closes the day itself, and is refused."""
    world.rtgs.operator.set_timetable(SHORT_DAY)
    world.clock.instant = PAY_BY + timedelta(minutes=28)
    before_its_turn(world, lambda: setattr(world.clock, "instant", PAY_BY + timedelta(minutes=minutes)))
    given = payment(pay_by=PAY_BY + timedelta(hours=1))
    assert world.say(given) == (["HELD"] if minutes < 30 else ["REJECTED"])
    assert (world.rtgs.operator.business_day() is None) == (minutes > 30)


def test_later_postings_bear_no_earlier_time(world: World, other: Other) -> None:
    """(I5) As statements list them."""

    def first() -> None:
        world.later(minutes=1)
        other.rtgs.operator.fund(BUYER_ACCOUNT.number, euro(1), "first")

    before_its_turn(world, first)
    world.rtgs.operator.fund(BUYER_ACCOUNT.number, euro(2), "second")
    booked = [posting.booked_at for posting in world.rtgs.operator.postings()]
    assert booked == [NOON, NOON + timedelta(minutes=1), NOON + timedelta(minutes=1)]


def test_one_process_sets_the_clock_of_all(world: World, other: Other) -> None:
    ahead = NOON + timedelta(hours=1)
    other.rtgs.operator.set_clock(ahead)
    world.say(payment())
    assert read_at(world, SERVICE) == ahead
    with pytest.raises(InvalidInput, match="clock"):
        world.rtgs.operator.set_clock(NOON + timedelta(minutes=30))
    world.rtgs.operator.advance_clock(timedelta(hours=1))
    other.rtgs.operator.advance_clock(timedelta(hours=3))
    assert world.rtgs.tick() == 1 and world.rtgs.now() == NOON + timedelta(hours=5)


@pytest.mark.parametrize("backward", [True, False])
def test_two_operators_do_not_set_the_clock_back(world: World, other: Other, backward: bool) -> None:
    before_its_turn(world, lambda: other.rtgs.operator.set_clock(NOON + timedelta(hours=2)))
    if backward:
        with pytest.raises(InvalidInput, match="clock"):
            world.rtgs.operator.set_clock(NOON + timedelta(hours=1))
    else:
        world.rtgs.operator.advance_clock(timedelta(hours=1))
    assert world.rtgs.now() == NOON + timedelta(hours=2 if backward else 3)


def read_at(world: World, receiver: Bic) -> datetime:
    """When the newest message in a mailbox was made."""
    return read(world.rtgs.mailbox(receiver)[-1][1]).created.astimezone(UTC)


# --- who comes first


@pytest.mark.parametrize("first", ["recall", "release"])
def test_a_recall_and_the_last_release_race(world: World, other: Other, first: str) -> None:
    """(I4, I9) Either is first, and the other one is told so."""
    given = payment()
    world.say(given)
    world.release(given, 0, 1)
    if first == "recall":
        before_its_turn(world, lambda: other.say(cancellation(given)))
        with pytest.raises(Refused, match="PaymentEnded"):
            world.release(given, 2)
    else:
        before_its_turn(
            world, lambda: other.say(Release(uetr=given.uetr, settlement_id=given.settlement_id), AGENTS[3])
        )
        assert world.say(cancellation(given)) == ["RJCR"]
    never = first == "recall"
    assert world.state(given) is (PaymentState.CANCELLED if never else PaymentState.BOOKED)
    assert (world.buried(given), world.money()) == (never, (15_000 if never else 5_000, 0))


def test_a_held_back_message_is_taken_by_one(world: World, other: Other) -> None:
    """One refusal, not one from each."""
    world.rtgs.faults.set(Plan(seed=1, rules=(Rule(kind=Fault.DELAY, seconds=60),)), by="test")
    other.restart()  # knows of the plan
    given = Release(uetr=uetr(1), settlement_id=payment().settlement_id)
    assert world.say(given, AGENTS[0]) == []
    world.rtgs.faults.clear(by="test")
    before_its_turn(world, other.rtgs.tick)
    world.rtgs.tick()
    assert [kind(body) for body in world.bodies(AGENTS[0])] == ["Rejection"]
    assert world.rtgs.faults.status().arrivals_waiting == 0


# --- all at once


def together(acts: list[Callable[[], None]]) -> None:
    """Runs them at the same time; raises what any of them raises."""
    barrier, raised = threading.Barrier(len(acts)), list[BaseException]()

    def run(act: Callable[[], None]) -> None:
        try:
            barrier.wait(30)
            act()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads)
    if raised:
        raise raised[0]


def test_a_database_is_founded_by_one_of_many(store: Store) -> None:
    url, found = store.fresh(), list[Rtgs]()
    together([lambda: found.append(Rtgs(url, SetClock(NOON), bic=RTGS))] * 4)
    with found[0]._database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(settings)) == 1
    for one in found:
        one.close()


def test_a_new_file_is_opened_while_another_process_writes_it(tmp_path: Path) -> None:
    """The switch to the write-ahead log is the one thing that SQLite does not wait for by itself."""
    first = sqlite3.connect(tmp_path / "rtgs.db", isolation_level=None, check_same_thread=False)
    first.execute("BEGIN IMMEDIATE")
    let_go = threading.Timer(0.2, first.rollback)
    let_go.start()
    opened = Rtgs(f"sqlite:///{tmp_path}/rtgs.db", SetClock(NOON), bic=RTGS)
    assert opened.operator.payments() == [] and not first.in_transaction
    opened.close()
    let_go.join()
    first.close()


def test_money_is_conserved_whoever_writes(world: World) -> None:
    """(I5) Banks pay in a circle from three processes, while a fourth ticks: each payment is booked once."""
    banks, each = Banks(world, A=1_000, B=1_000, C=1_000), 12
    pairs = [(A, B), (B, C), (C, A)]
    processes = [Rtgs(world.url, world.clock, bic=RTGS) for _ in range(4)]

    def pays(place: int) -> None:
        debtor, creditor = pairs[place]
        for number in range(each):
            body = transfer(uetr(100 * (place + 1) + number), debtor, creditor, 10 + number)
            message = Message(sender=debtor.owner, receiver=RTGS, message_id=f"M{number}", created=NOON, body=body)
            processes[place].handle(write(message), debtor.owner)

    def ticks() -> None:
        for _ in range(each):
            processes[3].tick()

    together([lambda: pays(0), lambda: pays(1), lambda: pays(2), ticks])
    for one in processes:
        one.close()
    facts = world.rtgs.facts()
    assert banks.posted(A, B, C) == [1_000, 1_000, 1_000]
    assert [posting.number for posting in facts.postings] == list(range(1, len(facts.postings) + 1))
    assert len(facts.postings) == 4 + 3 * each
    for bank in (A, B, C):
        sequences = [sequence for sequence, _ in world.rtgs.mailbox(bank.owner, limit=1_000)]
        assert sequences == list(range(1, len(sequences) + 1))


def test_each_settlement_ends_once_whoever_is_first(world: World) -> None:
    """(I4, I9) The service recalls while the quorum's last agent releases, each at a process of its own."""
    given = [payment(number, 100) for number in range(1, 13)]
    for one in given:
        world.say(one)
        world.release(one, 0, 1)
    processes = [Rtgs(world.url, world.clock, bic=RTGS) for _ in range(2)]
    taken = itertools.count()

    def say(place: int, body: CancelPayment | Release, sender: Bic, name: str) -> None:
        message = Message(sender=sender, receiver=RTGS, message_id=name, created=NOON, body=body)
        with suppress(Refused):
            processes[place].handle(write(message), sender)
            next(taken)

    def recalls() -> None:
        for place, one in enumerate(given):
            say(0, cancellation(one), SERVICE, f"C{place}")

    def releases() -> None:
        for place, one in reversed(list(enumerate(given))):
            say(1, Release(uetr=one.uetr, settlement_id=one.settlement_id), AGENTS[2], f"R{place}")

    together([recalls, releases])
    for process in processes:
        process.close()
    states = [world.state(one) for one in given]
    booked = states.count(PaymentState.BOOKED)
    assert booked + states.count(PaymentState.CANCELLED) == len(given)
    assert next(taken) == len(given) + booked, "each recall is answered, and a release of what is not ended"
    assert [world.buried(one) for one in given] == [state is PaymentState.CANCELLED for state in states]
    assert (world.money(), world.money(SELLER_ACCOUNT)[0]) == ((15_000 - 100 * booked, 0), 100 * booked)


def test_a_reservation_and_a_payment_race(world: World, other: Other) -> None:
    banks = Banks(world, A=100)
    desk = other.rtgs.operator
    before_its_turn(world, lambda: desk.submit(order(1, A, B, 60), instructing=A.owner, message_id="I1"))
    world.rtgs.operator.submit(held(2, A, B, 60, PAY_BY), instructing=A.owner, message_id="I2")
    assert (banks.posted(A, B), banks.account(A).earmarked) == ([40, 60], 0)
    assert banks.stored(2).state is PaymentState.PENDING
