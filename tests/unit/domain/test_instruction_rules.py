"""What an instruction must be to be one."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, Isin, Lei, Reference
from lockstep.domain.instruction import Instruction, Party, QuantityType, Side
from lockstep.domain.money import Money, Quantity

SELLER = Party(lei=Lei("5493001KJTIIGC8Y1R12"), bic=Bic("FABLZZ2A"))
BUYER = Party(lei=Lei("529900T8BM49AURSDO55"), bic=Bic("UTOPZZ2A"))
DELIVERY = Instruction(
    reference=Reference("FABL-D-01"),
    side=Side.DELIVER,
    deliverer=SELLER,
    receiver=BUYER,
    isin=Isin("US0378331005"),
    quantity=Quantity.parse("100"),
    quantity_type=QuantityType.UNIT,
    cash=Money.parse("4230.00", "EUR"),
    trade_date=date(2026, 11, 19),
    settlement_date=date(2026, 11, 23),
)


def test_whose_it_is() -> None:
    assert (DELIVERY.owner, DELIVERY.counterparty) == (SELLER, BUYER)
    receipt = replace(DELIVERY, side=Side.RECEIVE)
    assert (receipt.owner, receipt.counterparty) == (BUYER, SELLER)


def test_sides() -> None:
    assert Side.DELIVER.other is Side.RECEIVE
    assert Side.RECEIVE.other is Side.DELIVER


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": Quantity.parse("0.01")},
        {"cash": Money.parse("0.01", "EUR")},
        {"settlement_date": DELIVERY.trade_date},
        {"receiver": Party(lei=BUYER.lei, bic=SELLER.bic)},
    ],
)
def test_just_inside_each_rule(changes: dict[str, Any]) -> None:
    assert replace(DELIVERY, **changes).reference == DELIVERY.reference


@pytest.mark.parametrize(
    ("changes", "field", "value", "rule"),
    [
        ({"quantity": Quantity.parse("0")}, "QtyAndAcctDtls/SttlmQty", "0", "greater than zero"),
        ({"quantity": Quantity(value=-1, scale=0)}, "QtyAndAcctDtls/SttlmQty", "-1", "greater than zero"),
        ({"cash": Money.parse("0", "EUR")}, "SttlmAmt/Amt", "0.00 EUR", "greater than zero: against payment only"),
        (
            {"cash": Money(currency="JPY", amount=-5)},
            "SttlmAmt/Amt",
            "-5 JPY",
            "greater than zero: against payment only",
        ),
        ({"settlement_date": date(2026, 11, 18)}, "TradDtls/SttlmDt", "2026-11-18", "not before the trade date"),
        (
            {"receiver": Party(lei=SELLER.lei, bic=BUYER.bic)},
            "RcvgSttlmPties/Pty1/LEI",
            SELLER.lei,
            "another party than the deliverer",
        ),
    ],
)
def test_just_outside_each_rule(changes: dict[str, Any], field: str, value: str, rule: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        replace(DELIVERY, **changes)
    assert (caught.value.field, caught.value.value, caught.value.rule) == (field, value, rule)
