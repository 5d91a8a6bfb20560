"""Commands for when the service's records are lost, or the chain or the RTGS has broken its promise."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lockstep.app.home import Home
from lockstep.cli import halted, showing
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json

__all__ = ["decide_never", "rebuild", "resume"]


def rebuild(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="The original sese.023 and sese.020 files in their order, or folders of them.", metavar="FILES"
        ),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make the service's records anew after they were lost: from the chain, the RTGS and the original instructions.

    Sends nothing. Refuses where there are records, or while a service runs.
    """
    from lockstep.app.rebuilding import rebuild_home

    console = Console(quiet=as_json)
    with console.status("reading") as status:
        done = rebuild_home(Home(home), files or [], lambda what, count: status.update(f"{what}: {count}"))
    if as_json:
        print_json(done.as_json())
    else:
        showing.rebuilt(console, done)
    if done.refused:
        raise typer.Exit(1)


def resume(
    home: HomeOption = DEFAULT_HOME,
    accept_reorganisation: Annotated[
        bool, typer.Option("--accept-reorganisation", help="Go on with the chain as it is now.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who decides; stands in the journal.")] = "",
    why: Annotated[str, typer.Option(help="Why; stands in the journal.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show why the service halts, or have it go on: the chain replaced blocks that were final. Fails while it halts."""
    from lockstep.app.processes import open_halts
    from lockstep.app.processes import resume as go_on

    if accept_reorganisation and not (by.strip() and why.strip()):
        raise typer.BadParameter("--accept-reorganisation needs --by and --why: both stand in the journal")
    place = Home(home)
    found = go_on(place, by.strip(), why.strip()) if accept_reorganisation else open_halts(place).halts()
    if as_json:
        print_json(
            {
                "halted": bool(found) and not accept_reorganisation,
                "reorganisations": halted.as_json(found),
            }
        )
    elif not found:
        typer.echo("the service is not halted")
    else:
        said = "accepted" if accept_reorganisation else "halted"
        for one in found:
            typer.echo(f"{said}: {one}")
            for settlement in one.settlements:
                typer.echo(f"  {settlement}")
    if found and not accept_reorganisation:
        raise typer.Exit(1)


def decide_never(
    settlement: Annotated[str, typer.Argument(metavar="SETTLEMENT", help="A settlement's id, or its beginning.")],
    by: Annotated[str, typer.Option(help="Who decides; stands in the journal.")],
    why: Annotated[str, typer.Option(help="Why; stands in the journal.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Say that a payment was never booked, or was given back, where the RTGS told two stories and nothing is locked.

    Ask the RTGS's operator first. The trade then goes on: to a new settlement, or to its end.
    """
    from lockstep.app.processes import decide

    if not (by.strip() and why.strip()):
        raise typer.BadParameter("--by and --why are needed: both stand in the journal")
    found = decide(Home(home), settlement.removeprefix("0x").lower(), by.strip(), why.strip())
    if as_json:
        print_json({"settlement_id": found, "decided": "never"})
    else:
        typer.echo(f"settlement {found} counts as never paid: its trade goes on")
