"""Statements as messages (camt.053), and what is told of the business day (admi.004)."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from sqlalchemy import Connection, or_, select

from lockstep.domain.identifiers import Bic
from lockstep.domain.money import Money
from lockstep.domain.notice import SystemEvent
from lockstep.domain.payment import CashAccount, PaymentState
from lockstep.domain.statement import Entry, EntryKind, Statement
from lockstep.rtgs import announcing, ledger, register, statements
from lockstep.rtgs.database import Step
from lockstep.rtgs.ledger import Account
from lockstep.rtgs.parties import Role
from lockstep.rtgs.register import StoredOrder
from lockstep.rtgs.statements import StatementEntry
from lockstep.rtgs.tables import parties, payments

PAGE = 200
"""Entries in one camt.053."""


def send_statement(
    step: Step, account: Account, day: date, query_id: str | None = None, receiver: Bic | None = None
) -> None:
    """An account's statement of a day to its owner, or to another who may ask, in pages that each add up."""
    step.books.flush()
    for page in statement_pages(step.connection, account, day, step.now, query_id):
        step.send([receiver or account.owner], page)


def statement_pages(
    connection: Connection, account: Account, day: date, now: datetime, query_id: str | None = None
) -> Iterator[Statement]:
    """An account's statement of a day, in pages that each add up. Raises InvalidInput for a day that never was."""
    stated = statements.statement(connection, account.number, day, now)
    orders = _orders(connection, stated.entries)
    entries = [_entry(one, orders.get(one.posting), account.currency) for one in stated.entries]
    balance = stated.opening
    for start in range(0, max(1, len(entries)), PAGE):
        part = tuple(entries[start : start + PAGE])
        opening, balance = balance, balance + sum(one.signed for one in part)
        yield Statement(
            statement_id=f"{account.number[:20]}/{day:%Y%m%d}",
            sequence=stated.number or statements.last_number(connection, account.number) + 1,
            account=CashAccount(owner=account.owner, number=account.number),
            since=min([stated.since, *(one.booked_at for one in part)]),
            until=stated.issued_at,
            opening=Money(currency=account.currency, amount=opening),
            closing=Money(currency=account.currency, amount=balance),
            entries=part,
            page=start // PAGE + 1,
            is_last=start + PAGE >= len(entries),
            query_id=query_id,
        )


def send_statements(step: Step, day: date) -> None:
    """Every participant's statements of a day that has ended."""
    known = set(step.connection.scalars(select(parties.c.bic)))
    for account in ledger.all_accounts(step.connection):
        if not account.technical and account.owner in known:
            send_statement(step, account, day)


def tell_phase(step: Step, day: date, phase: str) -> None:
    """admi.004 to every participant: the business day and its phase."""
    event = SystemEvent(code="PHAS", parameters=(day.isoformat(), phase), at=step.now)
    everybody = select(parties.c.bic).where(parties.c.role == Role.PARTICIPANT.value).order_by(parties.c.bic)
    step.send(list(step.connection.scalars(everybody)), event)


def _orders(connection: Connection, entries: Sequence[StatementEntry]) -> dict[int, StoredOrder]:
    """The payment of each posting that is one's, by the posting's number: references name it."""
    named = {one.posting: one.reference.split("/")[1] for one in entries if not one.reference.startswith("funding/")}
    found: dict[str, StoredOrder] = {}
    names = list(dict.fromkeys(named.values()))
    for start in range(0, len(names), PAGE):
        part = names[start : start + PAGE]
        either = or_(payments.c.settlement_id.in_(part), payments.c.uetr.in_(part))
        for stored in register.where(connection, either, payments.c.state == PaymentState.BOOKED.name):
            found[stored.order.settlement_id or stored.order.uetr] = stored
    return {posting: found[name] for posting, name in named.items() if name in found}


def _entry(one: StatementEntry, stored: StoredOrder | None, currency: str) -> Entry:
    if stored is not None:
        return announcing.entry_of(stored, one.posting, one.amount < 0, abs(one.amount), stated=True)
    return Entry(
        posting=one.posting,
        amount=Money(currency=currency, amount=abs(one.amount)),
        credit=one.amount > 0,
        booked_at=one.booked_at,
        kind=EntryKind.LIQUIDITY,
        end_to_end_id=one.reference.partition("/")[2][:35],
    )
