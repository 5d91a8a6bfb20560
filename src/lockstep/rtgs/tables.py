"""The RTGS's own tables. What must never happen is a constraint here, besides being a check in code.

* `accounts`: posted + credit limit − earmarked is never negative, except on technical accounts.
* `postings`: one row debits one account and credits another, so debits equal credits by construction.
* `endings`: a settlement ends once, BOOKED or NEVER; a tombstone is an ending NEVER. `barred` buries a
  UETR for the party that recalled it.
* `payments`: at most one payment that is open or booked per settlement; none booked after its `pay_by`;
  entry (SF1), irrevocability (SF2) and booking (SF3) in that order.
* `statements`: opening + credits − debits = closing.

Postings, endings, releases, agents' requests, mandates, statements and both mail tables only grow, and no account is
ever deleted or gets another number; triggers see to it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
    text,
)

from lockstep.rtgs.schema import Instant, metadata, never_leaves, only_grows, refers_by_statement


def _number() -> Column[int]:
    return Column("number", Integer, primary_key=True)


def _money(name: str, rule: str | None = None) -> Column[int]:
    return Column(name, BigInteger, *([CheckConstraint(f"{name} {rule}")] if rule else []), nullable=False)


settings = Table(
    "settings",
    metadata,
    Column("one", Integer, CheckConstraint("one = 1"), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("bic", String(11), nullable=False),
    Column("quorum", Integer, CheckConstraint("quorum >= 1"), nullable=False),
    Column("timetable", String),  # JSON, see `timetable`; without one the operator opens and closes
    Column("clock_offset", BigInteger, nullable=False),  # seconds that business time is ahead of the source's
    Column("clock_stands", Instant),  # where business time stands still, if it does
)

days = Table(  # business days, numbered from 1 without gaps
    "days",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("date", Date, nullable=False, unique=True),
    Column("phase", String(35), nullable=False),
    Column("phase_since", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
)

holidays = Table("holidays", metadata, Column("date", Date, primary_key=True), Column("name", String(70)))

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
    _money("posted"),
    _money("earmarked", ">= 0"),
    _money("credit_limit", ">= 0"),
    _money("reserved_urgent", ">= 0"),  # of today; `standing` is what each day begins with
    _money("reserved_high", ">= 0"),
    _money("standing_urgent", ">= 0"),
    _money("standing_high", ">= 0"),
    CheckConstraint("technical OR posted + credit_limit >= earmarked", name="available_not_negative"),
)

limits = Table(  # how much more an account pays a counterparty in normal payments than it has received
    "limits",
    metadata,
    Column("account", ForeignKey("accounts.account"), primary_key=True),
    Column("counterparty", String(34), primary_key=True),  # an account, or * for all without a limit of their own
    _money("amount", ">= 0"),
)

postings = Table(
    "postings",
    metadata,
    _number(),
    Column("day", Integer, nullable=False),  # of `days`; what is booked between two days belongs to the later
    Column("entry", Integer, CheckConstraint("entry >= 1"), nullable=False),  # from 1 without gaps in each day
    Column("reference", String(128), nullable=False, unique=True),
    Column("debit", String(34), nullable=False),
    Column("credit", String(34), nullable=False),
    Column("currency", String(3), nullable=False),
    _money("amount", "> 0"),
    Column("booked_at", Instant, nullable=False),
    CheckConstraint("debit <> credit"),
    UniqueConstraint("day", "entry"),
    *(ForeignKeyConstraint([side], ["accounts.account"]).ddl_if(dialect="sqlite") for side in ("debit", "credit")),
)

mandates = Table(  # the newest row of (account, instructing, payee) is in force
    "mandates",
    metadata,
    _number(),
    Column("account", ForeignKey("accounts.account"), nullable=False),
    Column("instructing", String(11), nullable=False),
    Column("payee", String(34), nullable=False),
    _money("maximum", ">= 0"),
    Column("until", Date, nullable=False),
    Column("given_at", Instant, nullable=False),
    Index("mandates_of", "account", "instructing", "payee"),
    sqlite_autoincrement=True,
)

LIVE = "state IN ('HELD', 'PENDING', 'BOOKED')"

payments = Table(
    "payments",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),  # the order of arrival
    Column("uetr", String(36), nullable=False, unique=True),
    Column("kind", String(10), nullable=False),
    Column("priority", Integer, CheckConstraint("priority BETWEEN 0 AND 2"), nullable=False),
    Column("position", BigInteger, nullable=False),  # within its debtor's queue and priority
    Column("held", Boolean, nullable=False),  # is set aside first, and booked once the agents release it
    Column("settlement_id", String(64)),
    Column("salt", String(32)),
    Column("original", String(36)),  # of a return: the UETR of what it gives back
    Column("instructing", String(11), nullable=False),
    Column("message_id", String(35), nullable=False),
    Column("instruction_id", String(35), nullable=False),
    Column("end_to_end_id", String(35), nullable=False),
    Column("currency", String(3), nullable=False),
    _money("amount", "> 0"),
    Column("settlement_date", Date, nullable=False),
    Column("debtor", String(11), nullable=False),
    Column("debtor_account", String(34), nullable=False),
    Column("creditor", String(11), nullable=False),
    Column("creditor_account", String(34), nullable=False),
    Column("pay_by", Instant),
    Column("not_before", Instant),
    Column("debit_at", Instant),
    Column("credit_at", Instant),
    Column("mandate", ForeignKey("mandates.number")),
    Column("state", String(9), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("reason_code", String(4)),
    Column("reason", String(105)),
    Column("entered_at", Instant, nullable=False),  # SF1
    Column("irrevocable_at", Instant),  # SF2
    Column("booked_at", Instant),  # SF3
    CheckConstraint("state IN ('HELD', 'PENDING', 'BOOKED', 'REJECTED', 'CANCELLED')"),
    CheckConstraint("state <> 'BOOKED' OR pay_by IS NULL OR decided_at <= pay_by", name="booked_in_time"),
    CheckConstraint("(state = 'BOOKED') = (booked_at IS NOT NULL)"),
    CheckConstraint("booked_at IS NULL OR entered_at <= irrevocable_at AND irrevocable_at <= booked_at"),
    CheckConstraint("NOT held OR settlement_id IS NOT NULL AND pay_by IS NOT NULL"),
    CheckConstraint(
        "state IN ('REJECTED', 'CANCELLED') OR mandate IS NOT NULL OR instructing = debtor OR kind = 'BATCH'",
        name="under_a_mandate",
    ),
    Index(
        "one_live_payment_per_settlement",
        "settlement_id",
        unique=True,
        sqlite_where=text(LIVE),
        postgresql_where=text(LIVE),
    ),
    Index("open_payments", "state", "pay_by"),
    Index("queues", "debtor_account", "state", "priority", "position"),
    Index("returns_of", "original"),
    Index("places", "position"),
)

batch_legs = Table(  # what each account pays into, or is paid from, the technical account of a batch
    "batch_legs",
    metadata,
    Column("uetr", ForeignKey("payments.uetr"), primary_key=True),
    Column("leg", Integer, primary_key=True, autoincrement=False),
    Column("account", ForeignKey("accounts.account"), nullable=False),
    Column("debit", Boolean, nullable=False),
    _money("amount", "> 0"),
    Column("mandate", ForeignKey("mandates.number")),  # under which a debit was taken
    Index("legs_of", "account"),
)

earmarks = Table(  # what is set aside now, and how much of it came out of the priority's reservation
    "earmarks",
    metadata,
    Column("uetr", ForeignKey("payments.uetr"), primary_key=True),
    Column("account", ForeignKey("accounts.account"), primary_key=True),
    _money("amount", "> 0"),
    _money("from_reservation", ">= 0"),
)

endings = Table(
    "endings",
    metadata,
    Column("settlement_id", String(64), primary_key=True),
    Column("ending", String(6), CheckConstraint("ending IN ('BOOKED', 'NEVER')"), nullable=False),
    Column("uetr", String(36), nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("reason_code", String(4)),
    Index("endings_under", "uetr"),
)

barred = Table(  # UETRs recalled before a payment came under them: closed to who recalled, and to nobody else
    "barred",
    metadata,
    Column("uetr", String(36), primary_key=True),
    Column("instructing", String(11), primary_key=True),
    Column("barred_at", Instant, nullable=False),
    Column("reason_code", String(4), nullable=False),
)

releases = Table(
    "releases",
    metadata,
    Column("settlement_id", String(64), primary_key=True),
    Column("agent", String(11), primary_key=True),
    Column("uetr", ForeignKey("payments.uetr"), nullable=False),
    Column("released_at", Instant, nullable=False),
)

never_requests = Table(  # agents that ask for a tombstone where no payment came
    "never_requests",
    metadata,
    Column("settlement_id", String(64), primary_key=True),
    Column("agent", String(11), primary_key=True),
    Column("uetr", String(36), nullable=False),
    Column("asked_at", Instant, nullable=False),
)

statements = Table(  # one per account and business day, numbered from 1 without gaps
    "statements",
    metadata,
    Column("account", ForeignKey("accounts.account"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("day", ForeignKey("days.number"), nullable=False),
    _money("opening"),
    _money("credits", ">= 0"),
    _money("debits", ">= 0"),
    _money("closing"),
    Column("entries", Integer, nullable=False),
    Column("issued_at", Instant, nullable=False),
    CheckConstraint("opening + credits - debits = closing"),
    UniqueConstraint("account", "day"),
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
    Index("reports_of", "uetr", "receiver", "report"),  # what many are told of one payment stands side by side
)

only_grows(postings, mandates, endings, barred, releases, never_requests, statements, inbox, outbox)
never_leaves(accounts, "account")
refers_by_statement(postings, ("debit", "credit"), accounts, "account")
