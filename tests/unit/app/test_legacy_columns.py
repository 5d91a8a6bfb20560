"""A legacy book as columns: the same lines, and the same rows set apart, as when it is read row by row."""

import random
from collections import Counter
from pathlib import Path

import pytest
from test_legacy_books import BOOK, DAY, PROFILE, SUBJECTS, trades_of

from lockstep.app.legacy_books import LegacyBook, read_legacy_book
from lockstep.domain.errors import InvalidInput
from lockstep.domain.legacy_lines import LegacyProfile, OurTrade
from lockstep.domain.reconciliation.books import Book, Line, Subject
from lockstep.domain.values import replace
from lockstep.testing.planted_breaks import plant
from lockstep.testing.sound_books import SoundBook, isin, lei

pytest.importorskip("polars")

from lockstep.analytics import book_files
from lockstep.analytics.book_columns import BookColumns, Names
from lockstep.app.legacy_columns import LegacyColumns, read_legacy_columns


def lines_of(book: BookColumns) -> list[Line]:
    rows = book.part(0)
    return [*book.odd, *(() if rows is None else book.lines(rows))]


def both(folder: Path, ours: list[OurTrade], profile: LegacyProfile = PROFILE) -> tuple[LegacyBook, LegacyColumns]:
    names, currencies = Names(), Names()
    service = BookColumns(Book.SERVICE, Subject.TRADE, names, currencies)
    service.add_lines(
        Line(
            book=Book.SERVICE,
            key=one.key,
            quantity=one.quantity.units(profile.decimals.get(one.isin, 0)),
            amount=one.cash.amount,
            currency=one.cash.currency,
            instrument=one.isin,
            deliverer=one.deliverer,
            receiver=one.receiver,
            day=one.settlement_date,
        )
        for one in ours
    )
    return (
        read_legacy_book(folder, DAY, profile=profile, ours=ours),
        read_legacy_columns(folder, DAY, names=names, currencies=currencies, profile=profile, ours=service),
    )


def assert_the_same(by_row: LegacyBook, by_column: LegacyColumns) -> None:
    """But for the words in which a match by terms is told."""
    assert by_row.spoke == frozenset(by_column.books)
    told = Counter(replace(one, origin=one.origin.partition(",")[0]) for one in by_row.lines)
    columns = (one for book in by_column.books.values() for one in lines_of(book))
    assert Counter(replace(one, origin=one.origin.partition(",")[0]) for one in columns) == told
    assert Counter(by_column.apart) == Counter(by_row.apart)
    assert by_column.digests == by_row.digests


@pytest.mark.parametrize("with_ids", [True, False])
def test_a_planted_book_is_the_same_in_columns(tmp_path: Path, *, with_ids: bool) -> None:
    planted = plant(BOOK, 180)
    planted.write_legacy(tmp_path, with_ids=with_ids)
    by_row, by_column = both(tmp_path, trades_of(planted))
    assert len(by_row.lines) > 1_200
    assert_the_same(by_row, by_column)


