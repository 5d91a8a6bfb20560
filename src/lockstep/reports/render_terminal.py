"""A report on a terminal: its figures, then its tables, in a given width; no colours unless asked for.

Charts are left out, as their figures are in the tables. What a text holds besides printable characters is shown as an
escape: nobody's words move the cursor.
"""

from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from lockstep.reports.cells import RIGHT_ALIGNED, Cells, moment_text
from lockstep.reports.model import ColumnKind, Report, Table, Tone

__all__ = ["printable", "terminal_text"]

_STYLES = {Tone.PLAIN: "", Tone.GOOD: "green", Tone.WARN: "yellow", Tone.BAD: "red"}
_WORDS = {Tone.PLAIN: "", Tone.GOOD: "", Tone.WARN: " (!)", Tone.BAD: " (!!)"}


def printable(text: str) -> str:
    """The text with each character that is not printable as its escape; line breaks are spaces."""
    return "".join(one if one.isprintable() else " " if one in "\r\n\t" else ascii(one)[1:-1] for one in text)


def terminal_text(report: Report, *, width: int = 120, colour: bool = False) -> str:
    """Raises InvalidInput for a cell that is not of its column's kind."""
    out = StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )
    console.print(Text(printable(report.title), style="bold"))
    if report.subtitle:
        console.print(Text(printable(report.subtitle)))
    console.print(Text(f"as of {moment_text(report.as_of)}, journal {report.source.journal_number}", style="dim"))
    if report.figures:
        console.print()
        console.print(_figures(report))
    for table in report.tables:
        console.print()
        console.print(Text(printable(table.title), style="bold"))
        console.print(_grid(table) if table.rows else Text("none", style="dim"))
        if table.note:
            console.print(Text(printable(table.note), style="dim"))
    for note in report.notes:
        console.print()
        console.print(Text(printable(note)))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _figures(report: Report) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(no_wrap=False)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column()
    for one in report.figures:
        value = Text(printable(one.value) + _WORDS[one.tone], style=f"bold {_STYLES[one.tone]}".strip())
        grid.add_row(Text(printable(one.title)), value, Text(printable(one.note), style="dim"))
    return grid


def _grid(table: Table) -> Grid:
    cells = Cells(table)
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for one in table.columns:
        right = one.kind in RIGHT_ALIGNED
        short = right or one.kind in (ColumnKind.DAY, ColumnKind.MOMENT)
        title = f"{one.title} (UTC)" if one.kind is ColumnKind.MOMENT and "UTC" not in one.title else one.title
        grid.add_column(Text(printable(title)), justify="right" if right else "left", no_wrap=short, overflow="fold")
    for row in range(len(table.rows)):
        shown = []
        for place, one in enumerate(table.columns):
            text = printable(cells.shown(row, place))
            shown.append(Text(text, style=_STYLES[dict(one.tones).get(text, Tone.PLAIN)]))
        grid.add_row(*shown)
    return grid
