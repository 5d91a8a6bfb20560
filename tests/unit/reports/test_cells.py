"""Cells as text: exact in files, rounded for the eye and never to what they are not; wrong kinds refused by place."""

from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockstep.domain.errors import InvalidInput
from lockstep.reports.cells import Cells, decimal_text, grouped, per_cent, rounded_text
from lockstep.reports.model import Chart, ChartKind, Column, ColumnKind, Report, Table, Tone

from .samples import REPORT, TABLE


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (Fraction(1, 3), "33.33 %"),
        (Fraction(1999, 2000), "99.95 %"),
        (Fraction(99_999, 100_000), "> 99.99 %"),
        (Fraction(100_001, 100_000), "> 100 %"),
        (Fraction(1, 100_000), "< 0.01 %"),
        (Fraction(-1, 100_000), "> -0.01 %"),
        (Fraction(25, 2), "1,250.00 %"),
        (Fraction(-1, 8), "-12.50 %"),
    ],
)
def test_a_share_never_looks_like_all_or_none_of_what_it_is_not(share: Fraction | int, shown: str) -> None:
    assert per_cent(share) == shown


@given(st.integers(-(10**40), 10**40), st.integers(0, 30))
def test_a_number_s_text_means_the_number(value: int, decimals: int) -> None:
    text = decimal_text(value, decimals)
    assert Fraction(text) * 10**decimals == value
    assert grouped(text).replace(",", "") == text
    assert "." not in text or len(text.partition(".")[2]) == decimals


@given(st.fractions(min_value=-100, max_value=100), st.integers(0, 12))
def test_rounding_is_to_the_nearest(share: Fraction, decimals: int) -> None:
    assert abs(Fraction(rounded_text(share, decimals)) - share) <= Fraction(1, 2 * 10**decimals)


def test_cells_are_exact_for_files_and_grouped_for_the_eye() -> None:
    cells = Cells(TABLE)
    assert [cells.exact(0, at) for at in range(10)] == [
        "DE0001102580", "settled", "1204", "2", "1234567.89", "EUR", "9876543.21", "1203/1204", "2026-03-02",
        "2026-03-02T17:59:59Z",
    ]  # fmt: skip
    assert [cells.shown(0, at) for at in (2, 4, 6, 7, 9)] == [
        "1,204", "1,234,567.89", "9,876,543.21", "99.92 %", "2026-03-02 17:59:59",
    ]  # fmt: skip
    assert (cells.shown(1, 6), cells.exact(2, 6), cells.exact(2, 4)) == ("-12,000", "1.001", "0.000000000000000001")
    assert cells.exact(3, 6) == cells.shown(3, 7) == ""
    assert 3 not in cells.for_people()


@pytest.mark.parametrize(
    ("place", "cell", "field"),
    [
        (0, 5, "securities[1].instrument"),
        (2, "3", "securities[1].trades"),
        (2, True, "securities[1].trades"),
        (3, 78, "securities[1].decimals"),
        (4, Fraction(1, 2), "securities[1].units"),
        (5, "EURO", "securities[1].currency"),
        (5, None, "securities[1].currency"),
        (7, "1/2", "securities[1].efficiency"),
        (8, datetime.fromisoformat("2026-03-02T10:00:00+00:00"), "securities[1].day"),
        (9, datetime(2026, 3, 2, 10), "securities[1].at"),  # noqa: DTZ001 -- that is what is refused
    ],
)
def test_a_cell_of_another_kind_is_refused_by_its_place(place: int, cell: object, field: str) -> None:
    row = tuple(cell if at == place else value for at, value in enumerate(TABLE.rows[1]))
    table = replace(TABLE, rows=(TABLE.rows[0], row))
    cells = Cells(table)
    with pytest.raises(InvalidInput) as refused:
        [cells.exact(1, at) for at in range(len(TABLE.columns))]
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("column", "field"),
    [
        (Column(name="value", title="", kind=ColumnKind.MONEY), "t.value.currency_in"),
        (Column(name="value", title="", kind=ColumnKind.MONEY, currency_in="none"), "t.value.currency_in"),
        (Column(name="value", title="", kind=ColumnKind.QUANTITY, decimals_in="text"), "t.value.decimals_in"),
        (Column(name="text", title=""), "t.columns"),
    ],
)
def test_columns_that_name_others_must_find_them(column: Column, field: str) -> None:
    table = Table(name="t", title="", columns=(Column(name="text", title=""), column), rows=())
    with pytest.raises(InvalidInput) as refused:
        Cells(table)
    assert refused.value.field == field


def test_a_report_s_parts_must_fit() -> None:
    with pytest.raises(InvalidInput, match="a name that no other table"):
        replace(REPORT, tables=(TABLE, TABLE))
    with pytest.raises(InvalidInput, match="offset from UTC"):
        replace(REPORT, as_of=datetime(2026, 3, 2))  # noqa: DTZ001 -- that is what is refused
    with pytest.raises(InvalidInput, match="one of securities, reasons, nothing"):
        REPORT.table("none")
    with pytest.raises(InvalidInput, match="tones"):
        Chart(title="c", kind=ChartKind.BARS, labels=("a",), series=(("s", (1,)),), tones=(Tone.GOOD, Tone.BAD))
    assert isinstance(REPORT, Report)
