"""Margin calls, and how they are paid."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text, text

revision = "0007"
down_revision = "0006"

WHOLE = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "margin_call",
        Column("number", WHOLE, primary_key=True),
        Column("agreement_id", Text, nullable=False),
        Column("reference", Text, nullable=False),
        Column("version", WHOLE, nullable=False),
        Column("state", Text, nullable=False),
        Column("open", Boolean, nullable=False),
        Column("body", Text, nullable=False),
    )
    op.create_index("margin_call_key", "margin_call", ["agreement_id", "reference"], unique=True)
    is_open = text("open")
    op.create_index("margin_call_open", "margin_call", ["number"], sqlite_where=is_open, postgresql_where=is_open)
