"""What is begun beside: the same comes of it as in its place, whenever it is done, and nothing counts before it is."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import pytest
from bulk_world import BulkBench
from flow_world import UNAVAILABLE, check

from lockstep.app.hands import Hands
from lockstep.domain.trade import TradeState
from lockstep.flow import engine as engines
from lockstep.flow.beside import OUTBOX, RTGS
from lockstep.flow.engine import Engine

MANY = 5
Result = TypeVar("Result")


class Early:
    """Does it when it is begun, before anything else; errors come when it is waited for."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.left = 0

    def __call__(self, neighbour: str, act: Callable[[], Result]) -> Callable[[], Result]:
        self.begun.append(neighbour)
        self.left += 1
        try:
            result = act()
        except Exception as error:
            return self._ended(error)
        return self._ended(result)

    def _ended(self, ending: Any) -> Callable[[], Any]:
        def end() -> Any:
            self.left -= 1
            if isinstance(ending, Exception):
                raise ending
            return ending

        return end

    def close(self) -> None: ...


class Late(Early):
    """Does it when it is waited for, after all else."""

    def __call__(self, neighbour: str, act: Callable[[], Result]) -> Callable[[], Result]:
        self.begun.append(neighbour)
        self.left += 1

        def end() -> Result:
            self.left -= 1
            return act()

        return end


class Threads(Hands):
    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []
        self.left = 0

    def __call__(self, neighbour: str, act: Callable[[], Result]) -> Callable[[], Result]:
        self.begun.append(neighbour)
        self.left += 1
        ended = super().__call__(neighbour, act)

        def end() -> Result:
            self.left -= 1
            return ended()

        return end


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


def test_nothing_counts_as_delivered_before_it_is(bench: BesideBench) -> None:
    """A service that dies between delivers the same again."""
    bench.instruct_many(MANY)
    bench.engine.do("matching")
    waiting = bench.book.undelivered()
    assert len(waiting) == 4 * MANY and not bench.engine.do("outbox")
    assert bench.book.undelivered() == waiting and bench.beside.left == 1
    bench.engine.under_way.outbox = None  # it dies
    bench.beside.left = 0
    bench.restarted()
    assert not bench.engine.do("outbox") and bench.engine.do("outbox")
    assert not bench.book.undelivered()
    assert {message_id for _, message_id in bench.mailbox.messages} == {one.message_id for one in waiting}


def test_pages_are_delivered_one_after_the_other(bench: BesideBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "BATCH", 8)
    bench.instruct_many(MANY)
    bench.engine.do("matching")
    assert bench.engine.do("outbox") and len(bench.book.undelivered()) == 4
    assert bench.engine.do("outbox") and not bench.book.undelivered()
    assert bench.mailbox.counted.items["deliver_all"] == 4 * MANY


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
        (0, lambda: stale) if how == "another was faster" else (bench.book.cash_cursor(), fails)
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
