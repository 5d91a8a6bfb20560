"""A legacy book's files of one day as the columns of a book: the same lines as `domain.legacy_lines` makes of the rows.

Trades without a UETR get the key of the one trade of another book that has all their terms; what that leaves is
matched row by row, as in a small book.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from lockstep.analytics.book_columns import SCHEMA, BookColumns, moment, parts_of
from lockstep.analytics.book_files import pieces
from lockstep.domain.errors import InvalidInput
from lockstep.domain.legacy import BadRow, LegacyCash, LegacyPosition, LegacyRow, LegacyTrade
from lockstep.domain.legacy_csv import LONGEST_LINE, read_trades
from lockstep.domain.legacy_lines import (
    STATUSES,
    LegacyProfile,
    OurTrade,
    Told,
    trade_lines,
)
from lockstep.domain.reconciliation.books import LineStatus, Subject
from lockstep.domain.values import replace

__all__ = ["File", "add_positions", "load_balances", "load_trades"]

_TERMS = ("deliverer", "receiver", "instrument", "quantity", "currency", "amount", "settlement")
_OF_OURS = ("deliverer", "receiver", "instrument", "quantity", "currency", "amount", "status", "day", "at", "row")
_HALF, _MOST = 1 << 32, (1 << 63) - 1
_SECONDS_A_DAY = 86_400
_FIRST_DAY = date(1970, 1, 1).toordinal()
_CODES = {one: code for code, one in enumerate(LineStatus)}
_BY_TERMS = ", matched by terms: score 100, nothing differs; no other candidate"
_BATCH = 50_000
_ROOM = f"at most {_MOST} units, and so the sum of an owner's accounts"
Apart = Callable[[str, BadRow], object]
"""Takes a row that was set apart, and its file's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a book: `name` as it is told, and the business day that brought it."""

    path: Path
    name: str
    received: date
    is_late: bool = False


class _Places:
    """Where the rows of a file stand."""

    def __init__(self, name: str, how: str = "") -> None:
        self.name, self.how = name, how

    def __call__(self, row: int) -> str:
        return f"{self.name}:{row}{self.how}"


def load_balances(book: BookColumns, files: Iterable[File], day: date, profile: LegacyProfile, apart: Apart) -> None:
    """Positions or cash. Raises InvalidInput for a file's header; then the book is not whole."""
    for file in files:
        places = _Places(file.name)
        with file.path.open("rb") as source:
            for piece in pieces(source, book.subject, day, profile, book.names, book.currencies):
                for bad in piece.apart:
                    apart(file.name, bad)
                _add_balances(book, piece.columns, places, file, profile)
                for row in piece.rows:
                    if not _fits(row, profile):
                        apart(file.name, BadRow(line=row.line, field=_figure(book), value="", rule=_ROOM))
                _add_balances(book, _balances(book, piece.rows, profile), places, file, profile)
    _sum_accounts(book)


def add_positions(book: BookColumns, rows: Iterable[LegacyPosition], file: File, profile: LegacyProfile) -> None:
    """Positions that were read one by one, from a statement. `load_balances` comes after the last of them."""
    places, batch = _Places(file.name), list[LegacyRow]()
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            _add_balances(book, _balances(book, batch, profile), places, file, profile)
            batch = []
    _add_balances(book, _balances(book, batch, profile), places, file, profile)


def _add_balances(book: BookColumns, rows: pl.DataFrame, places: _Places, file: File, profile: LegacyProfile) -> None:
    if not len(rows):
        return
    figure = _figure(book)
    end = moment(profile.end_of(file.received)) // 1_000_000
    book.add(
        rows.select(
            (pl.col("participant").cast(pl.UInt64) * _HALF + pl.col("instrument")).alias("key"),
            figure,
            pl.lit(end, dtype=pl.UInt32).alias("at"),
            pl.col("line").alias("row"),
            "account",
        ),
        places,
    )


def _balances(book: BookColumns, rows: Sequence[LegacyRow], profile: LegacyProfile) -> pl.DataFrame:
    """Rows in the columns of a piece."""
    figure = _figure(book)
    data: dict[str, list[int]] = {"line": [], "participant": [], "instrument": [], "account": [], figure: []}
    for row in rows:
        if not _fits(row, profile):
            continue
        assert isinstance(row, LegacyPosition | LegacyCash)
        key = profile.key(row)
        assert key is not None
        data["line"].append(row.line)
        data["participant"].append(book.names.code(key.participant))
        data["account"].append(book.names.code(row.account))
        if isinstance(row, LegacyPosition):
            data["instrument"].append(book.names.code(row.isin))
            data[figure].append(profile.units_of(row))
        else:
            data["instrument"].append(book.currencies.code(row.balance.currency))
            data[figure].append(row.balance.amount)
    kinds = {"line": pl.UInt32, "participant": pl.UInt32, "instrument": pl.UInt32, "account": pl.UInt32}
    return pl.DataFrame(data, schema={**kinds, figure: pl.Int64})


