"""Business time: real, moved ahead, or standing still until it is told otherwise. It never goes back."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from lockstep.domain.errors import InvalidInput, Misconfigured


class Clock(Protocol):
    """Where time comes from."""

    def now(self) -> datetime:
        """The present instant, with its time zone. The RTGS counts in whole seconds."""


class BusinessClock:
    """A clock over another one. What it is set to is kept with the ledger, by the operator's desk."""

    def __init__(self, source: Clock) -> None:
        self._source = source
        self.offset_seconds = 0
        self.stands: datetime | None = None

    def now(self) -> datetime:
        """UTC, in whole seconds (rounded down)."""
        return self.stands or self._real() + timedelta(seconds=self.offset_seconds)

    def set(self, offset_seconds: int, stands: datetime | None) -> None:
        """Runs ahead of its source by so much, or stands still."""
        self.offset_seconds, self.stands = offset_seconds, stands

    def settings_for(self, instant: datetime, *, running: bool, not_before: datetime) -> tuple[int, datetime | None]:
        """What `set` needs to show this instant now. Raises InvalidInput for one before `not_before`."""
        if instant.tzinfo is None:
            raise InvalidInput("clock", instant, "an instant with its time zone")
        instant = instant.astimezone(UTC).replace(microsecond=0)
        if instant < not_before:
            raise InvalidInput("clock", instant.isoformat(), f"not before {not_before.isoformat()}, when it stood last")
        offset = instant - self._real()
        return offset.days * 86_400 + offset.seconds, None if running else instant

    def _real(self) -> datetime:
        instant = self._source.now()
        if instant.tzinfo is None:
            raise Misconfigured("the RTGS's clock must tell its time zone")
        return instant.astimezone(UTC).replace(microsecond=0)
