"""The long run, in parts: each part is one seed; what is done is kept, so it can be interrupted and goes on.

`python -m contracts.machine.long --calls 1000000`, in `tests/`; `make deep` runs it until it has enough.
"""

import argparse
import hashlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lockstep.chain import compiler
from lockstep.testing.parts import Kept

from .reading import Layout
from .runner import Tally, Violation, run_seed
from .world import World

__all__ = ["KEPT", "Progress", "go_on", "revision"]

KEPT = compiler.REPOSITORY / ".build" / "machine" / "long.json"
STEPS = 1_000
STRIDE = 10
UNUSED_HERE = {"long", "page", "planted", "table", "table_net"}


@dataclass
class Progress(Kept):
    """What is done of one revision of contracts and machine. Seeds are taken in order: `seeds` of them are done."""

    seeds: int = 0
    calls: int = 0
    seconds: float = 0.0
    accepted: int = 0
    refused: int = 0
    events: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def add(self, tally: Tally, seconds: float) -> None:
        self.seeds += 1
        self.calls += tally.calls
        self.seconds = round(self.seconds + seconds, 3)
        self.accepted += sum(tally.accepted.values())
        self.refused += sum(tally.refused.values())
        for name, times in tally.events.items():
            self.events[name] = self.events.get(name, 0) + times

    def __str__(self) -> str:
        rate = self.calls / self.seconds if self.seconds else 0
        return (
            f"{self.calls:,} calls in {self.seeds} runs, {self.accepted:,} accepted, {self.refused:,} refused, "
            f"{rate:,.0f} calls a second of the processor, {len(self.violations)} violations"
        )


def revision() -> str:
    """Changes with the shipped contracts, the mocks and the machine itself: other code begins anew."""
    files = [*compiler.COMPILED.glob("*.json"), *(compiler.CONTRACTS / "mocks").glob("*.sol")]
    modules = [one for one in Path(__file__).parent.glob("*.py") if not one.stem.startswith("collateral")]
    files += [one for one in modules if one.stem not in UNUSED_HERE]
    return hashlib.sha256(b"".join(one.read_bytes() for one in sorted(files))).hexdigest()[:16]


def go_on(path: Path, calls: int, seconds: float, say: Callable[[str], object]) -> Progress:
    """Go on from what is kept until `calls` are made in all or `seconds` have passed; a violation is kept too."""
    progress = Progress.of(path, revision())
    say(f"begins with {progress}")
    worlds, began = [World(), World(renames=True)], time.monotonic()
    layouts = [Layout(world) for world in worlds]
    while progress.calls < calls and time.monotonic() - began < seconds:
        tally, started = Tally(), time.process_time()
        try:
            # In every fourth run the chain may change its id.
            which = progress.seeds % 4 == 3
            run_seed(worlds[which], layouts[which], progress.seeds, STEPS, tally)
        except Violation as violation:
            progress.violations.append(str(violation))
            say(str(violation))
        progress.add(tally, time.process_time() - started)
        progress.keep(path)
        if progress.seeds % STRIDE == 0:
            say(str(progress))
    say(f"ends with {progress}")
    return progress


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000_000, help="in all, with those of earlier parts")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of this part")
    given = parser.parse_args()
    done = go_on(KEPT, given.calls, given.seconds, lambda line: print(line, flush=True))
    return 1 if done.violations else 0


if __name__ == "__main__":
    sys.exit(main())
