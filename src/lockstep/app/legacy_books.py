"""A legacy book's day from a folder, as lines: CSV and statements of holdings, and what arrived the day after.

A folder holds one day's files (`trades.csv`, `positions.csv`, `cash.csv`, statements as `*.xml`, and `-late` ones that
came on the next business day), or one such folder a day, named by its date. Of trades, every day up to the one asked
for counts, and what a later day tells of a reference is what holds; balances are the day's own.

A row that cannot be understood is set apart and told; a file that is refused, or tells of no day but others, says
nothing: then the book did not speak of its subject, and lacks nothing.
"""

import csv
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import BinaryIO

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import isin, lei, uetr
from lockstep.domain.legacy import BadRow, HoldingsStatement, LegacyRow, LegacyTrade
from lockstep.domain.legacy_csv import LONGEST_LINE, read_cash, read_positions, read_trades, whole_lines
from lockstep.domain.legacy_lines import (
    NONE_MATCHED,
    LegacyProfile,
    OurTrade,
    Told,
    cash_lines,
    of_day,
    position_lines,
    trade_lines,
)
from lockstep.domain.legacy_matching import Matching
from lockstep.domain.money import minor_units
from lockstep.domain.reconciliation.books import Book, Key, Line, Subject
from lockstep.domain.target_calendar import next_business_day
from lockstep.iso20022.holdings import read_holdings

__all__ = ["Apart", "LegacyBook", "days_of", "read_legacy_book"]

