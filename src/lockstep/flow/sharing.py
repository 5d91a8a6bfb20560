"""Several workers on the same records, which share the trades: each has those that it claimed, for a time.

What only one may do at a time is leased by its name: hearing the mail, whose cursor goes forward message by message;
matching, which pairs what waits; delivering, so that nothing is sent twice for nothing; and a key's nonces. Everything
is written under the lease, or the claim, that it was done for: who slept through it is refused (see `working`), and
only that piece of work is another's then.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lockstep.domain.errors import LeaseLost, LockstepError, Unavailable
from lockstep.flow.engine import DUTIES, Engine
from lockstep.flow.working import LEASE_SECONDS
from lockstep.ports import Book, Clock, Lease, Leases

__all__ = ["SharingWorker", "key_subject"]


def key_subject(address: str) -> str:
    """What is leased by who sends transactions with a key."""
    return f"key/{address}"


@dataclass(slots=True, kw_only=True)
class SharingWorker:
    """One of several workers. It does what it has the lease for, and steps the trades that it claims.

    A step may end in a transaction, so it works while one of the `keys` is its own, and stands by without.
    """

    leases: Leases
    clock: Clock
    name: str
    """Borne by no other worker that lives."""
    keys: Sequence[str]
    """Addresses of the keys that workers send with: as many work at the same time."""
    book: Callable[[Lease | None], Book]
    """The records, written under a lease; None: under the claims of trades alone."""
    engine: Callable[[Book, Lease], Engine]
    """A service that sends with a key, whose nonces are reserved under its lease."""
    seconds: int = LEASE_SECONDS
    _held: dict[str, Lease] = field(default_factory=dict, init=False)
    _not_before: dict[str, datetime] = field(default_factory=dict, init=False)
    """When to try again for what others have."""
    _engine: Engine | None = field(default=None, init=False)
    _key: str = field(default="", init=False)

    def run_once(self) -> bool:
        """One pass over what is this worker's to do. True if anything moved. Raises what `engine` raises."""
        engine = self._serving()
        if engine is None:
            return False
        moved = self._step_trades(engine)
        for duty in DUTIES:
            moved |= self._do(engine, duty)
        return moved

    def stop(self) -> None:
        """Lets the others begin at once."""
        held, self._held, self._engine = list(self._held.values()), {}, None
        for lease in held:
            self.leases.release(lease)

    @property
    def duties(self) -> frozenset[str]:
        """What it believes to hold. Only the records know."""
        return frozenset(self._held)

    def _do(self, engine: Engine, duty: str) -> bool:
        try:
            lease = self._lease(duty)
            if lease is None:
                return False
            settler = replace(engine.settler, book=self.book(lease))
            return replace(engine, settler=settler, keep=lambda: self._keep(duty)).do(duty)
        except LeaseLost:
            self._held.pop(duty, None)
        except Unavailable:  # the database is busy: the next pass goes on
            pass
        return False

    def _step_trades(self, engine: Engine) -> bool:
        try:
            return engine.step_trades()
        except LeaseLost:  # the key's: its nonces are another's now
            self._without_key()
        except Unavailable:
            pass
        return False

    def _serving(self) -> Engine | None:
        """The service with the key that is this worker's, made anew with each claim of one; None without."""
        try:
            if self._engine is not None:
                self._keep(self._key)
                return self._engine
            subject = next((one for one in map(key_subject, self.keys) if self._lease(one) is not None), None)
        except LeaseLost:
            self._without_key()
            return None
        except Unavailable:
            return None
        return None if subject is None else self._begin(subject)

    def _without_key(self) -> None:
        self._held.pop(self._key, None)
        self._engine = None

    def _begin(self, subject: str) -> Engine:
        try:
            made = self.engine(self.book(None), self._held[subject])
            engine = replace(made, worker=self.name, keep=lambda: self._keep(subject))
            engine.begin()
        except LockstepError:
            self.stop()
            raise
        self._key, self._engine = subject, engine
        return engine

    def _lease(self, subject: str) -> Lease | None:
        """The lease, kept or claimed; None while another has it. Raises LeaseLost, Unavailable."""
        if subject in self._held:
            self._keep(subject)
            return self._held[subject]
        now = self.clock.now()
        if self._not_before.get(subject, now) > now:
            return None
        lease = self.leases.claim(subject, self.name, self.seconds)
        if lease is None:
            self._not_before[subject] = now + timedelta(seconds=self.seconds) / 3
            return None
        self._held[subject] = lease
        return lease

    def _keep(self, subject: str) -> None:
        """Renewed once a third has gone, as in `working`."""
        lease = self._held[subject]
        left = lease.until - self.clock.now()
        if not timedelta(seconds=2 * self.seconds) / 3 < left <= timedelta(seconds=self.seconds):
            self._held[subject] = self.leases.renew(lease, self.seconds)
