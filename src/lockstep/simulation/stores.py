"""Durable stores with boundaries at which a process dies, is held up, or finds that its disk fails.

Nothing here changes what a store does: a commit either happens, as the real code has it, or is rolled back. SQLite runs
in WAL with FULL synchronisation, as in production. Such a store loses nothing that it acknowledged; what `lost-writes`
and `restore-service` take away is the loss of the disk itself, which the service must survive (I6), and
`restore-agent` is what an administrator does to an agent in good faith. The RTGS's books are the truth, and are
never restored.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from lockstep.agent import DirectoryBoard, MarginBoard, MarginRegister, Register
from lockstep.app.adapters import DirectoryMailbox
from lockstep.domain.errors import Contradiction, LockstepError
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.log_run import LogRun
from lockstep.domain.margin_payment import CashAttestation
from lockstep.domain.market import Network
from lockstep.domain.message import Message
from lockstep.domain.order import Attestation, Batch, BatchSignature
from lockstep.domain.trade import Trade
from lockstep.ports import Change, Claimed, Clock, Lease, PartyBody, Results, SentTransaction
from lockstep.simulation.faults import Injector
from lockstep.simulation.points import Points
from lockstep.simulation.stores_margin import BoundedCashBoard, BoundedMarginRegister
from lockstep.store import SqlBook, SqlChainEvents, SqlTransactionLog
from lockstep.store.committing import Hold

__all__ = ["BROKEN", "Boundary", "Disk", "image", "put_back"]

BROKEN = (OperationalError, sqlite3.OperationalError)
"""What a process meets when its disk fails; it ends, and is started again."""

_NEWEST = text("SELECT holder, fence FROM lease WHERE subject = :subject")
_CLAIM = text("SELECT holder, fence FROM trade WHERE trade_id = :trade")
_HALTS = text("SELECT number FROM chain_halt WHERE accepted_by IS NULL")


class Disk:
    """The disk under a SQLAlchemy engine: has the next commit fail when told to."""

    def __init__(self, engine: Engine) -> None:
        self._fails = False
        event.listen(engine, "commit", self._commit)

    def fail_next(self) -> None:
        self._fails = True

    def heal(self) -> None:
        self._fails = False

    def _commit(self, _: object) -> None:
        if self._fails:
            self._fails = False
            raise OperationalError("COMMIT", None, sqlite3.OperationalError("disk I/O error"))


class Boundary:
    """One process's boundaries, and its stores with them."""

    def __init__(
        self,
        actor: str,
        points: Points,
        faults: Injector,
        stored: Callable[[], None],
        signed: Callable[[Attestation], None],
        problem: Callable[[str], None],
    ) -> None:
        """`stored` hears of every commit of the records, `signed` of every outcome that is signed, `problem` of what no
        store may do."""
        self.actor, self._points, self._faults = actor, points, faults
        self.stored, self.signed, self.problem = stored, signed, problem
        self.cash_signed: Callable[[CashAttestation], None] = lambda _: None
        """Hears of every signature over a margin payment."""
        self.instructed: Callable[[bytes], None] = lambda _: None
        """Hears of every instruction that the service writes for two parties of a repo."""
        self._halts: frozenset[int] = frozenset()
        self.delivered: Callable[[str, str], None] = lambda *_: None
        """Hears of each message that lies in a participant's box: whose, and its id."""

    def at(self, point: str, *, apart: bool = True) -> None:
        self._points.at(self.actor, point, apart=apart)

    def judge_fence(self, engine: Engine, lease: Lease | None) -> None:
        """After a commit: its writer had the newest lease. What trades look like does not show it, as their versions
        keep two writers apart too. Read past `store.leases`, whose judgement this is of."""
        if lease is None:
            return
        with engine.connect() as connection:
            row = connection.execute(_NEWEST, {"subject": lease.subject}).first()
        if row is None or (row.holder, row.fence) != (lease.holder, lease.fence):
            newest = "nobody's" if row is None else f"number {row.fence} of {row.holder}"
            self.problem(f"{self.actor} wrote under lease number {lease.fence}, and the newest is {newest}")

    def judge_claims(self, engine: Engine, held: Mapping[TradeId, Hold], stored: Iterable[Trade]) -> None:
        """The same of trades that their writer had claimed: nobody has claimed them since."""
        mine = [one.trade_id for one in stored if one.trade_id in held]
        with engine.connect() as connection:
            for trade in mine:
                row = connection.execute(_CLAIM, {"trade": trade}).one()
                if (row.holder, row.fence) != held[trade]:
                    newest = f"number {row.fence} of {row.holder or 'nobody'}"
                    claim = f"lease number {held[trade].fence} of trade {trade[:12]}"
                    self.problem(f"{self.actor} wrote under {claim}, and the newest is {newest}")

    def begin_pass(self, engine: Engine) -> None:
        """A pass of the service begins: what it is halted by now, it knows in all of it."""
        self._halts = self._halts_in(engine) if self._faults.has("deep-reorg") else frozenset()

    def judge_halt(self, engine: Engine, reserved: Sequence[str]) -> None:
        """Keys of transactions that were made: none is a lock while a halt lasts that was there when the pass began."""
        locks = [key for key in reserved if key.startswith("lock")]
        if locks and self._halts and self._halts & self._halts_in(engine):
            self.problem(f"{self.actor} halted, since final blocks were replaced, and makes {', '.join(sorted(locks))}")

    @staticmethod
    def _halts_in(engine: Engine) -> frozenset[int]:
        with engine.connect() as connection:
            return frozenset(row.number for row in connection.execute(_HALTS))

    @contextmanager
    def commits(self, disk: Disk) -> Iterator[None]:
        """Around one commit: the process may die on either side of it, and the disk may fail it."""
        self.at("commit")
        if self.fails():
            disk.fail_next()
        try:
            yield
        finally:
            disk.heal()
        self.at("committed")

    def fails(self) -> bool:
        return self._faults.strikes("failed-commit") is not None

    def book(self, engine: Engine, disk: Disk, clock: Clock, lease: Lease | None = None) -> SqlBook:
        return _Book(engine, disk, self, clock, lease)

    def events(self, engine: Engine, disk: Disk, network: Network) -> SqlChainEvents:
        return _Events(engine, disk, self, network)

    def log(self, engine: Engine, disk: Disk, lease: Lease, sender: str = "") -> SqlTransactionLog:
        return _Log(engine, disk, self, lease, sender)

    def register(self, path: Path) -> Register:
        return _Register(path, self)

    def board(self, root: Path) -> DirectoryBoard:
        return _Board(root, self)

    def mailbox(self, root: Path) -> DirectoryMailbox:
        return _Mailbox(root, self)

    def margin_register(self, path: Path) -> MarginRegister:
        return BoundedMarginRegister(path, self)

    def cash_board(self, root: Path) -> MarginBoard:
        return BoundedCashBoard(root, self)


