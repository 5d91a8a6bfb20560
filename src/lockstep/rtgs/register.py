"""The register of payments and of how settlements ended: what is kept, without what happens."""

from collections import namedtuple
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, bindparam, exists, func, or_, select, text

from lockstep.domain.identifiers import Bic, SettlementId, Uetr
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, Payment, PaymentState, Timing
from lockstep.rtgs.database import Step
from lockstep.rtgs.orders import Kind, Leg, Order, Priority
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.tables import LIVE, barred, batch_legs, endings, payments

OPEN = (PaymentState.HELD, PaymentState.PENDING)
_CHUNK = 500
_CHANGING = ("state", "decided_at", "reason_code", "reason", "irrevocable_at", "booked_at")
_ALL = select(payments).order_by(payments.c.number)
_EVERY = Prepared(_ALL)
_BY_UETR = Prepared(_ALL.where(payments.c.uetr == bindparam("of")))
_LIVE = Prepared(
    _ALL.where(
        payments.c.settlement_id == bindparam("of"),
        text(f"payments.{LIVE}"),  # word for word: with parameters SQLite could not use the index of these alone
    )
)
_LATE = Prepared(
    select(payments.c.number)
    .where(or_(*(payments.c.state == state.name for state in OPEN)), payments.c.pay_by < bindparam("now"))
    .limit(1)
)
_HELPED = Prepared(
    select(payments.c.number)
    .where(
        payments.c.state == PaymentState.PENDING.name,
        or_(payments.c.kind != Kind.SETTLEMENT.value, payments.c.not_before.is_not(None)),
    )
    .limit(1)
)
_TOMBSTONE = Prepared(
    select(endings.c.ended_at).where(endings.c.settlement_id == bindparam("of"), endings.c.ending == "NEVER")
)
_BURIED = Prepared(
    select(endings.c.settlement_id, endings.c.ended_at)
    .where(endings.c.uetr == bindparam("of"), endings.c.ending == "NEVER")
    .order_by(endings.c.settlement_id)
)
_BARRED = Prepared(
    select(barred.c.barred_at).where(barred.c.uetr == bindparam("of"), barred.c.instructing == bindparam("to"))
)
_HEARD_OF = Prepared(
    select(
        or_(
            exists().where(payments.c.uetr == bindparam("of")),
            exists().where(payments.c.settlement_id == bindparam("settlement"), text(f"payments.{LIVE}")),
            exists().where(endings.c.settlement_id == bindparam("settlement")),
            exists().where(barred.c.uetr == bindparam("of"), barred.c.instructing == bindparam("to")),
        )
    )
)
_END = Prepared(endings.insert())
_INSERT = Prepared(payments.insert())
_UPDATE = Prepared(
    payments.update()
    .where(payments.c.number == bindparam("of"))
    .values({name: bindparam(f"new_{name}", type_=payments.c[name].type) for name in _CHANGING})
)
_Row = cast(Any, namedtuple)("_Row", payments.columns.keys())
_LEGS = Prepared(
    select(batch_legs.c.account, batch_legs.c.debit, batch_legs.c.amount)
    .where(batch_legs.c.uetr == bindparam("of"))
    .order_by(batch_legs.c.leg)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why, as pacs.002 says it: an ISO code and a text that names field, value and rule."""

    code: str
    text: str

    @classmethod
    def of(cls, code: str, field: str, value: object, rule: str) -> "Reason":
        return cls(code=code, text=f"{field}: {value}: {rule}"[:105])  # AddtlInf is Max105Text


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayment:
    """A settlement's payment as the RTGS keeps it."""

    payment: Payment
    instructing: Bic
    message_id: str
    mandate: int | None
    """Number of the mandate under which it was taken; None when it was refused."""
    state: PaymentState
    decided_at: datetime
    reason_code: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOrder:
    """Any payment order, and what became of it.

    The moments of the Settlement Finality Directive: `entered_at` (SF1), `irrevocable_at` (SF2) and
    `booked_at` (SF3); the last two are None until it is booked.
    """

    number: int
    order: Order
    position: int
    """In the debtor's queue, within its priority: the smaller goes first."""
    instructing: Bic
    message_id: str
    mandate: int | None
    """Number of the mandate under which it was taken; None for the debtor's own order, or a refused one."""
    state: PaymentState
    decided_at: datetime
    reason_code: str | None = None
    reason: str | None = None
    entered_at: datetime
    irrevocable_at: datetime | None = None
    booked_at: datetime | None = None

    def stored_payment(self) -> StoredPayment:
        """As the settlement's payment that it is."""
        return StoredPayment(
            payment=self.order.payment(),
            instructing=self.instructing,
            message_id=self.message_id,
            mandate=self.mandate,
            state=self.state,
            decided_at=self.decided_at,
            reason_code=self.reason_code,
            reason=self.reason,
        )


def all_orders(connection: Connection) -> list[StoredOrder]:
    """All payments of every kind, in order of arrival."""
    return found_by(connection, _EVERY)


def settlements(orders: Iterable[StoredOrder]) -> list[StoredPayment]:
    """Those that are a settlement's own payment."""
    return [stored.stored_payment() for stored in orders if stored.order.kind is Kind.SETTLEMENT]


def by_uetr(connection: Connection, uetr: Uetr) -> StoredOrder | None:
    return next(iter(found_by(connection, _BY_UETR, of=uetr)), None)


def by_uetrs(connection: Connection, uetrs: Iterable[Uetr]) -> list[StoredOrder]:
    """Those that exist, in order of arrival within each five hundred."""
    wanted = list(uetrs)
    chunks = (wanted[start : start + _CHUNK] for start in range(0, len(wanted), _CHUNK))
    return [stored for chunk in chunks for stored in where(connection, payments.c.uetr.in_(chunk))]


def live(connection: Connection, settlement_id: SettlementId) -> StoredOrder | None:
    """The settlement's payment that is open or booked; there is at most one."""
    return next(iter(found_by(connection, _LIVE, of=settlement_id)), None)


def unheard_of(connection: Connection, uetr: Uetr, settlement_id: SettlementId, instructing: Bic) -> bool:
    """Whether nothing at all is known of a payment that comes: neither it, nor of its settlement, nor a recall."""
    return not _HEARD_OF.scalar(connection, of=uetr, settlement=settlement_id, to=instructing)


def anything_late(connection: Connection, now: datetime) -> bool:
    """Whether a payment is held or pending whose `pay_by` has passed."""
    return _LATE.first(connection, now=now) is not None


def still_open(connection: Connection, due_before: datetime | None = None) -> list[StoredOrder]:
    """Payments held or pending, in order of arrival; with `due_before` those whose `pay_by` has passed."""
    conditions: list[ColumnElement[bool]] = [payments.c.state.in_([state.name for state in OPEN])]
    if due_before is not None:
        conditions.append(payments.c.pay_by < due_before)
    return where(connection, *conditions)


def queued(connection: Connection, account: str | None = None) -> list[StoredOrder]:
    """What is pending, of one debtor's account or of all, in order of service."""
    conditions = [payments.c.state == PaymentState.PENDING.name]
    if account is not None:
        conditions.append(payments.c.debtor_account == account)
    return where(connection, *conditions, by_priority=True)


def anything_queued(connection: Connection) -> bool:
    """Whether a payment waits that time or others' payments could help, and not funds alone."""
    return _HELPED.first(connection) is not None


def tombstone(connection: Connection, settlement_id: SettlementId) -> datetime | None:
    """Since when a settlement can never be paid, or None."""
    since: datetime | None = _TOMBSTONE.scalar(connection, of=settlement_id)
    return since


def buried_under(connection: Connection, uetr: Uetr) -> list[tuple[SettlementId, datetime]]:
    """Settlements that were said never under a UETR, each with since when."""
    return [(SettlementId(settlement), since) for settlement, since in _BURIED.all(connection, of=uetr)]


def barred_since(connection: Connection, uetr: Uetr, instructing: Bic) -> datetime | None:
    """Since when a party can never use a UETR, because it recalled it before its payment came; or None."""
    since: datetime | None = _BARRED.scalar(connection, of=uetr, to=instructing)
    return since


def bar(step: Step, uetr: Uetr, instructing: Bic, reason_code: str) -> datetime:
    """Buries a UETR that is not known, for the party that recalls it; since when it is buried.

    Others' payments may still come under it: whoever guesses a UETR must not be able to deny it.
    """
    since = barred_since(step.connection, uetr, instructing)
    if since is None:
        since = step.now
        step.books.changes += 1
        row = {"uetr": uetr, "instructing": instructing, "barred_at": since, "reason_code": reason_code}
        step.connection.execute(barred.insert().values(row))
    return since


def end(step: Step, settlement_id: SettlementId, ending: str, uetr: Uetr, reason_code: str | None = None) -> None:
    """Writes a settlement's one ending, BOOKED or NEVER; the table refuses a second."""
    step.books.changes += 1
    row = {"settlement_id": settlement_id, "ending": ending, "uetr": uetr, "ended_at": step.now}
    _END.run(step.connection, [row | {"reason_code": reason_code}])


def returned(connection: Connection, original: Uetr) -> int:
    """How much of a payment was given back, or is about to be, in minor units."""
    given = select(func.coalesce(func.sum(payments.c.amount), 0)).where(
        payments.c.original == original, payments.c.state.not_in(("REJECTED", "CANCELLED"))
    )
    return int(connection.execute(given).scalar_one())


def update(step: Step, *changed: StoredOrder) -> None:
    """Stores payments' new states and moments."""
    _note(step, changed)
    _UPDATE.run(
        step.connection,
        [
            {
                "of": stored.number,
                "new_state": stored.state.name,
                "new_decided_at": stored.decided_at,
                "new_reason_code": stored.reason_code,
                "new_reason": stored.reason,
                "new_irrevocable_at": stored.irrevocable_at,
                "new_booked_at": stored.booked_at,
            }
            for stored in changed
        ],
    )


def insert(step: Step, stored: StoredOrder, mandates: Mapping[str, int]) -> None:
    """Stores a new payment, and a batch's legs with the mandates of those who pay in."""
    order = stored.order
    _note(step, [stored])
    _INSERT.run(
        step.connection,
        [
            {
                "number": stored.number,
                "uetr": order.uetr,
                "kind": order.kind.value,
                "priority": int(order.priority),
                "position": stored.position,
                "held": order.held,
                "settlement_id": order.settlement_id,
                "salt": order.salt,
                "original": order.original,
                "instructing": stored.instructing,
                "message_id": stored.message_id,
                "instruction_id": order.instruction_id,
                "end_to_end_id": order.end_to_end_id,
                "currency": order.amount.currency,
                "amount": order.amount.amount,
                "settlement_date": order.settlement_date,
                "debtor": order.debtor.owner,
                "debtor_account": order.debtor.number,
                "creditor": order.creditor.owner,
                "creditor_account": order.creditor.number,
                "pay_by": order.pay_by,
                "not_before": order.timing.not_before,
                "debit_at": order.timing.debit_at,
                "credit_at": order.timing.credit_at,
                "mandate": stored.mandate,
                "state": stored.state.name,
                "decided_at": stored.decided_at,
                "reason_code": stored.reason_code,
                "reason": stored.reason,
                "entered_at": stored.entered_at,
                "irrevocable_at": stored.irrevocable_at,
                "booked_at": stored.booked_at,
            }
        ],
    )
    if order.legs:
        step.connection.execute(
            batch_legs.insert(),
            [
                {
                    "uetr": order.uetr,
                    "leg": at,
                    "account": leg.account,
                    "debit": leg.debit,
                    "amount": leg.amount,
                    "mandate": mandates.get(leg.account) if leg.debit else None,
                }
                for at, leg in enumerate(order.legs, 1)
            ],
        )


def _note(step: Step, changed: Iterable[StoredOrder]) -> None:
    """What the step has in mind of payments must follow what it stores."""
    step.books.changes += 1
    for stored in changed:
        step.held.changed(stored)
        if stored.state is PaymentState.PENDING:
            step.idle.clear()


def where(
    connection: Connection, *conditions: ColumnElement[bool], by_priority: bool = False, at_most: int | None = None
) -> list[StoredOrder]:
    """Payments in order of arrival, or of service; the first `at_most` of them."""
    first = (payments.c.priority, payments.c.position) if by_priority else ()
    query = select(payments).where(*conditions).order_by(*first, payments.c.number).limit(at_most)
    rows = connection.execute(query).all()
    return [_stored(row, _legs(connection, row.uetr) if row.kind == Kind.BATCH.value else ()) for row in rows]


def found_by(connection: Connection, query: Prepared, **given: object) -> list[StoredOrder]:
    """Payments by a prepared query, which selects all columns."""
    rows: list[Any] = [_Row._make(row) for row in query.all(connection, **given)]
    return [_stored(row, _legs(connection, row.uetr) if row.kind == Kind.BATCH.value else ()) for row in rows]


def _legs(connection: Connection, uetr: str) -> tuple[Leg, ...]:
    found = _LEGS.all(connection, of=uetr)
    return tuple(Leg(account=account, debit=debit, amount=amount) for account, debit, amount in found)


def _stored(row: Any, legs: tuple[Leg, ...]) -> StoredOrder:
    return StoredOrder(
        number=row.number,
        order=Order(
            uetr=Uetr(row.uetr),
            kind=Kind(row.kind),
            priority=Priority(row.priority),
            held=row.held,
            instruction_id=row.instruction_id,
            end_to_end_id=row.end_to_end_id,
            amount=Money(currency=row.currency, amount=row.amount),
            settlement_date=row.settlement_date,
            debtor=CashAccount(owner=Bic(row.debtor), number=row.debtor_account),
            creditor=CashAccount(owner=Bic(row.creditor), number=row.creditor_account),
            settlement_id=None if row.settlement_id is None else SettlementId(row.settlement_id),
            salt=row.salt,
            pay_by=row.pay_by,
            timing=Timing(debit_at=row.debit_at, credit_at=row.credit_at, not_before=row.not_before),
            original=None if row.original is None else Uetr(row.original),
            legs=legs,
        ),
        position=row.position,
        instructing=Bic(row.instructing),
        message_id=row.message_id,
        mandate=row.mandate,
        state=PaymentState[row.state],
        decided_at=row.decided_at,
        reason_code=row.reason_code,
        reason=row.reason,
        entered_at=row.entered_at,
        irrevocable_at=row.irrevocable_at,
        booked_at=row.booked_at,
    )
