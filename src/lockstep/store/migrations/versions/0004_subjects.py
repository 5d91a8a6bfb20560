"""The journal's subjects by number: an index over random ids is written in as many places as a commit has entries."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text

revision = "0004"
down_revision = "0003"

WHOLE = BigInteger().with_variant(Integer, "sqlite")


def upgrade() -> None:
    op.drop_index("journal_subject", "journal")
    op.create_table(
        "journal_subject",
        Column("number", WHOLE, primary_key=True),
        Column("name", Text, nullable=False, unique=True),
    )
    op.add_column("journal", Column("about", WHOLE))
    op.execute("INSERT INTO journal_subject (name) SELECT subject FROM journal GROUP BY subject ORDER BY min(number)")
    op.execute(
        "UPDATE journal SET about = "
        "(SELECT journal_subject.number FROM journal_subject WHERE journal_subject.name = journal.subject)"
    )
    op.create_index("journal_about", "journal", ("about", "number"))
