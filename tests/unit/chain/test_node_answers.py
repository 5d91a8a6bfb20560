"""What a node's answers mean, whatever its dialect: `Node` past web3's formatters says what web3 says with them."""

from typing import Any

import pytest
from web3 import Web3
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3Exception
from web3.providers.base import BaseProvider, JSONBaseProvider

from lockstep.chain.jsonrpc import HttpEndpoint
from lockstep.chain.node import ContractCall, Head, Node
from lockstep.domain.errors import ContractRefused, Unavailable

SOMEBODY = "0x" + "0" * 39 + "1"
HASH = "0x" + "ab" * 32
PANIC = "0x4e487b71" + "11".rjust(64, "0")
TEXT = "0x08c379a0" + "20".rjust(64, "0") + "2".rjust(64, "0") + "6e6f".ljust(64, "0")


class Canned(JSONBaseProvider):
    """Gives one answer to all, or raises it."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[tuple[str, Any]] = []

    def make_request(self, method: Any, params: Any) -> Any:
        self.asked.append((method, params))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def result(value: Any) -> Canned:
    return Canned({"jsonrpc": "2.0", "id": 1, "result": value})


def error(**body: Any) -> Canned:
    return Canned({"jsonrpc": "2.0", "id": 1, "error": body})


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        (error(code=3, message="execution reverted", data="0x"), "EmptyRevert"),
        (error(code=3, message="execution reverted"), "EmptyRevert"),
        (error(code=-32000, message="execution reverted"), "EmptyRevert"),
        (error(code=3, message="execution reverted: custom error 0x01020304", data="0x01020304"), "UnknownRevert"),
        (error(code=3, message="execution reverted", data=PANIC), "Panic"),
        (error(code=3, message="execution reverted: no", data=TEXT), "RevertString"),
        (error(code=-32015, message="VM execution error.", data="Reverted " + PANIC), "UnknownRevert"),
    ],
)
def test_a_revert_is_the_contracts_refusal_as_web3_finds_it(provider: Canned, name: str) -> None:
    with pytest.raises(ContractRefused) as refused:
        Node(provider).call(SOMEBODY, b"")
    assert refused.value.name == name
    web3 = Web3(provider)
    web3.middleware_onion.remove("validation")  # it asks for the chain id first
    with pytest.raises(ContractLogicError):
        web3.eth.call({"to": SOMEBODY, "data": "0x"})


@pytest.mark.parametrize(
    "provider",
    [
        error(code=-32000, message="header not found"),
        error(code=-32601, message="the method does not exist"),
        error(code=-32005, message="limit exceeded"),
        Canned({"jsonrpc": "2.0", "id": 1}),
        Canned(TimeoutError("late")),
        Canned(ConnectionRefusedError("closed")),
        result(None),
        result("0xzz"),
        result("no hexadecimal"),
        result({"number": "0x1"}),
        result([7]),
    ],
)
def test_anything_else_but_an_answer_is_unavailable(provider: BaseProvider) -> None:
    node = Node(provider)
    for ask in (
        node.chain_id,
        node.head,
        lambda: node.call(SOMEBODY, b""),
        lambda: node.code(SOMEBODY),
        lambda: node.balance(SOMEBODY),
        lambda: node.transaction_count(SOMEBODY),
        lambda: node.transaction(HASH),
    ):
        with pytest.raises(Unavailable):
            ask()


def test_logs_and_receipts_that_cannot_be_read_are_unavailable() -> None:
    for broken in ([{}], [{"topics": ["0x1"], "data": "0x"}], [7], "0x"):
        with pytest.raises(Unavailable):
            Node(result(broken)).logs(SOMEBODY, [], 0)
    with pytest.raises(Unavailable):
        Node(result({"status": "0x1"})).receipt(HASH)


def test_what_is_not_there_is_none_or_unavailable() -> None:
    assert Node(result(None)).receipt(HASH) is None
    with pytest.raises(TransactionNotFound):
        Web3(result(None)).eth.get_transaction_receipt(HASH)
    with pytest.raises(Unavailable, match=HASH):
        Node(result(None)).transaction(HASH)
    with pytest.raises(Unavailable, match="0x7"):
        Node(result(None)).block(7)


LOG = {
    "address": SOMEBODY,
    "topics": [HASH, "0x" + "01" * 32],
    "data": "0x0102",
    "blockNumber": "0x10",
    "blockHash": HASH,
    "transactionHash": "0x" + "cd" * 32,
    "transactionIndex": "0x2",
    "logIndex": "0x3",
    "removed": False,
}
RECEIPT = {
    "blockNumber": "0x10",
    "blockHash": HASH,
    "transactionHash": "0x" + "cd" * 32,
    "transactionIndex": "0x2",
    "status": "0x0",
    "gasUsed": "0x5208",
    "cumulativeGasUsed": "0x5209",
    "effectiveGasPrice": "0x3b9aca00",
    "contractAddress": None,
    "logs": [LOG],
}


def test_logs_are_those_of_web3() -> None:
    (ours,) = Node(result([LOG])).logs(SOMEBODY, [], 0)
    (theirs,) = Web3(result([LOG])).eth.get_logs({"address": SOMEBODY})
    assert dict(ours) == dict(theirs)


def test_receipts_are_those_of_web3() -> None:
    ours = Node(result(RECEIPT)).receipt(HASH)
    theirs = dict(Web3(result(RECEIPT)).eth.get_transaction_receipt(HASH))
    assert ours is not None and dict(ours) == theirs | {"logs": [dict(one) for one in theirs["logs"]]}


def test_what_is_asked_is_what_nodes_take() -> None:
    provider = result("0x")
    node = Node(provider)
    node.call(SOMEBODY, b"\1", 16, gas=255)
    node.call(SOMEBODY, b"")
    zero = "0x" + "0" * 40
    assert provider.asked == [
        ("eth_call", [{"from": zero, "to": SOMEBODY, "data": "0x01", "gas": "0xff"}, "0x10"]),
        ("eth_call", [{"from": zero, "to": SOMEBODY, "data": "0x", "gas": "0x4c4b40"}, "latest"]),
    ]
    provider.answer["result"] = []
    node.logs(SOMEBODY, [[HASH]], 1, 10)
    query = {"address": SOMEBODY, "topics": [[HASH]], "fromBlock": "0x1", "toBlock": "0xa"}
    assert provider.asked[-1] == ("eth_getLogs", [query])


@pytest.mark.parametrize("which", ["latest", 7, "0x7", HASH, bytes.fromhex(HASH[2:])])
def test_a_block_is_named_by_number_name_or_hash(which: Any) -> None:
    provider = result({"number": "0x7", "timestamp": "0x9", "hash": HASH, "baseFeePerGas": "0x8"})
    assert Node(provider).block(which) == Head(number=7, timestamp=9, hash=HASH[2:])
    method, (named, full) = provider.asked[0]
    hashed = which in (HASH, bytes.fromhex(HASH[2:]))
    assert method == ("eth_getBlockByHash" if hashed else "eth_getBlockByNumber") and full is False
    assert named == (HASH if hashed else "latest" if which == "latest" else "0x7")
    assert Node(provider).base_fee() == 8


@pytest.mark.parametrize("provider", [error(code=-32000, message="nonce too low"), Canned({"jsonrpc": "2.0", "id": 1})])
def test_an_objection_to_a_transaction_is_told_not_raised(provider: Canned) -> None:
    assert Node(provider).broadcast(b"\1")
    assert provider.asked == [("eth_sendRawTransaction", ["0x01"])]


def test_a_transaction_that_no_answer_follows_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        Node(Canned(TimeoutError())).broadcast(b"\1")
    with pytest.raises(Web3Exception):
        Web3(error(code=-32000, message="x")).eth.send_raw_transaction(b"\1")


class Says(HttpEndpoint):
    """Over HTTP, whatever it is asked, these bytes."""

    def __init__(self, said: bytes) -> None:
        super().__init__("http://127.0.0.1:1")
        self.said = said

    def post(self, body: bytes) -> bytes:
        return self.said


@pytest.mark.parametrize("said", [b"null", b"5", b'"busy"', b"[]", b"[null]", b'[{"id":[],"result":"0x1"}]', b"<html>"])
def test_json_that_is_no_answer_is_none(said: bytes) -> None:
    """What stands between says something of its own, to one question and to many: nothing is known, nothing breaks."""
    node = Node(Says(said))
    for asked in (node.chain_id, node.head, lambda: node.counts(SOMEBODY, 1), lambda: node.standing(SOMEBODY)):
        with pytest.raises(Unavailable):
            asked()
    calls = [ContractCall(to=SOMEBODY, data=b"")] * 2
    for answers in (node.calls(calls), node.calls(calls[:1]), node.receipts([HASH] * 2), node.broadcast_all([b"1"])):
        assert all(isinstance(one, Unavailable) for one in answers)
