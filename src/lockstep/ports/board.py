"""What agents leave for others, and what each keeps for itself."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, Batch, BatchSignature, LogEntry

__all__ = ["AttestationBoard", "BulkAttestationBoard", "SignOnceRegister"]


class AttestationBoard(Protocol):
    """Where agents leave their signatures for anyone to take."""

    def publish(self, attestation: Attestation) -> None:
        """Leaves one; publishing the same twice is harmless."""

    def attestations(self, settlement_id: SettlementId) -> Sequence[Attestation]:
        """All that is there for a settlement, unverified."""

    def signed_by(self, agent: str) -> Sequence[Attestation]:
        """All that is there under an agent's name, for whatever settlement, unverified. Raises Unavailable."""

    def enter(self, entry: LogEntry, *, replace: bool = False) -> LogEntry:
        """Leaves a line of an agent's signature log and returns what stands in its place.

        Of two who enter the same number at the same moment one prevails, and both are told which, unless it is to
        `replace`. Raises Unavailable.
        """

    def log_entry(self, agent: str, number: int) -> LogEntry | None:
        """A line of an agent's signature log, unverified."""

    def log_numbers(self, agent: str) -> Sequence[int]:
        """Which lines of an agent's signature log are there, ascending. Raises Unavailable."""


class BulkAttestationBoard(AttestationBoard, Protocol):
    """The board for many settlements at once, and for signatures over whole batches of them."""

    def attestations_of(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, Sequence[Attestation]]:
        """As `attestations`; an empty sequence where none is there."""

    def publish_all(self, attestations: Sequence[Attestation]) -> None:
        """Leaves them all."""

    def news(self, at_least: int) -> Collection[SettlementId]:
        """Settlements that so many agents have spoken on by now, each told once, as far as is seen in passing. It only
        hurries a look that comes anyway. Raises Unavailable.
        """

    def ask_for(self, batch: Batch) -> None:
        """Asks the agents for one signature over a batch; anyone may, and twice is harmless.

        An agent signs where its register has each of the settlements with just this result, and is silent otherwise.
        """

    def batches(self) -> Sequence[Batch]:
        """Those asked for and not taken down yet, oldest first."""

    def signatures_of(self, batch_id: str) -> Sequence[BatchSignature]:
        """All that is there for a batch, unverified."""


class SignOnceRegister(Protocol):
    """An agent's memory of what it signed: one outcome per settlement, durable before it leaves."""

    def record(self, attestation: Attestation, sources: Sequence[str]) -> Attestation:
        """Stores it and returns what is stored. Raises Contradiction for another outcome."""

    def all(self) -> Sequence[Attestation]: ...
