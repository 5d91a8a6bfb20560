"""Running an installation in tests: a chain, processes on loopback, and what both ledgers say after."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

from lockstep.agent import DirectoryBoard
from lockstep.app import home as home_module
from lockstep.app.auditing import audit
from lockstep.app.home import Home
from lockstep.app.installing import found
from lockstep.app.supervising import find_anvil
from lockstep.chain.ledger import read
from lockstep.chain.node import Node
from lockstep.domain.errors import Unavailable
from lockstep.domain.money import Money, Quantity
from lockstep.domain.trade import Trade
from lockstep.rtgs import Facts, Rtgs
from lockstep.store import SqlBook

COMMAND = (sys.executable, "-m", "lockstep.cli")
SKEW = timedelta(seconds=2)
"""Both clocks are this machine's; each is cut to whole seconds somewhere else."""

LOOK_SECONDS = 0.1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found_socket:
        return int(found_socket.getsockname()[1])


def wait_until(condition: Callable[[], bool], seconds: float, what: str, pause: float = 0.02) -> None:
    """Polls; fails the test after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} seconds: {what}"
        time.sleep(pause)


# --- processes


class Child(Protocol):
    """A process that a test started."""

    pid: int
    output: Path

    def poll(self) -> int | None:
        """Its exit code (minus the signal that ended it), or None while it runs."""


class Executed:
    """A command in a process of its own, from the start."""

    def __init__(self, arguments: Iterable[str], output: Path, environment: Mapping[str, str]) -> None:
        self.output = output
        with output.open("ab") as file:
            self._process = subprocess.Popen(
                list(arguments), stdin=subprocess.DEVNULL, stdout=file, stderr=file, env={**os.environ, **environment}
            )
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()


@dataclass
class Forked:
    """A child of `forks.py`."""

    pid: int
    output: Path
    forks: "Forks"
    code: int | None = None

    def poll(self) -> int | None:
        if self.code is None:
            self.code = self.forks.ask(poll=self.pid)["code"]
        return self.code


class Forks:
    """`forks.py` as a process, which ends with the tests that use it."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("forks.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def ask(self, **question: Any) -> dict[str, Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def start(self, arguments: Iterable[str], output: Path, environment: Mapping[str, str]) -> Forked:
        output.touch()
        asked = {"start": [str(one) for one in arguments], "environment": dict(environment), "output": str(output)}
        return Forked(pid=self.ask(**asked)["pid"], output=output, forks=self)

    def close(self) -> None:
        with self._process:
            assert self._process.stdin
            self._process.stdin.close()
            self._process.wait(timeout=20)


def descendants(pid: int) -> set[int]:
    """Of a process of ours, by the kernel's own list."""
    children: set[int] = set()
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        children |= {int(one) for one in task.read_text().split()}
    return children.union(*(descendants(child) for child in children))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def stop(child: Child, seconds: float = 30) -> int:
    """SIGTERM, and SIGKILL to it and its children where that does not help; its exit code."""
    if child.poll() is None:
        family = descendants(child.pid)
        os.kill(child.pid, signal.SIGTERM)
        try:
            wait_until(lambda: child.poll() is not None, seconds, f"{child.pid} stops on SIGTERM")
        finally:
            if child.poll() is None:
                os.kill(child.pid, signal.SIGKILL)
                wait_until(lambda: child.poll() is not None, seconds, f"{child.pid} is gone")
                for pid in family:
                    if is_alive(pid):
                        os.kill(pid, signal.SIGKILL)
    code = child.poll()
    assert code is not None
    return code


def stopped_outside_a_transaction(pid: int, database: Path) -> bool:
    """Stops a process. Stopped inside a transaction, it keeps SQLite's write lock and nobody takes over before it goes
    on: then it does go on, and this is False.
    """
    os.kill(pid, signal.SIGSTOP)
    connection = sqlite3.connect(database, timeout=0.5)
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        os.kill(pid, signal.SIGCONT)
        return False
    finally:
        connection.close()
    return True


@contextmanager
def anvil(folder: Path, *mining: str) -> Iterator[str]:
    """A chain that mines a block for each transaction and ten a second beside, or as anvil's options say; its URL."""
    binary = find_anvil()
    assert binary is not None, "anvil comes with `npm install`"
    port = free_port()
    arguments = (binary, "--silent", "--host", "127.0.0.1", "--port", str(port), "--hardfork", "prague")
    mining = mining or ("--block-time", "0.1", "--mixed-mining")
    child = Executed([*arguments, *mining], folder / "anvil.log", {})
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: _answers(url), 20, "anvil answers")
        yield url
    finally:
        stop(child)


def _answers(url: str) -> bool:
    try:
        return Node(url).chain_id() > 0
    except Unavailable:
        return False


# --- one installation


@dataclass(frozen=True)
class Picture:
    """What is left at the end: each trade's state, and what everybody has on both ledgers."""

    states: Mapping[str, str]
    cash: Mapping[tuple[str, str], Money]
    earmarked: int
    holdings: Mapping[tuple[str, str], Quantity]


