"""The simulated world, measured: whole runs of the system from seeds, under faults, judged after every step.

    python bench/simulate.py         writes bench/simulate.json

* `seeds_per_minute`, `steps_per_minute`: of one process, by its processor time, the founding of the market left out.
* `cpu_seconds_per_seed`: the same the other way round; at most 0.3 is the goal. A seed is a whole world: three to six
  trades, set-up, 80 to 240 steps, and the business days until all has ended.
* `founding_cpu_seconds`: imports, contracts, keys and books, once per process.
* `oracle_share`: of that time, what the invariants' oracle takes, beside what it reads of the service.
* `of_slowest`: the dearest of the seeds, in processor seconds.
* `hours_for_100_000`: on one core by processor time, which is what a quiet machine takes; and on this machine's cores
  with as many processes, by the wall clock of a sample, as busy as the machine is.
* `load`: the machine's load average over a minute, before and after: 0 is a quiet one.
"""

import json
import os
import time

BEGAN = time.process_time()  # before all that is imported: founding is measured with it

import sys
from pathlib import Path
from typing import Any

from lockstep.simulation.faults import FaultPlan
from lockstep.simulation.ground import ground
from lockstep.simulation.report import run_seeds
from lockstep.simulation.running import run_seed
from lockstep.simulation.watching import Watcher

ROOT = Path(__file__).resolve().parents[1]
SEEDS = range(1, 101)
MANY = 100_000


def load() -> float:
    return round(os.getloadavg()[0], 1)


class Watched:
    """Processor time within the watcher's methods."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._within = False
        for name in ("check", "finish", "look"):
            setattr(Watcher, name, self._timed(getattr(Watcher, name)))

    def _timed(self, method: Any) -> Any:
        def timed(*given: Any) -> Any:
            if self._within:
                return method(*given)
            started, self._within = time.process_time(), True
            try:
                return method(*given)
            finally:
                self._within = False
                self.seconds += time.process_time() - started

        return timed


def one_process() -> dict[str, Any]:
    """All seeds, one after the other."""
    run_seed(0)  # what is compiled once
    oracle = Watched()
    took, steps, violations = [], 0, 0
    for seed in SEEDS:
        started = time.process_time()
        outcome = run_seed(seed)
        took.append(time.process_time() - started)
        steps += outcome.steps
        violations += len(outcome.violations)
    spent = sum(took)
    return {
        "seeds": len(SEEDS),
        "steps": steps,
        "violations": violations,
        "seeds_per_minute": round(60 * len(SEEDS) / spent),
        "steps_per_minute": round(60 * steps / spent),
        "cpu_seconds_per_seed": round(spent / len(SEEDS), 3),
        "of_slowest": round(max(took), 3),
        "oracle_share": round(oracle.seconds / spent, 3),
    }


def all_cores(cores: int) -> float:
    """Seconds of the wall clock per seed with a process for each core; what starting them takes is left out."""
    short, long = range(1, 1 + 4 * cores), range(1, 1 + len(SEEDS))
    times = []
    for seeds in (short, long):
        started = time.perf_counter()
        run_seeds(seeds, FaultPlan(), jobs=cores)
        times.append(time.perf_counter() - started)
    return (times[1] - times[0]) / (len(long) - len(short))


def main() -> int:
    before = load()
    ground()
    founding = time.process_time() - BEGAN
    found = one_process()
    cores = os.cpu_count() or 1
    each = all_cores(cores)
    result = found | {
        "founding_cpu_seconds": round(founding, 2),
        "goal": {"cpu_seconds_per_seed": 0.3},
        "hours_for_100_000": {
            "one_core": round(found["cpu_seconds_per_seed"] * MANY / 3600, 1),
            f"{cores}_processes_here": round(each * MANY / 3600, 1),
        },
        "load": [before, load()],
    }
    (ROOT / "bench" / "simulate.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0 if not found["violations"] else 1


if __name__ == "__main__":
    sys.exit(main())
