"""A chain of made-up blocks and events, and a node on it that lags, refuses and is late."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from eth_abi.abi import encode
from eth_bloom import BloomFilter
from eth_utils.crypto import keccak
from web3.exceptions import Web3RPCError

from lockstep.chain.node import Head
from lockstep.domain.errors import Unavailable
from lockstep.domain.market import Network

SIGNATURES = {
    "Locked": "Locked(bytes32,(address,address,address,uint64,uint32,uint64),"
    "(bytes32,uint32,uint64,bytes32,bytes32,uint40,uint40))",
    "PaidRecorded": "PaidRecorded(bytes32)",
    "Settled": "Settled(bytes32)",
    "GivenBack": "GivenBack(bytes32)",
}
TOPICS = {name: keccak(text=text) for name, text in SIGNATURES.items()}
DEPTH = 3
NETWORK = Network(chain_id=7, dvp="0x" + "d" * 40, finality_depth=DEPTH)


def settlement(number: int) -> str:
    return hashlib.sha256(b"settlement %d" % number).hexdigest()


def trade(number: int) -> str:
    return hashlib.sha256(b"trade %d" % number).hexdigest()


def data_of(number: int, of_trade: int) -> bytes:
    """A Locked event's data, by the ABI's own encoder."""
    movement = ("0x" + "a1" * 20, "0x" + "b2" * 20, "0x" + "c3" * 20, 10 + number, 1, number)
    terms = (bytes.fromhex(trade(of_trade)), 0, 0, bytes(32), b"\x22" * 32, 1_000 + number, 2_000 + number)
    return encode(
        ["(address,address,address,uint64,uint32,uint64)", "(bytes32,uint32,uint64,bytes32,bytes32,uint40,uint40)"],
        [movement, terms],
    )


@dataclass(frozen=True)
class Event:
    name: str
    settlement: str
    data: bytes = b""


@dataclass(frozen=True)
class Block:
    number: int
    hash: bytes
    timestamp: int
    events: tuple[Event, ...]


@dataclass
class Chain:
    """Blocks from number 0."""

    blocks: list[Block] = field(default_factory=list)
    forks: int = 0

    def mine(self, *events: Event) -> None:
        number = len(self.blocks)
        seed = f"{number} {self.forks} {[(one.name, one.settlement) for one in events]}".encode()
        self.blocks.append(Block(number, hashlib.sha256(seed).digest(), 1_700_000_000 + 12 * number, events))

    def lock(self, number: int, of_trade: int | None = None) -> None:
        self.mine(locked(number, of_trade))

    def reorganise(self, depth: int, *blocks: Sequence[Event]) -> None:
        """The last `depth` blocks go; these come in their place."""
        del self.blocks[-depth:]
        self.forks += 1
        for events in blocks:
            self.mine(*events)

    def names(self, of: str) -> list[str]:
        return [event.name for block in self.blocks for event in block.events if event.settlement == of]


def locked(number: int, of_trade: int | None = None) -> Event:
    return Event("Locked", settlement(number), data_of(number, number if of_trade is None else of_trade))


def settled(number: int) -> Event:
    return Event("Settled", settlement(number))


@dataclass
class ScriptedNode:
    """What a reader asks a node. `late` blocks behind altogether; with its logs alone `logs_late`.

    `blooms`: none, "true", or "zeros" as some nodes have them; with a block's number from which on they are zeros.
    """

    chain: Chain
    late: int = 0
    logs_late: int = 0
    most_logs: int | None = None
    silent: bool = False
    blooms: str | int | None = None
    ranges: list[tuple[int, int]] = field(default_factory=list)

    def post(self, body: bytes) -> bytes | None:
        return None

    @property
    def _blocks(self) -> list[Block]:
        if self.silent:
            raise Unavailable("silent")
        return self.chain.blocks[: len(self.chain.blocks) - self.late]

    def head(self) -> Head:
        return self._head(self._blocks[-1])

    def block(self, number: int) -> Head:
        if number >= len(self._blocks):
            raise Unavailable(f"no block {number}")
        return self._head(self._blocks[number])

    def logs(self, address: str, topics: Any, first: int, last: int) -> Sequence[Mapping[str, Any]]:
        assert address == NETWORK.dvp and set(topics[0]) == {"0x" + one.hex() for one in TOPICS.values()}
        self.ranges.append((first, last))
        found = [
            {
                "blockNumber": block.number,
                "blockHash": block.hash,
                "logIndex": place,
                "transactionHash": hashlib.sha256(block.hash + bytes([place % 256])).digest(),
                "topics": [TOPICS[event.name], bytes.fromhex(event.settlement)],
                "data": event.data,
            }
            for block in self._blocks[first : min(last + 1, len(self._blocks) - self.logs_late)]
            for place, event in enumerate(block.events)
        ]
        if self.most_logs is not None and len(found) > self.most_logs:
            refusal = Web3RPCError(f"query returned more than {self.most_logs} results")
            raise Unavailable("the node does not answer") from refusal
        return found

    def _head(self, block: Block) -> Head:
        made = Head(number=block.number, timestamp=block.timestamp, hash=block.hash.hex())
        if self.blooms is None:
            return made
        bloom = BloomFilter()
        told = self.blooms == "true" or (isinstance(self.blooms, int) and block.number < self.blooms)
        for event in block.events if told else ():
            for one in (bytes.fromhex(NETWORK.dvp[2:]), TOPICS[event.name], bytes.fromhex(event.settlement)):
                bloom.add(one)
        parent = self.chain.blocks[block.number - 1].hash.hex() if block.number else "00" * 32
        return replace(made, parent=parent, bloom=int(bloom))
