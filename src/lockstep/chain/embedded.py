"""A whole chain inside this process: eth-tester on py-evm, with block times from the business clock.

For demonstrations, rehearsals and tests. It ends with the process.
"""

from typing import Any

from eth_tester import EthereumTester, PyEVMBackend
from web3 import EthereumTesterProvider

from lockstep.chain.node import Node
from lockstep.ports import Clock

__all__ = ["EmbeddedChain"]


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

    @property
    def time(self) -> int:
        """Timestamp of the latest block, seconds. Many blocks in one instant run ahead of the clock."""
        return int(self._backend.chain.get_canonical_head().timestamp)

    def set_time(self) -> None:
        """The next block is of now, or a second after its parent where the clock stands still."""
        self._backend.chain.set_header_timestamp(max(int(self._clock.now().timestamp()), self.time + 1))


class _ClockedProvider(EthereumTesterProvider):
    """eth-tester's provider, with the time set before anything that makes a block."""

    def __init__(self, chain: EmbeddedChain) -> None:
        super().__init__(chain.tester)
        self._chain = chain

    def make_request(self, method: Any, params: Any) -> Any:
        if method in ("eth_sendTransaction", "eth_sendRawTransaction", "eth_call", "evm_mine"):
            self._chain.set_time()
        return super().make_request(method, params)
