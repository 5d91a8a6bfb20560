"""`lockstep margin`: reckon what is due, call for it, answer, pay, and see what became of it."""

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lockstep.app.home import Home
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json
from lockstep.cli.showing import grouped

if TYPE_CHECKING:  # loading the chain takes longer than showing help
    from lockstep.domain.margin_case import MarginCase
    from lockstep.flow.margin_mail import MarginMail
    from lockstep.flow.margining import Margining

__all__ = ["AgreementArgument", "OpenOption", "margin_app"]

margin_app = typer.Typer(
    help="Margin calls: what is due, called for, answered, paid in the RTGS.", no_args_is_help=True
)

CallArgument = Annotated[str, typer.Argument(metavar="CALL", help="A margin call's id.")]
AgreementArgument = Annotated[
    str, typer.Argument(metavar="AGREEMENT", help="The agreement's id on the register, or its beginning.")
]
AgreementOption = Annotated[
    str | None, typer.Option("--agreement", help="Its agreement's id or beginning; needed where two calls have the id.")
]
QuantityArgument = Annotated[str, typer.Argument(help="How much of the security, as an instruction says it.")]
NameOption = Annotated[
    str | None, typer.Option("--name", help="Of this movement, unique in the call; made of what moves if absent.")
]
ReturnOption = Annotated[
    bool, typer.Option("--return", help="The giver calls, for what the taker holds too much; else the taker calls.")
]
OpenOption = Annotated[bool, typer.Option("--open", help="Only those that have not ended.")]


