"""Virtual time: it stands still until the schedule moves it. Each party reads it from a clock of its own."""

from datetime import UTC, datetime, time, timedelta

__all__ = ["PartyClock", "VirtualClock"]


class VirtualClock:
    """The true time of the world: UTC, whole seconds. It never goes back within a run."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: int) -> None:
        self._now += timedelta(seconds=seconds)

    def move_to(self, instant: datetime) -> None:
        self._now = max(self._now, instant)

    def begin_at(self, instant: datetime) -> None:
        """For the next run: wherever it stood."""
        self._now = instant

    def next_at(self, at: time) -> datetime:
        """The first instant after now with this time of day."""
        instant = datetime.combine(self._now.date(), at, tzinfo=UTC)
        return instant if instant > self._now else instant + timedelta(days=1)


class PartyClock:
    """A machine's clock: right, until it is stepped."""

    def __init__(self, true: VirtualClock) -> None:
        self._true, self._off = true, timedelta()

    def now(self) -> datetime:
        return self._true.now() + self._off

    def step(self, seconds: int) -> None:
        """Off by so much from now on, ahead or (negative) behind."""
        self._off = timedelta(seconds=seconds)

    @property
    def is_right(self) -> bool:
        return not self._off
