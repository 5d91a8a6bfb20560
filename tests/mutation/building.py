"""Compiles mutants with the settings that the package ships with.

One contract takes seconds (via-IR), so compilers run beside the tests: each is one process that is given several
mutants ahead. Answers are taken in the order in which mutants were handed in.
"""

import json
import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Self

from lockstep.chain import compiler

from .mutants import Mutant, digest_of
from .operators import Node, mutants_of, walk

__all__ = ["Built", "Compilers", "Contracts"]

TESTED = ("contracts", "contracts/collateral", "contracts/libraries", "contracts/token")
"""Folders whose source units are mutated: interfaces make no code, mocks are not shipped."""

OUTPUTS = ["evm.bytecode.object", "evm.deployedBytecode.object", "evm.deployedBytecode.sourceMap"]


Request = Mapping[str, Any]


class CompilerFailedError(Exception):
    """The compiler's process ended without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What a version of the sources compiled to."""

    bytecode: Mapping[str, str]
    """Creation code of each contract that was compiled, with 0x; empty if the sources do not compile."""
    complaint: str = ""
    """The first error, if they do not."""

    @property
    def code(self) -> str:
        """Digest of all creation code: the same for two versions that behave the same because they are the same."""
        return digest_of(json.dumps(self.bytecode, sort_keys=True))


class Contracts:
    """The sources as they are now, read once, with their trees."""

    def __init__(self) -> None:
        self.sources = compiler.sources_in(
            path for path in compiler.CONTRACTS.rglob("*.sol") if "mocks" not in path.parts
        )
        answer = _run(_request(self.sources, {"*": {"": ["ast"]}}))
        self.trees: dict[str, Node] = {name: unit["ast"] for name, unit in answer["sources"].items()}
        self._needs = {name: self._closure(name) for name in self.sources}
        self.digest = digest_of(json.dumps(self.sources, sort_keys=True))

    def mutants(self) -> list[Mutant]:
        """Every mutant of every unit that makes code."""
        return [
            mutant
            for name, content in self.sources.items()
            if str(Path(name).parent) in TESTED
            for mutant in mutants_of(name, content, {unit: self.trees[unit] for unit in self._needs[name]})
        ]

    def users(self, file: str) -> list[str]:
        """The shipped contracts whose code may come from `file`."""
        return [name for name in compiler.SHIPPED if file in self._needs[_unit(name)]]

    def requests(self, mutant: Mutant | None = None, contracts: Iterable[str] = compiler.SHIPPED) -> list[Request]:
        """Standard JSON inputs for `contracts`, with the mutant's edit made: one for each run of the compiler that
        makes any of them, with that run's sources, as they number its trees and so change bytes."""
        chosen = set(contracts) if mutant is None else set(self.users(mutant.file))
        found = []
        for sources, names in compiler.runs(self.sources):
            made = [name for name in names if name in chosen]
            if made:
                if mutant is not None:
                    sources[mutant.file] = mutant.applied(sources[mutant.file])
                found.append(_request(sources, {_unit(name): {name: OUTPUTS} for name in made}))
        return found

    def compile(self) -> list[dict[str, Any]]:
        """The compiler's answers on the sources as they are: one for each of its runs."""
        return [_run(request) for request in self.requests()]

    def lines(self, file: str) -> Iterator[int]:
        """The line of each byte of a unit."""
        line = 1
        for byte in self.sources[file].encode():
            yield line
            line += byte == 0x0A

    def around(self, mutant: Mutant) -> tuple[int, int]:
        """First and last line of the function or modifier that the mutant is in; its own lines if it is in none."""
        data = self.sources[mutant.file].encode()
        for node in walk(self.trees[mutant.file]):
            if node["nodeType"] in ("FunctionDefinition", "ModifierDefinition"):
                start, length, _ = map(int, node["src"].split(":"))
                if start <= mutant.edit.start < start + length:
                    return data.count(b"\n", 0, start) + 1, data.count(b"\n", 0, start + length) + 1
        return mutant.first_line, mutant.last_line

    def _closure(self, file: str) -> set[str]:
        found: set[str] = set()
        ahead = [file]
        while ahead:
            if (name := ahead.pop()) not in found:
                found.add(name)
                nodes = self.trees[name]["nodes"]
                ahead += [node["absolutePath"] for node in nodes if node["nodeType"] == "ImportDirective"]
        return found


