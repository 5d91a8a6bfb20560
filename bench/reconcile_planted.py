"""Errors planted at random in four books: how many of them are found, as what, and what is found besides.

    python bench/reconcile_planted.py --rows 1000000 --errors 1000            prints it
    python bench/reconcile_planted.py --rows 1000000 --errors 1000 --without-uetrs

The legacy book is written as CSV and read as an installation reads it; the other books are columns. Trades, positions
and cash have so many rows each; the errors are of every class, in any book.

* `precision`: of what was found as a class, the share that was planted so, at that book and key; `recall`: of what was
  planted, the share that was found so. `wrong` are findings that nobody planted, `lost` errors that nobody found.
* `--without-uetrs`: the legacy book tells no UETRs, and its trades are matched with the service's by what they are.
  Where the service itself lacks a trade, the legacy book's is found under its own reference, as `identity`: nothing
  else knows all the terms by which it could be matched.
"""

import argparse
import json
import tempfile
import time as clock
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lockstep.analytics.book_columns import BookColumns, Names, moment
from lockstep.analytics.reconcile import compare_columns
from lockstep.app.legacy_columns import read_legacy_columns
from lockstep.domain.legacy_lines import LegacyProfile
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.rules import Rule, RuleBook
from lockstep.flow.comparing import Comparison, Run
from lockstep.testing.planted_breaks import CLASSES, SIDES, PlantedBook, plant
from lockstep.testing.sound_books import Row, SoundBook, business_day, isin, lei

SUBJECTS = {"trades": Subject.TRADE, "positions": Subject.POSITION, "cash": Subject.CASH}
OTHERS = {"trades": ("chain", "rtgs", "service"), "positions": ("chain", "service"), "cash": ("rtgs", "service")}
CURRENCIES = ("EUR", "USD", "GBP", "CHF")
PROFILE = LegacyProfile(by_account=frozenset({Subject.CASH}))
RULES = RuleBook(rules=(Rule(name="no patience", subject=Subject.TRADE, patience_days=0),))
SETTLED = list(LineStatus).index(LineStatus.SETTLED)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def line(side: str, row: Row) -> Line:
    """A row as a book tells it."""
    of, book = row._asdict(), Book(side)
    if "uetr" in of:
        ended = {"settled": LineStatus.SETTLED, "cancelled": LineStatus.ENDED}
        return Line(
            book=book,
            key=Key.trade(of["uetr"]),
            quantity=of["quantity"],
            amount=of["amount"],
            instrument=of["isin"],
            currency=of["currency"],
            deliverer=of["deliverer"],
            receiver=of["receiver"],
            status=ended.get(of["status"], LineStatus.OPEN),
            day=of["settled_at"].date() if of["settled_at"] else of["settlement_date"],
            at=of["reported_at"] if of["settled_at"] else None,
        )
    if "isin" in of:
        return Line(book=book, key=Key.position(of["owner"], of["isin"]), quantity=of["quantity"], at=of["reported_at"])
    return Line(book=book, key=Key.cash(of["account"], of["currency"]), amount=of["balance"], at=of["reported_at"])


def columns(planted: PlantedBook, subject: str, side: str, names: Names, currencies: Names) -> BookColumns:
    """What a side tells: sound rows in columns, the others as lines."""
    sound, book = planted.book, BookColumns(Book(side), SUBJECTS[subject], names, currencies, whole_seconds=True)
    parties = np.array([names.code(lei(number)) for number in range(sound.parties)], dtype=np.uint32)
    money = np.array([currencies.code(one) for one in CURRENCIES], dtype=np.uint8)
    noon = datetime.combine(sound.day, time(17), tzinfo=UTC)
    numbers, rows = planted.wrong(subject, side)
    for first, of in sound.columns(subject):
        drawn = {name: np.frombuffer(values, dtype=values.typecode) for name, values in of.items()}
        size = len(next(iter(drawn.values())))
        number = np.arange(first, first + size)
        owner, place = parties[number % sound.parties], number // sound.parties
        at = moment(noon) // 1_000_000 + number % 3600
        data: dict[str, Any]
        if subject == "trades":
            data = {
                "key": drawn["uuid_low"],
                "rest": drawn["uuid_high"],
                "quantity": drawn["quantity"],
                "amount": drawn["amount"],
                "instrument": securities(names, drawn["isin"]),
                "currency": money[drawn["currency"]],
                "deliverer": parties[drawn["deliverer"]],
                "receiver": parties[drawn["receiver"]],
                "status": np.full(size, SETTLED, dtype=np.uint8),
                "day": np.full(size, (noon - EPOCH).days, dtype=np.int16),
            }
        elif subject == "positions":
            instrument = securities(names, place)
            data = {"key": owner.astype(np.uint64) << np.uint64(32) | instrument, "quantity": drawn["quantity"]}
        else:
            account = [f"CASH-{one % sound.parties:06d}-{one // sound.parties // len(CURRENCIES)}" for one in number]
            holder = np.array([names.code(one) for one in account], dtype=np.uint64)
            data = {"key": holder << np.uint64(32) | money[place % len(CURRENCIES)], "amount": drawn["balance"]}
        frame = pl.DataFrame({**data, "at": at.astype(np.uint32), "row": number.astype(np.uint32)})
        book.add(frame.filter(~pl.col("row").is_in(numbers)), str)
    book.add_lines(line(side, one) for one in rows)
    return book


