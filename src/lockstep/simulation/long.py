"""The long run, in parts: what is done is kept after every few seeds, so it can be interrupted and goes on.

`python -m lockstep.simulation.long --seconds 1800`; `make deep` runs it too, for LOCKSTEP_SIMULATION_SECONDS.
Other code of the package, or another version of what it runs on, begins anew.
"""

import argparse
import hashlib
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import lockstep
from lockstep.simulation.faults import FaultPlan
from lockstep.simulation.report import Total, run_seeds
from lockstep.testing.parts import Kept

__all__ = ["KEPT", "KEPT_COLLATERAL", "Progress", "go_on", "revision"]

KEPT = Path(".build/simulation/long.json")
KEPT_COLLATERAL = Path(".build/simulation/long-collateral.json")
"""Of runs in a market with a collateral register."""
USUAL = FaultPlan()
FIRST = 201
"""Those before are run by `make test`."""
STRIDE = 20
"""Seeds from one keeping to the next, for each process."""
DEPENDENCIES = ("pyrevm", "sqlalchemy", "web3")
SUFFIXES = (".py", ".json", ".toml", ".xsd")


@dataclass
class Progress(Kept):
    """What is done of one revision. Seeds are taken in order, from FIRST on: `seeds` of them are done."""

    seeds: int = 0
    steps: int = 0
    seconds: float = 0.0
    """By the wall clock, in all parts."""
    faults: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def add(self, total: Total, seconds: float) -> None:
        self.seeds += total.seeds
        self.steps += total.steps
        self.seconds = round(self.seconds + seconds, 3)
        self.faults = dict(sorted((Counter(self.faults) + total.faults).items()))
        self.ended = dict(sorted((Counter(self.ended) + total.ended).items()))
        self.violations += [f"seed {one.seed}: {one.violations[0]}" for one in total.failed]

    def __str__(self) -> str:
        rate = 60 * self.seeds / self.seconds if self.seconds else 0
        return (
            f"{self.seeds:,} seeds in all, {self.steps:,} steps, {sum(self.faults.values()):,} faults, "
            f"{sum(self.ended.values()):,} trades, {rate:,.0f} seeds a minute, {len(self.violations)} violations"
        )


def revision() -> str:
    """Changes with the package, contracts and schemas included, and with what decides the runs beside it."""
    root = Path(lockstep.__file__).parent
    found = hashlib.sha256(" ".join(f"{name} {version(name)}" for name in DEPENDENCIES).encode())
    for path in sorted(one for one in root.rglob("*") if one.suffix in SUFFIXES):
        found.update(f"\n{path.relative_to(root)}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def go_on(
    path: Path, seconds: float, say: Callable[[str], object], *, jobs: int = 1, stride: int = STRIDE,
    seeds: int | None = None, plan: FaultPlan = USUAL,
) -> Progress:  # fmt: skip
    """Go on from what is kept until `seconds` have passed, or `seeds` are done in all; a violation is kept too."""
    progress = Progress.of(path, revision())
    say(f"begins with {progress}")
    began = time.monotonic()
    while time.monotonic() - began < seconds and (seeds is None or progress.seeds < seeds):
        first, started = FIRST + progress.seeds, time.monotonic()
        many = stride * jobs if seeds is None else min(stride * jobs, seeds - progress.seeds)
        total = run_seeds(range(first, first + many), plan, jobs=jobs)
        before = len(progress.violations)
        progress.add(total, time.monotonic() - started)
        progress.keep(path)
        for one in progress.violations[before:]:
            say(one)
        say(str(progress))
    say(f"ends with {progress}")
    return progress


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of this part")
    parser.add_argument("--seeds", type=int, default=None, help="in all, with those of earlier parts")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--keep", type=Path, default=None, help="where the progress is kept")
    parser.add_argument("--collateral", action="store_true", help="in a market with a collateral register")
    given = parser.parse_args()
    keep = given.keep or (KEPT_COLLATERAL if given.collateral else KEPT)
    plan = FaultPlan(collateral=given.collateral)

    def say(line: str) -> None:
        print(line, flush=True)

    done = go_on(keep, given.seconds, say, jobs=given.jobs, seeds=given.seeds, plan=plan)
    return 1 if done.violations else 0


if __name__ == "__main__":
    sys.exit(main())
