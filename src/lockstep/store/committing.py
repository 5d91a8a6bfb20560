"""Many changes in one transaction: each is judged against the records and those before it, then all are written.

Whoever judges has locked the rows that he judges by: on SQLite nobody else writes at all, on PostgreSQL the rows of the
instructions and trades are locked in the order of their numbers, so that two who want the same rows wait and do not
deadlock. So a change that conflicts is left out beforehand, and no savepoint is needed for each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Conflict, LeaseLost, LockstepError
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import CancellationAdvice, SettlementConfirmation, StatusAdvice
from lockstep.domain.margin_message import MarginCallRequest, MarginCallResponse
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.domain.trade import Trade
from lockstep.domain.values import replace
from lockstep.flow.matching import match_key
from lockstep.ports import Change, PartyBody, StoredInstruction, Unclaimed
from lockstep.store import tables
from lockstep.store.bulk import Insert, Statement, Update
from lockstep.store.codec import dump
from lockstep.store.wholes import Wholes, stored_since

__all__ = ["BODIES", "WAKE", "WOKEN", "Batch", "Hold"]

Key = tuple[Lei, Reference]
BODIES: dict[str, type[Message[PartyBody]]] = {
    "StatusAdvice": Message[StatusAdvice],
    "CancellationAdvice": Message[CancellationAdvice],
    "SettlementConfirmation": Message[SettlementConfirmation],
    "MarginCallRequest": Message[MarginCallRequest],
    "MarginCallResponse": Message[MarginCallResponse],
    "Rejection": Message[Rejection],
}
"""What goes out, by the name under which it is stored."""
_MAILBOX = "rtgs"
_NONCES_BELOW = 2**62
"""What is ever reserved is less. Parties that lock by themselves choose any nonce of 64 bits, and columns have 63."""


class Hold(NamedTuple):
    """Under what a trade was claimed."""

    holder: str
    fence: int


_INSTRUCTIONS = Statement(
    "SELECT number, owner, reference, status, message_id, late, asked FROM instruction "
    "WHERE (owner, reference) IN PAIRS "
    "[[ORDER BY number FOR UPDATE OF instruction]]"
)
_TRADES = Statement(
    "SELECT number, trade_id, version, holder, fence FROM trade WHERE trade_id IN LIST [[ORDER BY number FOR UPDATE]]"
)
_NEW_INSTRUCTION = Insert(
    tables.instruction,
    "owner",
    "reference",
    "status",
    "trade_id",
    "body",
    "late",
    "asked",
    "message_id",
    "match_key",
)
_CHANGED_INSTRUCTION = Update(tables.instruction, "number", "status", "trade_id", "body", "late", "asked")
_TOUCHED = Statement("UPDATE instruction SET touched = touched + 1 WHERE status = 'WAITING' AND match_key IN LIST")
_TOUCHED_AGAIN = Statement("UPDATE instruction SET touched = touched + 1 WHERE status = 'WAITING' AND late")
_NEW_TRADE = Insert(tables.trade, "trade_id", "version", "state", "open", "body", "settlement_id", "due")
WOKEN = "CASE WHEN until > 0 THEN -1 ELSE 0 END"
"""When a trade is due of which something was heard; less than 0: while a worker had it."""
_OWN_TRADE = Update(tables.trade, "number", "version", "state", "open", "body", "settlement_id")
_OTHERS_TRADE = Update(tables.trade, "number", "version", "state", "open", "body", "settlement_id", also={"due": WOKEN})
WAKE = Statement(
    f"UPDATE trade SET due = {WOKEN} WHERE number IN "
    f"(SELECT number FROM trade WHERE settlement_id IN LIST AND open AND due > {WOKEN} "
    "[[ORDER BY number FOR UPDATE]])"
)
_NONCES = Insert(
    tables.order_nonce,
    "seller",
    "next",
    conflict="(seller) DO UPDATE SET next = excluded.next WHERE order_nonce.next < excluded.next",
)
_CASH = Insert(
    tables.cash_view,
    "settlement_id",
    "body",
    "booked_at",
    "debtor",
    "creditor",
    conflict="(settlement_id) DO UPDATE SET body = excluded.body, booked_at = excluded.booked_at, "
    "debtor = excluded.debtor, creditor = excluded.creditor",
)
_UNCLAIMED = Insert(
    tables.unclaimed_payment,
    "settlement_id",
    "salt",
    "due",
    conflict="(settlement_id) DO UPDATE SET salt = excluded.salt, due = excluded.due",
)
_CLAIMED = Statement("DELETE FROM unclaimed_payment WHERE settlement_id IN LIST")
_CURSOR = Insert(
    tables.mail_cursor, "mailbox", "sequence", conflict="(mailbox) DO UPDATE SET sequence = excluded.sequence"
)
_SEEN = Insert(
    tables.seen,
    "sender",
    "message_id",
    "content_hash",
    conflict="(sender, message_id) DO UPDATE SET content_hash = excluded.content_hash",
)
_REQUEST = Insert(tables.request, "sender", "message_id", "owner", "reference", "body")
_OUTGOING = Insert(tables.outgoing, "message_id", "kind", "delivered", "body", conflict="(message_id) DO NOTHING")
_DELIVERED = Statement("UPDATE outgoing SET delivered = true WHERE NOT delivered AND message_id IN LIST")


@dataclass(slots=True)
class _Known:
    """The row of an instruction or a trade, as the changes before have left it. No number: it is new."""

    number: int | None
    status: str = ""
    message_id: str = ""
    late: bool = False
    asked: int = 0
    version: int = 0
    hold: Hold | None = None
    value: Any = None
    """What it is to be; None: as it is."""


@dataclass(slots=True)
class Batch:
    """The changes of one transaction. `held` says which trades the writer has claimed, and under what fence."""

    connection: Connection
    held: Mapping[TradeId, Hold]
    there: set[object] | None = None
    """Of records that were empty: the instructions and trades that batches before this one have stored."""
    stored: list[Change] = field(default_factory=list)
    """Those that are written."""
    _instructions: dict[Key, _Known] = field(default_factory=dict)
    _trades: dict[TradeId, _Known] = field(default_factory=dict)
    _wholes: Wholes = field(init=False)

    def __post_init__(self) -> None:
        self._wholes = Wholes(self.connection)

    def judge(self, changes: Sequence[Change]) -> list[LockstepError | None]:
        """What keeps each from being stored; None: it will be."""
        if self.there is None:
            self._read(changes)
        else:
            self._require_new(changes, self.there)
        return [self._judged(change) for change in changes]

    def _require_new(self, changes: Sequence[Change], there: set[object]) -> None:
        """Raises Conflict for what an earlier batch has stored."""
        keys = [stored.key for change in changes for stored in change.instructions]
        ids = [trade.trade_id for change in changes for trade in change.trades]
        for kind, one in (*(("instruction", key) for key in keys), *(("trade", id_) for id_ in ids)):
            if one in there:
                raise Conflict(kind, one if isinstance(one, str) else "/".join(one))
        there.update(keys, ids)

    def _read(self, changes: Sequence[Change]) -> None:
        keys = {stored.key for change in changes for stored in change.instructions}
        if keys:
            for number, owner, reference, status, message, late, asked in _INSTRUCTIONS.rows(
                self.connection, sorted(keys)
            ):
                self._instructions[owner, reference] = _Known(
                    number, status=status, message_id=message, late=bool(late), asked=asked
                )
        ids = {trade.trade_id for change in changes for trade in change.trades}
        if ids:
            for number, trade_id, version, holder, fence in _TRADES.rows(self.connection, sorted(ids)):
                self._trades[trade_id] = _Known(number, version=version, hold=Hold(holder, fence))
        self._wholes.read(changes)

    def _judged(self, change: Change) -> LockstepError | None:
        wrong = next(filter(None, map(self._instruction_conflict, change.instructions)), None) or next(
            filter(None, map(self._trade_conflict, change.trades)), None
        )
        wrong = wrong or self._wholes.conflict(change)
        if wrong is not None:
            return wrong
        for stored in change.instructions:
            known = self._instructions.setdefault(stored.key, _Known(None))
            known.status, known.message_id, known.value = stored.status, stored.message_id, stored
            known.late, known.asked = stored.late is not None, len(stored.cancellations)
        for trade in change.trades:
            row = self._trades.setdefault(trade.trade_id, _Known(None))
            row.version = trade.version + 1
            row.value = replace(trade, version=row.version)
        self._wholes.take(change)
        self.stored.append(change)
        return None

    def _instruction_conflict(self, stored: StoredInstruction) -> LockstepError | None:
        """It was matched, has ended or was asked to be cancelled since it was read, or is another message's."""
        known = self._instructions.get(stored.key)
        if known is None or (
            known.status == "WAITING"
            and known.message_id == stored.message_id
            and known.asked <= len(stored.cancellations)
            and (not known.late or stored.late is not None)
        ):
            return None
        return Conflict("instruction", "/".join(stored.key))

    def _trade_conflict(self, trade: Trade) -> LockstepError | None:
        """It was stored by another since it was read, or claimed by another since this writer did."""
        known = self._trades.get(trade.trade_id)
        hold = self.held.get(trade.trade_id)
        if hold is not None and known is not None and known.hold not in (hold, None):
            return LeaseLost(f"trade/{trade.trade_id}", hold.fence)
        return stored_since("trade", known.version if known else 0, trade.trade_id, trade.version)

    def write(self) -> None:
        """Everything but the journal. Of a row that several changes set, the last one counts."""
        self._write_instructions()
        self._write_trades()
        self._wholes.write()
        self._write_cash()
        self._write_unclaimed()
        messages = {one.message_id: one for change in self.stored for one in change.outgoing}
        seen = {(sender, message): content for change in self.stored for sender, message, content in change.seen}
        connection = self.connection
        _SEEN.run(connection, [(*key, seen[key]) for key in sorted(seen)])
        _REQUEST.run(
            connection,
            [
                (one.sender, one.message_id, one.body.owner.lei, one.body.reference, dump(one))
                for change in self.stored
                for one in change.requests
            ],
        )
        _OUTGOING.run(
            connection,
            [
                (key, name, False, dump(one, BODIES[name]))
                for key, one in messages.items()
                for name in (type(one.body).__name__,)
            ],
        )
        delivered = sorted({one for change in self.stored for one in change.delivered})
        if delivered:
            _DELIVERED.run(connection, delivered)

    def _write_instructions(self) -> None:
        new, changed, left = [], [], set()
        for (owner, reference), known in self._instructions.items():
            stored: StoredInstruction | None = known.value
            if stored is None:
                continue
            values = (
                stored.status,
                stored.trade_id,
                dump(stored, StoredInstruction, (owner, reference)),
                stored.late is not None,
                len(stored.cancellations),
            )
            if known.number is None:
                new.append((owner, reference, *values, stored.message_id, match_key(stored.instruction)))
            else:
                changed.append((*values, known.number))
                if stored.status == "CANCELLED":
                    left.add(match_key(stored.instruction))
        _NEW_INSTRUCTION.run(self.connection, new)
        _CHANGED_INSTRUCTION.run(self.connection, changed)
        if left:  # those who might have matched it are told anew why they wait
            _TOUCHED.run(self.connection, sorted(left))

    def _write_trades(self) -> None:
        new: list[Sequence[Any]] = []
        own: list[Sequence[Any]] = []
        others: list[Sequence[Any]] = []
        nonces: dict[str, int] = {}
        for trade_id, known in self._trades.items():
            trade: Trade | None = known.value
            if trade is None:
                continue
            body = dump(trade, Trade, trade_id)
            values = (known.version, trade.state.value, not trade.state.is_end, body, trade.settlement_id)
            if known.number is None:
                new.append((trade_id, *values, int(trade.matched_at.timestamp())))
            else:
                (own if trade_id in self.held else others).append((*values, known.number))
        for change in self.stored:
            for trade in change.trades:
                if trade.order is not None and trade.order.movement.nonce < _NONCES_BELOW:
                    movement = trade.order.movement
                    nonces[movement.seller] = max(nonces.get(movement.seller, 0), movement.nonce + 1)
        _NEW_TRADE.run(self.connection, new)
        _OWN_TRADE.run(self.connection, own)
        _OTHERS_TRADE.run(self.connection, others)
        _NONCES.run(self.connection, sorted(nonces.items()))

    def _write_cash(self) -> None:
        views = {view.settlement_id: view for change in self.stored for view in change.cash}
        cursors = [change.cash_cursor for change in self.stored if change.cash_cursor is not None]
        _CASH.run(self.connection, [_cash_row(views[one]) for one in sorted(views)])
        _CURSOR.run(self.connection, [(_MAILBOX, one) for one in cursors[-1:]])
        if views:  # in the same transaction: nobody dies between the news and the waking
            WAKE.run(self.connection, sorted(views))

    def _write_unclaimed(self) -> None:
        """In the order of the changes: of one settlement the last word counts."""
        said: dict[SettlementId, Unclaimed | None] = {}
        for change in self.stored:
            said.update({one.settlement_id: one for one in change.unclaimed})
            said.update(dict.fromkeys(change.claimed))
        left = [one for one in said.values() if one is not None]
        _UNCLAIMED.run(
            self.connection,
            [(one.settlement_id, one.salt, None if one.due is None else int(one.due.timestamp())) for one in left],
        )
        gone = sorted(settlement for settlement, one in said.items() if one is None)
        if gone:
            _CLAIMED.run(self.connection, gone)
            _TOUCHED_AGAIN.run(self.connection)  # what might have been a side of it may match others now


def _cash_row(view: CashView) -> tuple[Any, ...]:
    booked = debtor = creditor = None
    if view.is_booked and view.payment is not None and view.booked_at is not None:
        booked = int(view.booked_at.timestamp())
        debtor, creditor = (f"{one.owner}/{one.number}" for one in (view.payment.debtor, view.payment.creditor))
    return view.settlement_id, dump(view, CashView, view.settlement_id), booked, debtor, creditor
