"""A report as JSON for programs: exact values, keys in a fixed order, UTF-8, two spaces a level.

Counts are numbers; quantities and money are decimal numbers as text, shares `"n/d"`, days and moments ISO 8601; null
where there is nothing to say. A chart's values are in minor units where its unit is a currency.
"""

import json
from fractions import Fraction
from typing import Any

from lockstep.reports.cells import Cells, moment_text
from lockstep.reports.model import Chart, ColumnKind, Report, Table

__all__ = ["json_bytes"]


def json_bytes(report: Report) -> bytes:
    """Raises InvalidInput for a cell that is not of its column's kind."""
    told = {
        "kind": report.kind,
        "title": report.title,
        "subtitle": report.subtitle,
        "asOf": moment_text(report.as_of),
        "source": {
            "journalNumber": report.source.journal_number,
            "journalHash": report.source.journal_hash,
            "others": list(report.source.others),
        },
        "figures": [
            {"title": one.title, "value": one.value, "note": one.note, "tone": one.tone.value} for one in report.figures
        ],
        "charts": [_chart(one) for one in report.charts],
        "tables": [_table(one) for one in report.tables],
        "notes": list(report.notes),
    }
    return (json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode()


def _chart(chart: Chart) -> dict[str, Any]:
    series = [{"name": name, "values": [_number(one) for one in values]} for name, values in chart.series]
    return {
        "title": chart.title,
        "kind": chart.kind.value,
        "unit": chart.unit,
        "labels": list(chart.labels),
        "series": series,
    }


def _number(value: int | Fraction | None) -> int | str | None:
    return f"{value.numerator}/{value.denominator}" if isinstance(value, Fraction) else value


def _table(table: Table) -> dict[str, Any]:
    cells = Cells(table)
    columns = [{"name": one.name, "title": one.title, "kind": one.kind.value} for one in table.columns]
    rows = [
        {
            one.name: cells.value(row, place)
            if one.kind is ColumnKind.COUNT or table.rows[row][place] is None
            else cells.exact(row, place)
            for place, one in enumerate(table.columns)
        }
        for row in range(len(table.rows))
    ]
    return {"name": table.name, "title": table.title, "note": table.note, "columns": columns, "rows": rows}
