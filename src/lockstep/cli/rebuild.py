"""`lockstep rebuild`: options and what is shown of it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lockstep.app.home import Home
from lockstep.cli import showing
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json

__all__ = ["rebuild"]


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
