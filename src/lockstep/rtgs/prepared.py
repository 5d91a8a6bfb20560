"""Statements that every message needs: built and compiled once, then run by the driver itself.

SQLAlchemy builds, keys and wraps each execution anew, which costs several times what SQLite takes to
answer. A `Prepared` keeps what it renders for a dialect, with the conversions of its types, and hands
both to the driver's cursor, within the transaction of the connection it is given.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Select, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import TypeEngine

Convert = Callable[[Any], Any]


def driven(connection: Connection, statement: str, parameters: Any = (), *, many: bool = False) -> Any:
    """The driver's cursor after a statement, run in the connection's transaction.

    Raises SQLAlchemy's exceptions in place of the driver's, as its own executions do.
    """
    cursor = connection.connection.cursor()
    try:
        (cursor.executemany if many else cursor.execute)(statement, parameters)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _wrapped(connection, statement, parameters, error) from error
    return cursor


@contextmanager
def together(connection: Connection) -> Iterator[None]:
    """What is `driven` within goes to a server in one round trip, as far as nothing is fetched in between.

    A statement that fails ends all that follow it, a commit too, and is raised at a fetch or at the end; the
    transaction is rolled back then. Only for `driven`, begin and commit: SQLAlchemy's own executions look at
    results at once. With a driver that cannot, and with SQLite, which is no server, all goes as ever.
    """
    driver: Any = connection.connection.dbapi_connection
    pipeline: Any = getattr(connection.dialect.loaded_dbapi, "Pipeline", None)
    if pipeline is None or not pipeline.is_supported():
        yield
        return
    try:
        with driver.pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        if driver.closed:
            connection.invalidate(error)
        else:
            driver.rollback()  # SQLAlchemy may hold a commit for done that the server never came to
        raise _wrapped(connection, "statements sent together", None, error) from error
    except DBAPIError:
        if not driver.closed:
            driver.rollback()
        raise


def _wrapped(connection: Connection, statement: str, parameters: Any, error: Exception) -> Exception:
    """The driver's error as SQLAlchemy raises it."""
    return DBAPIError.instance(
        statement, parameters, error, connection.dialect.loaded_dbapi.Error, dialect=connection.dialect
    )


class _Compiled:
    """A statement as one dialect runs it."""

    __slots__ = ("_converts", "_fixed", "_found", "_names", "_positional", "sql")

    def __init__(
        self, statement: Select[Any] | Insert | Update | Delete, columns: Sequence[str] | None, dialect: Dialect
    ) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=columns)
        self.sql = str(compiled)
        self._positional = bool(compiled.positional)
        self._names: list[str] = list(compiled.positiontup if self._positional else compiled.params)
        self._fixed: dict[str, Any] = {}
        """Values that the statement itself has."""
        self._converts: list[tuple[int, Convert]] = []
        """Places of the given values that are converted, each with how."""
        for place, name in enumerate(self._names):
            bind = compiled.binds[name]
            convert = _impl(bind.type, dialect).bind_processor(dialect)
            if not bind.required:
                self._fixed[name] = bind.value if convert is None else convert(bind.value)
            elif convert is not None:
                self._converts.append((place, convert))
        selected = statement.selected_columns if isinstance(statement, Select) else ()
        converts = [_impl(column.type, dialect).result_processor(dialect, None) for column in selected]
        self._found = [(place, convert) for place, convert in enumerate(converts) if convert is not None]

    def parameters(self, given: Mapping[str, Any]) -> Any:
        if self._fixed:
            given = {**given, **self._fixed}
        values = [given[name] for name in self._names]
        for place, convert in self._converts:
            values[place] = convert(values[place])
        return values if self._positional else dict(zip(self._names, values, strict=True))

    def converted(self, row: Sequence[Any]) -> tuple[Any, ...]:
        if not self._found:
            return tuple(row)
        values = list(row)
        for place, convert in self._found:
            values[place] = convert(values[place])
        return tuple(values)


class Prepared:
    """A statement whose open parameters (`bindparam`, an insert's `columns`) are given at each run.

    Not for lists in a parameter (`in_`). Raises what SQLAlchemy raises.
    """

    def __init__(
        self, statement: Select[Any] | Insert | Update | Delete, *, columns: Sequence[str] | None = None
    ) -> None:
        self._statement, self._columns = statement, columns
        self._by_dialect: dict[str, _Compiled] = {}

    def all(self, connection: Connection, **given: Any) -> list[tuple[Any, ...]]:
        """All rows found."""
        compiled = self._compiled(connection)
        found = driven(connection, compiled.sql, compiled.parameters(given))
        return [compiled.converted(row) for row in found.fetchall()]

    def first(self, connection: Connection, **given: Any) -> tuple[Any, ...] | None:
        """The first row, or None."""
        found = self.all(connection, **given)
        return found[0] if found else None

    def scalar(self, connection: Connection, **given: Any) -> Any:
        """The first row's first value, or None."""
        found = self.all(connection, **given)
        return found[0][0] if found else None

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Once for each row, whose keys are the parameters."""
        if not rows:
            return
        compiled = self._compiled(connection)
        if len(rows) == 1:
            driven(connection, compiled.sql, compiled.parameters(rows[0]))
        else:
            driven(connection, compiled.sql, [compiled.parameters(row) for row in rows], many=True)

    def _compiled(self, connection: Connection) -> _Compiled:
        found = self._by_dialect.get(connection.dialect.name)
        if found is None:
            found = _Compiled(self._statement, self._columns, connection.dialect)
            self._by_dialect[connection.dialect.name] = found
        return found


def _impl(of: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    """The type as the dialect has it."""
    return of.dialect_impl(dialect)
