"""Many seeds, in this process or in several, and what they came to."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from typing import Any

from lockstep.simulation.faults import FaultPlan
from lockstep.simulation.running import Outcome, run_seed

__all__ = ["Total", "run_seeds"]


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
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(run_seed, plan=plan), seeds, chunksize=4)
