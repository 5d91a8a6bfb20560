"""The board as the agents need it, beyond what `ports` has for those who take from it."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.log_run import LogRun
from lockstep.domain.order import Batch, BatchSignature
from lockstep.ports import BulkAttestationBoard

__all__ = ["AgentsBoard"]


class AgentsBoard(BulkAttestationBoard, Protocol):
    """Where agents leave their signatures, and each its own signature log.

    What lies there unchanged costs `publish_all` next to nothing. `attestations_of` leaves out what was archived.
    """

    def archive(self, agent: str, is_over: Callable[[SettlementId], bool]) -> None:
        """Sets an agent's words on settlements that are over apart from those on open ones. None is lost.

        Raises Unavailable.
        """

    def enter_run(self, run: LogRun, *, replace: bool = False) -> Sequence[LogRun]:
        """Leaves consecutive lines of an agent's signature log in one piece; returns what stands in their way.

        None: it is there, and alone. Else another run that stands where this one begins, and then it is not there,
        unless it is to `replace`; or runs that have any of these lines and say something else. Unverified. Of two who
        enter any line with different words at the same moment, at least one is told. Raises Unavailable.
        """

    def runs_with(self, agent: str, number: int) -> Iterator[LogRun]:
        """Each run that has a line of an agent's signature log, unverified, those that begin nearest to it first."""

    def run_numbers(self, agent: str) -> Sequence[int]:
        """At which lines of an agent's signature log a run may begin, ascending. Raises Unavailable."""

    def batches(self, known: Collection[str] = ()) -> Sequence[Batch]:
        """What is asked, oldest first, but for the batches with these ids. Raises Unavailable.

        Who floods the board with questions holds up the answers; the words on each settlement are there all the same.
        """

    def sign_batch(self, signature: BatchSignature) -> None:
        """Leaves an agent's signature over a batch that is asked. Raises Unavailable."""

    def batches_signed_by(self, agent: str) -> Sequence[tuple[Batch, BatchSignature]]:
        """All batches that are there with a signature under an agent's name, unverified. Raises Unavailable."""

    def drop_batch(self, batch_id: str) -> None:
        """Takes a batch away that nobody needs any more."""
