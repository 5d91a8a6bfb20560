"""The page of planted bugs: a table, written and read again."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from simulation.planting import MOST_SEEDS, Found, Planted

__all__ = ["PAGE", "Line", "lines_of", "written"]

PAGE = "docs/reference/planted-bugs.md"
_ROW = re.compile(r"^\| (?P<name>[^|]+) \| [^|]+ \| [^|]+ \| (?P<by>[^|]+) \| (?P<seeds>[^|]+) \| (?P<steps>[^|]+) \|$", re.M)
_HEAD = f"""# Planted bugs

Can the [simulated world](simulation.md) fail? Each of these bugs is put into the running code, a few words changed in
memory, and the simulator is run from seed 1 on until an invariant breaks. All must be found within {MOST_SEEDS} seeds, as
many as `make test` runs; [`test_planted_bugs.py`](../../tests/deep/test_planted_bugs.py) (`make deep`) holds them to it,
and [`test_planted.py`](../../tests/simulation/test_planted.py) a few of them in every `make test`. Written by
`scripts/planted_table.py`; the figures are of the commit that wrote them, and change with any change of the schedule.

*Blind*: its author had not read the oracle. *Found by*: the [invariant](invariants.md) that the first violation names;
*no end* where a trade never ended, *a process died* of an error that nobody planned. Steps are those of all seeds up to
there. Where one check alone does no harm, since another part of the system checks too, *with* says what had to go as well.

| bug | what is wrong | written | found by | seeds | steps |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured; `seeds` is 0 for a bug that no seed showed."""

    by: str
    seeds: int
    steps: int

    @classmethod
    def of(cls, found: Found | None) -> "Line":
        return cls("nothing", 0, 0) if found is None else cls(found.by, found.seeds, found.steps)

    def text(self) -> str:
        return f"{self.by} | {self.seeds} | {self.steps}" if self.seeds else f"{self.by} | > {MOST_SEEDS} |"


def lines_of(page: str) -> dict[str, Line]:
    """What a page says that was measured, by bug."""
    found = {}
    for row in _ROW.finditer(page):
        if row["seeds"].isdigit():
            found[row["name"]] = Line(row["by"], int(row["seeds"]), int(row["steps"]))
    return found


def written(bugs: Mapping[str, Planted], measured: Mapping[str, Line], blind: Collection[str]) -> str:
    """The page's text."""
    rows = []
    for name, line in measured.items():
        bug = bugs[name]
        what = bug.what.removesuffix(".") + (f"; *with* the check of {bug.guard} gone" if bug.guard else "")
        rows.append(f"| {name} | {what} | {'blind' if name in blind else 'knowing'} | {line.text()} |\n")
    return _HEAD + "".join(rows)
