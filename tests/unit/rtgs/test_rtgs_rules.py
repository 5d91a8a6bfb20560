"""Why a payment is refused: the code, the words, the tombstone; and what the tables themselves refuse."""

from datetime import timedelta

import pytest
from rtgs_world import (
    AGENTS,
    BUYER,
    BUYER_ACCOUNT,
    DAY,
    PAY_BY,
    RTGS,
    SELLER,
    SELLER_ACCOUNT,
    SERVICE,
    World,
    euro,
    payment,
)
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

from lockstep.domain.errors import Conflict, InvalidInput, Refused
from lockstep.domain.identifiers import Bic
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, Payment, PaymentReport
from lockstep.rtgs import Role

TOMORROW = DAY + timedelta(days=1)
LIMITED = CashAccount(owner=BUYER, number="LIMITED-EUR")

REFUSALS: dict[str, tuple[Payment, str, str]] = {
    "no such debtor account": (payment(debtor=CashAccount(owner=BUYER, number="NONE")), "AC02", "DbtrAcct: NONE"),
    "another's debtor account": (payment(debtor=CashAccount(owner=SELLER, number="BUYER-EUR")), "AC02", SELLER),
    "the central bank's": (payment(debtor=CashAccount(owner=RTGS, number="CENTRAL-BANK-EUR")), "AC02", "CENTRAL"),
    "to the central bank": (payment(creditor=CashAccount(owner=RTGS, number="CENTRAL-BANK-EUR")), "AC03", "CENTRAL"),
    "no such creditor account": (payment(creditor=CashAccount(owner=SELLER, number="X")), "AC03", "CdtrAcct: X"),
    "another's creditor account": (payment(creditor=CashAccount(owner=BUYER, number="SELLER-EUR")), "AC03", BUYER),
    "to itself": (payment(creditor=BUYER_ACCOUNT), "AC03", "another account"),
    "another currency": (payment(amount=Money(currency="JPY", amount=5)), "CURR", "JPY"),
    "no mandate for this payee": (payment(debtor=LIMITED), "MD01", "mandate for this sender and payee"),
    "a mandate that has ended": (payment(debtor=SELLER_ACCOUNT, creditor=BUYER_ACCOUNT), "MD01", "2026-11-19"),
    "above the maximum": (payment(cents=1_000_001), "AM14", "1000000 minor units"),
    "another day": (payment(settlement_date=TOMORROW, pay_by=PAY_BY + timedelta(days=1)), "DT01", "2026-11-20"),
    "too late": (payment(pay_by=PAY_BY - timedelta(hours=5)), "TM01", "11:00:00"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_a_refused_payment_is_answered_and_buried(world: World, why: str) -> None:
    refused, code, words = REFUSALS[why]
    desk = world.rtgs.operator
    desk.open_account(BUYER, LIMITED.number, "EUR")
    desk.set_mandate(LIMITED.number, euro(1_000_000), DAY, payee="ANOTHER")
    desk.set_mandate(LIMITED.number, euro(1_000_000), DAY, instructing=Bic("RIVLDEFFXXX"))
    desk.set_mandate(BUYER_ACCOUNT.number, euro(1_000_000), TOMORROW)
    desk.set_mandate(SELLER_ACCOUNT.number, euro(1_000_000), DAY - timedelta(days=1))
    assert world.say(refused) == ["REJECTED"]
    (report,) = world.bodies(AGENTS[2])
    assert isinstance(report, PaymentReport)
    assert report.reason is not None
    assert (report.reason_code, report.payment) == (code, refused)
    assert words in report.reason
    assert world.buried(refused)
    assert world.money() == (15_000, 0)
    # never is final: corrected, under another UETR, it is refused all the same
    assert world.say(payment(attempt=2)) == ["REJECTED"]
    assert world.rtgs.operator.payments()[-1].reason_code == "ED05"
    assert world.say(payment(2)) == ["HELD"]


def test_a_mandate_for_this_payee_and_sender_serves(world: World) -> None:
    desk = world.rtgs.operator
    desk.set_mandate(BUYER_ACCOUNT.number, euro(0), DAY)
    desk.set_mandate(BUYER_ACCOUNT.number, euro(10_000), DAY, payee=SELLER_ACCOUNT.number, instructing=SERVICE)
    assert world.say(payment()) == ["HELD"]
    stored, mandate = world.rtgs.facts().payments[0], world.rtgs.facts().mandates[-1]
    assert stored.mandate == mandate.number
    assert (mandate.payee, mandate.instructing, mandate.maximum) == ("SELLER-EUR", SERVICE, euro(10_000))


def test_no_payment_without_an_open_day(world: World) -> None:
    desk = world.rtgs.operator
    desk.close_day()
    assert world.say(payment()) == ["REJECTED"]
    assert desk.payments()[0].reason_code == "ED06"
    desk.set_mandate(BUYER_ACCOUNT.number, euro(1_000_000), TOMORROW)
    desk.open_day(TOMORROW)
    assert world.say(payment(2, settlement_date=TOMORROW, pay_by=PAY_BY + timedelta(days=1))) == ["HELD"]


def test_days_go_forward(world: World) -> None:
    desk = world.rtgs.operator
    desk.open_day(DAY)
    with pytest.raises(Refused, match="DayOpen"):
        desk.open_day(TOMORROW)
    desk.close_day()
    for day in (DAY, DAY - timedelta(days=1)):
        with pytest.raises(Refused, match="DayClosed"):
            desk.open_day(day)
    assert desk.business_day() is None


def test_funds_are_booked_once(world: World) -> None:
    desk = world.rtgs.operator
    number = desk.fund(BUYER_ACCOUNT.number, euro(100), "one")
    assert desk.fund(BUYER_ACCOUNT.number, euro(100), "one") == number
    with pytest.raises(Conflict):
        desk.fund(BUYER_ACCOUNT.number, euro(101), "one")
    assert world.money() == (15_100, 0)
    assert sum(account.posted for account in desk.accounts()) == 0
    assert [posting.number for posting in desk.postings(after=number - 1)] == [number]


@pytest.mark.parametrize(
    ("account", "amount", "field"),
    [
        ("BUYER-EUR", Money(currency="JPY", amount=1), "amount/@Ccy"),
        ("BUYER-EUR", euro(0), "amount"),
        ("BUYER-EUR", euro(10**18), "amount"),
        ("NONE", euro(1), "account"),
        ("CENTRAL-BANK-EUR", euro(1), "account"),
    ],
)
def test_bad_funds_are_refused(world: World, account: str, amount: Money, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        world.rtgs.operator.fund(account, amount, "bad")
    assert refused.value.field == field
    assert world.money() == (15_000, 0)


def test_an_account_belongs_to_one_owner(world: World) -> None:
    world.rtgs.operator.open_account(BUYER, "BUYER-EUR", "EUR")
    for owner, currency in ((SELLER, "EUR"), (BUYER, "JPY")):
        with pytest.raises(Conflict):
            world.rtgs.operator.open_account(owner, "BUYER-EUR", currency)


def test_keys_are_kept_as_hashes_and_belong_to_one(world: World) -> None:
    desk = world.rtgs.operator
    assert world.rtgs.sender_of(f"{SERVICE}-secret-key") == SERVICE
    assert world.rtgs.sender_of("another-secret-key") is None
    with pytest.raises(Conflict):
        desk.register_party(BUYER, Role.PARTICIPANT, f"{SERVICE}-secret-key")
    with pytest.raises(InvalidInput, match="16 characters"):
        desk.register_party(BUYER, Role.PARTICIPANT, "short")
    stored = [str(row) for row in _rows(world, "SELECT * FROM parties")]
    assert not any("secret-key" in row for row in stored)


def _rows(world: World, statement: str) -> list[object]:
    engine = create_engine(world.url)
    try:
        with engine.begin() as connection:
            result = connection.execute(text(statement))
            return list(result) if result.returns_rows else []
    finally:
        engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO endings SELECT settlement_id, 'NEVER', uetr, ended_at, 'X' FROM endings",
        "DELETE FROM endings",
        "UPDATE endings SET ending = 'NEVER'",
        "UPDATE postings SET amount = 1",
        "DELETE FROM postings",
        "UPDATE outbox SET sequence = sequence + 100",
        "UPDATE payments SET settlement_id = (SELECT settlement_id FROM payments WHERE state = 'BOOKED')",
        "UPDATE payments SET decided_at = pay_by + 1 WHERE state = 'BOOKED'",
        "UPDATE payments SET mandate = NULL",
        "UPDATE accounts SET posted = earmarked - 1 WHERE account = 'BUYER-EUR'",
        "UPDATE accounts SET earmarked = posted + 1 WHERE account = 'BUYER-EUR'",
        "UPDATE accounts SET earmarked = -1 WHERE account = 'BUYER-EUR'",
        "INSERT INTO releases SELECT * FROM releases",
        "UPDATE settings SET quorum = 0",
    ],
)
def test_the_tables_refuse_what_must_never_be(world: World, statement: str) -> None:
    """Even past the code: one ending per settlement, nothing below zero, nothing rewritten."""
    booked, held = payment(1, 1_000), payment(2, 1_000)
    world.say(booked)
    world.say(held)
    world.release(booked, 0, 1, 2)
    before = world.rtgs.facts()
    with pytest.raises(IntegrityError):
        _rows(world, statement)
    assert world.rtgs.facts() == before
