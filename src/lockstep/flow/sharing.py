"""Several workers on the same records, which share the trades: each has those that it claimed, for a time.

What only one may do at a time is leased by its name: hearing the mail, whose cursor goes forward message by message;
matching, which pairs what waits; delivering, so that nothing is sent twice for nothing; and a key's nonces. Everything
is written under the lease, or the claim, that it was done for, and only that piece of work is lost with it.

A worker may sleep at any point, through its whole lease, and not know it. What it then writes is refused, in the
transaction that would have written (`Book.commit`, `TransactionLog.put`). What it then sends cannot be refused by
the receiver, and need not be: only what is stored is sent, under ids that are stored or derived. The same bytes to
the chain are one transaction, the same message id and UETR at the RTGS one payment, the same message id in a
mailbox one message.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from lockstep.domain.errors import LeaseLost, LockstepError, Unavailable
from lockstep.flow.engine import ANCHORING, Engine
from lockstep.ports import Book, Clock, Lease, Leases

__all__ = ["LEASE_SECONDS", "LeftBehind", "SharingWorker", "key_subject"]

LEASE_SECONDS = 15
"""Longer than a node or the RTGS may take to answer, so that a slow pass is not taken over."""


def key_subject(address: str) -> str:
    """What is leased by who sends transactions with a key."""
    return f"key/{address}"


class LeftBehind(Protocol):
    """What keys have under way, for who carries on that of a worker that is gone."""

    def senders(self) -> Collection[str]:
        """Addresses of the keys with transactions that are in no block yet."""

    def carry_on(self, address: str, lease: Lease) -> bool:
        """One look at a key's transactions, under its lease, which sends what is to be sent again. True while there are
        any under way. Raises LeaseLost, Unavailable."""


@dataclass(slots=True, kw_only=True)
class SharingWorker:
    """One of several workers. It does what it has the lease for, and steps the trades that it claims.

    A step may end in a transaction, so it steps trades while one of the `keys` is its own; duties need none.
    """

    leases: Leases
    clock: Clock
    name: str
    """Borne by no other worker that lives."""
    keys: Sequence[str]
    """Addresses of the keys that workers send with, in the order in which this one tries them: as many step trades at
    the same time."""
    book: Callable[[Lease | None], Book]
    """The records, written under a lease; None: under the claims of trades alone."""
    engine: Callable[[Book, Lease | None], Engine]
    """A service that sends with a key, whose nonces are reserved under its lease; None: one that sends nothing."""
    left_behind: LeftBehind | None = None
    seconds: int = LEASE_SECONDS
    _held: dict[str, Lease] = field(default_factory=dict, init=False)
    _not_before: dict[str, datetime] = field(default_factory=dict, init=False)
    """When to try again for what others have."""
    _engine: Engine | None = field(default=None, init=False)
    _key: str = field(default="", init=False)
    """The subject of its own key's lease; empty without one."""
    _at_duty: dict[str, tuple[int, Engine]] = field(default_factory=dict, init=False)
    """The service as it does each duty, and under which fence."""
    _look_again: datetime = field(default=datetime.min.replace(tzinfo=UTC), init=False)
    """When to ask again what is under way."""

    def run_once(self) -> bool:
        """One pass over what is this worker's to do. True if anything moved. Raises what `engine` raises."""
        engine = self._serving()
        if engine is None:
            return False
        moved = self._do(engine, "mail")
        moved |= self._do(engine, "matching")
        if self._key:  # all of these may send transactions
            moved |= self._do(engine, "recovery")
            moved |= self._step_trades(engine)
            moved |= engine.anchors_now() and self._do(engine, ANCHORING)
        moved |= self._do(engine, "outbox")
        self._carry_on()
        return moved

    def stop(self) -> None:
        """Lets the others begin at once."""
        held = list(self._held.values())
        self._held.clear()
        self._at_duty.clear()
        self._engine, self._key = None, ""
        for lease in held:
            self.leases.release(lease)

    @property
    def duties(self) -> frozenset[str]:
        """What it believes to hold. Only the records know."""
        return frozenset(self._held)

    @property
    def has_key(self) -> bool:
        """Whether it believes to have a key, and so steps trades."""
        return bool(self._key)

    @property
    def has_company(self) -> bool:
        """Whether another was seen to send with one of the keys a short while ago. None that is idle is seen."""
        since = self.clock.now() - timedelta(seconds=self.seconds) / 3
        return any(at > since for subject, at in self._not_before.items() if subject in map(key_subject, self.keys))

    def _do(self, engine: Engine, duty: str) -> bool:
        try:
            lease = self._lease(duty)
            if lease is None:
                return False
            fence, doing = self._at_duty.get(duty, (0, None))
            if doing is None or fence != lease.fence:
                settler = replace(engine.settler, book=self.book(lease))
                doing = replace(engine, settler=settler, keep=lambda: self._keep(duty))
                self._at_duty[duty] = lease.fence, doing
            return doing.do(duty)
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
        """The service, with the key that is this worker's or with none; made anew with each claim of one."""
        try:
            if self._key:
                self._keep(self._key)
                return self._engine
            subject = next((one for one in map(key_subject, self.keys) if self._lease(one) is not None), "")
        except LeaseLost as lost:
            self._held.pop(lost.subject, None)
            self._without_key()
            return None
        except Unavailable:
            return None
        if not subject and self._engine is not None:
            return self._engine
        return self._begin(subject)

    def _without_key(self) -> None:
        for subject in (self._key, "recovery", ANCHORING):
            self._held.pop(subject, None)
        self._engine, self._key = None, ""
        self._at_duty.clear()

    def _begin(self, subject: str) -> Engine:
        try:
            made = self.engine(self.book(None), self._held.get(subject))
            engine = replace(made, worker=self.name, keep=lambda: self._keep(subject) if subject else None)
            engine.begin()
        except LockstepError:
            self.stop()
            raise
        self._key, self._engine = subject, engine
        self._at_duty.clear()
        return engine

    def _carry_on(self) -> None:
        """Goes on with what keys have under way that nobody else holds, its own first: without it no transaction that
        follows gets into a block, and what it is for waits. Then another's key is free again."""
        if self.left_behind is None:
            return
        try:
            for address in self._to_carry_on(self.left_behind):
                subject = key_subject(address)
                lease = self._lease(subject)
                if lease is None or self.left_behind.carry_on(address, lease) or subject == self._key:
                    continue
                self.leases.release(self._held.pop(subject))
        except LeaseLost as lost:
            if lost.subject == self._key:
                self._without_key()
            self._held.pop(lost.subject, None)
        except LockstepError:  # the node or the database: the next pass goes on
            pass

    def _to_carry_on(self, left_behind: LeftBehind) -> Sequence[str]:
        """What it has taken over, and every few seconds all that have something under way."""
        now = self.clock.now()
        mine = [one for one in self.keys if key_subject(one) in self._held and key_subject(one) != self._key]
        if self._look_again > now:
            return mine
        self._look_again = now + timedelta(seconds=self.seconds) / 3
        under_way = left_behind.senders()
        return [one for one in self.keys if one in under_way or one in mine]

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
        """Renewed once a third has gone. If the clock deceives, that costs a write, or the lease, and nothing else."""
        lease = self._held[subject]
        left = lease.until - self.clock.now()
        if not timedelta(seconds=2 * self.seconds) / 3 < left <= timedelta(seconds=self.seconds):
            self._held[subject] = self.leases.renew(lease, self.seconds)
