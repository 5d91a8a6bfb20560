"""An anvil of a test's own: started on a free port, its time from the tests' morning, stopped by its process."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lockstep.app.supervising import find_anvil
from lockstep.chain.node import Node
from lockstep.domain.errors import Unavailable
from lockstep.testing.fakes import MORNING

__all__ = ["AnvilChain", "running"]


class AnvilChain:
    """As `EmbeddedChain`, on anvil: each transaction is mined at once until `mines` says otherwise."""

    def __init__(self, url: str, pid: int) -> None:
        self.url, self.pid, self.node = url, pid, Node(url)

    def ask(self, method: str, *parameters: Any) -> Any:
        answer = self.node.web3.provider.make_request(method, list(parameters))
        assert "error" not in answer, answer
        return answer["result"]

    @property
    def faucet(self) -> str:
        return str(self.node.web3.eth.accounts[0])

    def mines(self, *, at_once: bool = False, each_seconds: int = 0) -> None:
        """At once, or every so many seconds, or, at 0, when `mine` is called."""
        self.ask("evm_setAutomine", at_once)
        if each_seconds:
            self.ask("evm_setIntervalMining", each_seconds)

    def mine(self, blocks: int = 1) -> None:
        for _ in range(blocks):
            self.ask("evm_mine")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(*options: str) -> Iterator[AnvilChain]:
    """One anvil, for as long as the block lasts. `options` are anvil's."""
    binary = find_anvil()
    assert binary is not None, "npm ci installs anvil"
    port = _free_port()
    start = ["--port", str(port), "--timestamp", str(int(MORNING.timestamp())), "--hardfork", "prague", "--silent"]
    process = subprocess.Popen([binary, *start, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _answering(f"http://127.0.0.1:{port}", process)
    finally:
        process.kill()
        process.wait(10)


def _answering(url: str, process: subprocess.Popen[bytes]) -> AnvilChain:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            Node(url).head()
            return AnvilChain(url, process.pid)
        except Unavailable:
            assert process.poll() is None, "anvil ended"
            time.sleep(0.02)
    raise AssertionError("anvil does not answer")
