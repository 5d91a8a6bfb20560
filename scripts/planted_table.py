"""Writes docs/reference/planted-bugs.md: which planted bugs the simulator finds, by what, and how soon.

    python scripts/planted_table.py            measures each bug anew: an hour on one core
    python scripts/planted_table.py NAME ...   measures these, and leaves the others' lines as they are
    python scripts/planted_table.py --check    compares the page's bugs with those in tests/simulation, and counts them;
                                               measures nothing

Needs the `dev` extra and, for the bugs in contracts, the compiler (see lockstep.chain.compiler).
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from lockstep.simulation.running import run_seed
from simulation.planted import BLIND, HOLES, every, found
from simulation.planted_page import PAGE, Line, lines_of, written
from simulation.planting import MOST_SEEDS, find

LEAST, LEAST_BLIND = 30, 10
"""So many planted bugs the simulator must find, and of those whose author had not read the oracle."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(arguments)
    bugs, path = every(), ROOT / PAGE
    unknown = sorted(set(given.names) - bugs.keys())
    if unknown:
        parser.error(f"NAME: {', '.join(unknown)}: not a planted bug")
    known = lines_of(path.read_text()) if path.exists() else {}
    blind = {one.name for one in BLIND}
    missing = []
    if not given.check:
        for name in given.names or found():
            shown = find(bugs[name], MOST_SEEDS)
            known = lines_of(path.read_text()) if path.exists() else {}  # another process may measure others
            if shown is not None and run_seed(shown.seeds, bugs[name].plan).violations:
                print(f"{name}: seed {shown.seeds} breaks an invariant without the bug as well", flush=True)
                shown = None
            if shown is None:
                known.pop(name, None)
                print(f"{name}: not found within {MOST_SEEDS} seeds", flush=True)
                continue
            known[name] = Line.of(shown)
            print(f"{name}: {known[name].text()}", flush=True)
            path.write_text(written(bugs, {one: known[one] for one in found() if one in known}, blind, HOLES))
    for name in sorted(found().keys() - known.keys()):
        missing.append(name)
        print(f"{name}: not found, or not measured: not in {PAGE}")
    shown_blind = len(blind & known.keys() & found().keys())
    few = len(known.keys() & found().keys()) < LEAST or shown_blind < LEAST_BLIND
    if few:
        print(
            f"{PAGE} has {len(known)} bugs that are found, {shown_blind} of them blind: not {LEAST} and {LEAST_BLIND}"
        )
    same = path.exists() and path.read_text() == written(
        bugs, {one: known[one] for one in found() if one in known}, blind, HOLES
    )
    if not same:
        print(f"{PAGE} is not what scripts/planted_table.py writes")
    return 0 if same and not missing and not few else 1


if __name__ == "__main__":
    raise SystemExit(main())
