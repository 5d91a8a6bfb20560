"""A report on a terminal: its figures, then its tables, in a given width; no colours unless asked for.

Charts are left out, as their figures are in the tables. What a text holds besides printable characters is shown as an
escape: nobody's words move the cursor.
"""

from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from lockstep.reports.cells import RIGHT_ALIGNED, ROWS_SHOWN, Cells, moment_text
from lockstep.reports.model import ColumnKind, Report, Table, Tone

__all__ = ["printable", "terminal_text"]

_READABLE = 16
"""Letters of a text's column at least, if it has so many."""
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
    source = report.source
    made_from = f"journal {source.journal_number}" if source.journal_number else ", ".join(source.others) or "no entry"
    console.print(Text(printable(f"as of {moment_text(report.as_of)}, {made_from}"), style="dim"))
    if report.figures:
        console.print()
        console.print(_figures(report))
    for table in report.tables:
        console.print()
        console.print(Text(printable(table.title), style="bold"))
        console.print(_table(table, width) if table.rows else Text("none", style="dim"))
        if len(table.rows) > ROWS_SHOWN:
            told = f"The first {ROWS_SHOWN} of {len(table.rows):,} rows; the CSV, JSON and Parquet forms have all."
            console.print(Text(told, style="dim"))
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


def _titles(table: Table, places: list[int]) -> list[str]:
    columns = [table.columns[place] for place in places]
    return [
        printable(f"{one.title} (UTC)" if one.kind is ColumnKind.MOMENT and "UTC" not in one.title else one.title)
        for one in columns
    ]


def _shown(table: Table, places: list[int]) -> list[list[Text]]:
    cells = Cells(table)
    tones = [dict(one.tones) for one in table.columns]
    return [
        [
            Text(text, style=_STYLES[tones[place].get(text, Tone.PLAIN)])
            for place in places
            for text in (printable(cells.shown(row, place)),)
        ]
        for row in range(min(len(table.rows), ROWS_SHOWN))
    ]


def _fits(titles: list[str], rows: list[list[Text]], kinds: list[ColumnKind], width: int) -> bool:
    """Whether no column would have to be narrower than can be read."""
    needed = 0
    for place, (title, kind) in enumerate(zip(titles, kinds, strict=True)):
        needed += 2 + _narrowest(title, kind, [row[place] for row in rows])
    return needed <= width + 2


def _narrowest(title: str, kind: ColumnKind, cells: list[Text]) -> int:
    """Titles break between words, texts where they are long, and figures never."""
    longest = max(map(len, cells), default=0)
    word = max(map(len, title.split()), default=0)
    return max(word, min(longest, _READABLE) if kind is ColumnKind.TEXT else longest)


def _table(table: Table, width: int) -> Grid:
    """A grid, or where it has no room each row as lines of its own."""
    places = Cells(table).for_people()
    titles, rows, kinds = _titles(table, places), _shown(table, places), [table.columns[one].kind for one in places]
    return _grid(titles, rows, kinds) if _fits(titles, rows, kinds, width) else _records(titles, rows)


def _records(titles: list[str], rows: list[list[Text]]) -> Grid:
    grid = Grid.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for number, row in enumerate(rows):
        if number:
            grid.add_row("", "")
        for title, text in zip(titles, row, strict=True):
            if text.plain:
                grid.add_row(Text(title, style="dim"), text)
    return grid


def _grid(titles: list[str], rows: list[list[Text]], kinds: list[ColumnKind]) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, collapse_padding=True)
    for place, (title, kind) in enumerate(zip(titles, kinds, strict=True)):
        right = kind in RIGHT_ALIGNED
        least = _narrowest(title, kind, [row[place] for row in rows])
        grid.add_column(Text(title), justify="right" if right else "left", min_width=least, overflow="fold")
    for row in rows:
        grid.add_row(*row)
    return grid
