"""Breaks that reconciliation found, and the corrections proposed for them: a row for each."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text, text

revision = "0012"
down_revision = "0011"

WHOLE = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "break",
        Column("number", WHOLE, primary_key=True),
        Column("break_id", Text, nullable=False, unique=True),
        Column("version", WHOLE, nullable=False),
        Column("state", Text, nullable=False),
        Column("standing", Boolean, nullable=False),
        Column("body", Text, nullable=False),
    )
    where = text("standing")
    op.create_index("break_standing", "break", ["number"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "correction",
        Column("number", WHOLE, primary_key=True),
        Column("break_id", Text, nullable=False),
        Column("correction_id", Text, nullable=False),
        Column("version", WHOLE, nullable=False),
        Column("state", Text, nullable=False),
        Column("open", Boolean, nullable=False),
        Column("body", Text, nullable=False),
    )
    op.create_index("correction_key", "correction", ["break_id", "correction_id"], unique=True)
    where = text("open")
    op.create_index("correction_open", "correction", ["number"], sqlite_where=where, postgresql_where=where)
