"""What was read of the chain; a transaction's steps apart, and which calls a batch serves."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, SmallInteger, Text, text

revision = "0005"
down_revision = "0004"

WHOLE = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    _transactions()
    _read_of_the_chain()


def _transactions() -> None:
    for name in ("sent_transaction_nonce", "sent_transaction_unmined"):
        op.drop_index(name, "sent_transaction")
    op.add_column("sent_transaction", Column("digest", Text, nullable=False, server_default=""))
    op.execute("UPDATE sent_transaction SET digest = hash")
    with op.batch_alter_table("sent_transaction") as table:
        table.alter_column("digest", existing_type=Text(), server_default=None)
        table.create_unique_constraint("sent_transaction_digest_key", ["digest"])
        for name in ("sender", "serves", "skipped"):
            table.add_column(Column(name, Text, nullable=False, server_default=""))
        for name in ("broadcasts", "final"):
            table.add_column(Column(name, WHOLE, nullable=False, server_default="0"))
        for name in ("first_sent", "last_sent"):
            table.add_column(Column(name, WHOLE))
    op.create_index("sent_transaction_nonce", "sent_transaction", ("sender", "final", "nonce"))
    _partial(
        "sent_transaction_unmined",
        "sent_transaction",
        ("sender", "nonce"),
        "status IN ('reserved', 'signed', 'broadcast')",
    )
    op.create_table(
        "sent_transaction_served", Column("key", Text, primary_key=True), Column("digest", Text, primary_key=True)
    )


def _read_of_the_chain() -> None:
    op.create_table(
        "chain_checkpoint",
        Column("reader", Integer, primary_key=True),
        Column("source", Text, nullable=False, unique=True),
        Column("number", BigInteger, nullable=False),
        Column("hash", Text, nullable=False),
        Column("final", BigInteger, nullable=False),
        Column("hashes", Text, nullable=False),
        Column("locked", BigInteger, nullable=False),
    )
    op.create_table(
        "chain_event",
        Column("reader", Integer, primary_key=True),
        Column("block", BigInteger, primary_key=True),
        Column("place", Integer, primary_key=True),
        Column("kind", SmallInteger, nullable=False),
        Column("settlement", LargeBinary, nullable=False),
        Column("transaction_hash", LargeBinary, nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("trade", LargeBinary),
        Column("packed_order", LargeBinary),
        Column("unended", Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("chain_event_settlement", "chain_event", ("settlement",))
    _partial("chain_event_trade", "chain_event", ("reader", "trade"), "trade IS NOT NULL")
    _partial("chain_event_unended", "chain_event", ("reader", "settlement"), "unended")
    op.create_table(
        "chain_halt",
        Column("number", Integer, primary_key=True),
        Column("reader", Integer, nullable=False),
        Column("block", BigInteger, nullable=False),
        Column("ours", Text, nullable=False),
        Column("theirs", Text, nullable=False),
        Column("depth", BigInteger, nullable=False),
        Column("settlements", Text, nullable=False),
        Column("accepted_by", Text),
        Column("why", Text),
    )
    op.create_table(
        "chain_doubt",
        Column("reader", Integer, primary_key=True),
        Column("settlement", LargeBinary, primary_key=True),
        Column("trade", LargeBinary),
        Column("kinds", Text, nullable=False),
    )


def _partial(name: str, table: str, columns: tuple[str, ...], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=text(where), postgresql_where=text(where))
