"""The journal's days and their roots: a row for each that is closed."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text, text

revision = "0011"
down_revision = "0010"

WHOLE = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "anchor",
        Column("day", WHOLE, primary_key=True, autoincrement=False),
        Column("journal", Text, nullable=False),
        Column("size", WHOLE, nullable=False),
        Column("root", Text, nullable=False),
        Column("peaks", Text, nullable=False),
        Column("state", Text, nullable=False),
    )
    where = text("state = 'CLOSED'")
    op.create_index("anchor_closed", "anchor", ["day"], sqlite_where=where, postgresql_where=where)
    op.create_index("anchor_size", "anchor", ["size"])
