"""The RTGS's book, by its own messages: camt.060 asks for each account, camt.053 answers.

The service asks as it pays: under each account owner's mandate. An account whose owner has given it none cannot be
asked for, and is not compared. Of a day that is open the RTGS tells what there is so far.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from lockstep.app.books.said import Said, silence
from lockstep.app.books.scope import Scope
from lockstep.domain.errors import Contradiction, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import SettlementId, Uetr
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.payment import CashAccount
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.statement import Entry, Statement, StatementRequest
from lockstep.ports import CashSystem, Clock, Randomness, Unreadable

__all__ = ["WAIT_SECONDS", "Account", "RtgsSaid", "read_rtgs", "trade_lines"]

WAIT_SECONDS = 30
"""How long an answer is waited for."""
PAUSE_SECONDS = 0.2
PAGE = 200
_SUBJECTS = (Subject.TRADE, Subject.CASH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account over the days that a run follows balances: `opening` of the first, minor units."""

    lei: str
    currency: str
    account: CashAccount
    opening: int
    entries: tuple[Entry, ...]
    since: datetime
    until: datetime
    statement_id: str
    """Of the last day."""

    @property
    def closing(self) -> int:
        return self.opening + sum(one.signed for one in self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class RtgsSaid:
    """The RTGS's answer, and what it rests on."""

    said: Said
    accounts: tuple[Account, ...] = ()
    unasked: frozenset[Key] = frozenset()
    """Cash that cannot be asked for, and so is not compared."""

    @property
    def uetrs(self) -> Mapping[SettlementId, Uetr]:
        """The UETR of each settlement's booked payment."""
        entries = (entry for one in self.accounts for entry in one.entries)
        return {
            one.settlement_id: one.uetr for one in entries if one.settlement_id is not None and one.uetr is not None
        }


def read_rtgs(
    cash: CashSystem,
    market: Market,
    scope: Scope,
    clock: Clock,
    cursor: int,
    *,
    randomness: Randomness,
    pause: Callable[[float], None] = time.sleep,
    wait_seconds: float = WAIT_SECONDS,
) -> RtgsSaid:
    """Balances as lines; payments not yet: see `trade_lines`. `cursor` is where the service has read its mail to.

    An RTGS that does not answer all questions in time, or whose answers do not fit together, is silent, and says why.
    """
    asking = _Asking(cash=cash, market=market, scope=scope, cursor=cursor)
    try:
        unasked = asking.ask(clock.now().replace(microsecond=0), randomness)
        asking.hear(pause, wait_seconds)
        accounts = tuple(asking.accounts())
    except LockstepError as error:
        return RtgsSaid(said=silence(Book.RTGS, _SUBJECTS, error))
    lines = tuple(
        Line(
            book=Book.RTGS,
            key=Key.cash(one.lei, one.currency),
            amount=one.closing,
            origin=f"camt.053 {one.statement_id} of {one.account.number}",
        )
        for one in accounts
    )
    until = max((one.until for one in accounts), default=scope.at)
    said = Said(
        book=Book.RTGS,
        lines=lines,
        spoke=frozenset(_SUBJECTS),
        as_of=f"statements until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
        told=tuple(
            f"account {one} is not compared: its owner has given the service no mandate" for one in unasked.values()
        ),
    )
    return RtgsSaid(said=said, accounts=accounts, unasked=frozenset(unasked))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """One account's statement of one business day."""

    lei: str
    account: CashAccount
    day: date


@dataclass(slots=True, kw_only=True)
class _Asking:
    """One round of questions and answers."""

    cash: CashSystem
    market: Market
    scope: Scope
    cursor: int
    asked: dict[str, _Question] = field(default_factory=dict)
    """By message id, each account's days in order."""
    told: dict[str, list[Statement]] = field(default_factory=dict)
    """Pages by question."""
    waits: set[str] = field(default_factory=set)

    def ask(self, now: datetime, randomness: Randomness) -> dict[Key, str]:
        """Asks for every participant's accounts; returns those that may not be asked for. Raises LockstepError."""
        unasked = {}
        for member in self.market.participants.values():
            for currency in member.accounts:
                account = member.account(currency)
                if not self._ask_for(str(member.lei), account, now, randomness):
                    unasked[Key.cash(str(member.lei), currency)] = account.number
        return unasked

    def _ask_for(self, lei: str, account: CashAccount, now: datetime, randomness: Randomness) -> bool:
        day = self.scope.first
        while day <= self.scope.day:
            try:
                self._send(_Question(lei=lei, account=account, day=day), now, randomness)
            except Refused as error:
                if error.name == "NotAuthorised":
                    return False
                if error.name != "StatementUnknown" or day == self.scope.day:
                    raise
            day += timedelta(days=1)
        return True

    def _send(self, question: _Question, now: datetime, randomness: Randomness) -> None:
        name = f"LR{randomness.token(16).hex()}".upper()
        body = StatementRequest(account=question.account, first=question.day, last=question.day, request_id=name)
        self.cash.send(
            Message(sender=self.market.service, receiver=self.market.rtgs, message_id=name, created=now, body=body)
        )
        self.asked[name], self.told[name] = question, []
        self.waits.add(name)

    def hear(self, pause: Callable[[float], None], wait_seconds: float) -> None:
        """Reads mail until every question has its whole answer. Raises Unavailable when that takes too long."""
        waited = 0.0
        while self.waits:
            mail = self.cash.receive(self.cursor, PAGE)
            for sequence, item in mail:
                self.cursor = sequence
                if not isinstance(item, Unreadable) and isinstance(item.body, Statement):
                    self._take(item.body)
            if self.waits and len(mail) < PAGE:
                if waited >= wait_seconds:
                    missing = sorted({self.asked[name].account.number for name in self.waits})
                    raise Unavailable(f"the RTGS has not answered in {wait_seconds:g} seconds for {', '.join(missing)}")
                pause(PAUSE_SECONDS)
                waited += PAUSE_SECONDS

    def _take(self, statement: Statement) -> None:
        name = statement.query_id
        if name in self.waits:
            self.told[name].append(statement)
            if statement.is_last:
                self.waits.remove(name)

    def accounts(self) -> Iterator[Account]:
        """Each account's days, one after the other. Raises Contradiction where they do not fit together."""
        pages: dict[tuple[str, CashAccount], list[Statement]] = {}
        for name, question in self.asked.items():
            _require_of(question, self.told[name])
            pages.setdefault((question.lei, question.account), []).extend(self.told[name])
        for (lei, account), told in pages.items():
            for before, after in pairwise(told):
                if before.closing != after.opening:
                    raise Contradiction(
                        f"account {account.number}: {before.statement_id} closes with {before.closing}, "
                        f"{after.statement_id} opens with {after.opening}"
                    )
            yield Account(
                lei=lei,
                currency=told[0].opening.currency,
                account=account,
                opening=told[0].opening.amount,
                entries=tuple(entry for one in told for entry in one.entries if entry.booked_at <= self.scope.at),
                since=told[0].since,
                until=min(told[-1].until, self.scope.at),
                statement_id=told[-1].statement_id,
            )


def _require_of(question: _Question, pages: Sequence[Statement]) -> None:
    """Raises Contradiction for an answer about something else than was asked, or with a page missing."""
    for place, one in enumerate(pages, 1):
        since, until = one.since.astimezone(UTC), one.until.astimezone(UTC)
        if one.account != question.account:
            raise Contradiction(f"asked for account {question.account.number}, the RTGS told of {one.account.number}")
        if not since.date() <= question.day <= until.date():
            told = f"{since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M} UTC"
            raise Contradiction(f"account {question.account.number}: asked for {question.day}, the RTGS told of {told}")
        if one.page != place:
            raise Contradiction(f"account {question.account.number}: page {one.page} came as number {place}")


def trade_lines(
    accounts: Sequence[Account], own: frozenset[SettlementId], key: Callable[[SettlementId], Key]
) -> tuple[Line, ...]:
    """A line for each settlement that was booked, but for those that are the collateral register's `own`.

    Who pays receives the security. Of a payment that only one account's statement shows, the other party is not told.
    """
    shown: dict[SettlementId, dict[bool, list[tuple[Account, Entry]]]] = {}
    for one in accounts:
        for entry in one.entries:
            if entry.settlement_id is not None and entry.settlement_id not in own:
                shown.setdefault(entry.settlement_id, {}).setdefault(entry.credit, []).append((one, entry))
    return tuple(line for name, sides in shown.items() for line in _lines_of(key(name), sides))


def _lines_of(key: Key, sides: Mapping[bool, Sequence[tuple[Account, Entry]]]) -> Iterator[Line]:
    """One, or as many as one side shows of it."""
    for place in range(max(len(one) for one in sides.values())):
        debit, credit = (next(iter(sides.get(side, ())[place : place + 1]), None) for side in (False, True))
        shown = credit or debit
        assert shown is not None  # as the longer side has so many
        account, entry = shown
        yield Line(
            book=Book.RTGS,
            key=key,
            amount=entry.amount.amount,
            currency=entry.amount.currency,
            deliverer=None if credit is None else credit[0].lei,
            receiver=None if debit is None else debit[0].lei,
            status=LineStatus.SETTLED,
            day=entry.booked_at.astimezone(UTC).date(),
            at=entry.booked_at,
            origin=f"camt.053 {account.statement_id} posting {entry.posting}",
        )
