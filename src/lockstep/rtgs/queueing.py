"""Who waits for whom. Each debtor's account has one queue, in three classes.

* Urgent and high are FIFO: nothing of the class passes what came before it, and nothing of a lower
  class passes them.
* Normal is FIFO with bypass: a payment that finds its money goes, even if an earlier normal one waits.
* A payment before its `not_before` is not in the queue, and neither blocks nor goes.
* A batch waits outside the queues of those who pay into it: once its `not_before` is there, it goes as
  soon as all of them can.
"""

from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, func, or_, select

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Uetr
from lockstep.domain.payment import PaymentState, Timing, require_timing
from lockstep.rtgs import register
from lockstep.rtgs.database import Step
from lockstep.rtgs.orders import LARGEST_AMOUNT, Kind, Order, Priority
from lockstep.rtgs.parties import refusal
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.register import StoredOrder
from lockstep.rtgs.tables import batch_legs, payments

_IN_TIME = or_(payments.c.pay_by.is_(None), payments.c.pay_by >= bindparam("now"))
_BEGUN = or_(payments.c.not_before.is_(None), payments.c.not_before <= bindparam("now"))
_QUEUED = (
    payments.c.state == PaymentState.PENDING.name,
    payments.c.debtor_account == bindparam("account"),
    payments.c.kind != Kind.BATCH.value,
    _IN_TIME,
    _BEGUN,
)
_WAITING = Prepared(
    select(payments)
    .where(*_QUEUED, or_(payments.c.priority < int(Priority.NORMAL), payments.c.amount <= bindparam("at_most")))
    .order_by(payments.c.priority, payments.c.position, payments.c.number)
)
_ANYTHING = Prepared(
    select(
        or_(
            exists().where(
                payments.c.state == PaymentState.PENDING.name, payments.c.debtor_account == bindparam("account")
            ),
            exists().where(
                payments.c.state == PaymentState.PENDING.name,
                payments.c.uetr == batch_legs.c.uetr,
                batch_legs.c.account == bindparam("account"),
                batch_legs.c.debit,
            ),
        )
    )
)
_BEFORE = Prepared(select(payments.c.number).where(*_QUEUED, payments.c.priority <= bindparam("last")).limit(1))
_BATCHES = Prepared(
    select(payments)
    .where(
        payments.c.state == PaymentState.PENDING.name,
        payments.c.uetr.in_(
            select(batch_legs.c.uetr).where(batch_legs.c.account == bindparam("account"), batch_legs.c.debit)
        ),
        _IN_TIME,
        _BEGUN,
    )
    .order_by(payments.c.number)
)


def idle(step: Step, account: str) -> bool:
    """Whether nothing at all waits in an account's queue, nor a batch that it pays into."""
    known = step.idle.get(account)
    if known is None:
        known = step.idle[account] = not _ANYTHING.scalar(step.connection, account=account)
    return known


def waiting(step: Step, account: str, *, at_most: int | None = None) -> list[StoredOrder]:
    """An account's queue, in order of service, without what is no longer or not yet to be paid.

    `at_most` leaves out normal payments of more than this (minor units).
    """
    largest = LARGEST_AMOUNT if at_most is None else at_most
    return register.found_by(step.connection, _WAITING, account=account, now=step.now, at_most=largest)


def begun(step: Step) -> list[str]:
    """The accounts that wait to pay what was not to settle before some instant, now past; of batches too."""
    begun = (payments.c.state == PaymentState.PENDING.name, payments.c.not_before <= step.now)
    paying = select(batch_legs.c.account).join(payments).where(*begun, batch_legs.c.debit)
    query = select(payments.c.debtor_account).where(*begun, payments.c.kind != Kind.BATCH.value).union(paying)
    return list(step.connection.scalars(query))


def batches_of(step: Step, account: str) -> list[StoredOrder]:
    """The batches that wait and that this account pays into, in order of arrival."""
    return register.found_by(step.connection, _BATCHES, account=account, now=step.now)


def blocked(step: Step, order: Order) -> bool:
    """Whether a new order must wait behind those that are queued already."""
    if order.kind in (Kind.BATCH, Kind.TRANSFER) or idle(step, order.debtor.number):
        return False
    last = int(order.priority) - (order.priority is Priority.NORMAL)  # a normal payment may pass normal ones
    return _BEFORE.first(step.connection, account=order.debtor.number, now=step.now, last=last) is not None


def queued(step: Step, uetr: Uetr) -> StoredOrder:
    """The payment of this UETR, if it waits. Raises Refused(PaymentUnknown, PaymentNotQueued)."""
    stored = register.by_uetr(step.connection, uetr)
    if stored is None:
        raise refusal("PaymentUnknown", "UETR", uetr, "the UETR of a payment that waits")
    if stored.state is not PaymentState.PENDING:
        raise refusal("PaymentNotQueued", "UETR", uetr, f"a payment that waits; this one is {stored.state.name}")
    return stored


def set_priority(step: Step, stored: StoredOrder, priority: Priority) -> None:
    """Moves a waiting payment to the end of another class. Serving the queue is the caller's."""
    if stored.order.kind is Kind.BATCH:
        raise refusal("PaymentNotQueued", "UETR", stored.order.uetr, "a payment of one debtor, not a batch")
    position = _edge(step.connection, stored.order.debtor.number, priority, last=True)
    _place(step, stored, priority, position)


def set_times(step: Step, stored: StoredOrder, *, not_before: datetime | None, pay_by: datetime | None) -> None:
    """Sets when a waiting payment may settle, of its settlement date; None leaves it. Raises InvalidInput."""
    after = not_before or stored.order.timing.not_before
    until = pay_by or stored.order.pay_by
    require_timing(Timing(not_before=after), stored.order.settlement_date, until)
    if until is not None and until < step.now:
        raise InvalidInput("SttlmTmReq/RjctTm", until.isoformat(), f"not before {step.now.isoformat()}")
    step.books.changes += 1
    step.connection.execute(
        payments.update().where(payments.c.number == stored.number).values(not_before=after, pay_by=until)
    )


def move(step: Step, stored: StoredOrder, *, to_front: bool) -> None:
    """Moves a waiting payment to the front or the end of its class. Serving the queue is the caller's."""
    priority = stored.order.priority
    position = _edge(step.connection, stored.order.debtor.number, priority, last=not to_front)
    _place(step, stored, priority, position)


def _edge(connection: Connection, account: str, priority: Priority, *, last: bool) -> int:
    """The place behind the last of all payments ever taken, or before the first of the class."""
    if last:
        return int(connection.execute(select(func.max(payments.c.position))).scalar_one()) + 1
    first = select(func.min(payments.c.position)).where(
        payments.c.debtor_account == account, payments.c.priority == int(priority), payments.c.state == "PENDING"
    )
    return int(connection.execute(first).scalar_one() or 0) - 1


def _place(step: Step, stored: StoredOrder, priority: Priority, position: int) -> None:
    step.books.changes += 1
    step.connection.execute(
        payments.update().where(payments.c.number == stored.number).values(priority=int(priority), position=position)
    )
