"""Payments for the collateral register: a row for each."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text, text

revision = "0010"
down_revision = "0009"

WHOLE = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "register_payment",
        Column("number", WHOLE, primary_key=True),
        Column("name", Text, nullable=False, unique=True),
        Column("version", WHOLE, nullable=False),
        Column("state", Text, nullable=False),
        Column("open", Boolean, nullable=False),
        Column("body", Text, nullable=False),
    )
    where = text("open")
    op.create_index("register_payment_open", "register_payment", ["number"], sqlite_where=where, postgresql_where=where)
