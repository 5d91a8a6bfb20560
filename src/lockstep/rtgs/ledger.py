"""Accounts in whole minor units: posted and earmarked apart, every debit with its credit.

An earmark is money set aside for one payment: still the owner's, but no longer available. What an account
may use is posted + credit limit − earmarked; no act takes that below zero. The central bank's account
of each currency is technical: it alone may go below zero, since it issues the money.

Reservations divide what is available: normal payments leave both reservations alone, high ones the
urgent one, urgent ones may use everything. A payment uses its own class's reservation up as it goes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection, select

from lockstep.domain.identifiers import Bic
from lockstep.domain.money import Money
from lockstep.rtgs import bulk
from lockstep.rtgs.bulk import AccountRow, PostingRow
from lockstep.rtgs.orders import Priority
from lockstep.rtgs.parties import refusal
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.tables import accounts


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account; all amounts in minor units of its currency."""

    number: str
    owner: Bic
    currency: str
    technical: bool
    posted: int
    earmarked: int
    credit_limit: int = 0
    reserved_urgent: int = 0
    reserved_high: int = 0
    standing_urgent: int = 0
    standing_high: int = 0

    @property
    def available(self) -> int:
        """What any payment may use at most, with intraday credit."""
        return self.posted + self.credit_limit - self.earmarked

    def room(self, priority: Priority) -> int:
        """What a payment of this priority may use; below zero while a reservation waits to be filled."""
        if priority is Priority.URGENT:
            return self.available
        if priority is Priority.HIGH:
            return self.available - self.reserved_urgent
        return self.available - self.reserved_urgent - self.reserved_high


_ACCOUNTS = Prepared(
    select(
        accounts.c.account,
        accounts.c.owner,
        accounts.c.currency,
        accounts.c.technical,
        *(accounts.c[name] for name in bulk.BALANCES),
    ).order_by(accounts.c.account)
)


class Entry(NamedTuple):
    """A booking to make: `reference` is unique for ever, `amount` in minor units."""

    reference: str
    debit: str
    credit: str
    currency: str
    amount: int


class _Working:
    """An account while a step works on it."""

    __slots__ = tuple(field.name for field in fields(Account))

    def __init__(self, row: AccountRow) -> None:
        (
            self.number,
            self.owner,
            self.currency,
            self.technical,
            self.posted,
            self.earmarked,
            self.credit_limit,
            self.reserved_urgent,
            self.reserved_high,
            self.standing_urgent,
            self.standing_high,
        ) = row

    def available(self) -> int:
        return self.posted + self.credit_limit - self.earmarked


