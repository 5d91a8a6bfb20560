"""`lockstep enforcement`: what is owed is taken or sold by the service, step by step, and what is over goes back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from lockstep.app.home import Home
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json
from lockstep.cli.showing import grouped

__all__ = ["enforcement_app"]

enforcement_app = typer.Typer(
    help="Enforce an agreement that is not covered: default, appropriation, sale, surplus.", no_args_is_help=True
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The enforcement's name.")]
AgreementOption = Annotated[
    str | None, typer.Option("--agreement", help="Its agreement's id or beginning; needed where two have the name.")
]
OpenOption = Annotated[bool, typer.Option("--open", help="Only those that have not ended.")]


@enforcement_app.command()
def begin(
    agreement: Annotated[
        str, typer.Argument(metavar="AGREEMENT", help="The agreement's id on the register, or its beginning.")
    ],
    call: Annotated[
        str | None, typer.Option("--call", help="The margin call that was neither met nor cured, if it is for one.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Its own; the call's, or made of the agreement's id, if absent."),
    ] = None,
    only_sales: Annotated[
        bool, typer.Option("--only-sales", help="Take no units: sell only, as `enforcement sell` says.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker: have the service declare a default, keep notice and cure periods, take what is owed and give the
    rest back. Covered again, it is cured."""
    from lockstep.app.enforcing import begin as begun
    from lockstep.app.enforcing import open_enforcing

    place = Home(home)
    enforcing, _ = open_enforcing(place)
    _told(begun(enforcing, agreement, call, name, appropriates=not only_sales), place, as_json)


@enforcement_app.command()
def sell(
    name: NameArgument,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A sale's order by `collateral offer`, signed by its buyer."),
    ],
    agreement: AgreementOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker, once the default can be enforced: have the service sell pledged units through DvP."""
    from lockstep.app.collateral_files import read_sale
    from lockstep.app.enforcing import enforcement_named, enforcements, open_enforcing
    from lockstep.app.enforcing import sell as sold

    place, sale = Home(home), read_sale(file)
    one = enforcement_named(enforcements(place), name, agreement)
    enforcing, paying = open_enforcing(place)
    _told(sold(enforcing, paying, one, sale), place, as_json)


@enforcement_app.command()
def withdraw(
    name: NameArgument,
    agreement: AgreementOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker: have the default ended. What was taken stays taken; pledges stay pledged."""
    from lockstep.app.enforcing import enforcement_named, enforcements, open_enforcing
    from lockstep.app.enforcing import withdraw as withdrawn

    place = Home(home)
    one = enforcement_named(enforcements(place), name, agreement)
    enforcing, _ = open_enforcing(place)
    _told(withdrawn(enforcing, one), place, as_json)


@enforcement_app.command()
def show(
    name: NameArgument,
    agreement: AgreementOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show one: each act and what became of it, why it waits, and its history. No ledger need be up."""
    from lockstep.app.enforcing import enforcement_named, enforcements, history, shown

    place = Home(home)
    found = enforcement_named(enforcements(place), name, agreement)
    told, moments = shown(found, place.market()), history(place, found)
    if as_json:
        print_json({**told, "history": moments})
        return
    _lines(told)
    for one in moments:
        facts = ", ".join(f"{key} {value}" for key, value in one["facts"].items())
        typer.echo(f"  {one['at']:.19}  {one['kind']}{': ' if facts else ''}{facts}")


@enforcement_app.command("list")
def list_(only_open: OpenOption = False, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List enforcements, oldest first."""
    from lockstep.app.enforcing import enforcements, shown

    place = Home(home)
    market = place.market()
    told = [shown(one, market) for one in enforcements(place) if one.is_open or not only_open]
    if as_json:
        print_json({"enforcements": told})
        return
    for one in told:
        _lines(one)
    if not told:
        typer.echo("nothing is or was enforced")


def _told(one: Any, place: Home, as_json: bool) -> None:
    from lockstep.app.enforcing import shown

    told = shown(one, place.market())
    if as_json:
        print_json(told)
    else:
        _lines(told)


def _lines(told: Mapping[str, Any]) -> None:
    of = f", call {told['call']}" if told["call"] else ""
    typer.echo(f"{told['enforcement']}  {told['state']}  agreement {told['agreement']}{of}")
    declared = f"declared, enforceable after {told['enforceable_after']}" if told["declared"] else "not declared"
    typer.echo(f"  {declared}; taken {grouped(told['taken'])} {told['currency']}, left {grouped(told['left'])}")
    for one in told["acts"]:
        what = f" {grouped(one['quantity'])} of {one['isin']}" if one["quantity"] else ""
        sold = {None: "", True: ", sold", False: ", not sold"}[one["sold"]]
        worth = f", {grouped(one['value'])}" if one["state"] == "DONE" and one["quantity"] else ""
        reason = f": {one['reason']}" if one["reason"] else ""
        act = one["act"].lower().replace("_", " ")
        typer.echo(f"  {one['number']}  {act}{what}, {one['state'].lower().replace('_', ' ')}{sold}{worth}{reason}")
    if told["reason"]:
        typer.echo(f"  {told['reason']}")
