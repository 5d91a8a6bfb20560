"""A report as bytes: terminal, CSV, JSON or HTML. The same report gives the same bytes, on every machine.

Parquet is `analytics.parquet`, as it needs a numeric library; XML is `iso20022`, where a published message says what a
report does. `app` chooses.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from lockstep.domain.errors import InvalidInput
from lockstep.reports.model import Report, Table
from lockstep.reports.render_csv import csv_bytes
from lockstep.reports.render_html import html_text
from lockstep.reports.render_json import json_bytes
from lockstep.reports.render_terminal import terminal_text

__all__ = ["FORMATS", "one_table", "render"]

_FORMATS: Mapping[str, Callable[[Report], bytes]] = {
    "terminal": lambda report: terminal_text(report).encode(),
    "csv": lambda report: csv_bytes(one_table(report)),
    "json": json_bytes,
    "html": lambda report: html_text(report).encode(),
}
FORMATS = tuple(_FORMATS)


def one_table(report: Report, name: str | None = None) -> Table:
    """What a form with room for one table holds: the named one, or the first. Raises InvalidInput if there is none."""
    if name is not None:
        return report.table(name)
    if not report.tables:
        raise InvalidInput("table", "", f"a table: the report {report.kind} has none")
    return report.tables[0]


def render(report: Report, format: str, table: str | None = None) -> bytes:
    """The report in a form of FORMATS; of its tables only the named one, if one is named.

    Raises InvalidInput for an unknown form or table, and for a cell that is not of its column's kind.
    """
    made = _FORMATS.get(format)
    if made is None:
        raise InvalidInput("format", format, f"one of {', '.join(FORMATS)}")
    return made(report if table is None else replace(report, tables=(report.table(table),)))
