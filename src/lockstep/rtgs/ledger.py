"""Accounts in whole minor units: posted and earmarked apart, every debit with its credit.

An earmark is money set aside for one payment: still the owner's, but no longer available. The central
bank's account of each currency is technical: it alone may go below zero, since it issues the money.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, select

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic
from lockstep.domain.money import Money
from lockstep.rtgs.database import Step
from lockstep.rtgs.tables import accounts, postings

LARGEST_AMOUNT = 10**18 - 1
"""ISO 20022 amounts have at most 18 digits; balances then stay within 64 bits for any real ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account; `posted` and `earmarked` in minor units of its currency."""

    number: str
    owner: Bic
    currency: str
    technical: bool
    posted: int
    earmarked: int

    @property
    def available(self) -> int:
        return self.posted - self.earmarked


def check_amount(amount: Money, field: str) -> None:
    """Raises InvalidInput for an amount that no message can carry."""
    if not 0 < amount.amount <= LARGEST_AMOUNT:
        raise InvalidInput(field, amount, "greater than zero, at most 18 digits")


def central_account(currency: str) -> str:
    """The number of the central bank's account in a currency."""
    return f"CENTRAL-BANK-{currency}"


def open_account(step: Step, number: str, owner: Bic, currency: str, technical: bool = False) -> None:
    """Adds an account with nothing on it."""
    step.connection.execute(
        accounts.insert().values(
            account=number, owner=owner, currency=currency, technical=technical, posted=0, earmarked=0
        )
    )


def all_accounts(connection: Connection) -> list[Account]:
    """All accounts, by number."""
    return [_account(row) for row in connection.execute(select(accounts).order_by(accounts.c.account)).mappings()]


def account(connection: Connection, number: str) -> Account | None:
    row = connection.execute(select(accounts).where(accounts.c.account == number)).mappings().first()
    return None if row is None else _account(row)


def earmark(step: Step, number: str, amount: int) -> bool:
    """Sets money aside if that much is available, and says whether it did."""
    changed = step.connection.execute(
        accounts.update()
        .where(accounts.c.account == number, accounts.c.posted - accounts.c.earmarked >= amount)
        .values(earmarked=accounts.c.earmarked + amount)
    )
    return changed.rowcount == 1


def free(step: Step, number: str, amount: int) -> None:
    """Makes earmarked money available again."""
    step.connection.execute(
        accounts.update().where(accounts.c.account == number).values(earmarked=accounts.c.earmarked - amount)
    )


def transfer(step: Step, debit: str, credit: str, amount: Money, reference: str, *, earmarked: bool) -> int:
    """Books a debit and its credit and returns the posting's number.

    `reference` is unique for ever. `earmarked` says that the money had been set aside for this.
    """
    for number, change, from_earmark in ((debit, -amount.amount, earmarked), (credit, amount.amount, False)):
        values = {"posted": accounts.c.posted + change}
        if from_earmark:
            values["earmarked"] = accounts.c.earmarked + change
        step.connection.execute(accounts.update().where(accounts.c.account == number).values(values))
    inserted = step.connection.execute(
        postings.insert()
        .returning(postings.c.number)
        .values(
            reference=reference,
            debit=debit,
            credit=credit,
            currency=amount.currency,
            amount=amount.amount,
            booked_at=step.now,
        )
    )
    return int(inserted.scalar_one())


def _account(row: RowMapping) -> Account:
    return Account(
        number=row["account"],
        owner=Bic(row["owner"]),
        currency=row["currency"],
        technical=row["technical"],
        posted=row["posted"],
        earmarked=row["earmarked"],
    )
