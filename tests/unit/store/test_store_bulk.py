"""Many changes at once: each whole or not at all, the others stored; and what is read for many."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from store_cases import both, stored

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Conflict, InvalidInput, LeaseLost
from lockstep.domain.identifiers import Bic, Reference, SettlementId, Uetr
from lockstep.domain.instruction import CancellationRequest, Side
from lockstep.domain.journal import Entry
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.domain.payment import CashAccount, Payment, PaymentState
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow.matching import match
from lockstep.ports import Change, SentTransaction, StoredInstruction
from lockstep.store import SqlBook, SqlLeases, SqlTransactionLog, open_database
from lockstep.store.bulk import Statement, array
from lockstep.testing.fakes import (
    BUYER,
    MORNING,
    SALT_KEY,
    SELLER,
    SERVICE,
    FakeClock,
    example_market,
)
from stores import Store


def waiting(number: int, side: Side = Side.DELIVER, **changes: Any) -> StoredInstruction:
    return replace(stored(f"{side.value}-{number}", side), **changes)


def matched(number: int) -> Change:
    (change,) = match(both(number), example_market(), SALT_KEY, MORNING)
    return replace(change, outgoing=(), entries=(entry(f"matched {number}"),))


def trade_of(number: int) -> Trade:
    return matched(number).trades[0]


def entry(kind: str) -> Entry:
    return Entry(at=MORNING, kind=kind, subject="s", facts={"quoted": 'a "b" \\c, {d} €'})


def kinds(book: SqlBook) -> list[str]:
    return [row.entry.kind for row in book.journal()]


# --- writing


def test_one_bad_change_is_left_out_and_told(book: SqlBook) -> None:
    book.commit_all([Change(instructions=tuple(waiting(number, side) for side in Side)) for number in range(4)])
    cancelled = waiting(1, status="CANCELLED")
    book.commit(Change(instructions=(cancelled,)))
    changes = [replace(matched(number), seen=(("A", str(number), "h"),)) for number in range(4)]
    none, wrong, *fine = book.commit_all(changes)
    assert none is None and fine == [None, None]
    assert isinstance(wrong, Conflict)
    assert (wrong.kind, wrong.identifier) == ("instruction", f"{SELLER.lei}/DELI-1")
    assert [one.trade_id for one in book.trades()] == [trade_of(number).trade_id for number in (0, 2, 3)]
    assert kinds(book) == ["matched 0", "matched 2", "matched 3"]
    assert [book.seen("A", str(number)) for number in range(4)] == ["h", None, "h", "h"]
    statuses = {one.instruction.reference: one.status for one in book.instructions()}
    assert (statuses["DELI-1"], statuses["RECE-1"], statuses["RECE-2"]) == ("CANCELLED", "WAITING", "MATCHED")


def test_a_change_is_judged_after_those_before_it(book: SqlBook) -> None:
    trade = trade_of(0)
    steps = [
        replace(trade, version=version, state=state) for version, state in enumerate((trade.state, TradeState.LOCKED))
    ]
    late = replace(trade, version=1, state=TradeState.PAID)
    results = book.commit_all(
        [Change(trades=(one,), entries=(entry(one.state.value),)) for one in (*steps, late)]
        + [Change(instructions=(waiting(7),)), Change(instructions=(waiting(7, status="MATCHED"),))]
        + [Change(instructions=(waiting(7, status="CANCELLED"),))]
    )
    assert [type(one) for one in results] == [type(None), type(None), Conflict, type(None), type(None), Conflict]
    assert book.trade(trade.trade_id) == replace(trade, version=2, state=TradeState.LOCKED)
    assert kinds(book) == ["MATCHED", "LOCKED"]
    assert [one.status for one in book.instructions()] == ["MATCHED"]


def test_none_is_nothing(book: SqlBook) -> None:
    assert list(book.commit_all([])) == []
    assert kinds(book) == [] and book.cash_views([]) == book.trades_of([]) == book.instructions_of([]) == {}


def test_a_lost_lease_is_raised_as_a_whole(engine: Engine) -> None:
    clock = FakeClock(MORNING)
    leases = SqlLeases(engine, clock)
    lease = leases.claim("service", "one", 15)
    clock.advance(15)
    leases.claim("service", "other", 15)
    with pytest.raises(LeaseLost):
        SqlBook(engine, lease=lease).commit_all([matched(0), matched(1)])
    assert kinds(SqlBook(engine)) == []


def test_each_stored_change_is_told_after_all_are(engine: Engine) -> None:
    told: list[tuple[str, int]] = []
    reader = SqlBook(engine)
    book = SqlBook(engine, on_commit=lambda kind: told.append((kind, len(reader.journal()))))
    book.commit_all([matched(0), replace(matched(0), entries=(entry("again"),)), matched(1)])
    assert told == [("matched 0", 2), ("matched 1", 2)]


def test_the_chain_goes_through_a_batch(book: SqlBook) -> None:
    book.commit_all([matched(number) for number in range(3)])
    book.commit(Change(entries=(entry("a"), entry("b"))))
    previous = "0" * 64
    for number, row in enumerate(book.journal(), 1):
        one = row.entry
        content = [
            previous,
            number,
            one.at.isoformat(),
            one.kind,
            one.subject,
            [list(pair) for pair in one.facts.items()],
        ]
        previous = hashlib.sha256(json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()
        assert (row.number, row.hash) == (number, previous)
    assert number == 5


def test_two_who_make_the_same_at_once_make_one(fresh: Callable[[], str]) -> None:
    """On PostgreSQL both may judge before either has stored: who is second finds out, and judges again."""
    url = fresh()
    engines = [open_database(url) for _ in range(2)]
    books = [SqlBook(one) for one in engines]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda book: book.commit_all([matched(number) for number in range(50)]), books))
    for one, other in zip(*results, strict=True):
        assert sorted((one is None, other is None)) == [False, True]
        assert isinstance(one or other, Conflict)
    assert len(books[0].trades()) == len(books[0].journal()) == 50
    for engine in engines:
        engine.dispose()


# --- nonces


def test_reserved_nonces_are_nobody_elses(fresh: Callable[[], str]) -> None:
    url = fresh()
    engines = [open_database(url) for _ in range(2)]
    books = [SqlBook(one) for one in engines]
    with ThreadPoolExecutor(4) as pool:
        firsts = list(pool.map(lambda number: books[number % 2].reserve_nonces("0xs", 10, 3), range(20)))
    assert sorted(firsts) == list(range(10, 70, 3))
    assert books[0].next_order_nonce("0xs") == 70
    assert books[0].reserve_nonces("0xs", 100, 1) == 100 and books[1].reserve_nonces("0xs", 5, 2) == 101
    assert books[0].reserve_nonces("0xother", 0, 1) == 0
    with pytest.raises(InvalidInput, match=r"^count: '0' breaks the rule: at least 1$"):
        books[0].reserve_nonces("0xs", 0, 0)
    for engine in engines:
        engine.dispose()


def test_what_is_ordered_is_not_reserved_again(book: SqlBook) -> None:
    def ordered(number: int, nonce: int) -> Trade:
        movement = Movement(token="0xt", seller="0xs", buyer="0xb", quantity=1, epoch=1, nonce=nonce)
        terms = OrderTerms(trade_id=trade_of(number).trade_id, part=0, cash_hash="00" * 32, lock_by=1, pay_by=2)
        return replace(trade_of(number), order=Order(movement=movement, terms=terms))

    book.commit_all([Change(trades=(ordered(0, 7),)), Change(trades=(ordered(1, 3),))])
    assert book.next_order_nonce("0xs") == 8 and book.reserve_nonces("0xs", 0, 2) == 8
    book.commit(Change(trades=(ordered(2, 8),)))
    assert book.next_order_nonce("0xs") == 10, "never down"


# --- reading


def test_many_are_read_as_one_is(book: SqlBook) -> None:
    numbers = range(3)
    book.commit_all([Change(instructions=tuple(waiting(number, side) for side in Side)) for number in numbers])
    book.commit_all([matched(number) for number in numbers])
    ids = [trade_of(number).trade_id for number in numbers]
    views = [CashView(settlement_id=SettlementId(f"{number:064x}")) for number in numbers]
    book.commit(Change(cash=tuple(views)))
    assert book.trades_of([ids[0], ids[2], "ff" * 32]) == {ids[place]: book.trade(ids[place]) for place in (0, 2)}
    wanted = [view.settlement_id for view in views[1:]]
    assert book.cash_views([*wanted, SettlementId("ff" * 32)]) == {view.settlement_id: view for view in views[1:]}
    keys = [(SELLER.lei, Reference("DELI-0")), (BUYER.lei, Reference("RECE-1")), (SELLER.lei, Reference("RECE-1"))]
    assert book.instructions_of(keys) == {key: book.instruction(*key) for key in keys[:2]}
    wishes = [
        Message(
            sender=SELLER.bic,
            receiver=SERVICE,
            message_id=f"C-{place}",
            created=MORNING,
            body=CancellationRequest(reference=Reference(f"DELI-{number}"), side=Side.DELIVER, owner=SELLER),
        )
        for place, number in enumerate((1, 0, 1, 9))
    ]
    book.commit(Change(requests=tuple(wishes)))
    assert book.cancellations_of(ids) == {ids[0]: [wishes[1]], ids[1]: [wishes[0], wishes[2]], ids[2]: []}


def test_pages(book: SqlBook) -> None:
    book.commit_all([replace(match_told(number), entries=(entry(str(number)),)) for number in range(4)])
    told = book.undelivered()
    assert len(told) == 8
    assert list(book.undelivered(3)) == list(told[:3])
    assert list(book.undelivered(3, after=told[2].message_id)) == list(told[3:6])
    book.commit(Change(delivered=tuple(one.message_id for one in told[:6])))
    assert list(book.undelivered(3, after=told[2].message_id)) == list(told[6:])
    assert [row.number for row in book.journal("s", after=1, limit=2)] == [2, 3]
    assert [row.number for row in book.journal(limit=1)] == [1]
    last = book.last_said("s")
    assert last is not None and last.number == 4 and book.last_said("nobody") is None


def match_told(number: int) -> Change:
    (change,) = match(both(number), example_market(), SALT_KEY, MORNING)
    return change


def test_what_was_booked_on_an_account_in_a_time(book: SqlBook) -> None:
    accounts = [CashAccount(owner=Bic("BANKDEFF"), number=str(number)) for number in range(3)]

    def view(number: int, debtor: int, creditor: int, minutes: int, **changes: object) -> CashView:
        payment = Payment(
            uetr=Uetr("u"),
            instruction_id="i",
            end_to_end_id="e",
            amount=Money(currency="EUR", amount=1),
            settlement_date=MORNING.date(),
            debtor=accounts[debtor],
            creditor=accounts[creditor],
            settlement_id=SettlementId(f"{number:064x}"),
            salt="00" * 16,
            pay_by=MORNING,
        )
        at = MORNING + timedelta(minutes=minutes)
        booked = CashView(
            settlement_id=payment.settlement_id, state=PaymentState.BOOKED, payment=payment, booked_at=at, noticed_at=at
        )
        return replace(booked, **changes)

    views = [
        view(0, 0, 1, 0),
        view(1, 1, 0, 10),
        view(2, 1, 2, 5),
        view(3, 0, 2, 11),
        view(4, 0, 1, 5, noticed_at=None),
        view(5, 0, 1, 5, contradiction="two stories"),
        view(6, 0, 1, 5),
    ]
    trades = [replace(trade_of(number), settlement_id=views[number].settlement_id) for number in range(6)]
    book.commit_all([Change(trades=(trade,)) for trade in trades])
    book.commit(Change(cash=tuple(views)))
    found = book.booked(accounts[0], MORNING, MORNING + timedelta(minutes=10))
    assert sorted(found) == [views[0].settlement_id, views[1].settlement_id], "the last is no trade's"
    book.commit(Change(cash=(replace(views[0], contradiction="now two"),)))
    assert list(book.booked(accounts[0], MORNING, MORNING + timedelta(minutes=10))) == [views[1].settlement_id]


# --- the sender's memory


def test_many_transactions(engine: Engine) -> None:
    def sent(nonce: int, key: str, **changes: object) -> SentTransaction:
        return replace(SentTransaction(key=key, nonce=nonce, raw=bytes([nonce, 255]), hash=f"0x{nonce}"), **changes)

    log = SqlTransactionLog(engine)
    log.put_all([sent(1, "lock/a"), sent(0, "lock/b"), sent(2, "lock/a")])
    log.put_all([sent(1, "lock/a", status="mined", block=2**40, gas=3)])
    assert log.transactions_of(["lock/a", "lock/c"]) == {
        "lock/a": [sent(1, "lock/a", status="mined", block=2**40, gas=3), sent(2, "lock/a")],
    }
    assert log.unmined() == [sent(0, "lock/b"), sent(2, "lock/a")]
    assert log.from_nonce(1) == list(log.transactions("lock/a"))


# --- the statements themselves

HARD = [
    "",
    "plain",
    'a"b',
    "back\\slash",
    "{brace}",
    "comma, comma",
    "NULL",
    "null",
    "t",
    "€ü\U0001f511",
    "'; --",
    "\n\t ",
]


def test_arrays_carry_whatever_is_in_them(postgresql_server: Store) -> None:
    engine = open_database(postgresql_server.fresh())
    with engine.begin() as connection:
        for values, kind in (
            ([*HARD, None], "text"),
            ([0, -1, 2**62, None], "bigint"),
            ([True, False, None], "boolean"),
            ([b"", b"\x00\xff\\", None], "bytea"),
            ([], "text"),
        ):
            ((found,),) = Statement(f"SELECT ?::{kind}[]").rows(connection, array(values))
            assert found == values
    engine.dispose()


def test_seen_of_many(book: SqlBook) -> None:
    book.commit(Change(seen=(("A", "1", "x"), ("B", "1", "y"), ("B", "2", "z"))))
    assert book.seen_of([("A", "1"), ("A", "2"), ("B", "2")]) == {("A", "1"): "x", ("B", "2"): "z"}
    assert book.seen_of([]) == {}


def test_a_subject_has_no_number_of_what_was_not_stored(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers are remembered; one that was given in a transaction that failed may be another's by then."""

    def about(subject: str) -> Change:
        return Change(entries=(Entry(at=MORNING, kind=f"of {subject}", subject=subject),))

    def told(book: SqlBook) -> dict[str, list[str]]:
        return {one: [row.entry.kind for row in book.journal(one)] for one in ("first", "lost", "other")}

    one, two = SqlBook(engine), SqlBook(engine)
    one.commit(about("first"))
    real = SqlBook._append

    def broken(self: SqlBook, *given: Any) -> Any:
        real(self, *given)
        raise InvalidInput("disk", "full", "room for what is to be stored")

    with monkeypatch.context() as patched:
        patched.setattr(SqlBook, "_append", broken)
        with pytest.raises(InvalidInput):
            one.commit(about("lost"))
    two.commit(about("other"))
    for book in (one, two, one):
        book.commit_all([about("lost"), about("first")])
    assert told(one) == told(two) == {"first": ["of first"] * 4, "lost": ["of lost"] * 3, "other": ["of other"]}


