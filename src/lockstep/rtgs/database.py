"""One step is one transaction: what it changes and what it says are durable together, or not at all."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event, func, select

from lockstep.domain.errors import Misconfigured
from lockstep.domain.identifiers import Bic, Uetr, derive_message_id
from lockstep.domain.message import Message
from lockstep.domain.payment import BookingNotice, PaymentReport, Resolution
from lockstep.iso20022 import write
from lockstep.rtgs.tables import metadata, outbox, settings

Announcement = PaymentReport | Resolution | BookingNotice

BUSY_TIMEOUT_MILLISECONDS = 10_000


class Clock(Protocol):
    """Business time."""

    def now(self) -> datetime:
        """The present instant, with its time zone. The RTGS counts in whole seconds."""


@dataclass(slots=True)
class Step:
    """A transaction under way: its connection, its one instant, and what it tells whom."""

    connection: Connection
    bic: Bic
    now: datetime
    name: str = ""
    """For the crash hook: what this step did."""
    sender: Bic | None = None
    answers: list[int] = field(default_factory=list)
    """Sequences in the sender's mailbox."""
    _last: dict[Bic, int] = field(default_factory=dict)

    def send(self, receivers: Iterable[Bic], body: Announcement) -> None:
        """Puts a message into the mailbox of each receiver, once."""
        rows = []
        for receiver in dict.fromkeys(receivers):
            sequence = self._next_sequence(receiver)
            message = Message(
                sender=self.bic,
                receiver=receiver,
                message_id=derive_message_id(self.bic, receiver, "mail", sequence),
                created=self.now,
                body=body,
            )
            rows.append(
                {
                    "receiver": receiver,
                    "sequence": sequence,
                    "uetr": body.uetr,
                    "report": isinstance(body, PaymentReport),
                    "data": write(message),
                    "created_at": self.now,
                }
            )
            if receiver == self.sender:
                self.answers.append(sequence)
        self.connection.execute(outbox.insert(), rows)

    def repeat_report(self, uetr: Uetr) -> None:
        """Answers with the newest report on a payment that the sender already has."""
        newest = self.connection.scalar(
            select(func.max(outbox.c.sequence)).where(
                outbox.c.receiver == self.sender, outbox.c.uetr == uetr, outbox.c.report
            )
        )
        if newest is not None:
            self.answers.append(newest)

    def _next_sequence(self, receiver: Bic) -> int:
        if receiver not in self._last:
            newest = select(func.max(outbox.c.sequence)).where(outbox.c.receiver == receiver)
            self._last[receiver] = self.connection.scalar(newest) or 0
        self._last[receiver] += 1
        return self._last[receiver]


class Database:
    """The RTGS's storage, by SQLAlchemy URL, and its clock."""

    def __init__(self, url: str, clock: Clock, bic: Bic, on_commit: Callable[[str], None] | None) -> None:
        self._engine, self._clock, self.bic, self._on_commit = _open(url), clock, bic, on_commit
        metadata.create_all(self._engine)
        with self._engine.begin() as connection:
            stored = connection.scalar(select(settings.c.bic))
            if stored is None:
                connection.execute(settings.insert().values(one=1, bic=bic, quorum=3))
        if stored not in (None, bic):
            self.close()
            raise Misconfigured(f"{url} belongs to the RTGS {stored}, not {bic}")

    def now(self) -> datetime:
        """The clock's instant, in UTC and whole seconds (rounded down)."""
        instant = self._clock.now()
        if instant.tzinfo is None:
            raise Misconfigured("the RTGS's clock must tell its time zone")
        return instant.astimezone(UTC).replace(microsecond=0)

    @contextmanager
    def step(self, name: str, now: datetime, sender: Bic | None = None) -> Iterator[Step]:
        """A writing transaction; the crash hook hears of it once it is durable."""
        with self._engine.begin() as connection:
            step = Step(connection=connection, bic=self.bic, now=now, name=name, sender=sender)
            yield step
        if self._on_commit is not None:
            self._on_commit(step.name)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view that blocks nobody."""
        with self._engine.connect().execution_options(reading=True) as connection, connection.begin():
            yield connection

    def close(self) -> None:
        self._engine.dispose()


def _open(url: str) -> Engine:
    in_memory = url in ("sqlite://", "sqlite:///:memory:")
    engine = create_engine(url, poolclass=StaticPool) if in_memory else create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; `_sqlite_begin` does
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MILLISECONDS}")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
