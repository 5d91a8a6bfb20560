"""One table of a report as Parquet, its columns typed; the same table gives the same bytes, by one version of polars.

| column | as |
|---|---|
| text, day | string, date |
| count | 64-bit integer |
| moment | timestamp in microseconds, UTC |
| money | decimal(38, 4): every ISO 4217 currency's decimals have room |
| quantity | decimal(38, 0), or decimal(38, 18) where the table says each security's decimals |
| share | `NAME` as decimal(38, 9), rounded half to even; exact in 64-bit `NAME_numerator`, `NAME_denominator` |
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from io import BytesIO
from typing import Any, Protocol

import polars

from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import minor_units

__all__ = ["ColumnLike", "TableLike", "write"]

_WIDEST = 10**38
_SHARE, _MONEY, _QUANTITY = 9, 4, 18
_TYPES: Mapping[str, tuple[Any, type, str]] = {
    "text": (polars.String(), str, "text"),
    "day": (polars.Date(), date, "a day"),
    "moment": (polars.Datetime("us", "UTC"), datetime, "a moment with its offset from UTC"),
    "count": (polars.Int64(), int, "a whole number of 64 bits"),
}


class ColumnLike(Protocol):
    """What is read of a report's column."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> Enum: ...
    @property
    def currency_in(self) -> str: ...
    @property
    def decimals_in(self) -> str: ...


class TableLike(Protocol):
    """What is read of a report's table: `reports.model.Table` has it."""

    @property
    def name(self) -> str: ...
    @property
    def columns(self) -> Sequence[ColumnLike]: ...
    @property
    def rows(self) -> Sequence[Sequence[Any]]: ...


def write(table: TableLike) -> bytes:
    """The file. Raises InvalidInput, with its place, for a value that its column cannot hold exactly."""
    found: list[polars.Series] = []
    for at, column in enumerate(table.columns):
        found += _series(table, at, column)
    names = [one.name for one in found]
    for name in names:
        if names.count(name) > 1:
            raise InvalidInput(f"{table.name}.columns", name, "a name that no other column of the file has")
    out = BytesIO()
    polars.DataFrame(found).write_parquet(out, compression="zstd", compression_level=3, row_group_size=131_072)
    return out.getvalue()


def _series(table: TableLike, at: int, column: ColumnLike) -> Iterator[polars.Series]:
    name, kind = column.name, str(column.kind.value)
    if kind == "share":
        shares = [_fraction(table, row, at) for row in range(len(table.rows))]
        rounded = [None if one is None else _decimal(round(one * 10**_SHARE), _SHARE) for one in shares]
        yield polars.Series(name, rounded, polars.Decimal(38, _SHARE))
        for part in ("numerator", "denominator"):
            numbers = [None if one is None else getattr(one, part) for one in shares]
            for row, number in enumerate(numbers):
                _require(table, row, at, number, number is None or -(2**63) <= number < 2**63, "64 bits for a share")
            yield polars.Series(f"{name}_{part}", numbers, polars.Int64())
    elif kind in ("money", "quantity"):
        scale = _MONEY if kind == "money" else _QUANTITY if column.decimals_in else 0
        amounts = [_scaled(table, row, at, column, scale) for row in range(len(table.rows))]
        yield polars.Series(name, amounts, polars.Decimal(38, scale))
    else:
        yield polars.Series(name, [_plain(table, row, at, kind) for row in range(len(table.rows))], _TYPES[kind][0])


def _plain(table: TableLike, row: int, at: int, kind: str) -> Any:
    value = table.rows[row][at]
    if value is None:
        return None
    _, taken, rule = _TYPES[kind]
    fits = isinstance(value, taken) and not isinstance(value, bool)
    if kind == "day":
        fits = fits and not isinstance(value, datetime)
    elif kind == "moment":
        fits = fits and value.utcoffset() is not None
    elif kind == "count":
        fits = fits and -(2**63) <= value < 2**63
    _require(table, row, at, value, fits, rule)
    return value.astimezone(UTC) if kind == "moment" else value


def _fraction(table: TableLike, row: int, at: int) -> Fraction | None:
    value = table.rows[row][at]
    if value is None:
        return None
    _require(table, row, at, value, isinstance(value, int | Fraction) and not isinstance(value, bool), "a fraction")
    return Fraction(value)


def _scaled(table: TableLike, row: int, at: int, column: ColumnLike, scale: int) -> Decimal | None:
    """A number of minor or base units as the decimal number that it means."""
    value = table.rows[row][at]
    if value is None:
        return None
    _require(table, row, at, value, isinstance(value, int) and not isinstance(value, bool), "a whole number")
    decimals = 0
    if column.currency_in:
        decimals = minor_units(str(_beside(table, row, column.currency_in)), field=f"{table.name}[{row}].currency")
    elif column.decimals_in:
        said = _beside(table, row, column.decimals_in)
        fits = isinstance(said, int) and 0 <= said <= scale
        _require(table, row, at, said, fits, f"0 to {scale} decimals of a security")
        decimals = said
    _require(table, row, at, value, abs(value) * 10 ** (scale - decimals) < _WIDEST, "38 digits")
    return _decimal(value, decimals)


def _decimal(value: int, decimals: int) -> Decimal:
    """Exactly: no context rounds what is made from its digits."""
    return Decimal((int(value < 0), tuple(map(int, str(abs(value)))), -decimals))


def _beside(table: TableLike, row: int, name: str) -> Any:
    for at, column in enumerate(table.columns):
        if column.name == name:
            return table.rows[row][at]
    raise InvalidInput(f"{table.name}.columns", name, "the name of a column of the table")


def _require(table: TableLike, row: int, at: int, value: object, fits: bool, rule: str) -> None:
    if not fits:
        raise InvalidInput(f"{table.name}[{row}].{table.columns[at].name}", value, rule)
