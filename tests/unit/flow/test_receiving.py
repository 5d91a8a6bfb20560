"""What comes in from participants: taken, answered, or refused by field, value and rule."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flow_cases import DELIVER, MARKET, MORNING, RECEIVE, said

from lockstep.domain.errors import Conflict, InvalidInput, Refused
from lockstep.domain.identifiers import Bic, Isin, Lei, Reference
from lockstep.domain.instruction import (
    CancellationAdvice,
    CancellationRequest,
    CancellationStatus,
    Party,
    QuantityType,
    Side,
)
from lockstep.domain.money import Money, Quantity
from lockstep.domain.trade import Trade, TradeState
from lockstep.flow.matching import match
from lockstep.flow.receiving import receive
from lockstep.ports import Change
from lockstep.testing.fakes import BUYER, DAY, SALT_KEY, SELLER, FakeBook

ASK_DELIVER = CancellationRequest(reference=Reference("D-1"), side=Side.DELIVER, owner=SELLER)
ASK_RECEIVE = CancellationRequest(reference=Reference("R-1"), side=Side.RECEIVE, owner=BUYER)


def take(book: FakeBook, body: Any, message_id: str, content: str = "a", **changes: Any) -> Change:
    change = receive(book, MARKET, said(body, message_id, **changes), content, MORNING)
    book.commit(change)
    return change


@pytest.fixture
def book() -> FakeBook:
    return FakeBook()


@pytest.fixture
def instructed(book: FakeBook) -> FakeBook:
    take(book, DELIVER, "M-1")
    return book


@pytest.fixture
def matched(instructed: FakeBook) -> FakeBook:
    take(instructed, RECEIVE, "M-2")
    for change in match(instructed.waiting(), MARKET, SALT_KEY, MORNING):
        instructed.commit(change)
    return instructed


def the_trade(book: FakeBook) -> Trade:
    (trade,) = book.trades()
    return trade


def answers(change: Change) -> list[tuple[CancellationStatus, str | None, str]]:
    bodies = [message.body for message in change.outgoing]
    return [(one.status, one.reason_code, one.request_id) for one in bodies if isinstance(one, CancellationAdvice)]


def test_instruction(book: FakeBook) -> None:
    change = take(book, DELIVER, "M-1")
    assert [entry.kind for entry in change.entries] == ["instructed"]
    assert change.seen == ((SELLER.bic, "M-1", "a"),)
    kept = book.instruction(SELLER.lei, DELIVER.reference)
    assert kept is not None and (kept.status, kept.instruction, kept.message_id) == ("WAITING", DELIVER, "M-1")
    assert not change.outgoing, "that it is accepted is told with its first matching status"


def told(change: Change) -> list[tuple[str, str]]:
    return [(type(one.body).__name__, one.body.status.name) for one in change.outgoing if hasattr(one.body, "status")]


@pytest.mark.parametrize("looked_at", [False, True])
def test_who_cancels_before_the_first_look_is_told_of_the_acceptance_too(instructed: FakeBook, looked_at: bool) -> None:
    if looked_at:
        (change,) = match(instructed.waiting(), MARKET, SALT_KEY, MORNING)
        instructed.commit(change)
        assert told(change) == [("StatusAdvice", "UNMATCHED")]
    ended = [("CancellationAdvice", "CANCELLED"), ("StatusAdvice", "CANCELLED")]
    accepted = [] if looked_at else [("StatusAdvice", "ACCEPTED")]
    change = take(instructed, ASK_DELIVER, "C-1")
    assert told(change) == [*accepted, *ended]
    assert {one.receiver for one in change.outgoing} == {SELLER.bic}


def test_who_cancels_while_it_is_looked_at_is_told_of_the_acceptance_too(instructed: FakeBook) -> None:
    (look,) = match(instructed.waiting(), MARKET, SALT_KEY, MORNING)
    change = take(instructed, ASK_DELIVER, "C-1")
    with pytest.raises(Conflict):
        instructed.commit(look)
    assert [message.message_id for message in instructed.undelivered()] == [one.message_id for one in change.outgoing]
    assert told(change)[0] == ("StatusAdvice", "ACCEPTED") and told(change)[-1] == ("StatusAdvice", "CANCELLED")


def test_the_same_again(instructed: FakeBook) -> None:
    change = take(instructed, DELIVER, "M-1")
    assert [entry.kind for entry in change.entries] == ["duplicate"]
    assert replace(change, entries=()) == Change()


def test_the_same_id_with_other_content(instructed: FakeBook) -> None:
    with pytest.raises(Conflict) as caught:
        take(instructed, DELIVER, "M-1", content="b")
    assert (caught.value.kind, caught.value.identifier) == ("message", f"{SELLER.bic}/M-1")


def test_the_same_reference_under_another_id(instructed: FakeBook) -> None:
    with pytest.raises(Conflict) as caught:
        take(instructed, replace(DELIVER, cash=Money.parse("1", "EUR")), "M-9")
    assert (caught.value.kind, caught.value.identifier) == ("instruction", f"{SELLER.lei}/D-1")
    assert take(instructed, replace(DELIVER, reference=Reference("D-2")), "M-9").instructions


def test_ids_are_each_senders_own(instructed: FakeBook) -> None:
    assert take(instructed, RECEIVE, "M-1", content="b").instructions


STRANGER = Party(lei=Lei("213800D1EI4B9WTWWD28"), bic=Bic("EVILZZ2A"))


@pytest.mark.parametrize(
    ("body", "message", "field", "value", "rule"),
    [
        (DELIVER, {"receiver": Bic("ELSEZZ2A")}, "AppHdr/To", "ELSEZZ2A", f"{MARKET.service}, this service"),
        (DELIVER, {"sender": BUYER.bic}, "AppHdr/Fr", BUYER.bic, f"{SELLER.bic}, who owns the instruction"),
        (
            replace(DELIVER, receiver=STRANGER),
            {},
            "RcvgSttlmPties/Pty1/LEI",
            STRANGER.lei,
            "the LEI of a participant",
        ),
        (
            replace(DELIVER, receiver=Party(lei=BUYER.lei, bic=STRANGER.bic)),
            {},
            "RcvgSttlmPties/Pty1/Id/AnyBIC",
            STRANGER.bic,
            f"{BUYER.bic}, the BIC of LEI {BUYER.lei}",
        ),
        (
            replace(DELIVER, isin=Isin("US0378331005")),
            {},
            "FinInstrmId/ISIN",
            "US0378331005",
            "a security that is settled here",
        ),
        (
            replace(DELIVER, quantity=Quantity.parse("10.001")),
            {},
            "QtyAndAcctDtls/SttlmQty",
            "10.001",
            "at most 2 decimals for this security",
        ),
        (
            replace(DELIVER, quantity_type=QuantityType.UNIT),
            {},
            "QtyAndAcctDtls/SttlmQty/Qty",
            "Unit",
            "FaceAmt for this security",
        ),
        (
            replace(DELIVER, cash=Money.parse("1", "JPY")),
            {},
            "SttlmAmt/Amt/@Ccy",
            "JPY",
            f"a currency in which {SELLER.bic} has an account",
        ),
        (
            replace(DELIVER, trade_date=DAY - timedelta(days=2), settlement_date=DAY - timedelta(days=1)),
            {},
            "TradDtls/SttlmDt",
            "2026-11-22",
            "not before 2026-11-23",
        ),
    ],
)
def test_refused_by_field_value_and_rule(
    book: FakeBook, body: Any, message: dict[str, Any], field: str, value: str, rule: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        take(book, body, "M-1", **message)
    assert (caught.value.field, caught.value.value, caught.value.rule) == (field, value, rule)
    assert take(book, DELIVER, "M-1").instructions, "a refused message spends no id"


def test_the_currency_of_the_security(book: FakeBook) -> None:
    members = {
        lei: replace(member, accounts={**member.accounts, "USD": f"USD-{member.bic}"})
        for lei, member in MARKET.participants.items()
    }
    market = replace(MARKET, participants=members)
    body = replace(DELIVER, cash=Money.parse("1", "USD"))
    with pytest.raises(InvalidInput) as caught:
        receive(book, market, said(body, "M-1"), "a", MORNING)
    error = caught.value
    assert (error.field, error.value, error.rule) == ("SttlmAmt/Amt/@Ccy", "USD", "EUR for this security")


def test_today_is_early_enough(book: FakeBook) -> None:
    assert receive(book, MARKET, said(DELIVER, "M-1"), "a", MORNING.replace(hour=23)).instructions


# --- cancellations


@pytest.mark.parametrize(
    ("body", "field", "value", "rule"),
    [
        (
            replace(ASK_DELIVER, reference=Reference("D-9")),
            "AcctOwnrTxId",
            "D-9",
            f"a reference that {SELLER.lei} has instructed",
        ),
        (ASK_RECEIVE, "AcctOwnrTxId", "R-1", f"a reference that {BUYER.lei} has instructed"),
        (replace(ASK_DELIVER, side=Side.RECEIVE), "SctiesMvmntTp", "RECE", "DELI, as instructed"),
    ],
)
def test_cancellation_of_nothing(instructed: FakeBook, body: Any, field: str, value: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        take(instructed, body, "C-1")
    assert (caught.value.field, caught.value.value, caught.value.rule) == (field, value, rule)


@pytest.mark.parametrize("stage", ["instructed", "matched"])
def test_nobody_cancels_for_another(stage: str, request: pytest.FixtureRequest) -> None:
    """I11: the LEI of one party with the BIC of another speaks for neither."""
    book = request.getfixturevalue(stage)
    mixed = replace(ASK_DELIVER, owner=Party(lei=SELLER.lei, bic=BUYER.bic))
    with pytest.raises(InvalidInput) as caught:
        take(book, mixed, "C-1")
    error = caught.value
    assert (error.field, error.value) == ("AcctOwnr/Id/AnyBIC", BUYER.bic)
    assert error.rule == f"{SELLER.bic}, the BIC of LEI {SELLER.lei}"


def test_cancellation_before_any_match(instructed: FakeBook) -> None:
    change = take(instructed, ASK_DELIVER, "C-1")
    assert [one.status for one in change.instructions] == ["CANCELLED"]
    assert answers(change) == [(CancellationStatus.CANCELLED, None, "C-1")]
    assert instructed.waiting() == []
    with pytest.raises(Refused) as caught:
        take(instructed, ASK_DELIVER, "C-2")
    assert (caught.value.name, caught.value.details) == (
        "InstructionEnded",
        {"reference": "D-1", "actual": "CANCELLED"},
    )
    again = take(instructed, ASK_DELIVER, "C-1")
    assert [entry.kind for entry in again.entries] == ["duplicate"]


def test_one_party_alone_cancels_nothing(matched: FakeBook) -> None:
    change = take(matched, ASK_DELIVER, "C-1")
    assert answers(change) == [(CancellationStatus.PENDING, "CONF", "C-1")]
    assert the_trade(matched).cancel_asked == {Side.DELIVER}
    change = take(matched, ASK_DELIVER, "C-2")
    assert answers(change) == [(CancellationStatus.PENDING, "CONF", "C-2")], "asking twice is still one party"
    assert not the_trade(matched).cancel_agreed


@pytest.mark.parametrize("state", [TradeState.MATCHED, TradeState.LOCKED, TradeState.EARMARKED])
def test_both_parties_ask(matched: FakeBook, state: TradeState) -> None:
    matched.commit(Change(trades=(replace(the_trade(matched), state=state),)))
    take(matched, ASK_DELIVER, "C-1")
    change = take(matched, ASK_RECEIVE, "C-2")
    assert answers(change) == [(CancellationStatus.PENDING, "ADEA", "C-2")]
    trade = the_trade(matched)
    assert trade.cancel_agreed and trade.state is state, "a request for the outcome never, not a release"
    assert [one.message_id for one in matched.cancellations(trade.trade_id)] == ["C-1", "C-2"]


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        (TradeState.PAID, CancellationStatus.DENIED, "DSET"),
        (TradeState.SETTLED, CancellationStatus.DENIED, "DSET"),
        (TradeState.RELEASED, CancellationStatus.CANCELLED, None),
        (TradeState.CANCELLED, CancellationStatus.CANCELLED, None),
    ],
)
def test_cancellation_after_the_end(
    matched: FakeBook, state: TradeState, status: CancellationStatus, code: str | None
) -> None:
    before = replace(the_trade(matched), state=state)
    matched.commit(Change(trades=(before,)))
    change = take(matched, ASK_DELIVER, "C-1")
    assert answers(change) == [(status, code, "C-1")]
    assert change.trades == () and the_trade(matched).cancel_asked == frozenset()


@pytest.mark.parametrize(("ahead", "taken"), [(366, True), (367, False), (2_900_000, False)])
def test_settlement_dates_have_a_horizon(book: FakeBook, ahead: int, taken: bool) -> None:
    """Finding 7: a date at the end of time is nobody's wish, and dates are counted with."""
    wanted = replace(DELIVER, settlement_date=DAY + timedelta(days=ahead))
    if taken:
        take(book, wanted, "M-1")
        return
    with pytest.raises(InvalidInput) as caught:
        take(book, wanted, "M-1")
    assert (caught.value.field, caught.value.rule) == ("TradDtls/SttlmDt", "at most 366 days ahead")
    assert book.instructions() == []
