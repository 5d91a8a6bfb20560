"""`lockstep collateral`, the rest: default and enforcement, sales, income, the long stop; acts signed elsewhere."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lockstep.app.home import Home
from lockstep.cli.collateral import (
    DAY,
    ActsArgument,
    AgreementArgument,
    AmountArgument,
    ConfirmOption,
    DraftOption,
    KeyOption,
    PledgeArgument,
    QuantityArgument,
    ReferenceOption,
    SettlementArgument,
    ValidOption,
    collateral_app,
    how_of,
    office_of,
    told,
)
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json

__all__ = ["collateral_app"]

SaleArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A sale's order, as `collateral offer` writes it.")]


@collateral_app.command("declare-default")
def declare_default(
    agreement: AgreementArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker: begin the way to enforcement; notice and cure periods run from now."""
    told(office_of(home, key).declare_default(agreement, how_of(reference, draft, valid)), as_json)


@collateral_app.command("end-default")
def end_default(
    agreement: AgreementArgument,
    by: Annotated[
        str | None, typer.Option(metavar="PARTICIPANT", help="Who ends it, by BIC or LEI; the taker if absent.")
    ] = None,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker: withdraw a default. As anybody: end one whose ground is gone by the valuers' figures."""
    told(office_of(home, key).end_default(agreement, how_of(reference, draft, valid), by=by), as_json)


@collateral_app.command()
def appropriate(
    pledge: PledgeArgument,
    quantity: QuantityArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker, once a default can be enforced: take units at their attested price, within what is owed."""
    told(office_of(home, key).appropriate(pledge, quantity, how_of(reference, draft, valid)), as_json)


@collateral_app.command("set-off")
def set_off(
    pledge: PledgeArgument,
    quantity: QuantityArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker, once a default can be enforced: set units that it owes off against what it is owed."""
    told(office_of(home, key).set_off(pledge, quantity, how_of(reference, draft, valid)), as_json)


@collateral_app.command()
def offer(
    pledge: PledgeArgument,
    quantity: QuantityArgument,
    buyer: Annotated[str, typer.Argument(help="The buyer's BIC or LEI.")],
    amount: AmountArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the order.")],
    previous: Annotated[
        str | None, typer.Option(metavar="SETTLEMENT", help="A sale that was given back: its units are sold anew.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the order of a sale of pledged units, to be settled and paid today, for the buyer to sign."""
    from lockstep.app.collateral_files import sale_text, write_file
    from lockstep.app.collateral_sales import offered
    from lockstep.app.processes import open_ledger
    from lockstep.domain.errors import Unavailable
    from lockstep.domain.identifiers import SettlementId, hex32
    from lockstep.signing import settlement_id

    place = Home(home)
    names, assets = office_of(home).names, open_ledger(place)
    if assets is None:
        raise Unavailable("no node of this installation answers: an order names the present agents")
    earlier = None if previous is None else SettlementId(hex32(previous, field="--previous"))
    made = offered(names, assets, place.clock(), pledge, quantity, buyer, amount, earlier)
    write_file(file, sale_text(made))
    settlement = settlement_id(made.order, place.market().network)
    told({"settlement": settlement, "pledge": made.pledge_id, "file": str(file)}, as_json)


@collateral_app.command()
def sell(
    file: SaleArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker, once a default can be enforced: put units out for sale through DvP, by an order that its buyer
    signed. The service has the buyer pay, and counts what the sale fetched."""
    from lockstep.app.collateral_files import read_sale
    from lockstep.app.collateral_payments import take_sale

    office, sale = office_of(home, key), read_sale(file)
    if draft is None:
        take_sale(Home(home), sale)  # before anything moves: what is locked is to be paid for
    told(office.sell(sale, how_of(reference, draft, valid)), as_json)


@collateral_app.command("end-sale")
def end_sale(settlement: SettlementArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Write down in the register how a sale ended, once it settled or was given back. Anybody may."""
    from lockstep.domain.identifiers import SettlementId, hex32

    told(office_of(home).end_sale(SettlementId(hex32(settlement, field="settlement"))), as_json)


@collateral_app.command()
def income(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The income and its valuers, as JSON.")],
    valuer: Annotated[
        list[int] | None, typer.Option(help="A valuer whose keystore valuer-N is here and signs; may be repeated.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Record a coupon or dividend on a pledge: a claim of the giver, on the valuers' word."""
    from lockstep.app.collateral_files import read_income

    keys = [Home(home).key(f"valuer-{number}") for number in valuer or ()]
    told(office_of(home).record_income(read_income(file), keys), as_json)


@collateral_app.command("pay-income")
def pay_income(
    pledge: PledgeArgument,
    payment: Annotated[str, typer.Argument(metavar="INCOME", help="The income's id, as it was recorded.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker: have the service pay income that it owes, whole, in the RTGS. The same again changes nothing."""
    from lockstep.app.collateral_payments import pay_income as pay

    identifier, _ = office_of(home).names.find_pledge(pledge)
    told(pay(Home(home), identifier, payment), as_json)


@collateral_app.command()
def payments(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """List payments of income and of sales, where each stands, and why it waits."""
    from lockstep.app.collateral_payments import payments_shown

    rows = payments_shown(Home(home))
    if as_json:
        print_json({"payments": rows})
        return
    for one in rows:
        parties = f"{one['debtor']} → {one['creditor']}"
        line = f"{one['payment'][:8]}  {one['kind']} {one['stage']}  {one['amount']} {one['currency']}, {parties}"
        typer.echo(f"{line} {one['reason']}".rstrip())
    if not rows:
        typer.echo("there are no payments")


@collateral_app.command("acknowledge-income")
def acknowledge_income(
    pledge: PledgeArgument,
    amount: AmountArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the giver: say that the taker met so much of the income that it owed, outside the RTGS."""
    told(office_of(home, key).acknowledge_income(pledge, amount, how_of(reference, draft, valid)), as_json)


@collateral_app.command("long-stop")
def long_stop(
    pledge: PledgeArgument,
    confirm: ConfirmOption = False,
    reference: ReferenceOption = "",
    key: Annotated[
        str | None, typer.Option("--key", help="Whose keystore signs; officer if absent, with --confirm confirmer.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """End a pledge that nobody ends, long after its term: the officer proposes, later the confirmer makes it."""
    name = key or ("confirmer" if confirm else "officer")
    hand = Home(home).key(name)
    told(office_of(home, name).long_stop(pledge, hand, how_of(reference, None, DAY), confirm=confirm), as_json)


@collateral_app.command()
def sign(
    file: ActsArgument,
    key: Annotated[
        str | None, typer.Option("--key", help="Whose keystore signs, such as wallet-BIC; nobody's if absent.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show what a file of acts, an agreement, a sale's order or income has its signers do; with a key, sign one's own
    part of it. Nothing is sent."""
    from lockstep.app.collateral_signing import look_at, sign_file

    office = office_of(home, key)
    told(look_at(office, file) if key is None else sign_file(office, file, Home(home).key(key)), as_json)


@collateral_app.command()
def submit(file: ActsArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Submit acts that their parties signed. The same again changes nothing."""
    office = office_of(home)
    carried: Any = office.desk.submit_file(file)
    told(office.told(carried), as_json)
