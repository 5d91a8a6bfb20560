"""`lockstep valuer`: the attested figures that margin is called and enforced by."""

from pathlib import Path
from typing import Annotated

import typer

from lockstep.app.home import Home
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json

__all__ = ["valuer_app"]

valuer_app = typer.Typer(help="A valuer of collateral agreements.", no_args_is_help=True)
NumberArgument = Annotated[
    int, typer.Argument(min=1, max=8, help="Which valuer: its key is valuer-N, as `key new` makes it.")
]


@valuer_app.command("run")
def valuer_run(
    number: NumberArgument,
    prices: Annotated[Path, typer.Option(help="The prices file.")],
    exposures: Annotated[Path, typer.Option(help="The exposures file.")],
    once: Annotated[bool, typer.Option("--once", help="Look once, and say what came of it.")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Sign the figures that prices and exposures make, read anew at each look, until stopped.

    The service hands them to the register once a quorum of valuers signed the same.
    """
    from lockstep.app.loops import until_stopped
    from lockstep.app.valuing import open_valuer

    valuer = open_valuer(Home(home), number, prices, exposures)
    if not once:
        until_stopped(valuer.step, always=True)
        return
    told = valuer.look()
    if as_json:
        print_json(dict(told))
        return
    for agreement, what in told.items():
        typer.echo(f"{agreement}  {what}")
