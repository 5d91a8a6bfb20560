"""A margin payment's id against eth_account's EIP-712, and what it holds apart (I4, I11)."""

from dataclasses import replace
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from lockstep.domain.collateral.register import NO_PLEDGE, AgreementId, Register
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Reference, SettlementId
from lockstep.domain.margin_payment import MarginPayment, margin_salt
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, parse_remittance, remittance
from lockstep.signing import cash_hash, margin_call_id, margin_cash, margin_id
from lockstep.testing.fakes import BUYER, SELLER, key

REGISTER = Register(chain_id=31_337, address=key("register").address, finality_depth=2)
AGREEMENT = AgreementId("5a" * 32)
CALL = Reference("MC-2026-11-23-1")
PAYMENT = MarginPayment(
    agreement_id=AGREEMENT,
    amount=Money.parse("1500.00", "EUR"),
    is_return=False,
    debtor=CashAccount(owner=SELLER.bic, number="ACC-SELLER"),
    creditor=CashAccount(owner=BUYER.bic, number="ACC-BUYER"),
    salt=margin_salt(AGREEMENT, CALL, 1),
    pay_by=1_795_449_600,
)


def oracle(payment: MarginPayment, register: Register) -> str:
    """The id by eth_account, hex; the hashes inside it by keccak over the words as EIP-712 lays them out."""
    call_type = keccak(text="MarginCall(bytes32 agreementId,bytes12 call)")
    call = keccak(call_type + bytes.fromhex(payment.agreement_id) + bytes.fromhex(payment.salt[:24]) + bytes(20))
    domain = {
        "name": "Lockstep Collateral",
        "version": "1",
        "chainId": register.chain_id,
        "verifyingContract": register.address,
    }
    members = (
        "agreementId:bytes32 callId:bytes32 pledgeId:bytes32 amount:int64 cashHash:bytes32 salt:bytes16 payBy:uint40"
    )
    kinds = [dict(zip(("name", "type"), one.split(":"), strict=True)) for one in members.split()]
    message: dict[str, Any] = {
        "agreementId": bytes.fromhex(payment.agreement_id),
        "callId": call,
        "pledgeId": bytes(32),
        "amount": -payment.amount.amount if payment.is_return else payment.amount.amount,
        "cashHash": bytes.fromhex(cash_hash(payment.salt, payment.amount, payment.debtor, payment.creditor)),
        "salt": bytes.fromhex(payment.salt),
        "payBy": payment.pay_by,
    }
    signable = encode_typed_data(domain, {"MarginPayment": kinds}, message)
    return keccak(b"\x19" + signable.version + signable.header + signable.body).hex()


@pytest.mark.parametrize("is_return", [False, True])
def test_the_id_is_as_eip_712_has_it(is_return: bool) -> None:
    payment = replace(PAYMENT, is_return=is_return)
    assert margin_id(payment, REGISTER) == oracle(payment, REGISTER)


@pytest.mark.parametrize(
    "changed",
    [
        {"agreement_id": AgreementId("5b" * 32)},
        {"amount": Money.parse("1500.01", "EUR")},
        {"amount": Money.parse("1500.00", "USD")},
        {"is_return": True},
        {"debtor": CashAccount(owner=SELLER.bic, number="ACC-OTHER")},
        {"creditor": CashAccount(owner=SELLER.bic, number="ACC-BUYER")},
        {"salt": margin_salt(AGREEMENT, CALL, 2)},
        {"salt": margin_salt(AGREEMENT, Reference("MC-2026-11-23-2"), 1)},
        {"pay_by": PAYMENT.pay_by + 1},
    ],
)
def test_another_term_is_another_payment(changed: dict[str, Any]) -> None:
    assert margin_id(replace(PAYMENT, **changed), REGISTER) != margin_id(PAYMENT, REGISTER)


@pytest.mark.parametrize("changed", [{"chain_id": 1}, {"address": key("other").address}])
def test_another_register_is_another_payment(changed: dict[str, Any]) -> None:
    assert margin_id(PAYMENT, replace(REGISTER, **changed)) != margin_id(PAYMENT, REGISTER)


def test_all_attempts_at_one_call_count_as_one() -> None:
    first, second = (margin_salt(AGREEMENT, CALL, attempt) for attempt in (1, 2))
    assert first != second
    assert margin_call_id(AGREEMENT, first) == margin_call_id(AGREEMENT, second)
    assert margin_call_id(AgreementId("5b" * 32), first) != margin_call_id(AGREEMENT, first)
    assert margin_salt(AGREEMENT, Reference("MC-2"), 1)[:24] != first[:24]


def test_the_salt_fits_the_payment() -> None:
    identifier = SettlementId(margin_id(PAYMENT, REGISTER))
    assert parse_remittance(remittance(identifier, PAYMENT.salt)) == (identifier, PAYMENT.salt)


@pytest.mark.parametrize(("is_return", "amount"), [(False, 150_000), (True, -150_000)])
def test_what_the_register_counts(is_return: bool, amount: int) -> None:
    cash = margin_cash(replace(PAYMENT, is_return=is_return), 7)
    assert (cash.agreement_id, cash.amount, cash.epoch, cash.pledge_id) == (AGREEMENT, amount, 7, NO_PLEDGE)
    assert cash.call_id == margin_call_id(AGREEMENT, PAYMENT.salt)


@pytest.mark.parametrize("attempt", [0, -1, 2**32])
def test_an_attempt_that_is_none_is_refused(attempt: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        margin_salt(AGREEMENT, CALL, attempt)
    assert (caught.value.field, caught.value.value) == ("attempt", str(attempt))


@pytest.mark.parametrize("amount", [0, -1, 2**63])
def test_an_amount_that_the_register_cannot_count_is_refused(amount: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        replace(PAYMENT, amount=Money(currency="EUR", amount=amount))
    assert caught.value.field == "margin/amount"
