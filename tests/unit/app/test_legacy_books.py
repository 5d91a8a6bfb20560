"""A legacy book's folder as lines, and every error planted in four books found under the class that was planted."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from lockstep.app.legacy_books import LegacyBook, read_legacy_book
from lockstep.domain.errors import InvalidInput
from lockstep.domain.legacy_lines import LegacyProfile, OurTrade
from lockstep.domain.money import Money, Quantity
from lockstep.domain.reconciliation.books import Book, Key, Line, LineStatus, Subject
from lockstep.domain.reconciliation.differences import BreakClass
from lockstep.domain.reconciliation.rules import Rule, RuleBook
from lockstep.domain.values import replace
from lockstep.flow.comparing import Comparison, Run, compare
from lockstep.testing.planted_breaks import Planted, PlantedBook, plant
from lockstep.testing.sound_books import Row, SoundBook, isin, lei

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


TRADES = "reference,uetr,deliverer,receiver,isin,quantity,amount,currency,settlement_date,status,settled_at\n"
UETRS = [f"d74d1753-a260-467a-9f5c-40b82dec13{number:02x}" for number in range(9)]


def trade_row(number: int, *, day: date = DAY, status: str = "settled", uetr: str = "", settled: str = "") -> str:
    moment = (settled or f"{day}T10:00:00Z") if status == "settled" else ""
    cells = (f"T-{number}", uetr, lei(1), lei(2), isin(1), "5", "10.00", "EUR", str(day), status, moment)
    return ",".join(cells) + "\n"


def test_of_a_folder_of_days_the_newest_row_of_a_reference_counts_and_no_later_day(tmp_path: Path) -> None:
    told_of = {
        "2026-11-20": trade_row(1, day=DAY, status="pending", uetr=UETRS[1]) + trade_row(2, uetr=UETRS[2]),
        "2026-11-23": trade_row(1, uetr=UETRS[1]),
        "2026-11-24": trade_row(2, status="cancelled", uetr=UETRS[2]),
    }
    for name, rows in told_of.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "trades.csv").write_text(TRADES + rows)
    (tmp_path / "notes").mkdir()
    book = read_legacy_book(tmp_path, DAY)
    assert {(one.key.reference, one.status, one.origin) for one in book.lines} == {
        (UETRS[1], LineStatus.SETTLED, "2026-11-23/trades.csv:2"),
        (UETRS[2], LineStatus.SETTLED, "2026-11-20/trades.csv:3"),
    }
    assert set(book.digests) == {"2026-11-20/trades.csv", "2026-11-23/trades.csv"}
    assert book.spoke == {Subject.TRADE}
    with pytest.raises(InvalidInput, match="2026-11-25"):
        read_legacy_book(tmp_path, date(2026, 11, 25))


def test_a_line_says_when_the_book_had_it_and_when_it_settled(tmp_path: Path) -> None:
    rows = (
        trade_row(1, uetr=UETRS[1], settled="2026-11-23T09:00:00Z"),
        trade_row(2, uetr=UETRS[2], settled="2026-11-24T09:00:00Z"),
        trade_row(3, uetr=UETRS[3], status="failing"),
    )
    (tmp_path / "trades.csv").write_text(TRADES + "".join(rows))
    (tmp_path / "trades-late.csv").write_text(TRADES + trade_row(4, uetr=UETRS[4]))
    book = read_legacy_book(tmp_path, DAY, profile=LegacyProfile(cut_off=time(17, 30)))
    moments = {one.key.reference: (one.day, one.at, one.status) for one in book.lines}
    assert moments == {
        UETRS[1]: (DAY, datetime(2026, 11, 23, 9, tzinfo=UTC), LineStatus.SETTLED),
        UETRS[2]: (NEXT_DAY, datetime(2026, 11, 23, 17, 30, tzinfo=UTC), LineStatus.SETTLED),
        UETRS[3]: (DAY, None, LineStatus.OPEN),
        UETRS[4]: (DAY, datetime(2026, 11, 24, 17, 30, tzinfo=UTC), LineStatus.SETTLED),
    }
    assert book.trades[Key.trade(UETRS[2])].settled_at == datetime(2026, 11, 24, 9, tzinfo=UTC)


def test_rows_set_apart_name_their_key_where_they_can(tmp_path: Path) -> None:
    good = trade_row(1, uetr=UETRS[1])
    bad = (
        trade_row(2, uetr=UETRS[2]).replace(",5,", ",five,"),
        trade_row(3).replace(",5,", ",five,"),
        trade_row(4, uetr=UETRS[4]).replace(",5,", ",5.25,"),
        trade_row(5, uetr="no-uetr"),
    )
    (tmp_path / "trades.csv").write_text(TRADES + good + "".join(bad))
    (tmp_path / "positions.csv").write_text(
        f"as_of,owner,account,isin,quantity\n{DAY},{lei(1)},A,{isin(1)},x\n{DAY},{lei(1)},A,{isin(2)},1\n"
        f"2026-11-20,{lei(1)},A,{isin(3)},1\n{DAY},nobody,A,{isin(4)},x\n"
    )
    book = read_legacy_book(tmp_path, DAY, profile=LegacyProfile(decimals={isin(1): 1}))
    apart = {(one.file, one.row.line, one.row.field): one.key for one in book.apart}
    assert apart == {
        ("trades.csv", 3, "quantity"): Key.trade(UETRS[2]),
        ("trades.csv", 4, "quantity"): None,
        ("trades.csv", 5, "quantity"): Key.trade(UETRS[4]),
        ("trades.csv", 6, "uetr"): None,
        ("positions.csv", 2, "quantity"): Key.position(lei(1), isin(1)),
        ("positions.csv", 4, "as_of"): Key.position(lei(1), isin(3)),
        ("positions.csv", 5, "owner"): None,
    }
    assert len(book.set_apart) == 4
    assert "five" in book.set_apart[Book.LEGACY, Key.trade(UETRS[2])]
    assert [one.quantity for one in book.lines] == [50, 1]
    assert book.spoke == {Subject.TRADE, Subject.POSITION}


def test_two_trades_of_the_same_terms_are_those_two_of_ours_in_their_order(tmp_path: Path) -> None:
    (tmp_path / "trades.csv").write_text(TRADES + trade_row(1, status="failing") + trade_row(2) + trade_row(3))
    mine = OurTrade(
        key=Key.trade(UETRS[1]),
        uetr=UETRS[1],
        deliverer=lei(1),
        receiver=lei(2),
        isin=isin(1),
        quantity=Quantity(value=5, scale=0),
        cash=Money(currency="EUR", amount=1_000),
        settlement_date=DAY,
    )
    other = replace(mine, key=Key.trade(UETRS[2]), uetr=UETRS[2])
    book = read_legacy_book(tmp_path, DAY, ours=[other, mine])
    told_of = {one.origin.partition(",")[0]: (one.key.reference, one.origin) for one in book.lines}
    assert [told_of[f"trades.csv:{number}"][0] for number in (3, 4, 2)] == [UETRS[1], UETRS[2], UETRS[2]]
    assert "told again; 3 of these terms, 2 of ours" in told_of["trades.csv:2"][1]


PAGE = """<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:semt.002.001.11"><SctiesBalCtdyRpt>
<Pgntn><PgNb>{page}</PgNb><LastPgInd>{last}</LastPgInd></Pgntn>
<StmtGnlDtls><StmtId>S-1</StmtId><StmtDtTm><Dt>2026-11-23</Dt></StmtDtTm><Frqcy><Cd>DAIL</Cd></Frqcy>
<UpdTp><Cd>COMP</Cd></UpdTp><StmtBsis><Cd>SETT</Cd></StmtBsis><ActvtyInd>true</ActvtyInd>
<SubAcctInd>false</SubAcctInd></StmtGnlDtls>
<AcctOwnr><Id><AnyBIC>BKAAZZ2A</AnyBIC></Id><LEI>{owner}</LEI></AcctOwnr><SfkpgAcct><Id>SAFE-1</Id></SfkpgAcct>
<BalForAcct><FinInstrmId><ISIN>{isin}</ISIN></FinInstrmId><AggtBal><ShrtLngInd>LONG</ShrtLngInd>
<Qty><Qty><Qty><Unit>{quantity}</Unit></Qty></Qty></Qty></AggtBal></BalForAcct>
</SctiesBalCtdyRpt></Document>
"""


def page(number: int, *, last: bool, quantity: str = "7") -> str:
    return PAGE.format(page=number, last=str(last).lower(), owner=lei(1), isin=isin(number), quantity=quantity)


@pytest.mark.parametrize(
    ("pages", "speaks"),
    [
        ({"a.xml": page(1, last=False), "b.xml": page(2, last=True)}, True),
        ({"a.xml": page(1, last=False)}, False),
        ({"b.xml": page(2, last=True)}, False),
        ({"a.xml": page(1, last=True), "b.xml": page(1, last=True)}, False),
        ({"a.xml": page(1, last=True), "b.xml": "<Document/>"}, False),
    ],
)
def test_a_statement_of_holdings_speaks_only_whole(tmp_path: Path, pages: dict[str, str], *, speaks: bool) -> None:
    for name, text in pages.items():
        (tmp_path / name).write_text(text)
    book = read_legacy_book(tmp_path, DAY)
    assert (Subject.POSITION in book.spoke, not book.refused) == (speaks, speaks)
    positions = {(one.key.text(), one.quantity) for one in book.lines}
    assert positions == ({(f"position|{lei(1)}|{isin(number)}", 7) for number in (1, 2)} if speaks else set())
    pytest.importorskip("polars")
    from lockstep.analytics.book_columns import Names
    from lockstep.app.legacy_columns import read_legacy_columns

    columns = read_legacy_columns(tmp_path, DAY, names=Names(), currencies=Names())
    assert (set(columns.books) == {Subject.POSITION}, not columns.refused) == (speaks, speaks)
    if speaks:
        rows = columns.books[Subject.POSITION].part(0)
        assert {(one.key.text(), one.quantity) for one in columns.books[Subject.POSITION].lines(rows)} == positions


@pytest.mark.parametrize(
    "make",
    [
        lambda: LegacyProfile(cut_off=time(18, tzinfo=UTC)),
        lambda: LegacyProfile(cut_off=time(18, microsecond=1)),
        lambda: LegacyProfile(by_account=frozenset({Subject.TRADE})),
    ],
)
def test_a_profile_that_means_nothing_is_refused(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidInput):
        make()
