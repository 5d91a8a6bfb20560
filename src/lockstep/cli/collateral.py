"""`lockstep collateral`: pledge, re-use, recall, substitute, enforce; agreements and income.

Each act is signed by the wallets of this folder and submitted with an operator's key; with `--draft` it is written for
its parties to sign elsewhere (`collateral sign`), and submitted from the file (`collateral submit`).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockstep.app.home import Home
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json
from lockstep.cli.showing_collateral import agreement_lines, listed, pledge_lines

if TYPE_CHECKING:  # loading the chain takes longer than showing help
    from lockstep.app.collateral_office import CollateralOffice, How

__all__ = ["collateral_app", "how_of", "office_of", "told"]

collateral_app = typer.Typer(
    help="Collateral: pledges, re-use, substitution, enforcement, income.", no_args_is_help=True
)

AgreementArgument = Annotated[str, typer.Argument(metavar="AGREEMENT", help="An agreement's id, or its beginning.")]
PledgeArgument = Annotated[str, typer.Argument(metavar="PLEDGE", help="A pledge's id, or its beginning.")]
QuantityArgument = Annotated[str, typer.Argument(help="How much of the security, as an instruction says it.")]
IsinArgument = Annotated[str, typer.Argument(help="The security.")]
AmountArgument = Annotated[str, typer.Argument(help="How much money, in the agreement's currency.")]
ActsArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Acts, as `--draft` writes them.")]
SettlementArgument = Annotated[str, typer.Argument(metavar="SETTLEMENT", help="A sale's settlement id.")]
ReferenceOption = Annotated[
    str, typer.Option(help="Tells it apart from another act with the same content; the same command again is the same.")
]
DraftOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write it for its parties to sign, and send nothing.")
]
ValidOption = Annotated[int, typer.Option(min=60, help="For how many seconds the signatures count.")]
KeyOption = Annotated[
    str | None, typer.Option("--key", help="Whose keystore signs, if not each party's own wallet-BIC: an heir's.")
]
ConfirmOption = Annotated[bool, typer.Option("--confirm", help="As the confirmer: make it.")]
DAY = 86_400


def office_of(home: Path, key: str | None = None) -> "CollateralOffice":
    """The installation's office; `key` names the keystore that signs."""
    from lockstep.app.collateral_office import open_collateral_office

    return open_collateral_office(Home(home), key)


def how_of(reference: str, draft: Path | None, valid: int) -> "How":
    """How an act is to be carried out."""
    from lockstep.app.collateral_office import How

    return How(reference=reference, valid_seconds=valid, draft=draft)


def told(content: Mapping[str, Any], as_json: bool) -> None:
    """What came of a command."""
    if as_json:
        print_json(content)
        return
    for name, value in content.items():
        if name == "acts":
            for one in value:
                typer.echo(f"  {one['party']} {one['does']}")
        elif name == "final" or value is None:
            continue
        else:
            typer.echo(f"{name:<10} {', '.join(value) if isinstance(value, list) else value}")


# --- agreements, and what there is


@collateral_app.command("open")
def open_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The terms, as JSON.")],
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Register an agreement that both parties signed: in the file, or by their wallets here."""
    from lockstep.app.collateral_files import read_agreement

    office = office_of(home, key)
    told(office.open(read_agreement(file, office.market)), as_json)


@collateral_app.command("list")
def list_(
    participant: Annotated[
        str | None, typer.Argument(metavar="[PARTICIPANT]", help="A participant's BIC or LEI; all if absent.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List agreements: parties, what is required, held and covered, whether a default is declared."""
    from lockstep.app.collateral_views import agreements_listed

    rows = agreements_listed(office_of(home).names, participant)
    if as_json:
        print_json({"agreements": rows})
    else:
        listed(rows)


