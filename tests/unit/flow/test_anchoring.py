"""Anchoring, step by step: level-triggered, each day once, whatever fails in between."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lockstep.domain.anchor import DayRoot
from lockstep.domain.errors import Contradiction, Unavailable
from lockstep.domain.journal import Entry
from lockstep.flow.anchoring import AT_MOST, EVERY, GRACE, SOON, Anchoring
from lockstep.ports import Change
from lockstep.testing.fakes import FakeAnchorBook, FakeAnchorLedger, FakeBook, FakeClock

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


class Faults:
    """Raises at the call with this number, once."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.calls = at, 0

    def __call__(self, name: str) -> None:
        self.calls += 1
        if self.calls == self.at:
            raise Unavailable(f"{name} was cut off")


@dataclass
class Scene:
    journal: FakeBook
    book: FakeAnchorBook
    ledger: FakeAnchorLedger
    clock: FakeClock

    def say(self, *, days: int = 0, count: int = 1) -> None:
        """Entries dated so many days after Monday."""
        self.journal.commit(Change(entries=(Entry(at=MONDAY + days * DAY, kind="k", subject="s"),) * count))

    def at(self, instant: datetime) -> None:
        self.clock.move_to(instant)
        self.ledger.now = max(self.ledger.now, instant)

    def step(self) -> bool:
        return Anchoring(clock=self.clock, book=self.book, ledger=self.ledger).step()

    def settle(self, steps: int = 20) -> None:
        """Steps, blocks coming by, until nothing is left to do."""
        for _ in range(steps):
            moved = self.step()
            self.ledger.mine()
            if not moved and not self.book.days_to_anchor(1):
                return
        raise AssertionError("it does not come to rest")

    @property
    def standing(self) -> list[tuple[date, int]]:
        return [(one.day, one.size) for _, one in self.ledger.written]


def scene(fault: Faults | None = None) -> Scene:
    journal, faults = FakeBook(), fault or Faults()
    return Scene(journal, FakeAnchorBook(journal, faults), FakeAnchorLedger(MONDAY, fault=faults), FakeClock(MONDAY))


@pytest.fixture
def one() -> Scene:
    return scene()


def midnight(days: int) -> datetime:
    return (MONDAY + days * DAY).replace(hour=0)


def test_a_day_is_closed_once_it_is_over_for_a_while_and_anchored(one: Scene) -> None:
    one.say(count=3)
    for instant in (MONDAY, midnight(1), midnight(1) + GRACE - timedelta(seconds=1)):
        one.at(instant)
        assert not one.step()
    assert one.book.states == {}
    one.at(midnight(1) + GRACE)
    assert one.step()
    assert one.standing == [(MONDAY.date(), 3)]
    assert one.book.states == {MONDAY.date(): "CLOSED"}, "in a block, and not final yet"
    assert one.book.day_root_over(1) is None
    one.settle()
    assert one.book.states == {MONDAY.date(): "ANCHORED"}
    found = one.book.day_root_over(3)
    assert found is not None
    assert (found.size, found.journal) == (3, one.journal.journal()[0].hash)
    assert one.book.day_root_over(4) is None
    assert not one.step()
    assert len(one.ledger.sent) == 1


def test_days_without_entries_have_no_root_and_those_missed_follow_in_order(one: Scene) -> None:
    for days in (0, 1, 4):
        one.say(days=days)
    one.at(midnight(7))
    one.settle()
    assert one.standing == [((MONDAY + days * DAY).date(), size) for days, size in ((0, 1), (1, 2), (4, 3))]


def test_a_service_that_slept_long_catches_up(one: Scene) -> None:
    for days in range(AT_MOST + 5):
        one.say(days=days)
    one.at(midnight(AT_MOST + 6))
    one.settle(10)
    assert len(one.standing) == AT_MOST + 5


def test_where_the_chains_clock_is_behind_it_waits(one: Scene) -> None:
    one.say()
    one.clock.move_to(midnight(1) + GRACE)
    assert one.step(), "the day is closed"
    assert not one.step()
    assert one.ledger.sent == []
    one.ledger.now = midnight(1)
    one.settle()
    assert one.standing == [(MONDAY.date(), 1)]


