"""What a report says, before it is shown: figures, tables, charts, and which records it was made from.

Values are exact: counts and units as integers, money in minor units with its column's currency beside it, shares as
fractions. A renderer rounds for the eye, and says so; the files keep the exact value.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from fractions import Fraction
from typing import TypeAlias

from lockstep.domain.errors import InvalidInput

__all__ = ["Cell", "Chart", "ChartKind", "Column", "ColumnKind", "Figure", "Report", "Source", "Table", "Tone"]

Cell: TypeAlias = str | int | Fraction | date | datetime | None


class ColumnKind(Enum):
    """What a column's cells are; None stands in each where there is nothing to say."""

    TEXT = "text"
    COUNT = "count"
    """A whole number."""
    QUANTITY = "quantity"
    """Base units of a security, with the decimals that `decimals_in` tells."""
    MONEY = "money"
    """Minor units of the currency that stands in the column `currency_in`."""
    SHARE = "share"
    """A fraction, 1 for all."""
    DAY = "day"
    MOMENT = "moment"
    """UTC."""


class Tone(Enum):
    """How a figure is to be taken."""

    PLAIN = "plain"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: `name` in files (snake_case), `title` for people."""

    name: str
    title: str
    kind: ColumnKind = ColumnKind.TEXT
    currency_in: str = ""
    """MONEY: the name of the column with the currency's code."""
    decimals_in: str = ""
    """QUANTITY: the name of the column with the security's decimals, a COUNT; "": none."""
    tones: tuple[tuple[str, Tone], ...] = ()
    """TEXT: words of a fixed list that stand out where they are shown, and how each is to be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows in the order in which they are shown, each with a cell for each column."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows):
            if len(row) != len(self.columns):
                raise InvalidInput(f"{self.name}[{number}]", len(row), f"{len(self.columns)} cells")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number to be seen first, and what it means."""

    title: str
    value: str
    note: str = ""
    tone: Tone = Tone.PLAIN


class ChartKind(Enum):
    """How values are drawn."""

    BARS = "bars"
    STACKED = "stacked"
    LINES = "lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Series over labels; each series has a value for each label, None where there is none.

    Values are as exact as a table's: minor units where the unit is a currency, 1 for all where it is `%`.
    """

    title: str
    kind: ChartKind
    labels: tuple[str, ...]
    series: tuple[tuple[str, tuple[int | Fraction | None, ...]], ...]
    unit: str = ""
    """What the values count, for the axis: `trades`, `EUR`, `%` for shares."""
    tones: tuple[Tone, ...] = ()
    """One for each series, how it is to be taken; PLAIN and () tell series apart, and mean nothing."""

    def __post_init__(self) -> None:
        for name, values in self.series:
            if len(values) != len(self.labels):
                raise InvalidInput(f"chart {self.title}, {name}", len(values), f"{len(self.labels)} values")
        if self.tones and len(self.tones) != len(self.series):
            raise InvalidInput(
                f"chart {self.title}, tones", len(self.tones), f"none, or one for each of {len(self.series)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The records that a report is made from: whoever has the same gets the same bytes."""

    journal_number: int
    """The last entry that counted; 0: none, and `others` say what it is made from."""
    journal_hash: str
    others: tuple[str, ...] = ()
    """Each further one in words: a block and its hash, a statement's id, a file's SHA-256."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of a report. The first table is what the one-table forms (CSV, Parquet) hold unless one is named."""

    kind: str
    title: str
    subtitle: str
    as_of: datetime
    source: Source
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = field(default_factory=tuple)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.as_of.utcoffset() is None:
            raise InvalidInput("as_of", self.as_of, "a moment with its offset from UTC")
        names = [one.name for one in self.tables]
        for name in names:
            if names.count(name) > 1:
                raise InvalidInput("table", name, "a name that no other table of the report has")

    def table(self, name: str) -> Table:
        """One by its name. Raises InvalidInput with those that there are."""
        for one in self.tables:
            if one.name == name:
                return one
        raise InvalidInput("table", name, f"one of {', '.join(one.name for one in self.tables) or 'none'}")
