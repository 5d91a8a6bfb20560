"""Accounts in whole minor units: posted and earmarked apart, every debit with its credit.

An earmark is money set aside for one payment: still the owner's, but no longer available. What an account
may use is posted + credit limit − earmarked; no act takes that below zero. The central bank's account
of each currency is technical: it alone may go below zero, since it issues the money.

Reservations divide what is available: normal payments leave both reservations alone, high ones the
urgent one, urgent ones may use everything. A payment uses its own class's reservation up as it goes.
"""

from collections.abc import Iterable, KeysView, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import NamedTuple

from sqlalchemy import Connection, select

from lockstep.domain.identifiers import Bic
from lockstep.domain.money import Money
from lockstep.rtgs import bulk
from lockstep.rtgs.bulk import AccountRow, Entry, Numbers
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


class Terms(NamedTuple):
    """What of an account never changes."""

    owner: Bic
    currency: str
    technical: bool


_ACCOUNTS = Prepared(
    select(
        accounts.c.account,
        accounts.c.owner,
        accounts.c.currency,
        accounts.c.technical,
        *(accounts.c[name] for name in bulk.BALANCES),
    ).order_by(accounts.c.account)
)


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


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a step knew of the ledger when it ended, for the next one; worthless once another hand wrote."""

    working: dict[str, _Working]
    next: Numbers | None


class Books:
    """The ledger within one step: works on the accounts it touched, and writes them and the postings
    at `flush`, which every step does before it ends. In a step nothing else may write these tables.

    `remembered` spares it reading; who gives it vouches that the tables have not changed since.
    """

    def __init__(self, connection: Connection, now: datetime, remembered: Remembered | None = None) -> None:
        self._connection, self._now = connection, int(now.timestamp())
        self._working: dict[str, _Working] = {} if remembered is None else remembered.working
        self._changed: dict[str, _Working] = {}
        self._new: list[Entry] = []
        """Postings that are not written yet; they have the numbers before `_next`."""
        self._next: Numbers | None = None if remembered is None else remembered.next
        self.changes = 0
        """How often something was changed: as long as it stands, nothing was."""

    def remember(self) -> Remembered:
        """What the next step may know, once this one is flushed and durable."""
        return Remembered(self._working, self._next)

    def account(self, number: str) -> Account | None:
        """An account as this step has left it so far."""
        found = self._find(number)
        return None if found is None else _shown(found)

    def terms(self, number: str) -> Terms | None:
        """What of an account never changes."""
        found = self._find(number)
        return None if found is None else Terms(Bic(found.owner), found.currency, bool(found.technical))

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
        missing = set(numbers) - self._working.keys()
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
        debits = dict.fromkeys(map(_DEBIT, entries))
        touched = debits | dict.fromkeys(map(_CREDIT, entries))
        self._load_to_post(touched.keys())
        working = self._working
        for account in touched.keys() - working.keys():
            self._known(account)
        changed = dict(zip(touched, map(working.__getitem__, touched), strict=True))
        number, day, sequence = self._numbers()
        self.changes += 1
        self._changed |= changed
        debited = {account: changed[account] for account in debits}
        for account, amount in (earmarked or {}).items():
            debited[account] = found = self._change(account)
            found.earmarked -= amount
        for _, debit, credit, currency, amount in entries:
            payer, payee = changed[debit], changed[credit]
            if payer.currency != currency or payee.currency != currency:
                raise refusal("CurrencyMismatch", "IntrBkSttlmAmt/@Ccy", currency, f"that of {debit} and {credit}")
            payer.posted -= amount
            payee.posted += amount
        for account, found in debited.items():
            if found.posted + found.credit_limit < found.earmarked and not found.technical:
                raise refusal("InsufficientFunds", "Amt", -found.available(), f"within the limit of account {account}")
        self._new += entries
        self._next = number + len(entries), day, sequence + len(entries)
        return number

    def flush(self) -> None:
        """Writes what was done into the tables, whose constraints judge it once more."""
        changed, new, self._changed, self._new = self._changed, self._new, {}, []
        if changed:
            bulk.write_balances(self._connection, map(_balances, changed.values()))
        if new:
            number, day, sequence = self._numbers()
            first = number - len(new), day, sequence - len(new)
            bulk.write_postings(self._connection, first, new, self._now)

    def day_changed(self) -> None:
        """The next posting belongs to another business day."""
        self.flush()
        self._next = None

    def _load_to_post(self, numbers: KeysView[str]) -> None:
        """Fetches what booking on these needs and is not known yet, in one round trip."""
        if self._next is not None:
            self.load(numbers)
            return
        missing = numbers - self._working.keys()
        rows, self._next = bulk.read_to_post(self._connection, missing) if missing else ((), self._numbers())
        self._working.update((row[0], _Working(row)) for row in rows)

    def _numbers(self) -> Numbers:
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
        found = self._working.get(number) or self._find(number)
        if found is None:
            raise refusal("AccountUnknown", "account", number, "an account of this RTGS")
        return found

    def _change(self, number: str) -> _Working:
        self.changes += 1
        found = self._changed[number] = self._known(number)
        return found


_RESERVATION = {Priority.URGENT: "reserved_urgent", Priority.HIGH: "reserved_high"}
_DEBIT, _CREDIT = (itemgetter(Entry._fields.index(side)) for side in ("debit", "credit"))
_balances = attrgetter(*bulk.BALANCES, "number")


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
