"""Several workers on the same records: one works, the others stand by and take over.

A worker may sleep at any point, through its whole lease, and not know it. What it then writes is refused, in the
transaction that would have written (`Book.commit`, `TransactionLog.put`). What it then sends cannot be refused by
the receiver, and need not be: only what is stored is sent, under ids that are stored or derived. The same bytes to
the chain are one transaction, the same message id and UETR at the RTGS one payment, the same message id in a
mailbox one message.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from lockstep.domain.errors import LeaseLost, LockstepError, Unavailable
from lockstep.flow.engine import Engine
from lockstep.ports import Clock, Lease, Leases

__all__ = ["LEASE_SECONDS", "SUBJECT", "Worker"]

SUBJECT = "service"
"""The whole service is one piece of work."""
LEASE_SECONDS = 15
"""Longer than a node or the RTGS may take to answer, so that a slow pass is not taken over."""


@dataclass(slots=True, kw_only=True)
class Worker:
    """Runs the service's passes while it holds the lease, and stands by while another does."""

    leases: Leases
    clock: Clock
    name: Callable[[], str]
    """Under what name it claims, asked at each claim."""
    engine: Callable[[Lease], Engine]
    """A new service whose records write under this lease."""
    seconds: int = LEASE_SECONDS
    lease: Lease | None = field(default=None, init=False)
    """The one it believes to hold. Only the records know."""
    _engine: Engine | None = field(default=None, init=False)

    def run_once(self) -> bool:
        """One pass, if it is this worker's turn. True if anything moved. A lost lease ends the pass, and no more.

        Raises what `engine` raises, having let the lease go.
        """
        engine = self._engine or self._begin()
        if engine is None:
            return False
        try:
            self._keep()
            return engine.run_once()
        except LeaseLost:
            self.lease = self._engine = None
            return False
        except Unavailable:  # the database is busy: the next pass goes on
            return False

    def _begin(self) -> Engine | None:
        try:
            self.lease = self.leases.claim(SUBJECT, self.name(), self.seconds)
        except Unavailable:
            return None
        if self.lease is None:
            return None
        try:
            self._engine = replace(self.engine(self.lease), keep=self._keep)
            self._engine.begin()
        except LockstepError:
            self.stop()
            raise
        return self._engine

    def stop(self) -> None:
        """Lets the next one begin at once."""
        lease, self.lease, self._engine = self.lease, None, None
        if lease is not None:
            self.leases.release(lease)

    def _keep(self) -> None:
        """Renewed once a third has gone. If the clock deceives, that costs a write, or the lease, and nothing else."""
        assert self.lease is not None
        left = self.lease.until - self.clock.now()
        if not timedelta(seconds=2 * self.seconds) / 3 < left <= timedelta(seconds=self.seconds):
            self.lease = self.leases.renew(self.lease, self.seconds)
