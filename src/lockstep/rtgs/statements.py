"""What an account's day looked like: opening balance, every entry, closing balance.

At the end of each business day every account gets one, numbered from 1 without gaps. What it says
follows from the postings alone; the closing balance is compared with the account's own.
"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, func, or_, select

from lockstep.domain.errors import Contradiction, InvalidInput
from lockstep.rtgs import ledger
from lockstep.rtgs.database import Step
from lockstep.rtgs.tables import accounts, days, postings, statements


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementEntry:
    """One posting as its account sees it; `amount` in minor units, below zero for a debit."""

    posting: int
    entry: int
    """The posting's number in its business day."""
    reference: str
    counterparty: str
    amount: int
    booked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountStatement:
    """An account's day; `number` is None for a day that has not ended. Opening + entries = closing."""

    account: str
    currency: str
    number: int | None
    day: date
    opening: int
    entries: tuple[StatementEntry, ...]
    closing: int
    since: datetime
    issued_at: datetime


def issue(step: Step, day: int) -> None:
    """States every account for a day that has just ended. Raises Contradiction if a balance is not
    what its postings make it: the books would be wrong, and nothing goes on.
    """
    step.books.flush()
    turnover: dict[str, list[int]] = {}
    for side, place in ((postings.c.credit, 0), (postings.c.debit, 1)):
        query = select(side, func.sum(postings.c.amount), func.count()).where(postings.c.day == day).group_by(side)
        for account, amount, count in step.connection.execute(query):
            found = turnover.setdefault(account, [0, 0, 0])
            found[place] += int(amount)
            found[2] += count
    newest = select(statements.c.account, func.max(statements.c.number).label("number")).group_by(statements.c.account)
    of_newest = newest.subquery()
    same = (statements.c.account == of_newest.c.account) & (statements.c.number == of_newest.c.number)
    last = {
        row.account: (int(row.number), int(row.closing))
        for row in step.connection.execute(select(statements).join(of_newest, same))
    }
    rows = []
    for account in ledger.all_accounts(step.connection):
        number, opening = last.get(account.number, (0, 0))
        credits, debits, entries = turnover.get(account.number, [0, 0, 0])
        if opening + credits - debits != account.posted:
            stated = f"{opening} + {credits} - {debits} minor units by its postings, {account.posted} by its balance"
            raise Contradiction(f"account {account.number} on business day {day}: {stated}")
        rows.append(
            {
                "account": account.number,
                "number": number + 1,
                "day": day,
                "opening": opening,
                "credits": credits,
                "debits": debits,
                "closing": account.posted,
                "entries": entries,
                "issued_at": step.now,
            }
        )
    if rows:
        step.connection.execute(statements.insert(), rows)


def last_number(connection: Connection, account: str) -> int:
    """The number of an account's newest statement; 0 before the first."""
    return connection.scalar(select(func.max(statements.c.number)).where(statements.c.account == account)) or 0


def statement(connection: Connection, account: str, day: date, now: datetime) -> AccountStatement:
    """An account's statement of a day; of the day that is open, what there is so far.

    Raises InvalidInput for an account or a day that does not exist.
    """
    currency = connection.scalar(select(accounts.c.currency).where(accounts.c.account == account))
    if currency is None:
        raise InvalidInput("account", account, "an account of this RTGS")
    found = connection.execute(select(days).where(days.c.date == day)).mappings().first()
    if found is None:
        raise InvalidInput("day", day, "a business day that was opened")
    sides = or_(postings.c.debit == account, postings.c.credit == account)
    query = select(postings).where(postings.c.day == found["number"], sides).order_by(postings.c.entry)
    entries = tuple(
        StatementEntry(
            posting=row["number"],
            entry=row["entry"],
            reference=row["reference"],
            counterparty=row["credit"] if row["debit"] == account else row["debit"],
            amount=-row["amount"] if row["debit"] == account else row["amount"],
            booked_at=row["booked_at"],
        )
        for row in connection.execute(query).mappings()
    )
    of_account = statements.c.account == account
    stored = connection.execute(select(statements).where(of_account, statements.c.day == found["number"])).first()
    before = select(statements.c.closing).where(of_account, statements.c.day < found["number"])
    opening = connection.scalar(before.order_by(statements.c.number.desc()).limit(1)) or 0
    return AccountStatement(
        account=account,
        currency=currency,
        number=None if stored is None else stored.number,
        day=day,
        opening=opening,
        entries=entries,
        closing=opening + sum(one.amount for one in entries),
        since=found["opened_at"],
        issued_at=now if stored is None else stored.issued_at,
    )
