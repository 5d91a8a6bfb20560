"""The tables. A trade's row is its place in the queue; bodies are JSON of the domain values."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text

__all__ = [
    "cash_view",
    "instruction",
    "journal",
    "lease",
    "mail_cursor",
    "metadata",
    "order_nonce",
    "outgoing",
    "request",
    "seen",
    "sent_transaction",
    "served",
    "trade",
]

metadata = MetaData()

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
    Column("number", Integer, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("trade_id", Text),
    Column("body", Text, nullable=False),
    Index("instruction_key", "owner", "reference", unique=True),
    Index("instruction_status", "status", "number"),
)

trade = Table(
    "trade",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("trade_id", Text, nullable=False, unique=True),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Index("trade_open", "open", "number"),
)

cash_view = Table(
    "cash_view",
    metadata,
    Column("settlement_id", Text, primary_key=True),
    Column("body", Text, nullable=False),
)

mail_cursor = Table(
    "mail_cursor",
    metadata,
    Column("mailbox", Text, primary_key=True),
    Column("sequence", Integer, nullable=False),
)

order_nonce = Table(
    "order_nonce",
    metadata,
    Column("seller", Text, primary_key=True),
    Column("next", Integer, nullable=False),
)

request = Table(
    "cancellation_request",
    metadata,
    Column("number", Integer, primary_key=True),
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
    Column("number", Integer, primary_key=True),
    Column("message_id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("delivered", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Index("outgoing_undelivered", "delivered", "number"),
)

journal = Table(
    "journal",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("hash", Text, nullable=False),
    Index("journal_subject", "subject", "number"),
)

lease = Table(
    "lease",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("fence", Integer, nullable=False),
    Column("until", Integer, nullable=False),  # Unix time, seconds; 0: let go
)

sent_transaction = Table(
    "sent_transaction",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("key", Text, nullable=False),
    Column("nonce", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("block", Integer),
    Column("gas", Integer),
    Column("raw", LargeBinary, nullable=False),
    Column("sender", Text, nullable=False, server_default=""),
    Column("digest", Text, nullable=False, unique=True),
    Column("serves", Text, nullable=False, server_default=""),
    Column("skipped", Text, nullable=False, server_default=""),
    Column("broadcasts", Integer, nullable=False, server_default="0"),
    Column("first_sent", Integer),
    Column("last_sent", Integer),
    Column("final", Integer, nullable=False, server_default="0"),
    Index("sent_transaction_key", "key", "number"),
    Index("sent_transaction_status", "status", "nonce"),
    Index("sent_transaction_open", "sender", "final", "nonce"),
)

served = Table(  # which transaction serves what, where one serves many
    "sent_transaction_served",
    metadata,
    Column("key", Text, primary_key=True),
    Column("digest", Text, primary_key=True),
)
