"""A report's table as Parquet: read back by another reader, typed, exact, and the same bytes each time."""

import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import polars
import pytest

from lockstep.analytics.parquet import write
from lockstep.domain.errors import InvalidInput
from lockstep.reports.model import Column, ColumnKind, Table

K = ColumnKind
COLUMNS = (
    Column(name="isin", title="ISIN"),
    Column(name="trades", title="", kind=K.COUNT),
    Column(name="decimals", title="", kind=K.COUNT),
    Column(name="units", title="", kind=K.QUANTITY, decimals_in="decimals"),
    Column(name="pieces", title="", kind=K.QUANTITY),
    Column(name="currency", title=""),
    Column(name="value", title="", kind=K.MONEY, currency_in="currency"),
    Column(name="share", title="", kind=K.SHARE),
    Column(name="day", title="", kind=K.DAY),
    Column(name="at", title="", kind=K.MOMENT),
)
AT = datetime(2026, 3, 2, 18, 0, 0, 123456, tzinfo=UTC)
ROWS = (
    ("DE1", 2**63 - 1, 2, 10**20 - 1, 10**37, "EUR", -987654321, Fraction(2, 3), date(2026, 3, 2), AT),
    ("=1+1", -1, 18, 1, 0, "JPY", 10**33, Fraction(0), None, None),
    (None, None, 0, None, None, "BHD", 1001, None, date(1999, 1, 1), AT),
)
TABLE = Table(name="all", title="", columns=COLUMNS, rows=ROWS)


def test_columns_are_typed_and_values_exact() -> None:
    frame = polars.read_parquet(io.BytesIO(write(TABLE)))
    assert dict(frame.schema) == {
        "isin": polars.String(),
        "trades": polars.Int64(),
        "decimals": polars.Int64(),
        "units": polars.Decimal(38, 18),
        "pieces": polars.Decimal(38, 0),
        "currency": polars.String(),
        "value": polars.Decimal(38, 4),
        "share": polars.Decimal(38, 9),
        "share_numerator": polars.Int64(),
        "share_denominator": polars.Int64(),
        "day": polars.Date(),
        "at": polars.Datetime("us", "UTC"),
    }
    first, second, third = frame.rows(named=True)
    assert first["trades"] == 2**63 - 1
    assert first["units"] == Decimal("999999999999999999.99")
    assert first["pieces"] == Decimal(10) ** 37
    assert (first["value"], second["value"], third["value"]) == (Decimal("-9876543.21"), 10**33, Decimal("1.001"))
    assert (second["units"], second["isin"]) == (Decimal("1e-18"), "=1+1")
    assert (first["share"], first["share_numerator"], first["share_denominator"]) == (Decimal("0.666666667"), 2, 3)
    assert (first["day"], first["at"]) == (date(2026, 3, 2), AT)
    assert [third[name] for name in ("isin", "trades", "units", "share", "share_numerator")] == [None] * 5


def test_the_same_table_is_the_same_bytes() -> None:
    assert write(TABLE) == write(replace(TABLE, rows=tuple(ROWS)))
    assert write(TABLE) != write(replace(TABLE, rows=ROWS[:2]))


def test_no_rows_are_a_file_too() -> None:
    assert polars.read_parquet(io.BytesIO(write(replace(TABLE, rows=())))).columns == [
        *(one.name for one in COLUMNS[:8]), "share_numerator", "share_denominator", "day", "at",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "cell", "field"),
    [
        ("isin", 5, "all[0].isin"),
        ("trades", 2**63, "all[0].trades"),
        ("trades", True, "all[0].trades"),
        ("decimals", 19, "all[0].units"),
        ("units", 10**37, "all[0].units"),
        ("pieces", 10**38, "all[0].pieces"),
        ("value", "1.00", "all[0].value"),
        ("value", 10**37, "all[0].value"),
        ("currency", "EURO", "all[0].currency"),
        ("share", Fraction(1, 2**63), "all[0].share"),
        ("share", "1/2", "all[0].share"),
        ("day", AT, "all[0].day"),
        ("at", datetime(2026, 3, 2), "all[0].at"),  # noqa: DTZ001 -- that is what is refused
    ],
)
def test_what_a_column_cannot_hold_is_refused_by_its_place(name: str, cell: object, field: str) -> None:
    row = tuple(cell if one.name == name else value for one, value in zip(COLUMNS, ROWS[0], strict=True))
    with pytest.raises(InvalidInput) as refused:
        write(replace(TABLE, rows=(row,)))
    assert refused.value.field == field


def test_two_columns_of_one_name_are_refused() -> None:
    columns = (Column(name="share", title="", kind=K.SHARE), Column(name="share_numerator", title="", kind=K.COUNT))
    with pytest.raises(InvalidInput, match="share_numerator"):
        write(Table(name="t", title="", columns=columns, rows=()))
