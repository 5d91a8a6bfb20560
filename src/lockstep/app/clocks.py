"""Where business time and randomness come from."""

import secrets
from datetime import UTC, datetime, timedelta

__all__ = ["ManualClock", "OffsetClock", "SystemRandomness"]


class OffsetClock:
    """The system's time, moved by a fixed offset: a rehearsal lives on its own business day."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self._offset = offset

    @classmethod
    def of_seconds(cls, seconds: int) -> "OffsetClock":
        return cls(timedelta(seconds=seconds))

    def now(self) -> datetime:
        return (datetime.now(UTC) + self._offset).replace(microsecond=0)


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
