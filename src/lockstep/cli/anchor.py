"""Commands for the journal's roots: what stands on the chain, and who may write there."""

from datetime import datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from lockstep.app.home import Home
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json

__all__ = ["anchor", "anchorer_app"]

anchorer_app = typer.Typer(help="Who may write the journal's roots: allowed by two hands.", no_args_is_help=True)

AnchorerArgument = Annotated[str, typer.Argument(metavar="ADDRESS", help="An operator's key, as `key` prints it.")]
KeyOption = Annotated[str, typer.Option("--key", help="Whose keystore signs.")]

_STYLES = {"anchored": "green", "in a block": "cyan", "passed over": "dim", "contradicted": "bold red"}


def anchor(
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="One day, UTC; all that are closed if absent.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Read the whole journal, hash it anew, and compare it with the roots.")
    ] = False,
    wait: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Wait so long for final blocks.")] = 0,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Anchor the days of the journal that are over, and show which of their roots stand on the chain.

    The service does the same by itself about once a minute; while it runs, this only shows. Exits with 1 where another
    root stands than the records say, where the journal does not lead to its roots, or where that `--day` has none yet.
    """
    from lockstep.app.anchoring import Standing, anchor_days

    told = anchor_days(Home(home), None if day is None else day.date(), check=check, wait_seconds=wait)
    if as_json:
        print_json(
            {
                "contract": told.contract,
                "by": told.by,
                "keys": list(told.keys),
                "days": [one.as_json() for one in told.days],
                "others": {name: last.isoformat() for name, last in told.others.items()},
            }
        )
    else:
        _show(Console(), told)
    wanting = day is not None and any(one.standing is not Standing.ANCHORED for one in told.days)
    if wanting or any(one.is_wrong for one in told.days):
        raise typer.Exit(1)


def _show(console: Console, told: Any) -> None:
    table = Table(title=f"JournalAnchor {told.contract}", box=box.SIMPLE_HEAD)
    table.add_column("day, UTC", no_wrap=True)
    table.add_column("entries", justify="right", no_wrap=True)
    table.add_column("root", overflow="fold", ratio=1)
    table.add_column("stands", min_width=24)
    for one in told.days:
        standing = one.standing.value
        shown = f"[{_STYLES.get(standing, 'yellow')}]{standing}[/]"
        if one.leads is not None:
            shown += ", [green]the journal leads to it[/]" if one.leads else ", [bold red]not of this journal[/]"
        table.add_row(one.root.day.isoformat(), f"{one.root.size:,}", one.root.root, shown)
    console.print(table)
    if told.by is not None:
        console.print(f"anchored by {told.by}", soft_wrap=True)
    elif told.keys:
        console.print("only looked: a service has the keys, and anchors by itself")
    else:
        console.print("[yellow]none of this folder's operator keys may anchor[/]: `lockstep anchorer propose`")
    for name, last in told.others.items():
        console.print(f"[yellow]another journal[/] {name}, anchored until {last}", soft_wrap=True)


@anchorer_app.command("accept-other")
def anchorer_accept_other(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], metavar="DAY", help="The day, UTC.")],
    by: Annotated[str, typer.Option("--by", help="Who decides; it stands in the journal.")],
    why: Annotated[str, typer.Option("--why", help="On what grounds; it stands in the journal.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Accept that another root stands for a day than the records have, as after a backup was restored.

    Ours for that day is passed over, and later days are anchored again. Evidence of that day stays contradicted.
    """
    from lockstep.app.anchoring import accept_other

    other = accept_other(Home(home), day.date(), by, why)
    _told({"day": other.day.isoformat(), "accepted": other.root, "size": other.size}, as_json)


def _act(home: Any, key: str) -> Any:
    from lockstep.app.officiating import open_office

    return open_office(Home(home), key)


@anchorer_app.command("propose")
def anchorer_propose(
    address: AnchorerArgument,
    home: HomeOption = DEFAULT_HOME,
    key: KeyOption = "registrar",
    as_json: JsonOption = False,
) -> None:
    """As the registrar: propose that a key may write the journal's roots. It lapses after 7 days."""
    _told(_act(home, key).allow_anchorer(address, confirm=False), as_json)


@anchorer_app.command("confirm")
def anchorer_confirm(
    address: AnchorerArgument,
    home: HomeOption = DEFAULT_HOME,
    key: KeyOption = "registrar-confirmer",
    as_json: JsonOption = False,
) -> None:
    """As the registry's confirmer: let it, as proposed."""
    _told(_act(home, key).allow_anchorer(address, confirm=True), as_json)


@anchorer_app.command("stop")
def anchorer_stop(
    address: AnchorerArgument,
    home: HomeOption = DEFAULT_HOME,
    key: KeyOption = "registrar",
    as_json: JsonOption = False,
) -> None:
    """As either of them alone: it writes no more. What it wrote stays."""
    _told(_act(home, key).stop_anchorer(address), as_json)


def _told(told: Any, as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        typer.echo(f"{name:<12} {value}")
