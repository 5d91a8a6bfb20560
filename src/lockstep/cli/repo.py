"""`lockstep repo`: open, look after and close repos."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockstep.app.home import Home
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json
from lockstep.cli.showing import grouped

if TYPE_CHECKING:
    from lockstep.domain.repo.life import Repo

__all__ = ["repo_app"]

repo_app = typer.Typer(help="Repos: sale and repurchase, title in the register.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="REPO", help="A repo's id.")]
LotArgument = Annotated[int, typer.Argument(min=1, help="The lot's number, as `repo show` has it.")]
QuantityArgument = Annotated[str, typer.Argument(help="How much of the security, as an instruction says it.")]
IsinArgument = Annotated[str, typer.Argument(help="The security.")]
DayOption = Annotated[str | None, typer.Option("--on", metavar="DAY", help="YYYY-MM-DD; today if absent.")]
RateOption = Annotated[str, typer.Option("--rate", help="Pricing rate in percent a year, such as 3.65 or -0.5.")]


@repo_app.command("open")
def open_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The terms, as JSON.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Take a repo down by its terms; the service then takes its steps. The same again changes nothing."""
    from lockstep.app.repo_files import read_terms
    from lockstep.app.repos import open_repoing

    place = Home(home)
    _told(place, open_repoing(place).open(read_terms(file, place.market())), as_json)