def test_every_letter_is_hashed_as_python_writes_json(book: SqlBook) -> None:
    letters = "".join(chr(one) for one in range(1, 0x110000) if not 0xD800 <= one < 0xE000)
    book.commit(Change(entries=(Entry(at=MORNING, kind="k", subject="s", facts={"f": letters, "a": letters}),)))
    (row,) = book.journal()
    said = ["0" * 64, 1, MORNING.isoformat(), "k", "s", [["a", letters], ["f", letters]]]
    body = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
    assert row.hash == hashlib.sha256(body).hexdigest() and row.entry.facts == {"a": letters, "f": letters}


def test_what_is_no_text_is_not_stored(book: SqlBook) -> None:
    with pytest.raises(UnicodeEncodeError):
        book.commit(Change(entries=(Entry(at=MORNING, kind="k", subject="s", facts={"f": "\ud800"}),)))
    assert list(book.journal()) == []


def test_texts_come_back_as_they_were(book: SqlBook) -> None:
    entries = [Entry(at=MORNING, kind=text_, subject=text_, facts={text_: text_}) for text_ in HARD]
    book.commit(Change(entries=tuple(entries), seen=tuple((one, one, one) for one in HARD)))
    assert [row.entry for row in book.journal()] == entries
    for one in HARD:
        assert [row.entry.kind for row in book.journal(one)] == [one] and book.seen(one, one) == one
