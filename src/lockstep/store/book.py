"""The Book port on a database: changes are one transaction, their journal entries numbered and chained."""

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, bindparam, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError

from lockstep.domain.cash import CashView
from lockstep.domain.errors import InvalidInput, Misconfigured, Unavailable
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import CancellationRequest
from lockstep.domain.journal import GENESIS, Entry, JournalRow, canonical, entry_hash
from lockstep.domain.message import Message
from lockstep.domain.payment import CashAccount
from lockstep.domain.trade import Trade
from lockstep.ports import Change, Claimed, Clock, Lease, PartyBody, Results, StoredInstruction, Unclaimed, WaitingGroup
from lockstep.store import tables, waiting
from lockstep.store.anchors import Anchors
from lockstep.store.behind import all_at_once
from lockstep.store.breaks import Breaks
from lockstep.store.bulk import Insert, Statement
from lockstep.store.codec import load
from lockstep.store.committing import BODIES, Batch
from lockstep.store.enforcements import Enforcements
from lockstep.store.leases import require
from lockstep.store.margin_calls import MarginCalls
from lockstep.store.parallel import Parallel
from lockstep.store.prepared import Query, transaction
from lockstep.store.queue import Queue
from lockstep.store.register_payments import RegisterPayments
from lockstep.store.repos import Repos

__all__ = ["SqlBook"]

TRIES = 3
JOURNAL_LOCK = 0x4C4A524E
"""The advisory lock of PostgreSQL that who numbers entries takes until its transaction ends."""

_MAILBOX = "rtgs"
_ALL = 2**62
_SUBJECTS_REMEMBERED = 65_536

_instruction, _trade = tables.instruction.c, tables.trade.c
_INSTRUCTION = Query(
    select(_instruction.body).where(
        _instruction.owner == bindparam("owner"), _instruction.reference == bindparam("reference")
    )
)
_INSTRUCTIONS_OF = Statement("SELECT owner, reference, body FROM instruction WHERE (owner, reference) IN PAIRS")
_SEEN = Statement("SELECT sender, message_id, content_hash FROM seen_message WHERE (sender, message_id) IN PAIRS")
# The plus keeps SQLite from reading all rows in the order of their numbers, the finished ones too.
_WAITING = Statement("SELECT body FROM instruction WHERE status = 'WAITING' ORDER BY +number")
_INSTRUCTIONS = Query(select(_instruction.body).order_by(_instruction.number))
_TRADE = Query(select(_trade.body).where(_trade.trade_id == bindparam("trade_id")))
_TRADES_OF = Statement("SELECT trade_id, body FROM trade WHERE trade_id IN LIST")
_OPEN_TRADES = Statement("SELECT body FROM trade WHERE open ORDER BY +number")
_TRADES = Query(select(_trade.body).order_by(_trade.number))
_CASH_VIEW = Query(
    select(tables.cash_view.c.body).where(tables.cash_view.c.settlement_id == bindparam("settlement_id"))
)
_CASH_VIEWS = Statement("SELECT settlement_id, body FROM cash_view WHERE settlement_id IN LIST")
_OF_A_TRADE = "AND EXISTS (SELECT 1 FROM trade WHERE trade.settlement_id = cash_view.settlement_id)"
_BOOKED = Statement(
    f"SELECT settlement_id FROM cash_view WHERE debtor = ? AND booked_at BETWEEN ? AND ? {_OF_A_TRADE} UNION "
    f"SELECT settlement_id FROM cash_view WHERE creditor = ? AND booked_at BETWEEN ? AND ? {_OF_A_TRADE}"
)
_UNCLAIMED = Statement("SELECT salt, settlement_id FROM unclaimed_payment WHERE salt IN LIST ORDER BY settlement_id")
_UNCLAIMED_DUE = Statement(
    "SELECT settlement_id, salt, due FROM unclaimed_payment WHERE due <= ? ORDER BY due, settlement_id LIMIT ?"
)
_ALL_UNCLAIMED = Statement("SELECT settlement_id, salt, due FROM unclaimed_payment ORDER BY settlement_id")
_TO_CANCEL = Statement("SELECT body FROM instruction WHERE status = 'WAITING' AND asked > 0 ORDER BY number")
_CURSOR = Query(select(tables.mail_cursor.c.sequence).where(tables.mail_cursor.c.mailbox == bindparam("mailbox")))
_CANCELLATIONS_OF = Statement(
    "SELECT instruction.trade_id, cancellation_request.body FROM instruction JOIN cancellation_request "
    "ON cancellation_request.owner = instruction.owner AND cancellation_request.reference = instruction.reference "
    "WHERE instruction.trade_id IN LIST ORDER BY cancellation_request.number"
)
_UNDELIVERED = Statement(
    "SELECT kind, body FROM outgoing WHERE NOT delivered "
    "AND number > coalesce((SELECT number FROM outgoing WHERE message_id = ?), 0) ORDER BY number LIMIT ?"
)
_ENTRY = "number, at, kind, subject, facts, hash"
_ABOUT = "about = (SELECT journal_subject.number FROM journal_subject WHERE name = ?)"
_JOURNAL = Statement(f"SELECT {_ENTRY} FROM journal WHERE number > ? ORDER BY number LIMIT ?")
_JOURNAL_OF = Statement(f"SELECT {_ENTRY} FROM journal WHERE {_ABOUT} AND number > ? ORDER BY number LIMIT ?")
_LAST_OF = Statement(f"SELECT {_ENTRY} FROM journal WHERE {_ABOUT} ORDER BY number DESC LIMIT 1")
_NEXT_NONCE = Query(select(tables.order_nonce.c.next).where(tables.order_nonce.c.seller == bindparam("seller")))
_RESERVE = Statement(
    "INSERT INTO order_nonce (seller, next) VALUES (?, ?) ON CONFLICT (seller) DO UPDATE "
    "SET next = CASE WHEN order_nonce.next > ? THEN order_nonce.next + ? ELSE excluded.next END RETURNING next"
)
_LAST_ENTRY = Query(
    select(tables.journal.c.number, tables.journal.c.hash).order_by(tables.journal.c.number.desc()).limit(1)
)
_ALONE_IN_JOURNAL = Statement("SELECT pg_advisory_xact_lock(?)")
_NEW_ENTRIES = Insert(tables.journal, *tables.journal.c.keys())
_NEW_SUBJECTS = Insert(tables.journal_subject, "name", conflict="(name) DO NOTHING")
_SUBJECTS = Statement("SELECT name, number FROM journal_subject WHERE name IN LIST")


