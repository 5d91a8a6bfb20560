"""When a trade is looked at again."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from flow_cases import MATCHED, ORDERED

from lockstep.domain.errors import Unavailable
from lockstep.domain.trade import Reason, Trade, TradeState
from lockstep.flow import pacing
from lockstep.flow.answering import Answering
from lockstep.flow.asking import SPREAD_SECONDS, due, turn_of
from lockstep.flow.pacing import LONGEST_SECONDS, SENT_SECONDS, TOLD_SECONDS, Moved, Pacing
from lockstep.flow.wants import NewNonce
from lockstep.store import queue
from lockstep.testing.fakes import MORNING, FakeBook

TOLD = replace(
    ORDERED,
    state=TradeState.LOCKED,
    reason=Reason(code="MONY", text="short of funds"),
    intents={"lock": MORNING, "cash": MORNING},
)
"""The RTGS has its payment, and tells how it ends."""


def seconds_to(again: datetime | None, now: datetime) -> int:
    assert again is not None
    return int((again - now).total_seconds())


def gaps(pace: Pacing, trade: Trade, *, until: int, failed: bool = False) -> list[int]:
    """Seconds between fruitless looks, each at the time that the one before it named."""
    now, found = MORNING, list[int]()
    while now < MORNING + timedelta(seconds=until):
        found.append(seconds_to(pace.next_look(trade, False, now, failed=failed), now))
        now += timedelta(seconds=found[-1])
    return found


def test_at_once_while_it_moves_and_a_moment_after_something_was_sent() -> None:
    pace = Pacing()
    assert pace.next_look(ORDERED, True, MORNING) is None
    assert pace.next_look(ORDERED, Moved.SENT, MORNING) == MORNING + timedelta(seconds=SENT_SECONDS)


def test_ever_less_often_while_it_waits_and_anew_once_it_moved() -> None:
    pace = Pacing()
    assert gaps(pace, ORDERED, until=200) == [1, 2, 4, 8, 16, 32, 60, 60, LONGEST_SECONDS]
    later = MORNING + timedelta(minutes=10)
    assert pace.next_look(ORDERED, True, later) is None
    assert pace.next_look(ORDERED, False, later) == later + timedelta(seconds=1)
    assert pace.next_look(ORDERED, Moved.SENT, later) == later + timedelta(seconds=SENT_SECONDS)
    sent = later + timedelta(seconds=SENT_SECONDS)
    assert pace.next_look(ORDERED, False, sent) == sent + timedelta(seconds=1), "from then on it waits"


@pytest.mark.parametrize("trade", [TOLD, replace(TOLD, state=TradeState.EARMARKED, reason=None)])
def test_what_the_rtgs_tells_of_is_looked_at_as_quickly_at_first_and_then_ever_less(trade: Trade) -> None:
    first, then = gaps(Pacing(), trade, until=60), gaps(Pacing(), trade, until=280)
    assert first == [1, 2, 4, 8, 16, 32]
    assert then[:6] == first and 56 <= then[6] <= 64 and 105 <= then[7] <= 128


def test_it_is_looked_at_when_the_rtgs_is_to_be_asked_and_when_the_time_to_pay_is_over() -> None:
    assert TOLD.order is not None
    pay_by = datetime.fromtimestamp(TOLD.order.terms.pay_by, UTC)
    pace, begun, now, asked = Pacing(), MORNING, MORNING + timedelta(seconds=299), None
    for _ in range(200):  # to ask is no end of the wait
        trade = TOLD if asked is None else replace(TOLD, intents={**TOLD.intents, "status asked": asked})
        turn = due(begun, asked, now)
        again = pace.next_look(trade, Moved.ASKED if turn else False, now)
        assert again is not None and now < again <= now + timedelta(seconds=TOLD_SECONDS)
        asked = now if turn else asked
        if now <= pay_by:
            assert again <= pay_by + timedelta(seconds=1)
        passed = [again - timedelta(seconds=one) for one in range(LONGEST_SECONDS + 1)]
        if turn or due(begun, asked, again):
            assert not due(begun, asked, passed[-1]), "asked within a minute, as ever"
        now = again
    assert now > pay_by


@pytest.mark.parametrize(
    "trade",
    [
        replace(TOLD, state=TradeState.PAID, reason=None),
        replace(TOLD, reason=None),
        replace(TOLD, reason=Reason(code="CASH", text="not taken")),
        replace(TOLD, intents={**TOLD.intents, "give back": MORNING}),
        replace(TOLD, intents={**TOLD.intents, "cancel cash": MORNING}),
        replace(ORDERED, reason=Reason(code="LACK", text="short of units")),
    ],
    ids=["paid", "not answered", "not taken", "given back", "cancelled", "units"],
)
def test_what_may_go_on_untold_is_looked_at_every_minute(trade: Trade) -> None:
    assert set(gaps(Pacing(), trade, until=3600)[6:]) == {LONGEST_SECONDS}


def test_a_ledger_that_did_not_answer_is_asked_every_minute() -> None:
    assert set(gaps(Pacing(), TOLD, until=3600, failed=True)[6:]) == {LONGEST_SECONDS}


def test_after_a_restart_the_trades_own_times_say_how_long_it_has_waited() -> None:
    now = MORNING + timedelta(seconds=40)
    assert seconds_to(Pacing().next_look(TOLD, False, now), now) == 41
    asked = replace(TOLD, intents={**TOLD.intents, "status asked": now})
    assert seconds_to(Pacing().next_look(asked, False, now), now) == 41, "a question is no end of it"
    assert seconds_to(Pacing().next_look(replace(TOLD, intents={}), False, now), now) == 41, "since it was matched"
    now += timedelta(minutes=1)
    assert 88 <= seconds_to(Pacing().next_look(TOLD, False, now), now) <= 101


def test_times_of_a_clock_that_was_ahead_say_nothing() -> None:
    ahead = replace(TOLD, intents={"cash": MORNING + timedelta(days=1)})
    assert 54 <= seconds_to(Pacing().next_look(ahead, False, MORNING), MORNING) <= LONGEST_SECONDS + 1


def test_what_began_together_is_not_due_together() -> None:
    now = MORNING + timedelta(seconds=100)
    trades = [replace(TOLD, trade_id=sha256(str(number).encode()).hexdigest()) for number in range(200)]
    found = sorted(seconds_to(Pacing().next_look(one, False, now), now) for one in trades)
    assert len(set(found)) > 10 and found[0] >= 101 - 101 // 8 and found[-1] <= 101


def test_payments_that_wait_since_one_moment_are_asked_about_one_after_the_other() -> None:
    """Each is looked at when its turn has come, as the step counts it."""
    pace, found = Pacing(), list[int]()
    for number in range(1_000):
        trade = replace(TOLD, trade_id=sha256(str(number).encode()).hexdigest())
        now = MORNING
        while not due(turn_of(trade, MORNING), None, now):
            again = pace.next_look(trade, False, now)
            assert again is not None and again > now
            now = again
        found.append(seconds_to(now, MORNING))
    assert min(found) >= 300 and max(found) <= 300 + SPREAD_SECONDS
    minutes = Counter(one // 60 for one in found)
    assert set(minutes) == {5, 6, 7, 8, 9} and max(minutes.values()) < 400


def test_payments_asked_about_at_one_moment_are_not_all_asked_again_at_one() -> None:
    """After an outage, or a clock that jumped, every turn had passed."""
    asked, found = MORNING + timedelta(hours=2), set[datetime]()
    for number in range(200):
        trade = replace(TOLD, trade_id=sha256(str(number).encode()).hexdigest())
        trade = replace(trade, intents={**TOLD.intents, "status asked": asked})
        looked = asked
        while not due(turn_of(trade, MORNING), asked, looked):
            again = Pacing().next_look(trade, False, looked)
            assert again is not None and again > looked
            looked = again
        found.add(looked)
    assert len(found) > 40 and max(found) - min(found) <= timedelta(seconds=LONGEST_SECONDS)


def test_a_payment_that_is_not_told_of_is_asked_about_at_once() -> None:
    last = "ff" * 32
    for trade in (replace(TOLD, reason=None), replace(TOLD, intents={**TOLD.intents, "cancel cash": MORNING})):
        assert turn_of(replace(trade, trade_id=last), MORNING) == MORNING
    assert turn_of(replace(TOLD, trade_id=last), MORNING) == MORNING + timedelta(seconds=SPREAD_SECONDS - 1)
    assert turn_of(replace(TOLD, trade_id="00" * 32), MORNING) == MORNING


@pytest.mark.parametrize("first", ["0000", "0444", "8000", "ffff"])
def test_a_question_that_is_due_and_not_asked_is_not_due_at_once_for_ever(first: str) -> None:
    """Of two stories people decide: the step asks nothing."""
    trade = replace(TOLD, state=TradeState.EARMARKED, reason=None, trade_id=first + TOLD.trade_id[4:])
    later = MORNING + timedelta(hours=1)
    assert seconds_to(Pacing().next_look(trade, False, later), later) >= LONGEST_SECONDS


def test_no_look_is_farther_off_than_the_queue_allows() -> None:
    assert TOLD_SECONDS <= queue.LONGEST_SECONDS


def test_one_trades_wait_is_not_anothers() -> None:
    pace, later = Pacing(), MORNING + timedelta(seconds=30)
    pace.next_look(ORDERED, True, later)
    other = replace(ORDERED, trade_id="0" * 64)
    assert pace.next_look(ORDERED, False, later) == later + timedelta(seconds=1)
    assert pace.next_look(other, False, later) == later + timedelta(seconds=31)


def test_a_trade_of_a_later_day_waits_for_its_day() -> None:
    eve = MORNING - timedelta(days=3)
    assert Pacing().next_look(MATCHED, False, eve) == datetime(2026, 11, 23, tzinfo=UTC)
    assert Pacing().next_look(MATCHED, False, MORNING) == MORNING + timedelta(seconds=1)


def test_memory_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last to move are known; of others the times that they carry."""
    monkeypatch.setattr(pacing, "REMEMBERED_AT_MOST", 3)
    pace, later = Pacing(), MORNING + timedelta(seconds=30)
    trades = [replace(ORDERED, trade_id=f"{number:064}") for number in range(10)]
    for trade in trades:
        pace.next_look(trade, True, later)
    found = [seconds_to(pace.next_look(trade, False, later), later) for trade in trades]
    assert found == [31] * 7 + [1] * 3


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
