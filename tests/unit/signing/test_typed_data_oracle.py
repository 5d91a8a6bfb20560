"""Our EIP-712 hashes against eth_account's, an implementation that knows nothing of ours."""

from dataclasses import replace
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from lockstep.domain.identifiers import Bic, SettlementId, TradeId
from lockstep.domain.log_run import LogRun
from lockstep.domain.market import Network
from lockstep.domain.money import Money
from lockstep.domain.order import Attestation, Movement, Order, OrderTerms, OutcomeResult, Rotation
from lockstep.domain.payment import CashAccount
from lockstep.signing import (
    cash_hash,
    log_digest,
    outcome_digest,
    outcomes_digest,
    rotation_digest,
    run_digest,
    settlement_id,
    terms_hash,
)
from lockstep.testing.fakes import key
from order_strategies import HEX_32, orders

MOVEMENT = "token:address seller:address buyer:address quantity:uint64 epoch:uint32 nonce:uint64"
TERMS = "tradeId:bytes32 part:uint32 minimumLot:uint64 group:bytes32 cashHash:bytes32 lockBy:uint40 payBy:uint40"
CASH = "salt:bytes16 currency:string amount:uint256 debtor:string debtorAccount:string creditor:string"
TYPES = {
    name: [dict(zip(("name", "type"), member.split(":"), strict=True)) for member in members.split()]
    for name, members in {
        "Movement": MOVEMENT,
        "Terms": TERMS,
        "Order": "movement:Movement terms:Terms",
        "Outcome": "settlementId:bytes32 result:uint8 epoch:uint32",
        "Outcomes": "settlementIds:bytes32[] result:uint8 epoch:uint32",
        "LogEntry": "agent:address number:uint64 previous:bytes32 settlementId:bytes32 result:uint8 epoch:uint32",
        "LogEntries": "agent:address first:uint64 last:uint64 head:bytes32 signatures:bytes32",
        "Cash": CASH + " creditorAccount:string",
        "Rotation": "epoch:uint32 agents:address[] quorum:uint8 faulty:uint8 officer:address confirmer:address",
    }.items()
}
HERE = Network(chain_id=31_337, dvp=key("dvp").address, finality_depth=2)


def oracle(primary: str, message: dict[str, Any], network: Network) -> tuple[bytes, bytes]:
    """(hashStruct, digest) by eth_account."""
    used = {primary} | ({"Movement", "Terms"} if primary == "Order" else set())
    domain = {
        "name": "Lockstep DvP",
        "version": "1",
        "chainId": network.chain_id,
        "verifyingContract": network.dvp,
    }
    signable = encode_typed_data(domain, {name: TYPES[name] for name in used}, message)
    return signable.body, keccak(b"\x19" + signable.version + signable.header + signable.body)


