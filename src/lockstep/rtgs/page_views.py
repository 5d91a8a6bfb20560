"""What people look at, read off the books in one consistent view: amounts as decimal text, nothing to compute.

Lists are bounded: where more is there than is shown, a count beside the list says how much.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import unescape

from sqlalchemy import Connection, func, select

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, derive_message_id
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import PaymentState
from lockstep.iso20022 import write
from lockstep.rtgs import ledger, parties, register, reporting, rules, timetable
from lockstep.rtgs.ledger import Account
from lockstep.rtgs.orders import Kind
from lockstep.rtgs.register import StoredOrder
from lockstep.rtgs.tables import days, inbox, outbox, payments, releases
from lockstep.rtgs.tables import parties as parties_table

SHOWN = 200
"""Payments of a list, at most."""

MESSAGES_SHOWN = 500
"""Messages of a list, at most."""

_HEADER = {
    "id": re.compile(rb"<(?:\w+:)?BizMsgIdr>\s*([^<]{1,70}?)\s*<"),
    "definition": re.compile(rb"<(?:\w+:)?MsgDefIdr>\s*([^<]{1,70}?)\s*<"),
}
_SAID = re.compile(
    rb"<(?:\w+:)?(?:TxSts|OrgnlMsgSts|GrpSts|Conf|StsCd|RjctgPtyRsn|EvtCd)>\s*([^<]{1,70}?)\s*<|"
    rb"<(?:\w+:)?(?:CdtDbtInd)>\s*(CRDT|DBIT)\s*<"
)
_TELLS = ("pacs.002", "camt.025", "camt.029", "camt.054", "admi.002", "admi.004", "admi.007")
"""Messages that have one word for what they say."""


def day(connection: Connection, now: datetime) -> dict[str, Any]:
    """The business day: date, phase, cut-offs by kind of payment, and what the clock shows."""
    found = connection.execute(select(days).where(days.c.closed_at.is_(None))).first()
    table, current = timetable.timetable(connection), rules.business_day(connection)
    phase = timetable.phase(connection)
    taken = timetable.taken_in(connection, phase)
    of_day = current or (table.local(now).date() if table else None)
    cut_offs = [
        {
            "kind": kind.name,
            "taken": kind in taken,
            "until": None if table is None or of_day is None else table.cut_off(kind, of_day),
        }
        for kind in Kind
    ]
    last = connection.scalar(select(func.max(days.c.date)).where(days.c.closed_at.is_not(None)))
    return {
        "now": now,
        "date": current,
        "phase": phase,
        "phase_since": None if found is None else found.phase_since,
        "opened_at": None if found is None else found.opened_at,
        "last_closed": last,
        "zone": None if table is None else table.zone,
        "phases": []
        if table is None
        else [{"name": one.name, "starts": f"{one.starts:%H:%M}"} for one in table.phases],
        "closes": None if table is None else f"{table.closes:%H:%M}",
        "cut_offs": cut_offs,
    }


def accounts(connection: Connection) -> list[dict[str, Any]]:
    """All accounts by number, technical ones last."""
    return [account(one) for one in sorted(ledger.all_accounts(connection), key=lambda one: one.technical)]


def account(one: Account) -> dict[str, Any]:
    amounts = {name: getattr(one, name) for name in _AMOUNTS}
    return {
        "number": one.number,
        "owner": one.owner,
        "currency": one.currency,
        "technical": one.technical,
        **{name: Money(currency=one.currency, amount=amount).text() for name, amount in amounts.items()},
    }


_AMOUNTS = (
    "posted",
    "earmarked",
    "available",
    "credit_limit",
    "reserved_urgent",
    "reserved_high",
    "standing_urgent",
    "standing_high",
)


def order(stored: StoredOrder) -> dict[str, Any]:
    """One payment as a line of a list."""
    one = stored.order
    return {
        "number": stored.number,
        "uetr": one.uetr,
        "kind": one.kind.name,
        "priority": one.priority.name,
        "state": stored.state.name,
        "reason": None if stored.reason is None else f"{stored.reason_code} {stored.reason}",
        "amount": one.amount.text(),
        "currency": one.amount.currency,
        "debtor": one.debtor.owner,
        "debtor_account": one.debtor.number,
        "creditor": one.creditor.owner,
        "creditor_account": one.creditor.number,
        "instructing": stored.instructing,
        "message_id": stored.message_id,
        "settlement_id": one.settlement_id,
        "settlement_date": one.settlement_date,
        "entered_at": stored.entered_at,
        "decided_at": stored.decided_at,
        "irrevocable_at": stored.irrevocable_at,
        "booked_at": stored.booked_at,
        "not_before": one.timing.not_before,
        "pay_by": one.pay_by,
    }


def orders(connection: Connection, states: Iterable[PaymentState] | None, at_most: int) -> dict[str, Any]:
    """The newest payments, newest first, and how many there are of each state."""
    counted = select(payments.c.state, func.count()).group_by(payments.c.state)
    counts = {str(state): int(count) for state, count in connection.execute(counted)}
    chosen = [payments.c.state.in_([one.name for one in states])] if states is not None else []
    numbers = select(payments.c.number).where(*chosen).order_by(payments.c.number.desc()).limit(at_most)
    found = register.where(connection, payments.c.number.in_(list(connection.scalars(numbers))))
    return {"payments": [order(one) for one in reversed(found)], "counts": counts}


def queue(connection: Connection, account: str | None, at_most: int) -> dict[str, Any]:
    """What waits, by debtor's account and in order of service; `waiting` counts also what is not listed."""
    pending = [payments.c.state == PaymentState.PENDING.name]
    if account is not None:
        _known(connection, account)
        pending.append(payments.c.debtor_account == account)
    columns = payments.c.debtor_account, payments.c.debtor, payments.c.currency
    total = select(*columns, func.count().label("waiting"), func.sum(payments.c.amount).label("value"))
    queues = {
        str(row.debtor_account): {
            "account": row.debtor_account,
            "owner": row.debtor,
            "currency": row.currency,
            "waiting": row.waiting,
            "value": Money(currency=row.currency, amount=int(row.value)).text(),
            "payments": list[dict[str, Any]](),
        }
        for row in connection.execute(total.where(*pending).group_by(*columns).order_by(payments.c.debtor_account))
    }
    for stored in register.where(connection, *pending, by_priority=True, at_most=at_most):
        queues[stored.order.debtor.number]["payments"].append(order(stored))
    return {"waiting": sum(one["waiting"] for one in queues.values()), "queues": list(queues.values())}


