"""How a reconciliation run looks on a terminal, fit for eighty columns."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table

from lockstep.cli import showing_breaks

if TYPE_CHECKING:
    from lockstep.app.reconciling import Reconciliation

__all__ = ["shown"]

_SUBJECTS = ("position", "trade", "cash")


def shown(console: Console, done: "Reconciliation", names: Mapping[str, str]) -> None:
    """Which book was read to where, who did not speak and why, what changed, and every open break."""
    from lockstep.flow.ageing import Wanted, aged

    kind = "intraday" if done.intraday else "end of day"
    line = showing_breaks.line
    line(console, f"books of {done.day}, {kind}, as of {done.at:%Y-%m-%d %H:%M:%S} UTC")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("book", no_wrap=True)
    for name in ("positions", "trades", "cash"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("read to")
    for one in done.said:
        counts = {kind: sum(each.key.kind == kind for each in one.lines) for kind in _SUBJECTS}
        spoke = {each.value for each in one.spoke}
        table.add_row(one.book.value, *(f"{counts[kind]:,}" if kind in spoke else "" for kind in _SUBJECTS), one.as_of)
    console.print(table)
    for one in done.said:
        for why in dict.fromkeys(one.silent.values()):
            of = ", ".join(each.value for each, said in one.silent.items() if said == why)
            line(console, f"the {one.book.value} book did not speak of {of}: {why}")
        for said in one.told:
            line(console, f"{one.book.value}: {said}")
    for said in done.told:
        line(console, said)
    compared = done.comparison
    line(
        console,
        f"{compared.keys:,} keys compared, {len(compared.found):,} differ, {len(compared.tolerated):,} tolerated, "
        f"{len(done.reconciled.changed):,} breaks opened, changed or closed",
    )
    showing_breaks.listed(console, aged(done.open, done.day, Wanted()), names)
