"""What all tables share: instants, tables that only grow, and the version of the whole.

A database is founded once, at `VERSION`. One that another version founded is refused by name: what
stands in it is money, and nobody guesses at its meaning.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DDL, BigInteger, Connection, Engine, MetaData, Table, TypeDecorator, event, inspect, select, text
from sqlalchemy.engine import Dialect

from lockstep.domain.errors import Misconfigured
from lockstep.domain.identifiers import Bic

VERSION = 3
"""1 was the ledger of the first day: no priorities, limits, reservations, batches or statements. 2 did not
keep who had recalled a UETR before its payment, and barred it to everybody, nor count agents' requests for never."""

_FOUNDING = 0x52544753
"""The advisory lock of PostgreSQL that founders take."""

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
        _refuse(table, {"UPDATE": "update", "DELETE": "delete"}, "ROW")


def never_leaves(table: Table, key: str) -> None:
    """No row is ever deleted or gets another `key`: what names it names it for ever."""
    _refuse(table, {"DELETE": "delete", f"UPDATE OF {key}": "rename"}, "STATEMENT")


def _refuse(table: Table, acts: Mapping[str, str], each: str) -> None:
    """Triggers against these acts, by SQL and by name, and against emptying the table.

    PostgreSQL judges them once for each ROW or STATEMENT, SQLite for each row.
    """
    refused = [
        (
            "sqlite",
            f"CREATE TRIGGER {table.name}_no_{name} BEFORE {act} ON {table.name} "
            f"BEGIN SELECT RAISE(ABORT, '{table.name} only grows'); END",
        )
        for act, name in acts.items()
    ]
    refused += [
        (
            "postgresql",
            f"CREATE TRIGGER {table.name}_no_{name} BEFORE {act} ON {table.name} "
            f"FOR EACH {per} EXECUTE FUNCTION only_grows()",
        )
        for act, name, per in (
            *((act, name, each) for act, name in acts.items()),
            ("TRUNCATE", "truncate", "STATEMENT"),
        )
    ]
    for dialect, statement in refused:
        event.listen(table, "after_create", _ddl(statement, dialect))


def refers_by_statement(table: Table, columns: tuple[str, ...], to: Table, key: str) -> None:
    """What a foreign key says, in PostgreSQL judged once per statement and not once per row: these columns of a new
    row name rows of `to`. Only for a table that only grows, towards one of which nothing leaves; a foreign key looks
    each row up by a query of its own and locks what it finds, which costs more than all else of a large insert.
    """
    joins = " ".join(f"LEFT JOIN {to.name} AS of_{one} ON of_{one}.{key} = new_rows.{one}" for one in columns)
    absent = " OR ".join(f"of_{one}.{key} IS NULL" for one in columns)
    name = f"{table.name}_refer"
    function = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF EXISTS (SELECT FROM new_rows {joins} WHERE {absent}) THEN "
        f"RAISE EXCEPTION '{table.name} name what is not in {to.name}' USING ERRCODE = 'foreign_key_violation'; "
        "END IF; RETURN NULL; END $$"
    )
    trigger = (
        f"CREATE TRIGGER {name} AFTER INSERT ON {table.name} REFERENCING NEW TABLE AS new_rows "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
    )
    for statement in (function, trigger):
        event.listen(table, "after_create", _ddl(statement, "postgresql"))


def found(engine: Engine, url: str, bic: Bic) -> Bic:
    """Creates what is missing in an empty database, which is this BIC's from then on; whose it is.

    Of several processes that found one at the same time, one does. Raises Misconfigured for one of another version.
    """
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_FOUNDING})"))
        present = _version(connection)
        if present is not None and present != VERSION:
            raise Misconfigured(
                f"{url} was founded at schema version {present} of the RTGS, this is version {VERSION}: "
                "found a new database, or run the version that founded this one"
            )
        settings = metadata.tables["settings"]
        if present is not None:
            return Bic(str(connection.scalar(select(settings.c.bic))))
        metadata.create_all(connection)
        row = {"one": 1, "version": VERSION, "bic": bic, "quorum": 3, "clock_offset": 0}
        connection.execute(settings.insert().values(row))
        return bic


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
    return DDL(statement.replace("%", "%%")).execute_if(dialect=dialect)


event.listen(metadata, "before_create", _ddl(_ONLY_GROWS, "postgresql"))
