"""What is signed and paid for a trade is computed: the same trade gives the same bytes, for ever."""

from dataclasses import replace
from datetime import timedelta

import pytest
from flow_cases import MARKET, MATCHED, MORNING, ORDER, ORDERED, PAYMENT, SETTLEMENT, TERMS

from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import SettlementId, derive_message_id, derive_uetr
from lockstep.domain.money import Quantity
from lockstep.domain.payment import CancelPayment, Payment
from lockstep.flow.ordering import cancel_message, order_for, payment_for, payment_message
from lockstep.signing import cash_hash, check_order, settlement_id

NOW = int(MORNING.timestamp())


def test_the_order_is_the_terms() -> None:
    check_order(ORDER, TERMS, MARKET)
    assert (ORDER.movement.quantity, ORDER.movement.nonce, ORDER.movement.epoch) == (100_000, 0, 1)
    assert ORDER.terms.lock_by == NOW + MARKET.lock_within_seconds
    assert ORDER.terms.pay_by == int(MARKET.pay_by_on(TERMS.settlement_date).timestamp())
    assert order_for(MATCHED, MARKET, epoch=1, nonce=0, now=NOW) == ORDER


@pytest.mark.parametrize("changes", [{"nonce": 1}, {"epoch": 2}, {"now": NOW + 1}])
def test_another_attempt_is_another_settlement(changes: dict[str, int]) -> None:
    other = order_for(MATCHED, MARKET, **{"epoch": 1, "nonce": 0, "now": NOW, **changes})
    assert settlement_id(other, MARKET.network) != SETTLEMENT
    check_order(other, TERMS, MARKET)


@pytest.mark.parametrize("before", [0, 1, 3_599, 3_600, 7_200])
def test_no_lock_after_the_time_to_pay(before: int) -> None:
    pay_by = ORDER.terms.pay_by
    order = order_for(MATCHED, MARKET, epoch=1, nonce=0, now=pay_by - before)
    assert order.terms.lock_by == min(pay_by, pay_by - before + 3_600) <= order.terms.pay_by


def test_quantities_are_exact() -> None:
    fine = replace(MATCHED, terms=replace(TERMS, quantity=Quantity.parse("0.01")))
    assert order_for(fine, MARKET, epoch=1, nonce=0, now=NOW).movement.quantity == 1


def test_the_payment_is_what_both_signed() -> None:
    assert cash_hash(PAYMENT.salt, PAYMENT.amount, PAYMENT.debtor, PAYMENT.creditor) == ORDER.terms.cash_hash
    assert int(PAYMENT.pay_by.timestamp()) == ORDER.terms.pay_by
    assert (PAYMENT.settlement_id, PAYMENT.salt, PAYMENT.settlement_date) == (
        SETTLEMENT,
        TERMS.salt,
        TERMS.settlement_date,
    )
    assert PAYMENT.uetr == derive_uetr(SETTLEMENT, 1)
    assert PAYMENT.end_to_end_id == TERMS.receiver_reference


def test_no_payment_without_a_settlement() -> None:
    with pytest.raises(LockstepError) as caught:
        payment_for(MATCHED, MARKET)
    assert str(caught.value) == f"trade {MATCHED.trade_id} has no settlement yet"


def test_sent_again_it_is_the_same_message() -> None:
    """Whatever else became of the trade; only its settlement makes another payment of it."""
    grown = replace(ORDERED, version=7, attempt=3, seller_signature=b"x", intents={"cash": MORNING})
    for make in (payment_message, cancel_message):
        assert make(grown, MARKET, MORNING) == make(ORDERED, MARKET, MORNING)
        other = make(replace(ORDERED, settlement_id=SettlementId("cd" * 32)), MARKET, MORNING)
        assert other.message_id != make(ORDERED, MARKET, MORNING).message_id


def test_the_cancellation_names_the_payment() -> None:
    paid, wish = payment_message(ORDERED, MARKET, MORNING), cancel_message(ORDERED, MARKET, MORNING + timedelta(1))
    assert isinstance(paid.body, Payment) and isinstance(wish.body, CancelPayment)
    assert (paid.sender, paid.receiver) == (wish.sender, wish.receiver) == (MARKET.service, MARKET.rtgs)
    assert paid.message_id == derive_message_id(MARKET.service, SETTLEMENT, "pacs.009") != wish.message_id
    body = wish.body
    assert (body.uetr, body.original_message_id) == (paid.body.uetr, paid.message_id)
    assert (body.original_amount, body.original_settlement_date) == (paid.body.amount, paid.body.settlement_date)
    assert (body.settlement_id, body.salt) == (paid.body.settlement_id, paid.body.salt)
