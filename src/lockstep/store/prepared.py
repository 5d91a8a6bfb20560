"""Statements that every pass runs: compiled once for a dialect, then handed to the driver as text.

SQLAlchemy builds, keys and wraps a statement anew for each execution, which costs several times what SQLite takes to
answer. Parameters are texts, whole numbers, truth values, bytes and None: what a driver takes as it is.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, Insert, Select, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError

__all__ = ["Query", "Write", "driven"]

_Text = tuple[str, tuple[str, ...] | None, dict[str, Any]]


def driven(dialect: Dialect, connection: Any, text: str, parameters: Any = ()) -> Any:
    """The driver's cursor after a statement on a connection of the pool's. Raises SQLAlchemy's exceptions."""
    cursor = connection.cursor()
    try:
        cursor.execute(text, parameters)
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(text, parameters, error, dialect.loaded_dbapi.Error, dialect=dialect) from error
    return cursor


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
        row: Any = namedtuple("Row", [column.name for column in statement.selected_columns])  # type: ignore[misc]
        self._row: Callable[[Iterable[Any]], Any] = row._make

    def rows(self, connection: Connection, **given: Any) -> Sequence[Any]:
        """All rows found, in the connection's transaction; a row's columns by their names."""
        return [*map(self._row, self._driven(connection.dialect, connection.connection, given).fetchall())]

    def alone(self, engine: Engine, **given: Any) -> Sequence[Any]:
        """The same, as of one moment, in no transaction of the caller's: on SQLite nobody is waited for."""
        connection = engine.raw_connection()
        try:
            return [*map(self._row, self._driven(engine.dialect, connection, given).fetchall())]
        finally:
            connection.close()


class Write(_Prepared):
    """An insert or an update of these columns."""

    def __init__(self, statement: Insert | Update, *columns: str) -> None:
        super().__init__(statement, columns)

    def run(self, connection: Connection, **given: Any) -> int:
        """How many rows it changed."""
        return int(self._driven(connection.dialect, connection.connection, given).rowcount)
