"""Books that agree, and errors planted in them: what a reconciliation is judged by. Standard library only.

A seed decides everything. `SoundBook` tells the same trades, positions and balances for each side; `plant` changes
chosen rows on one side each and says which. Nothing here knows how breaks are found. Rows are made as they are asked
for, so that a book of ten million takes no more memory than one of ten; `columns` makes a million in about a second.

What is planted, by class:

- missing: a side never has the row
- extra: a side has a row that no other has
- amount: a quantity, a payment or a balance differs
- timing: a trade has settled on both sides, on another business day on one
- status: a trade has settled, but on one side it has not
- identity: a trade names another party or another security
- duplicate: a side has the row twice; a trade's second row has a reference of its own
- late: the row is right, but a side reports it a business day after the others
"""

import csv
import json
import random
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias

__all__ = ["CLASSES", "SIDES", "Cash", "Planted", "PlantedBook", "Position", "SoundBook", "Trade", "plant"]

SIDES = ("chain", "rtgs", "service", "legacy")
CLASSES: Mapping[str, tuple[str, ...]] = {
    "trades": ("missing", "extra", "amount", "timing", "status", "identity", "duplicate", "late"),
    "positions": ("missing", "extra", "amount", "duplicate", "late"),
    "cash": ("missing", "extra", "amount", "duplicate", "late"),
}
"""Which errors there are of each subject. Under another owner or security, a position or a balance is another one."""
_HAS: Mapping[str, tuple[str, ...]] = {
    "trades": SIDES,
    "positions": ("chain", "service", "legacy"),
    "cash": ("rtgs", "service", "legacy"),
}
_CURRENCIES = ("EUR", "USD", "GBP", "CHF")
"""With two decimals each."""


class Trade(NamedTuple):
    """A delivery against payment; `quantity` in whole units, `amount` in cents."""

    reference: str
    uetr: str
    deliverer: str
    receiver: str
    isin: str
    quantity: int
    amount: int
    currency: str
    trade_date: date
    settlement_date: date
    status: str
    settled_at: datetime | None
    reported_at: datetime


class Position(NamedTuple):
    """What an owner holds at the day's end, in whole units."""

    as_of: date
    owner: str
    account: str
    isin: str
    quantity: int
    reported_at: datetime


class Cash(NamedTuple):
    """An account's balance at the day's end, in cents."""

    as_of: date
    owner: str
    account: str
    currency: str
    balance: int
    reported_at: datetime


Row: TypeAlias = Trade | Position | Cash


