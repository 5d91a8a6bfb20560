"""Opening the database: SQLite in WAL with FULL synchronisation; a commit that returned is on disk."""

from typing import Any

from sqlalchemy import Engine, create_engine, event

from lockstep.store.prepared import driven
from lockstep.store.tables import metadata

__all__ = ["Database", "open_database"]

Database = Engine
"""An open one, for those who only hand it on."""


def open_database(url: str) -> Database:
    """An engine on the service's database; creates the tables where there are none.

    Every transaction on SQLite begins IMMEDIATE: two processes take turns instead of failing late.
    """
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    metadata.create_all(engine)
    return engine


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=15000", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Any) -> None:
    driven(connection.dialect, connection.connection, "BEGIN IMMEDIATE")