def _figure(book: BookColumns) -> str:
    return "amount" if book.subject is Subject.CASH else "quantity"


def _fits(row: LegacyRow, profile: LegacyProfile) -> bool:
    """Whether a column has room for it."""
    if isinstance(row, LegacyPosition):
        return abs(profile.units_of(row)) <= _MOST
    if isinstance(row, LegacyCash):
        return abs(row.balance.amount) <= _MOST
    settled = 0 if row.settled_at is None else moment(row.settled_at) // 1_000_000
    day = row.settlement_date.toordinal() - _FIRST_DAY
    figures = max(profile.units(row.quantity, row.isin), row.cash.amount)
    return figures <= _MOST and 0 <= settled < _HALF and abs(day) < 1 << 15


def _odd(rows: Sequence[LegacyRow], file: File, profile: LegacyProfile, told_later: Sequence[str]) -> list[Told]:
    """The trades that no column has room for."""
    return [
        Told(row=one, origin=f"{file.name}:{one.line}", received=file.received, is_late=file.is_late)
        for one in rows
        if isinstance(one, LegacyTrade) and not _fits(one, profile) and one.reference not in told_later
    ]


def _sum_accounts(book: BookColumns) -> None:
    """One row a key, the sum of its accounts; a row more for each time that an account tells it again."""
    figure = _figure(book)
    parts = parts_of([book])
    for number in range(parts):
        rows = book.part(number, parts)
        several = None if rows is None else rows.filter(pl.col("key").is_duplicated()).sort("row")
        if rows is None or several is None or not len(several):
            continue
        first = several.filter(pl.struct("key", "account").is_first_distinct())
        again = several.filter(~pl.struct("key", "account").is_first_distinct())
        total = pl.col(figure).cast(pl.Int128).sum()
        sums = first.group_by("key", maintain_order=True).agg(total, pl.max("at"), pl.first("row"))
        if len(sums.filter(pl.col(figure).abs() > _MOST)):
            raise InvalidInput(figure, "the sum of an owner's accounts", _ROOM)
        sums = sums.with_columns(pl.col(figure).cast(pl.Int64))
        single = rows.filter(~pl.col("key").is_duplicated())
        sums = sums.with_columns(pl.lit(0, dtype=pl.UInt32).alias("account")).select(single.columns)
        book.put(number, parts, pl.concat([single, sums, again]))
    book.drop("account")


def load_trades(
    book: BookColumns,
    files: Sequence[File],
    day: date,
    profile: LegacyProfile,
    apart: Apart,
    ours: BookColumns | None = None,
) -> None:
    """Trades; of one reference what the last file tells. Rows without a UETR are matched with `ours`.

    Raises InvalidInput as `load_balances`.
    """
    nameless: list[tuple[File, pl.DataFrame]] = []
    odd: list[Told] = []
    told_later: list[str] = []
    for file in reversed(files):
        places, references = _Places(file.name), list[pl.Series]()
        with file.path.open("rb") as source:
            for piece in pieces(source, Subject.TRADE, day, profile, book.names, book.currencies):
                for bad in piece.apart:
                    apart(file.name, bad)
                odd += _odd(piece.rows, file, profile, told_later)
                for rows in (piece.columns, _trades(book, [one for one in piece.rows if _fits(one, profile)], profile)):
                    if not len(rows):
                        continue
                    if told_later:
                        rows = rows.filter(~pl.col("reference").is_in(told_later))
                    if file.is_late:
                        references.append(rows["reference"])
                    named = _with_moments(rows.filter(pl.col("uetr").is_not_null()), file, profile)
                    book.add(_columns(named), places)
                    if len(named) < len(rows):
                        nameless.append((file, rows.filter(pl.col("uetr").is_null()).drop("uetr", "rest")))
        if file.is_late:
            references.append(
                pl.Series([one.row.reference for one in odd if isinstance(one.row, LegacyTrade)], dtype=pl.String)
            )
        told_later += [one for references_ in references for one in references_.to_list()]
    book.add_lines(trade_lines((one for one in odd if profile.key(one.row) is not None), (), profile).lines)
    unnamed = [one for one in odd if profile.key(one.row) is None]
    if nameless or unnamed:
        _match(book, nameless, unnamed, profile, ours)