def securities(names: Names, numbers: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    found, place = np.unique(numbers, return_inverse=True)
    return np.array([names.code(isin(int(one))) for one in found], dtype=np.uint32)[place]


def expected(planted: PlantedBook, *, without_uetrs: bool) -> Counter[tuple[str, str, str]]:
    """By book, key and class. An unknown trade without a UETR has its own reference for a key."""
    found: Counter[tuple[str, str, str]] = Counter()
    for one in planted.planted:
        if one.subject == "trades":
            own = without_uetrs and one.side == "legacy" and one.error == "extra"
            key = f"trade|legacy:{one.reference}" if own else f"trade|{one.key[0]}"
        elif one.subject == "positions":
            key = f"position|{one.key[0]}|{one.key[2]}"
        else:
            key = f"cash|{one.key[1]}|{one.key[2]}"
        found[one.side, key, one.error] += 1
    return found


def judged(planted: Counter[tuple[str, str, str]], comparison: Comparison) -> dict[str, Any]:
    found = Counter((one.book.value, one.key.text(), one.break_class.value) for one in comparison.found)
    right = found & planted

    def by_class(counted: Iterable[tuple[tuple[str, str, str], int]]) -> Counter[str]:
        classes: Counter[str] = Counter()
        for (_, _, kind), count in counted:
            classes[kind] += count
        return classes

    hits, said, meant = by_class(right.items()), by_class(found.items()), by_class(planted.items())
    return {
        "planted": sum(planted.values()),
        "found": sum(found.values()),
        "precision": {kind: round(hits[kind] / said[kind], 4) for kind in sorted(said)},
        "recall": {kind: round(hits[kind] / meant[kind], 4) for kind in sorted(meant)},
        "wrong": [list(one) for one in sorted(found - planted)][:20],
        "lost": [list(one) for one in sorted(planted - found)][:20],
    }


def measure(rows: int, errors: int, seed: int, *, without_uetrs: bool, sides: Sequence[str] = SIDES) -> dict[str, Any]:
    planted = plant(SoundBook(rows=rows, seed=seed), errors, sides=sides)
    names, currencies = Names(), Names()
    books = [columns(planted, subject, side, names, currencies) for subject in CLASSES for side in OTHERS[subject]]
    service = next(one for one in books if one.book is Book.SERVICE and one.subject is Subject.TRADE)
    with tempfile.TemporaryDirectory(prefix="lockstep-") as temporary:
        planted.write_legacy(Path(temporary), with_ids=not without_uetrs)
        begun = clock.perf_counter()
        legacy = read_legacy_columns(
            Path(temporary), planted.book.day, names=names, currencies=currencies, profile=PROFILE, ours=service
        )
        loaded = clock.perf_counter()
        spoke = {SUBJECTS[of]: frozenset({Book.LEGACY, *map(Book, sides)}) for of, sides in OTHERS.items()}
        next_day = business_day(planted.book.day, 1)
        run = Run(day=next_day, at=datetime.combine(next_day, time(18), tzinfo=UTC), spoke=spoke)
        comparison = compare_columns([*books, *legacy.books.values()], RULES, run)
        compared = clock.perf_counter()
    return {
        "rows": rows,
        "seed": seed,
        "uetrs": not without_uetrs,
        "errors_in": list(sides),
        "load_seconds": round(loaded - begun, 2),
        "compare_seconds": round(compared - loaded, 2),
        "keys": comparison.keys,
        "apart": len(legacy.apart),
        **judged(expected(planted, without_uetrs=without_uetrs), comparison),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="of trades, of positions and of cash")
    parser.add_argument("--errors", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--without-uetrs", action="store_true", help="in the legacy book")
    parser.add_argument("--only-legacy", action="store_true", help="errors in no other book")
    given = parser.parse_args()
    sides = ("legacy",) if given.only_legacy else SIDES
    found = measure(given.rows, given.errors, given.seed, without_uetrs=given.without_uetrs, sides=sides)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
