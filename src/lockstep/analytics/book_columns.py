"""What a book says of millions of keys, in columns: as exact as its lines, in a tenth of their room.

Names are codes of one table that all books of a comparison share. Rows lie in `PARTS` parts by their key. Books are
joined part by part, in as many as keep what a join needs small. A line that columns cannot hold (a trade's reference
that is no UUID, a figure beyond 64 bits) is kept as it is.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import polars as pl

from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject

__all__ = ["FIELDS", "PARTS", "SCHEMA", "BookColumns", "Names", "moment", "parts_of"]

PARTS = 256
SCHEMA: Mapping[str, Any] = {
    "key": pl.UInt64,
    "rest": pl.UInt64,
    "quantity": pl.Int64,
    "amount": pl.Int64,
    "instrument": pl.UInt32,
    "currency": pl.UInt8,
    "deliverer": pl.UInt32,
    "receiver": pl.UInt32,
    "status": pl.UInt8,
    "day": pl.Int16,
    "at": pl.Int64,
    "row": pl.UInt32,
}
"""`key` is a position's or balance's participant and instrument (a code of 32 bits each), or the lower 64 bits of a
trade's UUID, whose upper ones are `rest`. `day` counts from 1970-01-01. `at` counts microseconds since then; in a book
that tells whole seconds, seconds as UInt32. `row` numbers the rows, for `origin` to say where each stands. A book has
the columns that it knows."""
FIELDS: Mapping[Subject, Sequence[str]] = {
    Subject.POSITION: ("quantity", "at"),
    Subject.CASH: ("amount", "at"),
    Subject.TRADE: (
        "quantity", "amount", "instrument", "currency", "deliverer", "receiver", "status", "day", "at",
    ),
}  # fmt: skip
_HALF, _SPREAD, _BITS = 1 << 32, 0x9E3779B97F4A7C15, 64 - (PARTS - 1).bit_length()
_BATCH = 1_000_000
_AT_ONCE = 1 << 15
_MOST = (1 << 63) - 1
_LAST_DAY = (1 << 15) - 1
_MICROSECONDS = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_DAY = _EPOCH.date().toordinal()
_STATUSES = tuple(LineStatus)
_CODES = {one: code for code, one in enumerate(_STATUSES)}


def parts_of(books: Iterable["BookColumns"]) -> int:
    """In how many parts books are best joined."""
    most = max((one.rows for one in books), default=0)
    return min(PARTS, 1 << (most // _AT_ONCE).bit_length())


def moment(at: datetime) -> int:
    """Microseconds since 1970, exactly."""
    return (at - _EPOCH) // timedelta(microseconds=1)


class Names:
    """Texts as codes, from 0: participants and securities in one table, currencies in another."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.texts: list[str] = []

    def code(self, text: str) -> int:
        code = self.codes.setdefault(text, len(self.texts))
        if code == len(self.texts):
            self.texts.append(text)
        return code

    def column(self, texts: pl.Series, sound: Callable[[str], bool] = bool) -> pl.Series:
        """A code for each text, null for null and for those that are not sound. Each text is judged once a column."""
        known = [(one, self.code(one)) for one in texts.unique().to_list() if one is not None and sound(one)]
        return texts.replace_strict(
            [text for text, _ in known], [code for _, code in known], default=None, return_dtype=pl.UInt32
        )


class _Origins:
    """Where lines stand, by their place."""

    def __init__(self, origins: Sequence[str]) -> None:
        self.origins = pl.Series(origins, dtype=pl.String)

    def __call__(self, row: int) -> str:
        return str(self.origins[row])