class Installation:
    """A founded folder and its processes. `close` stops each that it started."""

    def __init__(self, root: Path, market: Path, rpc: str, forks: Forks, database: str | None = None) -> None:
        self.home, self.forks, self.rpc = Home(root / "home"), forks, rpc
        self.logs = root
        quick = partial(home_module.write_keystore, iterations=1000)
        with mock.patch.object(home_module, "write_keystore", quick):
            url = f"http://127.0.0.1:{free_port()}"
            self.market = found(self.home, market, rpc, rtgs_url=url, database=database)
        self.running: dict[str, Child] = {}
        self._database: Any = None

    # --- processes

    @property
    def place(self) -> list[str]:
        return ["--home", str(self.home.root)]

    def arguments(self, role: str) -> list[str]:
        if role == "rtgs":
            return ["rtgs", "serve", *self.place]
        if role.startswith("service"):  # or one of several workers, service-N
            return ["run", *self.place]
        return ["agent", "run", role.removeprefix("agent-"), *self.place]

    def start(self, *roles: str, executed: bool = False, environment: Mapping[str, str] | None = None) -> None:
        for role in roles:
            arguments, output = self.arguments(role), self.logs / f"{role}.log"
            given = environment or {}
            self.running[role] = (
                Executed([*COMMAND, *arguments], output, given)
                if executed
                else self.forks.start(arguments, output, given)
            )

    def stop(self, *roles: str) -> dict[str, int]:
        """Stops them and returns their exit codes."""
        return {role: stop(self.running.pop(role)) for role in roles or tuple(reversed(self.running))}

    def close(self) -> None:
        try:
            for role in tuple(reversed(self.running)):
                stop(self.running.pop(role))
        finally:
            if self._database is not None:
                self._database.dispose()

    def run(
        self, *arguments: str, seconds: float = 60, environment: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """One command on this installation, to its end: exit code and output."""
        output = self.logs / f"run-{time.monotonic_ns()}.log"
        child = self.forks.start([*arguments, *self.place], output, environment or {})
        wait_until(lambda: child.poll() is not None, seconds, f"lockstep {' '.join(arguments)} ends")
        code = child.poll()
        assert code is not None
        return code, output.read_text()

    def json(self, *arguments: str) -> Any:
        code, output = self.run(*arguments, "--json")
        assert code == 0, output
        return json.loads(output)

    def submit(self, *paths: Path) -> tuple[int, list[dict[str, Any]]]:
        code, output = self.run("submit", *(str(path) for path in paths), "--json")
        return code, json.loads(output)["files"]

    def attend(
        self,
        until: Callable[[], bool],
        dying: Mapping[str, int],
        seconds: float,
        what: str,
        *,
        calm: float = 0,
        pause: float = LOOK_SECONDS,
    ) -> dict[str, int]:
        """Waits, and starts each of `dying` again when it killed itself, to die after so many steps again.

        Returns how often each died. `until` must hold, and nobody die, for `calm` seconds: so the last
        death is counted too. Any other end of any process fails the test.
        """
        kills = dict.fromkeys(dying, 0)
        since, looked = float("inf"), 0.0

        def look() -> bool:
            nonlocal since, looked
            if self._revive(kills, dying):
                since = float("inf")
                return False
            now = time.monotonic()
            if now < looked + pause:  # a look takes the database's lock: not too often
                return False
            looked = now
            since = min(since, now) if until() else float("inf")
            return now >= since + calm

        wait_until(look, seconds, what, pause=0.005)
        return kills

    def _revive(self, kills: dict[str, int], dying: Mapping[str, int]) -> bool:
        died = {role: code for role, child in self.running.items() if (code := child.poll()) is not None}
        for role, code in died.items():
            assert code == -signal.SIGKILL and role in dying, f"{role}: {code}\n{self.running[role].output.read_text()}"
            kills[role] += 1
            self.start(role, environment={"LOCKSTEP_CRASH_AFTER": str(dying[role])})
        return bool(died)

    # --- what there is to see

    @property
    def book(self) -> SqlBook:
        if self._database is None:
            self._database = self.home.open_database()
        return SqlBook(self._database)

    def trades(self) -> dict[str, Trade]:
        """By the deliverer's reference."""
        return {trade.terms.deliverer_reference: trade for trade in self.book.trades()}

    def shows(self, states: Mapping[str, str]) -> bool:
        """Whether these trades stand so, and everybody has been told."""
        found_states = {name: one.state.value for name, one in self.trades().items()}
        return all(found_states.get(name) == state for name, state in states.items()) and not self.book.undelivered()

    def rtgs_facts(self) -> Facts:
        """The RTGS's books, once its process has stopped."""
        assert "rtgs" not in self.running
        rtgs = Rtgs(self.home.rtgs_database, self.home.clock(), bic=self.market.rtgs)
        try:
            return rtgs.facts()
        finally:
            rtgs.close()

    def picture(self) -> Picture:
        facts, node = self.rtgs_facts(), Node(self.rpc)
        members = {member.wallet: member.bic for member in self.market.participants.values()}
        technical = [one for one in facts.accounts if one.technical]
        return Picture(
            states={name: one.state.value for name, one in self.trades().items()},
            cash={
                (one.owner, one.currency): Money(currency=one.currency, amount=one.posted)
                for one in facts.accounts
                if one not in technical
            },
            earmarked=sum(one.earmarked for one in facts.accounts),
            holdings={
                (bic, security.isin): Quantity.of_units(
                    read(node, "SecurityToken", security.token, "freeOf", wallet)[0], security.decimals
                )
                for wallet, bic in members.items()
                for security in self.market.securities.values()
            },
        )

    def violations(self, *, ended: bool = True) -> dict[str, list[str]]:
        """What the oracle finds on both ledgers."""
        trades = self.book.trades()
        board = DirectoryBoard(self.home.attestations)
        found_violations = audit(
            Node(self.rpc),
            self.market,
            self.rtgs_facts(),
            [one for trade in trades if trade.settlement_id for one in board.attestations(trade.settlement_id)],
            {str(one.settlement_id or one.trade_id): one.state for one in trades},
            self.book.journal(),
            ended=ended,
            skew=SKEW,
            terms=[one.terms for one in trades],
        )
        assert list(found_violations) == [f"I{number}" for number in range(1, 13)]
        return {name: said for name, said in found_violations.items() if said}


AGENTS = ("agent-1", "agent-2", "agent-3", "agent-4")
EVERYBODY = ("rtgs", *AGENTS, "service")
