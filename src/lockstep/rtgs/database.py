"""One step is one transaction: what it changes and what it says are durable together, or not at all."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from sqlalchemy import Connection, Engine, StaticPool, bindparam, create_engine, event, func, select
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from lockstep.domain.errors import Misconfigured
from lockstep.domain.identifiers import Bic, SettlementId, Uetr, derive_message_id
from lockstep.domain.message import Message
from lockstep.domain.payment import PaymentReport
from lockstep.domain.transfer import TransferReport
from lockstep.iso20022 import MESSAGE_TYPES, Body, write_copies
from lockstep.rtgs import bulk, schema
from lockstep.rtgs.bulk import Mail, Received
from lockstep.rtgs.clock import BusinessClock, Clock
from lockstep.rtgs.held import HeldPayments
from lockstep.rtgs.ledger import Books, Remembered
from lockstep.rtgs.prepared import Prepared, driven, together
from lockstep.rtgs.tables import outbox, payments, settings

BUSY_TIMEOUT_MILLISECONDS = 10_000
CACHE_KIB = 65_536
"""Of SQLite's pages, which it would else read from the file again and again: ids and UETRs are spread over all."""
LOG_PAGES = 8_000
"""SQLite's log is written back after so many pages (32 MB): a page that changes again and again, more seldom."""
MOST_SWITCHES = 100
"""Tries to set a new file's journal mode, each after the turn of another process."""
MOST_REMEMBERED = 100_000
"""Accounts that are remembered from one step to the next; with more of them, none is."""

_ALONE = "SELECT txid_current(), txid_snapshot_xmin(txid_current_snapshot()) FROM settings FOR UPDATE"
"""Waits until no other step is at work: this transaction's number, and the smallest of those that have not ended."""

Asked = ParamSpec("Asked")
Found = TypeVar("Found")

_CLOCK = Prepared(select(settings.c.clock_offset, settings.c.clock_stands))
_LAST_PAYMENT = Prepared(  # each by its own index: SQLite reads a whole one for two of them in one query
    select(*(select(func.max(payments.c[name])).scalar_subquery().label(name) for name in ("number", "position")))
)
_LAST_MAIL = Prepared(select(func.max(outbox.c.sequence)).where(outbox.c.receiver == bindparam("to")))
_LAST_REPORT = Prepared(
    select(func.max(outbox.c.sequence + 0)).where(  # else SQLite looks for it through the whole mailbox, newest first
        outbox.c.receiver == bindparam("to"), outbox.c.uetr == bindparam("of"), outbox.c.report
    )
)
_MAIL = Prepared(
    select(outbox.c.data).where(outbox.c.receiver == bindparam("to"), outbox.c.sequence == bindparam("at"))
)


