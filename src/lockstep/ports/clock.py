"""Time and chance: all that the logic has of either."""

from datetime import datetime
from typing import Protocol

__all__ = ["Clock", "Randomness"]


class Clock(Protocol):
    """Business time: UTC, in whole seconds, as messages carry it."""

    def now(self) -> datetime: ...


class Randomness(Protocol):
    """Unpredictable bytes; a seeded stream in a simulation."""

    def token(self, size: int) -> bytes: ...
