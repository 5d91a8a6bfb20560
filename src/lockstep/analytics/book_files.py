"""A legacy book's CSV in columns, a piece of the file at a time: rows of the usual form all at once, others one by one.

A row is of the usual form if nothing in it needs a second look: no quotation marks, figures and moments as Lockstep
itself writes them, sound identifiers. Every other row goes to `domain.legacy_csv`, which reads it or says what rule it
breaks; so each row means the same as when the file is read row by row, and memory does not grow with what is wrong.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, BinaryIO

import polars as pl

from lockstep.analytics.book_columns import Names
from lockstep.domain.currencies import MINOR_UNITS
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import isin, lei
from lockstep.domain.legacy import BadRow, LegacyRow, LegacyStatus
from lockstep.domain.legacy_csv import COLUMNS, LONGEST_LINE, read_cash, read_positions, read_trades
from lockstep.domain.legacy_lines import STATUSES, LegacyProfile, of_day
from lockstep.domain.reconciliation.books import LineStatus, Subject
from lockstep.domain.values import replace

__all__ = ["CHUNK", "Piece", "pieces"]

CHUNK = 1 << 24
"""Bytes of a file that are read at once."""
_KINDS: Mapping[Subject, tuple[str, Callable[[BinaryIO], Iterator[Any]]]] = {
    Subject.TRADE: ("trades", read_trades),
    Subject.POSITION: ("positions", read_positions),
    Subject.CASH: ("cash", read_cash),
}
_UETR = "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
_INSTANT = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z$"
_TEXT = r"^[A-Za-z0-9/\-?:().,'+]{1,35}$"
_CODES = {one: code for code, one in enumerate(LineStatus)}
_FIRST_DAY = date(1970, 1, 1).toordinal()
_LAST_SECOND = (1 << 32) - 1
_DIGITS = 18
"""In 64 bits there is room for so many."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a part of a file says: sound rows in columns, sound rows one by one, and rows set apart.

    Columns of a trade: terms, `uetr` and `rest` (null where the row has no UETR), `reference`, `settlement` (days since
    1970), `status`, `settled` (seconds since 1970, or null); of a balance: `participant` and `instrument` as codes,
    `account`, and its figure. All have `line`, from 1.
    """

    columns: pl.DataFrame
    rows: list[LegacyRow]
    apart: list[BadRow]


def pieces(
    source: BinaryIO, subject: Subject, day: date, profile: LegacyProfile, names: Names, currencies: Names
) -> Iterator[Piece]:
    """A file's rows, a piece at a time. Raises InvalidInput for the header."""
    reading = _Reading(subject, day, profile, names, currencies)
    header = source.readline(LONGEST_LINE + 1)
    reading.begin(header)
    first = 2
    while chunk := source.read(CHUNK):
        if not chunk.endswith(b"\n"):
            chunk += _rest(source)
        yield reading.piece(chunk, first)
        first += chunk.count(b"\n")


def _rest(source: BinaryIO) -> bytes:
    """Up to the next line break; of a line that is too long, a beginning that shows it."""
    line = rest = source.readline(LONGEST_LINE + 1)
    while rest and not rest.endswith(b"\n"):
        rest = source.readline(1 << 16)
        if rest.endswith(b"\n"):
            line += b"\n"
    return line


