"""Queries that every pass asks: compiled once for a dialect, then handed to the driver as text.

SQLAlchemy builds and keys a statement anew for each execution, which costs several times what SQLite takes to answer.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select

__all__ = ["Query"]


class Query:
    """A select whose open parameters (`bindparam`) are given at each run: texts and whole numbers only."""

    def __init__(self, statement: Select[Any]) -> None:
        self._statement = statement
        self._compiled: dict[str, tuple[str, tuple[str, ...] | None, dict[str, Any]]] = {}

    def rows(self, connection: Connection, **given: Any) -> Sequence[Row[Any]]:
        """All rows found."""
        known = self._compiled.get(connection.dialect.name)
        if known is None:
            compiled: Any = self._statement.compile(dialect=connection.dialect)
            places = tuple(compiled.positiontup) if compiled.positional else None
            known = self._compiled[connection.dialect.name] = str(compiled), places, dict(compiled.params)
        text, places, usual = known
        values = usual | given
        parameters = values if places is None else tuple(values[name] for name in places)
        return connection.exec_driver_sql(text, parameters).all()
