"""Offsetting: payments that wait, settled at one moment against each other.

Bilateral, when a new payment has to wait: its debtor's and its creditor's queues towards each other.
Multilateral, at each tick or on the operator's word: all queues of a currency. Both keep the order of
urgent and high payments; of normal ones the last in is left out first. Payments that are held for a
settlement take part with what they need; what they pay arrives only when they are released.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, or_, select

from lockstep.domain.identifiers import Uetr
from lockstep.domain.payment import PaymentState
from lockstep.rtgs import limits, payments, register
from lockstep.rtgs.database import Step
from lockstep.rtgs.gridlock import NOWHERE, Queued, settle_together
from lockstep.rtgs.ledger import Account
from lockstep.rtgs.orders import Kind, Priority
from lockstep.rtgs.register import StoredOrder
from lockstep.rtgs.tables import payments as table


class Waiting(NamedTuple):
    """What offsetting knows of a payment that waits."""

    uetr: str
    debtor: str
    creditor: str
    amount: int
    priority: int
    held: bool
    limited: bool


def bilateral(step: Step, stored: StoredOrder) -> int:
    """Offsets the queues of a waiting payment's two accounts; how many payments settled."""
    order = stored.order
    if order.kind is Kind.BATCH:
        return 0
    pair = {order.debtor.number: order.creditor.number, order.creditor.number: order.debtor.number}
    queues = {account: _towards(queue, pair[account]) for account, queue in _queues(step, accounts=pair).items()}
    if len(queues) < 2 or not all(queues.values()):
        return 0
    caps = {}
    for account in queues:
        known = step.once(limits.of_account, account)
        name = limits.name_of(known, pair[account])
        if name is not None:
            caps[account] = limits.room(step.connection, account, name, known)
    return _settle(step, queues, caps)


def multilateral(step: Step, currency: str) -> int:
    """Offsets all queues of a currency; how many payments settled."""
    queues = _queues(step, currency=currency)
    if len(queues) < 2:
        return 0
    return _settle(step, {account: _within_limits(step, account, queue) for account, queue in queues.items()}, {})


def currencies_waiting(step: Step) -> list[str]:
    """The currencies in which at least two accounts have something queued that would arrive."""
    query = select(table.c.currency, table.c.debtor_account).distinct()
    rows = step.connection.execute(query.where(*_open(step), table.c.held.is_(False))).all()
    found = [row.currency for row in rows]
    return sorted({currency for currency in found if found.count(currency) > 1})


def needs(account: Account, queue: Iterable[tuple[int, int]]) -> list[int]:
    """What an account must have to settle its queue up to each payment, given (priority, amount) of each.

    Urgent payments may use all there is; high ones leave what is reserved for urgent ones, normal ones
    what is reserved for either; a class uses its own reservation up first.
    """
    urgent = high = normal = 0
    found = []
    for priority, amount in queue:
        if priority == Priority.URGENT:
            urgent += amount
            found.append(urgent)
        elif priority == Priority.HIGH:
            high += amount
            found.append(max(urgent, account.reserved_urgent) + high)
        else:
            normal += amount
            found.append(max(urgent, account.reserved_urgent) + max(high, account.reserved_high) + normal)
    return found


def _settle(step: Step, queues: Mapping[str, Sequence[Waiting]], caps: Mapping[str, int]) -> int:
    """Finds what settles together and settles it. `caps`: what normal payments may take of an account,
    beyond what comes in, under its limit towards the other one."""
    step.books.load(queues)
    places = {account: place for place, account in enumerate(queues)}
    liquidity, queued = [], []
    for number, queue in queues.items():
        account = step.books.account(number)
        assert account is not None, number
        required = needs(account, ((one.priority, one.amount) for one in queue))
        if number in caps:
            required = _capped(required, queue, account.available - caps[number])
        liquidity.append(account.available)
        queued.append(
            [
                Queued(need, one.amount, NOWHERE if one.held else places.get(one.creditor, NOWHERE))
                for need, one in zip(required, queue, strict=True)
            ]
        )
    taken = settle_together(liquidity, queued)
    chosen = [one for count, queue in zip(taken, queues.values(), strict=True) for one in queue[:count]]
    if all(one.held for one in chosen):
        return 0  # nothing arrives: what fits by itself was held before
    stored = {one.order.uetr: one for one in register.by_uetrs(step.connection, (Uetr(one.uetr) for one in chosen))}
    payments.go_together(step, [stored[Uetr(one.uetr)] for one in chosen])
    return len(chosen)


def _capped(required: Iterable[int], queue: Sequence[Waiting], offset: int) -> list[int]:
    """Needs under a limit: normal payments − their limit's room ≤ what comes in."""
    normal, found = 0, []
    for need, one in zip(required, queue, strict=True):
        normal += one.amount if one.limited else 0
        found.append(max(need, normal + offset) if normal else need)
    return found


def _queues(
    step: Step, *, accounts: Iterable[str] | None = None, currency: str | None = None
) -> dict[str, list[Waiting]]:
    """The queues in order of service, without batches and what is not to be paid now."""
    columns = ("uetr", "debtor_account", "creditor_account", "amount", "priority", "held", "kind")
    conditions = [*_open(step), table.c.kind != Kind.BATCH.value]
    if accounts is not None:
        conditions.append(table.c.debtor_account.in_(list(accounts)))
    if currency is not None:
        conditions.append(table.c.currency == currency)
    query = select(*(table.c[name] for name in columns)).where(*conditions)
    query = query.order_by(table.c.debtor_account, table.c.priority, table.c.position, table.c.number)
    found: dict[str, list[Waiting]] = {}
    for uetr, debtor, creditor, amount, priority, held, kind in step.connection.execute(query):
        limited = priority == Priority.NORMAL and kind in _LIMITED
        found.setdefault(debtor, []).append(Waiting(uetr, debtor, creditor, amount, priority, held, limited))
    return found


_LIMITED = frozenset(kind.value for kind in limits.KINDS)


def _open(step: Step) -> list[ColumnElement[bool]]:
    return [
        table.c.state == PaymentState.PENDING.name,
        or_(table.c.pay_by.is_(None), table.c.pay_by >= step.now),
        or_(table.c.not_before.is_(None), table.c.not_before <= step.now),
    ]


def _towards(queue: Sequence[Waiting], creditor: str) -> list[Waiting]:
    """What of a queue may settle with this creditor alone: nothing passes an urgent or high payment."""
    found = []
    for one in queue:
        if one.creditor == creditor:
            found.append(one)
        elif one.priority != Priority.NORMAL:
            break
    return found


def _within_limits(step: Step, account: str, queue: Sequence[Waiting]) -> list[Waiting]:
    """A queue without the normal payments for which a limit leaves no room, whatever comes in."""
    known = step.once(limits.of_account, account)
    if not known:
        return list(queue)
    room: dict[str, int] = {}
    found = []
    for one in queue:
        name = limits.name_of(known, one.creditor) if one.limited else None
        if name is not None:
            left = room.setdefault(name, limits.room(step.connection, account, name, known))
            if left < one.amount:
                continue
            room[name] = left - one.amount
        found.append(one)
    return found
