"""What is begun beside: the same comes of it as in its place, whenever it is done, and nothing counts before it is."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from bulk_world import BulkBench
from flow_world import UNAVAILABLE, check

from lockstep.app.hands import Hands
from lockstep.domain.trade import TradeState
from lockstep.flow import engine as engines
from lockstep.flow.answering import Answering
from lockstep.flow.beside import OUTBOX, RTGS
from lockstep.flow.engine import Engine
from lockstep.flow.wants import Send

MANY = 5


@dataclass
class Waiting:
    """How it ends, once it is waited for."""

    begun: "Early"
    end: Callable[[], Any]
    ended: Callable[[], bool] = lambda: True

    def __call__(self) -> Any:
        self.begun.left -= 1
        return self.end()

    def has_ended(self) -> bool:
        return self.ended()


class Early:
    """Does it when it is begun, before anything else; errors come when it is waited for."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.left = 0

    def __call__(self, neighbour: str, act: Callable[[], Any]) -> Waiting:
        self.begun.append(neighbour)
        self.left += 1
        return self.of(neighbour, act)

    def of(self, _: str, act: Callable[[], Any]) -> Waiting:
        try:
            result = act()
        except Exception as error:
            return Waiting(self, partial(self.fail, error))
        return Waiting(self, lambda: result)

    @staticmethod
    def fail(error: Exception) -> Any:
        raise error

    def close(self) -> None: ...


class Late(Early):
    """Does it when it is waited for, after all else."""

    def of(self, _: str, act: Callable[[], Any]) -> Waiting:
        return Waiting(self, act)


class Threads(Early):
    def __init__(self) -> None:
        super().__init__()
        self.hands = Hands()

    def of(self, neighbour: str, act: Callable[[], Any]) -> Waiting:
        begun = self.hands(neighbour, act)
        return Waiting(self, begun, begun.has_ended)

    def close(self) -> None:
        self.hands.close()


class BesideBench(BulkBench):
    def __init__(self, root: Path, beside: Any) -> None:
        self.beside = beside
        super().__init__(root)

    def restarted(self) -> Engine:
        engine = super().restarted()
        self.engine = replace(engine, settler=replace(engine.settler, beside=self.beside))
        return self.engine


@pytest.fixture(params=[Early, Late, Threads])
def bench(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BesideBench]:
    monkeypatch.setattr(engines, "MUCH", 2)
    bench = BesideBench(tmp_path, request.param())
    yield bench
    check(bench)
    bench.beside.close()
    bench.close()


def states(bench: BesideBench) -> set[TradeState]:
    return {trade.state for trade in bench.book.trades()}


def told(bench: BulkBench) -> list[tuple[str, str]]:
    return sorted((receiver, type(one.body).__name__) for (receiver, _), one in bench.mailbox.messages.items())


