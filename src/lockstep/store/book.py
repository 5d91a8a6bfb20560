"""The Book port on a database: a change is one transaction, its journal entries numbered and chained."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, Table, bindparam, delete, insert, select, update

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Conflict
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import CancellationAdvice, CancellationRequest, SettlementConfirmation, StatusAdvice
from lockstep.domain.journal import GENESIS, Entry, JournalRow, entry_hash
from lockstep.domain.message import Message
from lockstep.domain.trade import Trade
from lockstep.ports import Change, Lease, PartyBody, StoredInstruction, Unclaimed
from lockstep.store import tables
from lockstep.store.codec import dump, load
from lockstep.store.leases import require
from lockstep.store.prepared import Query, Write

__all__ = ["SqlBook"]

_BODIES: dict[str, type[Message[PartyBody]]] = {
    body.__name__: Message[body]  # type: ignore[valid-type]
    for body in (StatusAdvice, CancellationAdvice, SettlementConfirmation)
}
_MAILBOX = "rtgs"

_instruction, _trade, _outgoing, _request = tables.instruction.c, tables.trade.c, tables.outgoing.c, tables.request.c
_INSTRUCTION = Query(
    select(_instruction.status, _instruction.body).where(
        _instruction.owner == bindparam("owner"), _instruction.reference == bindparam("reference")
    )
)
_SEEN = Query(
    select(tables.seen.c.content_hash).where(
        tables.seen.c.sender == bindparam("sender"), tables.seen.c.message_id == bindparam("message_id")
    )
)
_WAITING = Query(select(_instruction.body).where(_instruction.status == "WAITING").order_by(_instruction.number))
_INSTRUCTIONS = Query(select(_instruction.body).order_by(_instruction.number))
_TRADE = Query(select(_trade.body).where(_trade.trade_id == bindparam("trade_id")))
_OPEN_TRADES = Query(select(_trade.body).where(_trade.open).order_by(_trade.number))
_TRADES = Query(select(_trade.body).order_by(_trade.number))
_CASH_VIEW = Query(
    select(tables.cash_view.c.body).where(tables.cash_view.c.settlement_id == bindparam("settlement_id"))
)
_unclaimed = tables.unclaimed_payment.c
_UNCLAIMED = Query(select(_unclaimed.settlement_id).where(_unclaimed.salt == bindparam("salt")))
_UNCLAIMED_DUE = Query(
    select(_unclaimed.settlement_id, _unclaimed.salt, _unclaimed.due)
    .where(_unclaimed.due <= bindparam("now"))
    .order_by(_unclaimed.due)
    .limit(bindparam("most"))
)
_CURSOR = Query(select(tables.mail_cursor.c.sequence).where(tables.mail_cursor.c.mailbox == bindparam("mailbox")))
_CANCELLATIONS = Query(
    select(_request.body)
    .join(
        tables.instruction,
        (_request.owner == _instruction.owner) & (_request.reference == _instruction.reference),
    )
    .where(_instruction.trade_id == bindparam("trade_id"))
    .order_by(_request.number)
)
_UNDELIVERED = Query(
    select(_outgoing.kind, _outgoing.body).where(_outgoing.delivered.is_(False)).order_by(_outgoing.number)
)
_JOURNAL = Query(
    select(tables.journal).where(tables.journal.c.number > bindparam("after")).order_by(tables.journal.c.number)
)
_JOURNAL_OF = Query(
    select(tables.journal)
    .where(tables.journal.c.number > bindparam("after"), tables.journal.c.subject == bindparam("subject"))
    .order_by(tables.journal.c.number)
)

_NEXT_NONCE = Query(select(tables.order_nonce.c.next).where(tables.order_nonce.c.seller == bindparam("seller")))
_OUTGOING = Query(select(_outgoing.number).where(_outgoing.message_id == bindparam("message_id")))
_LAST_ENTRY = Query(
    select(tables.journal.c.number, tables.journal.c.hash).order_by(tables.journal.c.number.desc()).limit(1)
)

_NEW_INSTRUCTION = Write(insert(tables.instruction), "owner", "reference", "status", "trade_id", "body")
_CHANGED_INSTRUCTION = Write(
    update(tables.instruction).where(
        _instruction.owner == bindparam("its_owner"), _instruction.reference == bindparam("its_reference")
    ),
    "status",
    "trade_id",
    "body",
)
_NEW_TRADE = Write(insert(tables.trade), "trade_id", "version", "state", "open", "body")
_CHANGED_TRADE = Write(
    update(tables.trade).where(_trade.trade_id == bindparam("one"), _trade.version == bindparam("read")),
    "version",
    "state",
    "open",
    "body",
)
_NEW_REQUEST = Write(insert(tables.request), "sender", "message_id", "owner", "reference", "body")
_NEW_OUTGOING = Write(insert(tables.outgoing), "message_id", "kind", "delivered", "body")
_DELIVERED = Write(update(tables.outgoing).where(_outgoing.message_id == bindparam("one")), "delivered")
_NEW_ENTRY = Write(insert(tables.journal), *tables.journal.c.keys())


class _Upsert:
    """Update or insert; the transaction holds the write lock, so nothing comes in between."""

    def __init__(self, table: Table, *values: str) -> None:
        keys = [column.name for column in table.primary_key]
        self._keys = {name: f"its_{name}" for name in keys}
        same = [table.c[name] == bindparam(other) for name, other in self._keys.items()]
        self._update, self._insert = Write(update(table).where(*same), *values), Write(insert(table), *keys, *values)

    def run(self, connection: Connection, **given: object) -> None:
        if not self._update.run(connection, **{self._keys.get(name, name): one for name, one in given.items()}):
            self._insert.run(connection, **given)


_PUT_CASH_VIEW = _Upsert(tables.cash_view, "body")
_PUT_UNCLAIMED = _Upsert(tables.unclaimed_payment, "salt", "due")
_PUT_CURSOR = _Upsert(tables.mail_cursor, "sequence")
_PUT_SEEN = _Upsert(tables.seen, "content_hash")
_PUT_NONCE = _Upsert(tables.order_nonce, "next")


class SqlBook:
    """Book on a database. `on_commit` is called with the change's last entry kind after each commit.

    A worker's writes under its `lease`; one without is for those who only hand in and look.
    """

    def __init__(
        self, engine: Engine, on_commit: Callable[[str], None] = lambda _: None, lease: Lease | None = None
    ) -> None:
        self._engine, self._on_commit, self._lease = engine, on_commit, lease

    # --- writing

    def commit(self, change: Change) -> None:
        with self._engine.begin() as connection:
            require(connection, self._lease)
            for stored in change.instructions:
                self._put_instruction(connection, stored)
            for trade in change.trades:
                self._put_trade(connection, trade)
            for view in change.cash:
                _PUT_CASH_VIEW.run(connection, settlement_id=view.settlement_id, body=dump(view))
            for one in change.unclaimed:
                due = None if one.due is None else int(one.due.timestamp())
                _PUT_UNCLAIMED.run(connection, settlement_id=one.settlement_id, salt=one.salt, due=due)
            if change.claimed:
                connection.execute(delete(tables.unclaimed_payment).where(_unclaimed.settlement_id.in_(change.claimed)))
            if change.cash_cursor is not None:
                _PUT_CURSOR.run(connection, mailbox=_MAILBOX, sequence=change.cash_cursor)
            for sender, message_id, content_hash in change.seen:
                _PUT_SEEN.run(connection, sender=sender, message_id=message_id, content_hash=content_hash)
            for request in change.requests:
                self._put_request(connection, request)
            for message in change.outgoing:
                self._put_outgoing(connection, message)
            for message_id in change.delivered:
                _DELIVERED.run(connection, one=message_id, delivered=True)
            self._append(connection, change.entries)
        self._on_commit(change.entries[-1].kind if change.entries else "delivered")

    def _put_instruction(self, connection: Connection, stored: StoredInstruction) -> None:
        owner, reference = stored.key
        known = _INSTRUCTION.rows(connection, owner=owner, reference=reference)
        there = load(StoredInstruction, known[0].body) if known and known[0].status == "WAITING" else None
        values = {"status": stored.status, "trade_id": stored.trade_id, "body": dump(stored)}
        if not known:
            _NEW_INSTRUCTION.run(connection, owner=owner, reference=reference, **values)
        elif (
            there is not None
            and there.message_id == stored.message_id
            and len(there.cancellations) <= len(stored.cancellations)
            and (there.late is None or stored.late is not None)
        ):
            _CHANGED_INSTRUCTION.run(connection, its_owner=owner, its_reference=reference, **values)
        else:  # matched, ended or asked to be cancelled since it was read, or another message's
            raise Conflict("instruction", f"{owner}/{reference}")

    def _put_trade(self, connection: Connection, trade: Trade) -> None:
        stored = replace(trade, version=trade.version + 1)
        values = {
            "version": stored.version,
            "state": trade.state.value,
            "open": not trade.state.is_end,
            "body": dump(stored),
        }
        if trade.version == 0:
            if _TRADE.rows(connection, trade_id=trade.trade_id):
                raise Conflict("trade version", f"{trade.trade_id}/0")
            _NEW_TRADE.run(connection, trade_id=trade.trade_id, **values)
        elif not _CHANGED_TRADE.run(connection, one=trade.trade_id, read=trade.version, **values):
            raise Conflict("trade version", f"{trade.trade_id}/{trade.version}")
        if trade.order is not None:
            movement = trade.order.movement
            known = _NEXT_NONCE.rows(connection, seller=movement.seller)
            if not known or movement.nonce >= known[0].next:
                _PUT_NONCE.run(connection, seller=movement.seller, next=movement.nonce + 1)

    def _put_request(self, connection: Connection, request: Message[CancellationRequest]) -> None:
        _NEW_REQUEST.run(
            connection,
            sender=request.sender,
            message_id=request.message_id,
            owner=request.body.owner.lei,
            reference=request.body.reference,
            body=dump(request),
        )

    def _put_outgoing(self, connection: Connection, message: Message[PartyBody]) -> None:
        if _OUTGOING.rows(connection, message_id=message.message_id):
            return
        _NEW_OUTGOING.run(
            connection,
            message_id=message.message_id,
            kind=type(message.body).__name__,
            delivered=False,
            body=dump(message),
        )

    def _append(self, connection: Connection, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        last = _LAST_ENTRY.rows(connection)
        number, previous = (last[0].number, last[0].hash) if last else (0, GENESIS)
        for entry in entries:
            number, previous = number + 1, entry_hash(previous, number + 1, entry)
            _NEW_ENTRY.run(
                connection,
                number=number,
                at=entry.at.isoformat(),
                kind=entry.kind,
                subject=entry.subject,
                facts=json.dumps(dict(entry.facts), ensure_ascii=False),
                hash=previous,
            )

    # --- reading

    def instruction(self, owner: Lei, reference: Reference) -> StoredInstruction | None:
        rows = self._rows(_INSTRUCTION, owner=owner, reference=reference)
        return load(StoredInstruction, rows[0].body) if rows else None

    def seen(self, sender: str, message_id: str) -> str | None:
        rows = self._rows(_SEEN, sender=sender, message_id=message_id)
        return str(rows[0].content_hash) if rows else None

    def waiting(self) -> Sequence[StoredInstruction]:
        return [load(StoredInstruction, row.body) for row in self._rows(_WAITING)]

    def trade(self, trade_id: TradeId) -> Trade | None:
        rows = self._rows(_TRADE, trade_id=trade_id)
        return load(Trade, rows[0].body) if rows else None

    def open_trades(self) -> Sequence[Trade]:
        return [load(Trade, row.body) for row in self._rows(_OPEN_TRADES)]

    def trades(self) -> Sequence[Trade]:
        return [load(Trade, row.body) for row in self._rows(_TRADES)]

    def instructions(self) -> Sequence[StoredInstruction]:
        return [load(StoredInstruction, row.body) for row in self._rows(_INSTRUCTIONS)]

    def cash_view(self, settlement_id: SettlementId) -> CashView | None:
        rows = self._rows(_CASH_VIEW, settlement_id=settlement_id)
        return load(CashView, rows[0].body) if rows else None

    def cash_cursor(self) -> int:
        rows = self._rows(_CURSOR, mailbox=_MAILBOX)
        return int(rows[0].sequence) if rows else 0

    def unclaimed(self, salt: str) -> Sequence[SettlementId]:
        return [SettlementId(row.settlement_id) for row in self._rows(_UNCLAIMED, salt=salt)]

    def unclaimed_due(self, now: datetime, limit: int) -> Sequence[Unclaimed]:
        return [
            Unclaimed(
                settlement_id=SettlementId(row.settlement_id), salt=row.salt, due=datetime.fromtimestamp(row.due, UTC)
            )
            for row in self._rows(_UNCLAIMED_DUE, now=int(now.timestamp()), most=limit)
        ]

    def next_order_nonce(self, seller: str) -> int:
        rows = self._rows(_NEXT_NONCE, seller=seller)
        return int(rows[0].next) if rows else 0

    def cancellations(self, trade_id: TradeId) -> Sequence[Message[CancellationRequest]]:
        return [load(Message[CancellationRequest], row.body) for row in self._rows(_CANCELLATIONS, trade_id=trade_id)]

    def undelivered(self) -> Sequence[Message[PartyBody]]:
        return [load(_BODIES[row.kind], row.body) for row in self._rows(_UNDELIVERED)]

    def journal(self, subject: str | None = None, after: int = 0) -> Sequence[JournalRow]:
        if subject is None:
            rows = self._rows(_JOURNAL, after=after)
        else:
            rows = self._rows(_JOURNAL_OF, after=after, subject=subject)
        return [
            JournalRow(
                number=row.number,
                entry=Entry(
                    at=datetime.fromisoformat(row.at), kind=row.kind, subject=row.subject, facts=json.loads(row.facts)
                ),
                hash=row.hash,
            )
            for row in rows
        ]

    def _rows(self, query: Query, **given: object) -> Sequence[Any]:
        return query.alone(self._engine, **given)
