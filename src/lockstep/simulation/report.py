"""Many seeds, in this process or in several, and what they came to."""

import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from typing import Any

from lockstep.simulation.faults import FaultPlan
from lockstep.simulation.running import Outcome, run_seed

__all__ = ["Total", "processes", "run_seeds"]


@dataclass(slots=True)
class Total:
    """Outcomes added up."""

    seeds: int = 0
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)

    def add(self, one: Outcome) -> None:
        self.seeds += 1
        self.steps += one.steps
        self.faults.update(one.faults)
        self.ended.update(one.ended)
        self.hashes[one.seed] = one.hash
        if one.violations:
            self.failed.append(one)

    def as_json(self) -> dict[str, Any]:
        return {
            "seeds": self.seeds,
            "steps": self.steps,
            "faults": dict(sorted(self.faults.items())),
            "ended": dict(sorted(self.ended.items())),
            "violations": [{"seed": one.seed, "violations": list(one.violations)} for one in self.failed],
            "hashes": {str(seed): self.hashes[seed] for seed in sorted(self.hashes)},
        }


def run_seeds(
    seeds: Sequence[int], plan: FaultPlan, *, jobs: int = 1, after: Callable[[Outcome], None] = lambda _: None
) -> Total:
    """Runs them all; `after` hears of each, in the order of the seeds."""
    total = Total()
    for outcome in _outcomes(seeds, plan, jobs):
        total.add(outcome)
        after(outcome)
    return total


def _outcomes(seeds: Sequence[int], plan: FaultPlan, jobs: int) -> Iterator[Outcome]:
    if jobs == 1:
        yield from (run_seed(seed, plan) for seed in seeds)
        return
    with processes(jobs) as pool:
        yield from pool.map(partial(run_seed, plan=plan), seeds, chunksize=4)


def processes(jobs: int) -> ProcessPoolExecutor:
    """Processes of their own for runs; whatever ends this one, they end too."""
    return ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """Else a command that is killed leaves processes behind that wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
