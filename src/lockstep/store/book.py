"""The Book port on a database: a change is one transaction, its journal entries numbered and chained."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, Table, bindparam, insert, select, update

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Conflict
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import CancellationAdvice, CancellationRequest, SettlementConfirmation, StatusAdvice
from lockstep.domain.journal import GENESIS, Entry, JournalRow, entry_hash
from lockstep.domain.message import Message
from lockstep.domain.trade import Trade
from lockstep.ports import Change, Lease, PartyBody, StoredInstruction
from lockstep.store import tables
from lockstep.store.codec import dump, load
from lockstep.store.leases import require
from lockstep.store.prepared import Query

__all__ = ["SqlBook"]

_BODIES: dict[str, type[Message[PartyBody]]] = {
    body.__name__: Message[body]  # type: ignore[valid-type]
    for body in (StatusAdvice, CancellationAdvice, SettlementConfirmation)
}
_MAILBOX = "rtgs"

_instruction, _trade, _outgoing, _request = tables.instruction.c, tables.trade.c, tables.outgoing.c, tables.request.c
_INSTRUCTION = Query(
    select(_instruction.body).where(
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
                _upsert(connection, tables.cash_view, {"settlement_id": view.settlement_id}, {"body": dump(view)})
            if change.cash_cursor is not None:
                _upsert(connection, tables.mail_cursor, {"mailbox": _MAILBOX}, {"sequence": change.cash_cursor})
            for sender, message_id, content_hash in change.seen:
                key = {"sender": sender, "message_id": message_id}
                _upsert(connection, tables.seen, key, {"content_hash": content_hash})
            for request in change.requests:
                self._put_request(connection, request)
            for message in change.outgoing:
                self._put_outgoing(connection, message)
            for message_id in change.delivered:
                table = tables.outgoing
                connection.execute(update(table).where(table.c.message_id == message_id).values(delivered=True))
            self._append(connection, change.entries)
        self._on_commit(change.entries[-1].kind if change.entries else "delivered")

    def _put_instruction(self, connection: Connection, stored: StoredInstruction) -> None:
        owner, reference = stored.key
        table = tables.instruction
        same = (table.c.owner == owner) & (table.c.reference == reference)
        known = connection.execute(select(table.c.status, table.c.body).where(same)).first()
        values = {"status": stored.status, "trade_id": stored.trade_id, "body": dump(stored)}
        if known is None:
            connection.execute(insert(table).values(owner=owner, reference=reference, **values))
        elif known.status == "WAITING" and load(StoredInstruction, known.body).message_id == stored.message_id:
            connection.execute(update(table).where(same).values(values))
        else:  # matched or ended since it was read, or another message's
            raise Conflict("instruction", f"{owner}/{reference}")

    def _put_trade(self, connection: Connection, trade: Trade) -> None:
        table, stored = tables.trade, replace(trade, version=trade.version + 1)
        values = {
            "version": stored.version,
            "state": trade.state.value,
            "open": not trade.state.is_end,
            "body": dump(stored),
        }
        if trade.version == 0:
            if connection.execute(select(table.c.number).where(table.c.trade_id == trade.trade_id)).first():
                raise Conflict("trade version", f"{trade.trade_id}/0")
            connection.execute(insert(table).values(trade_id=trade.trade_id, **values))
        else:
            unchanged = (table.c.trade_id == trade.trade_id) & (table.c.version == trade.version)
            if not connection.execute(update(table).where(unchanged).values(values)).rowcount:
                raise Conflict("trade version", f"{trade.trade_id}/{trade.version}")
        if trade.order is not None:
            movement = trade.order.movement
            known = self._next_nonce(connection, movement.seller)
            if movement.nonce >= known:
                _upsert(connection, tables.order_nonce, {"seller": movement.seller}, {"next": movement.nonce + 1})

    def _put_request(self, connection: Connection, request: Message[CancellationRequest]) -> None:
        connection.execute(
            insert(tables.request).values(
                sender=request.sender,
                message_id=request.message_id,
                owner=request.body.owner.lei,
                reference=request.body.reference,
                body=dump(request),
            )
        )

    def _put_outgoing(self, connection: Connection, message: Message[PartyBody]) -> None:
        table = tables.outgoing
        if connection.execute(select(table.c.number).where(table.c.message_id == message.message_id)).first():
            return
        connection.execute(
            insert(table).values(
                message_id=message.message_id,
                kind=type(message.body).__name__,
                delivered=False,
                body=dump(message),
            )
        )

    def _append(self, connection: Connection, entries: Sequence[Entry]) -> None:
        table = tables.journal
        last = connection.execute(select(table.c.number, table.c.hash).order_by(table.c.number.desc())).first()
        number, previous = (last.number, last.hash) if last else (0, GENESIS)
        for entry in entries:
            number, previous = number + 1, entry_hash(previous, number + 1, entry)
            connection.execute(
                insert(table).values(
                    number=number,
                    at=entry.at.isoformat(),
                    kind=entry.kind,
                    subject=entry.subject,
                    facts=json.dumps(dict(entry.facts), ensure_ascii=False),
                    hash=previous,
                )
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

    def next_order_nonce(self, seller: str) -> int:
        with self._engine.begin() as connection:
            return self._next_nonce(connection, seller)

    def _next_nonce(self, connection: Connection, seller: str) -> int:
        table = tables.order_nonce
        row = connection.execute(select(table.c.next).where(table.c.seller == seller)).first()
        return int(row.next) if row else 0

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

    def _rows(self, query: Query, **given: object) -> Sequence[Row[Any]]:
        with self._engine.begin() as connection:
            return query.rows(connection, **given)


def _upsert(connection: Connection, table: Table, key: Mapping[str, object], values: Mapping[str, object]) -> None:
    """Update or insert; the transaction holds the write lock, so nothing comes in between."""
    same = [table.c[name] == value for name, value in key.items()]
    if not connection.execute(update(table).where(*same).values(values)).rowcount:
        connection.execute(insert(table).values(**key, **values))
