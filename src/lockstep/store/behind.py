"""Inserts that run on a thread of their own while the rows after them are made: for one long transaction on SQLite.

SQLite lets go of Python's lock while a statement runs, so a statement with many rows leaves the other core to who makes
the next ones. One for each row would take the lock back for each.
"""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from types import TracebackType
from typing import Any, cast

from sqlalchemy import Connection

from lockstep.store.prepared import driven

__all__ = ["Behind", "all_at_once"]

MOST_ROWS = 2_000
"""In one statement: about ten milliseconds."""
MOST_VALUES = 32_000
"""SQLite takes 32,766 (SQLITE_MAX_VARIABLE_NUMBER)."""
_ROW = re.compile(r"VALUES (\((?:\?, )*\?\))")


CACHE_KIB = 128 * 1024
"""Of the database's pages. Ids are random: each row goes into indexes anywhere, which are to stay in memory."""


@contextmanager
def all_at_once(connection: Connection) -> Iterator[Connection]:
    """The connection for a long transaction that writes everything at once; on PostgreSQL as it is."""
    if connection.dialect.name != "sqlite":
        yield connection
        return
    driver = connection.connection
    (was,) = driven(connection.dialect, driver, "PRAGMA cache_size").fetchone()
    driven(connection.dialect, driver, f"PRAGMA cache_size=-{CACHE_KIB}")
    try:
        with Behind(connection) as behind:
            yield cast(Connection, behind)
    finally:
        driven(connection.dialect, driver, f"PRAGMA cache_size={was}")


class Behind:
    """Stands for a connection, and for its driver's. Statements run in their order, each read after all before it.

    What an insert raises is raised by the next statement, or at the end of the block; then the rest was not run. The
    connection is its owner's again after the block.
    """

    def __init__(self, connection: Connection) -> None:
        self.dialect = connection.dialect
        self._driver: Any = connection.connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="behind")
        self._running: list[Future[None]] = []
        self._failed = False

    @property
    def connection(self) -> "Behind":
        return self

    def cursor(self) -> "_Cursor":
        return _Cursor(self)

    def __enter__(self) -> "Behind":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=kind is not None)
        if kind is None:
            self.wait()

    def wait(self) -> None:
        """Until all has run."""
        running, self._running = self._running, []
        for one in running:
            one.result()

    def add(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        row = _ROW.search(text)
        if row is None:
            raise ValueError(f"no insert of rows: {text}")
        most = min(MOST_ROWS, MOST_VALUES // len(rows[0]))
        for start in range(0, len(rows), most):
            some = rows[start : start + most]
            whole = f"{text[: row.start(1)]}{', '.join([row[1]] * len(some))}{text[row.end(1) :]}"
            self._running.append(self._thread.submit(self._run, whole, some))

    def _run(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        if self._failed:
            return
        try:
            driven(self.dialect, self._driver, text, [*chain.from_iterable(rows)])
        except BaseException:
            self._failed = True
            raise

    def run(self, text: str, parameters: Any) -> Any:
        self.wait()
        return driven(self.dialect, self._driver, text, parameters)


class _Cursor:
    """Of a driver's cursor what `prepared.driven` uses."""

    def __init__(self, behind: Behind) -> None:
        self._behind = behind
        self._found: Any = None

    def execute(self, text: str, parameters: Any) -> None:
        self._found = self._behind.run(text, parameters)

    def executemany(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        self._behind.add(text, rows)

    def fetchall(self) -> Any:
        return self._found.fetchall()
