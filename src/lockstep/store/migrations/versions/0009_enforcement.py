"""Enforcements: a row for each."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text, text

revision = "0009"
down_revision = "0008"

WHOLE = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "enforcement",
        Column("number", WHOLE, primary_key=True),
        Column("agreement_id", Text, nullable=False),
        Column("name", Text, nullable=False),
        Column("version", WHOLE, nullable=False),
        Column("state", Text, nullable=False),
        Column("open", Boolean, nullable=False),
        Column("body", Text, nullable=False),
    )
    op.create_index("enforcement_key", "enforcement", ["agreement_id", "name"], unique=True)
    where = text("open")
    op.create_index("enforcement_open", "enforcement", ["number"], sqlite_where=where, postgresql_where=where)
