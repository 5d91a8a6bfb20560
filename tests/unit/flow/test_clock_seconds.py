"""The service's clock: the system's time, moved, in whole seconds; asked often, it is worked out once a second."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from lockstep.app.clocks import OffsetClock

AT = 1_764_000_000


@pytest.mark.parametrize(
    "offset", [timedelta(), timedelta(days=3), timedelta(seconds=-7), timedelta(seconds=-3, microseconds=250_001)]
)
def test_whole_seconds_of_the_moved_time(monkeypatch: pytest.MonkeyPatch, offset: timedelta) -> None:
    clock = OffsetClock(offset)
    steps = (0, 1, 999, 1000, 749_998_999, 749_999_000, 250_001_000, 999_999_999, 10**9, 10**9 + 1, 5 * 10**9, 3, 0)
    for nanoseconds in steps:  # forward, far ahead, and back again
        monkeypatch.setattr(time, "time_ns", lambda now=nanoseconds: AT * 10**9 + now)
        exact = datetime.fromtimestamp(AT, UTC) + timedelta(microseconds=nanoseconds // 1000) + offset
        assert clock.now() == exact.replace(microsecond=0)
        assert clock.now().tzinfo is UTC and clock.now().microsecond == 0


def test_it_is_the_systems_time() -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert before <= OffsetClock().now() <= datetime.now(UTC)
