"""Reconciliation, measured: books of millions, errors found in them, evidence verified.

    python bench/reconcile.py              writes bench/reconcile.json, in about five minutes
    python bench/reconcile.py --small      a hundredth of the rows, to try it

* `positions`, `trades`: three books of a million and of ten million rows, compared once loaded; `times` is how much
  longer ten million take. Goals: a million in 1 second, ten million in 11 and within 2,048 MiB (`met`), and in no more
  than 11 times what the million took (`times_met`).
* `probe`: one hash join of a million positions alone took 0.18 seconds when the goals were set.
* `duckdb`: the same books and question in DuckDB, where it is installed; `line_by_line` as the comparison of a small
  installation does it, rows a second.
* `load`: a legacy book's CSV, every row judged, and a semt.002 statement, rows a second.
* `planted`: a million rows each of trades, positions and cash in four books with 1,000 errors of every class; and
  200,000 rows where the legacy book tells no UETRs, with errors in that book only, or in any.
* `evidence`: packs verified; 10,000 a minute is the goal.
* Each figure is a process of its own. `peak_mib` is the most memory that it ever had. `cpu_seconds` is the processor's
  time, which other work on the machine does not flatter; `load_average` the machine's over a minute, before and after.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OUT = HERE / "reconcile.json"
BEGUN = time.monotonic()
GOAL_SECONDS, GOAL_TIMES, GOAL_MIB, GOAL_PACKS, PROBE_SECONDS = 1, 11, 2048, 10_000, 0.18


def run(script: str, *options: object) -> Any:
    """What a part prints, as JSON."""
    print(f"{time.monotonic() - BEGUN:5.0f} s  {script} {' '.join(map(str, options))}", file=sys.stderr, flush=True)
    command = [sys.executable, str(HERE / script), *map(str, options)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=900)
    print(done.stdout.decode().replace("\n", " ")[:240], file=sys.stderr, flush=True)
    return json.loads(done.stdout)


def compared(subject: str, scale: int) -> dict[str, Any]:
    part = "reconcile_books.py"
    million = run(part, "compare", "--subject", subject, "--rows", 1_000_000 // scale, "--runs", 5)
    ten = run(part, "compare", "--subject", subject, "--rows", 10_000_000 // scale, "--runs", 2)
    found: dict[str, Any] = {
        "million": million,
        "ten_million": ten,
        "times": round(ten["seconds"] / million["seconds"], 2),
        "goal": {
            "seconds": GOAL_SECONDS,
            "ten_million_seconds": GOAL_TIMES * GOAL_SECONDS,
            "times": GOAL_TIMES,
            "peak_mib": GOAL_MIB,
        },
        "met": million["seconds"] <= GOAL_SECONDS
        and ten["seconds"] <= GOAL_TIMES * GOAL_SECONDS
        and ten["peak_mib"] <= GOAL_MIB,
        "times_met": ten["seconds"] <= GOAL_TIMES * million["seconds"],
    }
    if find_spec("duckdb"):
        found["duckdb"] = run(part, "duckdb", "--subject", subject, "--rows", 1_000_000 // scale, "--runs", 3)
    found["line_by_line"] = run(part, "lines", "--subject", subject, "--rows", 50_000 // scale, "--runs", 1)
    return found


def loads(scale: int) -> dict[str, Any]:
    """CSV of a million positions, of a million trades and of ten million trades; each file is removed again."""
    found = {}
    part = "reconcile_books.py"
    with tempfile.TemporaryDirectory(prefix="lockstep-") as temporary:
        file = Path(temporary) / "book.csv"
        for name, subject, rows in (
            ("positions", "position", 1_000_000),
            ("trades", "trade", 1_000_000),
            ("ten_million_trades", "trade", 10_000_000),
        ):
            command = [part, "write", "--subject", subject, "--rows", str(rows // scale), "--file", str(file)]
            subprocess.run([sys.executable, str(HERE / command[0]), *command[1:]], check=True, timeout=900)
            found[name] = run(part, "load", "--subject", subject, "--file", file)
    found["statement"] = run(part, "statement", "--rows", 20_000 // scale)
    return found


def planted(scale: int) -> dict[str, Any]:
    part = "reconcile_planted.py"
    errors = ("--errors", 1_000 // min(scale, 5))
    found = {
        "with_uetrs": run(part, "--rows", 1_000_000 // scale, *errors),
        "without_uetrs": run(part, "--rows", 200_000 // scale, *errors, "--without-uetrs", "--only-legacy"),
        "without_uetrs_errors_anywhere": run(part, "--rows", 200_000 // scale, *errors, "--without-uetrs"),
    }
    for one in found.values():
        one["wrong"], one["lost"] = len(one["wrong"]), len(one["lost"])
    return found


def evidence(scale: int) -> dict[str, Any]:
    found = run("reconcile_evidence.py", "--trades", 100 // min(scale, 20), "--packs", 10_000 // scale)
    return {**found, "goal": GOAL_PACKS, "met": found["packs_per_minute"] >= GOAL_PACKS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="a hundredth of the rows")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    scale, before = (100 if given.small else 1), os.getloadavg()[0]
    found: Mapping[str, Any] = {
        "positions": {**compared("position", scale), "probe": {"rows": 1_000_000, "seconds": PROBE_SECONDS}},
        "trades": compared("trade", scale),
        "load": loads(scale),
        "planted": planted(scale),
        "evidence": evidence(scale),
        "load_average": [round(before, 1), round(os.getloadavg()[0], 1)],
    }
    given.out.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{time.monotonic() - BEGUN:5.0f} s  {given.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