SPOIL = (
    lambda text: text[:-1],
    lambda text: f'"{text}"',
    lambda text: f'"{text}',
    lambda text: f" {text}",
    lambda text: "",
    lambda text: f"-{text}",
    lambda text: f"{text}0",
    lambda text: f"{text}.0",
    lambda text: f"{text}.123",
    lambda text: f"0{text}",
    lambda text: f"{text},",
    lambda text: "-0",
    lambda text: "9" * 18,
    lambda text: f"{'9' * 18}.99",
    lambda text: "2026-02-30",
    lambda text: "2026-1-2",
    lambda text: "1899-12-31",
    lambda text: "2026-11-23T14:30:00+02:00",
    lambda text: "2026-11-23T14:30:60Z",
    lambda text: "1901-11-23T14:30:00Z",
    lambda text: "9999-12-31T23:59:59-10:00",
    lambda text: "JPY",
    lambda text: "é",
    lambda text: "x" * 5_000,
    lambda text: lei(3),
    lambda text: isin(3),
    lambda text: "pending",
    lambda text: "settled",
    lambda text: "FaceAmt",
    lambda text: "a//b",
    lambda text: "/a",
)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_stands_in_a_row_it_means_the_same_in_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(book_files, "CHUNK", 3_000 + 997 * seed)
    dice = random.Random(seed)
    planted = plant(SoundBook(rows=120, seed=seed, parties=9), 54)
    planted.write_legacy(tmp_path, with_ids=bool(seed % 2))
    for path in sorted(tmp_path.iterdir()):
        lines = path.read_bytes().decode().splitlines()
        for number in range(1, len(lines)):
            if dice.random() < 0.4:
                cells = lines[number].split(",")
                place = dice.randrange(len(cells))
                spoilt = dice.choice(SPOIL)(cells[place])
                cells[place] = spoilt if "9999999" not in spoilt or "trades" in path.name else ""  # the test after this
                lines[number] = ",".join(cells)
            elif dice.random() < 0.05:
                lines[number] = dice.choice(("", lines[number] + "\r", "\x01", lines[number - 1]))
        data = "\n".join(lines).encode() + (b"\n" if seed else b"")
        path.write_bytes(data.replace(b"\n", b"\r\n") if seed == 4 else data)
    with (tmp_path / "cash.csv").open("ab") as file:
        file.write(b"\xff\xfe,not UTF-8\n" if seed == 5 else b"")
    profile = LegacyProfile(
        by_account=frozenset({Subject.CASH}) if seed % 3 else frozenset({Subject.POSITION}),
        decimals={isin(number): number % 3 for number in range(20)},
    )
    by_row, by_column = both(tmp_path, trades_of(planted), profile)
    assert len(by_row.apart) > 20
    assert_the_same(by_row, by_column)


def test_a_figure_for_which_columns_have_no_room_is_set_apart(tmp_path: Path) -> None:
    (tmp_path / "cash.csv").write_text(
        f"as_of,owner,account,currency,balance\n{DAY},{lei(1)},C-1,EUR,{'9' * 18}.99\n{DAY},{lei(1)},C-2,EUR,1.00\n"
    )
    by_row, by_column = both(tmp_path, [])
    assert [line.amount for line in by_row.lines] == [10**20 - 1, 100]
    assert [line.amount for line in lines_of(by_column.books[Subject.CASH])] == [100]
    (apart,) = by_column.apart
    assert (apart.row.line, apart.row.field, str(2**63 - 1) in apart.row.rule) == (2, "amount", True)


def test_accounts_of_one_owner_are_one_position_and_one_told_again_is_two(tmp_path: Path) -> None:
    rows = [("SAFE-1", 5), ("SAFE-2", 7), ("SAFE-1", 9)]
    text = "".join(f"{DAY},{lei(1)},{account},{isin(1)},{count}\n" for account, count in rows)
    (tmp_path / "positions.csv").write_text(f"as_of,owner,account,isin,quantity\n{text}")
    by_row, by_column = both(tmp_path, [])
    assert sorted(line.quantity or 0 for line in by_row.lines) == [9, 12]
    columns = lines_of(by_column.books[Subject.POSITION])
    assert sorted(line.quantity or 0 for line in columns) == [9, 12]
    assert {line.origin for line in by_row.lines} == {"positions.csv:2, positions.csv:3", "positions.csv:4"}


def test_a_file_that_is_refused_and_one_of_another_day_leave_the_book_silent(tmp_path: Path) -> None:
    plant(BOOK, 0).write_legacy(tmp_path)
    (tmp_path / "cash.csv").write_text("as_of,owner\n")
    positions = (tmp_path / "positions.csv").read_text().replace(f"{DAY},", "2026-11-20,")
    (tmp_path / "positions.csv").write_text(positions)
    by_row, by_column = both(tmp_path, [])
    assert by_row.spoke == frozenset(by_column.books) == {Subject.TRADE}
    assert "account" in by_row.refused["cash.csv"] and "account" in by_column.refused["cash"]
    assert "2026-11-20" in by_row.refused["positions.csv"] and "2026-11-20" in by_column.refused["positions"]
    assert {SUBJECTS["trades"]} == {line.key.subject for line in by_row.lines}


@pytest.mark.parametrize(
    "read", [read_legacy_book, lambda folder, day: read_legacy_columns(folder, day, names=Names(), currencies=Names())]
)
def test_a_folder_without_a_book_is_refused(tmp_path: Path, read: object) -> None:
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(InvalidInput, match="legacy"):
            read(folder, DAY)