class Books:
    """The ledger within one step: works on the accounts it touched, and writes them and the postings
    at `flush`, which every step does before it ends. In a step nothing else may write these tables.
    """

    def __init__(self, connection: Connection, now: datetime) -> None:
        self._connection, self._now = connection, int(now.timestamp())
        self._working: dict[str, _Working] = {}
        self._changed: dict[str, _Working] = {}
        self._postings: list[PostingRow] = []
        self._next: tuple[int, int, int] | None = None
        """The next posting's number, its business day and its number in that day."""
        self.changes = 0
        """How often something was changed: as long as it stands, nothing was."""

    def account(self, number: str) -> Account | None:
        """An account as this step has left it so far."""
        found = self._find(number)
        return None if found is None else _shown(found)

    def room(self, number: str, priority: Priority) -> int:
        """What a payment of this priority may use, as `Account.room`."""
        found = self._known(number)
        room = found.available()
        if priority is not Priority.URGENT:
            room -= found.reserved_urgent
        if priority is Priority.NORMAL:
            room -= found.reserved_high
        return room

    def load(self, numbers: Iterable[str]) -> None:
        """Fetches accounts together, ahead of use."""
        missing = {number for number in numbers if number not in self._working}
        for row in bulk.read_accounts(self._connection, missing) if missing else ():
            self._working[row[0]] = _Working(row)

    def open_account(self, number: str, owner: Bic, currency: str, technical: bool = False) -> None:
        """Adds an account with nothing on it."""
        self.changes += 1
        self._connection.execute(
            accounts.insert().values(
                account=number, owner=owner, currency=currency, technical=technical, **dict.fromkeys(bulk.BALANCES, 0)
            )
        )

    def set_terms(self, number: str, **terms: int) -> None:
        """Sets credit limit or reservations. Raises Refused(LimitInUse) for a credit limit below what is used."""
        found = self._change(number)
        for name, value in terms.items():
            setattr(found, name, value)
        if found.available() < 0:
            used = found.earmarked - found.posted
            raise refusal("LimitInUse", "credit_limit", found.credit_limit, f"at least the {used} in use")

    def earmark(self, number: str, amount: int, priority: Priority) -> int:
        """Sets money aside; how much of it the priority's reservation gave. Raises Refused(InsufficientFunds)."""
        self._require(number, amount, priority)
        found = self._change(number)
        found.earmarked += amount
        return self._use(found, amount, priority)

    def free(self, number: str, amount: int, *, priority: Priority, to_reservation: int) -> None:
        """Makes earmarked money available again, and gives the reservation back what it gave."""
        found = self._change(number)
        found.earmarked -= amount
        if to_reservation:
            name = _RESERVATION[priority]
            setattr(found, name, getattr(found, name) + to_reservation)

    def pay(self, entry: Entry, priority: Priority) -> int:
        """Books one payment out of what its priority may use; the posting's number. Raises Refused."""
        self._require(entry.debit, entry.amount, priority)
        self._use(self._change(entry.debit), entry.amount, priority)
        return self.post([entry])

    def use_reservation(self, number: str, amount: int, priority: Priority) -> None:
        """Counts a payment, booked by `post`, against its priority's reservation."""
        self._use(self._change(number), amount, priority)

    def post(self, entries: Sequence[Entry], earmarked: Mapping[str, int] | None = None) -> int:
        """Books debits and credits at once, on their net; the first posting's number, the others follow.

        `earmarked` says how much of each account's earmarks this uses up. Raises Refused if an account
        would pass its limit or an entry's currency is not its accounts'.
        """
        self.load(number for one in entries for number in (one.debit, one.credit))
        working, changed, now = self._working, self._changed, self._now
        number, day, sequence = first, _, _ = self._numbers()
        self.changes += 1
        debited = {}
        for account, amount in (earmarked or {}).items():
            debited[account] = found = self._change(account)
            found.earmarked -= amount
        for reference, debit, credit, currency, amount in entries:
            payer, payee = working.get(debit) or self._known(debit), working.get(credit) or self._known(credit)
            if payer.currency != currency or payee.currency != currency:
                raise refusal("CurrencyMismatch", "IntrBkSttlmAmt/@Ccy", currency, f"that of {debit} and {credit}")
            payer.posted -= amount
            payee.posted += amount
            changed[debit] = debited[debit] = payer
            changed[credit] = payee
            self._postings.append((number, day, sequence, reference, debit, credit, currency, amount, now))
            number += 1
            sequence += 1
        self._next = number, day, sequence
        for account, found in debited.items():
            if not found.technical and found.available() < 0:
                raise refusal("InsufficientFunds", "Amt", -found.available(), f"within the limit of account {account}")
        return first

    def flush(self) -> None:
        """Writes what was done into the tables, whose constraints judge it once more."""
        changed, new, self._changed, self._postings = self._changed, self._postings, {}, []
        if changed:
            bulk.write_balances(self._connection, [(*_balances(one), number) for number, one in changed.items()])
        if new:
            bulk.write_postings(self._connection, new)

    def day_changed(self) -> None:
        """The next posting belongs to another business day."""
        self.flush()
        self._next = None

    def _numbers(self) -> tuple[int, int, int]:
        if self._next is None:
            self._next = bulk.next_numbers(self._connection)
        return self._next

    def _require(self, number: str, amount: int, priority: Priority) -> None:
        room = self.room(number, priority)
        if amount > room:
            raise refusal("InsufficientFunds", "Amt", amount, f"at most {room} for a payment of this priority")

    @staticmethod
    def _use(found: _Working, amount: int, priority: Priority) -> int:
        name = _RESERVATION.get(priority)
        if name is None:
            return 0
        used = min(amount, getattr(found, name))
        setattr(found, name, getattr(found, name) - used)
        return int(used)

    def _find(self, number: str) -> _Working | None:
        if number not in self._working:
            self.load([number])
        return self._working.get(number)

    def _known(self, number: str) -> _Working:
        found = self._find(number)
        if found is None:
            raise refusal("AccountUnknown", "account", number, "an account of this RTGS")
        return found

    def _change(self, number: str) -> _Working:
        self.changes += 1
        found = self._changed[number] = self._known(number)
        return found


_RESERVATION = {Priority.URGENT: "reserved_urgent", Priority.HIGH: "reserved_high"}
_balances = attrgetter(*bulk.BALANCES)


def central_account(currency: str) -> str:
    """The number of the central bank's account in a currency."""
    return f"CENTRAL-BANK-{currency}"


def technical_account(currency: str) -> str:
    """The number of the account through which batches pass; between two steps nothing is on it."""
    return f"NET-SETTLEMENT-{currency}"


def entry(reference: str, debit: str, credit: str, amount: Money) -> Entry:
    return Entry(reference, debit, credit, amount.currency, amount.amount)


def all_accounts(connection: Connection) -> list[Account]:
    """All accounts, by number. Outside of a step, or after a flush."""
    return [_shown(_Working(row)) for row in _ACCOUNTS.all(connection)]


def _shown(working: _Working) -> Account:
    values = {name: getattr(working, name) for name in _Working.__slots__}
    return Account(**(values | {"owner": Bic(working.owner), "technical": bool(working.technical)}))
