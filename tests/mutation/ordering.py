"""Which tests to run first: those that went over the mutant's lines, the quickest first.

The order decides how soon a mutant dies, never whether: a mutant survives only when every test has passed.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .building import Contracts
from .mutants import Mutant, digest_of
from .running import LEFT_OUT, TESTS, Bench, Traced

__all__ = ["Ordering", "ordering_of", "tests_digest"]

TRACE_LIMIT_SECONDS = 1_200


def tests_digest() -> str:
    """Digest of all that a contract test can depend on but the contracts."""
    files = sorted(path for path in TESTS.glob("*.py") if path.name not in LEFT_OUT)
    return digest_of(json.dumps([[path.name, path.read_text()] for path in files]))


class Ordering:
    """The lines that each test goes over, and which tests have killed before."""

    def __init__(
        self, seconds: Mapping[str, float], lines: Mapping[str, Mapping[str, Sequence[int]]], cpu_seconds: float
    ) -> None:
        self.cpu_seconds = cpu_seconds
        """What all tests take together, traced."""
        self._seconds = seconds
        self._lines = {test: {file: set(of) for file, of in by.items()} for test, by in lines.items()}
        self._killers: dict[tuple[str, str], list[str]] = defaultdict(list)

    def learn(self, mutant: Mutant, test: str) -> None:
        """`test` has killed `mutant`: it goes first for the others of that function."""
        killers = self._killers[mutant.file, mutant.function]
        if test in killers:
            killers.remove(test)
        killers.insert(0, test)

    def tests_for(self, mutant: Mutant, function: tuple[int, int]) -> list[str]:
        """Every test, the likeliest to fail first. `function`: first and last line of what the mutant is in."""
        killers = {test: place for place, test in enumerate(self._killers[mutant.file, mutant.function][:3])}
        edited = set(range(mutant.first_line, mutant.last_line + 1))
        around = set(range(function[0], function[1] + 1))

        def rank(test: str) -> tuple[int, float]:
            visited = self._lines.get(test, {}).get(mutant.file, set())
            near = 0 if visited & edited else 1 if visited & around else 2
            if test in killers and near < 2:
                return -1, killers[test]
            return near, self._seconds[test]

        return sorted(self._seconds, key=rank)


def ordering_of(contracts: Contracts, bench: Bench, folder: Path) -> Ordering:
    """Trace the tests on the contracts as they are, or read the trace kept of the same contracts and tests."""
    kept = folder / f"trace-{contracts.digest}-{tests_digest()}.json"
    if not kept.exists():
        traced = bench.trace(TRACE_LIMIT_SECONDS)
        record = {"seconds": traced.seconds, "lines": _lines(contracts, traced), "cpu_seconds": traced.cpu_seconds}
        for stale in folder.glob("trace-*.json"):
            stale.unlink()
        kept.write_text(json.dumps(record))
    return Ordering(**json.loads(kept.read_text()))


def _lines(contracts: Contracts, traced: Traced) -> dict[str, dict[str, list[int]]]:
    places = {}
    for answer in contracts.compile():
        units = {unit["id"]: list(contracts.lines(file)) for file, unit in answer["sources"].items()}
        names = {unit["id"]: file for file, unit in answer["sources"].items()}
        for found in answer["contracts"].values():
            places |= {name: _places(one["evm"]["deployedBytecode"], names, units) for name, one in found.items()}
    lines: dict[str, dict[str, list[int]]] = {}
    for test, visited in traced.visited.items():
        by: dict[str, set[int]] = defaultdict(set)
        for name, counters in visited.items():
            for counter in counters:
                if (place := places[name].get(counter)) is not None:
                    by[place[0]].add(place[1])
        lines[test] = {file: sorted(of) for file, of in by.items()}
    return lines


def _places(
    deployed: Mapping[str, Any], names: Mapping[int, str], line_of: Mapping[int, Sequence[int]]
) -> dict[int, tuple[str, int]]:
    """Source unit and line of each instruction, by program counter.

    `deployed`: runtime code and its source map, as the compiler gives them; `line_of`: the line of each byte of a
    source unit, by the number that the map calls it.
    """
    found = {}
    code = bytes.fromhex(deployed["object"])
    counter, start, number = 0, 0, -1
    for entry in deployed["sourceMap"].split(";"):
        # start:length:unit:…; what is left out is as in the entry before.
        fields = entry.split(":")
        start = int(fields[0]) if fields[0] else start
        number = int(fields[2]) if len(fields) > 2 and fields[2] else number
        if number in names and 0 <= start < len(line_of[number]):
            found[counter] = (names[number], line_of[number][start])
        if counter >= len(code):
            break
        # PUSH1 to PUSH32 carry their operand.
        opcode = code[counter]
        counter += 1 + (opcode - 0x5F if 0x60 <= opcode <= 0x7F else 0)
    return found