def held(connection: Connection, at_most: int) -> dict[str, Any]:
    """Payments whose money is set aside, oldest first, each with the agents that have released it."""
    of_state = payments.c.state == PaymentState.HELD.name
    found = register.where(connection, of_state, at_most=at_most)
    given: dict[str, list[str]] = {}
    wanted = [one.order.uetr for one in found]
    query = select(releases.c.uetr, releases.c.agent).where(releases.c.uetr.in_(wanted)).order_by(releases.c.agent)
    for uetr, agent in connection.execute(query):
        given.setdefault(uetr, []).append(agent)
    return {
        "held": connection.scalar(select(func.count()).select_from(payments).where(of_state)),
        "quorum": parties.quorum(connection),
        "agents": parties.agents(connection),
        "payments": [order(one) | {"releases": given.get(one.order.uetr, [])} for one in found],
    }


def messages(connection: Connection, system: Bic, at_most: int, party: str | None = None) -> list[dict[str, Any]]:
    """The newest messages in and out, newest first, of all parties or one: what their headers say.

    `reference` names a message for `message`. Of several in one second, an answer stands above its question.
    """
    came = select(inbox.c.number, inbox.c.sender, inbox.c.data, inbox.c.received_at)
    mail = outbox.alias()
    last = select(func.max(mail.c.sequence)).where(mail.c.receiver == parties_table.c.bic).correlate(parties_table)
    newest = (outbox.c.receiver == parties_table.c.bic) & (outbox.c.sequence > last.scalar_subquery() - at_most)
    went = select(outbox.c.receiver, outbox.c.sequence, outbox.c.data, outbox.c.created_at).select_from(
        parties_table.join(outbox, newest)
    )
    if party is not None:
        came, went = came.where(inbox.c.sender == party), went.where(outbox.c.receiver == party)
    found = [
        (row.received_at, 0, row.number, _line(f"in/{row.number}", row.sender, system, row.received_at, row.data))
        for row in connection.execute(came.order_by(inbox.c.number.desc()).limit(at_most))
    ]
    went = went.order_by(outbox.c.created_at.desc(), outbox.c.sequence.desc(), outbox.c.receiver).limit(at_most)
    found += [
        (
            row.created_at,
            1,
            row.sequence,
            _line(f"out/{row.receiver}/{row.sequence}", system, row.receiver, row.created_at, row.data),
        )
        for row in connection.execute(went)
    ]
    found.sort(key=lambda one: one[:3], reverse=True)
    return [line for *_, line in found[:at_most]]


def message(connection: Connection, reference: str) -> bytes:
    """One message as it came or went. Raises InvalidInput for a reference that `messages` would not give."""
    found: bytes | None = None
    if match := re.fullmatch(r"in/([0-9]{1,18})", reference):
        found = connection.scalar(select(inbox.c.data).where(inbox.c.number == int(match[1])))
    elif match := re.fullmatch(r"out/([A-Z0-9]{8,11})/([0-9]{1,9})", reference):
        of_mail = (outbox.c.receiver == match[1]) & (outbox.c.sequence == int(match[2]))
        found = connection.scalar(select(outbox.c.data).where(of_mail))
    if found is None:
        raise InvalidInput("reference", reference, "in/NUMBER or out/BIC/NUMBER of a message that there is")
    return found


def statement_messages(
    connection: Connection, system: Bic, number: str, wanted: date, now: datetime
) -> list[tuple[str, str]]:
    """A statement as camt.053, page by page: message id and XML. A copy for the desk: nobody is sent it."""
    found = _known(connection, number)
    if found.technical:
        raise InvalidInput("account", number, "a participant's account")
    pages = reporting.statement_pages(connection, found, wanted, now)
    copies = []
    for page in pages:
        identity = derive_message_id(system, found.owner, f"copy/{page.statement_id}/{page.is_last}", page.page)
        copy = Message(sender=system, receiver=found.owner, message_id=identity, created=now, body=page)
        copies.append((identity, write(copy).decode()))
    return copies


def _known(connection: Connection, number: str) -> Account:
    for found in ledger.all_accounts(connection):
        if found.number == number:
            return found
    raise InvalidInput("account", number, "an account of this RTGS")


def _line(reference: str, sender: str, receiver: str, at: datetime, data: bytes) -> dict[str, Any]:
    head = {name: _first(pattern, data[:4096]) for name, pattern in _HEADER.items()}
    told = (head["definition"] or "").startswith(_TELLS)
    return {
        "reference": reference,
        "at": at,
        "direction": "in" if reference.startswith("in/") else "out",
        "from": sender,
        "to": receiver,
        "type": head["definition"],
        "id": head["id"],
        "status": _first(_SAID, data) if told else None,
    }


def _first(pattern: re.Pattern[bytes], data: bytes) -> str | None:
    found = pattern.search(data)
    if found is None:
        return None
    return unescape(next(one for one in found.groups() if one is not None).decode(errors="replace"))
