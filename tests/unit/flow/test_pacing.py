"""When a trade is looked at again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest
from flow_cases import MATCHED, ORDERED

from lockstep.domain.errors import Unavailable
from lockstep.flow import pacing
from lockstep.flow.answering import Answering
from lockstep.flow.pacing import LONGEST_SECONDS, SENT_SECONDS, Moved, Pacing
from lockstep.flow.wants import NewNonce
from lockstep.testing.fakes import MORNING, FakeBook


def test_at_once_while_it_moves_and_a_moment_after_something_was_sent() -> None:
    pace = Pacing()
    assert pace.next_look(ORDERED, True, MORNING) is None
    assert pace.next_look(ORDERED, Moved.SENT, MORNING) == MORNING + timedelta(seconds=SENT_SECONDS)


def test_ever_less_often_while_it_waits_and_anew_once_it_moved() -> None:
    pace = Pacing()
    seconds = [(pace.next_look(ORDERED, False, MORNING) or MORNING) - MORNING for _ in range(9)]
    assert [int(one.total_seconds()) for one in seconds] == [1, 2, 4, 8, 16, 32, 60, 60, LONGEST_SECONDS]
    assert len([one for one in accumulate(seconds) if one < timedelta(hours=1)]) == 9
    assert pace.next_look(ORDERED, True, MORNING) is None
    assert pace.next_look(ORDERED, False, MORNING) == MORNING + timedelta(seconds=1)


def test_one_trades_wait_is_not_anothers() -> None:
    pace = Pacing()
    for _ in range(5):
        pace.next_look(ORDERED, False, MORNING)
    other = replace(ORDERED, trade_id="0" * 64)
    assert pace.next_look(other, False, MORNING) == MORNING + timedelta(seconds=1)


def test_a_trade_of_a_later_day_waits_for_its_day() -> None:
    eve = MORNING - timedelta(days=3)
    assert Pacing().next_look(MATCHED, False, eve) == datetime(2026, 11, 23, tzinfo=UTC)
    assert Pacing().next_look(MATCHED, False, MORNING) == MORNING + timedelta(seconds=1)


def test_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "REMEMBERED_AT_MOST", 3)
    pace = Pacing()
    for number in range(10):
        pace.next_look(replace(ORDERED, trade_id=f"{number:064}"), False, MORNING)
    assert len(pace._fruitless) <= 3


class Reserving(FakeBook):
    """A book that reserves; another worker takes some nonces before each reservation, as often as told."""

    def __init__(self, others: int) -> None:
        super().__init__()
        self.others, self.next = others, 0

    def reserve_nonces(self, seller: str, at_least: int, count: int) -> int:
        if self.others:
            self.others, self.next = self.others - 1, self.next + 2
        first = max(self.next, at_least)
        self.next = first + count
        return first


class Seen:
    """A chain that has seen some nonces."""

    def __init__(self, *seen: int) -> None:
        self.seen = seen

    def next_nonce(self, seller: str, at_least: int) -> int:
        while at_least in self.seen:
            at_least += 1
        return at_least


def nonces(book: FakeBook, chain: Seen, count: int) -> list[object]:
    world = Answering(book=book, assets=chain, cash=None, wallet=None, board=None, keep=lambda: None)
    return list(world(NewNonce, [NewNonce("0xA")] * count))


def test_nonces_that_the_chain_has_seen_are_passed_over() -> None:
    assert nonces(FakeBook(), Seen(1, 2), 3) == [0, 3, 4]
    assert nonces(Reserving(0), Seen(1, 2), 3) == [0, 3, 4]


@pytest.mark.parametrize("others", [1, 3])
def test_nonces_that_another_worker_has_had_are_its_own(others: int) -> None:
    book = Reserving(others)
    got = nonces(book, Seen(3), 3)
    assert len(set(got)) == 3 and all(isinstance(one, int) and 2 * others <= one < book.next for one in got)
    assert not set(got) & set(nonces(book, Seen(3), 3))


def test_nonces_that_others_take_each_time_are_unavailable() -> None:
    """Whatever is reserved is on the chain already when it is looked at."""

    class Late(Reserving):
        def reserve_nonces(self, seller: str, at_least: int, count: int) -> int:
            first = super().reserve_nonces(seller, at_least, count) + 1
            chain.seen = (*chain.seen, *range(first, first + count))
            self.next += 1
            return first

    chain = Seen()
    got = nonces(Late(0), chain, 2)
    assert [str(one) for one in got] == ["no 2 order nonces of 0xA could be reserved"] * 2
    assert all(isinstance(one, Unavailable) for one in got)