@repo_app.command()
def show(
    repo: Annotated[str | None, typer.Argument(metavar="[REPO]", help="A repo's id; all if absent.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show repos: state, price, interest so far, securities, legs, and what a failed close has come to."""
    from lockstep.app.repos import recorded, shown

    place = Home(home)
    market, today = place.market(), place.clock().now().date()
    told = [shown(one, market, today) for one in recorded(place, repo)]
    if as_json:
        print_json({"repos": told})
        return
    for one in told:
        _lines(one)
    if not told:
        typer.echo("there are no repos")


@repo_app.command()
def reprice(
    repo: IdArgument,
    rate: RateOption,
    on: DayOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Let another pricing rate count from a day on, which both agreed. Another price is a roll on the same dates."""
    from lockstep.app.repo_files import percent
    from lockstep.domain.repo.moves import repriced

    parts = percent(rate, field="--rate")
    _change(home, repo, lambda one, now: repriced(one, parts, _day(on, now), now), as_json)


@repo_app.command()
def roll(
    repo: IdArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The terms of what it is rolled into, as JSON.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Close it on the purchase date of another repo, and open that one then."""
    from lockstep.app.repo_files import read_terms
    from lockstep.domain.repo.moves import rolled

    terms = read_terms(file, Home(home).market())
    _change(home, repo, lambda one, now: rolled(one, terms, now), as_json)


@repo_app.command("top-up")
def top_up(
    repo: IdArgument,
    security: IsinArgument,
    quantity: QuantityArgument,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Have the seller give margin securities, free of payment."""
    from lockstep.domain.identifiers import isin
    from lockstep.domain.repo.moves import topped_up

    code = isin(security)
    units = _units(home, code, quantity)
    _change(home, repo, lambda one, now: topped_up(one, code, units, now), as_json)


@repo_app.command("return")
def return_(
    repo: IdArgument,
    lot: LotArgument,
    quantity: QuantityArgument,
    free: Annotated[bool, typer.Option("--free", help="Free of payment; else for its price.")] = False,
    on: DayOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Have the buyer give part of a lot back: against its part of price and interest, or free of payment."""
    from lockstep.domain.repo.moves import partly_returned, returned_free

    def move(one: "Repo", now: datetime) -> "Repo":
        units = _units(home, one.lot(lot).isin, quantity)
        return returned_free(one, lot, units, now) if free else partly_returned(one, lot, units, _day(on, now), now)

    _change(home, repo, move, as_json)


@repo_app.command()
def substitute(
    repo: IdArgument,
    lot: LotArgument,
    quantity: QuantityArgument,
    security: IsinArgument,
    new_quantity: Annotated[str, typer.Argument(help="How much of the new security.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Replace part of a lot by another security: new in, then old out, in one transaction."""
    from lockstep.domain.identifiers import isin
    from lockstep.domain.repo.moves import substituted

    code = isin(security)
    units = _units(home, code, new_quantity)

    def move(one: "Repo", now: datetime) -> "Repo":
        return substituted(one, lot, _units(home, one.lot(lot).isin, quantity), code, units, now)

    _change(home, repo, move, as_json)


@repo_app.command()
def recount(repo: IdArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Take over what the register says is owed, where units came back past the service. Prices stay as they are."""
    from lockstep.app.repos import open_repoing
    from lockstep.domain.repo.terms import repo_id

    place = Home(home)
    _told(place, open_repoing(place).recount(repo_id(repo)), as_json)


@repo_app.command()
def terminate(
    repo: IdArgument, on: DayOption = None, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """End it on a day: one on demand, or earlier than agreed."""
    from lockstep.domain.repo.moves import terminated

    _change(home, repo, lambda one, now: terminated(one, _day(on, now), now), as_json)


@repo_app.command()
def close(
    repo: IdArgument,
    value: Annotated[
        list[str],
        typer.Option("--value", metavar="ISIN=AMOUNT", help="Default market value of all units owed of a security."),
    ],
    expenses: Annotated[str, typer.Option(help="The seller's expenses of replacing them.")] = "0",
    reason: Annotated[
        str | None, typer.Option(help="Who gave notice, on which ground: then it is closed out, else only shown.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Of a repo whose close failed, reckon the mini close-out (GMRA 2011, paragraph 10); with a reason, end it so."""
    from lockstep.app.repos import open_repoing
    from lockstep.domain.identifiers import isin
    from lockstep.domain.money import Money
    from lockstep.domain.repo.fails import mini_close_out
    from lockstep.domain.repo.moves import closed_out
    from lockstep.domain.repo.terms import repo_id

    place = Home(home)
    repoing = open_repoing(place)
    known = repoing.require(repo_id(repo))
    currency = known.terms.purchase_price.currency
    pairs = [one.partition("=") for one in value]
    values = {isin(code): Money.parse(amount, currency, field="--value").amount for code, _, amount in pairs}
    cost = Money.parse(expenses, currency, field="--expenses").amount
    figures = mini_close_out(known, values, place.clock().now().date(), expenses=cost)
    if reason is not None:
        repoing.change(known.terms.repo_id, lambda one, now: closed_out(one, figures, reason, now))
    told = {
        "notice": figures.notice.isoformat(),
        "securities": figures.securities.text(),
        "repurchasePrice": figures.repurchase_price.text(),
        "net": figures.net.text(),
        "payer": figures.payer,
        "closedOut": reason is not None,
    }
    if as_json:
        print_json(told)
    else:
        typer.echo("\n".join(f"{name}: {one}" for name, one in told.items()))


@repo_app.command()
def selection(
    amount: Annotated[str, typer.Argument(metavar="AMOUNT", help="The purchase price to be covered.")],
    currency: Annotated[str, typer.Argument(help="Its currency.")],
    schedule: Annotated[Path, typer.Option("--schedule", help="An eligibility schedule, as JSON.")],
    positions: Annotated[Path, typer.Option("--positions", help="What may be given, as JSON.")],
    seller: Annotated[str, typer.Option("--seller", help="Whose positions they are: BIC or LEI.")],
    country: Annotated[str, typer.Option("--country", help="The seller's country, ISO 3166-1.")],
    cheapest: Annotated[bool, typer.Option("--cheapest", help="By a linear program; else by the greedy rule.")] = False,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Select securities for a purchase price by a schedule, as JSON for the terms of `repo open`."""
    from lockstep.app.repos import selected
    from lockstep.domain.money import Money

    price = Money.parse(amount, currency)
    print_json(selected(Home(home), price, schedule, positions, seller, country, cheapest=cheapest))


def _change(home: Path, repo: str, move: Callable[["Repo", datetime], "Repo"], as_json: bool) -> None:
    from lockstep.app.repos import open_repoing
    from lockstep.domain.repo.terms import repo_id

    place = Home(home)
    _told(place, open_repoing(place).change(repo_id(repo), move), as_json)


def _units(home: Path, isin: Any, quantity: str) -> int:
    from lockstep.domain.money import Quantity

    return Quantity.parse(quantity).units(Home(home).market().security(isin).decimals)


def _day(text: str | None, now: datetime) -> date:
    from lockstep.domain.errors import InvalidInput

    try:
        return date.fromisoformat(text) if text else now.date()
    except ValueError:
        raise InvalidInput("--on", text, "a day such as 2026-11-23") from None


def _told(place: Home, repo: "Repo", as_json: bool) -> None:
    from lockstep.app.repos import shown

    told = shown(repo, place.market(), place.clock().now().date())
    if as_json:
        print_json(told)
    else:
        _lines(told)


def _lines(told: Mapping[str, Any]) -> None:
    until = told["repurchaseDate"] or "on demand"
    parties = f"{told['seller']} → {told['buyer']}"
    typer.echo(f"{told['repoId']}  {told['state']}  {parties}, {told['purchaseDate']} to {until}")
    price, rate = grouped(told["purchasePrice"]), f"{told['pricingRate']} %, {told['dayCount']}"
    typer.echo(f"  {price} {told['currency']} at {rate}, {told['priceDifferential']} interest so far")
    if told["waits"]:
        typer.echo(f"  waits: {told['waits']}")
    for one in told["securities"]:
        typer.echo(f"  lot {one['lot']}: {one['isin']} {grouped(one['quantity'])} for {grouped(one['price'])}")
    for one in told["legs"]:
        due = f"{one['cash']} on {one['settlementDate']}"
        typer.echo(f"  leg {one['reference']}: {one['state']}, {due} {one['reason']}".rstrip())
    for one in told["transfers"]:
        typer.echo(f"  transfer {one['number']}: {one['kind']} {one['state']} {one['reason']}".rstrip())
    if told["late"]:
        typer.echo(f"  late: {told['late']['amount']} so far on {told['late']['on']}, {told['late']['perDay']} a day")