def _with_moments(rows: pl.DataFrame, file: File, profile: LegacyProfile) -> pl.DataFrame:
    """With `day` and `at` as a line has them."""
    end = moment(profile.end_of(file.received)) // 1_000_000
    settled = pl.col("settled")
    at = pl.lit(end) if file.is_late else pl.min_horizontal(settled, pl.lit(end))
    return rows.with_columns(
        pl.when(settled.is_null())
        .then(pl.col("settlement"))
        .otherwise(settled // _SECONDS_A_DAY)
        .cast(pl.Int16)
        .alias("day"),
        pl.when(settled.is_not_null()).then(at).cast(pl.UInt32).alias("at"),
    )


def _columns(rows: pl.DataFrame) -> pl.DataFrame:
    names = ("rest", "quantity", "amount", "instrument", "currency", "deliverer", "receiver", "status", "day", "at")
    return rows.select(pl.col("uetr").alias("key"), *names, pl.col("line").alias("row"))


def _trades(book: BookColumns, rows: Sequence[LegacyRow], profile: LegacyProfile) -> pl.DataFrame:
    """Rows in the columns of a piece."""
    data = []
    for row in rows:
        assert isinstance(row, LegacyTrade)
        number = None if row.uetr is None else int(row.uetr.replace("-", ""), 16)
        data.append(
            (
                row.line,
                row.reference,
                None if number is None else number % (1 << 64),
                None if number is None else number >> 64,
                book.names.code(row.deliverer),
                book.names.code(row.receiver),
                book.names.code(row.isin),
                profile.units(row.quantity, row.isin),
                book.currencies.code(row.cash.currency),
                row.cash.amount,
                row.settlement_date.toordinal() - _FIRST_DAY,
                _CODES[STATUSES[row.status]],
                None if row.settled_at is None else moment(row.settled_at) // 1_000_000,
            )
        )
    schema = {
        "line": pl.UInt32, "reference": pl.String, "uetr": pl.UInt64, "rest": pl.UInt64, "deliverer": pl.UInt32,
        "receiver": pl.UInt32, "instrument": pl.UInt32, "quantity": pl.Int64, "currency": pl.UInt8, "amount": pl.Int64,
        "settlement": pl.Int16, "status": pl.UInt8, "settled": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame(data, schema=schema, orient="row")


def _match(
    book: BookColumns,
    nameless: Sequence[tuple[File, pl.DataFrame]],
    odd: Sequence[Told],
    profile: LegacyProfile,
    ours: BookColumns | None,
) -> None:
    """By all terms at once where only one trade of either book has them; what is left one by one."""
    free = _free(book, ours)
    files = list(dict.fromkeys(file for file, _ in nameless))
    theirs = _trades(book, (), profile).drop("uetr", "rest").with_columns(file=pl.lit(0, dtype=pl.UInt8))
    for file, rows in nameless:
        theirs = theirs.vstack(rows.with_columns(pl.lit(files.index(file), dtype=pl.UInt8).alias("file")))
    alone = [rows.filter(pl.struct(_TERMS).is_unique()) for rows in (theirs, free)]
    matched = alone[0].join(alone[1].select("key", "rest", *_TERMS), on=_TERMS, how="inner")
    for number, file in enumerate(files):
        rows = _with_moments(matched.filter(pl.col("file") == number).rename({"key": "uetr"}), file, profile)
        book.add(_columns(rows), _Places(file.name, _BY_TERMS))
    theirs = theirs.join(matched, on=("file", "line"), how="anti")
    free = free.join(matched, on="key", how="anti")
    free = free if odd else _near(free, theirs)
    known = []
    if ours is not None:
        for line in ours.lines(free):
            if (one := OurTrade.of(line, decimals=profile.decimals.get(line.instrument or "", 0))) is not None:
                known.append(one)
    told = [*odd]
    for number, file in enumerate(files):
        told += _told(file, theirs.filter(pl.col("file") == number)["line"].to_list())
    book.add_lines(trade_lines(told, known, profile).lines)


def _free(book: BookColumns, ours: BookColumns | None) -> pl.DataFrame:
    """Trades of ours that no row's UETR names."""
    free = [pl.DataFrame(schema={"key": pl.UInt64, "rest": pl.UInt64, **{one: SCHEMA[one] for one in _OF_OURS}})]
    parts = parts_of([book, *([] if ours is None else [ours])])
    for number in range(parts):
        rows, named = (None if ours is None else ours.part(number, parts)), book.part(number, parts)
        if rows is not None:
            rows = rows.select(pl.col(name).cast(kind) for name, kind in free[0].schema.items())
            free.append(rows if named is None else rows.join(named.select("key"), on="key", how="anti"))
    return pl.concat(free).with_columns(pl.col("day").alias("settlement"))


def _near(free: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """Those that share two of the three heavy terms with one of theirs: no other can be alike enough."""
    pairs = (("deliverer", "receiver"), ("deliverer", "instrument"), ("receiver", "instrument"))
    near = [free.join(theirs.select(pair), on=pair, how="semi") for pair in pairs]
    return pl.concat(near).unique(subset=["key", "row"])


def _told(file: File, lines: Sequence[int]) -> Iterator[Told]:
    """Some rows of a file once more, as they stand there."""
    wanted = sorted(lines)
    with file.path.open("rb") as source:
        header = source.readline(LONGEST_LINE)
        chosen = set(wanted)
        text = b"".join(line for number, line in enumerate(source, 2) if number in chosen)
    for row in read_trades(io.BytesIO(header + text)):
        if isinstance(row, LegacyTrade):
            row = replace(row, line=wanted[row.line - 2])
            yield Told(row=row, origin=f"{file.name}:{row.line}", received=file.received, is_late=file.is_late)
