"""Repos: a row for each."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text, text

revision = "0008"
down_revision = "0007"

WHOLE = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "repo",
        Column("number", WHOLE, primary_key=True),
        Column("repo_id", Text, nullable=False, unique=True),
        Column("version", WHOLE, nullable=False),
        Column("state", Text, nullable=False),
        Column("look_from", WHOLE),
        Column("body", Text, nullable=False),
    )
    where = text("look_from IS NOT NULL")
    op.create_index("repo_look_from", "repo", ["look_from"], sqlite_where=where, postgresql_where=where)
