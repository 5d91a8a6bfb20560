"""The collateral register's words against eth_account's EIP-712 and eth_abi's codec, which know nothing of ours."""

from dataclasses import replace
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.chain.ledger import call_data
from lockstep.domain.collateral import calls
from lockstep.domain.collateral.register import (
    NO_PLEDGE,
    Act,
    Agreement,
    AgreementId,
    AgreementMode,
    CashPayment,
    Income,
    Pledge,
    PledgeId,
    Position,
    PricedToken,
    Register,
    State,
    Valuation,
    check_agreement,
)
from lockstep.domain.errors import InvalidInput
from lockstep.domain.order import Order
from lockstep.signing import (
    act_digest,
    agreement_id,
    amendment_digest,
    build_quorum_proof,
    call_bytes,
    cash_digest,
    income_digest,
    pledge_id,
    together_of,
    valuation_digest,
    valuers_epoch,
    valuers_hash,
)
from lockstep.testing.fakes import key
from order_strategies import HEX_32, orders

TYPES = {
    name: [dict(zip(("name", "type"), member.split(":"), strict=True)) for member in members.split()]
    for name, members in {
        "Agreement": "giver:address mode:uint8 currency:bytes3 reuseCap:uint24 maxDepth:uint8 appropriation:bool"
        " substitution:bool taker:address noticePeriod:uint32 curePeriod:uint32 maxAge:uint32 valuers:bytes32"
        " until:uint40 saleFloor:uint24 salt:uint128",
        "Amendment": "agreementId:bytes32 next:Agreement by:uint40",
        "Price": "token:address price:uint64 haircut:uint24",
        "Valuation": "agreementId:bytes32 exposure:uint64 required:uint64 asOf:uint40 prices:Price[]",
        "Cash": "agreementId:bytes32 callId:bytes32 pledgeId:bytes32 amount:int64 epoch:uint32",
        "Income": "pledgeId:bytes32 incomeId:bytes32 recordDate:uint40 entitled:uint64 owed:uint64",
        "Act": "party:address call:bytes nonce:uint256 by:uint40 together:bytes32",
    }.items()
}
USED = {"Amendment": ("Agreement",), "Valuation": ("Price",)}


def oracle(primary: str, message: dict[str, Any], register: Register) -> str:
    """The digest by eth_account, hex."""
    domain = {
        "name": "Lockstep Collateral",
        "version": "1",
        "chainId": register.chain_id,
        "verifyingContract": register.address,
    }
    types = {name: TYPES[name] for name in (primary, *USED.get(primary, ()))}
    signable = encode_typed_data(domain, types, message)
    return keccak(b"\x19" + signable.version + signable.header + signable.body).hex()


def said(agreement: Agreement) -> dict[str, Any]:
    one = agreement
    return {
        "giver": one.giver,
        "mode": int(one.mode),
        "currency": one.currency.encode(),
        "reuseCap": one.reuse_cap,
        "maxDepth": one.max_depth,
        "appropriation": one.appropriation,
        "substitution": one.substitution,
        "taker": one.taker,
        "noticePeriod": one.notice_seconds,
        "curePeriod": one.cure_seconds,
        "maxAge": one.max_age_seconds,
        "valuers": bytes.fromhex(one.valuers),
        "until": one.until,
        "saleFloor": one.sale_floor,
        "salt": one.salt,
    }


