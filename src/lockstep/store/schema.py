"""The tables' version: a new database is made as it is now, an older one brought up to date, a newer one refused.

Migrations are Alembic's, in `migrations/versions`; their table is `alembic_version`, so that Alembic's own command
reads it too. Alembic itself is imported only where there is something to migrate.
"""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from lockstep.domain.errors import Misconfigured
from lockstep.store.tables import LATEST_VERSION, metadata, version

__all__ = ["FIRST_VERSION", "MIGRATIONS", "bring_up_to_date"]

FIRST_VERSION = "0001"
"""The tables of the releases that kept no version."""
MIGRATIONS = Path(__file__).with_name("migrations")
_FOUNDING = 0x4C4F434B
"""The advisory lock of PostgreSQL that founders take."""


def bring_up_to_date(engine: Engine) -> None:
    """In one transaction, all of it or nothing. Of several who do it at the same time, one does.

    Raises Misconfigured for a database of a version that this one does not know.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":  # a look that waits for nobody: `begin` would take the write lock
            cursor = connection.connection.cursor()
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'")
            found = cursor.fetchall() and cursor.execute("SELECT version_num FROM alembic_version").fetchall()
            if found == [(LATEST_VERSION,)]:
                return
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_FOUNDING})"))
        present = _present(connection)
        if present == LATEST_VERSION:
            return
        if present is None:
            metadata.create_all(connection)
            connection.execute(version.insert().values(version_num=LATEST_VERSION))
            return
        _migrate(connection, present)


def _present(connection: Connection) -> str | None:
    """The version of the tables that are there; None: there are none."""
    tables = set(inspect(connection).get_table_names())
    if version.name in tables:
        stored = connection.execute(version.select()).scalars().all()
        if len(stored) == 1:
            return str(stored[0])
        raise Misconfigured(f"the service's database: {version.name} has {len(stored)} rows and breaks the rule: one")
    return FIRST_VERSION if {"trade", "journal", "instruction"} <= tables else None


def _migrate(connection: Connection, present: str) -> None:
    from alembic import command  # costs a tenth of a second, which most starts need not spend
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = [one.revision for one in ScriptDirectory.from_config(config).walk_revisions()]
    if present not in known:
        raise Misconfigured(
            f"the service's database is of version {present}, and this is version {LATEST_VERSION}: "
            "run the release that wrote it, or a later one"
        )
    if not inspect(connection).has_table(version.name):
        command.stamp(config, present)
    command.upgrade(config, "head")
