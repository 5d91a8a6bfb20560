"""A whole chain inside this process: eth-tester on py-evm, with block times from the business clock.

For demonstrations, rehearsals and tests. It ends with the process.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from eth_bloom.bloom import BloomFilter
from eth_tester import EthereumTester, PyEVMBackend
from web3 import EthereumTesterProvider

from lockstep.chain.node import Node
from lockstep.ports import Clock

__all__ = ["EmbeddedChain"]

_MAKE_BLOCKS = ("eth_sendTransaction", "eth_sendRawTransaction", "evm_mine")
_OF_ONE_STATE = (
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_getBlockByHash",
    "eth_getBlockByNumber",
    "eth_getCode",
    "eth_getTransactionCount",
)
"""What is answered the same, to whoever asks, until there is another block or another time."""
_KEPT_BLOCKS = 4_096
"""Blocks, times the contracts that were asked about, whose logs are kept at hand."""


class EmbeddedChain:
    """A chain that mines each transaction at once, and an empty block whenever told."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        start = {"timestamp": int(clock.now().timestamp())}
        genesis = PyEVMBackend.generate_genesis_params(start)
        self._backend = PyEVMBackend(genesis_parameters=genesis)
        self.tester = EthereumTester(backend=self._backend)
        self.node = Node(_ClockedProvider(self))

    @property
    def faucet(self) -> str:
        """A funded account whose transactions the chain signs itself."""
        return str(self.tester.get_accounts()[0])

    def mine(self, blocks: int = 1) -> None:
        """Empty blocks, so that what came before becomes final."""
        for _ in range(blocks):
            self.set_time()
            self.tester.mine_block()

    @contextmanager
    def one_block(self) -> Iterator[None]:
        """All transactions that are sent within are mined together, in the order in which they came, at the end."""
        self.tester.disable_auto_mine_transactions()
        try:
            yield
        finally:
            self.tester.enable_auto_mine_transactions()

    @property
    def time(self) -> int:
        """Timestamp of the latest block, seconds. Many blocks in one instant run ahead of the clock."""
        return int(self._backend.chain.get_canonical_head().timestamp)

    def set_time(self) -> None:
        """The next block is of now, or a second after its parent where the clock stands still."""
        chain, time = self._backend.chain, max(int(self._clock.now().timestamp()), self.time + 1)
        if chain.header.timestamp != time:
            chain.set_header_timestamp(time)

    @property
    def state(self) -> tuple[object, ...]:
        """What tells one state of the chain, with what is pending, from every other."""
        pending = self._backend.chain.header
        return pending.parent_hash, pending.block_number, pending.timestamp, pending.state_root, pending.gas_used

    @property
    def height(self) -> int:
        """The latest block's number."""
        return int(self._backend.chain.header.block_number) - 1

    def bloom_of(self, number: int) -> BloomFilter:
        """Of a block no higher than the latest, the addresses and topics that its events may have."""
        return BloomFilter(self._backend.chain.get_canonical_block_header_by_number(number).bloom)

    def hash_of(self, number: int) -> bytes:
        """Of a block no higher than the latest."""
        return bytes(self._backend.chain.get_canonical_block_hash(number))


class _ClockedProvider(EthereumTesterProvider):
    """eth-tester's provider, with the time set before anything that makes a block.

    Five readers ask the same of each block, and eth-tester makes every answer anew, a range's logs from all blocks and
    receipts in it: so an answer is kept for as long as the chain stands as it did, and a block's logs by its hash.
    """

    def __init__(self, chain: EmbeddedChain) -> None:
        super().__init__(chain.tester)
        self._chain = chain
        self._state: tuple[object, ...] = ()
        self._answers: dict[tuple[str, str], Any] = {}
        self._logs: OrderedDict[tuple[bytes, str], list[Any]] = OrderedDict()
        self._blooms: OrderedDict[bytes, BloomFilter] = OrderedDict()

    def make_request(self, method: Any, params: Any) -> Any:
        if method in _MAKE_BLOCKS or method == "eth_call":
            self._chain.set_time()
        if method == "eth_getLogs":
            return self._logs_of_range(method, params)
        if method not in _OF_ONE_STATE:
            return super().make_request(method, params)
        state = self._chain.state
        if state != self._state:
            self._state = state
            self._answers.clear()
        asked = method, repr(params)
        if asked not in self._answers:
            self._answers[asked] = super().make_request(method, params)
        return self._answers[asked]

    def _logs_of_range(self, method: Any, params: Any) -> Any:
        """Block by block; as eth-tester has it where the range does not name two blocks that there are."""
        query: Mapping[str, Any] = params[0]
        first, last = query.get("from_block"), query.get("to_block")
        if last == "latest":
            last = self._chain.height
        if not isinstance(first, int) or not isinstance(last, int) or last > self._chain.height:
            return super().make_request(method, params)
        found: list[Any] = []
        about = repr(sorted((name, value) for name, value in query.items() if not name.endswith("_block")))
        wanted = _bytes_of(query)
        for number in range(first, last + 1):
            hash_ = self._chain.hash_of(number)
            if not self._may_have(hash_, number, wanted):
                continue
            key = hash_, about
            if key not in self._logs:
                one = {**query, "from_block": number, "to_block": number}
                answer = super().make_request(method, [one])
                if "result" not in answer:
                    return answer
                self._logs[key] = list(answer["result"])
                if len(self._logs) > _KEPT_BLOCKS:
                    self._logs.popitem(last=False)
            found += self._logs[key]
        return {"jsonrpc": "2.0", "id": 1, "result": found}

    def _may_have(self, hash_: bytes, number: int, wanted: Sequence[Collection[bytes]]) -> bool:
        """Whether a block's events may be asked for: of most blocks none are, and reading them is what takes long."""
        if hash_ not in self._blooms:
            self._blooms[hash_] = self._chain.bloom_of(number)
            if len(self._blooms) > _KEPT_BLOCKS:
                self._blooms.popitem(last=False)
        bloom = self._blooms[hash_]
        return bool(int(bloom)) and all(any(one in bloom for one in choice) for choice in wanted)


def _bytes_of(query: Mapping[str, Any]) -> list[list[bytes]]:
    """What an event must have, each by its alternatives: an address, and a topic in each place that is not free."""
    choices = [query.get("address"), *(query.get("topics") or ())]
    alternatives = [one if isinstance(one, list | tuple) else [one] for one in choices if one is not None]
    return [[_bytes(each) for each in one] for one in alternatives if one and None not in one]


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else bytes.fromhex(str(value).removeprefix("0x"))
