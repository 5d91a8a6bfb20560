"""The RTGS's own tables. What must never happen is a constraint here, besides being a check in code.

* `accounts`: available = posted − earmarked is never negative, except on technical accounts.
* `postings`: one row debits one account and credits another, so debits equal credits by construction.
* `endings`: a settlement ends once, BOOKED or NEVER; a tombstone is an ending NEVER.
* `payments`: at most one payment that is open or booked per settlement; none booked after its `pay_by`.

Postings, endings, releases, mandates and both mail tables only grow; on SQLite triggers see to it.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.engine import Dialect


class Instant(TypeDecorator[datetime]):
    """A UTC instant, stored as whole seconds since 1970: as fine as messages tell it, and no finer."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value.timestamp())

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)


metadata = MetaData()


def _number() -> Column[int]:
    return Column("number", Integer, primary_key=True)


settings = Table(
    "settings",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True),
    Column("bic", String(11), nullable=False),
    Column("quorum", Integer, CheckConstraint("quorum >= 1"), nullable=False),
)

days = Table(
    "days",
    metadata,
    Column("date", Date, primary_key=True),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
)

parties = Table(
    "parties",
    metadata,
    Column("bic", String(11), primary_key=True),
    Column("role", String(11), CheckConstraint("role IN ('participant', 'instructing', 'agent')"), nullable=False),
    Column("key_hash", String(64), unique=True),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account", String(34), primary_key=True),
    Column("owner", String(11), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("technical", Boolean, nullable=False),
    Column("posted", BigInteger, nullable=False),
    Column("earmarked", BigInteger, CheckConstraint("earmarked >= 0"), nullable=False),
    CheckConstraint("technical OR posted >= earmarked", name="available_not_negative"),
)

postings = Table(
    "postings",
    metadata,
    _number(),
    Column("reference", String(128), nullable=False, unique=True),
    Column("debit", ForeignKey("accounts.account"), nullable=False),
    Column("credit", ForeignKey("accounts.account"), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0"), nullable=False),
    Column("booked_at", Instant, nullable=False),
    CheckConstraint("debit <> credit"),
    sqlite_autoincrement=True,
)

mandates = Table(  # the newest row of (account, instructing, payee) is in force
    "mandates",
    metadata,
    _number(),
    Column("account", ForeignKey("accounts.account"), nullable=False),
    Column("instructing", String(11), nullable=False),
    Column("payee", String(34), nullable=False),
    Column("maximum", BigInteger, CheckConstraint("maximum >= 0"), nullable=False),
    Column("until", Date, nullable=False),
    Column("given_at", Instant, nullable=False),
    Index("mandates_of", "account", "instructing", "payee"),
    sqlite_autoincrement=True,
)

payments = Table(
    "payments",
    metadata,
    _number(),  # the order of arrival
    Column("uetr", String(36), nullable=False, unique=True),
    Column("settlement_id", String(64), nullable=False),
    Column("salt", String(32), nullable=False),
    Column("instructing", String(11), nullable=False),
    Column("message_id", String(35), nullable=False),
    Column("instruction_id", String(35), nullable=False),
    Column("end_to_end_id", String(35), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount", BigInteger, CheckConstraint("amount > 0"), nullable=False),
    Column("settlement_date", Date, nullable=False),
    Column("debtor", String(11), nullable=False),
    Column("debtor_account", String(34), nullable=False),
    Column("creditor", String(11), nullable=False),
    Column("creditor_account", String(34), nullable=False),
    Column("pay_by", Instant, nullable=False),
    Column("mandate", ForeignKey("mandates.number")),
    Column("state", String(9), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("reason_code", String(4)),
    Column("reason", String(105)),
    CheckConstraint("state IN ('HELD', 'PENDING', 'BOOKED', 'REJECTED', 'CANCELLED')"),
    CheckConstraint("state <> 'BOOKED' OR decided_at <= pay_by", name="booked_in_time"),
    CheckConstraint("state IN ('REJECTED', 'CANCELLED') OR mandate IS NOT NULL", name="under_a_mandate"),
    Index(
        "one_live_payment_per_settlement",
        "settlement_id",
        unique=True,
        sqlite_where=text("state IN ('HELD', 'PENDING', 'BOOKED')"),
        postgresql_where=text("state IN ('HELD', 'PENDING', 'BOOKED')"),
    ),
    Index("open_payments", "state", "pay_by"),
    sqlite_autoincrement=True,
)

endings = Table(
    "endings",
    metadata,
    Column("settlement_id", String(64), primary_key=True),
    Column("ending", String(6), CheckConstraint("ending IN ('BOOKED', 'NEVER')"), nullable=False),
    Column("uetr", String(36), nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("reason_code", String(4)),
)

releases = Table(
    "releases",
    metadata,
    Column("settlement_id", String(64), primary_key=True),
    Column("agent", String(11), primary_key=True),
    Column("uetr", ForeignKey("payments.uetr"), nullable=False),
    Column("released_at", Instant, nullable=False),
)

inbox = Table(  # every message that was accepted, and where its answers lie in the sender's mailbox
    "inbox",
    metadata,
    _number(),
    Column("sender", String(11), nullable=False),
    Column("message_id", String(35), nullable=False),
    Column("content", String(64), nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("answers", String, nullable=False),
    UniqueConstraint("sender", "message_id"),
)

outbox = Table(  # every receiver's mailbox, numbered from 1 without gaps
    "outbox",
    metadata,
    Column("receiver", String(11), primary_key=True),
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("uetr", String(36), nullable=False),
    Column("report", Boolean, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False),
    Index("reports_of", "receiver", "uetr", "report"),
)

for _table in (postings, mandates, endings, releases, inbox, outbox):
    for _verb in ("UPDATE", "DELETE"):
        event.listen(
            _table,
            "after_create",
            DDL(  # type: ignore[no-untyped-call]
                f"CREATE TRIGGER {_table.name}_no_{_verb.lower()} BEFORE {_verb} ON {_table.name} "
                f"BEGIN SELECT RAISE(ABORT, '{_table.name} only grows'); END"
            ).execute_if(dialect="sqlite"),
        )
