"""The page of planted bugs: a table, written and read again."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from simulation.planting import Found, Planted, stated

__all__ = ["PAGE", "Line", "lines_of", "written"]

PAGE = "docs/reference/planted-bugs.md"
_ROW = re.compile(
    r"^\| (?P<name>[^|]+) \| [^|]+ \| [^|]+ \| [^|]+ \| (?P<by>[^|]+) \| \d+ \| (?P<seeds>\d+) \| (?P<steps>\d+) \|$",
    re.M,
)
_HEAD = """# Planted bugs

Can the [simulated world](simulation.md) fail? Each of these bugs is put into the running code, a few words changed
in memory, and the simulator is run from seed 1 on until an invariant or a promise breaks.
[`test_planted_bugs.py`](../../tests/deep/test_planted_bugs.py) (`make deep`) holds each to the number of seeds that is
stated, and [`test_planted.py`](../../tests/simulation/test_planted.py) a few of them in every `make test`. The figures
are of the commit that wrote them (`scripts/planted_table.py`) and change with the schedule.

*Blind*: its author had not read the oracle. *Needs*: [kinds of fault](simulation.md#kinds-of-fault) without which the
bug shows nothing; seeds that have one of them off are passed over, and counted all the same; *at*: the share of the
occasions, in a [file of faults](simulation.md#files-of-faults), where the usual one is too rare. *Found by*: what the
first violation names, an [invariant](invariants.md) (I, of [collateral](invariants.md#collateral) C) or a
[promise](invariants.md#promises-to-people) (P); *no end* where a trade never ended or the world found no rest, *a
process died* of an error that nobody planned, *a late write* where a worker wrote under a lease that it had lost, *a
lock while halted* where one was made though people had not accepted yet that final blocks were replaced, *a break
untold* where the service heard two endings and told nobody. *Within*: the number of seeds that is stated, from 1 on,
a quarter more at least than it took; *seed* and *steps*: the first that showed it, and its run up to there. Where one
check gone does no harm, since another part of the system checks too, *with* says what had to go as well.

| bug | what is wrong | written | needs | found by | within | seed | steps |
|---|---|---|---|---|---|---|---|
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

    @property
    def within(self) -> int:
        """The number of seeds that is stated."""
        return stated(self.seeds)

    def text(self) -> str:
        return f"{self.by} | {self.within} | {self.seeds} | {self.steps}"


def lines_of(page: str) -> dict[str, Line]:
    """What a page says that was measured, by bug."""
    return {row["name"]: Line(row["by"], int(row["seeds"]), int(row["steps"])) for row in _ROW.finditer(page)}


def written(
    bugs: Mapping[str, Planted], measured: Mapping[str, Line], blind: Collection[str], holes: Mapping[str, str]
) -> str:
    """The page's text; `holes` says of bugs that are not found why."""
    rows = [
        f"| {_told(bugs[name], blind)} | {_needs(bugs[name])} | {line.text()} |\n"
        for name, line in measured.items()
        if name in bugs
    ]
    left = [f"| {_told(bugs[name], blind)} | {why} |\n" for name, why in holes.items() if name in bugs]
    return _HEAD + "".join(rows) + (_NOT_FOUND + "".join(left) if left else "")


def _told(bug: Planted, blind: Collection[str]) -> str:
    what = bug.what.removesuffix(".") + (f"; *with* the check of {bug.guard} gone" if bug.guard else "")
    return f"{bug.name} | {what} | {'blind' if bug.name in blind else 'knowing'}"


def _needs(bug: Planted) -> str:
    kinds = dict.fromkeys((*bug.needs, *bug.rates))
    return ", ".join(f"`{kind}`" + (f" at {bug.rates[kind]}" if kind in bug.rates else "") for kind in kinds) or "-"