class BookColumns:
    """One book's rows of one subject. `names` and `currencies` are the same for all books that are compared."""

    def __init__(
        self, book: Book, subject: Subject, names: Names, currencies: Names, *, whole_seconds: bool = False
    ) -> None:
        self.book, self.subject, self.names, self.currencies = book, subject, names, currencies
        self.whole_seconds = whole_seconds
        self.odd: list[Line] = []
        """Lines that no column can hold."""
        self.rows = 0
        self._parts: list[list[pl.DataFrame]] = [[] for _ in range(PARTS)]
        self._waiting: list[pl.DataFrame] = []
        self._firsts: list[int] = []
        self._origins: list[Callable[[int], str]] = []
        self._next = 0

    def add(self, rows: pl.DataFrame, origin: Callable[[int], str]) -> None:
        """More rows, in columns of `SCHEMA`, in every addition the same; `origin` says where a `row` stands."""
        if not self._origins or self._origins[-1] is not origin:
            self._firsts.append(self._next)
            self._origins.append(origin)
        if not len(rows):
            return
        self.rows += len(rows)
        placed = rows.with_columns(pl.col("row") + pl.lit(self._firsts[-1], dtype=pl.UInt32))
        self._next = max(self._next, int(placed["row"].max()) + 1)  # type: ignore[arg-type]  # of whole numbers
        self._waiting.append(placed)
        if sum(map(len, self._waiting)) >= _BATCH:
            self._spread()

    def _spread(self) -> None:
        """What waits, to its parts."""
        if self._waiting:
            spread = (pl.col("key") * pl.lit(_SPREAD, dtype=pl.UInt64)) // pl.lit(1 << _BITS, dtype=pl.UInt64)
            rows = pl.concat(self._waiting).with_columns(spread.cast(pl.UInt16).alias("part"))
            self._waiting.clear()
            for (part,), piece in rows.partition_by("part", as_dict=True, include_key=False).items():
                self._parts[int(part)].append(piece)

    def add_lines(self, lines: Iterable[Line]) -> None:
        """Lines of this book and subject, as they come."""
        names = ("key", *(("rest",) if self.subject is Subject.TRADE else ()), *FIELDS[self.subject])
        waiting = iter(lines)
        while batch := list(islice(waiting, _BATCH)):
            rows, origins = [], []
            for line in batch:
                if (row := self._row(line)) is None:
                    self.odd.append(line)
                else:
                    rows.append(row)
                    origins.append(line.origin)
            data = {name: pl.Series(name, [row[name] for row in rows], dtype=self.dtype(name)) for name in names}
            data["row"] = pl.Series("row", range(len(rows)), dtype=pl.UInt32)
            self.add(pl.DataFrame(data), _Origins(origins))

    def dtype(self, name: str) -> Any:
        """A column's type in this book."""
        return pl.UInt32 if name == "at" and self.whole_seconds else SCHEMA[name]

    def part(self, number: int, of: int = 1) -> pl.DataFrame | None:
        """The rows of one part of so many, a power of two and at most PARTS; None where it has none."""
        self._spread()
        wide = PARTS // of
        pieces = [one for pieces in self._parts[number * wide : (number + 1) * wide] for one in pieces]
        return pl.concat(pieces, how="vertical", rechunk=True) if pieces else None

    def put(self, number: int, of: int, rows: pl.DataFrame) -> None:
        """Other rows in the place of a part's."""
        wide = PARTS // of
        self._spread()
        for part in range(number * wide, (number + 1) * wide):
            self.rows -= sum(map(len, self._parts[part]))
            self._parts[part] = []
        self.rows += len(rows)
        self._waiting.append(rows)
        self._spread()

    def drop(self, name: str) -> None:
        """Does without a column."""
        self._spread()
        for pieces in self._parts:
            pieces[:] = [one.drop(name, strict=False) for one in pieces]

    def lines(self, rows: pl.DataFrame) -> Iterator[Line]:
        """Some of the rows as lines."""
        for row in rows.iter_rows(named=True):
            yield self._line(row)

    def _row(self, line: Line) -> dict[str, Any] | None:
        if max(abs(line.quantity or 0), abs(line.amount or 0)) > _MOST:
            return None
        row: dict[str, Any] = {"quantity": line.quantity, "amount": line.amount}
        row["at"] = None if line.at is None else moment(line.at)
        if line.at is not None and self.whole_seconds:
            row["at"], fraction = divmod(row["at"], _MICROSECONDS)
            if fraction or not 0 <= row["at"] < _HALF:
                return None
        if self.subject is not Subject.TRADE:
            instruments = self.currencies if self.subject is Subject.CASH else self.names
            row["key"] = self.names.code(line.key.participant) * _HALF + instruments.code(line.key.instrument)
            return row
        number = _uuid(line.key.reference)
        if number is None:
            return None
        row["rest"], row["key"] = divmod(number, 1 << 64)
        for name in ("instrument", "deliverer", "receiver"):
            text = getattr(line, name)
            row[name] = None if text is None else self.names.code(text)
        row["currency"] = None if line.currency is None else self.currencies.code(line.currency)
        row["status"] = None if line.status is None else _CODES[line.status]
        row["day"] = None if line.day is None else line.day.toordinal() - _FIRST_DAY
        fits = abs(row["day"] or 0) <= _LAST_DAY and (row["currency"] or 0) < 1 << 8
        return row if fits else None

    def _line(self, row: Mapping[str, Any]) -> Line:
        at = None
        if row.get("at") is not None:
            at = _EPOCH + timedelta(microseconds=row["at"] * (_MICROSECONDS if self.whole_seconds else 1))
        source = bisect_right(self._firsts, row["row"]) - 1
        origin = self._origins[source](row["row"] - self._firsts[source])
        if self.subject is not Subject.TRADE:
            participant, instrument = divmod(row["key"], _HALF)
            return Line(
                book=self.book,
                key=self._balance_key(self.names.texts[participant], instrument),
                quantity=row.get("quantity"),
                amount=row.get("amount"),
                at=at,
                origin=origin,
            )
        day, status = row.get("day"), row.get("status")
        return Line(
            book=self.book,
            key=Key.trade(str(UUID(int=(row["rest"] << 64) + row["key"]))),
            quantity=row.get("quantity"),
            amount=row.get("amount"),
            instrument=self._text(row, "instrument"),
            currency=self._text(row, "currency"),
            deliverer=self._text(row, "deliverer"),
            receiver=self._text(row, "receiver"),
            status=None if status is None else _STATUSES[status],
            day=None if day is None else date.fromordinal(day + _FIRST_DAY),
            at=at,
            origin=origin,
        )

    def _balance_key(self, participant: str, instrument: int) -> Key:
        if self.subject is Subject.CASH:
            return Key.cash(participant, self.currencies.texts[instrument])
        return Key.position(participant, self.names.texts[instrument])

    def _text(self, row: Mapping[str, Any], name: str) -> str | None:
        code = row.get(name)
        return None if code is None else (self.currencies if name == "currency" else self.names).texts[code]


def _uuid(text: str) -> int | None:
    try:
        number = UUID(text)
    except ValueError:
        return None
    return number.int if str(number) == text else None
