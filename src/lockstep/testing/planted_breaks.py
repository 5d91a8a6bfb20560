"""Books that agree, and errors planted in them: what a reconciliation is judged by. Standard library only.

A seed decides everything. `SoundBook` tells the same trades, positions and balances for each side; `plant` changes
chosen rows on one side each and says which. Nothing here knows how breaks are found, and rows are made one by one, so
that a book of ten million takes no more memory than one of ten.

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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeAlias
from uuid import UUID

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
        if subject == "trades":
            return self._trade(number)
        owner = lei(number % self.parties)
        account, reported = f"SAFE-{number % self.parties:06d}", self._reported(number)
        dice = random.Random(f"{self.seed}/{subject}/{number}")
        if subject == "positions":
            return Position(
                self.day, owner, account, isin(number // self.parties), dice.randint(1, 10_000_000), reported
            )
        place = number // self.parties
        account = f"CASH-{number % self.parties:06d}-{place // len(_CURRENCIES)}"
        currency = _CURRENCIES[place % len(_CURRENCIES)]
        return Cash(self.day, owner, account, currency, dice.randint(-1_000_000, 10_000_000_000), reported)

    def _trade(self, number: int) -> Trade:
        dice = random.Random(f"{self.seed}/trades/{number}")
        deliverer = dice.randrange(self.parties)
        receiver = (deliverer + dice.randrange(1, self.parties)) % self.parties
        quantity = dice.randint(1, 100_000)
        settled = datetime.combine(self.day, time(7), tzinfo=UTC) + timedelta(seconds=dice.randrange(36_000))
        return Trade(
            f"TRADE-{number:010d}",
            str(UUID(int=dice.getrandbits(128), version=4)),
            lei(deliverer),
            lei(receiver),
            isin(dice.randrange(max(1, min(1_000, self.rows // 10)))),
            quantity,
            quantity * dice.randint(100, 50_000),
            dice.choice(_CURRENCIES),
            business_day(self.day, -2),
            self.day,
            "settled",
            settled,
            self._reported(number),
        )

    def _reported(self, number: int) -> datetime:
        """Before the cut-off, at 18:00 UTC."""
        return datetime.combine(self.day, time(17), tzinfo=UTC) + timedelta(seconds=number % 3_600)


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
            row, error = self.book.row(subject, number), at.get(number)
            if error is None:
                yield row
            elif error.error == "duplicate":
                yield row
                yield _second(row, error)
            elif error.error != "missing":
                yield _changed(row, error)
        for number in sorted(number for number in at if number >= self.book.rows):
            yield self.book.row(subject, number)

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
