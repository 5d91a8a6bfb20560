"""Bugs planted in memory, and how many seeds the simulator needs to find one.

A bug is a change of a few words in the real code: `rewrite` compiles a function anew with them and puts the result
into the function that everybody has imported already. Nothing is written to a file, and the patch takes it out again.
"""

import ast
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType, FunctionType
from typing import Any

import pytest

from lockstep.simulation.faults import FaultPlan, Injector
from lockstep.simulation.running import run_seed

__all__ = ["MOST_SEEDS", "Found", "Planted", "find", "rewrite", "stated"]

MOST_SEEDS = 400
"""A bug that is not found in so many seeds is a hole in the simulator."""
_STATED = (10, 20, 40, 100, 200, MOST_SEEDS)
_INVARIANT = re.compile(r"([CIP]\d+): ")


@dataclass(frozen=True)
class Planted:
    """One bug. `what` says what the code does wrong; `guard`, which other code had to go with it, as that alone
    keeps the harm away: defence in depth that the simulator cannot see through."""

    name: str
    what: str
    plant: Callable[[pytest.MonkeyPatch], None]
    guard: str = ""
    needs: tuple[str, ...] = ()
    """Kinds of faults without which nothing shows: seeds that have them off are passed over, and count all the same."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Kinds that are so rare that the seeds are run with them more often: the `[rates]` of a file of faults."""
    collateral: bool = False
    """Seeds are run in the market with a collateral register."""

    @property
    def plan(self) -> FaultPlan:
        return FaultPlan(rates=self.rates, collateral=self.collateral)


@dataclass(frozen=True, slots=True)
class Found:
    """Within how many seeds, after how many steps of the last of them, and what the first violation said."""

    seeds: int
    steps: int
    violation: str

    @property
    def by(self) -> str:
        """The invariant or promise that reported it, or what else stood out."""
        named = _INVARIANT.match(self.violation)
        if named is not None:
            return named[1]
        if " wrote under lease " in self.violation:
            return "a late write"
        if " halted, since " in self.violation:
            return "a lock while halted"
        if " and no break was told" in self.violation:
            return "a break untold"
        return "a process died" if " died of " in self.violation else "no end"


def stated(seeds: int) -> int:
    """Within how many seeds a bug must be found that was found within so many, 1 to `MOST_SEEDS`: a round number, and a
    quarter more at least, as seeds drift; where that is more than `MOST_SEEDS`, those."""
    return next((one for one in _STATED if 4 * one >= 5 * seeds), MOST_SEEDS)


def find(planted: Planted, most_seeds: int = MOST_SEEDS, first: int = 1) -> Found | None:
    """Runs seeds with the bug in, from `first` on, until one shows it; None if none of `most_seeds` does."""
    with pytest.MonkeyPatch.context() as patch:
        planted.plant(patch)
        for seed in range(first, first + most_seeds):
            if not all(Injector(seed, planted.plan).has(kind) for kind in planted.needs):
                continue
            outcome = run_seed(seed, planted.plan)
            if outcome.violations:
                return Found(seeds=seed - first + 1, steps=outcome.steps, violation=outcome.violations[0])
    return None


def rewrite(patch: pytest.MonkeyPatch, function: Any, *changes: tuple[str, str]) -> None:
    """Puts the bug in: each change is (what stands there once, what stands there then), as in the function's source.

    Raises ValueError where the source is no longer what the bug was written for: then the bug is to be written anew.
    """
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    assert isinstance(function, FunctionType)
    source = inspect.getsource(function)
    for old, new in changes:
        if source.count(old) != 1:
            raise ValueError(f"{function.__qualname__} has {source.count(old)} times, not once: {old}")
        source = source.replace(old, new)
    patch.setattr(function, "__code__", _compiled(function, source))


def _compiled(function: FunctionType, source: str) -> CodeType:
    (definition,) = ast.parse(f"if True:\n{source}" if source.startswith(" ") else source).body
    if isinstance(definition, ast.If):  # a method, with the indentation that it has
        (definition,) = definition.body
    assert isinstance(definition, ast.FunctionDef)
    definition.decorator_list = []
    names = dict(function.__globals__)
    tree = ast.Module(body=[definition], type_ignores=[])
    exec(compile(tree, f"<planted in {function.__qualname__}>", "exec"), names)
    code = names[definition.name].__code__
    assert isinstance(code, CodeType) and code.co_freevars == function.__code__.co_freevars
    return code