@dataclass(frozen=True, slots=True, kw_only=True)
class Planted:
    """One error: of which class, in which row of which side, and what stands there instead of what.

    `key` is what the sides know the row by: a trade's UETR; owner, account and ISIN or currency. `sound` and `planted`
    are the field's values as text; both are empty where a whole row is missing, extra or there twice.
    """

    error: str
    subject: str
    side: str
    number: int
    key: tuple[str, ...]
    reference: str = ""
    """Of a trade's row on that side, for books without UETRs."""
    field: str = ""
    sound: str = ""
    planted: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundBook:
    """So many trades, positions and balances of a business day, the same for each side."""

    rows: int
    seed: int = 1
    day: date = date(2026, 11, 23)
    parties: int = 200

    def row(self, subject: str, number: int) -> Row:
        """A row as every side should have it. From `rows` on they are further ones, which no side should have."""
        block, place = divmod(number, _BLOCK)
        of = _block(self, subject, block)
        if subject == "trades":
            return self._trade(number, of, place)
        owner = lei(number % self.parties)
        account, reported = f"SAFE-{number % self.parties:06d}", self._reported(number)
        if subject == "positions":
            return Position(self.day, owner, account, isin(number // self.parties), of["quantity"][place], reported)
        account = f"CASH-{number % self.parties:06d}-{number // self.parties // len(_CURRENCIES)}"
        currency = _CURRENCIES[number // self.parties % len(_CURRENCIES)]
        return Cash(self.day, owner, account, currency, of["balance"][place], reported)

    def columns(self, subject: str) -> Iterator[tuple[int, Mapping[str, "array[int]"]]]:
        """The same rows a block at a time: the first one's number, and what is drawn of each.

        Of trades: `deliverer`, `receiver` and `isin` as the numbers that `lei` and `isin` take, `quantity`, `amount`,
        `currency` as its place among EUR, USD, GBP and CHF, `settled` in seconds after 07:00 UTC, `uuid_high` and
        `uuid_low`. Of positions the `quantity`, of cash the `balance`; owner, account and the rest follow from a row's
        number, as `row` has them.
        """
        for block in range(-(-self.rows // _BLOCK)):
            of, left = _block(self, subject, block), self.rows - block * _BLOCK
            yield block * _BLOCK, {name: values[:left] for name, values in of.items()}

    def _trade(self, number: int, of: Mapping[str, "array[int]"], place: int) -> Trade:
        settled = datetime.combine(self.day, time(7), tzinfo=UTC) + timedelta(seconds=of["settled"][place])
        digits = f"{of['uuid_high'][place]:016x}{of['uuid_low'][place]:016x}"
        return Trade(
            f"TRADE-{number:010d}",
            f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}",
            lei(of["deliverer"][place]),
            lei(of["receiver"][place]),
            isin(of["isin"][place]),
            of["quantity"][place],
            of["amount"][place],
            _CURRENCIES[of["currency"][place]],
            business_day(self.day, -2),
            self.day,
            "settled",
            settled,
            self._reported(number),
        )

    def _reported(self, number: int) -> datetime:
        """Before the cut-off, at 18:00 UTC."""
        return datetime.combine(self.day, time(17), tzinfo=UTC) + timedelta(seconds=number % 3_600)


_BLOCK = 4096
_WORDS = 8


@lru_cache(8)
def _block(book: SoundBook, subject: str, block: int) -> Mapping[str, "array[int]"]:
    """What is drawn of so many rows, by the seed and the block's number alone."""
    drawn = array("Q", random.Random(f"{book.seed}/{subject}/{block}").randbytes(_BLOCK * _WORDS * 8))
    if sys.byteorder == "big":
        drawn.byteswap()
    words = [drawn[place::_WORDS] for place in range(_WORDS)]
    if subject == "positions":
        return {"quantity": array("q", [1 + one % 10_000_000 for one in words[0]])}
    if subject == "cash":
        return {"balance": array("q", [one % 10_001_000_001 - 1_000_000 for one in words[0]])}
    parties, securities = book.parties, max(1, min(1_000, book.rows // 10))
    deliverer = array("q", [one % parties for one in words[0]])
    steps = (1 + one % (parties - 1) for one in words[1])
    quantity = array("q", [1 + one % 100_000 for one in words[2]])
    return {
        "deliverer": deliverer,
        "receiver": array("q", [(one + step) % parties for one, step in zip(deliverer, steps, strict=True)]),
        "isin": array("q", [one % securities for one in words[3]]),
        "quantity": quantity,
        "amount": array("q", [one * (100 + price % 49_901) for one, price in zip(quantity, words[4], strict=True)]),
        "currency": array("q", [one % len(_CURRENCIES) for one in words[5]]),
        "settled": array("q", [(one >> 32) % 36_000 for one in words[5]]),
        "uuid_high": array("Q", [one & ~0xF000 | 0x4000 for one in words[6]]),
        "uuid_low": array("Q", [one & ~(3 << 62) | 1 << 63 for one in words[7]]),
    }


@dataclass(frozen=True, slots=True)
class PlantedBook:
    """A sound book with its errors, and where they are."""

    book: SoundBook
    planted: tuple[Planted, ...]
    _at: Mapping[tuple[str, str], Mapping[int, Planted]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        at: dict[tuple[str, str], dict[int, Planted]] = {}
        for one in self.planted:
            at.setdefault((one.subject, one.side), {})[one.number] = one
        object.__setattr__(self, "_at", at)

    def rows(self, subject: str, side: str) -> Iterator[Row]:
        """What a side says, late rows among it. Raises ValueError for a side that does not know the subject."""
        if side not in _HAS[subject]:
            raise ValueError(f"{side} has no {subject}")
        at = self._at.get((subject, side), {})
        for number in range(self.book.rows):
            if number in at:
                yield from self._wrong(subject, at[number])
            else:
                yield self.book.row(subject, number)
        for number in sorted(number for number in at if number >= self.book.rows):
            yield self.book.row(subject, number)

    def wrong(self, subject: str, side: str) -> tuple[Sequence[int], Sequence[Row]]:
        """The numbers of the rows that a side does not tell as they are, and all that it tells in their place."""
        at = self._at.get((subject, side), {})
        return sorted(at), [row for number in sorted(at) for row in self._wrong(subject, at[number])]

    def _wrong(self, subject: str, error: Planted) -> Iterator[Row]:
        row = self.book.row(subject, error.number)
        if error.error in ("duplicate", "extra"):
            yield row
        if error.error == "duplicate":
            yield _second(row, error)
        elif error.error not in ("missing", "extra"):
            yield _changed(row, error)

    def write_legacy(self, folder: Path, *, with_ids: bool = True) -> None:
        """The legacy book's day as CSV: positions.csv, trades.csv, cash.csv; what is late in files of the next day.

        Without ids, trades have no UETR, as in a book that never knew any.
        """
        folder.mkdir(parents=True, exist_ok=True)
        cut_off = datetime.combine(self.book.day, time(18), tzinfo=UTC)
        for subject in CLASSES:
            with (
                (folder / f"{subject}.csv").open("w", newline="", encoding="utf-8") as day,
                (folder / f"{subject}-late.csv").open("w", newline="", encoding="utf-8") as late,
            ):
                in_time, after = csv.writer(day, lineterminator="\n"), csv.writer(late, lineterminator="\n")
                for writer in (in_time, after):
                    writer.writerow(_HEADERS[subject])
                for row in self.rows(subject, "legacy"):
                    (in_time if row.reported_at <= cut_off else after).writerow(_cells(row, with_ids))

    def write_record(self, path: Path) -> None:
        """What was planted where, as JSON lines."""
        path.write_text("".join(f"{json.dumps(asdict(one), sort_keys=True)}\n" for one in self.planted))


def plant(book: SoundBook, errors: int, *, sides: Sequence[str] = SIDES) -> PlantedBook:
    """So many errors, each in a row of its own, every class of every subject in turn.

    Raises ValueError for more errors of a subject than the book has rows, and where a subject has none of the sides.
    """
    dice = random.Random(f"{book.seed}/planted")
    kinds = [(subject, error) for subject, of_it in CLASSES.items() for error in of_it]
    wanted = [kinds[number % len(kinds)] for number in range(errors)]
    planted: list[Planted] = []
    for subject in CLASSES:
        having = [side for side in _HAS[subject] if side in sides]
        mine = [error for of, error in wanted if of == subject]
        if mine and not having:
            raise ValueError(f"none of {', '.join(sides)} has {subject}")
        if len(mine) > book.rows:
            raise ValueError(f"{len(mine)} errors in {book.rows} {subject}")
        numbers = dice.sample(range(book.rows), len(mine))
        further = iter(range(book.rows, book.rows + len(mine)))
        for error, number in zip(mine, numbers, strict=True):
            place = next(further) if error == "extra" else number
            planted.append(_planted(book, subject, error, dice.choice(having), place, dice))
    return PlantedBook(book, tuple(planted))


def _planted(book: SoundBook, subject: str, error: str, side: str, number: int, dice: random.Random) -> Planted:
    row = book.row(subject, number)
    name, value = _wrong(book, row, error, dice)
    reference = row.reference if isinstance(row, Trade) else ""
    if error == "duplicate" and isinstance(row, Trade):
        reference = f"{row.reference}-2"
    return Planted(
        error=error,
        subject=subject,
        side=side,
        number=number,
        key=_key(row),
        reference=reference,
        field=name,
        sound=_text(getattr(row, name)) if name else "",
        planted=_text(value) if name else "",
    )


def _wrong(book: SoundBook, row: Row, error: str, dice: random.Random) -> tuple[str, object]:
    """Which field is to be wrong, and what stands there; no field where the row as such is."""
    if error == "late":
        return "reported_at", datetime.combine(business_day(book.day, 1), row.reported_at.time(), tzinfo=UTC)
    if error == "amount":
        name = dice.choice(("quantity", "amount")) if isinstance(row, Trade) else _figure(row)
        now = int(getattr(row, name))
        by = dice.choice((1, -1)) * dice.choice((1, dice.randint(2, 100_000)))
        return name, now + by if now + by > 0 else now + abs(by)
    if isinstance(row, Trade):
        assert row.settled_at is not None
        if error == "timing":
            later = business_day(book.day, dice.randint(1, 3))
            return "settled_at", datetime.combine(later, row.settled_at.time(), tzinfo=UTC)
        if error == "status":
            return "status", dice.choice(("pending", "failing", "cancelled"))
        if error == "identity":
            name = dice.choice(("deliverer", "receiver", "isin"))
            if name == "isin":
                return name, isin(999_999 - dice.randrange(1_000))
            return name, lei(book.parties + dice.randrange(1_000))
    return "", ""


def _figure(row: Position | Cash) -> str:
    return "quantity" if isinstance(row, Position) else "balance"


def _changed(row: Row, error: Planted) -> Row:
    now = getattr(row, error.field)
    value: object = error.planted
    if isinstance(now, int):
        value = int(error.planted)
    elif isinstance(now, datetime):
        value = datetime.fromisoformat(error.planted)
    changes = {error.field: value}
    if error.error == "status":
        changes["settled_at"] = None
    return row._replace(**changes)  # type: ignore[arg-type]  # fields by name


def _second(row: Row, error: Planted) -> Row:
    return row._replace(reference=error.reference) if isinstance(row, Trade) else row


def _key(row: Row) -> tuple[str, ...]:
    if isinstance(row, Trade):
        return (row.uetr,)
    return (row.owner, row.account, row.isin if isinstance(row, Position) else row.currency)


def _text(value: object) -> str:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)


_HEADERS: Mapping[str, Sequence[str]] = {
    "trades": (*Trade._fields[:-1],),
    "positions": (*Position._fields[:-1],),
    "cash": (*Cash._fields[:-1],),
}


def _cells(row: Row, with_ids: bool) -> list[str]:
    cells = ["" if value is None else _text(value) for value in row[:-1]]
    if isinstance(row, Trade):
        cells[6] = _decimal(row.amount)
        cells[1] = row.uetr if with_ids else ""
    elif isinstance(row, Cash):
        cells[4] = _decimal(row.balance)
    return cells


def _decimal(cents: int) -> str:
    whole, part = divmod(abs(cents), 100)
    return f"{'-' if cents < 0 else ''}{whole}.{part:02d}"


@lru_cache(1024)
def business_day(day: date, by: int) -> date:
    """So many weekdays on, or back."""
    step = 1 if by > 0 else -1
    while by:
        day += timedelta(days=step)
        by -= step if day.weekday() < 5 else 0
    return day


@lru_cache(1 << 16)
def lei(number: int) -> str:
    """A made-up legal entity with right check digits (ISO 17442: MOD 97-10 of ISO 7064)."""
    body = f"ZZZZ00BOOK{number:08d}"
    digits = "".join(str(int(letter, 36)) for letter in body)
    return f"{body}{98 - int(digits + '00') % 97:02d}"


@lru_cache(1 << 16)
def isin(number: int) -> str:
    """A made-up security with a right check digit (ISO 6166: every other digit from the right is doubled)."""
    body = f"ZZB{number:08d}"
    digits = [int(digit) for letter in body for digit in str(int(letter, 36))]
    doubled = [digit * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    return f"{body}{-sum(digit // 10 + digit % 10 for digit in doubled) % 10}"