def uint(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


addresses = st.sampled_from([key(name).address for name in "abcdef"])
registers = st.builds(Register, chain_id=uint(64), address=addresses, finality_depth=st.just(2))
agreements = st.builds(
    Agreement,
    giver=addresses,
    taker=addresses,
    mode=st.sampled_from(AgreementMode),
    currency=st.sampled_from(["EUR", "USD", "CHF"]),
    valuers=HEX_32,
    until=uint(40),
    max_age_seconds=uint(32),
    reuse_cap=uint(24),
    max_depth=uint(8),
    appropriation=st.booleans(),
    substitution=st.booleans(),
    notice_seconds=uint(32),
    cure_seconds=uint(32),
    sale_floor=uint(24),
    salt=uint(128),
)
prices = st.builds(PricedToken, token=addresses, price=uint(64), haircut=uint(24))
valuations = st.builds(
    Valuation,
    agreement_id=HEX_32,
    exposure=uint(64),
    required=uint(64),
    as_of=uint(40),
    prices=st.lists(prices, max_size=3).map(tuple),
)
payments = st.builds(
    CashPayment,
    agreement_id=HEX_32,
    call_id=HEX_32,
    pledge_id=HEX_32,
    amount=st.integers(-(2**63), 2**63 - 1),
    epoch=uint(32),
)
incomes = st.builds(Income, pledge_id=HEX_32, income_id=HEX_32, record_date=uint(40), entitled=uint(64), owed=uint(64))
acts = st.builds(Act, party=addresses, call=st.binary(max_size=100), nonce=uint(256), by=uint(40), together=HEX_32)
all_orders = orders(addresses, uint)


@settings(max_examples=50, deadline=None)
@given(agreements, registers)
def test_an_agreements_id_is_its_digest(agreement: Agreement, register: Register) -> None:
    assert agreement_id(agreement, register) == oracle("Agreement", said(agreement), register)


@settings(max_examples=50, deadline=None)
@given(agreements, HEX_32, uint(40), registers)
def test_an_amendment(agreement: Agreement, identifier: str, by: int, register: Register) -> None:
    message = {"agreementId": bytes.fromhex(identifier), "next": said(agreement), "by": by}
    found = amendment_digest(AgreementId(identifier), agreement, by, register)
    assert found.hex() == oracle("Amendment", message, register)


@settings(max_examples=50, deadline=None)
@given(valuations, registers)
def test_a_valuation(valuation: Valuation, register: Register) -> None:
    message = {
        "agreementId": bytes.fromhex(valuation.agreement_id),
        "exposure": valuation.exposure,
        "required": valuation.required,
        "asOf": valuation.as_of,
        "prices": [{"token": one.token, "price": one.price, "haircut": one.haircut} for one in valuation.prices],
    }
    assert valuation_digest(valuation, register).hex() == oracle("Valuation", message, register)


@settings(max_examples=50, deadline=None)
@given(payments, registers)
def test_a_payment(cash: CashPayment, register: Register) -> None:
    message = {
        "agreementId": bytes.fromhex(cash.agreement_id),
        "callId": bytes.fromhex(cash.call_id),
        "pledgeId": bytes.fromhex(cash.pledge_id),
        "amount": cash.amount,
        "epoch": cash.epoch,
    }
    assert cash_digest(cash, register).hex() == oracle("Cash", message, register)


@settings(max_examples=50, deadline=None)
@given(incomes, registers)
def test_income(income: Income, register: Register) -> None:
    message = {
        "pledgeId": bytes.fromhex(income.pledge_id),
        "incomeId": bytes.fromhex(income.income_id),
        "recordDate": income.record_date,
        "entitled": income.entitled,
        "owed": income.owed,
    }
    assert income_digest(income, register).hex() == oracle("Income", message, register)


@settings(max_examples=50, deadline=None)
@given(acts, registers)
def test_an_act(act: Act, register: Register) -> None:
    message = {
        "party": act.party,
        "call": act.call,
        "nonce": act.nonce,
        "by": act.by,
        "together": bytes.fromhex(act.together),
    }
    assert act_digest(act, register).hex() == oracle("Act", message, register)


@settings(max_examples=50, deadline=None)
@given(st.lists(acts, max_size=4))
def test_acts_together_are_known_by_party_and_call_alone(given_acts: list[Act]) -> None:
    words = [keccak(encode(["address", "bytes32"], [one.party, keccak(one.call)])) for one in given_acts]
    assert together_of(given_acts) == keccak(b"".join(words)).hex()
    assert together_of([replace(one, nonce=0, signature=b"x") for one in given_acts]) == together_of(given_acts)


@settings(max_examples=50, deadline=None)
@given(HEX_32, HEX_32, addresses, HEX_32)
def test_a_pledges_id(agreement: str, parent: str, token: str, salt: str) -> None:
    content = [bytes.fromhex(agreement), bytes.fromhex(parent), token, bytes.fromhex(salt)]
    expected = keccak(encode(["bytes32", "bytes32", "address", "bytes32"], content)).hex()
    assert pledge_id(AgreementId(agreement), token, salt, PledgeId(parent)) == expected


def order_words(order: Order) -> tuple[Any, ...]:
    one, terms = order.movement, order.terms
    hashes = [bytes.fromhex(each) for each in (terms.trade_id, terms.group, terms.cash_hash)]
    return (
        (one.token, one.seller, one.buyer, one.quantity, one.epoch, one.nonce),
        (hashes[0], terms.part, terms.minimum_lot, hashes[1], hashes[2], terms.lock_by, terms.pay_by),
    )


@settings(max_examples=30, deadline=None)
@given(all_orders, HEX_32, HEX_32, HEX_32, addresses, uint(64), uint(64), st.binary(max_size=70))
def test_every_call_is_written_as_the_contract_reads_it(
    order: Order, first: str, second: str, salt: str, token: str, units: int, more: int, signature: bytes
) -> None:
    one, two, three = (bytes.fromhex(each) for each in (first, second, salt))
    pledge, agreement = PledgeId(first), AgreementId(second)
    words, by = order_words(order), more % 2**40
    expected: list[tuple[calls.Call, str, tuple[Any, ...]]] = [
        (
            calls.PledgeCall(agreement_id=agreement, token=token, quantity=units, salt=salt),
            "pledge",
            (two, token, units, three),
        ),
        (
            calls.RepledgeCall(parent=pledge, agreement_id=agreement, quantity=units, salt=salt),
            "repledge",
            (one, two, units, three),
        ),
        (calls.ReleaseCall(pledge_id=pledge, quantity=units), "release", (one, units)),
        (calls.ReleaseExcessCall(pledge_id=pledge, quantity=units), "releaseExcess", (one, units)),
        (
            calls.SubstituteCall(old_pledge=pledge, quantity=units, token=token, new_quantity=more, salt=salt),
            "substitute",
            (one, units, token, more, three),
        ),
        (calls.RecallCall(pledge_id=pledge, quantity=units, by=by), "recall", (one, units, by)),
        (calls.DeclareDefaultCall(agreement_id=agreement), "declareDefault", (two,)),
        (calls.EndDefaultCall(agreement_id=agreement), "endDefault", (two,)),
        (calls.AppropriateCall(pledge_id=pledge, quantity=units), "appropriate", (one, units)),
        (calls.SetOffCall(pledge_id=pledge, quantity=units), "setOff", (one, units)),
        (
            calls.SellCall(pledge_id=pledge, order=order, buyer_signature=signature),
            "sell",
            (one, words, signature, bytes(32)),
        ),
        (calls.AcknowledgeIncomeCall(pledge_id=pledge, amount=units), "acknowledgeIncome", (one, units)),
        (calls.ReturnUnitsCall(pledge_id=pledge, quantity=units), "returnUnits", (one, units)),
        (calls.RecordTitleCall(agreement_id=agreement, order=order), "recordTitle", (two, words)),
        (calls.RecordReturnCall(pledge_id=pledge, order=order), "recordReturn", (one, words)),
        (calls.ProposeLongStopCall(pledge_id=pledge), "proposeLongStop", (one,)),
        (calls.ConfirmLongStopCall(pledge_id=pledge), "confirmLongStop", (one,)),
        (calls.BurnNonceCall(nonce=units), "burnNonce", (units,)),
    ]
    assert {type(call) for call, _, _ in expected} == set(calls.Call.__args__)
    for call, name, arguments in expected:
        assert call_bytes(call) == call_data("CollateralRegister", name, *arguments)


@settings(max_examples=50, deadline=None)
@given(agreements)
def test_what_does_not_fit_its_type_is_refused_and_not_cut_off(agreement: Agreement) -> None:
    register = Register(chain_id=1, address=key("a").address, finality_depth=1)
    wrong: list[dict[str, Any]] = [
        {"reuse_cap": 2**24},
        {"max_depth": -1},
        {"until": 2**40},
        {"salt": 2**128},
        {"currency": "EURO"},
        {"valuers": "12"},
    ]
    for change in wrong:
        with pytest.raises(ValueError, match="is n"):
            agreement_id(replace(agreement, **change), register)


# Proofs


VALUERS = [key(f"valuer {number}") for number in range(3)]


def test_valuers_prove_with_so_many_signatures_as_their_quorum_and_no_strangers() -> None:
    epoch = valuers_epoch([one.address for one in VALUERS], 2)
    ascending = sorted(VALUERS, key=lambda one: int(one.address, 16))
    words = [0, 2, *(one.address for one in ascending)]
    assert valuers_hash(epoch) == keccak(encode(["uint256", "uint256", *(["address"] * 3)], words)).hex()
    digest = bytes(range(32))
    stranger = key("stranger").sign(digest)
    assert build_quorum_proof(digest, [ascending[2].sign(digest), stranger], epoch) is None
    assert build_quorum_proof(digest, [ascending[2].sign(digest), ascending[1].sign(bytes(32))], epoch) is None
    proof = build_quorum_proof(digest, [ascending[2].sign(digest), stranger, ascending[0].sign(digest)], epoch)
    assert proof is not None
    assert (proof.quorum, proof.signers, proof.absent) == (2, 0b101, (ascending[1].address,))
    assert len(proof.signatures) == 128


@pytest.mark.parametrize(
    ("valuers", "quorum", "field"),
    [([], 1, "valuers"), ([0, 0], 1, "valuers"), ([0, 1], 3, "quorum"), ([0, 1], 0, "quorum")],
)
def test_valuers_that_could_prove_nothing_are_refused(valuers: list[int], quorum: int, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        valuers_epoch([VALUERS[place].address for place in valuers], quorum)
    assert caught.value.field == field


# Figures


def terms(**changes: Any) -> Agreement:
    usual: dict[str, Any] = {
        "giver": key("a").address,
        "taker": key("b").address,
        "mode": AgreementMode.SECURITY_INTEREST,
        "currency": "EUR",
        "valuers": "ab" * 32,
        "until": 2_000_000_000,
        "max_age_seconds": 3_600,
    }
    return Agreement(**(usual | changes))


def test_terms_that_the_register_takes_pass() -> None:
    check_agreement(terms(reuse_cap=1_000_000, max_depth=8, sale_floor=1_000_000))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"giver": "nobody"}, "giver"),
        ({"taker": key("a").address.lower()}, "taker"),
        ({"currency": "eur"}, "currency"),
        ({"valuers": "xyz"}, "valuers"),
        ({"reuse_cap": 1_000_001}, "reuse_cap"),
        ({"sale_floor": -1}, "sale_floor"),
        ({"max_depth": 9}, "max_depth"),
        ({"notice_seconds": 2**32}, "notice_seconds"),
    ],
)
def test_terms_that_it_would_refuse_are_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_agreement(terms(**change))
    assert caught.value.field == f"agreement/{field}"


