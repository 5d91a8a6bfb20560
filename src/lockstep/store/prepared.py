"""Statements that every pass runs: compiled once for a dialect, then handed to the driver as text.

SQLAlchemy builds, keys and wraps a statement anew for each execution, which costs several times what SQLite takes to
answer. Parameters are texts, whole numbers, truth values, bytes and None: what a driver takes as it is.

No answer of the database is `Unavailable`: on PostgreSQL a lost connection, a deadlock or anything else that its
operator mends, on SQLite the write lock that somebody keeps too long. A disk that fails is neither, and raised.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Connection, Engine, Insert, Select, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from lockstep.domain.errors import Unavailable

__all__ = ["AT_ONCE", "Query", "Write", "apart", "driven", "no_answer", "transaction"]

_Text = tuple[str, tuple[str, ...] | None, dict[str, Any]]

AT_ONCE = "lockstep_at_once"
"""The execution option that says how SQLite begins: see `transaction`."""
_BUSY = (5, 6)
"""SQLITE_BUSY and SQLITE_LOCKED, the low byte of its error codes."""


def driven(dialect: Dialect, connection: Any, text: str, parameters: Any = (), *, many: bool = False) -> Any:
    """The driver's cursor after a statement on a connection of the pool's. Raises SQLAlchemy's exceptions."""
    cursor = connection.cursor()
    try:
        (cursor.executemany if many else cursor.execute)(text, parameters)
    except dialect.loaded_dbapi.Error as error:
        raise _wrapped(dialect, error, text, parameters) from error
    return cursor


def _wrapped(dialect: Dialect, error: Exception, text: str | None = None, parameters: Any = None) -> Exception:
    """The driver's error as SQLAlchemy raises it; what was stored is not told."""
    return DBAPIError.instance(
        text, parameters, error, dialect.loaded_dbapi.Error, hide_parameters=True, dialect=dialect
    )


def no_answer(error: DBAPIError) -> Unavailable | None:
    """What a database's error says, if it says nothing but that there is no answer."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is None and (error.orig is None or type(error.orig).__module__.startswith("sqlite3")):
        return None
    if code is None and not isinstance(error, (OperationalError, InterfaceError)) and not error.connection_invalidated:
        return None
    if code is not None and code & 0xFF not in _BUSY:
        return None
    said = next(iter(str(error.orig).strip().splitlines()), type(error.orig).__name__)
    return Unavailable(f"the service's database does not answer: {said}")


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        nothing = no_answer(error)
        if nothing is None:
            raise
        raise nothing from error


@contextmanager
def transaction(engine: Engine, *, at_once: bool = True) -> Iterator[Connection]:
    """A transaction that writes. Raises Unavailable where there is no answer.

    Then nothing was stored, unless PostgreSQL's connection broke during the commit itself: then nobody knows. One that
    need not be on disk `at_once` goes there with the next that must: a power cut may take it, with all that follows it.
    """
    with _answering(), engine.connect() as connection:
        if not at_once:
            connection = connection.execution_options(**{AT_ONCE: False})
        with connection.begin():
            if not at_once and engine.dialect.name != "sqlite":
                driven(engine.dialect, connection.connection, "SET LOCAL synchronous_commit = off")
            yield connection


@contextmanager
def apart(engine: Engine) -> Iterator[Any]:
    """The pool's own connection, for statements of which each is a transaction by itself."""
    with _answering():
        try:
            connection = engine.raw_connection()
        except engine.dialect.loaded_dbapi.Error as error:
            raise _wrapped(engine.dialect, error) from error
        driver: Any = connection.dbapi_connection
        try:
            if engine.dialect.name != "sqlite":  # there the driver begins nothing by itself anyway
                driver.autocommit = True
            yield connection
        finally:
            if engine.dialect.name != "sqlite":
                if driver.closed:
                    connection.invalidate()
                else:
                    driver.autocommit = False
            connection.close()


class _Prepared:
    """A statement whose open parameters (`bindparam`, an insert's or update's `columns`) are given at each run."""

    def __init__(self, statement: Select[Any] | Insert | Update, columns: Iterable[str] | None = None) -> None:
        self._statement, self._columns = statement, None if columns is None else list(columns)
        self._compiled: dict[str, _Text] = {}

    def _driven(self, dialect: Dialect, connection: Any, given: dict[str, Any]) -> Any:
        text, places, usual = self._compiled.get(dialect.name) or self._compile(dialect)
        values = usual | given
        return driven(dialect, connection, text, values if places is None else [values[name] for name in places])

    def _compile(self, dialect: Dialect) -> _Text:
        compiled: Any = self._statement.compile(dialect=dialect, column_keys=self._columns)
        places = tuple(compiled.positiontup) if compiled.positional else None
        found = self._compiled[dialect.name] = str(compiled), places, dict(compiled.params)
        return found


class Query(_Prepared):
    """A select."""

    def __init__(self, statement: Select[Any]) -> None:
        super().__init__(statement)
        row = cast(Any, namedtuple)("Row", [column.name for column in statement.selected_columns])
        self._row: Callable[[Iterable[Any]], Any] = row._make

    def rows(self, connection: Connection, **given: Any) -> Sequence[Any]:
        """All rows found, in the connection's transaction; a row's columns by their names."""
        return [*map(self._row, self._driven(connection.dialect, connection.connection, given).fetchall())]

    def alone(self, engine: Engine, **given: Any) -> Sequence[Any]:
        """The same, as of one moment, in no transaction of the caller's: nobody is waited for. Raises Unavailable."""
        with apart(engine) as connection:
            return [*map(self._row, self._driven(engine.dialect, connection, given).fetchall())]


class Write(_Prepared):
    """An insert or an update of these columns."""

    def __init__(self, statement: Insert | Update, *columns: str) -> None:
        super().__init__(statement, columns)

    def run(self, connection: Connection, **given: Any) -> int:
        """How many rows it changed."""
        return int(self._driven(connection.dialect, connection.connection, given).rowcount)
