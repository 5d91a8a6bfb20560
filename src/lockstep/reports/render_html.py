"""A report as one HTML page that needs nothing else: no script, no font, no picture from anywhere.

Light and dark as the reader's device has it, wide and narrow, on paper; charts are SVG, each with its figures as a
table. Whatever a report's texts hold is text: the template escapes all of it, and the page forbids itself any script.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup

from lockstep.reports.cells import RIGHT_ALIGNED, ROWS_SHOWN, Cells, moment_text, rounded_text
from lockstep.reports.charts import colour_of, svg
from lockstep.reports.model import Chart, ColumnKind, Report, Table
from lockstep.reports.scales import bare_text

__all__ = ["html_text"]

_LONG_TEXT, _FEW_WORDS, _NARROW = 48, 14, 5
_LONG_IDENTIFIER = 40
"""Longer ones take two lines, or more."""
_LONG_FIGURE = 12
"""Longer ones are written smaller."""
_IDENTIFIER = re.compile(r"(?=.*[0-9])[0-9A-Za-z|:/.\-]{12,}")
"""Ids, LEIs, ISINs, UETRs, hashes: shown in letters of one width."""


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    kind: str
    tone: str
    bar: str | None
    """A share's, as per cent of its width."""


@dataclass(frozen=True, slots=True)
class _Section:
    anchor: str
    title: str
    note: str
    count: str | None
    head: tuple[tuple[str, str], ...]
    rows: tuple[tuple[_Cell, ...], ...]
    all: str
    more: bool
    is_narrow: bool
    """Of few columns and short texts: two such stand side by side."""


@dataclass(frozen=True, slots=True)
class _Picture:
    anchor: str
    title: str
    unit: str
    legend: tuple[tuple[str, str], ...]
    picture: Markup
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


def html_text(report: Report) -> str:
    """Raises InvalidInput for a cell that is not of its column's kind, and for a stack with a value below zero."""
    shown = moment_text(report.as_of)
    tables = [_section(one, f"table-{number}") for number, one in enumerate(report.tables, 1)]
    return _template().render(
        report=report,
        style=Markup(_file("report.css")),
        as_of=shown,
        as_of_shown=f"{shown[:19].replace('T', ' ')} UTC",
        charts=[_picture(one, f"chart-{number}") for number, one in enumerate(report.charts, 1)],
        tables=tables,
        halves=_halves(tables),
        abreast=_abreast(len(report.figures)),
        long_figure=_LONG_FIGURE,
        across=_across(len(report.charts)),
    )


def _file(name: str) -> str:
    return (files("lockstep.reports") / "page" / name).read_text(encoding="utf-8")


@lru_cache(1)
def _template() -> Template:
    return Environment(
        loader=FunctionLoader(_file), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    ).get_template("report.html")


def _halves(sections: list[_Section]) -> set[str]:
    """Which sections have half the page: narrow ones, by twos as they follow each other."""
    found: set[str] = set()
    for one, following in pairwise(sections):
        if one.is_narrow and following.is_narrow and one.anchor not in found:
            found |= {one.anchor, following.anchor}
    return found


def _abreast(count: int) -> int:
    """How many figures stand in a row where there is room: all rows as full as can be, of five at most."""
    return -(-count // -(-count // 5)) if count else 0


def _across(count: int) -> list[int]:
    """How many pictures stand beside each one, with it: rows of three, and of two where else one would be alone."""
    twos = {0: 0, 1: min(count, 4), 2: 2}[count % 3]
    return [3] * (count - twos) + [2] * twos


def _picture(chart: Chart, anchor: str) -> _Picture:
    several = len(chart.series) > 1
    read = [["" if one is None else bare_text(one, chart.unit) for one in values] for _, values in chart.series]
    rows = ((label, tuple(values[at] for values in read)) for at, label in enumerate(chart.labels))
    return _Picture(
        anchor=anchor,
        title=chart.title,
        unit=chart.unit,
        legend=tuple((name, colour_of(chart, at)) for at, (name, _) in enumerate(chart.series)) if several else (),
        picture=svg(chart, anchor),
        names=tuple(name for name, _ in chart.series),
        rows=tuple(rows),
    )


def _section(table: Table, anchor: str) -> _Section:
    cells, length = Cells(table), len(table.rows)
    places = cells.for_people()
    return _Section(
        anchor=anchor,
        title=table.title,
        note=table.note,
        count=f"{length:,}" if length > 1 else None,
        head=tuple(_heads(table, places)),
        rows=tuple(tuple(_cell(table, cells, row, at) for at in places) for row in range(min(length, ROWS_SHOWN))),
        all=f"{length:,}",
        more=length > ROWS_SHOWN,
        is_narrow=len(places) <= _NARROW and all(len(str(one)) <= _LONG_TEXT for row in table.rows for one in row),
    )


def _heads(table: Table, places: list[int]) -> Iterator[tuple[str, str]]:
    for one in (table.columns[place] for place in places):
        utc = one.kind is ColumnKind.MOMENT and "UTC" not in one.title
        yield f"{one.title} (UTC)" if utc else one.title, "n" if one.kind in RIGHT_ALIGNED else ""


def _cell(table: Table, cells: Cells, row: int, at: int) -> _Cell:
    column, text = table.columns[at], cells.shown(row, at)
    value = cells.value(row, at)
    tone = next((tone.value for word, tone in column.tones if word == text), "")
    bar = None
    if column.kind is ColumnKind.SHARE and value is not None:
        assert isinstance(value, int | Fraction)  # `shown` has judged it
        bar = rounded_text(100 * min(max(Fraction(value), Fraction(0)), Fraction(1)), 2)
    if column.kind in RIGHT_ALIGNED:
        kind = "n"
    elif column.kind in (ColumnKind.DAY, ColumnKind.MOMENT):
        kind = "s"
    elif _IDENTIFIER.fullmatch(text):
        kind = "id hash" if len(text) > _LONG_IDENTIFIER else "id"
    elif len(text) <= _FEW_WORDS:
        kind = "s"
    else:
        kind = "long" if len(text) > _LONG_TEXT else "words"
    return _Cell(text, kind, tone, bar)
