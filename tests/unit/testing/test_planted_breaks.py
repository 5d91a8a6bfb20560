"""What plants the errors: the book without them agrees, each error is where the record says, and nothing else is."""

import ast
import json
from collections import Counter
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from lockstep.domain.legacy import BadRow
from lockstep.domain.legacy_csv import read_cash, read_positions, read_trades
from lockstep.testing import planted_breaks, sound_books
from lockstep.testing.planted_breaks import CLASSES, SIDES, plant
from lockstep.testing.sound_books import SoundBook, business_day, isin, lei

BOOK = SoundBook(rows=600, seed=7, parties=20)
HAS = {
    subject: [side for side in SIDES if (subject, side) not in {("positions", "rtgs"), ("cash", "chain")}]
    for subject in CLASSES
}


def test_it_imports_the_standard_library_and_nothing_of_ours() -> None:
    for module, allowed in ((sound_books, set()), (planted_breaks, {"lockstep.testing.sound_books"})):
        for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
                assert not [name for name in names if name.startswith("lockstep") and name not in allowed], names


def test_without_errors_every_side_tells_the_same_and_each_key_once() -> None:
    nothing = plant(BOOK, 0)
    for subject, sides in HAS.items():
        first, *others = ([*nothing.rows(subject, side)] for side in sides)
        assert len(first) == 600
        assert all(other == first for other in others)
        keys = Counter(row.uetr if subject == "trades" else (row.owner, row.account, row[3]) for row in first)
        assert set(keys.values()) == {1}


def test_a_side_that_does_not_know_a_subject_says_so() -> None:
    with pytest.raises(ValueError, match="rtgs has no positions"):
        next(plant(BOOK, 0).rows("positions", "rtgs"))


def test_the_sides_differ_where_the_record_says_and_nowhere_else() -> None:
    planted = plant(BOOK, 180)
    assert {(one.subject, one.error) for one in planted.planted} == {
        (subject, error) for subject, errors in CLASSES.items() for error in errors
    }
    for subject, sides in HAS.items():
        for side in sides:
            sound = Counter(BOOK.row(subject, number) for number in range(BOOK.rows))
            for one in (one for one in planted.planted if (one.subject, one.side) == (subject, side)):
                row = BOOK.row(subject, one.number)
                if one.error == "extra":
                    sound[row] += 1
                elif one.error == "duplicate":
                    sound[row._replace(reference=one.reference) if subject == "trades" else row] += 1
                else:
                    sound[row] -= 1
            told = Counter(planted.rows(subject, side))
            more, fewer = told - sound, sound - told
            assert not fewer
            wrong = [one for one in planted.planted if (one.subject, one.side) == (subject, side) and one.field]
            assert sum(more.values()) == len(wrong)
            for one in wrong:
                row = BOOK.row(subject, one.number)
                (now,) = (
                    other
                    for other in more
                    if planted_breaks._key(other) == one.key  # a key is the row's whatever else is wrong with it
                )
                different = {name for name in row._fields if getattr(row, name) != getattr(now, name)}
                assert different == ({"status", "settled_at"} if one.error == "status" else {one.field})
                assert one.sound != one.planted


def test_a_seed_decides_everything_and_another_decides_otherwise() -> None:
    assert plant(BOOK, 40) == plant(BOOK, 40)
    assert plant(BOOK, 40).planted != plant(SoundBook(rows=600, seed=8, parties=20), 40).planted


def test_errors_of_a_timing_are_on_another_business_day() -> None:
    for one in plant(BOOK, 180).planted:
        if one.error in ("timing", "late"):
            assert one.sound[:10] == "2026-11-23"
            assert date.fromisoformat(one.planted[:10]).weekday() < 5
            assert one.planted[:10] > one.sound[:10]
    assert business_day(date(2026, 11, 20), 1) == date(2026, 11, 23)
    assert business_day(date(2026, 11, 23), -2) == date(2026, 11, 19)


def test_more_errors_than_rows_and_sides_without_a_subject_are_refused() -> None:
    with pytest.raises(ValueError, match="errors in 3 trades"):
        plant(SoundBook(rows=3), 18)
    with pytest.raises(ValueError, match="has positions"):
        plant(BOOK, 18, sides=["rtgs"])


@pytest.mark.parametrize("with_ids", [True, False])
def test_the_legacy_files_are_read_row_by_row(tmp_path: Path, *, with_ids: bool) -> None:
    planted = plant(BOOK, 90, sides=["legacy"])
    planted.write_legacy(tmp_path, with_ids=with_ids)
    planted.write_record(tmp_path / "planted.jsonl")
    record = [json.loads(line) for line in (tmp_path / "planted.jsonl").read_text().splitlines()]
    assert len(record) == 90
    for subject, reader in (("trades", read_trades), ("positions", read_positions), ("cash", read_cash)):
        counts = Counter(one["error"] for one in record if one["subject"] == subject)
        found = {}
        for name in (subject, f"{subject}-late"):
            with (tmp_path / f"{name}.csv").open("rb") as file:
                found[name] = [*reader(file)]
            assert not [row for row in found[name] if isinstance(row, BadRow)]
        day = 600 - counts["missing"] - counts["late"] + counts["extra"] + counts["duplicate"]
        assert (len(found[subject]), len(found[f"{subject}-late"])) == (day, counts["late"])
        if subject == "trades":
            assert {row.uetr is not None for row in found[subject]} == {with_ids}
            told = {row.reference: row.cash.amount for row in found[subject]}
            for one in record:
                if one["subject"] == "trades" and one["field"] == "amount":
                    assert told[one["reference"]] == int(one["planted"])


def test_columns_hold_what_rows_tell_also_over_several_blocks() -> None:
    book = SoundBook(rows=5_000, seed=2, parties=30)
    told: dict[str, list[tuple[object, ...]]] = {subject: [] for subject in CLASSES}
    for subject, seen in told.items():
        for first, of in book.columns(subject):
            assert first == len(seen)
            seen += zip(*of.values(), strict=True)
        assert len(seen) == 5_000
    for number in (0, 1, 4_095, 4_096, 4_999):
        trade, columns = book.row("trades", number), told["trades"][number]
        deliverer, receiver, security, quantity, amount, currency, settled, high, low = columns
        assert (trade.deliverer, trade.receiver) == (lei(deliverer), lei(receiver))
        assert (trade.isin, trade.quantity, trade.amount) == (isin(security), quantity, amount)
        assert trade.currency == ("EUR", "USD", "GBP", "CHF")[currency]
        assert (trade.settled_at - trade.settled_at.replace(hour=7, minute=0, second=0)).seconds == settled
        assert UUID(trade.uetr).int == (high << 64) + low and UUID(trade.uetr).version == 4
        assert book.row("positions", number).quantity == told["positions"][number][0]
        assert book.row("cash", number).balance == told["cash"][number][0]


def test_wrong_rows_are_those_of_the_record() -> None:
    planted = plant(BOOK, 90)
    for subject, sides in HAS.items():
        for side in sides:
            numbers, rows = planted.wrong(subject, side)
            mine = [one for one in planted.planted if (one.subject, one.side) == (subject, side)]
            assert list(numbers) == sorted(one.number for one in mine)
            sound = Counter(BOOK.row(subject, number) for number in range(BOOK.rows) if number not in numbers)
            assert sound + Counter(rows) == Counter(planted.rows(subject, side))
