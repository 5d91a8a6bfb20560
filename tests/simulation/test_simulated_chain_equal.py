"""The simulated chain beside two others: the same signed transactions on py-evm and on anvil.

The transactions are those of a whole business day, and some that were made to find differences.
"""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from eth_account import Account
from eth_utils import to_checksum_address
from web3 import HTTPProvider

import lockstep.app.world as world_module
from lockstep.app.clocks import ManualClock
from lockstep.app.demo import run_day
from lockstep.app.supervising import find_anvil
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.ledger import call_data
from lockstep.chain.node import Node
from lockstep.domain.errors import ContractRefused, Unavailable
from lockstep.domain.market import Market
from lockstep.simulation.chain import CHAIN_ID, SimulatedChain
from lockstep.simulation.chain_blocks import GENESIS_BASE_FEE

DAY = Path(__file__).parents[2] / "examples" / "first-day"
KEY = b"\7" * 32
SENDER = Account.from_key(KEY).address
STORE = "60203560003555" + "00"
"""Storage at the first word of the data becomes the second."""
SEES = "42600055" + "43600155" + "46600255" + "47600355" + "00"
"""Storage 0 to 3 become time, number, chain id and own balance."""
REVERTS = "60016000555f5ffd"
TRIES = "5f5f5f5f5f73{}61fffff1" + "600055" + "00"
"""Calls an address with little gas; storage 0 becomes how that ended."""


@dataclass
class Day:
    """A settled day: the chain, the market, and the addresses of the odd contracts."""

    chain: SimulatedChain
    market: Market
    odd: list[str]


class Seeded:
    """The same keys in every run."""

    def __init__(self) -> None:
        self._random = Random(5)

    def token(self, size: int) -> bytes:
        return self._random.randbytes(size)


@pytest.fixture(scope="module")
def day() -> Day:
    worlds: list[Any] = []

    class Watched(world_module.World):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs, randomness=Seeded(), chain=SimulatedChain)
            worlds.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lockstep.app.demo.World", Watched)
        report = run_day(DAY)
    assert report.sound and len([row for row in report.rows if row.state == "SETTLED"]) == 15
    chain = worlds[0].chain
    return Day(chain, worlds[0].market, _odd(chain, worlds[0].market))


