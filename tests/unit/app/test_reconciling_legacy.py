"""A legacy book as the fourth: written from what the example expects, without UETRs, then spoilt row by row."""

import csv
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import books_world as planted
import pytest

from lockstep.app.books.legacy_book import in_folder
from lockstep.app.reconciling import Reconciliation, of_world, reconcile_day
from lockstep.app.world import World
from lockstep.domain.errors import InvalidInput
from lockstep.domain.reconciliation.books import Book, Subject
from lockstep.domain.reconciliation.differences import BreakClass, Cause
from lockstep.domain.reconciliation.rules import Rule, RuleBook

EXPECTED: dict[str, Any] = tomllib.loads((planted.FIRST_DAY / "expected.toml").read_text())
DAY = date(2026, 11, 23)
Rows = dict[str, list[dict[str, str]]]


def as_expected(world: World) -> Rows:
    """The day as the example's list of trades has it, in the legacy book's columns."""
    leis = {one.bic: str(one.lei) for one in world.market.participants.values()}
    trades = [
        {
            "reference": one["deliverer_reference"],
            "deliverer": leis[one["deliverer"]],
            "receiver": leis[one["receiver"]],
            "isin": one["isin"],
            "quantity": one["quantity"],
            "amount": one["cash"],
            "currency": one["currency"],
            "settlement_date": str(DAY),
            "status": "settled" if one["state"] == "SETTLED" else "cancelled",
            "settled_at": f"{DAY}T16:00:00Z" if one["state"] == "SETTLED" else "",
        }
        for one in EXPECTED["trades"]
        if one["state"] != "UNMATCHED"
    ]
    positions = [
        {
            "as_of": str(DAY),
            "owner": leis[one["participant"]],
            "account": f"SAFE/{one['participant']}",
            "isin": one["isin"],
            "quantity": one["quantity"],
        }
        for one in EXPECTED["final_holdings"]
    ]
    cash = [
        {
            "as_of": str(DAY),
            "owner": leis[one["participant"]],
            "account": f"CASH/{one['participant']}",
            "currency": currency,
            "balance": one[currency],
        }
        for one in EXPECTED["final_cash"]
        for currency in ("EUR", "JPY")
    ]
    return {"trades": trades, "positions": positions, "cash": cash}


def compared(world: World, rows: Rows, folder: Path) -> Reconciliation:
    folder.mkdir(exist_ok=True)
    for name, each in rows.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, each[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(each)
    return reconcile_day(of_world(world), DAY, legacy=in_folder(folder, world.market), keep=False)


def test_four_books_agree(world: World, tmp_path: Path) -> None:
    done = compared(world, as_expected(world), tmp_path)
    assert done.comparison.found == () and not done.silent
    (legacy,) = (one for one in done.said if one.book is Book.LEGACY)
    trades = [one for one in legacy.lines if one.key.subject is Subject.TRADE]
    assert len(trades) == sum(one["state"] != "UNMATCHED" for one in EXPECTED["trades"])
    assert all(" matched by terms: score 100" in one.origin or " matched by order" in one.origin for one in trades)


def less(rows: Rows) -> None:
    del rows["trades"][0]


def mistyped(rows: Rows) -> None:
    rows["trades"][0]["amount"] = "4987600.00"


def still_pending(rows: Rows) -> None:
    rows["trades"][0] |= {"status": "pending", "settled_at": ""}


def unreadable(rows: Rows) -> None:
    rows["positions"][0]["quantity"] = "many"


def dear(rows: Rows) -> None:
    rows["cash"][0]["balance"] = "29979650.01"


@pytest.mark.parametrize(
    ("spoil", "subject", "kind", "cause"),
    [
        (less, Subject.TRADE, BreakClass.TIMING, Cause.IN_FLIGHT),
        (mistyped, Subject.TRADE, BreakClass.AMOUNT, Cause.UNKNOWN),
        (still_pending, Subject.TRADE, BreakClass.TIMING, Cause.IN_FLIGHT),
        (unreadable, Subject.POSITION, BreakClass.MISSING, Cause.ROW_SET_APART),
        (dear, Subject.CASH, BreakClass.AMOUNT, Cause.UNKNOWN),
    ],
)
def test_one_row_that_is_wrong_is_one_break_at_the_legacy_book(
    world: World, tmp_path: Path, spoil: Callable[[Rows], None], subject: Subject, kind: BreakClass, cause: Cause
) -> None:
    rows = as_expected(world)
    spoil(rows)
    (found,) = compared(world, rows, tmp_path).comparison.found
    assert (found.book, found.key.subject, found.break_class, found.cause) == (Book.LEGACY, subject, kind, cause)


def test_a_file_that_is_missing_or_refused_says_nothing(world: World, tmp_path: Path) -> None:
    rows = as_expected(world)
    del rows["cash"]
    for row in rows["positions"]:
        row["colour"] = "blue"
    done = compared(world, rows, tmp_path)
    assert done.comparison.found == ()
    assert set(done.silent) == {Book.LEGACY} and set(done.silent[Book.LEGACY]) == {Subject.CASH, Subject.POSITION}
    assert "positions.csv" in done.silent[Book.LEGACY][Subject.POSITION]
    without = RuleBook(
        rules=tuple(
            Rule(name=f"{kind.value} without legacy", subject=kind, books=books)
            for kind, books in (
                (Subject.CASH, (Book.RTGS, Book.SERVICE)),
                (Subject.POSITION, (Book.CHAIN, Book.SERVICE)),
            )
        )
    )
    book = in_folder(tmp_path, world.market)
    assert not reconcile_day(of_world(world), DAY, legacy=book, rules=without, keep=False).silent, "nobody misses it"
    with pytest.raises(InvalidInput) as raised:
        reconcile_day(of_world(world), DAY, legacy=in_folder(tmp_path / "none", world.market), keep=False)
    assert raised.value.field == "legacy"
