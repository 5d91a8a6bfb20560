"""Acts are read back from their bytes as they were written; anything else is refused."""

from dataclasses import fields
from typing import get_args

import pytest

from lockstep.domain.collateral import calls
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import TradeId
from lockstep.domain.order import Movement, Order, OrderTerms
from lockstep.signing import call_bytes, checked_address, read_call
from lockstep.testing.fakes import key

ORDER = Order(
    movement=Movement(
        token=key("token").address,
        seller=key("seller").address,
        buyer=key("buyer").address,
        quantity=2**64 - 1,
        epoch=3,
        nonce=2**61 + 1,
    ),
    terms=OrderTerms(trade_id=TradeId("01" * 32), part=0, cash_hash="02" * 32, lock_by=5, pay_by=2**40 - 1),
)
VALUES = {
    "token": key("token").address,
    "quantity": 1_000,
    "new_quantity": 2**63,
    "amount": 7,
    "nonce": 2**255 + 9,
    "by": 1_800_000_000,
    "order": ORDER,
    "buyer_signature": bytes(range(65)),
}
EVERY = [
    kind(**{one.name: VALUES.get(one.name, f"{place + 10:02x}" * 32) for place, one in enumerate(fields(kind))})
    for kind in get_args(calls.Call)
]


@pytest.mark.parametrize("call", EVERY, ids=lambda call: type(call).__name__)
def test_every_act_is_read_back(call: calls.Call) -> None:
    data = call_bytes(call)
    assert read_call(data) == call
    for wrong in (data + bytes(32), data[:-1], data[:4], bytes(4) + data[4:], b""):
        with pytest.raises(InvalidInput) as caught:
            read_call(wrong)
        assert caught.value.field == "call"


def test_there_is_one_of_each() -> None:
    assert len(EVERY) == 18


def test_what_does_not_fit_its_type_is_refused() -> None:
    data = bytearray(call_bytes(calls.ReleaseCall(pledge_id="ab" * 32, quantity=5)))
    data[4 + 32] = 1  # a quantity above 64 bits
    with pytest.raises(InvalidInput, match="within their types"):
        read_call(bytes(data))


def test_addresses_are_taken_as_eip_55_or_without_capitals() -> None:
    # The first examples of EIP-55.
    for address in ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"):
        assert checked_address(address, field="a") == checked_address(address.lower(), field="a") == address
        for wrong in (address.swapcase().replace("0X", "0x"), address[:-1], "0x" + "g" * 40):
            with pytest.raises(InvalidInput):
                checked_address(wrong, field="a")
