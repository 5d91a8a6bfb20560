"""A table's cells as text: exactly, for files, and rounded for the eye.

Exact: counts as digits, quantities and money as decimal numbers with all their decimals, shares as `n/d`, days and
moments as ISO 8601 (UTC, `Z`). For the eye: thousands grouped, shares as per cent with two decimals, and never 100 % or
0 % for what is a little less or more.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import minor_units
from lockstep.reports.model import Cell, Column, ColumnKind, Table

__all__ = ["RIGHT_ALIGNED", "ROWS_SHOWN", "Cells", "decimal_text", "grouped", "moment_text", "per_cent", "rounded_text"]

ROWS_SHOWN = 1000
"""Of a longer table people are shown so many rows, and told so; files have all."""
RIGHT_ALIGNED = frozenset({ColumnKind.COUNT, ColumnKind.QUANTITY, ColumnKind.MONEY, ColumnKind.SHARE})

_MOST_DECIMALS = 77
"""An ERC-20 token may have 255 decimals; a uint256 has no more digits than this to put behind a point."""
_TAKEN: Mapping[ColumnKind, tuple[tuple[type, ...], str]] = {
    ColumnKind.TEXT: ((str,), "text"),
    ColumnKind.COUNT: ((int,), "a whole number"),
    ColumnKind.QUANTITY: ((int,), "a whole number of base units"),
    ColumnKind.MONEY: ((int,), "a whole number of minor units"),
    ColumnKind.SHARE: ((int, Fraction), "a fraction"),
    ColumnKind.DAY: ((date,), "a day"),
    ColumnKind.MOMENT: ((datetime,), "a moment"),
}


def decimal_text(value: int, decimals: int) -> str:
    """`value` × 10^-`decimals` with all its decimals: 12345 and 2 are `123.45`."""
    if not decimals:
        return str(value)
    digits = str(abs(value)).rjust(decimals + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-decimals]}.{digits[-decimals:]}"


def grouped(text: str) -> str:
    """A decimal number's text with its thousands apart."""
    whole, point, fraction = text.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.removeprefix('-')):,}{point}{fraction}"


def rounded_text(share: Fraction | int, decimals: int) -> str:
    """To so many decimals, half to even."""
    return decimal_text(round(share * 10**decimals), decimals)


def per_cent(share: Fraction | int) -> str:
    """With two decimals; what is not exactly none or all never looks so."""
    if share in (0, 1):
        return f"{100 * int(share)} %"
    hundredths = round(share * 10_000)
    if hundredths in (0, 10_000):
        return {0: "< 0.01 %" if share > 0 else "> -0.01 %", 10_000: "> 99.99 %" if share < 1 else "> 100 %"}[
            hundredths
        ]
    return f"{grouped(decimal_text(hundredths, 2))} %"


def moment_text(moment: datetime) -> str:
    """ISO 8601, UTC, as short as is exact."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Cells:
    """How one table's cells are written. Raises InvalidInput for columns that name others that are not there."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._places = {one.name: place for place, one in enumerate(table.columns)}
        if len(self._places) != len(table.columns):
            raise InvalidInput(f"{table.name}.columns", ", ".join(one.name for one in table.columns), "no name twice")
        for one in table.columns:
            for place, name, kind, needed in (
                ("currency_in", one.currency_in, ColumnKind.TEXT, one.kind is ColumnKind.MONEY),
                ("decimals_in", one.decimals_in, ColumnKind.COUNT, False),
            ):
                if (name or needed) and (name not in self._places or self._column(name).kind is not kind):
                    raise InvalidInput(f"{table.name}.{one.name}.{place}", name, f"a {kind.value} column of the table")

    def for_people(self) -> list[int]:
        """The columns that are shown: not those that only tell others' decimals."""
        aids = {one.decimals_in for one in self._table.columns}
        return [place for place, one in enumerate(self._table.columns) if one.name not in aids]

    def exact(self, row: int, column: int) -> str:
        """For files; "" where there is nothing to say."""
        return self._written(row, column, _EXACT)

    def shown(self, row: int, column: int) -> str:
        """For the eye."""
        return self._written(row, column, _SHOWN)

    def value(self, row: int, column: int) -> Cell:
        """The cell, of its column's kind. Raises InvalidInput for another."""
        cell, kind = self._table.rows[row][column], self._table.columns[column].kind
        types, rule = _TAKEN[kind]
        odd = isinstance(cell, bool) or (kind is ColumnKind.DAY and isinstance(cell, datetime))
        if cell is not None and (odd or not isinstance(cell, types)):
            raise InvalidInput(self._place(row, column), cell, f"{rule}, or nothing")
        if isinstance(cell, datetime) and cell.utcoffset() is None:
            raise InvalidInput(self._place(row, column), cell, "a moment with its offset from UTC")
        return cell

    def decimals(self, row: int, column: int) -> int:
        """How many of a cell's digits stand behind the point. Raises InvalidInput."""
        one = self._table.columns[column]
        if one.kind is ColumnKind.MONEY:
            place = self._places[one.currency_in]
            return minor_units(str(self.value(row, place) or ""), field=self._place(row, place))
        if one.kind is not ColumnKind.QUANTITY or not one.decimals_in:
            return 0
        place = self._places[one.decimals_in]
        found = self.value(row, place)
        if not isinstance(found, int) or not 0 <= found <= _MOST_DECIMALS:
            raise InvalidInput(self._place(row, place), found, f"0 to {_MOST_DECIMALS} decimals")
        return found

    def _written(self, row: int, column: int, how: Mapping[ColumnKind, Callable[[Any, int], str]]) -> str:
        cell = self.value(row, column)
        return "" if cell is None else how[self._table.columns[column].kind](cell, self.decimals(row, column))

    def _column(self, name: str) -> Column:
        return self._table.columns[self._places[name]]

    def _place(self, row: int, column: int) -> str:
        return f"{self._table.name}[{row}].{self._table.columns[column].name}"


def _share(value: Fraction | int, _: int) -> str:
    return f"{value.numerator}/{value.denominator}"


def _seen_moment(moment: datetime, _: int) -> str:
    return moment_text(moment).replace("T", " ").removesuffix("Z")


_EXACT: Mapping[ColumnKind, Callable[[Any, int], str]] = {
    ColumnKind.TEXT: lambda value, _: str(value),
    ColumnKind.COUNT: lambda value, _: str(value),
    ColumnKind.QUANTITY: decimal_text,
    ColumnKind.MONEY: decimal_text,
    ColumnKind.SHARE: _share,
    ColumnKind.DAY: lambda value, _: str(value.isoformat()),
    ColumnKind.MOMENT: lambda value, _: moment_text(value),
}
_SHOWN: Mapping[ColumnKind, Callable[[Any, int], str]] = {
    **_EXACT,
    ColumnKind.COUNT: lambda value, _: grouped(str(value)),
    ColumnKind.QUANTITY: lambda value, decimals: grouped(decimal_text(value, decimals)),
    ColumnKind.MONEY: lambda value, decimals: grouped(decimal_text(value, decimals)),
    ColumnKind.SHARE: lambda value, _: per_cent(value),
    ColumnKind.MOMENT: _seen_moment,
}