@margin_app.command()
def reckon(
    terms: Annotated[
        Path, typer.Argument(metavar="TERMS", help="The credit support annex and its transactions, as JSON.")
    ],
    agreement: Annotated[
        str | None,
        typer.Option(
            "--agreement", help="Take units, cash and, unless TERMS has transactions, exposure of the register."
        ),
    ] = None,
    schedule: Annotated[
        Path | None, typer.Option("--schedule", help="The eligibility schedule that the collateral counts by, as JSON.")
    ] = None,
    positions: Annotated[
        Path | None,
        typer.Option("--positions", help="The collateral: what each security is, units and price, as JSON."),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option("--prices", help="A valuer's prices file, instead of the positions' own prices.")
    ] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="DAY", help="YYYY-MM-DD; today if absent.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Reckon what is to be delivered or returned today, by own figures. Nothing is called for by it."""
    from lockstep.app.margin_reckoning import reckon as reckoned

    told = reckoned(
        Home(home),
        terms,
        agreement=agreement,
        schedule=schedule,
        positions=positions,
        prices=prices,
        on=_day("--on", on),
    )
    if as_json:
        print_json(told)
    else:
        _reckoned(Console(), told)


@margin_app.command()
def call(
    agreement: AgreementArgument,
    call: Annotated[str, typer.Argument(metavar="CALL", help="The call's id, the caller's own.")],
    amount: Annotated[
        str | None, typer.Option(help="Collateral value; what the register's figures show to be due if absent.")
    ] = None,
    is_return: ReturnOption = False,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DAY", help="The day of delivery, YYYY-MM-DD; today if absent.")
    ] = None,
    collateral: Annotated[
        list[str] | None, typer.Option("--collateral", metavar="KIND", help="CASH or SECU; both if absent.")
    ] = None,
    exposure: Annotated[
        str, typer.Option("--exposure", metavar="KIND", help="What it comes of: REPO, OTCD, SLEB or PAYM.")
    ] = "REPO",
    name: Annotated[str | None, typer.Option(help="The agreement's name for people; made of its id if absent.")] = None,
    signed_on: Annotated[
        str | None,
        typer.Option("--signed-on", metavar="DAY", help="Its day; that of its opening on the chain if absent."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Call for margin: as a colr.003 of the caller, which is passed on to who is called. The same again changes
    nothing."""
    from lockstep.app.json_files import choice
    from lockstep.app.margin_desk import Asked, open_margin_mail
    from lockstep.app.margin_desk import call as called
    from lockstep.domain.margin_message import CollateralKind, ExposureKind

    asked = Asked(
        amount=amount,
        is_return=is_return,
        on=_day("--on", on),
        collateral=tuple(choice(CollateralKind, one, "--collateral") for one in collateral) if collateral else None,
        exposure_kind=choice(ExposureKind, exposure, "--exposure"),
        name=name,
        signed_on=_day("--signed-on", signed_on),
    )
    place = Home(home)
    _told(called(open_margin_mail(place), agreement, call, asked), place, as_json)


@margin_app.command()
def answer(
    call: CallArgument,
    agreed: Annotated[str | None, typer.Option(help="How much is agreed; all of it if absent.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why not all.")] = None,
    agreement: AgreementOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Agree to a call, or dispute part of it: as a colr.004 of who is called, which is passed on to the caller."""
    from lockstep.app.margin_desk import answer as answered

    _mailed(home, call, agreement, lambda mail, case: answered(mail, case, agreed, reason), as_json)


@margin_app.command()
def pay(
    call: CallArgument,
    amount: Annotated[str | None, typer.Option(help="How much; all that is owed if absent.")] = None,
    agreement: AgreementOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Have what is owed paid in cash: the service instructs it in the RTGS, and counts it once it is booked."""
    from lockstep.app.margin_desk import pay as paid

    _changed(home, call, agreement, lambda margining, case: paid(margining, case, amount), as_json)


@margin_app.command()
def deliver(
    call: CallArgument,
    security: Annotated[str, typer.Argument(help="The security, by its ISIN.")],
    quantity: QuantityArgument,
    name: NameOption = None,
    agreement: AgreementOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Have the giver pledge bonds for a call: the service submits the act of its wallet, and counts what is pledged."""
    from lockstep.app.margin_desk import deliver as delivered

    _changed(home, call, agreement, lambda desk, case: delivered(desk, case, security, quantity, name), as_json)


@margin_app.command("give-back")
def give_back(
    call: CallArgument,
    pledge: Annotated[str, typer.Argument(metavar="PLEDGE", help="The pledge's id, or its beginning.")],
    quantity: QuantityArgument,
    name: NameOption = None,
    agreement: AgreementOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Have the taker release bonds for a return that was called: as `margin deliver`, the other way."""
    from lockstep.app.margin_desk import give_back as given_back

    _changed(home, call, agreement, lambda desk, case: given_back(desk, case, pledge, quantity, name), as_json)


@margin_app.command()
def withdraw(
    call: CallArgument,
    reason: Annotated[str, typer.Option(help="Why; stands in the journal.")],
    agreement: AgreementOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Take a call back, as its caller. What was delivered stays."""
    from lockstep.app.margin_desk import withdraw as withdrawn

    _changed(home, call, agreement, lambda margining, case: withdrawn(margining, case, reason), as_json)


@margin_app.command()
def resolve(
    call: CallArgument,
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="What both now say is owed.")],
    reason: Annotated[str, typer.Option(help="Who agreed on it, and where; stands in the journal.")],
    agreement: AgreementOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """End a dispute at an amount that both agree on, at least what was never disputed."""
    from lockstep.app.margin_desk import resolve as resolved

    _changed(home, call, agreement, lambda margining, case: resolved(margining, case, amount, reason), as_json)


@margin_app.command()
def show(
    call: CallArgument,
    agreement: AgreementOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show one call: what was asked, agreed and delivered, its payment, and its history. No ledger need be up."""
    from lockstep.app.margin_cases import case_named, cases, history, shown

    place = Home(home)
    found = case_named(cases(place), call, agreement)
    told, moments = shown(found, place.market()), history(place, found)
    if as_json:
        print_json({**told, "history": moments})
        return
    _lines(told)
    for one in moments:
        facts = ", ".join(f"{name} {value}" for name, value in one["facts"].items())
        typer.echo(f"  {one['at']:.19}  {one['kind']}{': ' if facts else ''}{facts}")


@margin_app.command("list")
def list_(
    only_open: OpenOption = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List margin calls, oldest first."""
    from lockstep.app.margin_cases import cases, shown

    place = Home(home)
    market = place.market()
    told = [shown(one, market) for one in cases(place) if one.is_open or not only_open]
    if as_json:
        print_json({"calls": told})
    elif not told:
        typer.echo("there are no margin calls")
    else:
        Console().print(_calls(told))


def _mailed(
    home: Path, call: str, agreement: str | None, act: "Callable[[MarginMail, MarginCase], MarginCase]", as_json: bool
) -> None:
    from lockstep.app.margin_cases import case_named, cases
    from lockstep.app.margin_desk import open_margin_mail

    place = Home(home)
    found = case_named(cases(place), call, agreement)
    _told(act(open_margin_mail(place), found), place, as_json)


def _changed(
    home: Path, call: str, agreement: str | None, act: "Callable[[Margining, MarginCase], MarginCase]", as_json: bool
) -> None:
    _mailed(home, call, agreement, lambda mail, case: act(mail.margining, case), as_json)


def _day(option: str, text: str | None) -> date | None:
    from lockstep.app.json_files import day

    return None if text is None else day(text, option)


def _told(case: "MarginCase", place: Home, as_json: bool) -> None:
    from lockstep.app.margin_cases import shown

    told = shown(case, place.market())
    if as_json:
        print_json(told)
    else:
        _lines(told)


def _lines(told: Mapping[str, Any]) -> None:
    currency = told["currency"]
    what = "return" if told["is_return"] else "delivery"
    typer.echo(
        f"{told['call']}  {told['state']}  {told['caller']} calls {told['called']}, agreement {told['agreement']}"
    )
    typer.echo(f"  {what} of {grouped(told['amount'])} {currency} by {told['deliver_by']}")
    if told["agreed"] is not None:
        typer.echo(f"  agreed {grouped(told['agreed'])}, disputed {grouped(told['disputed'])}")
    typer.echo(f"  delivered {grouped(told['delivered'])}, open {grouped(told['open'])}")
    payment = told["payment"]
    if payment is not None:
        state = "counted by the register" if payment["counted"] else f"attempt {payment['attempt']}"
        typer.echo(f"  paying {grouped(payment['amount'])} in cash by {payment['pay_by']}: {state}")
    for one in told["bonds"]:
        reason = f", {one['reason']}" if one["reason"] else ""
        what = f"{grouped(one['quantity'])} of {one['isin']}"
        worth = one["value"] if one["state"] == "DONE" else f"about {one['expected']}"
        typer.echo(f"  bonds {one['name']}: {what}, {one['state']}, {worth}{reason}")
    for name in ("reason", "waits"):
        if told[name]:
            typer.echo(f"  {name}: {told[name]}")


def _calls(told: list[dict[str, Any]]) -> Table:
    table = Table(title="Margin calls", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("call", "agreement", "caller → called"):
        table.add_column(name, no_wrap=name != "caller → called")
    for name in ("amount", "open"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for one in told:
        table.add_row(
            escape(one["call"]),
            one["agreement"][:8],
            f"{one['caller']} → {one['called']}",
            f"{grouped(one['amount'])} {one['currency']}",
            grouped(one["open"]),
            one["state"],
        )
    return table


def _reckoned(console: Console, told: Mapping[str, Any]) -> None:
    currency = told["currency"]
    for one in told["securities"]:
        if one["refused"]:
            console.print(f"{one['isin']} {grouped(one['quantity'])}: counts nothing, {escape(one['refused'])}")
        else:
            value = f"{grouped(one['value'])} {currency}"
            console.print(f"{one['isin']} {grouped(one['quantity'])}: {value}, {escape(one['rule'])}, {one['haircut']}")
    for limit in told["limits"]:
        console.print(f"[red]{escape(limit)}[/]")
    for name in ("exposure", "required", "collateral", "cash", "held"):
        console.print(f"{name:<11}{_signed(told[name]):>24} {currency}")
    way = next((one for one in ("delivery", "return") if told[one].strip("0.")), None)
    if way is None:
        console.print(f"nothing moves: {told['reason']}")
    else:
        console.print(f"[bold]{way:<11}{grouped(told[way]):>24} {currency}[/]")


def _signed(amount: str) -> str:
    """An exposure may be below zero."""
    return f"-{grouped(amount[1:])}" if amount.startswith("-") else grouped(amount)