@dataclass(slots=True)
class Step:
    """A transaction under way: its connection, its one instant, and what it tells whom."""

    connection: Connection
    bic: Bic
    now: datetime
    name: str = ""
    """For the crash hook: what this step did."""
    sender: Bic | None = None
    message: Message[Body] | None = None
    """What is being handled, if a message is."""
    answers: list[int] = field(default_factory=list)
    """Sequences in the sender's mailbox."""
    books: Books = field(init=False)
    """The ledger, as this step has left it so far."""
    sent: Counter[str] = field(default_factory=Counter)
    """How many messages of which definition it puts into mailboxes."""
    reads_once: bool = False
    """Whether it takes messages only, which change no party, mandate, limit or business day."""
    remembered: InitVar[Remembered | None] = None
    held: HeldPayments = field(default_factory=HeldPayments)
    idle: dict[str, bool] = field(default_factory=dict)
    """Of accounts that were asked about, whether nothing waits in their queues; emptied when something begins to."""
    _last: dict[Bic, int] = field(default_factory=dict)
    _last_payment: tuple[int, int] | None = None
    _mail: dict[tuple[Bic, int], Mail] = field(default_factory=dict)
    _received: dict[tuple[Bic, str], Received] = field(default_factory=dict)
    _expected: dict[tuple[Bic, str], Received | None] = field(default_factory=dict)
    _released: list[tuple[Any, ...]] = field(default_factory=list)
    _known: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self, remembered: Remembered | None) -> None:
        self.books = Books(self.connection, self.now, remembered)

    @property
    def seconds(self) -> int:
        """Its instant as tables keep it: in seconds since 1970."""
        return int(self.now.timestamp())

    def next_payment(self) -> tuple[int, int]:
        """Number and place of the next payment to arrive: behind all others."""
        if self._last_payment is None:
            last = _LAST_PAYMENT.all(self.connection)[0]
            self._last_payment = last[0] or 0, last[1] or 0
        number, place = self._last_payment
        self._last_payment = number + 1, place + 1
        return self._last_payment

    def send(self, receivers: Iterable[Bic], body: Body) -> None:
        """Puts a message into the mailbox of each receiver, once."""
        to = list(dict.fromkeys(receivers))
        if not to:
            return
        self.books.changes += 1
        uetr, report = getattr(body, "uetr", ""), isinstance(body, PaymentReport | TransferReport)
        sequences = [self._next_sequence(receiver) for receiver in to]
        ids = [
            derive_message_id(self.bic, receiver, "mail", sequence)
            for receiver, sequence in zip(to, sequences, strict=True)
        ]
        # who owns an account that a notice is about comes first and is named in it twice: the last is the pattern
        message = Message(sender=self.bic, receiver=to[-1], message_id=ids[-1], created=self.now, body=body)
        last, *others = write_copies(message, list(zip(to[:-1], ids[:-1], strict=True)))
        self.sent[MESSAGE_TYPES[type(body)]] += len(to)
        for receiver, sequence, data in zip(to, sequences, [*others, last], strict=True):
            self._mail[receiver, sequence] = Mail(receiver, sequence, uetr, report, data, self.seconds)
            if receiver == self.sender:
                self.answers.append(sequence)

    def repeat_report(self, uetr: Uetr) -> None:
        """Answers with the newest report on a payment that the sender already has."""
        new = [
            sequence
            for (receiver, sequence), row in self._mail.items()
            if receiver == self.sender and row.uetr == uetr and row.report
        ]
        newest = new[-1] if new else _LAST_REPORT.scalar(self.connection, to=self.sender, of=uetr)
        if newest is not None:
            self.answers.append(newest)

    def mail(self, receiver: Bic, sequence: int) -> bytes:
        """One message of a mailbox, sent now or before."""
        new = self._mail.get((receiver, sequence))
        data: bytes = _MAIL.scalar(self.connection, to=receiver, at=sequence) if new is None else new.data
        return data

    def expect(self, sender: Bic, message_ids: Collection[str]) -> None:
        """Looks up together which of these were accepted before, ahead of `received`."""
        found = bulk.read_received(self.connection, sender, message_ids)
        self._expected.update({(sender, one): None for one in message_ids})
        self._expected.update({(one.sender, one.message_id): one for one in found})

    def receive(self, received: Received) -> None:
        """Keeps a message that was accepted."""
        self._received[received.sender, received.message_id] = received

    def received(self, sender: Bic, message_id: str) -> Received | None:
        """A message accepted now or before."""
        key = sender, message_id
        if key in self._received:
            return self._received[key]
        if key not in self._expected:
            self.expect(sender, [message_id])
        return self._expected[key]

    def release(self, settlement_id: SettlementId, agent: Bic, uetr: Uetr) -> None:
        """Keeps an agent's release."""
        self.books.changes += 1
        self._released.append((settlement_id, agent, uetr, self.seconds))

    def released_now(self, settlement_id: SettlementId | None) -> dict[Bic, Uetr]:
        """Releases that were kept in this step, and that no table has yet."""
        return {agent: uetr for of, agent, uetr, _ in self._released if of == settlement_id}

    def once(
        self, read: Callable[Concatenate[Connection, Asked], Found], *asked: Asked.args, **also: Asked.kwargs
    ) -> Found:
        """Reads what messages never change: once for all of them, in a step that `reads_once`."""
        if not self.reads_once:
            return read(self.connection, *asked, **also)
        key = (read, *asked, *also.items())
        if key not in self._known:
            self._known[key] = read(self.connection, *asked, **also)
        found: Found = self._known[key]
        return found

    def flush(self) -> None:
        """Writes what was gathered; the tables' constraints judge it once more."""
        self.books.flush()
        mail, received, released = self._mail, self._received, self._released
        self._mail, self._received, self._expected, self._released = {}, {}, {}, []
        bulk.write_rows(self.connection, "releases", bulk.RELEASE, released)
        bulk.write_rows(self.connection, "outbox", Mail._fields, list(mail.values()))
        bulk.write_rows(self.connection, "inbox", Received._fields, list(received.values()))

    def _next_sequence(self, receiver: Bic) -> int:
        if receiver not in self._last:
            self._last[receiver] = _LAST_MAIL.scalar(self.connection, to=receiver) or 0
        self._last[receiver] += 1
        return self._last[receiver]


