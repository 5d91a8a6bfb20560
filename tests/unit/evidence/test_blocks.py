"""Headers, transactions and receipts of real chains: py-evm in the process, and anvil."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import rlp

from lockstep.app.clocks import ManualClock
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.node import Node
from lockstep.domain.errors import Unavailable
from lockstep.evidence.blocks import Header, Receipt, header_bytes, prove, receipt_bytes, transaction_bytes
from lockstep.evidence.tries import value_at
from lockstep.signing.words import keccak
from ports.anvil import running


def asked(node: Node, method: str, *parameters: Any) -> Any:
    return node._answer(method, list(parameters))["result"]


@pytest.fixture(scope="module", params=["py-evm", "anvil"])
def chain(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "py-evm":
        made = EmbeddedChain(ManualClock(datetime(2026, 9, 7, 8, 0, tzinfo=UTC)))
        _send(made, 3)
        yield made
        return
    with running() as anvil:
        anvil.mines(at_once=False)
        _send(anvil, 140)
        anvil.mines(at_once=True)
        _send(anvil, 3)
        yield anvil


def _send(chain: Any, count: int) -> None:
    eth = chain.node.web3.eth
    accounts = eth.accounts
    nonce = eth.get_transaction_count(accounts[0])
    for place in range(count):
        one = {"from": accounts[0], "nonce": nonce + place, "gas": 60_000 + place}
        if place % 3 == 2:
            one |= {"data": "0x60006000a0602a60006000a100", "gas": 90_000}
        else:
            one |= {"to": accounts[1], "value": place}
        if place % 3 == 1:
            one |= {"gasPrice": 2 * 10**9}
        eth.send_transaction(one)
    chain.mine()


def blocks(node: Node) -> Iterator[dict[str, Any]]:
    for number in range(node.head().number + 1):
        yield asked(node, "eth_getBlockByNumber", hex(number), False)


def test_each_header_is_what_its_hash_says(chain: Any) -> None:
    seen = []
    for block in blocks(chain.node):
        header = Header.read(header_bytes(block))
        assert "0x" + header.hash.hex() == block["hash"]
        assert "0x" + header.parent.hex() == block["parentHash"]
        seen.append(header)
    assert [one.number for one in seen] == list(range(len(seen)))
    assert all(before.hash == after.parent for before, after in itertools.pairwise(seen))
    with pytest.raises(Unavailable, match="otherwise"):
        header_bytes({**block, "extraData": "0x1234"})


def test_each_transaction_and_receipt_is_in_its_block(chain: Any) -> None:
    kinds, logs, proved = set(), 0, 0
    for block in blocks(chain.node):
        hashes = block["transactions"]
        transactions = [asked(chain.node, "eth_getTransactionByHash", one) for one in hashes]
        receipts = [asked(chain.node, "eth_getTransactionReceipt", one) for one in hashes]
        for place, one in enumerate(hashes):
            if place % 13 and len(hashes) > 20:
                continue
            found = prove(block, transactions, receipts, place)
            header, key = Header.read(found.header), rlp.encode(place)
            assert value_at(header.transactions, key, found.transaction_proof) == found.transaction
            assert value_at(header.receipts, key, found.receipt_proof) == found.receipt
            assert "0x" + keccak(found.transaction).hex() == one
            receipt = Receipt.read(found.receipt)
            assert receipt.succeeded == (receipts[place]["status"] in (1, "0x1"))
            assert len(receipt.logs) == len(receipts[place]["logs"])
            kinds.add(found.transaction[0])
            logs += len(receipt.logs)
            proved += 1
        if len(hashes) > 1:
            with pytest.raises(Unavailable, match="transactionsRoot"):
                prove(block, transactions[::-1], receipts, 0)
            with pytest.raises(Unavailable, match="receiptsRoot"):
                prove(block, transactions, receipts[::-1], 0)
    assert proved >= 3
    assert logs > 0
    assert 2 in kinds and len(kinds) > 1


def test_what_another_hash_or_type_has_is_refused(chain: Any) -> None:
    block = next(one for one in blocks(chain.node) if one["transactions"])
    one = asked(chain.node, "eth_getTransactionByHash", block["transactions"][0])
    with pytest.raises(Unavailable, match="type 126"):
        transaction_bytes({**one, "type": "0x7e"})
    with pytest.raises(Unavailable, match="otherwise"):
        transaction_bytes({**one, "value": "0x7e"})


def test_what_is_no_header_and_no_receipt() -> None:
    for data, words in (
        (b"", "RLP"),
        (rlp.encode(b"text"), "no list"),
        (rlp.encode([b""] * 14), "15 to 21"),
        (rlp.encode([b""] * 22), "15 to 21"),
        (rlp.encode([b""] * 15), "parentHash"),
        (rlp.encode([[b""]] * 15), "parentHash"),
    ):
        with pytest.raises(ValueError, match=words):
            Header.read(data)
    for data, words in (
        (b"\x7e\xc0", "type 126"),
        (b"\x02", "status"),
        (b"\x02\xc0\xc0", "status"),
        (rlp.encode([b"\1", b"", b""]), "status"),
        (rlp.encode([b"\1", b"", b"", b""]), "a list should be"),
        (rlp.encode(b"receipt"), "a list should be"),
        (rlp.encode([b"\1", b"", b"", []])[:-1], "within an item"),
        (b"\xf9\xff", "within an item"),
    ):
        with pytest.raises(ValueError, match=words):
            Receipt.read(data)
    assert not Receipt.read(rlp.encode([b"", b"", b"", []])).succeeded
    assert receipt_bytes({"type": "0x1", "status": 1, "cumulativeGasUsed": "0x5208", "logs": []})[0] == 1
