"""A legacy book's folder as lines, and every error planted in four books found under the class that was planted."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import BinaryIO

import pytest

from lockstep.app import legacy_books
from lockstep.app.legacy_books import LegacyBook, days_of, read_legacy_book
from lockstep.domain.legacy import BadRow, LegacyRow
from lockstep.domain.legacy_lines import LegacyProfile, OurTrade
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.differences import BreakClass
from lockstep.domain.reconciliation.rules import Rule, RuleBook
from lockstep.flow.comparing import Comparison, Run, compare
from lockstep.testing.planted_breaks import Planted, PlantedBook, Row, SoundBook, plant

DAY, NEXT_DAY = date(2026, 11, 23), date(2026, 11, 24)
BOOK = SoundBook(rows=400, seed=5, parties=20)
SUBJECTS = {"trades": Subject.TRADE, "positions": Subject.POSITION, "cash": Subject.CASH}
SPOKE = {
    Subject.TRADE: frozenset(Book),
    Subject.POSITION: frozenset(Book) - {Book.RTGS},
    Subject.CASH: frozenset(Book) - {Book.CHAIN},
}
AT_ONCE = RuleBook(rules=(Rule(name="no patience", subject=Subject.TRADE, patience_days=0),))
PROFILE = LegacyProfile(by_account=frozenset({Subject.CASH}))


def line(side: str, row: Row) -> Line:
    """A planted row as another book would tell it, by hand."""
    of = row._asdict()
    if "uetr" in of:
        return Line(
            book=Book(side),
            key=Key.trade(row.uetr),
            quantity=row.quantity,
            amount=row.amount,
            instrument=row.isin,
            currency=row.currency,
            deliverer=row.deliverer,
            receiver=row.receiver,
            status={"settled": LineStatus.SETTLED, "cancelled": LineStatus.ENDED}.get(row.status, LineStatus.OPEN),
            day=row.settled_at.date() if row.settled_at else row.settlement_date,
            at=row.reported_at if row.settled_at else None,
        )
    if "isin" in of:
        key = Key.position(row.owner, row.isin)
        return Line(book=Book(side), key=key, quantity=row.quantity, at=row.reported_at)
    return Line(book=Book(side), key=Key.cash(row.account, row.currency), amount=row.balance, at=row.reported_at)


def others(planted: PlantedBook) -> list[Line]:
    sides = {"trades": ("chain", "rtgs", "service"), "positions": ("chain", "service"), "cash": ("rtgs", "service")}
    return [line(side, row) for subject, of in sides.items() for side in of for row in planted.rows(subject, side)]


def trades_of(planted: PlantedBook) -> list[OurTrade]:
    """What the service knows: terms with their agreed day."""
    rows = planted.rows("trades", "service")
    made = (OurTrade.of(line("service", row._replace(settled_at=None)), uetr=row.uetr) for row in rows)
    return [one for one in made if one is not None]


def compared(planted: PlantedBook, legacy: LegacyBook) -> Comparison:
    run = Run(
        day=NEXT_DAY,
        at=datetime.combine(NEXT_DAY, time(18), tzinfo=UTC),
        spoke=SPOKE,
        set_apart=legacy.set_apart,
    )
    return compare([*others(planted), *legacy.lines], AT_ONCE, run)


def expected(planted: Iterable[Planted]) -> Counter[tuple[str, str, str]]:
    def key(one: Planted) -> str:
        owner_account_and = one.key
        if one.subject == "trades":
            return f"trade|{one.key[0]}"
        owner, account, instrument = owner_account_and
        return f"position|{owner}|{instrument}" if one.subject == "positions" else f"cash|{account}|{instrument}"

    return Counter((one.side, key(one), one.error) for one in planted)


def told(comparison: Comparison) -> Counter[tuple[str, str, str]]:
    return Counter((one.book.value, one.key.text(), one.break_class.value) for one in comparison.found)


def test_every_class_planted_in_any_book_is_found_as_that_class_and_nothing_else_is(tmp_path: Path) -> None:
    planted = plant(BOOK, 180)
    planted.write_legacy(tmp_path)
    legacy = read_legacy_book(tmp_path, DAY, profile=PROFILE)
    assert legacy.spoke == frozenset(Subject) and not legacy.apart and not legacy.refused
    found = compared(planted, legacy)
    assert told(found) == expected(planted.planted)
    assert {(SUBJECTS[one.subject], one.error) for one in planted.planted} == {
        (one.key.subject, one.break_class.value) for one in found.found
    }


def test_without_uetrs_trades_are_matched_and_the_same_is_found_under_their_own_references(tmp_path: Path) -> None:
    planted = plant(BOOK, 180, sides=("legacy",))
    planted.write_legacy(tmp_path, with_ids=False)
    legacy = read_legacy_book(tmp_path, DAY, profile=PROFILE, ours=trades_of(planted))
    wanted = Counter(
        (side, f"trade|legacy:TRADE-{number}" if kind == "extra" and key.startswith("trade") else key, kind)
        for (side, key, kind), number in zip(
            expected(planted.planted), (f"{one.number:010d}" for one in planted.planted), strict=True
        )
    )
    found = compared(planted, legacy)
    assert told(found) == wanted
    (amount, *_) = (
        one for one in found.found if one.key.subject is Subject.TRADE and one.break_class.value == "amount"
    )
    assert "matched by score: score 85" in amount.evidence[0].origin
    (twice, *_) = (one for one in found.found if one.key.reference and one.break_class is BreakClass.DUPLICATE)
    assert "told again; 2 of these terms, 1 of ours" in twice.evidence[1].origin


POSITIONS = "as_of,owner,account,isin,quantity\n"
LEI, ISIN = "529900T8BM49AURSDO55", "DE0001102580"
SOUND = f"{DAY},{LEI},A1,{ISIN},7\n"


def test_a_bad_row_below_a_header_in_quotation_marks_names_its_key(tmp_path: Path) -> None:
    header = ",".join(f'"{one}"' for one in POSITIONS.strip().split(","))
    (tmp_path / "positions.csv").write_text(f"{header}\n{DAY},{LEI},A1,{ISIN},seven\n")
    book = read_legacy_book(tmp_path, DAY)
    assert set(book.set_apart) == {(Book.LEGACY, Key.position(LEI, ISIN))}


def test_a_file_that_grows_while_it_is_read_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "positions.csv"
    path.write_text(POSITIONS + SOUND)
    name, reader = legacy_books.READERS[Subject.POSITION]

    def slow(source: BinaryIO) -> Iterator[LegacyRow | BadRow]:
        yield from reader(source)
        with path.open("a") as more:
            more.write(SOUND)

    monkeypatch.setattr(legacy_books, "READERS", {**legacy_books.READERS, Subject.POSITION: (name, slow)})
    book = read_legacy_book(tmp_path, DAY)
    assert book.lines == () and book.spoke == frozenset()
    assert "while it is read" in book.refused["positions.csv"]


def test_what_is_no_day_and_no_file_is_passed_over(tmp_path: Path) -> None:
    """One day cannot stand there twice under two forms of its date, and a folder is no statement."""
    for one in (f"{DAY}", f"{DAY:%Y%m%d}"):
        (tmp_path / one / "page.xml").mkdir(parents=True)
        (tmp_path / one / "positions.csv").write_text(POSITIONS + SOUND)
    assert list(days_of(tmp_path)) == [DAY]
    assert [one.quantity for one in read_legacy_book(tmp_path, DAY).lines] == [7]
