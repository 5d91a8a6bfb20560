"""Mutation testing of the contracts: changes them in small ways and shows which changes no test notices.

    python scripts/mutate.py run [--budget SECONDS] [--sample N --seed S] [--file UNIT ...] [--jobs N]
    python scripts/mutate.py report [--sample N --seed S] [--file UNIT ...] [--write FILE]
    python scripts/mutate.py list [--file UNIT ...]

`run` goes on where an earlier one stopped; results are in .build/mutants. It ends with 1 if a survivor is
unexplained. docs/explanation/mutation-testing.md tells the rest.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from mutation.results import Explanations
from mutation.survey import Survey, report

SURVIVORS = ROOT / "tests" / "mutation" / "survivors.toml"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Mutation testing of the contracts.")
    parser.add_argument("action", choices=("run", "report", "list"))
    parser.add_argument("--sample", type=int, metavar="N", help="only N mutants, drawn by the seed")
    parser.add_argument("--seed", metavar="S", help="what draws the sample; else the contracts themselves do")
    parser.add_argument("--file", action="append", metavar="UNIT", help="only mutants of this source unit; repeatable")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="stop then; the next run goes on")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="compilers beside the tests")
    parser.add_argument("--folder", type=Path, default=ROOT / ".build" / "mutants", help="where results are kept")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the figures as JSON")
    given = parser.parse_args(arguments)

    explanations = Explanations(SURVIVORS)
    survey = Survey(
        folder=given.folder, explanations=explanations, jobs=given.jobs, say=lambda line: print(line, flush=True)
    )
    if unknown := sorted(set(given.file or ()) - survey.contracts.sources.keys()):
        parser.error(f"--file: {', '.join(unknown)} is no source unit")
    wanted = [one for one in survey.all if given.file is None or one.file in given.file]
    chosen = survey.sample(wanted, given.sample, given.seed)
    if given.action == "list":
        for one in chosen:
            print(f"{one.id} {one.function}\n  - {one.before}\n  + {one.after}")
        return 0
    if given.action == "run":
        # Ended either way, compilers and tests are ended too.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            survey.run(chosen, given.budget)
        except KeyboardInterrupt:
            print("stopped; the next run goes on from here")
            return 130

    summary = survey.summary(chosen)
    print("\n".join(report(summary, explanations)))
    if given.write is not None:
        given.write.write_text(json.dumps(summary.figures(), indent=1) + "\n")
    return 1 if summary.unexplained else 0


if __name__ == "__main__":
    raise SystemExit(main())
