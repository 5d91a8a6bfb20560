"""How long an agent pauses: after a quick step as ever, after a long one longer, and never for long."""

from types import SimpleNamespace

import pytest

from lockstep.app import loops
from lockstep.app.loops import AGENT_LONGEST_PAUSE_SECONDS, AGENT_PAUSE_SECONDS, AGENT_REST, until_stopped


class Enough(Exception):
    """The test has seen what it wanted."""


@pytest.mark.parametrize(
    ("step_seconds", "pause"),
    [
        (0.001, AGENT_PAUSE_SECONDS),
        (AGENT_PAUSE_SECONDS / AGENT_REST, AGENT_PAUSE_SECONDS),
        (0.1, 0.1 * AGENT_REST),
        (5.0, AGENT_LONGEST_PAUSE_SECONDS),
    ],
)
def test_a_step_that_took_long_is_followed_by_a_longer_pause(
    monkeypatch: pytest.MonkeyPatch, step_seconds: float, pause: float
) -> None:
    now, slept = [0.0], list[float]()

    def step() -> bool:
        if len(slept) == 3:
            raise Enough
        now[0] += step_seconds
        return True

    monkeypatch.setattr(loops, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=slept.append))
    monkeypatch.setattr(loops.signal, "signal", lambda *_: None)
    monkeypatch.setattr(loops, "spare_collector", lambda: None)
    with pytest.raises(Enough):
        until_stopped(step, shortest=AGENT_PAUSE_SECONDS, always=True)
    assert slept == pytest.approx([pause] * 3)
