"""What is begun now and needed later: the world's neighbours answer, and files go to disk, while the service goes on.

The flow has no threads of its own. Whoever wires it may give it hands; without any, all is done in its place, one thing
after the other, as the simulated world wants it. What is begun beside touches one neighbour and none of the records.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from lockstep.domain.message import Message
from lockstep.flow.hearing import Mail
from lockstep.ports import PartyBody, Results

__all__ = ["OUTBOX", "RTGS", "Begun", "Beside", "UnderWay"]

RTGS, OUTBOX = "rtgs", "outbox"
"""The neighbours, by name."""

Result = TypeVar("Result")
Outcome = TypeVar("Outcome", covariant=True)


class Begun(Protocol[Outcome]):
    """What is under way, or has ended and was not looked at yet."""

    def __call__(self) -> Outcome:
        """Waits for the end; then what was done returns, or the error that it raised is raised."""

    def has_ended(self) -> bool:
        """Whether there is nothing to wait for."""


class Beside(Protocol):
    """Hands that do something while the caller goes on."""

    def __call__(self, neighbour: str, act: Callable[[], Result]) -> Begun[Result]:
        """Begins `act`, once all that was begun before with the same neighbour has ended."""


@dataclass(slots=True)
class UnderWay:
    """What a worker has begun and not looked at yet. In memory: what is lost of it is begun again."""

    mail: tuple[int, Begun[Mail]] | None = None
    """After which message it was asked for."""
    outbox: tuple[Sequence[Message[PartyBody]], Begun[Results]] | None = None
    """Messages that are being written."""
    written_through: str | None = None
    """The last message of the sheaf before, where there may be more of them."""