class _Book(SqlBook):
    def __init__(self, engine: Engine, disk: Disk, boundary: Boundary, clock: Clock, lease: Lease | None) -> None:
        super().__init__(engine, lease=lease, clock=clock)
        self._disk, self._boundary, self._judge = disk, boundary, partial(boundary.judge_fence, engine, lease)

    def commit(self, change: Change) -> None:
        with self._bounded():
            super().commit(change)

    def commit_all(self, changes: Sequence[Change]) -> Results:
        with self._bounded():
            results = super().commit_all(changes)
            stored = (change for change, wrong in zip(changes, results, strict=True) if wrong is None)
            trades = [trade for change in stored for trade in change.trades]
            self._boundary.judge_claims(self._engine, self._queue.held, trades)
            return results

    def claim(self, worker: str, most: int, seconds: int) -> Sequence[Claimed]:
        with self._boundary.commits(self._disk):
            return super().claim(worker, most, seconds)

    def done_with(self, looked: Sequence[tuple[Claimed, datetime | None]], unable: Collection[TradeId] = ()) -> None:
        with self._boundary.commits(self._disk):
            super().done_with(looked, unable)

    def wake(self, settlements: Collection[SettlementId], worker: str = "") -> None:
        with self._boundary.commits(self._disk) if settlements else nullcontext():
            super().wake(settlements, worker)

    def reserve_nonces(self, seller: str, at_least: int, count: int) -> int:
        with self._boundary.commits(self._disk):
            return super().reserve_nonces(seller, at_least, count)

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        with self._boundary.commits(self._disk):
            yield
            self._judge()
            self._boundary.stored()


