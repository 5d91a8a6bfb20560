"""The trade's identity: what is hashed, byte for byte, and that every term counts."""

import hashlib
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest

from lockstep.domain.identifiers import Isin, Lei, Reference
from lockstep.domain.money import Money, Quantity
from lockstep.domain.trade import TradeTerms

TERMS = TradeTerms(
    deliverer=Lei("5493001KJTIIGC8Y1R12"),
    receiver=Lei("529900T8BM49AURSDO55"),
    deliverer_reference=Reference("FABL-D-01"),
    receiver_reference=Reference("UTOP-R-01"),
    isin=Isin("US0378331005"),
    quantity=Quantity.parse("640250.50"),
    cash=Money.parse("638649.8", "EUR"),
    settlement_date=date(2026, 11, 23),
    salt="000102030405060708090a0b0c0d0e0f",
)
CANONICAL = b"""\
deliverer=5493001KJTIIGC8Y1R12
receiver=529900T8BM49AURSDO55
deliverer_reference=FABL-D-01
receiver_reference=UTOP-R-01
isin=US0378331005
quantity=640250.5
cash=638649.80
currency=EUR
settlement_date=2026-11-23
salt=000102030405060708090a0b0c0d0e0f
"""
CHANGES: dict[str, Any] = {
    "deliverer": Lei("HWUPKR0MPOU8FGXBT394"),
    "receiver": Lei("HWUPKR0MPOU8FGXBT394"),
    "deliverer_reference": Reference("FABL-D-02"),
    "receiver_reference": Reference("UTOP-R-02"),
    "isin": Isin("DE000BAY0017"),
    "quantity": Quantity.parse("640250.51"),
    "cash": Money.parse("638649.81", "EUR"),
    "settlement_date": date(2026, 11, 24),
    "salt": "000102030405060708090a0b0c0d0e10",
}


def test_canonical_terms() -> None:
    assert TERMS.canonical() == CANONICAL


def test_trade_id() -> None:
    assert TERMS.trade_id == hashlib.sha256(CANONICAL).hexdigest()


def test_yen_have_no_decimals() -> None:
    terms = replace(TERMS, cash=Money.parse("498750000", "JPY"))
    assert b"\ncash=498750000\ncurrency=JPY\n" in terms.canonical()


@pytest.mark.parametrize("written", ["640250.5", "640250.50", "0640250.500"])
def test_the_same_quantity_written_otherwise_is_the_same_trade(written: str) -> None:
    assert replace(TERMS, quantity=Quantity.parse(written)).trade_id == TERMS.trade_id


def test_every_term_is_changed_below() -> None:
    assert set(CHANGES) == {field.name for field in fields(TradeTerms)}


@pytest.mark.parametrize("term", CHANGES)
def test_every_term_counts(term: str) -> None:
    assert replace(TERMS, **{term: CHANGES[term]}).trade_id != TERMS.trade_id


def test_the_currency_counts() -> None:
    """100 yen and 1.00 euro are the same number of minor units."""
    yen = replace(TERMS, cash=Money(currency="JPY", amount=100))
    euro = replace(TERMS, cash=Money(currency="EUR", amount=100))
    dollar = replace(TERMS, cash=Money(currency="USD", amount=100))
    assert len({yen.trade_id, euro.trade_id, dollar.trade_id}) == 3


def test_sides_exchanged_are_another_trade() -> None:
    turned = replace(TERMS, deliverer=TERMS.receiver, receiver=TERMS.deliverer)
    assert turned.trade_id != TERMS.trade_id