def pledge(**changes: Any) -> Pledge:
    usual: dict[str, Any] = {
        "agreement_id": "aa" * 32,
        "parent": NO_PLEDGE,
        "token": key("t").address,
        "quantity": 1_000,
        "depth": 0,
        "max_depth": 2,
        "holder": key("a").address,
        "reused": 0,
        "reuse_cap": 800_000,
        "owed": 0,
        "recalled": 0,
        "until": 100,
        "selling": 0,
    }
    return Pledge(**(usual | changes))


@pytest.mark.parametrize(
    ("change", "now", "expected"),
    [
        ({}, 100, 800),
        ({}, 101, 0),
        ({"depth": 2}, 0, 0),
        ({"reused": 300}, 0, 500),
        ({"recalled": 600}, 0, 400),
        ({"recalled": 1_200}, 0, 0),
        ({"selling": 500, "reused": 100}, 0, 300),
        ({"quantity": 3, "reuse_cap": 333_334}, 0, 1),
        ({"quantity": 3, "reuse_cap": 333_333}, 0, 0),
    ],
)
def test_what_may_still_be_pledged_on(change: dict[str, Any], now: int, expected: int) -> None:
    assert pledge(**change).reusable(now) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [({}, 1_000), ({"selling": 300}, 700), ({"reused": 400}, 500), ({"reused": 800}, 0), ({"reused": 1}, 998)],
)
def test_what_may_be_released_leaves_what_was_pledged_on(change: dict[str, Any], expected: int) -> None:
    one = pledge(**change)
    assert one.releasable == expected
    left = one.quantity - one.selling - one.releasable
    assert left * one.reuse_cap // 1_000_000 >= one.reused


def test_a_position_counts_by_the_latest_valuation_alone_and_rounds_against_who_asks() -> None:
    state = State(exposure=100, required=90, credit=30, valued_at=50, enforce_from=0, selling=0)
    one = Position(token=key("t").address, held=333, price=1_010_000, haircut=15_000, priced_at=50)
    assert one.covers(state) == 333 * 1_010_000 * 985_000 // 10**12 == 331
    assert one.covers(replace(state, valued_at=51)) == 0
    assert one.price_up(333) == 337
    assert (state.debt, state.surplus) == (70, 0)
    assert replace(state, credit=130).surplus == 30
    assert state.fresh(10, 60) and not state.fresh(10, 61) and not replace(state, valued_at=0).fresh(10, 5)
    late = replace(state, enforce_from=70)
    assert late.in_default and not late.enforceable(70) and late.enforceable(71) and not state.enforceable(99)
