"""Several nodes as one: silence, lagging and other chains, by a script and on two anvils."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from anvil import AnvilChain, running
from web3.providers.base import JSONBaseProvider

from lockstep.chain.failover import REST_SECONDS, FailoverProvider
from lockstep.chain.node import Node
from lockstep.domain.errors import Misconfigured, Unavailable


class Scripted(JSONBaseProvider):
    """A node of chain 1 with a head; `silent`, it does not answer; `batches`, it takes them."""

    def __init__(self, name: str, head: int = 100, chain: int = 1, genesis: str = "0x" + "aa" * 32) -> None:
        super().__init__()
        self.name, self.head, self.chain, self.genesis = name, head, chain, genesis
        self.silent, self.asked = False, list[str]()

    def __str__(self) -> str:
        return self.name

    def make_request(self, method: Any, params: Any) -> Any:
        if self.silent:
            raise TimeoutError(f"{self.name} is silent")
        self.asked.append(method)
        number = 0 if params and params[0] == "0x0" else self.head
        block = {"number": hex(number), "hash": self.genesis, "timestamp": "0x1", "baseFeePerGas": "0x7"}
        answers: dict[str, Any] = {
            "eth_chainId": hex(self.chain),
            "eth_blockNumber": hex(self.head),
            "eth_getBlockByNumber": block,
            "eth_getCode": "0x" + self.name.encode().hex(),
            "eth_getTransactionCount": "0x5",
        }
        return {"jsonrpc": "2.0", "id": 1, "result": answers[method]}


class Batching(Scripted):
    def make_batch_request(self, batch_requests: Sequence[tuple[Any, Any]]) -> list[Any]:
        return [self.make_request(method, params) for method, params in batch_requests]


class Hand:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def asked(*nodes: Scripted, hand: Callable[[], float] | None = None) -> tuple[Node, FailoverProvider]:
    provider = FailoverProvider(nodes, monotonic=hand or Hand())
    return Node(provider), provider


def who(node: Node) -> str:
    return node.code("0x" + "00" * 20).decode()


@pytest.mark.parametrize("kind", [Scripted, Batching])
def test_the_next_answers_for_one_that_is_silent_and_the_first_comes_back(kind: type[Scripted]) -> None:
    first, second, hand = kind("first"), kind("second"), Hand()
    node, _ = asked(first, second, hand=hand)
    assert who(node) == "first"
    first.silent = True
    assert who(node) == "second"
    first.silent = False
    assert who(node) == "second", "it rests"
    assert node.standing("0x" + "01" * 20).count == 5
    hand.now += REST_SECONDS + 1
    assert who(node) == "first"


def test_nobody_answers() -> None:
    first, second = Scripted("first"), Scripted("second")
    node, _ = asked(first, second)
    first.silent = second.silent = True
    with pytest.raises(Unavailable, match="first: first is silent; second: second is silent"):
        node.head()
    second.silent = False
    assert who(node) == "second", "whoever rests is asked before nobody is"


def test_a_node_that_is_behind_is_passed_over() -> None:
    first, second, hand = Scripted("first", 100), Scripted("second", 120), Hand()
    node, _ = asked(first, second, hand=hand)
    assert node.head().number == 120, "the second was seen to have 120"
    assert who(node) == "second"
    hand.now += REST_SECONDS + 1
    first.head = 113
    assert node.head().number == 113, "so little may be a reorganisation"


def test_where_all_are_behind_the_furthest_is_taken() -> None:
    first, second = Scripted("first", 100), Scripted("second", 100)
    node, _ = asked(first, second)
    assert node.head().number == 100
    first.head, second.head = 50, 60
    assert node.head().number == 60, "the chain was undone, for all that anybody knows"
    assert node.head().number == 60


@pytest.mark.parametrize("wrong", [{"chain": 2}, {"genesis": "0x" + "bb" * 32}])
def test_another_chain_is_refused_by_url(wrong: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured, match=r"second is on another chain: id 0x. and first block 0x"):
        asked(Scripted("first"), Scripted("second", **wrong))


def test_another_chain_that_shows_later_is_never_asked() -> None:
    first, second, hand = Scripted("first"), Scripted("second", chain=2), Hand()
    second.silent = True
    node, _ = asked(first, second, hand=hand)
    second.silent = False
    assert who(node) == "first"
    first.silent = True
    for _ in range(3):
        with pytest.raises(Misconfigured, match="second is on another chain"):
            who(node)
        hand.now += REST_SECONDS + 1
    assert "eth_getCode" not in second.asked


def test_no_url_is_no_node() -> None:
    with pytest.raises(Misconfigured, match="no RPC URL"):
        Node([])


def stop(chain: AnvilChain) -> None:
    import os
    import signal

    os.kill(chain.pid, signal.SIGKILL)


def test_two_anvils() -> None:
    """Of one genesis, one further than the other; then the one that is asked is killed."""
    with running() as first, running() as second:
        first.mine(20)
        second.mine(21)
        node = Node([first.url, second.url])
        assert node.chain_id() == 31_337 and node.head().number == 20
        stop(first)
        assert node.head().number == 21
        answers = node.codes(["0x" + f"{number:040x}" for number in range(600)])
        assert answers == [b""] * 600


def test_an_anvil_of_another_chain() -> None:
    with running() as first, running("--chain-id", "5") as second, pytest.raises(Misconfigured) as caught:
        Node([first.url, second.url])
    assert second.url in str(caught.value) and "0x5" in str(caught.value)


def test_each_of_many_questions_has_its_own_answer() -> None:
    """On anvil: objections, refusals and receipts, each in its place."""
    with running() as chain:
        raws = [b"\x02", b"\x02\xc0"]
        objections = chain.node.broadcast_all(raws)
        assert all(isinstance(one, str) and one for one in objections)
        assert chain.node.receipts(["0x" + "12" * 32, "0x" + "34" * 32]) == [None, None]
        large = chain.node.broadcast_all([b"\x02" + bytes(700_000)] * 5)
        assert all(isinstance(one, str) for one in large), "each is heard: no request is larger than nodes take"
