"""The commands, in the order in which a new user meets them."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lockstep.app.home import Home
from lockstep.app.keyholders import AGENTS
from lockstep.cli import (
    anchor,
    collateral_enforcing,
    enforcement,
    halted,
    inventory,
    margin,
    reconcile,
    records,
    repo,
    roles,
    rtgs,
    shadow,
    showing,
    valuer,
)
from lockstep.cli.demo import demo, example
from lockstep.cli.evidence import evidence, verify
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json
from lockstep.cli.report import report
from lockstep.cli.simulate import simulate

if TYPE_CHECKING:
    from lockstep.flow.margin_mail import MarginMail

__all__ = ["app"]

MANY_FILES = 10_000
"""From so many on Python's collector of cycles takes longer over them than it takes to spare it."""

app = typer.Typer(
    help="Tokenised securities on a chain, cash in the banks' RTGS, moving together or not at all.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
agent_app = typer.Typer(help="A synchronisation agent.", no_args_is_help=True)
app.add_typer(rtgs.rtgs_app, name="rtgs")
app.add_typer(agent_app, name="agent")
app.add_typer(collateral_enforcing.collateral_app, name="collateral")
app.add_typer(enforcement.enforcement_app, name="enforcement")
app.add_typer(margin.margin_app, name="margin")
app.add_typer(reconcile.reconcile_app, name="reconcile")
app.add_typer(repo.repo_app, name="repo")
app.add_typer(roles.long_stop_app, name="long-stop")
app.add_typer(roles.rotation_app, name="rotation")
app.add_typer(roles.security_app, name="security")
app.add_typer(roles.forced_transfer_app, name="forced-transfer")
app.add_typer(roles.recovery_app, name="recovery")
app.add_typer(roles.key_app, name="key")
app.add_typer(anchor.anchorer_app, name="anchorer")
app.add_typer(shadow.shadow_app, name="shadow")
app.add_typer(valuer.valuer_app, name="valuer")

app.command()(demo)


@app.command()
def up(
    home: HomeOption = DEFAULT_HOME,
    market: Annotated[
        Path | None, typer.Option(help="The market file to found a new installation with; the first day's if absent.")
    ] = None,
    rpc: Annotated[
        str | None,
        typer.Option(
            metavar="URL[,URL…]",
            help="A test chain that runs already, by one node or several; else anvil, else embedded.",
        ),
    ] = None,
    rtgs_port: Annotated[
        int | None, typer.Option(help="Loopback port of a new installation's RTGS; 0 takes a free one, 8020 if absent.")
    ] = None,
    rtgs_drop: Annotated[
        bool, typer.Option("--rtgs-drop", help="Found it with a directory drop between service, agents and RTGS.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="So many processes of the service on the same records; 1 if absent."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--db",
            metavar="URL",
            help="Found it with the service's records in PostgreSQL, postgresql://USER@HOST:PORT/DATABASE; service.db "
            "if absent. The password goes in LOCKSTEP_DATABASE_PASSWORD or in keys/database.password.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run chain, RTGS, four agents and the service together, until interrupted.

    Exits with 2 for an option that would change nothing: a founded installation keeps its market, chain, database and
    doors.
    """
    from lockstep.app.supervising import bring_up, judge_options
    from lockstep.domain.errors import InvalidInput

    def told(event: str, detail: str) -> None:
        if as_json:
            print_json({"event": event, "detail": detail})
        else:
            typer.echo(f"{event:<10} {detail}")

    place = Home(home)
    try:
        judge_options(
            place,
            market=market,
            rpc=rpc,
            rtgs_port=rtgs_port,
            by_drop=rtgs_drop,
            workers=workers,
            database=database,
        )
    except InvalidInput as error:
        typer.echo(f"lockstep: {error}", err=True)
        raise typer.Exit(2) from error
    founded = place.root / "market.toml" if place.is_founded else market or example("first-day") / "market.toml"
    bring_up(
        place,
        founded,
        rpc=rpc,
        rtgs_port=rtgs_port,
        told=told,
        by_drop=rtgs_drop,
        workers=workers or 1,
        database=database,
    )


@app.command()
def submit(
    files: Annotated[
        list[Path], typer.Argument(help="sese.023, sese.020, colr.003 and colr.004 files, or folders of them.")
    ],
    home: HomeOption = DEFAULT_HOME,
    late: Annotated[
        bool,
        typer.Option("--late", help="What is handed in again after a loss: past settlement dates too."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Hand in participants' messages. Each bad one is refused with its reason; the rest goes on.

    A margin call (colr.003) and its answer (colr.004) are passed on to the other party; the node must answer for them.
    """
    from lockstep.app.intake import Taken, expand, submit_files
    from lockstep.app.loops import spare_collector
    from lockstep.app.records import open_reception

    place = Home(home)
    reception = open_reception(place)
    console = Console(quiet=as_json)
    paths = list(expand(files))
    if len(paths) > MANY_FILES:
        spare_collector()
    counts: dict[str, int] = {}

    def margin_mail() -> "MarginMail":
        from lockstep.app.margin_desk import open_margin_mail  # asks a node: where there is a margin call, once

        return open_margin_mail(place)

    with console.status(f"0 of {len(paths)} files") as status:

        def told(one: Taken) -> None:
            counts[one.outcome] = counts.get(one.outcome, 0) + 1
            line = showing.file_line(one)
            if line is None and len(paths) <= showing.MOST_LISTED:
                line = f"[green]taken[/]     {escape(Path(one.file).name)}: {escape(str(one.reference))}"
            if line is not None:
                console.print(line)
            status.update(f"{sum(counts.values())} of {len(paths)} files: {showing.counted(counts)}")

        taken = submit_files(reception, paths, told, late=late, margin=cache(margin_mail))
    console.print(f"{len(paths)} files: {showing.counted(counts) or 'none'}")
    if as_json:
        print_json({"files": [one.as_json() for one in taken]})
    if any(one.outcome == "refused" for one in taken):
        raise typer.Exit(1)


@app.command()
def run(
    home: HomeOption = DEFAULT_HOME,
    until_quiet: Annotated[
        float | None, typer.Option(help="Stop once nothing moved for so many seconds.", min=0.1)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the settlement service until stopped. Several share the trades, each with an operator's key of its own."""
    from lockstep.app.processes import open_book, run_service

    place = Home(home)
    run_service(place, quiet_seconds=until_quiet, told=lambda line: typer.echo(f"lockstep: {line}", err=True))
    if as_json:
        states: dict[str, int] = {}
        for trade in open_book(place).trades():
            states[trade.state.value] = states.get(trade.state.value, 0) + 1
        print_json({"states": states})


@app.command()
def trades(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List all trades, and instructions that found no counterpart; before them, whether the service is halted."""
    from lockstep.app.processes import open_book, open_halts, open_ledger
    from lockstep.app.views import trade_rows

    place = Home(home)
    halts = open_halts(place).halts()
    rows = trade_rows(open_book(place), place.market(), open_ledger(place))
    if as_json:
        told = {"halted": bool(halts), "reorganisations": halted.as_json(halts)}
        print_json({**told, "trades": [row.as_json() for row in rows]})
    else:
        console = Console()
        halted.warn(console, halts, home)
        console.print(showing.trade_table(rows))


@app.command()
def trade(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="A trade id, its beginning, or a party's reference.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Tell one trade's story, both legs on one line of time; before it, whether the service is halted."""
    from lockstep.app.processes import open_book, open_halts, open_ledger
    from lockstep.app.views import find_trade, timeline, trade_rows

    place = Home(home)
    halts = open_halts(place).halts()
    book, assets = open_book(place), open_ledger(place)
    found = find_trade(book, identifier)
    moments = timeline(found, book, assets)
    row = next(one for one in trade_rows(book, place.market(), assets) if one.id == found.trade_id)
    if as_json:
        told = {"halted": bool(halts), "reorganisations": halted.as_json(halts)}
        print_json({**told, "trade": row.as_json(), "timeline": [moment.as_json() for moment in moments]})
    else:
        console = Console()
        halted.warn(console, halts, home)
        console.print(showing.trade_table([row]))
        console.print(showing.timeline_table(moments, f"Trade {found.trade_id}"))
        if found.settlement_id is not None:
            console.print(f"settlement {found.settlement_id}", soft_wrap=True)


@app.command("verify-deployment")
def verify_deployment(
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="The manifest; the installation's manifest.json if absent.")
    ] = None,
    rpc: Annotated[str | None, typer.Option("--rpc", help="The node to ask; the installation's if absent.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Compare a chain with a deployment's manifest: code, addresses, roles and parameters, value by value.

    OK is as deployed, CHANGED is otherwise by an event on the chain, FAIL is otherwise by nothing that explains it.
    Exits with 0 if nothing failed, 1 if something did, 2 if nothing could be compared.
    """
    from lockstep.app.installing import verify_deployment as compare
    from lockstep.domain.errors import LockstepError

    try:
        findings = compare(Home(home), manifest, rpc)
    except LockstepError as error:
        typer.echo(f"lockstep: {error}", err=True)
        raise typer.Exit(2) from error
    sound = all(one.verdict.value != "FAIL" for one in findings)
    if as_json:
        print_json({"sound": sound, "findings": [one.as_json() for one in findings]})
    else:
        showing.findings(Console(), findings)
    raise typer.Exit(0 if sound else 1)


@app.command("why-not")
def why_not(
    isin: Annotated[str, typer.Argument(help="The security.")],
    source: Annotated[str, typer.Argument(metavar="FROM", help="Who would give: a participant's BIC, or an address.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="Who would get.")],
    quantity: Annotated[str, typer.Argument(help="How much, as in an instruction.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Ask the security why a transfer would be refused now, before it is sent. Nothing is sent."""
    from lockstep.app.officiating import why_not as ask
    from lockstep.app.views import explained

    refusal = ask(Home(home), isin, source, target, quantity)
    if as_json:
        print_json({"passes": refusal is None, "refusal": explained(refusal) if refusal else None})
    elif refusal is None:
        typer.echo("it would pass")
    else:
        typer.echo("\n".join(explained(refusal)["lines"]))


@app.command("explain-refusal")
def explain_refusal(
    data: Annotated[str, typer.Argument(metavar="HEX", help="Revert data, as a node or a block explorer shows it.")],
    as_json: JsonOption = False,
) -> None:
    """Say in words what a contract's revert data means. Needs no installation."""
    from lockstep.app.views import explained, refusal_of

    told = explained(refusal_of(data))
    if as_json:
        print_json(told)
    else:
        typer.echo("\n".join(told["lines"]))


@agent_app.command("run")
def agent_run(
    number: Annotated[int, typer.Argument(min=1, max=AGENTS, help="Which of the four agents.")],
    home: HomeOption = DEFAULT_HOME,
    rpc: Annotated[str | None, typer.Option(help="A node of its own; the installation's if absent.")] = None,
) -> None:
    """Run one synchronisation agent until stopped."""
    from lockstep.app.processes import run_agent

    run_agent(Home(home), number, rpc=rpc)


@agent_app.command("reconcile")
def agent_reconcile(
    number: Annotated[int, typer.Argument(min=1, max=AGENTS, help="Which of the four agents.")],
    home: HomeOption = DEFAULT_HOME,
    rpc: Annotated[str | None, typer.Option(help="A node of its own; the installation's if absent.")] = None,
    forgo_open: Annotated[
        bool,
        typer.Option("--forgo-open", help="Where signatures are lost: go on, and never sign for what is locked now."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare a stopped agent's register with board and chain: may it sign, and if not, why."""
    from lockstep.app.processes import reconcile_agent

    found = reconcile_agent(Home(home), number, rpc=rpc, forgo_open=forgo_open)
    if as_json:
        print_json(found)
    else:
        typer.echo("\n".join(f"{name.replace('_', ' ')}: {value}" for name, value in found.items()))


app.command()(inventory.inventory)
app.command()(report)
app.command()(evidence)
app.command()(verify)
app.command()(anchor.anchor)
app.command()(records.rebuild)
app.command()(records.resume)
app.command()(records.decide_never)
app.command()(simulate)
