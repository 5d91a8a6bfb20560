"""Runs the contract tests against a mutant: one pytest session, collected once, forked for each mutant.

A child deploys the world of tests/contracts from the mutant's creation code, runs the tests in the order it is given
and ends at the first that fails. Nothing a mutant does can reach the next one.
"""

import json
import math
import os
import resource
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest

from lockstep.chain import compiler

__all__ = ["Bench", "Traced", "Verdict", "at_the_bench"]

TESTS = compiler.REPOSITORY / "tests" / "contracts"
LEFT_OUT = (
    "test_compiled.py",
    "test_gas.py",
    "test_machine.py",
    "test_machine_evm.py",
    "test_state_table.py",
    "test_collateral_machine.py",
)
"""The first two compare bytes and gas with committed ones, which every mutant changes: that kills nothing. The others
deploy the committed artefacts into an EVM of their own: they would never meet the mutant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How the tests ended on a mutant."""

    status: str
    """killed, survived or timeout"""
    test: str = ""
    """The test that failed."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Traced:
    """What each test took and where it went, on the contracts as they are."""

    seconds: Mapping[str, float]
    visited: Mapping[str, Mapping[str, Sequence[int]]]
    """For each test and contract, the program counters of its runtime code that were executed."""
    cpu_seconds: float
    """All tests together, tracing included."""


PATIENCE = 20
"""How much longer than its CPU time a process may take by the clock."""


class TestsFailError(Exception):
    """A contract test fails without any mutant."""


class WorkerFailedError(Exception):
    """A child ended without a verdict."""


@dataclass(eq=False)
class Bench:
    """The collected tests. A pytest plugin: it takes the place of the loop that would run them."""

    use: Callable[["Bench"], None]
    items: dict[str, pytest.Item] = field(default_factory=dict)
    _failed: str = ""
    _why: str = ""
    _seconds: dict[str, float] = field(default_factory=dict)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("the tests cannot be collected")
        self.items = {item.nodeid: item for item in session.items}
        self.use(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed and not self._failed:
            self._failed, self._why = report.nodeid, report.longreprtext

    def judge(self, bytecode: Mapping[str, str], order: Sequence[str], limit_seconds: float) -> Verdict:
        """Run the tests in `order` against contracts of this creation code until one fails."""

        def run() -> dict[str, Any]:
            _deploy_instead(bytecode)
            for item, following in self._pairs(order):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self._failed:
                    return {"status": "killed", "test": self._failed}
            return {"status": "survived"}

        started = time.monotonic()
        answer = _in_child(run, limit_seconds)
        seconds = round(time.monotonic() - started, 2)
        return Verdict(seconds=seconds, **(answer or {"status": "timeout"}))

    def trace(self, limit_seconds: float) -> Traced:
        """Run all tests once, on the committed artefacts' code, and note the way each takes.

        Raises TestsFailError.
        """
        from eth.vm.code_stream import CodeStream

        sizes = {len(_artifact(name)["deployedBytecode"]) // 2 - 1: name for name in compiler.SHIPPED}
        seen: dict[str, set[int]] = {name: set() for name in compiler.SHIPPED}

        def counted(stream: Any) -> Iterator[int]:
            name = sizes.get(len(stream))
            visited = seen[name] if name else set()
            for opcode in straight(stream):
                visited.add(stream.program_counter - 1)
                yield opcode

        straight = CodeStream.__iter__

        def run() -> dict[str, Any]:
            CodeStream.__iter__ = counted
            started = time.process_time()
            visited = {}
            for item, following in self._pairs(list(self.items)):
                for pcs in seen.values():
                    pcs.clear()
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if self._failed:
                    return {"failed": self._failed, "why": self._why}
                visited[item.nodeid] = {name: sorted(pcs) for name, pcs in seen.items()}
            return {"seconds": self._seconds, "visited": visited, "cpu_seconds": time.process_time() - started}

        answer = _in_child(run, limit_seconds)
        if answer is None:
            raise TestsFailError(f"the contract tests take more than {limit_seconds} seconds")
        if "failed" in answer:
            raise TestsFailError(f"{answer['failed']} fails on the contracts as they are:\n{answer['why']}")
        return Traced(**answer)

    def _pairs(self, order: Sequence[str]) -> Iterator[tuple[pytest.Item, pytest.Item | None]]:
        """Each test with the next one, which tells pytest what fixtures to keep."""
        items = [self.items[nodeid] for nodeid in order]
        return zip(items, [*items[1:], None], strict=True)


def at_the_bench(use: Callable[[Bench], None]) -> None:
    """Collect the contract tests and call `use` with them.

    Raises TestsFailError if they cannot be collected; whatever `use` raises goes through.
    """
    raised: list[BaseException] = []

    def kept(bench: Bench) -> None:
        try:
            use(bench)
        except BaseException as error:
            raised.append(error)
            raise

    ignored = [f"--ignore={TESTS / name}" for name in LEFT_OUT]
    options = "--strict-markers --strict-config -p no:ape_test"
    arguments = [str(TESTS), *ignored, "--rootdir", str(compiler.REPOSITORY), "--override-ini", f"addopts={options}"]
    code = pytest.main([*arguments, "-q", "-s", "-p", "no:terminalreporter"], plugins=[Bench(kept)])
    if raised:
        raise raised[0]
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise TestsFailError(f"the contract tests cannot be collected: {code!r}")


def _artifact(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((compiler.COMPILED / f"{name}.json").read_text())
    return read


def _deploy_instead(bytecode: Mapping[str, str]) -> None:
    """Let the tests' world deploy this code; its interface is the committed one."""
    harness = sys.modules["contracts.harness"]
    given = {name: _artifact(name) | {"bytecode": code} for name, code in bytecode.items()}
    usual = harness.artifact
    harness.artifact = lambda name: given[name] if name in given else usual(name)


def _in_child(run: Callable[[], dict[str, Any]], limit_seconds: float) -> dict[str, Any] | None:
    """What `run` answers in a forked process, or None if it takes more than `limit_seconds` of a CPU.

    Only a process that waits, which none should, is ended by the clock on the wall: a busy machine kills no mutant.
    Raises WorkerFailedError.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # Counted from the fork on.
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit_seconds), resource.RLIM_INFINITY))
        _answer_and_leave(run, writing)
    os.close(writing)
    try:
        data = _read_until(time.monotonic() + PATIENCE * limit_seconds, reading)
    finally:
        os.close(reading)
        os.kill(child, signal.SIGKILL)
        _, ending = os.waitpid(child, 0)
    if data:
        answer: dict[str, Any] = json.loads(data)
        return answer
    if data is None or (os.WIFSIGNALED(ending) and os.WTERMSIG(ending) == signal.SIGXCPU):
        return None
    raise WorkerFailedError("a test process ended without an answer")


def _read_until(deadline: float, file: int) -> bytes | None:
    """All that is written to a pipe, or None if it is still open at the deadline."""
    pieces: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if selector.select(left):
                piece = os.read(file, 1 << 20)
                if not piece:
                    return b"".join(pieces)
                pieces.append(piece)
    return None


def _answer_and_leave(run: Callable[[], dict[str, Any]], writing: int) -> NoReturn:
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        data = json.dumps(run()).encode()
        while data:
            data = data[os.write(writing, data) :]
    finally:
        os._exit(0)
