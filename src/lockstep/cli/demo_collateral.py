"""`lockstep demo collateral`: the day told as it happens, then who has what, and whether it all adds up."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lockstep.cli import inventory, showing
from lockstep.cli.options import print_json

if TYPE_CHECKING:  # loading the chain takes longer than showing help
    from lockstep.app.demo_collateral import CollateralReport, Told

__all__ = ["tell"]


def tell(folder: Path, keep: Path | None, *, as_json: bool) -> None:
    """Runs the folder's day. Exits with 1 where an invariant or a figure of expected.toml does not hold."""
    from lockstep.app.demo_collateral import run_collateral_day

    console = Console(quiet=as_json)
    with console.status("founding the market") as status:
        report = run_collateral_day(
            folder,
            keep,
            told=lambda line: console.print(f"[dim]{escape(line)}[/]"),
            begun=status.update,
            done=lambda one: _show_step(console, one),
        )
    if as_json:
        print_json(_as_json(report))
    else:
        _show_report(console, report)
    if not report.sound:
        raise typer.Exit(1)


def _show_step(console: Console, one: "Told") -> None:
    console.print()
    console.print(f"[bold]{one.at:%a %H:%M}  {escape(one.title)}[/]")
    if one.say:
        console.print(Padding(escape(one.say), (0, 0, 0, 11)))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    table.add_column()
    for name, text in one.figures.items():
        style = "red" if text.startswith("refused") or name.startswith("refused") else ""
        mark = Text(f"✗ expected {one.wrong[name]}", style="bold red") if name in one.wrong else Text("")
        table.add_row(name, Text(_grouped(text), style=style), mark)
    for name in one.wrong.keys() - one.figures.keys():
        table.add_row(name, "", Text(f"✗ expected {one.wrong[name]}", style="bold red"))
    console.print(Padding(table, (0, 0, 0, 11)))


def _grouped(text: str) -> str:
    """Amounts and quantities with their thousands apart; other texts as they are."""
    whole, _, fraction = text.partition(".")
    return showing.grouped(text) if whole.isdigit() and (not fraction or fraction.isdigit()) else text


def _show_report(console: Console, report: "CollateralReport") -> None:
    console.print()
    inventory.show(console, report.inventory)
    console.print(showing.balances("Cash in the RTGS at the end", report.cash))
    console.print(showing.invariants(report.invariants))
    checked, wrong = sum(one.checked for one in report.steps), sum(len(one.wrong) for one in report.steps)
    verdict = (
        f"[bold red]{wrong} of {checked} figures are not those" if wrong else f"[green]{checked} figures are those"
    )
    if checked:
        console.print(f"{verdict} worked out by hand in expected.toml[/]")
    attempts = len(report.inventory.attempts)
    console.print(
        f"{len(report.steps)} steps; {attempts} refused attempts to commit more than there was; "
        f"{report.seconds:.1f} seconds"
    )


def _as_json(report: "CollateralReport") -> Mapping[str, object]:
    return {
        "steps": [
            {"name": one.name, "at": one.at.isoformat(), "figures": dict(one.figures), "wrong": dict(one.wrong)}
            for one in report.steps
        ],
        "inventory": report.inventory.as_json(),
        "cash": {name: dict(amounts) for name, amounts in report.cash},
        "invariants": {name: not violations for name, violations in report.invariants.items()},
        "violations": {name: list(found) for name, found in report.invariants.items() if found},
        "seconds": round(report.seconds, 3),
    }
