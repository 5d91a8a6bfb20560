"""One suite for every `ports.Book`: in memory, on SQLite and on PostgreSQL."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Conflict
from lockstep.domain.identifiers import Reference, SettlementId
from lockstep.domain.instruction import AdviceStatus, CancellationRequest, Instruction, Side, StatusAdvice
from lockstep.domain.journal import Entry
from lockstep.domain.message import Message
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import Reason, Trade, TradeState
from lockstep.flow.matching import match
from lockstep.flow.receiving import receive
from lockstep.ports import Book, Change, StoredInstruction, Unclaimed
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import (
    BUYER,
    MORNING,
    SELLER,
    SERVICE,
    FakeBook,
    example_instruction,
    example_market,
)

MARKET = example_market()
DELIVER, RECEIVE = example_instruction(Side.DELIVER, "D-1"), example_instruction(Side.RECEIVE, "R-1")
Make = Callable[..., Book]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    engines = []

    def on_database(**hooks: Any) -> Book:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path}/{len(engines)}.db"
        else:
            url = request.getfixturevalue("postgresql_server").fresh()
        engines.append(open_database(url))
        return SqlBook(engines[-1], **hooks)

    yield FakeBook if request.param == "memory" else on_database
    for engine in engines:
        engine.dispose()


@pytest.fixture
def book(make: Make) -> Book:
    return make()


def stored(instruction: Instruction, **changes: Any) -> StoredInstruction:
    kept = StoredInstruction(
        message_id=f"M-{instruction.reference}",
        content_hash="0" * 64,
        instruction=instruction,
        status="WAITING",
        received_at=MORNING,
    )
    return replace(kept, **changes)


def matched(seed: str = "") -> Change:
    (change,) = match([stored(DELIVER), stored(RECEIVE)], MARKET, (seed or "salt key").encode(), MORNING)
    return change


def a_trade(seed: str = "") -> Trade:
    return matched(seed).trades[0]


def entry(kind: str, subject: str = "s", **facts: str) -> Entry:
    return Entry(at=MORNING, kind=kind, subject=subject, facts=facts)


def advice(message_id: str) -> Message[Any]:
    body = StatusAdvice(reference=DELIVER.reference, side=Side.DELIVER, status=AdviceStatus.ACCEPTED)
    return Message(sender=SERVICE, receiver=SELLER.bic, message_id=message_id, created=MORNING, body=body)


def wish(reference: str, message_id: str, side: Side = Side.DELIVER) -> Message[CancellationRequest]:
    owner = SELLER if side is Side.DELIVER else BUYER
    body = CancellationRequest(reference=Reference(reference), side=side, owner=owner)
    return Message(sender=owner.bic, receiver=SERVICE, message_id=message_id, created=MORNING, body=body)


def ordered(trade: Trade, seller: str, nonce: int) -> Trade:
    movement = Movement(token="0xt", seller=seller, buyer="0xb", quantity=1, epoch=1, nonce=nonce)
    terms = OrderTerms(trade_id=trade.trade_id, part=0, cash_hash="00" * 32, lock_by=1, pay_by=2)
    return replace(trade, order=Order(movement=movement, terms=terms), settlement_id=SettlementId("ab" * 32))


def everything(book: Book) -> list[Any]:
    """All that a book shows."""
    return [
        list(book.instructions()),
        list(book.trades()),
        list(book.waiting()),
        list(book.undelivered()),
        list(book.journal()),
        book.cash_cursor(),
        book.cash_view(SettlementId("ab" * 32)),
        book.seen("A", "1"),
        book.next_order_nonce("0xseller"),
    ]


def test_empty(book: Book) -> None:
    assert everything(book) == [[], [], [], [], [], 0, None, None, 0]
    assert book.trade(a_trade().trade_id) is None and book.instruction(SELLER.lei, DELIVER.reference) is None
    assert list(book.open_trades()) == [] and list(book.cancellations(a_trade().trade_id)) == []


def test_instructions(book: Book) -> None:
    one, two = stored(DELIVER), stored(RECEIVE)
    book.commit(Change(instructions=(one, two)))
    assert list(book.instructions()) == list(book.waiting()) == [one, two]
    assert book.instruction(SELLER.lei, DELIVER.reference) == one
    assert book.instruction(BUYER.lei, DELIVER.reference) is None, "a reference is its party's own"
    told = replace(one, reason=Reason(code="CMIS", text="alone"))
    book.commit(Change(instructions=(told,)))
    assert list(book.waiting()) == [told, two], "the oldest stays first"
    book.commit(Change(instructions=(replace(told, status="CANCELLED"),)))
    assert list(book.waiting()) == [two] and len(book.instructions()) == 2


def test_trades(book: Book) -> None:
    first, second = a_trade("1"), a_trade("2")
    book.commit(Change(trades=(first,)))
    book.commit(Change(trades=(second,)))
    assert list(book.trades()) == [replace(first, version=1), replace(second, version=1)]
    for state, open_ in ((TradeState.LOCKED, True), (TradeState.PAID, True), (TradeState.SETTLED, False)):
        book.commit(Change(trades=(replace(book.trades()[0], state=state),)))
        assert (first.trade_id in [one.trade_id for one in book.open_trades()]) is open_
    kept = book.trade(first.trade_id)
    assert kept is not None and (kept.version, kept.state) == (4, TradeState.SETTLED)
    assert [one.trade_id for one in book.trades()] == [first.trade_id, second.trade_id]


@pytest.mark.parametrize("behind", [1, 2])
def test_version_conflict(book: Book, behind: int) -> None:
    trade = a_trade()
    for version in range(3):
        book.commit(Change(trades=(replace(trade, version=version),)))
    before = everything(book)
    late = replace(trade, version=3 - behind, state=TradeState.LOCKED)
    with pytest.raises(Conflict) as caught:
        book.commit(Change(entries=(entry("late"),), trades=(late,)))
    assert caught.value.kind == "trade version"
    assert caught.value.identifier == f"{trade.trade_id}/{3 - behind}"
    assert everything(book) == before


def test_a_new_trade_is_new_once(book: Book) -> None:
    book.commit(Change(trades=(a_trade(),)))
    before = everything(book)
    with pytest.raises(Conflict):
        book.commit(Change(entries=(entry("again"),), trades=(a_trade(),)))
    assert everything(book) == before


def test_a_trade_never_stored_has_no_later_version(book: Book) -> None:
    with pytest.raises(Conflict):
        book.commit(Change(trades=(replace(a_trade(), version=1),)))
    assert list(book.trades()) == []


def test_a_failing_change_leaves_nothing(book: Book) -> None:
    """The conflict comes last; what stands before it in the change is not stored either."""
    trade = a_trade()
    book.commit(Change(trades=(trade,), instructions=(stored(DELIVER),)))
    book.commit(Change(trades=(replace(trade, version=1),)))
    before = everything(book)
    change = Change(
        entries=(entry("one"), entry("two")),
        instructions=(stored(RECEIVE), stored(DELIVER, status="CANCELLED")),
        trades=(ordered(a_trade("2"), "0xseller", 4), replace(trade, version=1)),
        cash=(CashView(settlement_id=SettlementId("ab" * 32)),),
        cash_cursor=9,
        seen=(("A", "1", "hash"),),
        requests=(wish("D-1", "C-1"),),
        outgoing=(advice("O-1"),),
    )
    with pytest.raises(Conflict):
        book.commit(change)
    assert everything(book) == before
    assert list(book.cancellations(trade.trade_id)) == []
    book.commit(replace(change, trades=()))
    assert book.seen("A", "1") == "hash" and book.cash_cursor() == 9


# --- two processes over one book: what was decided on older records is not stored


def test_a_cancelled_instruction_is_not_matched(book: Book) -> None:
    book.commit(Change(instructions=(stored(DELIVER), stored(RECEIVE))))
    decided = matched()
    asked = receive(book, MARKET, wish("D-1", "C-1"), "hash", MORNING)
    book.commit(asked)
    before = everything(book)
    with pytest.raises(Conflict) as caught:
        book.commit(decided)
    assert (caught.value.kind, caught.value.identifier) == ("instruction", f"{SELLER.lei}/D-1")
    assert everything(book) == before and list(book.trades()) == []


def test_a_matched_instruction_is_not_cancelled_alone(book: Book) -> None:
    book.commit(Change(instructions=(stored(DELIVER), stored(RECEIVE))))
    asked = receive(book, MARKET, wish("D-1", "C-1"), "hash", MORNING)
    book.commit(matched())
    with pytest.raises(Conflict):
        book.commit(asked)
    assert {one.status for one in book.instructions()} == {"MATCHED"}


def test_nothing_is_matched_twice(book: Book) -> None:
    """I4: two services that matched the same two instructions make one trade."""
    book.commit(Change(instructions=(stored(DELIVER), stored(RECEIVE))))
    book.commit(matched("one service"))
    with pytest.raises(Conflict):
        book.commit(matched("another"))
    assert len(book.trades()) == 1


@pytest.mark.parametrize("status", ["WAITING", "MATCHED"])
def test_one_reference_is_instructed_once(book: Book, status: str) -> None:
    book.commit(Change(instructions=(stored(DELIVER, status=status),)))
    with pytest.raises(Conflict):
        book.commit(Change(instructions=(stored(DELIVER, message_id="M-other"),)))
    assert [one.status for one in book.instructions()] == [status]


# --- the rest of a change


def test_cash_mirror(book: Book) -> None:
    assert book.cash_cursor() == 0
    view = CashView(settlement_id=SettlementId("ab" * 32), state=PaymentState.HELD)
    book.commit(Change(cash=(view,), cash_cursor=7))
    assert book.cash_view(view.settlement_id) == view and book.cash_cursor() == 7
    later = replace(view, state=PaymentState.BOOKED, booked_at=MORNING)
    book.commit(Change(cash=(later,), cash_cursor=8))
    assert book.cash_view(view.settlement_id) == later and book.cash_cursor() == 8
    book.commit(Change(cash_cursor=0))
    assert book.cash_cursor() == 0, "a mailbox may be read again from the start"


def test_unclaimed_payments(book: Book) -> None:
    first, second, third = (
        Unclaimed(settlement_id=SettlementId(name * 32), salt=salt, due=MORNING + timedelta(minutes=minutes))
        for name, salt, minutes in (("ab", "x", 2), ("cd", "y", 1), ("ef", "x", 3))
    )
    book.commit(Change(unclaimed=(first, second)))
    book.commit(Change(unclaimed=(third,)))
    assert (sorted(book.unclaimed("x")), list(book.unclaimed("z"))) == (["ab" * 32, "ef" * 32], [])
    assert sorted(book.all_unclaimed(), key=lambda one: one.settlement_id) == [first, second, third]
    assert list(book.unclaimed_due(MORNING, 9)) == []
    assert list(book.unclaimed_due(MORNING + timedelta(minutes=2), 9)) == [second, first], "the one that was due first"
    assert list(book.unclaimed_due(MORNING + timedelta(days=1), 2)) == [second, first]
    book.commit(Change(unclaimed=(replace(second, due=None),), claimed=(first.settlement_id, SettlementId("99" * 32))))
    assert list(book.unclaimed_due(MORNING + timedelta(days=1), 9)) == [third]
    assert (list(book.unclaimed("x")), list(book.unclaimed("y"))) == (["ef" * 32], ["cd" * 32])


def test_a_wish_that_came_meanwhile_is_not_lost(book: Book) -> None:
    """Who matches an instruction as it read it, before its party asked to cancel, does not store that."""
    read = stored(DELIVER, late=MORNING)
    book.commit(Change(instructions=(read,)))
    asked = replace(read, cancellations=(wish("D-1", "C-1"),))
    book.commit(Change(instructions=(asked,)))
    for stale in (replace(read, status="MATCHED"), replace(asked, late=None)):
        with pytest.raises(Conflict):
            book.commit(Change(instructions=(stale,)))
    assert list(book.waiting()) == [asked]
    book.commit(Change(instructions=(replace(asked, status="MATCHED"),)))
    assert list(book.waiting()) == []


def test_seen(book: Book) -> None:
    book.commit(Change(seen=(("A", "1", "x"), ("B", "1", "y"))))
    assert [book.seen("A", "1"), book.seen("B", "1"), book.seen("A", "2")] == ["x", "y", None]


def test_order_nonces(book: Book) -> None:
    first, second = a_trade("1"), a_trade("2")
    book.commit(Change(trades=(ordered(first, "0xseller", 5),)))
    assert (book.next_order_nonce("0xseller"), book.next_order_nonce("0xother")) == (6, 0)
    book.commit(Change(trades=(ordered(second, "0xseller", 2),)))
    assert book.next_order_nonce("0xseller") == 6, "never down"
    lapsed = replace(book.trades()[0], order=None, settlement_id=None)
    book.commit(Change(trades=(lapsed,)))
    assert book.next_order_nonce("0xseller") == 6, "what was ordered once is not ordered again"


def test_cancellations(book: Book) -> None:
    book.commit(Change(instructions=(stored(DELIVER), stored(RECEIVE))))
    book.commit(matched())
    (trade,) = book.trades()
    requests = (wish("D-1", "C-1"), wish("R-1", "C-2", Side.RECEIVE), wish("D-9", "C-3"))
    for request in requests:
        book.commit(Change(requests=(request,)))
    assert list(book.cancellations(trade.trade_id)) == list(requests[:2])


def test_outgoing(book: Book) -> None:
    book.commit(Change(outgoing=(advice("O-1"), advice("O-2"))))
    book.commit(Change(outgoing=(replace(advice("O-1"), created=MORNING + timedelta(1)),)))
    assert list(book.undelivered()) == [advice("O-1"), advice("O-2")], "told twice is one message"
    book.commit(Change(delivered=("O-1",)))
    assert list(book.undelivered()) == [advice("O-2")]
    book.commit(Change(outgoing=(advice("O-1"),), delivered=("O-9",)))
    assert list(book.undelivered()) == [advice("O-2")], "and is not told again"


def test_every_kind_of_message(book: Book) -> None:
    """What receiving, matching and their answers make comes back as it was."""
    sent = []
    for body, message_id in ((DELIVER, "1"), (RECEIVE, "2"), (wish("D-1", "3").body, "3")):
        message = Message(sender=body.owner.bic, receiver=SERVICE, message_id=message_id, created=MORNING, body=body)
        change = receive(book, MARKET, message, "hash", MORNING)
        sent.extend(change.outgoing)
        book.commit(change)
    assert list(book.undelivered()) == sent
    assert {type(one.body).__name__ for one in sent} == {"StatusAdvice", "CancellationAdvice"}


def test_journal(book: Book) -> None:
    book.commit(Change(entries=(entry("a", "x", amount="1 €"), entry("b", "y"))))
    book.commit(Change(entries=(entry("c", "x"),)))
    rows = book.journal()
    assert [(row.number, row.entry.kind) for row in rows] == [(1, "a"), (2, "b"), (3, "c")]
    assert [row.number for row in book.journal("x")] == [1, 3]
    assert [row.number for row in book.journal("x", after=1)] == [3]
    assert [row.number for row in book.journal(after=2)] == [3] and list(book.journal("z")) == []
    assert rows[0].entry == entry("a", "x", amount="1 €")
    previous = "0" * 64
    for row in rows:  # the chain, written out from its documentation
        one = row.entry
        text = json.dumps(
            [previous, row.number, one.at.isoformat(), one.kind, one.subject, sorted(map(list, one.facts.items()))],
            separators=(",", ":"),
            ensure_ascii=False,
        )
        previous = hashlib.sha256(text.encode()).hexdigest()
        assert row.hash == previous


def test_told_after_each_commit(make: Make) -> None:
    told: list[str] = []
    book = make(on_commit=told.append)
    book.commit(Change(entries=(entry("a"), entry("b"))))
    book.commit(Change(delivered=("O",)))
    with pytest.raises(Conflict):
        book.commit(Change(entries=(entry("c"),), trades=(replace(a_trade(), version=3),)))
    assert told == ["b", "delivered"], "after what was stored, and only then"


def test_dead_after_the_commit_it_is_stored(make: Make) -> None:
    def die(_: str) -> None:
        raise KeyboardInterrupt

    book = make(on_commit=die)
    with pytest.raises(KeyboardInterrupt):
        book.commit(Change(entries=(entry("a"),), trades=(a_trade(),)))
    assert len(book.trades()) == len(book.journal()) == 1
