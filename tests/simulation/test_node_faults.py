"""A party's node: each fault as the service sees it, through `Node`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from eth_account import Account

from lockstep.app.clocks import ManualClock
from lockstep.chain.node import Node
from lockstep.domain.errors import Unavailable
from lockstep.simulation.chain import CHAIN_ID, SimulatedChain
from lockstep.simulation.node_faults import FaultyProvider, NodeFault, NodeFaultKind

KEY = b"\x11" * 32
SENDER = str(Account.from_key(KEY).address)
LOGGER = "60088060095f395ff3" + "36600055365fa000"
"""Keeps the size of its data in storage 0 and logs it."""


class Party:
    """A node with at most one fault ahead, for a method."""

    def __init__(self) -> None:
        self.chain = SimulatedChain(ManualClock(datetime(2026, 11, 23, 8, tzinfo=UTC)))
        self.ahead: tuple[str, NodeFault] | None = None
        self.asked: list[str] = []
        self.provider = FaultyProvider(self.chain.provider, self.decide)
        self.node = Node(self.provider)
        self.chain.node.web3.eth.send_transaction(
            {"from": self.chain.faucet, "to": SENDER, "value": 10**19, "gas": 21_000}
        )

    def decide(self, method: str, _: Any) -> NodeFault | None:
        self.asked.append(method)
        if self.ahead is None or self.ahead[0] != method:
            return None
        fault, self.ahead = self.ahead[1], None
        return fault

    def faulty(self, method: str, kind: NodeFaultKind, by: int = 1) -> None:
        self.ahead = (method, NodeFault(kind=kind, by=by))

    def raw(self, nonce: int, to: str | None = SENDER, data: bytes = b"") -> bytes:
        terms = {"type": 2, "chainId": CHAIN_ID, "nonce": nonce, "gas": 100_000, "value": 0, "data": data}
        fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9}
        target = {"to": to} if to else {}
        return bytes(Account.sign_transaction({**terms, **fees, **target}, KEY).raw_transaction)


@pytest.fixture
def party() -> Iterator[Party]:
    party = Party()
    yield party
    assert party.ahead is None, "the fault was met"


SEND = "eth_sendRawTransaction"


@pytest.mark.parametrize(("kind", "arrives"), [(NodeFaultKind.UNREACHED, False), (NodeFaultKind.UNANSWERED, True)])
def test_no_answer_says_nothing_of_what_was_done(party: Party, kind: NodeFaultKind, arrives: bool) -> None:
    party.faulty(SEND, kind)
    with pytest.raises(Unavailable):
        party.node.broadcast(party.raw(0))
    assert (party.node.transaction_count(SENDER) == 1) is arrives


def test_a_forgotten_transaction_is_taken_and_never_comes(party: Party) -> None:
    party.faulty(SEND, NodeFaultKind.FORGOTTEN)
    assert party.node.broadcast(party.raw(0)) is None
    assert party.node.transaction_count(SENDER) == 0
    assert party.node.broadcast(party.raw(0)) is None
    assert party.node.transaction_count(SENDER) == 1


def test_twice_is_answered_with_what_the_second_brought(party: Party) -> None:
    party.faulty(SEND, NodeFaultKind.TWICE)
    assert "already known" in str(party.node.broadcast(party.raw(0)))
    assert party.node.transaction_count(SENDER) == 1


def test_a_node_that_fails_has_done_nothing(party: Party) -> None:
    party.faulty(SEND, NodeFaultKind.FAILED)
    assert "overloaded" in str(party.node.broadcast(party.raw(0)))
    party.faulty("eth_getTransactionCount", NodeFaultKind.FAILED)
    with pytest.raises(Unavailable, match="overloaded"):
        party.node.transaction_count(SENDER)
    assert party.node.transaction_count(SENDER) == 0


@pytest.mark.parametrize(("by", "said"), [(2, 3), (-1, 0), (-9, 0)])
def test_a_wrong_nonce_is_off_by_so_many_and_never_negative(party: Party, by: int, said: int) -> None:
    party.node.broadcast(party.raw(0))
    party.faulty("eth_getTransactionCount", NodeFaultKind.WRONG_NONCE, by)
    assert party.node.transaction_count(SENDER) == said
    assert party.node.transaction_count(SENDER) == 1


def test_a_node_that_is_behind_knows_nothing_later(party: Party) -> None:
    """Head, state, logs, receipts and transactions agree on one earlier block; what is sent still goes out."""
    chain, node = party.chain, party.node
    node.broadcast(party.raw(0, None, bytes.fromhex(LOGGER)))
    contract = chain.node.web3.to_checksum_address(str(chain.head.mined[0].created))
    early = (
        "0x" + Account.sign_transaction({"gas": 1, "gasPrice": 1, "nonce": 0, "to": SENDER, "value": 0}, KEY).hash.hex()
    )
    early = chain.submit(party.raw(1, contract, b"\1"))
    chain.mine(2)
    at = chain.head
    late = chain.submit(party.raw(2, contract, b"\1\2"))
    chain.mine(2)
    party.provider.behind = chain.head.number - at.number
    assert node.head().number == at.number and node.head().hash == at.hash[2:]
    assert node.transaction_count(SENDER) == 2
    assert [log["blockNumber"] for log in node.logs(contract, [], 0)] == [at.number - 2]
    assert node.logs(contract, [], at.number + 1) == []
    assert node.receipt(early) is not None and node.receipt(late) is None
    with pytest.raises(Unavailable):
        node.transaction(late)
    with pytest.raises(Unavailable):
        node.block(at.number + 1)
    with pytest.raises(Unavailable, match="header not found"):
        node.call(contract, b"", at.number + 1)
    slot = node.web3.eth.get_storage_at(contract, 0)
    assert int.from_bytes(slot) == 1
    assert node.broadcast(party.raw(3)) is None
    party.provider.behind = 0
    assert node.transaction_count(SENDER) == 4 and node.receipt(late) is not None
    assert len(node.logs(contract, [], 0)) == 2


def test_one_stale_answer_is_followed_by_a_true_one(party: Party) -> None:
    party.chain.mine(5)
    party.faulty("eth_getBlockByNumber", NodeFaultKind.STALE, by=3)
    assert party.node.head().number == party.chain.head.number - 3
    assert party.node.head().number == party.chain.head.number


def test_every_request_is_shown_to_who_decides(party: Party) -> None:
    party.asked.clear()
    party.node.chain_id()
    party.node.balance(SENDER)
    assert party.asked == ["eth_chainId", "eth_getBalance"]
