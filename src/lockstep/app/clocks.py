"""Where business time and randomness come from."""

import secrets
import time
from datetime import UTC, datetime, timedelta

__all__ = ["ManualClock", "OffsetClock", "SystemRandomness"]


class OffsetClock:
    """The system's time, moved by a fixed offset: a rehearsal lives on its own business day."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self._offset = offset
        self._second = 0, datetime.fromtimestamp(0, UTC)
        """When the present second begins by the system's time, in nanoseconds, and what it is called."""

    @classmethod
    def of_seconds(cls, seconds: int) -> "OffsetClock":
        return cls(timedelta(seconds=seconds))

    def now(self) -> datetime:
        begins, called = self._second
        system = time.time_ns()
        if begins <= system < begins + 10**9:
            return called
        moment = datetime.fromtimestamp(system // 10**9, UTC) + timedelta(microseconds=system // 1000 % 10**6)
        moment += self._offset
        self._second = system - system % 1000 - 1000 * moment.microsecond, moment.replace(microsecond=0)
        return self._second[1]


class ManualClock:
    """Stands still until moved, and never moves back."""

    def __init__(self, start: datetime) -> None:
        self._now = start.replace(microsecond=0)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self.move_to(self._now + by)

    def move_to(self, instant: datetime) -> None:
        self._now = max(self._now, instant.replace(microsecond=0))


class SystemRandomness:
    """The operating system's."""

    def token(self, size: int) -> bytes:
        return secrets.token_bytes(size)
