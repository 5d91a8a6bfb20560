"""What the books say, as plain values: for an operator's screen and for an outside auditor."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from sqlalchemy import Connection, bindparam, select

from lockstep.domain.identifiers import Bic, SettlementId, Uetr
from lockstep.domain.money import Money
from lockstep.rtgs import ledger, parties, register, rules
from lockstep.rtgs.ledger import Account
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.register import StoredOrder, StoredPayment
from lockstep.rtgs.tables import accounts, endings, mandates, postings, releases

_TOMBSTONES = Prepared(
    select(endings.c.settlement_id, endings.c.uetr, endings.c.ended_at, endings.c.reason_code)
    .where(endings.c.ending == "NEVER")
    .order_by(endings.c.settlement_id)
)
_RELEASES = Prepared(
    select(releases.c.settlement_id, releases.c.uetr, releases.c.agent, releases.c.released_at).order_by(
        releases.c.released_at, releases.c.settlement_id, releases.c.agent
    )
)
_POSTINGS = Prepared(
    select(
        postings.c.number,
        postings.c.day,
        postings.c.entry,
        postings.c.reference,
        postings.c.debit,
        postings.c.credit,
        postings.c.currency,
        postings.c.amount,
        postings.c.booked_at,
    )
    .where(postings.c.number > bindparam("after", type_=postings.c.number.type))
    .order_by(postings.c.number)
)
_MANDATES = Prepared(
    select(
        mandates.c.number,
        mandates.c.account,
        accounts.c.currency,
        mandates.c.maximum,
        mandates.c.until,
        mandates.c.payee,
        mandates.c.instructing,
        mandates.c.given_at,
    )
    .join(accounts)
    .order_by(mandates.c.number)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One booking: a debit and its credit. Immutable, numbered, in the order of booking.

    `reference` is `payment/<settlement id>`, `batch/<settlement id or UETR>/<leg>`, `<kind>/<UETR>` or
    `funding/<the operator's reference>`. `entry` counts from 1 without gaps in each business day `day`.
    """

    number: int
    day: int
    entry: int
    reference: str
    debit: str
    credit: str
    amount: Money
    booked_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mandate:
    """An account owner's leave to debit: by whom, to whom, how much at once, until which day.

    `instructing` and `payee` (an account number) are None for any. Mandates are never changed: of the
    same account, instructing party and payee the newest counts.
    """

    number: int
    account: str
    maximum: Money
    until: date
    payee: str | None
    instructing: Bic | None
    given_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """This settlement is never paid, under any UETR."""

    settlement_id: SettlementId
    uetr: Uetr
    written_at: datetime
    reason_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseGiven:
    """An agent's release, as counted."""

    settlement_id: SettlementId
    uetr: Uetr
    agent: Bic
    released_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All books at one moment."""

    bic: Bic
    business_day: date | None
    quorum: int
    agents: tuple[Bic, ...]
    accounts: tuple[Account, ...]
    postings: tuple[Posting, ...]
    payments: tuple[StoredPayment, ...]
    mandates: tuple[Mandate, ...]
    tombstones: tuple[Tombstone, ...]
    releases: tuple[ReleaseGiven, ...]
    orders: tuple[StoredOrder, ...] = ()
    """Payments of every kind, those for settlements among them."""


def collect(connection: Connection, bic: Bic) -> Facts:
    """The facts, from one consistent view."""
    orders = register.all_orders(connection)
    return Facts(
        bic=bic,
        business_day=rules.business_day(connection),
        quorum=parties.quorum(connection),
        agents=tuple(parties.agents(connection)),
        accounts=tuple(ledger.all_accounts(connection)),
        postings=tuple(all_postings(connection)),
        payments=tuple(register.settlements(orders)),
        orders=tuple(orders),
        mandates=tuple(all_mandates(connection)),
        tombstones=tuple(
            Tombstone(settlement_id=settlement, uetr=uetr, written_at=written_at, reason_code=reason_code)
            for settlement, uetr, written_at, reason_code in _TOMBSTONES.all(connection)
        ),
        releases=tuple(
            ReleaseGiven(settlement_id=settlement, uetr=uetr, agent=agent, released_at=released_at)
            for settlement, uetr, agent, released_at in _RELEASES.all(connection)
        ),
    )


def all_postings(connection: Connection, after: int = 0) -> list[Posting]:
    """Postings with a higher number than `after`, in order."""
    return [
        Posting(
            number=number,
            day=day,
            entry=entry,
            reference=reference,
            debit=debit,
            credit=credit,
            amount=Money(currency=currency, amount=amount),
            booked_at=booked_at,
        )
        for number, day, entry, reference, debit, credit, currency, amount, booked_at in _POSTINGS.all(
            connection, after=after
        )
    ]


def all_mandates(connection: Connection) -> list[Mandate]:
    """Every mandate ever given, oldest first."""
    return [
        Mandate(
            number=number,
            account=account,
            maximum=Money(currency=currency, amount=maximum),
            until=until,
            payee=None if payee == rules.ANY else payee,
            instructing=None if instructing == rules.ANY else instructing,
            given_at=given_at,
        )
        for number, account, currency, maximum, until, payee, instructing, given_at in _MANDATES.all(connection)
    ]


def plain(value: Any) -> Any:
    """Values as JSON has them: money as currency and decimal text, instants and dates in ISO 8601."""
    if isinstance(value, Money):
        return {"currency": value.currency, "amount": value.text()}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, date):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
