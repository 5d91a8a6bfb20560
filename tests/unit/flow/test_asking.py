"""When to ask a silent RTGS, and what a statement says of settlements."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flow_cases import LATER, ORDERED, PAYMENT, SETTLEMENT, notice, report

from lockstep.domain.cash import CashView
from lockstep.domain.money import Money
from lockstep.domain.payment import BookingNotice, PaymentState
from lockstep.domain.statement import Entry, Statement
from lockstep.domain.transfer import StatusRequest
from lockstep.flow.asking import begun_at, due, half_told, is_open
from lockstep.flow.mirroring import fold, missing_in, said_by

BOOKED = fold(fold(None, report(PaymentState.BOOKED)), notice())


def statement(*entries: Entry) -> Statement:
    total = sum(one.signed for one in entries)
    return Statement(
        statement_id="S",
        sequence=1,
        account=PAYMENT.debtor,
        since=LATER - timedelta(hours=1),
        until=LATER + timedelta(hours=1),
        opening=Money(currency="EUR", amount=0),
        closing=Money(currency="EUR", amount=total),
        entries=entries,
    )


ENTRY = Entry(
    posting=1,
    amount=PAYMENT.amount,
    credit=False,
    booked_at=LATER,
    uetr=PAYMENT.uetr,
    settlement_id=SETTLEMENT,
    salt=PAYMENT.salt,
)
FUNDING = Entry(posting=2, amount=PAYMENT.amount, credit=True, booked_at=LATER)


@pytest.mark.parametrize(
    ("last_minutes", "now_minutes", "expected"),
    [
        (None, 4, False),
        (None, 5, True),
        (5, 9, False),
        (5, 10, True),
        (10, 19, False),
        (10, 20, True),
        (20, 34, False),
        (20, 35, True),
        (300, 314, False),
        (300, 315, True),
    ],
)
def test_waits_double_up_to_a_quarter_of_an_hour(last_minutes: int | None, now_minutes: int, expected: bool) -> None:
    last = None if last_minutes is None else LATER + timedelta(minutes=last_minutes)
    assert due(LATER, last, LATER + timedelta(minutes=now_minutes)) is expected


def test_what_is_open_and_what_is_half_told() -> None:
    reported, noticed = fold(None, report(PaymentState.BOOKED)), fold(None, notice())
    assert [is_open(one) for one in (None, reported, noticed, BOOKED)] == [True, True, True, False]
    assert [half_told(one) for one in (None, reported, noticed, BOOKED)] == [False, True, True, False]
    refused = fold(None, report(PaymentState.REJECTED, reason_code="TM01", reason="late"))
    assert not is_open(refused) and not half_told(refused)
    assert not is_open(fold(BOOKED, report(PaymentState.REJECTED)))


def test_an_entry_says_what_its_notice_says() -> None:
    (said,) = said_by(statement(ENTRY, FUNDING))
    assert isinstance(said, BookingNotice)
    reported = fold(None, report(PaymentState.BOOKED))
    assert fold(reported, said) == fold(reported, notice()) == BOOKED
    wrong = replace(ENTRY, amount=Money(currency="EUR", amount=ENTRY.amount.amount + 1))
    (said,) = said_by(statement(wrong))
    assert fold(reported, said).contradiction is not None
    assert said_by(StatusRequest(uetr=PAYMENT.uetr)) == ()
    assert said_by(notice()) == (notice(),)


def test_a_booking_that_a_statement_lacks() -> None:
    assert missing_in(statement(ENTRY), [BOOKED]) == []
    assert missing_in(statement(FUNDING), [BOOKED]) == [BOOKED]
    assert missing_in(replace(statement(FUNDING), is_last=False), [BOOKED]) == []
    earlier = replace(statement(), until=LATER - timedelta(minutes=1))
    assert missing_in(earlier, [BOOKED]) == []
    assert missing_in(statement(), [CashView(settlement_id=SETTLEMENT)]) == []


def test_what_the_rtgs_told_half_of_is_asked_for_also_by_records_that_lost_the_request() -> None:
    """Else one false word, heard after a restored backup, is waited on for ever."""
    half = fold(None, report(PaymentState.BOOKED))
    assert half_told(half) and "cash" not in ORDERED.intents
    assert begun_at(ORDERED, half, doubted=False) == ORDERED.matched_at
    assert begun_at(ORDERED, None, doubted=False) is None, "nobody asked for a payment"
    assert begun_at(ORDERED, BOOKED, doubted=False) is None, "its end is told"
    asked = replace(ORDERED, intents={"cash": LATER})
    assert begun_at(asked, half, doubted=False) == LATER
