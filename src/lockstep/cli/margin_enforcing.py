"""`lockstep margin`, the rest: what is enforced where a call is not met."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from lockstep.app.home import Home
from lockstep.cli.margin import AgreementArgument, OpenOption, margin_app
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json
from lockstep.cli.showing import grouped

__all__ = ["margin_app"]

EnforcementArgument = Annotated[str, typer.Argument(metavar="NAME", help="The enforcement's name, the taker's own.")]


@margin_app.command()
def enforce(
    agreement: AgreementArgument,
    name: EnforcementArgument,
    call: Annotated[
        str | None, typer.Option("--call", help="The margin call that was neither met nor cured; any ground if absent.")
    ] = None,
    only_sales: Annotated[
        bool, typer.Option("--only-sales", help="Take no units: only what `collateral sell` sells.")
    ] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker: have a default declared, units taken once notice and cure are over, and the rest given back."""
    from lockstep.app.margin_desk import open_margin_mail
    from lockstep.app.margin_enforcing import begin, shown

    margining = open_margin_mail(Home(home)).margining
    begun = begin(margining, agreement, name, call, only_sales=only_sales)
    _told(shown(margining, begun), as_json)


@margin_app.command("end-enforcement")
def end_enforcement(
    agreement: AgreementArgument,
    name: EnforcementArgument,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker: have the default ended. What was taken stays taken."""
    from lockstep.app.margin_desk import open_margin_mail
    from lockstep.app.margin_enforcing import give_up, shown

    margining = open_margin_mail(Home(home)).margining
    _told(shown(margining, give_up(margining, agreement, name)), as_json)


@margin_app.command()
def enforcements(only_open: OpenOption = False, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show what is enforced: what was decided, done and taken, and why it waits."""
    from lockstep.app.margin_desk import open_margin_mail
    from lockstep.app.margin_enforcing import known

    told = known(open_margin_mail(Home(home)).margining, only_open=only_open)
    if as_json:
        print_json({"enforcements": told})
        return
    for one in told:
        _told(one, as_json)
    if not told:
        typer.echo("there are no enforcements")


def _told(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    stands = told["outcome"] or ("DECLARED" if told["declared"] else "BEGUN")
    call = f", for call {told['call']}" if told["call"] else ""
    typer.echo(
        f"{told['name']}  {stands}  agreement {told['agreement']}{call}{', given up' if told['given_up'] else ''}"
    )
    for one in told["acts"]:
        what = f" {grouped(one['quantity'])} of {one['isin']}" if one["isin"] else ""
        value = f", {grouped(one['value'])} {told['currency']}" if one["value"].strip("0.") else ""
        reason = f", {one['reason']}" if one["reason"] else ""
        typer.echo(f"  {one['number']}. {one['party']} {one['kind']}{what}: {one['state']}{value}{reason}")
    if told["left"].strip("0."):
        typer.echo(f"  left: {grouped(told['left'])} {told['currency']}")
    if told["reason"]:
        typer.echo(f"  {told['reason']}")