class _Reading:
    def __init__(self, subject: Subject, day: date, profile: LegacyProfile, names: Names, currencies: Names) -> None:
        self.subject, self.day, self.profile = subject, day, profile
        self.names, self.currencies = names, currencies
        self.header, self.columns = b"", list[str]()

    def begin(self, header: bytes) -> None:
        kind, reader = _KINDS[self.subject]
        for _ in reader(io.BytesIO(header)):
            pass  # a header that is refused raises
        self.header = header if header.endswith(b"\n") else header + b"\n"
        text = header.removeprefix(b"\xef\xbb\xbf").decode().rstrip("\r\n")
        self.columns = text.split(",") if '"' not in text else []
        self.absent = [one for one in (*COLUMNS[kind][0], *COLUMNS[kind][1]) if one not in self.columns]

    def piece(self, chunk: bytes, first: int) -> Piece:
        lines = self._lines(chunk)
        if lines is None:
            return self._slowly(chunk, range(first, first + chunk.count(b"\n") + 1), pl.DataFrame())
        cells = (
            lines.str.split_exact(",", len(self.columns) - 1)
            .struct.rename_fields(self.columns)
            .struct.unnest()
            .fill_null("")
        )
        plain = (
            (lines.str.count_matches(",", literal=True) == len(self.columns) - 1)
            & ~lines.str.contains('"', literal=True)
            & ~lines.str.contains("\r", literal=True)
            & (lines.str.len_bytes() < LONGEST_LINE)
        )
        cells = cells.with_columns(
            plain.alias("plain"),
            pl.int_range(first, first + len(lines), dtype=pl.UInt32).alias("line"),
            *(pl.lit("").alias(name) for name in self.absent),
        )
        told = self._trades(cells) if self.subject is Subject.TRADE else self._balances(cells)
        sound = told.filter(pl.col("sound")).drop("sound")
        odd = told.filter(~pl.col("sound").fill_null(value=False))["line"].to_list()
        if not odd:
            return Piece(sound, [], [])
        every = chunk.splitlines(keepends=True) if b"\r" not in chunk else [*io.BytesIO(chunk)]
        return self._slowly(b"".join(every[number - first] for number in odd), odd, sound)

    def _lines(self, chunk: bytes) -> pl.Series | None:
        """Lines without their ends; None where they cannot be told apart in columns."""
        if not self.columns or b"\x01" in chunk or b"\0" in chunk:
            return None
        try:
            chunk.decode()
        except UnicodeDecodeError:
            return None
        lines = pl.read_csv(
            chunk,
            has_header=False,
            separator="\x01",
            quote_char=None,
            infer_schema=False,
            new_columns=["line"],
            n_threads=1,
        )["line"].fill_null("")
        if len(lines) != chunk.count(b"\n") or not chunk.endswith(b"\n"):
            return None
        return lines.str.strip_suffix("\r")

    def _slowly(self, chunk: bytes, numbers: Any, columns: pl.DataFrame) -> Piece:
        """The rows of some lines, read one by one."""
        rows: list[LegacyRow] = []
        apart: list[BadRow] = []
        for row in _KINDS[self.subject][1](io.BytesIO(self.header + chunk)):
            number = numbers[row.line - 2]
            if isinstance(row, BadRow):
                apart.append(BadRow(line=number, field=row.field, value=row.value, rule=row.rule))
                continue
            try:
                of_day(row, self.day)
                self.profile.check(row)
            except InvalidInput as broken:
                apart.append(BadRow.of(number, broken))
            else:
                rows.append(replace(row, line=number))
        return Piece(columns, rows, apart)

    def _balances(self, cells: pl.DataFrame) -> pl.DataFrame:
        is_cash = self.subject is Subject.CASH
        if is_cash:
            instrument, decimals = self._currency(cells)
            figure = "balance"
        else:
            instrument, decimals = self._isin(cells["isin"])
            figure = "quantity"
        value, is_figure = _figure(cells[figure], decimals, signed=True)
        owner = self.names.column(cells["owner"], _is(lei))
        account = self.names.column(cells["account"])
        sound = [
            pl.col("plain") & (pl.col("as_of") == str(self.day)) & pl.col("account").str.contains(_TEXT),
            owner.is_not_null() & instrument.is_not_null() & is_figure,
        ]
        if not is_cash:
            sound += [
                pl.col("quantity_type").is_in(["", "Unit", "FaceAmt"]),
                pl.col("available").str.contains(r"^([0-9]{1,18}(\.[0-9]{1,17})?)?$"),
            ]
        return cells.select(
            "line",
            (account if self.subject in self.profile.by_account else owner).alias("participant"),
            instrument.alias("instrument"),
            account.alias("account"),
            value.alias("amount" if is_cash else "quantity"),
            pl.all_horizontal(sound).alias("sound"),
        )

    def _trades(self, cells: pl.DataFrame) -> pl.DataFrame:
        deliverer = self.names.column(cells["deliverer"], _is(lei))
        receiver = self.names.column(cells["receiver"], _is(lei))
        instrument, decimals = self._isin(cells["isin"])
        quantity, is_quantity = _figure(cells["quantity"], decimals, signed=False)
        currency, minor_units = self._currency(cells)
        amount, is_amount = _figure(cells["amount"], minor_units, signed=False)
        settlement, traded = _days(cells["settlement_date"]), _days(cells["trade_date"])
        status = cells["status"].replace_strict(
            {one.value: _CODES[of] for one, of in STATUSES.items()}, default=None, return_dtype=pl.UInt8
        )
        settled = cells["settled_at"].str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=False, time_unit="ms").dt.epoch("s")
        has_uetr = cells["uetr"] != ""
        digits = pl.when(has_uetr).then(cells["uetr"]).str.replace_all("-", "", literal=True)
        is_settled, has_moment = cells["status"] == LegacyStatus.SETTLED.value, cells["settled_at"] != ""
        reference = pl.col("reference")
        sound = [
            pl.col("plain") & reference.str.contains(_TEXT) & ~reference.str.contains("//", literal=True),
            ~reference.str.starts_with("/") & ~reference.str.ends_with("/"),
            deliverer.is_not_null() & receiver.is_not_null() & instrument.is_not_null() & currency.is_not_null(),
            is_quantity & is_amount & (deliverer != receiver) & (quantity > 0) & status.is_not_null(),
            settlement.is_not_null() & ((cells["trade_date"] == "") | (traded <= settlement).fill_null(value=False)),
            ~has_uetr | cells["uetr"].str.contains(_UETR),
            (is_settled == has_moment)
            & (~has_moment | (settled.is_between(0, _LAST_SECOND) & cells["settled_at"].str.contains(_INSTANT))),
        ]
        return cells.select(
            "line",
            "reference",
            digits.str.slice(16).str.to_integer(base=16, dtype=pl.UInt64, strict=False).alias("uetr"),
            digits.str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64, strict=False).alias("rest"),
            deliverer.alias("deliverer"),
            receiver.alias("receiver"),
            instrument.alias("instrument"),
            quantity.alias("quantity"),
            currency.cast(pl.UInt8).alias("currency"),
            amount.alias("amount"),
            settlement.alias("settlement"),
            status.alias("status"),
            settled.alias("settled"),
            pl.all_horizontal(sound).alias("sound"),
        )

    def _isin(self, texts: pl.Series) -> tuple[pl.Series, pl.Series]:
        """Codes, and the decimals of each."""
        decimals = (
            texts.replace_strict(self.profile.decimals, default=0, return_dtype=pl.Int64)
            if (self.profile.decimals)
            else pl.zeros(len(texts), dtype=pl.Int64, eager=True)
        )
        return self.names.column(texts, _is(isin)), decimals

    def _currency(self, cells: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        texts = cells["currency"]
        codes = self.currencies.column(texts, MINOR_UNITS.__contains__)
        return codes, texts.replace_strict(MINOR_UNITS, default=None, return_dtype=pl.Int64)


def _is(check: Callable[..., object]) -> Callable[[str], bool]:
    def sound(text: str) -> bool:
        try:
            check(text)
        except InvalidInput:
            return False
        return True

    return sound


def _days(texts: pl.Series) -> pl.Series:
    """Days since 1970, null for what is none."""
    known: dict[str, int] = {}
    for text in texts.unique().to_list():
        try:
            day = date.fromisoformat(text)
        except ValueError:
            continue
        number = day.toordinal() - _FIRST_DAY
        if day.isoformat() == text and abs(number) < 1 << 15:
            known[text] = number
    return texts.replace_strict(known, default=None, return_dtype=pl.Int16)


def _figure(texts: pl.Series, decimals: pl.Series, *, signed: bool) -> tuple[pl.Series, pl.Series]:
    """In units of so many decimals, and whether it is one that fits: others get a second look."""
    minus = texts.str.starts_with("-")
    parts = texts.str.strip_prefix("-").str.split_exact(".", 1).struct.rename_fields(["whole", "part"]).struct.unnest()
    part = parts["part"].fill_null("").str.strip_chars_end("0")
    places = part.str.len_bytes().cast(pl.Int64)
    fits = (
        texts.str.contains(rf"^{'-?' if signed else ''}[0-9]{{1,18}}(\.[0-9]{{1,17}})?$")
        & (places <= decimals)
        & (parts["whole"].str.len_bytes().cast(pl.Int64) + decimals <= _DIGITS)
    ).fill_null(value=False)
    scale, rest = _power(decimals), _power((decimals - places).clip(0))
    whole = parts["whole"].str.to_integer(strict=False, dtype=pl.Int64) * scale
    value = whole + part.str.to_integer(strict=False, dtype=pl.Int64).fill_null(0) * rest
    return pl.select(pl.when(minus).then(-value).otherwise(value)).to_series(), fits & ~(minus & (value == 0))


def _power(places: pl.Series) -> pl.Series:
    return places.clip(0, _DIGITS).replace_strict(
        {one: 10**one for one in range(_DIGITS + 1)}, default=None, return_dtype=pl.Int64
    )