class Database:
    """The RTGS's storage, by SQLAlchemy URL, and its clock."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        bic: Bic,
        on_commit: Callable[[str], None] | None,
        before_commit: Callable[[str], None] | None = None,
    ) -> None:
        self._engine, self.clock, self.bic = _open(url), BusinessClock(clock), bic
        options: dict[str, Any] = {"reading": True}
        if self._engine.dialect.name != "sqlite":
            options |= {"isolation_level": "REPEATABLE READ"}
        self._reads = self._engine.execution_options(**options)
        self._on_commit, self._before_commit = on_commit, before_commit
        self.sent: Counter[str] = Counter()
        """Messages put into mailboxes since this was opened, by definition, durably."""
        self.errors = 0
        """How often the database failed since then."""
        try:
            stored = schema.found(self._engine, self._engine.url.render_as_string(), bic)
        except OperationalError as error:
            self.close()
            raise Misconfigured(f"{self._engine.url.render_as_string()}: {_first_line(error)}") from error
        except Misconfigured:
            self.close()
            raise
        if stored != bic:
            self.close()
            raise Misconfigured(f"{self._engine.url.render_as_string()} belongs to the RTGS {stored}, not {bic}")
        with self.reading() as connection:
            self._set_clock(connection)

    def now(self) -> datetime:
        """The business clock's instant, in UTC and whole seconds (rounded down), as it was last known to be set."""
        return self.clock.now()

    def now_by(self, connection: Connection) -> datetime:
        """The same, as the clock is set now: another process may have set it."""
        self._set_clock(connection)
        return self.clock.now()

    def _set_clock(self, connection: Connection) -> None:
        (found,) = _CLOCK.all(connection)
        self.clock.set(*found)

    @contextmanager
    def step(self, name: str, now: datetime, sender: Bic | None = None, *, reads_once: bool = False) -> Iterator[Step]:
        """A writing transaction; the crash hook hears of it once it is durable.

        Its instant is that of its turn, which may come later than `now`, after other processes' steps: what is
        booked later never bears an earlier time.
        """
        with self._counting(), self._engine.connect() as connection:
            with together(connection):
                transaction, locked = connection.begin(), None
                if connection.dialect.name != "sqlite":  # there BEGIN IMMEDIATE lets one in at a time
                    locked = driven(connection, _ALONE)
                turn = self.now_by(connection)
            with transaction:
                memory = _Memory(connection, locked)
                remembered, held = memory.take()
                step = Step(
                    connection=connection,
                    bic=self.bic,
                    now=max(now, turn),
                    name=name,
                    sender=sender,
                    reads_once=reads_once,
                    remembered=remembered,
                    held=held,
                )
                yield step
                with together(connection):
                    step.flush()
                    if self._before_commit is not None:
                        self._before_commit(step.name)
                    transaction.commit()
            memory.keep(step.books.remember(), step.held)
        self.sent.update(step.sent)
        if self._on_commit is not None:
            self._on_commit(step.name)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view that blocks nobody."""
        with self._counting(), self._reads.begin() as connection:
            yield connection

    @contextmanager
    def _counting(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError:
            self.errors += 1
            raise

    def close(self) -> None:
        self._engine.dispose()


class _Memory:
    """What a step knew of the ledger and of held payments, kept beside the connection that wrote it for as long as
    nobody else wrote.

    SQLite tells both: `data_version` changes with any other connection's commit, and `total_changes` with each row
    that this one changes, by a step or otherwise. PostgreSQL numbers all transactions that write: where this step's
    number follows the last one's, nobody began to write in between, and whoever had begun before had ended when the
    first of them read, by its snapshot. What fails or dies is not kept.
    """

    def __init__(self, connection: Connection, locked: Any) -> None:
        """In a step's transaction, which has the lock: from here on it alone writes."""
        driver: Any = connection.connection.dbapi_connection
        self._driver = driver
        self._beside = connection.info
        self._trusted = True
        if locked is None:
            self._now = driven(connection, "PRAGMA data_version").fetchone()[0], self._driver.total_changes
        else:
            number, oldest_at_work = locked.fetchone()
            self._now = number, 0
            self._trusted = oldest_at_work == number

    def take(self) -> tuple[Remembered | None, HeldPayments]:
        seen, remembered, held = self._beside.pop(_Memory, (None, None, None))
        if seen != self._now:
            return None, HeldPayments()
        self._trusted = True
        return cast(Remembered, remembered), cast(HeldPayments, held)

    def keep(self, remembered: Remembered, held: HeldPayments) -> None:
        """After the commit."""
        if self._trusted and len(remembered.working) <= MOST_REMEMBERED:
            first, _ = self._now
            changes = getattr(self._driver, "total_changes", None)
            following = (first + 1, 0) if changes is None else (first, changes)
            self._beside[_Memory] = following, remembered, held


def _open(url: str) -> Engine:
    in_memory = url in ("sqlite://", "sqlite:///:memory:")
    try:
        engine = create_engine(url, poolclass=StaticPool) if in_memory else create_engine(url, **_one_by_one(url))
    except (ArgumentError, ImportError) as error:  # the URL may hold a password: it is not told
        raise Misconfigured(f"the RTGS's database URL: {_first_line(error)}") from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _one_by_one(url: str) -> dict[str, str]:
    """A step must see what was committed while it waited for its turn, whatever the server's default is."""
    return {} if url.startswith("sqlite") else {"isolation_level": "READ COMMITTED"}


def _first_line(error: Exception) -> str:
    """What a driver says, without its statements and links."""
    reason = getattr(error, "orig", None) or error
    return next(iter(str(reason).strip().splitlines()), type(reason).__name__)


def _sqlite_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself; `_sqlite_begin` does
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MILLISECONDS}")
    _write_ahead(cursor)
    for pragma in (
        "synchronous=FULL",
        "foreign_keys=ON",
        f"cache_size=-{CACHE_KIB}",
        f"wal_autocheckpoint={LOG_PAGES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Of several processes that open a new file at once all but one wait. SQLite itself does not wait at this switch
    while another writes, whatever the busy timeout is; at the beginning of a transaction it does."""
    for _ in range(MOST_SWITCHES):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
        else:
            return
    cursor.execute("PRAGMA journal_mode=WAL")


def _sqlite_begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    driven(connection, "BEGIN" if reading else "BEGIN IMMEDIATE")
