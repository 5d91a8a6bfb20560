"""A legacy book beside its mirror: what its own UETRs and references are called in the other books."""

from datetime import UTC, date, datetime
from pathlib import Path

from lockstep.app.parallel_week.book import MirroredBook
from lockstep.app.parallel_week.files import Place
from lockstep.domain.identifiers import Reference
from lockstep.domain.money import Money, Quantity
from lockstep.domain.reconciliation.books import Book, Key, LineStatus, Subject
from lockstep.domain.trade import Trade, TradeState, TradeTerms
from lockstep.ports import Change
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import BOND, BUYER, SELLER, FakeClock, example_market

DAY, NINE = date(2026, 3, 2), datetime(2026, 3, 2, 9, tzinfo=UTC)
INSTRUCTED = "reference,uetr,deliverer,receiver,isin,quantity,amount,currency,trade_date,settlement_date,instructed_at"
TOLD = "reference,uetr,deliverer,receiver,isin,quantity,amount,currency,settlement_date,status,settled_at"
THEIRS = [f"7a562c67-ca16-48ba-b074-65581be6f00{number}" for number in range(4)]


def trade(number: int) -> Trade:
    terms = TradeTerms(
        deliverer=SELLER.lei,
        receiver=BUYER.lei,
        deliverer_reference=Reference(f"CSD-{number}"),
        receiver_reference=Reference(f"CSD-{number}"),
        isin=BOND,
        quantity=Quantity.parse(f"{1000 + 100 * number}"),
        cash=Money.parse(f"{990 + 99 * number}.00", "EUR"),
        settlement_date=DAY,
        salt=f"{number:032x}",
    )
    return Trade(trade_id=terms.trade_id, terms=terms, state=TradeState.MATCHED, matched_at=NINE)


def row(number: int, *, uetr: str = "", quantity: str = "", reference: str = "") -> str:
    terms = f"{SELLER.lei},{BUYER.lei},{BOND},{quantity or 1000 + 100 * number},{990 + 99 * number}.00,EUR"
    return f"{reference or f'CSD-{number}'},{uetr},{terms},2026-03-02,settled,2026-03-02T11:00:00Z"


def folder(root: Path, *rows: str) -> Path:
    day = root / DAY.isoformat()
    day.mkdir(parents=True)
    given = [
        f"CSD-{number},{THEIRS[number]},{SELLER.lei},{BUYER.lei},{BOND},{1000 + 100 * number},"
        f"{990 + 99 * number}.00,EUR,2026-03-02,2026-03-02,2026-03-02T08:00:00Z"
        for number in range(3)
    ]
    (day / "instructions.csv").write_text("\n".join([INSTRUCTED, *given, ""]))
    (day / "trades.csv").write_text("\n".join([TOLD, *rows, ""]))
    return root


def test_their_uetr_their_unreadable_row_and_their_nameless_row_are_our_trades(tmp_path: Path) -> None:
    ours = [trade(number) for number in range(3)]
    database = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    records = SqlBook(database, clock=FakeClock(NINE))
    records.commit(Change(trades=tuple(ours)))
    rows = [
        row(0, uetr=THEIRS[0]),
        row(1, uetr=THEIRS[1], quantity="l00"),
        row(2),
        row(7, uetr=THEIRS[3], reference="X-9"),
    ]
    book = MirroredBook(folder(tmp_path, *rows), example_market(), records)
    said = book(DAY, (), ())
    keys = [Key.trade(one.trade_id) for one in ours]
    lines = {one.key: one for one in said.lines}
    assert set(lines) == {keys[0], keys[2], Key.trade(THEIRS[3])}
    assert (lines[keys[0]].quantity, lines[keys[0]].amount, lines[keys[0]].status) == (
        100_000,
        99_000,
        LineStatus.SETTLED,
    )
    assert "by terms" in lines[keys[2]].origin
    assert [*said.set_apart] == [(Book.LEGACY, keys[1])]
    assert said.spoke == {Subject.TRADE}
    assert set(said.silent) == {Subject.POSITION, Subject.CASH}
    assert len(said.told) == 1 and said.told[0].startswith("set apart: 2026-03-02/trades.csv: line 3: quantity: 'l00'")
    names = {one: book.place(Book.LEGACY, one) for one in (*keys, Key.trade(THEIRS[3]))}
    assert [one.name for one in names.values()] == ["CSD-0", "CSD-1", "CSD-2", "X-9"]
    database.dispose()
    assert book.place(Book.CHAIN, Key.position(SELLER.lei, BOND)) == Place(
        book="chain", subject="position", name=f"{SELLER.lei}|{BOND}"
    )