class _Events(SqlChainEvents):
    def __init__(self, engine: Engine, disk: Disk, boundary: Boundary, network: Network) -> None:
        super().__init__(engine, network)
        self._disk, self._boundary = disk, boundary

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._boundary.commits(self._disk), super()._transaction() as connection:
            yield connection


class _Log(SqlTransactionLog):
    def __init__(self, engine: Engine, disk: Disk, boundary: Boundary, lease: Lease, sender: str) -> None:
        super().__init__(engine, lease, sender)
        self._disk, self._boundary, self._judge = disk, boundary, partial(boundary.judge_fence, engine, lease)
        self._database = engine

    def put_all(self, transactions: Sequence[SentTransaction]) -> None:
        self._boundary.judge_halt(self._database, self._new(transactions))
        with self._boundary.commits(self._disk):
            super().put_all(transactions)
            self._judge()

    def finish(self, nonce: int) -> None:
        with self._boundary.commits(self._disk):
            super().finish(nonce)
            self._judge()

    def _new(self, transactions: Sequence[SentTransaction]) -> list[str]:
        """Keys of those that are reserved, and not in another's place."""
        reserved = [one for one in transactions if one.status == "reserved"]
        known = self.transactions_of([one.key for one in reserved]) if reserved else {}
        return [one.key for one in reserved if one.nonce not in {old.nonce for old in known.get(one.key, ())}]


class _Register(Register):
    def __init__(self, path: Path, boundary: Boundary) -> None:
        super().__init__(path)
        self._boundary = boundary

    def record_all(self, signed: Sequence[tuple[Attestation, Sequence[str]]]) -> Sequence[Attestation | Contradiction]:
        for attestation, _ in signed:
            self._boundary.signed(attestation)  # it exists from here on, whatever becomes of it
        self._boundary.at("commit")
        if self._boundary.fails():
            raise sqlite3.OperationalError("disk I/O error")
        stored = super().record_all(signed)
        self._boundary.at("committed")
        return stored

    def keep(self, runs: Sequence[LogRun]) -> None:
        self._boundary.at("commit")
        if self._boundary.fails():
            raise sqlite3.OperationalError("disk I/O error")
        super().keep(runs)
        self._boundary.at("committed")


class _Board(DirectoryBoard):
    def __init__(self, root: Path, boundary: Boundary) -> None:
        super().__init__(root)
        self._boundary = boundary

    def publish_all(self, attestations: Sequence[Attestation]) -> None:
        self._boundary.at("send")
        super().publish_all(attestations)
        self._boundary.at("sent")

    def enter_run(self, run: LogRun, *, replace: bool = False) -> Sequence[LogRun]:
        self._boundary.at("send")
        there = super().enter_run(run, replace=replace)
        self._boundary.at("sent")
        return there

    def ask_for(self, batch: Batch) -> None:
        self._boundary.at("send")
        super().ask_for(batch)
        self._boundary.at("sent")

    def sign_batch(self, signature: BatchSignature) -> None:
        self._boundary.at("send")
        super().sign_batch(signature)
        self._boundary.at("sent")


class _Mailbox(DirectoryMailbox):
    def __init__(self, root: Path, boundary: Boundary) -> None:
        super().__init__(root)
        self._boundary = boundary

    def deliver(self, message: Message[PartyBody]) -> None:
        self._boundary.at("send")
        super().deliver(message)
        self._boundary.delivered(message.receiver, message.message_id)
        self._boundary.at("sent")

    def deliver_all(self, messages: Sequence[Message[PartyBody]]) -> Sequence[LockstepError | None]:
        self._boundary.at("send")
        results = super().deliver_all(messages)
        for message, failed in zip(messages, results, strict=True):
            if failed is None:
                self._boundary.delivered(message.receiver, message.message_id)
        self._boundary.at("sent")
        return results


def image(path: Path) -> bytes:
    """All that an SQLite file holds now, as committed."""
    connection = sqlite3.connect(path)
    try:
        return connection.serialize()
    finally:
        connection.close()


def put_back(path: Path, content: bytes) -> None:
    """The file as it was; nobody may have it open."""
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    path.write_bytes(content)
