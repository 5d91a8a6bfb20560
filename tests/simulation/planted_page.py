"""The page of planted bugs: a table, written and read again."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from simulation.planting import MOST_SEEDS, Found, Planted

__all__ = ["PAGE", "Line", "lines_of", "written"]

PAGE = "docs/reference/planted-bugs.md"
_ROW = re.compile(
    r"^\| (?P<name>[^|]+) \| [^|]+ \| [^|]+ \| (?P<by>[^|]+) \| (?P<seeds>[^|]+) \| (?P<steps>[^|]+) \|$", re.M
)
_HEAD = f"""# Planted bugs

Can the [simulated world](simulation.md) fail? Each of these bugs is put into the running code, a few words changed
in memory, and the simulator is run from seed 1 on until an invariant breaks, within {MOST_SEEDS} seeds, as many as
`make test` runs. [`test_planted_bugs.py`](../../tests/deep/test_planted_bugs.py) (`make deep`) holds each to that, and
[`test_planted.py`](../../tests/simulation/test_planted.py) a few of them in every `make test`. The figures are of the
commit that wrote them (`scripts/planted_table.py`) and change with the schedule.

*Blind*: its author had not read the oracle. *Found by*: the [invariant](invariants.md) that the first violation names;
*no end* where a trade never ended, *a process died* of an error that nobody planned. *Seeds*: it is found within so
many, from 1 on; *steps*: of the last one's run up to there. Where one check gone does no harm, since another part of
the system checks too, *with* says what had to go as well.

| bug | what is wrong | written | found by | seeds | steps |
|---|---|---|---|---|---|
"""
_NOT_FOUND = """
## Not found

What the simulator has not shown so far, and why.

| bug | what is wrong | written | why |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Line:
    """What was measured."""

    by: str
    seeds: int
    steps: int

    @classmethod
    def of(cls, found: Found) -> "Line":
        return cls(found.by, found.seeds, found.steps)

    def text(self) -> str:
        return f"{self.by} | {self.seeds} | {self.steps}"


def lines_of(page: str) -> dict[str, Line]:
    """What a page says that was measured, by bug."""
    found = {}
    for row in _ROW.finditer(page):
        if row["seeds"].isdigit():
            found[row["name"]] = Line(row["by"], int(row["seeds"]), int(row["steps"]))
    return found


def written(
    bugs: Mapping[str, Planted], measured: Mapping[str, Line], blind: Collection[str], holes: Mapping[str, str]
) -> str:
    """The page's text; `holes` says of bugs that are not found why."""
    rows = [f"| {_told(bugs[name], blind)} | {line.text()} |\n" for name, line in measured.items() if name in bugs]
    left = [f"| {_told(bugs[name], blind)} | {why} |\n" for name, why in holes.items() if name in bugs]
    return _HEAD + "".join(rows) + (_NOT_FOUND + "".join(left) if left else "")


def _told(bug: Planted, blind: Collection[str]) -> str:
    what = bug.what.removesuffix(".") + (f"; *with* the check of {bug.guard} gone" if bug.guard else "")
    return f"{bug.name} | {what} | {'blind' if bug.name in blind else 'knowing'}"
