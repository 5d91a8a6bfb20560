"""Payments that no trade of the records has, and what is asked of instructions whose trade may have been lost."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text, false, text

revision = "0003"
down_revision = "0002"

WHOLE = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.add_column("instruction", Column("late", Boolean, nullable=False, server_default=false()))
    op.add_column("instruction", Column("asked", WHOLE, nullable=False, server_default="0"))
    waits = text("status = 'WAITING' AND asked > 0")
    op.create_index("instruction_asked", "instruction", ["number"], sqlite_where=waits, postgresql_where=waits)
    op.create_table(
        "unclaimed_payment",
        Column("settlement_id", Text, primary_key=True),
        Column("salt", Text, nullable=False),
        Column("due", WHOLE),
    )
    op.create_index("unclaimed_payment_salt", "unclaimed_payment", ["salt"])
    op.create_index("unclaimed_payment_due", "unclaimed_payment", ["due"])
