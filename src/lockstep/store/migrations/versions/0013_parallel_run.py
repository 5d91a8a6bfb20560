"""The parallel run: where each security is, its scorecards by day, and trades as both books have them."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text

revision = "0013"
down_revision = "0012"

WHOLE = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "course",
        Column("number", WHOLE, primary_key=True),
        Column("isin", Text, nullable=False, unique=True),
        Column("version", WHOLE, nullable=False),
        Column("state", Text, nullable=False),
        Column("open", Boolean, nullable=False),
        Column("body", Text, nullable=False),
    )
    op.create_table(
        "scorecard",
        Column("number", WHOLE, primary_key=True),
        Column("day", Text, nullable=False),
        Column("isin", Text, nullable=False),
        Column("version", WHOLE, nullable=False),
        Column("state", Text, nullable=False),
        Column("unexplained", WHOLE, nullable=False),
        Column("body", Text, nullable=False),
    )
    op.create_index("scorecard_key", "scorecard", ["day", "isin"], unique=True)
    op.create_index("scorecard_isin", "scorecard", ["isin", "day"])
    op.create_table(
        "trade_pair",
        Column("number", WHOLE, primary_key=True),
        Column("reference", Text, nullable=False, unique=True),
        Column("version", WHOLE, nullable=False),
        Column("state", Text, nullable=False),
        Column("seen_on", WHOLE, nullable=False),
        Column("body", Text, nullable=False),
    )
    op.create_index("trade_pair_seen_on", "trade_pair", ["seen_on"])
