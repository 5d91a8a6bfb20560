"""Limits: how much more an account pays in normal payments than it has received. None set, none holds.

A bilateral limit is against one account, the multilateral one against all that have none of their own.
The position counts what was paid today in normal payments (or is set aside for them) against all that
was received today; urgent and high payments pass limits by, as does a batch.
"""

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from lockstep.domain.errors import InvalidInput
from lockstep.rtgs.database import Step
from lockstep.rtgs.orders import LARGEST_AMOUNT, Kind, Order, Priority
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.tables import days, limits, payments

EVERYBODY = "*"
KINDS = (Kind.SETTLEMENT, Kind.INTERBANK, Kind.CUSTOMER)
"""For which limits hold: what an account owner gives back or moves itself is not limited."""


_LIMITS = Prepared(select(limits.c.counterparty, limits.c.amount).where(limits.c.account == bindparam("account")))


def set_limit(step: Step, account: str, counterparty: str, amount: int | None) -> None:
    """Sets, changes or (None) takes back a limit, in minor units."""
    if amount is not None and not 0 <= amount <= LARGEST_AMOUNT:
        raise InvalidInput("limit", amount, "zero or more, at most 18 digits")
    if counterparty == account:
        raise InvalidInput("counterparty", counterparty, "another account")
    step.books.changes += 1
    key = and_(limits.c.account == account, limits.c.counterparty == counterparty)
    if amount is None:
        step.connection.execute(limits.delete().where(key))
        return
    dialect = sqlite if step.connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(limits).values(account=account, counterparty=counterparty, amount=amount)
    step.connection.execute(
        statement.on_conflict_do_update(index_elements=["account", "counterparty"], set_={"amount": amount})
    )


def of_account(connection: Connection, account: str) -> dict[str, int]:
    """An account's limits by counterparty, `EVERYBODY` for the multilateral one."""
    return {str(name): int(amount) for name, amount in _LIMITS.all(connection, account=account)}


def applies(order: Order) -> bool:
    """Whether limits hold for such an order."""
    return order.priority is Priority.NORMAL and order.kind in KINDS


def name_of(known: dict[str, int], counterparty: str) -> str | None:
    """Under which of an account's limits a payment to this counterparty falls: its name, or None."""
    if counterparty in known:
        return counterparty
    return EVERYBODY if EVERYBODY in known else None


def room(connection: Connection, account: str, name: str, known: dict[str, int]) -> int:
    """What an account may still pay in normal payments under the limit of this name."""

    def others(counterparty: ColumnElement[str]) -> ColumnElement[bool]:
        if name != EVERYBODY:
            return counterparty == name
        return counterparty.not_in([one for one in known if one != EVERYBODY])

    today = select(func.max(days.c.date)).where(days.c.closed_at.is_(None)).scalar_subquery()
    total = func.coalesce(func.sum(payments.c.amount), 0)
    paid = select(total).where(
        payments.c.debtor_account == account,
        others(payments.c.creditor_account),
        payments.c.state.in_(("BOOKED", "HELD")),
        payments.c.priority == int(Priority.NORMAL),
        payments.c.kind.in_([kind.value for kind in KINDS]),
        payments.c.settlement_date == today,
    )
    received = select(total).where(
        payments.c.creditor_account == account,
        others(payments.c.debtor_account),
        payments.c.state == "BOOKED",
        payments.c.settlement_date == today,
    )
    net = connection.execute(received).scalar_one() - connection.execute(paid).scalar_one()
    return known[name] + int(net)
