"""A legacy book's day of millions of rows, as columns: what `legacy_books` reads, with the same meaning.

Needs polars (`pip install lockstep[reconcile]`). A folder of one day's files; of trades, no earlier day's.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from lockstep.analytics.book_columns import BookColumns, Names
from lockstep.analytics.legacy_columns import File, add_positions, load_balances, load_trades
from lockstep.app.legacy_books import LATE, READERS, Apart, incomplete, keys_of
from lockstep.domain.errors import InvalidInput
from lockstep.domain.legacy import BadRow, HoldingsStatement, LegacyPosition
from lockstep.domain.legacy_lines import LegacyProfile, of_day
from lockstep.domain.reconciliation.books import Book, Subject
from lockstep.domain.target_calendar import next_business_day
from lockstep.iso20022.holdings import read_holdings

__all__ = ["LegacyColumns", "read_legacy_columns"]


@dataclass(slots=True, kw_only=True)
class LegacyColumns:
    """A legacy book as of a day: columns of what its whole book was there of, and what was not taken."""

    books: dict[Subject, BookColumns] = field(default_factory=dict)
    apart: list[Apart] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    """Files that say nothing, and why."""
    digests: dict[str, str] = field(default_factory=dict)
    """SHA-256 of every file that was read, as hex digits."""


def read_legacy_columns(
    folder: Path,
    day: date,
    *,
    names: Names,
    currencies: Names,
    profile: LegacyProfile | None = None,
    ours: BookColumns | None = None,
) -> LegacyColumns:
    """`names` and `currencies` as of the other books; `ours` has the trades that rows without a UETR may be.

    Raises InvalidInput for a folder that is none, or has nothing in it.
    """
    if not folder.is_dir():
        raise InvalidInput("legacy", folder, "a folder with a legacy book's files")
    reading = _Reading(folder, day, profile or LegacyProfile())
    for subject in Subject:
        book = BookColumns(Book.LEGACY, subject, names, currencies, whole_seconds=True)
        reading.read(book, ours)
    if not reading.of.digests:
        raise InvalidInput("legacy", folder, "trades.csv, positions.csv, cash.csv or statements of holdings in it")
    return reading.of


class _Reading:
    def __init__(self, folder: Path, day: date, profile: LegacyProfile) -> None:
        self.folder, self.day, self.profile = folder, day, profile
        self.of = LegacyColumns()

    def read(self, book: BookColumns, ours: BookColumns | None) -> None:
        """One subject: refused as a whole where a file of it is."""
        name, _ = READERS[book.subject]
        paths = [self.folder / f"{name}.csv", self.folder / f"{name}{LATE}.csv"]
        files = [self._file(path) for path in paths if path.is_file()]
        bad: list[tuple[str, BadRow]] = []

        def apart(file: str, row: BadRow) -> None:
            bad.append((file, row))

        whole = paths[0].is_file()
        try:
            if book.subject is Subject.POSITION:
                whole = self._statements(book, bad) or whole
            if book.subject is Subject.TRADE:
                load_trades(book, files, self.day, self.profile, apart, ours)
            else:
                load_balances(book, files, self.day, self.profile, apart)
            if not book.rows and not book.odd and (others := [row for _, row in bad if row.field == "as_of"]):
                raise InvalidInput("as_of", others[0].value, f"the day of the book, {self.day}")
        except InvalidInput as broken:
            self.of.refused[name] = str(broken)
        else:
            if whole:
                self.of.books[book.subject] = book
        for file in files:
            rows = [row for of, row in bad if of == file.name]
            keys = keys_of(file.path, book.subject, {one.line for one in rows}, self.profile) if rows else {}
            self.of.apart += [Apart(file=file.name, row=one, key=keys.get(one.line)) for one in rows]
        named = {file.name for file in files}
        self.of.apart += [Apart(file=of, row=row) for of, row in bad if of not in named]

    def _file(self, path: Path) -> File:
        is_late = path.stem.endswith(LATE)
        with path.open("rb") as source:
            self.of.digests[path.name] = hashlib.file_digest(source, "sha256").hexdigest()
        return File(
            path=path,
            name=path.name,
            received=next_business_day(self.day) if is_late else self.day,
            is_late=is_late,
        )

    def _statements(self, book: BookColumns, bad: list[tuple[str, BadRow]]) -> bool:
        """Adds every statement's positions; whether there is one of the day itself."""
        pages: dict[str, list[HoldingsStatement]] = {}
        whole = False
        for path in sorted(self.folder.glob("*.xml")):
            file = self._file(path)
            with path.open("rb") as source:
                page = read_holdings(source)
                pages.setdefault(page.statement.statement_id or path.stem, []).append(page.statement)
                add_positions(book, self._sound(page.rows, file, bad), file, self.profile)
            whole = whole or not file.is_late
        if broken := incomplete(pages):
            self.of.refused |= broken
            raise InvalidInput("statements", ", ".join(broken), "whole ones")
        return whole

    def _sound(
        self, rows: Iterator[LegacyPosition | BadRow], file: File, bad: list[tuple[str, BadRow]]
    ) -> Iterator[LegacyPosition]:
        for row in rows:
            try:
                if isinstance(row, BadRow):
                    bad.append((file.name, row))
                    continue
                of_day(row, self.day)
                self.profile.check(row)
            except InvalidInput as broken:
                bad.append((file.name, BadRow.of(row.line, broken)))
            else:
                yield row
