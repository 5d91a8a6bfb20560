"""Lines of an agent's signature log that were written together."""

from collections.abc import Iterator
from dataclasses import dataclass

from lockstep.domain.order import Attestation, LogEntry
from lockstep.domain.values import quick

__all__ = ["LogRun"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class LogRun:
    """Consecutive lines of an agent's signature log under one signature. A line alone is a run of one.

    Each line still has its own number and names the one before; what a run saves is signatures and files.
    """

    first: int
    previous: str
    """64 hex digits: the digest of the line before the first, zeros for none."""
    attestations: tuple[Attestation, ...]
    """At least one, all of one agent, in the order of their lines."""
    signature: bytes
    """65 bytes, by that agent: over `signing.log_digest` of a line alone, over `signing.run_digest` of several."""

    @property
    def agent(self) -> str:
        return self.attestations[0].agent

    @property
    def last(self) -> int:
        return self.first + len(self.attestations) - 1

    @classmethod
    def alone(cls, entry: LogEntry) -> "LogRun":
        """The run of one line."""
        return cls(
            first=entry.number,
            previous=entry.previous,
            attestations=(entry.attestation,),
            signature=entry.signature,
        )

    def numbered(self) -> Iterator[tuple[int, Attestation]]:
        """Each line's number, and what it says."""
        return enumerate(self.attestations, self.first)
