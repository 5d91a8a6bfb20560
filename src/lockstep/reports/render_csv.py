"""One table as CSV: RFC 4180, UTF-8, exact values, the columns' names first.

A share stands three times: `NAME` rounded to nine decimals, and exactly in `NAME_numerator` and `NAME_denominator`. A
text that a spreadsheet would take for a formula (it begins with = + - @, wide ones too, a tab or a line's end) has an
apostrophe before it; JSON and Parquet have it as it is.
"""

import csv
from fractions import Fraction
from io import StringIO

from lockstep.reports.cells import Cells, rounded_text
from lockstep.reports.model import Column, ColumnKind, Table

__all__ = ["SHARE_DECIMALS", "csv_bytes", "file_columns"]

SHARE_DECIMALS = 9
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""The last four are the first four as wide characters, which some spreadsheets take for the same."""


def file_columns(column: Column) -> tuple[str, ...]:
    """What a column is called in a file; a share is three."""
    name = column.name
    return (name, f"{name}_numerator", f"{name}_denominator") if column.kind is ColumnKind.SHARE else (name,)


def csv_bytes(table: Table) -> bytes:
    """Raises InvalidInput for a cell that is not of its column's kind."""
    cells, out = Cells(table), StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([name for one in table.columns for name in file_columns(one)])
    for row in range(len(table.rows)):
        written: list[str] = []
        for place, column in enumerate(table.columns):
            text = cells.exact(row, place)
            if column.kind is ColumnKind.SHARE:
                written += _share(table.rows[row][place], text)
            elif column.kind is ColumnKind.TEXT and text.startswith(_FORMULA):
                written.append(f"'{text}")
            else:
                written.append(text)
        writer.writerow(written)
    return out.getvalue().encode()


def _share(value: object, text: str) -> list[str]:
    numerator, _, denominator = text.partition("/")
    rounded = "" if value is None else rounded_text(Fraction(int(numerator), int(denominator)), SHARE_DECIMALS)
    return [rounded, numerator, denominator]