class SqlBook(Anchors, Breaks, MarginCalls, Enforcements, Parallel, RegisterPayments, Repos):
    """MarginBook, RepoBook, ParallelBook, WorkQueue and WaitingRoom on a database. `on_commit` is called after each
    commit, for each change stored, with its last entry's kind.

    A worker's writes under its `lease`; one without is for those who only hand in and look. The queue needs a `clock`.
    What a book has claimed it writes under those claims' fences.
    """

    def __init__(
        self,
        engine: Engine,
        on_commit: Callable[[str], None] = lambda _: None,
        lease: Lease | None = None,
        clock: Clock | None = None,
        besides: Sequence[Lease] = (),
    ) -> None:
        """`lease` judges every commit; `besides` are judged with it where empty records are begun."""
        self._engine, self._on_commit, self._lease, self._besides = engine, on_commit, lease, besides
        self._queue = Queue(engine, clock)
        self._numbers: dict[str, int] = {}
        """Of subjects of the journal: they never change."""

    # --- writing

    def commit(self, change: Change) -> None:
        (wrong,) = self._commit((change,))
        if wrong is not None:
            raise wrong

    def commit_all(self, changes: Sequence[Change]) -> Results:
        return self._commit(changes)

    def _commit(self, changes: Sequence[Change]) -> Results:
        """Raises Unavailable where, three times over, another had stored in between what was to be new."""
        for _ in range(TRIES):
            try:
                with transaction(self._engine) as connection:
                    require(connection, self._lease)
                    batch = Batch(connection, self._queue.held)
                    results = batch.judge(changes)
                    batch.write()
                    subjects = self._append(connection, [one for change in batch.stored for one in change.entries])
                break
            except IntegrityError:  # on SQLite it cannot be: nobody else writes since this was judged
                continue
        else:
            raise Unavailable("the service's database is contended: others store the same")
        if len(self._numbers) > _SUBJECTS_REMEMBERED:
            self._numbers.clear()
        self._numbers.update(subjects)
        for change in batch.stored:
            self._on_commit(change.entries[-1].kind if change.entries else "delivered")
        return results

    def has_failed(self, error: Exception) -> bool:
        """Whether an error is the database's own, such as a disk that fails: not for what was to be stored or read."""
        return isinstance(error, DBAPIError) and not isinstance(error, DataError | IntegrityError | ProgrammingError)

    def require_empty(self) -> None:
        """Raises Misconfigured where there are records, naming them."""
        with transaction(self._engine) as connection:
            _require_empty(connection)

    def begin_with(self, batches: Iterable[Sequence[Change]]) -> None:
        """Stores the first changes of empty records, all in one transaction: who is killed in it has stored nothing.

        Raises Misconfigured where there are records, LeaseLost where another has begun to work on them, Conflict for a
        change that contradicts those before it, and what `batches` raises.
        """
        with transaction(self._engine) as connection:
            require(connection, self._lease)  # until it ends nobody else claims that lease
            if connection.dialect.name != "sqlite":
                _ALONE_IN_JOURNAL.run(connection, JOURNAL_LOCK)
            _require_empty(connection)
            there = set[object]()
            with all_at_once(connection) as written:
                for changes in batches:
                    batch = Batch(written, {}, there=there)
                    for wrong in batch.judge(changes):
                        if wrong is not None:
                            raise wrong
                    # Before its rows: it reads, and would wait for them. Nobody else writes here.
                    self._append(written, [entry for change in batch.stored for entry in change.entries])
                    batch.write()
            for lease in self._besides:  # last, so that they can be renewed until then
                require(connection, lease)
        self._on_commit("rebuilt")

    def _append(self, connection: Connection, entries: Sequence[Entry]) -> Mapping[str, int]:
        """Numbers and chains them; gives their subjects' numbers, which hold once this is committed.

        Last of a transaction, as others wait from here on until it has ended.
        """
        if not entries:
            return {}
        if connection.dialect.name != "sqlite":
            _ALONE_IN_JOURNAL.run(connection, JOURNAL_LOCK)
        last = _LAST_ENTRY.rows(connection)
        number, previous = (last[0].number, last[0].hash) if last else (0, GENESIS)
        subjects = self._subjects(connection, dict.fromkeys(entry.subject for entry in entries))
        rows = []
        for entry in entries:
            number, previous = number + 1, entry_hash(previous, number + 1, entry, _written)
            facts, about = _written(dict(entry.facts)).decode(), subjects[entry.subject]
            rows.append((number, entry.at.isoformat(), entry.kind, entry.subject, facts, previous, about))
        _NEW_ENTRIES.run(connection, rows)
        return subjects

    def _subjects(self, connection: Connection, names: Iterable[str]) -> Mapping[str, int]:
        """Their numbers; those that are new get one."""
        found = {name: known for name in names if (known := self._numbers.get(name)) is not None}
        if left := [name for name in names if name not in found]:
            found |= dict(_SUBJECTS.rows(connection, left))
        if new := [(name,) for name in left if name not in found]:
            _NEW_SUBJECTS.run(connection, new)
            found |= dict(_SUBJECTS.rows(connection, [name for (name,) in new]))
        return found

    def reserve_nonces(self, seller: str, at_least: int, count: int) -> int:
        if count < 1:
            raise InvalidInput("count", count, "at least 1")
        # Not on disk at once: whatever comes of it is stored later, and goes there after it.
        with transaction(self._engine, at_once=False) as connection:
            require(connection, self._lease)
            (row,) = _RESERVE.rows(connection, seller, at_least + count, at_least, count)
        return int(row[0]) - count

    # --- the queue: see `queue`

    def claim(self, worker: str, most: int, seconds: int) -> Sequence[Claimed]:
        return self._queue.claim(worker, most, seconds)

    def done_with(self, looked: Sequence[tuple[Claimed, datetime | None]], unable: Collection[TradeId] = ()) -> None:
        self._queue.done_with(looked, unable)

    def wake(self, settlements: Collection[SettlementId], worker: str = "") -> None:
        self._queue.wake(settlements, worker)

    def wake_all(self) -> None:
        """Every open trade is due: what all of them waited for is over."""
        self._queue.wake_all()

    def let_go_of(self, worker: str) -> None:
        """Frees, and makes due, what a dead worker of this name has: for who begins under it."""
        self._queue.let_go_of(worker)

    # --- what waits: see `waiting`

    def unmatched_groups(self, aged_before: date, limit: int = 1000) -> Sequence[WaitingGroup]:
        return waiting.unmatched_groups(self._engine, aged_before, limit)

    def matched_through(self, groups: Sequence[WaitingGroup]) -> None:
        waiting.matched_through(self._engine, groups)

    def match_anew(self) -> None:
        waiting.touch_all(self._engine)

    # --- reading

    def instruction(self, owner: Lei, reference: Reference) -> StoredInstruction | None:
        rows = self._rows(_INSTRUCTION, owner=owner, reference=reference)
        return load(StoredInstruction, rows[0].body, (owner, reference)) if rows else None

    def instructions_of(
        self, keys: Collection[tuple[Lei, Reference]]
    ) -> Mapping[tuple[Lei, Reference], StoredInstruction]:
        rows = _INSTRUCTIONS_OF.alone(self._engine, [*keys]) if keys else ()
        return {(owner, own): load(StoredInstruction, body, (owner, own)) for owner, own, body in rows}

    def seen(self, sender: str, message_id: str) -> str | None:
        return self.seen_of([(sender, message_id)]).get((sender, message_id))

    def seen_of(self, messages: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        rows = _SEEN.alone(self._engine, [*messages]) if messages else ()
        return {(sender, message_id): content_hash for sender, message_id, content_hash in rows}

    def waiting(self) -> Sequence[StoredInstruction]:
        return [load(StoredInstruction, body) for (body,) in _WAITING.alone(self._engine)]

    def trade(self, trade_id: TradeId) -> Trade | None:
        rows = self._rows(_TRADE, trade_id=trade_id)
        return load(Trade, rows[0].body, trade_id) if rows else None

    def trades_of(self, ids: Collection[TradeId]) -> Mapping[TradeId, Trade]:
        rows = _TRADES_OF.alone(self._engine, [*ids]) if ids else ()
        return {trade_id: load(Trade, body, trade_id) for trade_id, body in rows}

    def open_trades(self) -> Sequence[Trade]:
        return [load(Trade, body) for (body,) in _OPEN_TRADES.alone(self._engine)]

    def trades(self) -> Sequence[Trade]:
        return [load(Trade, row.body) for row in self._rows(_TRADES)]

    def instructions(self) -> Sequence[StoredInstruction]:
        return [load(StoredInstruction, row.body) for row in self._rows(_INSTRUCTIONS)]

    def cash_view(self, settlement_id: SettlementId) -> CashView | None:
        rows = self._rows(_CASH_VIEW, settlement_id=settlement_id)
        return load(CashView, rows[0].body, settlement_id) if rows else None

    def cash_views(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, CashView]:
        rows = _CASH_VIEWS.alone(self._engine, [*ids]) if ids else ()
        return {settlement: load(CashView, body, settlement) for settlement, body in rows}

    def booked(self, account: CashAccount, since: datetime, until: datetime) -> Sequence[SettlementId]:
        """The trades' settlements whose payment from or to an account was booked in a time, both ends included."""
        period = (f"{account.owner}/{account.number}", math.ceil(since.timestamp()), math.floor(until.timestamp()))
        return [settlement for (settlement,) in _BOOKED.alone(self._engine, *period, *period)]

    def cash_cursor(self) -> int:
        rows = self._rows(_CURSOR, mailbox=_MAILBOX)
        return int(rows[0].sequence) if rows else 0

    def unclaimed(self, salt: str) -> Sequence[SettlementId]:
        return self.unclaimed_of([salt])[salt]

    def unclaimed_of(self, salts: Collection[str]) -> Mapping[str, Sequence[SettlementId]]:
        found: dict[str, list[SettlementId]] = {one: [] for one in salts}
        for salt, settlement in _UNCLAIMED.alone(self._engine, [*found]) if found else ():
            found[salt].append(SettlementId(settlement))
        return found

    def all_unclaimed(self) -> Sequence[Unclaimed]:
        return [_unclaimed(row) for row in _ALL_UNCLAIMED.alone(self._engine)]

    def unclaimed_due(self, now: datetime, limit: int) -> Sequence[Unclaimed]:
        return [_unclaimed(row) for row in _UNCLAIMED_DUE.alone(self._engine, int(now.timestamp()), limit)]

    def waiting_to_cancel(self) -> Sequence[StoredInstruction]:
        return [load(StoredInstruction, body) for (body,) in _TO_CANCEL.alone(self._engine)]

    def next_order_nonce(self, seller: str) -> int:
        rows = self._rows(_NEXT_NONCE, seller=seller)
        return int(rows[0].next) if rows else 0

    def cancellations(self, trade_id: TradeId) -> Sequence[Message[CancellationRequest]]:
        return self.cancellations_of([trade_id])[trade_id]

    def cancellations_of(self, ids: Collection[TradeId]) -> Mapping[TradeId, Sequence[Message[CancellationRequest]]]:
        found: dict[TradeId, list[Message[CancellationRequest]]] = {one: [] for one in ids}
        for trade_id, body in _CANCELLATIONS_OF.alone(self._engine, [*found]) if found else ():
            found[trade_id].append(load(Message[CancellationRequest], body))
        return found

    def undelivered(self, limit: int | None = None, after: str | None = None) -> Sequence[Message[PartyBody]]:
        """Oldest first; at most `limit`, from behind the message with the id `after` on."""
        rows = _UNDELIVERED.alone(self._engine, after or "", _ALL if limit is None else limit)
        return [load(BODIES[kind], body) for kind, body in rows]

    def journal(self, subject: str | None = None, after: int = 0, limit: int | None = None) -> Sequence[JournalRow]:
        """In order, those with a number above `after`; at most `limit`."""
        most = _ALL if limit is None else limit
        if subject is None:
            return [_journal_row(row) for row in _JOURNAL.alone(self._engine, after, most)]
        return [_journal_row(row) for row in _JOURNAL_OF.alone(self._engine, subject, after, most)]

    def last_said(self, subject: str) -> JournalRow | None:
        """A subject's newest entry."""
        rows = _LAST_OF.alone(self._engine, subject)
        return _journal_row(rows[0]) if rows else None

    def _rows(self, query: Query, **given: object) -> Sequence[Any]:
        return query.alone(self._engine, **given)


def _unclaimed(row: Sequence[Any]) -> Unclaimed:
    settlement, salt, due = row
    at = None if due is None else datetime.fromtimestamp(due, UTC)
    return Unclaimed(settlement_id=SettlementId(settlement), salt=salt, due=at)


def _require_empty(connection: Connection) -> None:
    found = []
    for table in (tables.trade, tables.instruction, tables.cash_view, tables.unclaimed_payment, tables.journal):
        (row,) = Statement(f"SELECT count(*) FROM {table.name}").rows(connection)
        if row[0]:
            found.append(f"{row[0]} in {table.name}")
    if found:
        rule = "no records, as a rebuild overwrites nothing"
        raise Misconfigured(f"the service's database: {', '.join(found)} break the rule: {rule}")


def _written(said: object) -> bytes:
    """As `canonical`, sooner."""
    try:
        return orjson.dumps(said)
    except TypeError:  # a text that is no UTF-8: the other says so
        return canonical(said)


def _journal_row(row: Sequence[Any]) -> JournalRow:
    number, at, kind, subject, facts, digest = row
    entry = Entry(at=datetime.fromisoformat(at), kind=kind, subject=subject, facts=json.loads(facts))
    return JournalRow(number=number, entry=entry, hash=digest)