def uint(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


addresses = st.sampled_from([key(name).address for name in "abcdef"])
networks = st.builds(Network, chain_id=uint(64), dvp=addresses, finality_depth=st.just(2))
all_orders = orders(addresses, uint)


def as_message(order: Order) -> dict[str, Any]:
    movement, terms = order.movement, order.terms
    return {
        "movement": {name: getattr(movement, name) for name in Movement.__dataclass_fields__},
        "terms": {
            "tradeId": bytes.fromhex(terms.trade_id),
            "part": terms.part,
            "minimumLot": terms.minimum_lot,
            "group": bytes.fromhex(terms.group),
            "cashHash": bytes.fromhex(terms.cash_hash),
            "lockBy": terms.lock_by,
            "payBy": terms.pay_by,
        },
    }


@settings(max_examples=40)
@given(all_orders, networks)
def test_settlement_id(order: Order, network: Network) -> None:
    message = as_message(order)
    assert settlement_id(order, network) == oracle("Order", message, network)[1].hex()
    assert terms_hash(order.terms) == oracle("Terms", message["terms"], network)[0]


@settings(max_examples=40)
@given(HEX_32.map(SettlementId), st.sampled_from(OutcomeResult), uint(32), networks)
def test_outcome_digest(settlement: SettlementId, result: OutcomeResult, epoch: int, network: Network) -> None:
    message = {"settlementId": bytes.fromhex(settlement), "result": int(result), "epoch": epoch}
    assert outcome_digest(settlement, result, epoch, network) == oracle("Outcome", message, network)[1]


@settings(max_examples=40)
@given(
    st.builds(
        Rotation,
        number=uint(32),
        agents=st.lists(addresses, max_size=8, unique=True).map(tuple),
        quorum=uint(8),
        faulty=uint(8),
        officer=addresses,
        confirmer=addresses,
    ),
    networks,
)
def test_rotation_digest(rotation: Rotation, network: Network) -> None:
    message = {"epoch" if name == "number" else name: getattr(rotation, name) for name in Rotation.__dataclass_fields__}
    message["agents"] = list(rotation.agents)
    assert rotation_digest(rotation, network) == oracle("Rotation", message, network)[1]


@given(st.lists(HEX_32.map(SettlementId), max_size=5), st.sampled_from(OutcomeResult), uint(32), networks)
@settings(max_examples=50, deadline=None)
def test_outcomes_digest(ids: list[SettlementId], result: OutcomeResult, epoch: int, network: Network) -> None:
    message = {"settlementIds": [bytes.fromhex(one) for one in ids], "result": int(result), "epoch": epoch}
    assert outcomes_digest(ids, result, epoch, network) == oracle("Outcomes", message, network)[1]


@given(HEX_32.map(SettlementId), st.sampled_from(OutcomeResult), uint(32), uint(64), HEX_32, addresses, networks)
@settings(max_examples=50, deadline=None)
def test_log_digest(
    settlement: SettlementId,
    result: OutcomeResult,
    epoch: int,
    number: int,
    previous: str,
    agent: str,
    network: Network,
) -> None:
    one = Attestation(settlement_id=settlement, result=result, epoch=epoch, agent=agent, signature=b"")
    message = {
        "agent": agent,
        "number": number,
        "previous": bytes.fromhex(previous),
        "settlementId": bytes.fromhex(settlement),
        "result": int(result),
        "epoch": epoch,
    }
    assert log_digest(number, previous, one, network) == oracle("LogEntry", message, network)[1]


@given(
    st.lists(
        st.tuples(HEX_32.map(SettlementId), st.sampled_from(OutcomeResult), uint(32), st.binary(max_size=65)),
        min_size=1,
        max_size=4,
    ),
    uint(32),
    HEX_32,
    addresses,
    networks,
)
@settings(max_examples=50, deadline=None)
def test_run_digest(
    said: list[tuple[SettlementId, OutcomeResult, int, bytes]], first: int, previous: str, agent: str, network: Network
) -> None:
    """The last line's digest, which names all before it, and every outcome's signature."""
    lines = tuple(
        Attestation(settlement_id=settlement, result=result, epoch=epoch, agent=agent, signature=signature)
        for settlement, result, epoch, signature in said
    )
    run = LogRun(first=first, previous=previous, attestations=lines, signature=b"")
    head = bytes.fromhex(previous)
    for number, one in enumerate(lines, first):
        message = {
            "agent": agent,
            "number": number,
            "previous": head,
            "settlementId": bytes.fromhex(one.settlement_id),
            "result": int(one.result),
            "epoch": one.epoch,
        }
        head = oracle("LogEntry", message, network)[1]
    signatures = keccak(b"".join(one.signature for one in lines))
    message = {"agent": agent, "first": first, "last": first + len(lines) - 1, "head": head, "signatures": signatures}
    assert run_digest(run, network) == run_digest(run, network, head.hex()) == oracle("LogEntries", message, network)[1]


def test_cash_hash() -> None:
    debtor = CashAccount(owner=Bic("UTOPZZ2A"), number="DE89 3704 0044 0532 0130 00")
    creditor = CashAccount(owner=Bic("FABLZZ2AXXX"), number="Zürich/1")
    for amount in (1, 99_000, 10**18):
        message = {
            "salt": bytes.fromhex("0f" * 16),
            "currency": "EUR",
            "amount": amount,
            "debtor": debtor.owner,
            "debtorAccount": debtor.number,
            "creditor": creditor.owner,
            "creditorAccount": creditor.number,
        }
        ours = cash_hash("0f" * 16, Money(currency="EUR", amount=amount), debtor, creditor)
        assert ours == oracle("Cash", message, HERE)[0].hex()


ORDER = Order(
    movement=Movement(
        token=key("token").address,
        seller=key("seller").address,
        buyer=key("buyer").address,
        quantity=100,
        epoch=1,
        nonce=0,
    ),
    terms=OrderTerms(trade_id=TradeId("11" * 32), part=0, cash_hash="22" * 32, lock_by=1_000, pay_by=2_000),
)
OTHER: dict[str, Any] = {"trade_id": "33" * 32, "cash_hash": "33" * 32, "group": "33" * 32}


@pytest.mark.parametrize("field", [*Movement.__dataclass_fields__, *OrderTerms.__dataclass_fields__])
def test_every_field_is_in_the_id(field: str) -> None:
    part = "movement" if field in Movement.__dataclass_fields__ else "terms"
    value = getattr(getattr(ORDER, part), field)
    other = OTHER.get(field, key("other").address if part == "movement" and isinstance(value, str) else None)
    changed = replace(getattr(ORDER, part), **{field: other if other is not None else value + 1})
    assert settlement_id(replace(ORDER, **{part: changed}), HERE) != settlement_id(ORDER, HERE)


def test_chain_and_contract_are_in_every_digest() -> None:
    elsewhere = (replace(HERE, chain_id=1), replace(HERE, dvp=key("another").address))
    here = settlement_id(ORDER, HERE)
    for network in elsewhere:
        assert settlement_id(ORDER, network) != here
        paid = OutcomeResult.PAID
        assert outcome_digest(here, paid, 1, network) != outcome_digest(here, paid, 1, HERE)
    assert settlement_id(ORDER, replace(HERE, finality_depth=9)) == here, "our depth is not the other party's"


def test_every_part_of_the_cash_is_in_its_hash() -> None:
    one, two = CashAccount(owner=Bic("AAAAZZ2A"), number="1"), CashAccount(owner=Bic("BBBBZZ2A"), number="2")
    euro = Money(currency="EUR", amount=100)
    cases = [
        ("00" * 16, euro, one, two),
        ("01" * 16, euro, one, two),
        ("00" * 16, Money(currency="EUR", amount=101), one, two),
        ("00" * 16, Money(currency="USD", amount=100), one, two),
        ("00" * 16, euro, two, one),
        ("00" * 16, euro, replace(one, number="3"), two),
        ("00" * 16, euro, one, replace(two, number="3")),
        ("00" * 16, euro, one, replace(two, owner=Bic("CCCCZZ2A"))),
    ]
    assert len({cash_hash(*case) for case in cases}) == len(cases)
