"""How long a process sleeps between its steps."""

import signal
from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace

import pytest

from lockstep.app import loops
from lockstep.app.loops import BUSY_PAUSE_SECONDS, BUSY_SECONDS, PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS, until_stopped


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The pauses, of a clock that only they move."""
    pauses: list[float] = []
    monkeypatch.setattr(loops, "time", SimpleNamespace(sleep=pauses.append, monotonic=lambda: sum(pauses)))
    monkeypatch.setattr(loops, "spare_collector", lambda: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield pauses
    for number, handler in before.items():
        signal.signal(number, handler)


def steps(*moves: int) -> list[bool]:
    """Which steps move, until so many have been."""
    return [place in moves for place in range(moves[-1] + 1)]


def test_pauses_double_and_stay_short_for_a_while_after_a_move(slept: list[float]) -> None:
    left = iter([*steps(1, 2), *[False] * 10_000])
    until_stopped(lambda: next(left), quiet_seconds=BUSY_SECONDS + 5)
    assert slept[:4] == [PAUSE_SECONDS, SHORTEST_PAUSE_SECONDS, 2 * SHORTEST_PAUSE_SECONDS, BUSY_PAUSE_SECONDS]
    after = 0.0
    for before, pause in pairwise(slept[1:]):
        after += before
        assert pause == min(2 * before, BUSY_PAUSE_SECONDS if after < BUSY_SECONDS else PAUSE_SECONDS)
    assert slept[-1] == PAUSE_SECONDS and sum(slept[1:]) >= BUSY_SECONDS + 5


def test_who_rests_after_each_step_is_never_hurried(slept: list[float]) -> None:
    left = iter([*steps(0, 1), *[False] * 10_000])
    until_stopped(lambda: next(left), quiet_seconds=5, shortest=0.2, always=True)
    assert slept[:2] == [0.2, 0.2] and min(slept) == 0.2 and max(slept) <= PAUSE_SECONDS
