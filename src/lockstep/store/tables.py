"""The tables. A trade's row is its place in the queue; bodies are JSON of the domain values.

What is asked in every pass has an index over what is unfinished only: it does not grow with what is done. The
conditions of such an index stand word for word in the statements that use it.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    event,
    false,
    text,
)
from sqlalchemy.types import TypeEngine

__all__ = [
    "LATEST_VERSION",
    "anchor",
    "break_",
    "cash_view",
    "correction",
    "course",
    "enforcement",
    "instruction",
    "journal",
    "journal_subject",
    "lease",
    "mail_cursor",
    "margin_call",
    "metadata",
    "order_nonce",
    "outgoing",
    "register_payment",
    "repo",
    "request",
    "scorecard",
    "seen",
    "sent_transaction",
    "served",
    "trade",
    "trade_pair",
    "unclaimed_payment",
    "version",
]

LATEST_VERSION = "0013"
"""The newest of `migrations/versions`: what these tables are."""

metadata = MetaData()

WHOLE: TypeEngine[int] = BigInteger().with_variant(Integer, "sqlite")
"""64 bits on both: SQLite numbers only an INTEGER PRIMARY KEY by itself."""


def _unfinished(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


version = Table(  # as Alembic makes it
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)

seen = Table(
    "seen_message",
    metadata,
    Column("sender", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    Column("content_hash", Text, nullable=False),
)

instruction = Table(
    "instruction",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("trade_id", Text),
    Column("body", Text, nullable=False),
    Column("message_id", Text, nullable=False, server_default=""),
    Column("match_key", Text, nullable=False, server_default=""),
    # A group is to be matched while one of its rows was touched more often than it was matched through.
    Column("touched", WHOLE, nullable=False, server_default="1"),
    Column("matched", WHOLE, nullable=False, server_default="0"),
    # Whether it is known to have come after a loss of the records, and how often it was asked to be cancelled since.
    Column("late", Boolean, nullable=False, server_default=false()),
    Column("asked", WHOLE, nullable=False, server_default="0"),
    Index("instruction_key", "owner", "reference", unique=True),
    _unfinished("instruction_group", "match_key", "number", where="status = 'WAITING'"),
    _unfinished("instruction_touched", "number", where="status = 'WAITING' AND touched > matched"),
    _unfinished("instruction_asked", "number", where="status = 'WAITING' AND asked > 0"),
    _unfinished("instruction_trade", "trade_id", where="trade_id IS NOT NULL"),
)

trade = Table(
    "trade",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("trade_id", Text, nullable=False, unique=True),
    Column("version", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Column("settlement_id", Text),
    # Due and until: Unix time, seconds. Due is less than 0 if it was woken while somebody had it, until is 0 when he
    # let it go. Holder: who had it last.
    Column("due", WHOLE, nullable=False, server_default="0"),
    Column("holder", Text, nullable=False, server_default=""),
    Column("fence", WHOLE, nullable=False, server_default="0"),
    Column("until", WHOLE, nullable=False, server_default="0"),
    _unfinished("trade_due", "due", "number", where="open"),
    _unfinished("trade_settlement", "settlement_id", where="settlement_id IS NOT NULL"),
)

cash_view = Table(
    "cash_view",
    metadata,
    Column("settlement_id", Text, primary_key=True),
    Column("body", Text, nullable=False),
    # Of a payment that is booked: Unix time, seconds, and the accounts as <owner>/<number>.
    Column("booked_at", WHOLE),
    Column("debtor", Text),
    Column("creditor", Text),
    _unfinished("cash_view_debtor", "debtor", "booked_at", where="booked_at IS NOT NULL"),
    _unfinished("cash_view_creditor", "creditor", "booked_at", where="booked_at IS NOT NULL"),
)

unclaimed_payment = Table(
    "unclaimed_payment",
    metadata,
    Column("settlement_id", Text, primary_key=True),
    Column("salt", Text, nullable=False),
    Column("due", WHOLE),  # Unix time, seconds; null: never
    Index("unclaimed_payment_salt", "salt"),
    Index("unclaimed_payment_due", "due"),
)

mail_cursor = Table(
    "mail_cursor",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("sequence", WHOLE, nullable=False),
)

order_nonce = Table(
    "order_nonce",
    metadata,
    Column("seller", Text, primary_key=True),
    Column("next", WHOLE, nullable=False),
)

request = Table(
    "cancellation_request",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("sender", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("cancellation_request_about", "owner", "reference"),
)

outgoing = Table(
    "outgoing",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("message_id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("delivered", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    _unfinished("outgoing_undelivered", "number", where="NOT delivered"),
)

journal_subject = Table(
    "journal_subject",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

journal = Table(
    "journal",
    metadata,
    Column("number", WHOLE, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("hash", Text, nullable=False),
    # The subject's number. Ids are random: an index over them would be written in a place of its own for each entry,
    # over these numbers what is at work now lies together.
    Column("about", WHOLE),
    Index("journal_about", "about", "number"),
)

anchor = Table(
    "anchor",
    metadata,
    Column("day", WHOLE, primary_key=True, autoincrement=False),  # since 1 January 1970
    Column("journal", Text, nullable=False),
    Column("size", WHOLE, nullable=False),
    Column("root", Text, nullable=False),
    Column("peaks", Text, nullable=False),  # of the tree's whole subtrees, 64 hex digits each: see domain.merkle
    Column("state", Text, nullable=False),  # CLOSED, ANCHORED, PASSED_OVER
    _unfinished("anchor_closed", "day", where="state = 'CLOSED'"),
    Index("anchor_size", "size"),
)

margin_call = Table(
    "margin_call",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("agreement_id", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("version", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Index("margin_call_key", "agreement_id", "reference", unique=True),
    _unfinished("margin_call_open", "number", where="open"),
)

register_payment = Table(
    "register_payment",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("version", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    _unfinished("register_payment_open", "number", where="open"),
)

lease = Table(
    "lease",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("fence", WHOLE, nullable=False),
    Column("until", WHOLE, nullable=False),  # Unix time, seconds; 0: let go
)

sent_transaction = Table(
    "sent_transaction",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("nonce", WHOLE, nullable=False),
    Column("status", Text, nullable=False),
    Column("block", WHOLE),
    Column("gas", WHOLE),
    Column("raw", LargeBinary, nullable=False),
    Column("sender", Text, nullable=False, server_default=""),
    Column("digest", Text, nullable=False, unique=True),
    Column("serves", Text, nullable=False, server_default=""),
    Column("skipped", Text, nullable=False, server_default=""),
    Column("broadcasts", WHOLE, nullable=False, server_default="0"),
    Column("first_sent", WHOLE),
    Column("last_sent", WHOLE),
    Column("final", WHOLE, nullable=False, server_default="0"),
    Index("sent_transaction_key", "key", "number"),
    Index("sent_transaction_nonce", "sender", "final", "nonce"),
    _unfinished("sent_transaction_unmined", "sender", "nonce", where="status IN ('reserved', 'signed', 'broadcast')"),
)

served = Table(  # which transaction serves what, where one serves many
    "sent_transaction_served",
    metadata,
    Column("key", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
)

repo = Table(
    "repo",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("repo_id", Text, nullable=False, unique=True),
    Column("version", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    # Days from 0001-01-01 on, that day being 1: since when a step may be due. NULL: none by itself.
    Column("look_from", WHOLE),
    Column("body", Text, nullable=False),
    _unfinished("repo_look_from", "look_from", where="look_from IS NOT NULL"),
)

enforcement = Table(
    "enforcement",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("agreement_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Index("enforcement_key", "agreement_id", "name", unique=True),
    _unfinished("enforcement_open", "number", where="open"),
)

break_ = Table(
    "break",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("break_id", Text, nullable=False, unique=True),
    Column("version", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("standing", Boolean, nullable=False),  # open, or closed by a person while the difference is there
    Column("body", Text, nullable=False),
    _unfinished("break_standing", "number", where="standing"),
)

correction = Table(
    "correction",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("break_id", Text, nullable=False),
    Column("correction_id", Text, nullable=False),
    Column("version", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Index("correction_key", "break_id", "correction_id", unique=True),
    _unfinished("correction_open", "number", where="open"),
)

course = Table(
    "course",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("isin", Text, nullable=False, unique=True),
    Column("version", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),  # whether a promotion waits for its decision
    Column("body", Text, nullable=False),
)

scorecard = Table(
    "scorecard",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("day", Text, nullable=False),
    Column("isin", Text, nullable=False),
    Column("version", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("unexplained", WHOLE, nullable=False),  # breaks at the day's end
    Column("body", Text, nullable=False),
    Index("scorecard_key", "day", "isin", unique=True),
    Index("scorecard_isin", "isin", "day"),
)

trade_pair = Table(
    "trade_pair",
    metadata,
    Column("number", WHOLE, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    Column("version", WHOLE, nullable=False),
    Column("state", Text, nullable=False),
    Column("seen_on", WHOLE, nullable=False),  # days from 0001-01-01 on, that day being 1
    Column("body", Text, nullable=False),
    Index("trade_pair_seen_on", "seen_on"),
)

for _busy in (instruction, trade, outgoing):
    # Each row changes several times and then never again. What an update leaves behind lies in the way of the next
    # claim until PostgreSQL has cleared it away; by default that waits for a fifth of all rows, the finished ones too.
    _often = DDL(f"ALTER TABLE {_busy.name} SET (autovacuum_vacuum_scale_factor = 0.02)")
    event.listen(_busy, "after_create", _often.execute_if(dialect="postgresql"))

# A trade changes some thirty times. With room in its page for that, an update that changes nothing indexed writes no
# index: on 2,000 trades a third of the server's time, two thirds of its log, and a table an eighth as large.
_room = DDL("ALTER TABLE trade SET (fillfactor = 40)")
event.listen(trade, "after_create", _room.execute_if(dialect="postgresql"))
