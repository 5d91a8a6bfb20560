"""Payments of income and of sales in the service's records: stored with their journal entry, under their version."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lockstep.domain.collateral.register import AgreementId, PledgeId
from lockstep.domain.errors import Conflict, InvalidInput
from lockstep.domain.identifiers import TradeId
from lockstep.domain.journal import Entry
from lockstep.domain.money import Money
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.domain.payment import CashAccount
from lockstep.domain.register_payment import PaymentStage, RegisterPayment
from lockstep.ports import Change
from lockstep.store import SqlBook, open_database
from lockstep.testing.fakes import BUYER, SELLER, key

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
INCOME = RegisterPayment(
    name="1a" * 32,
    agreement_id=AgreementId("5a" * 32),
    pledge_id=PledgeId("6a" * 32),
    amount=Money.parse("125.00", "EUR"),
    debtor=CashAccount(owner=BUYER.bic, number="ACC-BUYER"),
    creditor=CashAccount(owner=SELLER.bic, number="ACC-SELLER"),
    income_id="7a" * 32,
)
ORDER = Order(
    movement=Movement(
        token=key("bond").address,
        seller=key("register").address,
        buyer=key("buyer").address,
        quantity=5,
        epoch=1,
        nonce=2**61,
    ),
    terms=OrderTerms(trade_id=TradeId("8a" * 32), part=0, cash_hash="9a" * 32, lock_by=5, pay_by=9),
)
SALE = replace(INCOME, name="2a" * 32, income_id="", order=ORDER, salt="0b" * 16, attempt=1, pay_by=AT)


def change(*payments: RegisterPayment) -> Change:
    entries = tuple(Entry(at=AT, kind="taken", subject=one.name) for one in payments)
    return Change(entries=entries, payments=payments)


def test_both_kinds_are_stored_and_changed_under_their_versions(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'service.db'}")
    book = SqlBook(database)
    assert (book.register_payment(INCOME.name), book.register_payments()) == (None, [])
    book.commit(change(INCOME, SALE))
    assert book.register_payments() == [replace(INCOME, version=1), replace(SALE, version=1)]
    with pytest.raises(Conflict):
        book.commit(change(SALE))
    ended = replace(SALE, stage=PaymentStage.COUNTED, intents={"cash": AT}, version=1)
    book.commit(change(ended))
    assert SqlBook(database).register_payment(SALE.name) == replace(ended, version=2)
    assert book.open_register_payments() == [replace(INCOME, version=1)]
    assert [row.entry.kind for row in book.journal(SALE.name)] == ["taken", "taken"]
    database.dispose()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": Money(currency="EUR", amount=0)}, "payment/amount"),
        ({"order": ORDER}, "payment"),
        ({"income_id": ""}, "payment"),
        ({"attempt": 1}, "payment/attempt"),
        ({"pay_by": AT}, "payment/attempt"),
    ],
)
def test_what_is_no_payment_is_refused(changes: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        replace(INCOME, **changes)
    assert caught.value.field == field