LATE = "-late"
Rows = Iterable[LegacyRow | BadRow]
READERS: Mapping[Subject, tuple[str, Callable[[BinaryIO], Rows]]] = {
    Subject.TRADE: ("trades", read_trades),
    Subject.POSITION: ("positions", read_positions),
    Subject.CASH: ("cash", read_cash),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """A row that was set apart: of which file, why, and whose it is where it says so."""

    file: str
    row: BadRow
    key: Key | None = None

    def __str__(self) -> str:
        return f"{self.file}: {self.row}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LegacyBook:
    """A legacy book as of a day, ready to be compared."""

    day: date
    lines: tuple[Line, ...]
    spoke: frozenset[Subject]
    """Of what its whole book was there."""
    apart: tuple[Apart, ...]
    refused: Mapping[str, str]
    """Files that say nothing, and why."""
    trades: Mapping[Key, LegacyTrade]
    """The row behind each trade's key, with the moments that it tells."""
    matching: Matching[LegacyTrade, OurTrade] = NONE_MATCHED
    """How trades without a UETR were matched, and which were not."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of every file that was read, as hex digits."""

    @property
    def set_apart(self) -> dict[tuple[Book, Key], str]:
        """As a `Run` takes it: the rows set apart that name their key."""
        return {(Book.LEGACY, one.key): str(one) for one in self.apart if one.key is not None}


def days_of(folder: Path) -> dict[date, Path]:
    """The days that a folder of folders has; none where it holds files of one day."""
    days = {}
    for path in sorted(folder.iterdir()):
        try:
            if path.is_dir() and (day := date.fromisoformat(path.name)).isoformat() == path.name:
                days[day] = path
        except ValueError:
            continue
    return dict(sorted(days.items()))


def read_legacy_book(
    folder: Path, day: date, *, profile: LegacyProfile | None = None, ours: Iterable[OurTrade] = ()
) -> LegacyBook:
    """The book as of a day's end. `ours` are the trades that rows without a UETR may be.

    Raises InvalidInput for a folder that is none, or has nothing of the day.
    """
    profile = profile or LegacyProfile()
    if not folder.is_dir():
        raise InvalidInput("legacy", folder, "a folder with a legacy book's files")
    days = days_of(folder)
    reading = _Reading(folder, profile)
    if days:
        if day not in days:
            raise InvalidInput("legacy", folder, f"a folder {day} in it")
        for one, path in days.items():
            if one <= day:
                reading.read(path, one, (Subject.TRADE,) if one < day else tuple(Subject))
    else:
        reading.read(folder, day, tuple(Subject))
    if not reading.digests:
        raise InvalidInput("legacy", folder, "trades.csv, positions.csv, cash.csv or statements of holdings in it")
    for subject in reading.silent:
        reading.told[subject].clear()
    trades = trade_lines(reading.newest_trades(), ours, profile)
    return LegacyBook(
        day=day,
        lines=(
            *trades.lines,
            *position_lines(reading.told[Subject.POSITION], profile),
            *cash_lines(reading.told[Subject.CASH], profile),
        ),
        spoke=frozenset(reading.heard - reading.silent),
        apart=tuple(reading.apart),
        refused=reading.refused,
        trades=trades.rows,
        matching=trades.matching,
        digests=reading.digests,
    )


class _Reading:
    """What the files of one folder say, as they are read one after the other."""

    def __init__(self, root: Path, profile: LegacyProfile) -> None:
        self.root, self.profile = root, profile
        self.told: dict[Subject, list[Told]] = {one: [] for one in Subject}
        self.heard: set[Subject] = set()
        self.silent: set[Subject] = set()
        self.apart: list[Apart] = []
        self.refused: dict[str, str] = {}
        self.digests: dict[str, str] = {}

    def read(self, folder: Path, day: date, subjects: Iterable[Subject]) -> None:
        for subject in subjects:
            name, reader = READERS[subject]
            for path in (folder / f"{name}.csv", folder / f"{name}{LATE}.csv"):
                if path.is_file():
                    with self._file(path, subject), path.open("rb") as source:
                        self._take(path, subject, reader(source), day)
        if Subject.POSITION in subjects:
            self._statements(folder, day)

    def newest_trades(self) -> Iterator[Told]:
        """Of each reference what its last file tells: all of it, where one file tells it twice."""
        trades = [(one, one.origin.rpartition(":")[0], one.row) for one in self.told[Subject.TRADE]]
        last = {row.reference: file for _, file, row in trades if isinstance(row, LegacyTrade)}
        return (one for one, file, row in trades if isinstance(row, LegacyTrade) and last[row.reference] == file)

    @contextmanager
    def _file(self, path: Path, subject: Subject) -> Iterator[None]:
        """A file that is refused says nothing, and its book did not speak of the subject."""
        name, before = self._name(path), len(self.told[subject])
        try:
            as_it_was = _state_of(path)
            with path.open("rb") as source:
                self.digests[name] = hashlib.file_digest(source, "sha256").hexdigest()
            yield
            if _state_of(path) != as_it_was:
                raise InvalidInput("file", path.name, "one that nobody writes while it is read")
        except OSError as broken:
            raise InvalidInput("legacy", path, f"a file that can be read ({broken.strerror})") from None
        except InvalidInput as broken:
            self.refused[name] = str(broken)
            self.silent.add(subject)
            del self.told[subject][before:]
        else:
            if not path.stem.endswith(LATE):
                self.heard.add(subject)

    def _take(self, path: Path, subject: Subject, rows: Rows, day: date) -> None:
        """Rows of the day, in their securities' decimals; the others are set apart."""
        name, is_late = self._name(path), path.stem.endswith(LATE)
        received, told = next_business_day(day) if is_late else day, self.told[subject]
        bad: list[BadRow] = []
        others, before = set[date](), len(told)
        for row in rows:
            if isinstance(row, BadRow):
                bad.append(row)
                continue
            try:
                of_day(row, day)
                self.profile.check(row)
            except InvalidInput as broken:
                if not isinstance(row, LegacyTrade):
                    others.add(row.as_of)
                self.apart.append(Apart(file=name, row=BadRow.of(row.line, broken), key=self.profile.key(row)))
            else:
                told.append(Told(row=row, origin=f"{name}:{row.line}", received=received, is_late=is_late))
        if others - {day} and len(told) == before:
            raise InvalidInput("as_of", ", ".join(map(str, sorted(others))), f"the day of the book, {day}")
        if bad:
            keys = keys_of(path, subject, {one.line for one in bad}, self.profile) if path.suffix == ".csv" else {}
            self.apart += [Apart(file=name, row=one, key=keys.get(one.line)) for one in bad]

    def _statements(self, folder: Path, day: date) -> None:
        """Every statement of holdings, page by page; one that lacks a page is refused."""
        pages: dict[str, list[HoldingsStatement]] = {}
        for path in sorted(one for one in folder.glob("*.xml") if one.is_file()):
            with self._file(path, Subject.POSITION), path.open("rb") as source:
                page = read_holdings(source)
                pages.setdefault(page.statement.statement_id or path.stem, []).append(page.statement)
                self._take(path, Subject.POSITION, page.rows, day)
        if broken := incomplete(pages):
            self.refused |= broken
            self.silent.add(Subject.POSITION)

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _state_of(path: Path) -> tuple[int, int, int]:
    """What changes when somebody writes a file."""
    told = path.stat()
    return told.st_ino, told.st_size, told.st_mtime_ns


def incomplete(pages: Mapping[str, Sequence[HoldingsStatement]]) -> dict[str, str]:
    """Statements that lack a page, or have one twice, and why that is refused."""
    found = {}
    for name, told in pages.items():
        numbers = sorted(one.page for one in told)
        if numbers != list(range(1, len(told) + 1)) or [one.page for one in told if one.is_last] != [len(told)]:
            rule = "each page of the statement once, up to the last"
            found[name] = str(InvalidInput("Pgntn/PgNb", ", ".join(map(str, numbers)), rule))
    return found


def keys_of(path: Path, subject: Subject, lines: set[int], profile: LegacyProfile) -> dict[int, Key]:
    """The keys that rows name which could not be read whole, where the fields of the key itself can be."""
    keys: dict[int, Key] = {}
    with path.open("rb") as source:
        told = enumerate(whole_lines(source), 1)
        header = _cells_of(next(told, (1, b""))[1])
        for number, line in told:
            if number not in lines or len(line) > LONGEST_LINE:
                continue
            try:
                of = dict(zip(header, _cells_of(line), strict=True))
                keys[number] = _key_of(subject, of, profile)
            except (ValueError, csv.Error, InvalidInput):
                continue
    return keys


def _cells_of(line: bytes) -> list[str]:
    return next(csv.reader([line.decode("utf-8-sig", "replace").rstrip("\r\n")]), [])


def _key_of(subject: Subject, of: Mapping[str, str], profile: LegacyProfile) -> Key:
    if subject is Subject.TRADE:
        return Key.trade(uetr(of.get("uetr", "")))
    participant = of["account"] if subject in profile.by_account else lei(of["owner"])
    if subject is Subject.CASH:
        minor_units(of["currency"])
        return Key.cash(participant, of["currency"])
    return Key.position(participant, isin(of["isin"]))
