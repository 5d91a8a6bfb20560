"""Statements over many rows at once, one for both databases: what a pass does with a batch of trades.

SQLite takes a list as JSON and repeats a prepared statement in its own loop; PostgreSQL takes an array per column, as
the text that the server reads. Either gets one statement per batch and table, however many rows it makes.

In a statement `?` stands for a value, `IN LIST` for `IN (...)` with a list of texts as its value, `IN NUMBERS` for one
of whole numbers, `IN PAIRS` after two columns for one of pairs of texts, and what stands in [[ ]] is for PostgreSQL,
where others write at the same time.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import BigInteger, Boolean, Connection, Engine, LargeBinary, Table

from lockstep.store.prepared import apart, driven

_PAIRS_ON_SQLITE = "SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)"

__all__ = ["Insert", "Rows", "Statement", "Update", "array"]


def array(values: Iterable[Any]) -> str:
    """Texts, whole numbers, truth values, bytes and None as PostgreSQL writes an array of them."""
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: Any) -> str:
    if isinstance(value, str):
        if '"' in value or "\\" in value:
            value = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{value}"'
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return "NULL" if value is None else str(value)


def _listed(values: Iterable[Any]) -> str:
    try:
        return orjson.dumps([*values]).decode()
    except TypeError:  # a text that is no UTF-8, or a number of more than 64 bits
        return json.dumps([*values])


class Statement:
    """A statement with its values in order. Lists are given as they are."""

    def __init__(self, text: str) -> None:
        on_sqlite = re.sub(r"\s*\[\[.*?\]\]", "", text, flags=re.DOTALL)
        on_sqlite = re.sub(r"IN (LIST|NUMBERS)", "IN (SELECT value FROM json_each(?))", on_sqlite)
        on_sqlite = on_sqlite.replace("IN PAIRS", f"IN ({_PAIRS_ON_SQLITE})")
        on_postgresql = text.replace("[[", "").replace("]]", "").replace("?", "%s")
        for words, meant in (
            ("IN LIST", "= ANY(%s::text[])"),
            ("IN NUMBERS", "= ANY(%s::bigint[])"),
            ("IN PAIRS", "IN (SELECT * FROM unnest(%s::text[], %s::text[]))"),
        ):
            on_postgresql = on_postgresql.replace(words, meant)
        self._texts = {"sqlite": (on_sqlite, _listed), "postgresql": (on_postgresql, array)}

    def run(self, connection: Connection, *values: Any) -> Any:
        """The driver's cursor, in the connection's transaction."""
        return self._driven(connection.dialect, connection.connection, values)

    def rows(self, connection: Connection, *values: Any) -> Sequence[Any]:
        found: Sequence[Any] = self.run(connection, *values).fetchall()
        return found

    def alone(self, engine: Engine, *values: Any) -> Sequence[Any]:
        """As of one moment, in no transaction of the caller's. Raises Unavailable."""
        with apart(engine) as connection:
            found: Sequence[Any] = self._driven(engine.dialect, connection, values).fetchall()
            return found

    def _driven(self, dialect: Any, connection: Any, values: tuple[Any, ...]) -> Any:
        text, listed = self._texts[dialect.name]
        given = [two for one in values for two in _columns(one, dialect.name)]
        return driven(dialect, connection, text, [listed(one) if isinstance(one, list) else one for one in given])


def _columns(value: Any, dialect: str) -> Sequence[Any]:
    """A list of pairs is one value for SQLite, and two lists for PostgreSQL."""
    if dialect == "sqlite" or not (isinstance(value, list) and value and isinstance(value[0], tuple)):
        return (value,)
    return [list(column) for column in zip(*value, strict=True)]


Rows = Sequence[Sequence[Any]]


class _Many:
    """One statement for many rows: on SQLite once for each, on PostgreSQL once over `new`, which has them all."""

    def __init__(
        self, on_sqlite: str, on_postgresql: Callable[[str], str], table: Table, columns: Sequence[str]
    ) -> None:
        lists = ", ".join(f"%s::{_array_type(table, name)}" for name in columns)
        self._texts = {
            "sqlite": on_sqlite,
            "postgresql": on_postgresql(f"unnest({lists}) AS new({', '.join(columns)})"),
        }

    def run(self, connection: Connection, rows: Rows) -> None:
        """Each row has the statement's columns in order."""
        if not rows:
            return
        dialect, driver, text = connection.dialect, connection.connection, self._texts[connection.dialect.name]
        if dialect.name == "sqlite":
            driven(dialect, driver, text, rows, many=True)
        else:
            driven(dialect, driver, text, [array(column) for column in zip(*rows, strict=True)])


class Insert(_Many):
    """Adds rows in their order. `conflict` says what becomes of one whose key is there, as SQL has it."""

    def __init__(self, table: Table, *columns: str, conflict: str = "") -> None:
        names, tail = ", ".join(columns), f" ON CONFLICT {conflict}" if conflict else ""
        super().__init__(
            f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(columns))}){tail}",
            lambda new: f"INSERT INTO {table.name} ({names}) SELECT {names} FROM {new}{tail}",
            table,
            columns,
        )


class Update(_Many):
    """Sets columns of the rows with these keys; a row of values ends with its key.

    `also` adds to what is set, in SQL.
    """

    def __init__(self, table: Table, key: str, *columns: str, also: Mapping[str, str] | None = None) -> None:
        more = [f"{name} = {value}" for name, value in (also or {}).items()]
        super().__init__(
            f"UPDATE {table.name} SET {', '.join([f'{name} = ?' for name in columns] + more)} WHERE {key} = ?",
            lambda new: (
                f"UPDATE {table.name} SET {', '.join([f'{name} = new.{name}' for name in columns] + more)} "
                f"FROM {new} WHERE {table.name}.{key} = new.{key}"
            ),
            table,
            (*columns, key),
        )


def _array_type(table: Table, column: str) -> str:
    kind = table.c[column].type
    if isinstance(kind, BigInteger):
        return "bigint[]"
    if isinstance(kind, Boolean):
        return "boolean[]"
    return "bytea[]" if isinstance(kind, LargeBinary) else "text[]"
