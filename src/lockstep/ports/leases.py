"""Which worker has the right to work on what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

__all__ = ["Lease", "Leases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to work on one subject. It ends when another claims it, not by the clock alone.

    Who pauses cannot know it, so no holder trusts `until`: records refuse what comes under an older `fence`.
    """

    subject: str
    """What is held: the whole service, or one trade, or one key's nonces."""
    holder: str
    fence: int
    """Grows with each claim of the subject, and is never used again."""
    until: datetime
    """From then on others may claim it. UTC, whole seconds."""


class Leases(Protocol):
    """Who works on what, kept with the records that it guards: one transaction judges the fence and writes.

    A holder's name is borne by one worker at a time. Borne by two, the later claim fences the earlier out.
    """

    def claim(self, subject: str, holder: str, seconds: int) -> Lease | None:
        """A new lease if nobody holds the subject, its lease has run out, or `holder` itself had it; else None.

        A lease that would last more than `2 * seconds` counts as run out: a clock was put back since.
        Raises Unavailable.
        """

    def renew(self, lease: Lease, seconds: int) -> Lease:
        """The same lease, for so long from now. Late is not too late. Raises LeaseLost, Unavailable."""

    def release(self, lease: Lease) -> None:
        """Lets it go, so that the next need not wait. One that was lost is left alone. Raises Unavailable."""
