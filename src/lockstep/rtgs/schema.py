"""What all tables share: instants, tables that only grow, and the version of the whole.

A database is founded once, at `VERSION`. One that another version founded is refused by name: what
stands in it is money, and nobody guesses at its meaning.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DDL, BigInteger, Connection, Engine, MetaData, Table, TypeDecorator, event, inspect, text
from sqlalchemy.engine import Dialect

from lockstep.domain.errors import Misconfigured

VERSION = 2
"""1 was the ledger of the first day: no priorities, limits, reservations, batches or statements."""

metadata = MetaData()


class Instant(TypeDecorator[datetime]):
    """A UTC instant, stored as whole seconds since 1970: as fine as messages tell it, and no finer."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value.timestamp())

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else datetime.fromtimestamp(value, UTC)


_ONLY_GROWS = """
CREATE OR REPLACE FUNCTION only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% only grows', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$
"""


def only_grows(*tables: Table) -> None:
    """No row of these is ever changed or deleted, by whatever hand: triggers refuse it."""
    for table in tables:
        for verb in ("UPDATE", "DELETE"):
            name = f"{table.name}_no_{verb.lower()}"
            in_sqlite = (
                f"CREATE TRIGGER {name} BEFORE {verb} ON {table.name} "
                f"BEGIN SELECT RAISE(ABORT, '{table.name} only grows'); END"
            )
            in_postgresql = (
                f"CREATE TRIGGER {name} BEFORE {verb} ON {table.name} FOR EACH ROW EXECUTE FUNCTION only_grows()"
            )
            for dialect, statement in (("sqlite", in_sqlite), ("postgresql", in_postgresql)):
                event.listen(table, "after_create", _ddl(statement, dialect))
        emptied = (
            f"CREATE TRIGGER {table.name}_no_truncate BEFORE TRUNCATE ON {table.name} "
            "FOR EACH STATEMENT EXECUTE FUNCTION only_grows()"
        )
        event.listen(table, "after_create", _ddl(emptied, "postgresql"))


def found(engine: Engine, url: str) -> None:
    """Creates the tables in an empty database; the row that tells the version comes last.

    Raises Misconfigured for a database of another version.
    """
    with engine.begin() as connection:
        present = _version(connection)
        if present is not None and present != VERSION:
            raise Misconfigured(
                f"{url} was founded at schema version {present} of the RTGS, this is version {VERSION}: "
                "found a new database, or run the version that founded this one"
            )
        if present is None:
            metadata.create_all(connection)


def _version(connection: Connection) -> int | None:
    """The version that founded the database; None for an empty one."""
    inspector = inspect(connection)
    if not inspector.has_table("settings"):
        return None
    if "version" not in {column["name"] for column in inspector.get_columns("settings")}:
        return 1
    stored: int | None = connection.scalar(text("SELECT version FROM settings"))
    return stored


def _ddl(statement: str, dialect: str) -> Any:
    return DDL(statement.replace("%", "%%")).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]


event.listen(metadata, "before_create", _ddl(_ONLY_GROWS, "postgresql"))
