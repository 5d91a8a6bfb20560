"""`lockstep inventory`: who has what, and what of it can be used."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from lockstep.app.home import Home
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json
from lockstep.cli.showing import grouped

if TYPE_CHECKING:  # loading the chain takes longer than showing help
    from lockstep.app.inventory import Inventory, Position

__all__ = ["inventory", "show"]


def inventory(
    participant: Annotated[
        str | None, typer.Argument(metavar="[PARTICIPANT]", help="A participant's BIC or LEI; all if absent.")
    ] = None,
    security: Annotated[str | None, typer.Option(help="One security, by its ISIN; all if absent.")] = None,
    block: Annotated[
        int | None, typer.Option(min=0, help="As of the end of this block; of the latest if absent.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show positions and pledges: owned, free, earmarked, pledged, received, re-used, frozen; to whom, until when.

    Of a past block too: then the node must keep the state of that block. Fails where more is committed than is there.
    """
    from lockstep.app.inventory import read_inventory

    found = read_inventory(Home(home), participant, security, block)
    if as_json:
        print_json(found.as_json())
    else:
        show(Console(), found)
    if any(one.over_committed != "0" for one in found.positions):
        raise typer.Exit(1)


def show(console: Console, found: "Inventory") -> None:
    """A line for each participant and security, then one for each pledge."""
    finality = "final" if found.final else "not final yet"
    console.print(f"block {found.block}, {found.at:%Y-%m-%d %H:%M:%S} UTC, {finality}")
    if not found.positions:
        console.print("nobody has anything")
        return
    table = Table(title="Inventory", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("participant", "ISIN"):
        table.add_column(name, no_wrap=True)
    for name in ("owned", "free", "pledged", "received", "re-used", "re-usable"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found.positions:
        amounts = (one.owned, one.free, one.pledged, one.received, one.reused, one.reusable)
        table.add_row(one.participant, one.isin, *map(grouped, amounts))
    console.print(table)
    for one in found.positions:
        _besides(console, one)
    if found.ties:
        _ties(console, found)
    for tried in found.attempts:
        console.print(
            f"refused in block {tried.block}: {tried.participant} {tried.isin}, {grouped(tried.needed)} where "
            f"{grouped(tried.actual)} was there ({tried.refusal})",
            soft_wrap=True,
        )


def _besides(console: Console, one: "Position") -> None:
    """What few positions have, a line each."""
    told = {
        "in settlement": one.in_settlement,
        "out for sale": one.selling,
        "due to it": one.due_in,
        "due by it": one.due_out,
        "frozen": one.frozen,
        "refused attempts to commit more": str(one.attempts),
    }
    parts = [f"{name} {grouped(amount)}" for name, amount in told.items() if amount != "0"]
    parts += ["account frozen"] if one.account_frozen else []
    if parts:
        console.print(f"{one.participant} {one.isin}: {', '.join(parts)}", soft_wrap=True)
    if one.over_committed != "0":
        console.print(
            f"[bold red]{one.participant} {one.isin}: {one.over_committed} committed beyond what is there[/]",
            soft_wrap=True,
        )


def _ties(console: Console, found: "Inventory") -> None:
    table = Table(title="Pledges", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("pledge", "what", "ISIN", "giver → taker"):
        table.add_column(name, no_wrap=True)
    for name in ("quantity", "re-usable"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("until", no_wrap=True)
    for one in found.ties:
        table.add_row(
            one.pledge[:8],
            one.kind if not one.depth else f"{one.kind} {one.depth}",
            one.isin,
            f"{one.giver} → {one.taker}",
            grouped(one.quantity) if one.kind != "title" else f"{grouped(one.due)} due",
            grouped(one.reusable),
            f"{one.until:%Y-%m-%d}",
        )
    console.print(table)