class Compilers:
    """`count` compiler processes, each given up to `ahead` mutants before its answers are asked for."""

    def __init__(self, count: int, ahead: int = 4) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="lockstep-mutants-")
        self._processes = [_Process(Path(self._folder.name) / str(number)) for number in range(count)]
        self._ahead = ahead

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.stop()
        self._folder.cleanup()

    def answers(self, requests: Sequence[Request]) -> list[dict[str, Any]]:
        """The compiler's standard JSON outputs, with the errors that may be in them."""
        self._processes[0].give(requests)
        return self._processes[0].take()

    def unchanged(self, contracts: Contracts) -> Built:
        """What the sources compile to as they are."""
        return _built(self.answers(contracts.requests()))

    def each(self, contracts: Contracts, mutants: Iterable[Mutant]) -> Iterator[tuple[Mutant, Built]]:
        """Each mutant with what it compiled to, in the order given."""
        waiting: deque[tuple[Mutant, _Process]] = deque()
        for mutant, process in zip(mutants, cycle(self._processes), strict=False):
            if len(waiting) == self._ahead * len(self._processes):
                done, oldest = waiting.popleft()
                yield done, _built(oldest.take())
            process.give(contracts.requests(mutant))
            waiting.append((mutant, process))
        while waiting:
            done, oldest = waiting.popleft()
            yield done, _built(oldest.take())


class _Process:
    """One compiler and its queue: the bridge kept running, or the native one started per mutant."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._executable = compiler.install()
        self._serves = self._executable.read_bytes()[:2] == b"#!"
        self._running: subprocess.Popen[str] | None = None
        self._queue: deque[list[Path]] = deque()
        self._given = 0

    def give(self, requests: Sequence[Request]) -> None:
        """What is given together is answered together."""
        files = []
        for request in requests:
            self._given += 1
            files.append(self._folder / f"{self._given}.json")
            files[-1].write_text(json.dumps(request))
        self._queue.append(files)
        if self._serves:
            if self._running is None:
                command = [str(self._executable), "--serve", "--base-path", str(compiler.REPOSITORY)]
                self._running = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=compiler.REPOSITORY
                )
            assert self._running.stdin is not None
            self._running.stdin.writelines(f"{file}\n" for file in files)
            self._running.stdin.flush()

    def take(self) -> list[dict[str, Any]]:
        """The answers to the oldest requests."""
        return [self._taken(file) for file in self._queue.popleft()]

    def _taken(self, file: Path) -> dict[str, Any]:
        answer = file.with_name(f"{file.name}.answer")
        if self._serves:
            assert self._running is not None and self._running.stdout is not None
            if self._running.stdout.readline().rstrip("\n") != str(file):
                raise CompilerFailedError(f"the compiler ended before it answered {file.name}")
        else:
            answer.write_text(_standard_json(self._executable, file.read_text()))
        read: dict[str, Any] = json.loads(answer.read_text())
        file.unlink()
        answer.unlink()
        return read

    def stop(self) -> None:
        if self._running is not None:
            assert self._running.stdin is not None and self._running.stdout is not None
            self._running.stdin.close()
            self._running.kill()
            self._running.wait()
            self._running.stdout.close()
            self._running = None


def _unit(name: str) -> str:
    return f"contracts/{name}.sol"


def _request(sources: Mapping[str, str], outputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "language": "Solidity",
        "sources": {name: {"content": content} for name, content in sources.items()},
        "settings": compiler.SETTINGS | {"outputSelection": outputs},
    }


def _standard_json(executable: Path, request: str) -> str:
    command = [str(executable), "--standard-json", "--base-path", str(compiler.REPOSITORY)]
    done = subprocess.run(command, input=request, capture_output=True, text=True, env=os.environ, check=True)
    return done.stdout


def _run(request: Mapping[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(_standard_json(compiler.install(), json.dumps(request)))
    if complaint := _complaint(answer):
        raise CompilerFailedError(complaint)
    return answer


def _complaint(answer: Mapping[str, Any]) -> str:
    errors = [one for one in answer.get("errors", ()) if one["severity"] == "error"]
    return str(errors[0]["formattedMessage"]) if errors else ""


def _built(answers: Iterable[Mapping[str, Any]]) -> Built:
    made: dict[str, Any] = {}
    for answer in answers:
        if complaint := _complaint(answer):
            return Built(bytecode={}, complaint=complaint)
        made |= {name: one for contracts in answer["contracts"].values() for name, one in contracts.items()}
    return Built(bytecode={name: "0x" + one["evm"]["bytecode"]["object"] for name, one in made.items()})