@collateral_app.command()
def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An agreement's or a pledge's id, or its beginning.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show an agreement, what it covers and what is owed; or a pledge and what happened to it."""
    from lockstep.app.collateral_views import agreement_shown, pledge_shown
    from lockstep.domain.errors import InvalidInput

    names = office_of(home).names
    try:
        found = agreement_shown(names, names.find_agreement(identifier))
    except InvalidInput as error:
        if error.field != "agreement":
            raise
        found = pledge_shown(names, names.find_pledge(identifier)[0])
    if as_json:
        print_json(found)
    else:
        (agreement_lines if "mode" in found else pledge_lines)(found)


# --- pledges


@collateral_app.command()
def pledge(
    agreement: AgreementArgument,
    security: IsinArgument,
    quantity: QuantityArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the giver: pledge free units; under title transfer they become the taker's."""
    how = how_of(reference, draft, valid)
    told(office_of(home, key).pledge(agreement, security, quantity, how), as_json)


@collateral_app.command("top-up")
def top_up(
    pledge: PledgeArgument,
    quantity: QuantityArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the giver: pledge more units of the same security under the same agreement."""
    told(office_of(home, key).top_up(pledge, quantity, how_of(reference, draft, valid)), as_json)


@collateral_app.command()
def release(
    pledge: PledgeArgument,
    quantity: QuantityArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker: give up the claim on units that were not pledged on."""
    told(office_of(home, key).release(pledge, quantity, how_of(reference, draft, valid)), as_json)


@collateral_app.command("release-excess")
def release_excess(
    pledge: PledgeArgument,
    quantity: QuantityArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the giver: take back units that the valuers' figures show not to be needed. The taker is not asked."""
    told(office_of(home, key).release_excess(pledge, quantity, how_of(reference, draft, valid)), as_json)


@collateral_app.command()
def substitute(
    pledge: PledgeArgument,
    quantity: QuantityArgument,
    security: IsinArgument,
    new_quantity: Annotated[str, typer.Argument(help="How much of the new security.")],
    consent: Annotated[bool, typer.Option("--consent", help="By both; else by the giver, on attested values.")] = False,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Replace pledged units by others: new in, then old out, in one transaction."""
    how = how_of(reference, draft, valid)
    done = office_of(home, key).substitute(pledge, quantity, security, new_quantity, how, consent=consent)
    told(done, as_json)


@collateral_app.command()
def repledge(
    pledge: PledgeArgument,
    agreement: AgreementArgument,
    quantity: QuantityArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As a pledge's taker: pledge on what was received, as giver of another agreement, within cap and depth."""
    how = how_of(reference, draft, valid)
    told(office_of(home, key).repledge(pledge, agreement, quantity, how), as_json)


@collateral_app.command()
def recall(
    pledge: PledgeArgument,
    quantity: Annotated[str, typer.Argument(help="How much is to be out of re-use; 0 ends the recall.")],
    by: Annotated[str, typer.Option(metavar="TIME", help="Until when, such as 2026-11-23T15:00:00Z; for the record.")],
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the giver: want units out of re-use. They cannot be pledged on any more; `unwind` brings them back."""
    from lockstep.app.collateral_files import instant

    how = how_of(reference, draft, valid)
    told(office_of(home, key).recall(pledge, quantity, instant(by, field="--by"), how), as_json)


@collateral_app.command()
def unwind(
    pledge: PledgeArgument,
    quantity: QuantityArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Bring units back to the giver through all links of re-use: each taker's release, leaves first, all or none."""
    told(office_of(home).unwind(pledge, quantity, how_of(reference, draft, valid)), as_json)


@collateral_app.command("return")
def return_(
    pledge: PledgeArgument,
    quantity: QuantityArgument,
    reference: ReferenceOption = "",
    draft: DraftOption = None,
    valid: ValidOption = DAY,
    key: KeyOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As the taker: give free units for units that it owes, of title transferred or lost further down."""
    told(office_of(home, key).return_units(pledge, quantity, how_of(reference, draft, valid)), as_json)