def _odd(chain: SimulatedChain, market: Market) -> list[str]:
    """Transactions that find differences: refunds, failures, floors, what a contract sees of its block."""
    chain.node.web3.eth.send_transaction({"from": chain.faucet, "to": SENDER, "value": 10**19, "gas": 21_000})

    def send(to: str | None, data: bytes, gas: int = 200_000, value: int = 0) -> str | None:
        terms = {"nonce": chain.account(SENDER).nonce, "gas": gas, "value": value, "data": data, "chainId": CHAIN_ID}
        fees = {"maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9, "type": 2}
        target = {} if to is None else {"to": to_checksum_address(to)}
        signed = Account.sign_transaction({**terms, **fees, **target}, KEY)
        found = chain.mined(chain.submit(bytes(signed.raw_transaction)))
        assert found is not None
        return found[0].mined[found[1]].created

    def create(runtime: str) -> str:
        made = send(None, bytes.fromhex(f"60{len(runtime) // 2:02x}8060095f395ff3" + runtime))
        assert made is not None
        return made

    def words(*values: int) -> bytes:
        return b"".join(value.to_bytes(32) for value in values)

    store = create(STORE)
    for value in (7, 7, 9, 0, 0, 5):
        send(store, words(5, value))
    send(store, words(6, 1), gas=30_000)
    sees = create(SEES)
    send(sees, b"")
    send(sees, b"")
    for target in (store, create(REVERTS), market.network.dvp):
        tries = create(TRIES.format(target[2:].lower()))
        send(tries, b"")
        send(tries, b"", gas=24_000)
    assert send(None, bytes.fromhex("5f5ffd")) is None
    assert send(None, bytes.fromhex("60ef5f5360015ff3")) is None
    assert send(None, b"\xfe" * 100) is None
    send(market.network.dvp, b"\1\2\3\4" * 20)
    send("0x" + "ee" * 20, b"\xff" * 2_000)
    send("0x" + "ee" * 20, b"", value=12, gas=21_000)
    for security in market.securities.values():
        send(security.token, call_data("SecurityToken", "transfer", SENDER, 1))
    return [store, sees]


class OnPyEvm:
    """eth-tester, whose clock is the block's time."""

    def __init__(self, start: int) -> None:
        self._clock = ManualClock(datetime.fromtimestamp(start, UTC))
        self.node = EmbeddedChain(self._clock).node

    def at(self, moment: int) -> None:
        self._clock.move_to(datetime.fromtimestamp(moment, UTC))

    def mine(self) -> None:
        self.node.web3.provider.make_request("evm_mine", [])

    def close(self) -> None: ...


class OnAnvil:
    """A process of its own on a port that the system chose."""

    def __init__(self, start: int) -> None:
        binary = find_anvil()
        assert binary is not None, "anvil comes with `npm install`"
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = str(free.getsockname()[1])
        flags = ["--silent", "--port", port, "--chain-id", str(CHAIN_ID), "--timestamp", str(start)]
        flags += ["--hardfork", "prague", "--gas-limit", "30000000", "--disable-default-create2-deployer"]
        flags += ["--base-fee", str(GENESIS_BASE_FEE * 7 // 8)]  # of the first block after genesis
        self._process = subprocess.Popen([binary, *flags, "--accounts", "1"], stdout=subprocess.DEVNULL)
        self.node = Node(f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + 20
        while _refused(self.node.chain_id) and time.monotonic() < deadline:
            time.sleep(0.05)
        faucet = Account.from_key(b"\0" * 31 + b"\1").address
        self._ask("anvil_setBalance", [faucet, hex(10**24)])

    def _ask(self, method: Any, parameters: list[Any]) -> None:
        answer = self.node.web3.provider.make_request(method, parameters)
        assert "error" not in answer, answer

    def at(self, moment: int) -> None:
        self._ask("evm_setNextBlockTimestamp", [moment])

    def mine(self) -> None:
        self._ask("evm_mine", [])

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@pytest.fixture(scope="module", params=[OnPyEvm, OnAnvil])
def other(request: pytest.FixtureRequest, day: Day) -> Iterator[Node]:
    """The same blocks of the same transactions on another chain."""
    blocks = day.chain.blocks
    chain = request.param(blocks[0].timestamp)
    try:
        for block in blocks[1:]:
            chain.at(block.timestamp)
            if not block.mined:
                chain.mine()
            for one in block.mined:
                objection = chain.node.broadcast(one.tx.raw)
                assert objection is None, objection
                _mined(chain.node, one.tx.hash)  # anvil mines a moment after it has answered
        yield chain.node
    finally:
        chain.close()


def _mined(node: Node, hash_: str) -> Mapping[str, Any]:
    receipt = node.receipt(hash_)
    deadline = time.monotonic() + 10
    while receipt is None and time.monotonic() < deadline:
        receipt = node.receipt(hash_)
    assert receipt is not None, hash_
    return receipt


def _receipts(node: Node, day: Day) -> list[dict[str, Any]]:
    hashes = [one.tx.hash for block in day.chain.blocks for one in block.mined]
    found = []
    for hash_ in hashes:
        receipt = _mined(node, hash_)
        logs = [(log["address"].lower(), *map(bytes, log["topics"]), bytes(log["data"])) for log in receipt["logs"]]
        created = receipt["contractAddress"]
        found.append(
            {
                **{name: receipt[name] for name in ("blockNumber", "transactionIndex", "status", "gasUsed")},
                "created": created.lower() if created and receipt["status"] else None,
                "logs": logs,
            }
        )
    return found


def test_receipts_are_the_same(day: Day, other: Node) -> None:
    ours, theirs = _receipts(day.chain.node, day), _receipts(other, day)
    assert len(ours) > 60 and {one["status"] for one in ours} == {0, 1}
    for one, two in zip(ours, theirs, strict=True):
        assert one == two


def test_storage_and_accounts_are_the_same(day: Day, other: Node) -> None:
    keys = {key for block in day.chain.blocks for key in block.changes}
    slots = sorted(key for key in keys if isinstance(key, tuple))
    assert len(slots) > 60
    for address, slot in slots:
        theirs = other.web3.eth.get_storage_at(to_checksum_address(address), slot)
        assert int.from_bytes(theirs) == day.chain.storage(address, slot), (address, slot)
    for address in sorted(key for key in keys if isinstance(key, str)):
        checked = to_checksum_address(address)
        assert other.code(checked) == day.chain.account(address).code, address
        assert other.transaction_count(checked) == day.chain.account(address).nonce, address


@pytest.mark.parametrize("other", [OnAnvil], indirect=True)
def test_fees_are_those_of_anvil(day: Day, other: Node) -> None:
    """Its gas limit is ours, and so its base fee in each block. Py-evm's limit is another."""
    for block in day.chain.blocks[1:]:
        assert other.web3.eth.get_block(block.number)["baseFeePerGas"] == block.base_fee, block.number
        for one in block.mined:
            receipt = other.receipt(one.tx.hash)
            assert receipt is not None and receipt["effectiveGasPrice"] == one.price
    assert other.balance(SENDER) == day.chain.account(SENDER).balance


def test_calls_answer_the_same_now_and_at_earlier_blocks(day: Day, other: Node) -> None:
    questions = _questions(day)
    head = day.chain.head.number
    answered = [_answer(day.chain.node, question, block) for question in questions for block in (None, head - 40)]
    assert answered == [_answer(other, question, block) for question in questions for block in (None, head - 40)]
    kinds = {type(one) for one in answered}
    assert kinds == {bytes, tuple}, "answers and refusals"
    assert any(one != two for one, two in pairwise(answered)), "the blocks differ"


def _questions(day: Day) -> list[tuple[str, bytes]]:
    dvp = day.market.network.dvp
    found = [(dvp, call_data("DvP", "currentEpoch")), (dvp, b"\1\2\3\4"), (day.odd[0], b"")]
    for security in day.market.securities.values():
        token = security.token
        for member in day.market.participants.values():
            found.append((token, call_data("SecurityToken", "balanceOf", member.wallet)))
        found.append((token, call_data("SecurityToken", "transfer", SENDER, 1)))
        found.append((token, call_data("SecurityToken", "issue", SENDER, 1)))
    return found


def _answer(node: Node, question: tuple[str, bytes], block: int | None) -> bytes | tuple[str, dict[str, object]]:
    try:
        return node.call(*question, block)
    except ContractRefused as refusal:
        return refusal.name, refusal.details


def _refused(ask: Callable[[], object]) -> str:
    try:
        ask()
    except (ContractRefused, Unavailable) as error:
        return type(error).__name__
    return ""


def test_revert_data_reaches_the_node_as_anvil_gives_it(day: Day, other: Node) -> None:
    token = next(iter(day.market.securities.values())).token
    request: Any = {"from": SENDER, "to": token, "data": "0x" + call_data("SecurityToken", "issue", SENDER, 1).hex()}
    ours = day.chain.provider.make_request("eth_call", [request, "latest"])["error"]
    if isinstance(other.web3.provider, HTTPProvider):
        theirs = other.web3.provider.make_request("eth_call", [request, "latest"])["error"]
        assert (ours["code"], ours["data"]) == (theirs["code"], theirs["data"])
        empty: Any = [{"to": day.market.network.dvp, "data": "0x01020304"}, "latest"]
        theirs = other.web3.provider.make_request("eth_call", empty)["error"]
        ours = day.chain.provider.make_request("eth_call", empty)["error"]
        assert (ours["code"], ours["data"]) == (theirs["code"], theirs["data"])
    assert _refused(lambda: other.call(token, bytes.fromhex(request["data"][2:]), sender=SENDER)) == _refused(
        lambda: day.chain.node.call(token, bytes.fromhex(request["data"][2:]), sender=SENDER)
    )
