"""`lockstep inventory`: who has what, and what of it can be used."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from lockstep.app.home import Home
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json
from lockstep.cli.showing import grouped

if TYPE_CHECKING:  # loading the chain takes longer than showing help
    from lockstep.app.inventory import Inventory, Position, Tie

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
    """What everybody has, what it received, each pledge; fit for eighty columns."""
    finality = "final" if found.final else "not final yet"
    console.print(f"block {found.block}, {found.at:%Y-%m-%d %H:%M:%S} UTC, {finality}")
    if not found.positions:
        console.print("nobody has anything")
        return
    own = [one for one in found.positions if any(each != "0" for each in (one.owned, one.pledged))]
    if own:
        console.print(_amounts("Own units", own, {"owned": "owned", "free": "free", "pledged": "pledged"}))
    received = [one for one in found.positions if one.received != "0"]
    if received:
        names = {"received": "received", "re-used": "reused", "re-usable": "reusable"}
        console.print(_amounts("Received as collateral", received, names))
    for one in found.positions:
        _besides(console, one)
    for isin in dict.fromkeys(one.isin for one in found.ties):
        console.print(_ties(isin, [one for one in found.ties if one.isin == isin]))
    for tried in found.attempts:
        console.print(
            f"refused in block {tried.block}: {tried.participant} {tried.isin}, {grouped(tried.needed)} where "
            f"{grouped(tried.actual)} was there ({tried.refusal})",
            soft_wrap=True,
        )


def _amounts(title: str, rows: Sequence["Position"], names: Mapping[str, str]) -> Table:
    """A line for each participant and security. `names`: a column's heading and the field that it shows."""
    table = _table(title)
    for name in ("participant", "ISIN"):
        table.add_column(name, no_wrap=True)
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for one in rows:
        table.add_row(one.participant, one.isin, *(grouped(getattr(one, field)) for field in names.values()))
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


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


def _ties(isin: str, ties: Sequence["Tie"]) -> Table:
    """A line for each pledge of a security; `link` counts from the root, 0."""
    table = _table(f"Pledges of {isin}")
    table.add_column("pledge", no_wrap=True)
    table.add_column("link", no_wrap=True)
    table.add_column("giver → taker")
    for name in ("quantity", "re-usable"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("until", no_wrap=True)
    for one in ties:
        is_title = one.kind == "title"
        table.add_row(
            one.pledge[:8],
            "title" if is_title else str(one.depth),
            f"{one.giver} → {one.taker}",
            grouped(one.due if is_title else one.quantity),
            grouped(one.reusable),
            f"{one.until:%Y-%m-%d}",
        )
    return table
