"""Books that agree, and errors planted in them: what a reconciliation is judged by. Standard library only.

A seed decides everything. A `SoundBook` tells the same trades, positions and balances for each side; `plant` changes
chosen rows on one side each and says which. Nothing here knows how breaks are found.

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
from datetime import UTC, datetime, time
from pathlib import Path

from lockstep.testing.sound_books import Cash, Position, Row, SoundBook, Trade, business_day, isin, lei

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