def test_all_settle_as_they_do_in_their_place(bench: BesideBench, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    alone = BulkBench(tmp_path / "alone")
    for one in (bench, alone):
        one.instruct_many(MANY)
        one.run()
        one.run(3)
    assert states(bench) == {TradeState.SETTLED} and {RTGS, OUTBOX} <= set(bench.beside.begun)
    assert told(bench) == told(alone) and not bench.book.undelivered()
    assert sorted(bench.events()) == sorted(alone.events())
    assert [one.body for one in bench.cash.sent] == [one.body for one in alone.cash.sent]
    alone.close()


def deliver(bench: BesideBench) -> int:
    """All there is; how often the engine was asked to."""
    deadline = time.monotonic() + 10
    for asked in itertools.count(1):
        bench.engine.do("outbox")
        if bench.engine.under_way.outbox is None and not bench.book.undelivered():
            return asked
        assert time.monotonic() < deadline, "it is delivered at last"
    raise AssertionError


def test_nothing_counts_as_delivered_before_it_is(bench: BesideBench) -> None:
    """A service that dies between delivers the same again."""
    bench.instruct_many(MANY)
    bench.engine.do("matching")
    waiting = bench.book.undelivered()
    assert len(waiting) == 2 * MANY and not bench.engine.do("outbox")
    assert bench.book.undelivered() == waiting and bench.beside.left == 1
    bench.engine.under_way.outbox = None  # it dies
    bench.beside.left = 0
    bench.restarted()
    deliver(bench)
    assert {message_id for _, message_id in bench.mailbox.messages} == {one.message_id for one in waiting}


def test_sheaves_are_delivered_one_after_the_other(bench: BesideBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "SHEAF", 4)
    bench.instruct_many(MANY)
    bench.engine.do("matching")
    assert deliver(bench) >= 4, "two whole sheaves, and the rest of them, are each written while others go on"
    assert bench.mailbox.counted.items["deliver_all"] == 2 * MANY


def test_what_cannot_be_written_does_not_hold_up_later_ones(
    bench: BesideBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a sheaf of nothing else: it is passed over, and tried again after the last one."""
    monkeypatch.setattr(engines, "SHEAF", 4)
    bench.instruct_many(MANY)
    bench.engine.do("matching")
    stuck = {one.message_id for one in bench.book.undelivered()[:5]}
    whole = bench.mailbox.deliver_all

    def some(messages: Sequence[Any]) -> Sequence[Any]:
        good = [one for one in messages if one.message_id not in stuck]
        results = iter(whole(good) if good else ())
        return [UNAVAILABLE if one.message_id in stuck else next(results) for one in messages]

    monkeypatch.setattr(bench.mailbox, "deliver_all", some)
    for _ in range(200):
        bench.engine.do("outbox")
        time.sleep(0.001)
        if {one.message_id for one in bench.book.undelivered()} == stuck:
            break
    assert {one.message_id for one in bench.book.undelivered()} == stuck
    monkeypatch.undo()
    monkeypatch.setattr(engines, "MUCH", 2)
    deliver(bench)


def test_nobody_waits_for_what_is_being_written(bench: BesideBench) -> None:
    """The records are looked at again when it is; who only asks whether it is has nothing done."""
    written = Event()
    bench.instruct_many(MANY)
    bench.engine.do("matching")
    waiting = bench.book.undelivered()
    slow = Waiting(bench.beside, lambda: [None] * len(waiting), written.is_set)
    bench.beside.left += 1
    bench.engine.under_way.outbox = waiting, slow
    assert not bench.engine.do("outbox") and bench.book.undelivered() == waiting
    written.set()
    assert bench.engine.do("outbox") and not bench.book.undelivered()
    for one in waiting:
        bench.mailbox.deliver(one)


def test_a_few_are_delivered_at_once(bench: BesideBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "MUCH", 100)
    bench.instruct_many(MANY)
    bench.engine.do("matching")
    assert bench.engine.do("outbox") and not bench.book.undelivered() and OUTBOX not in bench.beside.begun


def test_mail_that_was_asked_for_ahead_is_heard_once(bench: BesideBench) -> None:
    """All of it, in its order; also where another has heard some of it meanwhile, or nobody answered."""
    bench.instruct_many(MANY)
    bench.run_to_locked()
    for agent in bench.agents:
        agent.step()
    assert bench.engine.do("mail") and bench.engine.under_way.mail is not None, "so many had paid"
    assert bench.engine.under_way.mail[0] == bench.book.cash_cursor() > 0
    bench.restarted()  # another, which has asked for nothing ahead, hears more
    bench.run()
    heard = [row.entry for row in bench.book.journal() if row.entry.kind == "heard"]
    assert states(bench) == {TradeState.SETTLED} and len(heard) == len({one.facts["message_id"] for one in heard})


@pytest.mark.parametrize("how", ["another was faster", "nobody answers"])
def test_what_was_asked_for_ahead_in_vain_is_asked_again(bench: BesideBench, how: str) -> None:
    bench.instruct_many(MANY)
    bench.run_to_locked()
    for agent in bench.agents:
        agent.step()
    stale = bench.cash.receive(0)

    def fails() -> Any:
        raise UNAVAILABLE

    bench.engine.under_way.mail = (
        (0, Waiting(bench.beside, lambda: stale))
        if how == "another was faster"
        else (bench.book.cash_cursor(), Waiting(bench.beside, fails))
    )
    bench.run()
    assert states(bench) == {TradeState.SETTLED}


def test_a_line_that_breaks_while_they_are_sent_is_each_ones(bench: BesideBench) -> None:
    """Nothing is concluded, and the same goes out again."""
    bench.instruct_many(MANY)

    def breaks(_: str) -> None:
        bench.cash.counted.before_all = lambda _: None
        raise UNAVAILABLE

    bench.cash.counted.before_all = breaks
    bench.run(60)
    assert states(bench) == {TradeState.SETTLED} and len(bench.rtgs.booked) == MANY
    assert bench.beside.left == (bench.engine.under_way.mail is not None), "nothing is left alone with a neighbour"


def test_hands_do_one_neighbours_things_in_order_and_anothers_meanwhile() -> None:
    hands, done, first, other = Hands(), list[str](), Event(), Event()

    def wait() -> str:
        assert other.wait(10), "the other neighbour's is done meanwhile"
        done.append("first")
        return "answer"

    answer = hands(RTGS, wait)
    second = hands(RTGS, lambda: done.append("second"))
    third = hands(OUTBOX, lambda: (done.append("third"), other.set()))
    third()
    assert answer() == "answer"
    second()
    assert done == ["third", "first", "second"]

    def fails() -> None:
        first.set()
        raise UNAVAILABLE

    failing = hands(RTGS, fails)
    assert first.wait(10)
    with pytest.raises(type(UNAVAILABLE)):
        failing()
    hands.close()
    assert hands(RTGS, lambda: 1)() == 1, "they begin again when they are needed"
    hands.close()


def test_where_the_lease_cannot_be_kept_nothing_is_begun() -> None:
    """Asked in its place it is each one's answer, and the batch goes on."""

    def unavailable() -> None:
        raise UNAVAILABLE

    begun = Early()
    nothing: Any = None
    answering = Answering(
        book=nothing, assets=nothing, cash=nothing, wallet=nothing, board=nothing, keep=unavailable, beside=begun
    )
    assert answering.begin(Send, [Send(nothing)]) is None and not begun.begun
