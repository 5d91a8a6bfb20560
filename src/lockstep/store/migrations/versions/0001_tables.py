"""The tables of the releases that kept no version."""

from alembic import op
from sqlalchemy import Boolean, Column, Integer, LargeBinary, Text

revision = "0001"
down_revision = None

TABLES = {
    "seen_message": (
        Column("sender", Text, primary_key=True),
        Column("message_id", Text, primary_key=True),
        Column("content_hash", Text, nullable=False),
    ),
    "instruction": (
        Column("number", Integer, primary_key=True),
        Column("owner", Text, nullable=False),
        Column("reference", Text, nullable=False),
        Column("status", Text, nullable=False),
        Column("trade_id", Text),
        Column("body", Text, nullable=False),
    ),
    "trade": (
        Column("number", Integer, primary_key=True),
        Column("trade_id", Text, nullable=False, unique=True),
        Column("version", Integer, nullable=False),
        Column("state", Text, nullable=False),
        Column("open", Boolean, nullable=False),
        Column("body", Text, nullable=False),
    ),
    "cash_view": (
        Column("settlement_id", Text, primary_key=True),
        Column("body", Text, nullable=False),
    ),
    "mail_cursor": (
        Column("mailbox", Text, primary_key=True),
        Column("sequence", Integer, nullable=False),
    ),
    "order_nonce": (
        Column("seller", Text, primary_key=True),
        Column("next", Integer, nullable=False),
    ),
    "cancellation_request": (
        Column("number", Integer, primary_key=True),
        Column("sender", Text, nullable=False),
        Column("message_id", Text, nullable=False),
        Column("owner", Text, nullable=False),
        Column("reference", Text, nullable=False),
        Column("body", Text, nullable=False),
    ),
    "outgoing": (
        Column("number", Integer, primary_key=True),
        Column("message_id", Text, nullable=False, unique=True),
        Column("kind", Text, nullable=False),
        Column("delivered", Boolean, nullable=False),
        Column("body", Text, nullable=False),
    ),
    "journal": (
        Column("number", Integer, primary_key=True),
        Column("at", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("subject", Text, nullable=False),
        Column("facts", Text, nullable=False),
        Column("hash", Text, nullable=False),
    ),
    "lease": (
        Column("subject", Text, primary_key=True),
        Column("holder", Text, nullable=False),
        Column("fence", Integer, nullable=False),
        Column("until", Integer, nullable=False),
    ),
    "sent_transaction": (
        Column("number", Integer, primary_key=True),
        Column("hash", Text, nullable=False, unique=True),
        Column("key", Text, nullable=False),
        Column("nonce", Integer, nullable=False),
        Column("status", Text, nullable=False),
        Column("block", Integer),
        Column("gas", Integer),
        Column("raw", LargeBinary, nullable=False),
    ),
}
INDICES = (
    ("instruction_key", "instruction", ("owner", "reference"), True),
    ("instruction_status", "instruction", ("status", "number"), False),
    ("trade_open", "trade", ("open", "number"), False),
    ("cancellation_request_about", "cancellation_request", ("owner", "reference"), False),
    ("outgoing_undelivered", "outgoing", ("delivered", "number"), False),
    ("journal_subject", "journal", ("subject", "number"), False),
    ("sent_transaction_key", "sent_transaction", ("key", "number"), False),
    ("sent_transaction_status", "sent_transaction", ("status", "nonce"), False),
)


def upgrade() -> None:
    for name, columns in TABLES.items():
        op.create_table(name, *columns)
    for name, table, names, unique in INDICES:
        op.create_index(name, table, names, unique=unique)