def test_a_block_that_vanishes_is_noticed_and_the_same_root_follows(one: Scene) -> None:
    one.say(count=2)
    one.at(midnight(1) + GRACE)
    one.step()
    one.ledger.vanish()
    assert one.standing == []
    one.say(days=1)  # says nothing about Monday any more
    one.settle()
    assert one.ledger.sent[0] == one.ledger.sent[1]
    assert one.standing == [(MONDAY.date(), 2)]


def test_another_root_on_the_chain_is_a_contradiction_and_nothing_is_sent(one: Scene) -> None:
    one.say()
    one.at(midnight(1) + GRACE)
    journal = one.journal.journal()[0].hash
    one.ledger.anchor(DayRoot(journal=journal, day=MONDAY.date(), size=1, root="ee" * 32))
    for _ in range(2):
        with pytest.raises(Contradiction, match="2026-11-02: the chain has the root ee"):
            one.step()
    assert len(one.ledger.sent) == 1
    assert one.book.states == {MONDAY.date(): "CLOSED"}


def test_a_day_that_a_later_one_overtook_is_passed_over_once_that_is_final(one: Scene) -> None:
    one.say()
    one.say(days=1)
    one.at(midnight(2) + GRACE)
    twin = scene()
    twin.say()
    twin.say(days=1)
    twin.at(midnight(2) + GRACE)
    twin.settle()
    tuesday = twin.ledger.sent[1]
    one.ledger.anchor(tuesday)
    assert one.step(), "closed"
    assert set(one.book.states.values()) == {"CLOSED"}
    one.settle()
    assert one.book.states == {MONDAY.date(): "PASSED_OVER", tuesday.day: "ANCHORED"}
    assert one.book.day_root_over(1) == tuesday
    assert one.ledger.sent == [tuesday]


def test_two_workers_anchor_each_day_once(one: Scene) -> None:
    other = replace(one)
    one.say()
    one.at(midnight(1) + GRACE)
    for worker in (one, other, one, other):
        worker.step()
        one.ledger.mine()
    assert one.ledger.sent == [one.ledger.written[0][1]]
    assert one.book.states == {MONDAY.date(): "ANCHORED"}


def busy(fault: Faults) -> Scene:
    made = scene(fault)
    for days in (0, 0, 1, 3):
        made.say(days=days)
    made.at(midnight(4) + GRACE)
    return made


def test_cut_off_anywhere_it_ends_as_undisturbed_and_sends_nothing_twice() -> None:
    calm = Faults()
    undisturbed = busy(calm)
    undisturbed.settle()
    assert [size for _, size in undisturbed.standing] == [2, 3, 4]
    assert calm.calls > 12
    for number in range(1, calm.calls + 1):
        disturbed, cut = busy(Faults(number)), 0
        for _ in range(2):
            try:
                disturbed.settle()
            except Unavailable:
                cut += 1
        assert cut == 1, number
        assert disturbed.ledger.sent == undisturbed.ledger.sent, number
        assert disturbed.book.states == undisturbed.book.states, number


def test_a_service_steps_once_a_minute_and_only_if_its_key_may(one: Scene) -> None:
    flow = Anchoring(clock=one.clock, book=one.book, ledger=one.ledger)
    shared = replace(flow)
    assert flow.falls_due()
    assert not shared.falls_due(), "who is made of it shares its watch"
    one.clock.advance(EVERY.total_seconds() - 1)
    assert not flow.falls_due()
    one.clock.advance(1)
    assert shared.falls_due()
    one.ledger.allowed = False
    one.clock.advance(EVERY.total_seconds())
    assert not flow.falls_due()
    one.ledger.allowed = True
    assert not flow.falls_due(), "asked again after a minute, not at each pass"
    one.clock.advance(EVERY.total_seconds())
    assert flow.falls_due()
    one.say()
    one.at(midnight(1) + GRACE)
    assert flow.falls_due() and flow.step()
    one.clock.advance(SOON.total_seconds())
    assert flow.falls_due(), "the block may be final soon"


def test_a_node_that_is_silent_is_asked_again_a_minute_later(one: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: object) -> bool:
        raise Unavailable("no answer")

    flow = Anchoring(clock=one.clock, book=one.book, ledger=one.ledger)
    with monkeypatch.context() as patched:
        patched.setattr(FakeAnchorLedger, "may_anchor", silent)
        assert not flow.falls_due()
    one.clock.advance(EVERY.total_seconds())
    assert flow.falls_due()
