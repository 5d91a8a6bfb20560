"""The commands of officer, confirmer, registrar and agents: what is for trouble, and what takes two hands.

Each signs with one keystore of the installation; elsewhere each role has a folder with its own keystore alone.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from lockstep.app.home import Home
from lockstep.app.keyholders import AGENTS
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json

__all__ = ["forced_transfer_app", "key_app", "long_stop_app", "recovery_app", "rotation_app", "security_app"]

long_stop_app = typer.Typer(
    help="End a lock that nobody proves: officer, then confirmer, long after its time to pay.", no_args_is_help=True
)
rotation_app = typer.Typer(
    help="Give the chain new agents or roles: by a quorum, or by officer and confirmer.", no_args_is_help=True
)
security_app = typer.Typer(help="Stop a security or an account; let it go on, by two hands.", no_args_is_help=True)
forced_transfer_app = typer.Typer(help="Carry out a court's order, by two hands.", no_args_is_help=True)
recovery_app = typer.Typer(help="Replace a lost wallet, by two hands.", no_args_is_help=True)
key_app = typer.Typer(help="Keystores of this installation.", no_args_is_help=True)

OfficerOption = Annotated[str, typer.Option("--key", help="Whose keystore signs.")]
HandOption = Annotated[
    str | None, typer.Option("--key", help="Whose keystore signs; officer if absent, with --confirm confirmer.")
]
ConfirmOption = Annotated[bool, typer.Option("--confirm", help="As the confirmer: make it, word for word as proposed.")]
SettlementArgument = Annotated[
    str, typer.Argument(metavar="SETTLEMENT", help="A settlement's id, or its beginning, as in `trade`.")
]
IsinArgument = Annotated[str, typer.Argument(help="The security.")]
HolderArgument = Annotated[str, typer.Argument(help="A participant's BIC, or an address.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The next epoch, as `rotation draft` writes it.")]


def _office(home: Path, key: str) -> Any:
    from lockstep.app.officiating import open_office

    return open_office(Home(home), key)


def _observer(home: Path) -> Any:
    from lockstep.app.officiating import open_observer

    return open_observer(Home(home))


def _hand(key: str | None, confirm: bool) -> str:
    return key or ("confirmer" if confirm else "officer")


def _told(told: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
        return
    for name, value in told.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list) else "–" if value is None else value
        typer.echo(f"{name.replace('_', ' '):<18} {shown}")


# --- the long stop


@long_stop_app.command("show")
def long_stop_show(
    settlement: SettlementArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False
) -> None:
    """Show where a lock stands, and from when on each step can be taken."""
    _told(_observer(home).show_long_stop(settlement), as_json)


@long_stop_app.command("propose")
def long_stop_propose(
    settlement: SettlementArgument,
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "officer",
    as_json: JsonOption = False,
) -> None:
    """As the officer: ask that the units be given back without a proof. Needs the grace after `payBy` to be over."""
    _told(_office(home, key).propose_long_stop(settlement), as_json)


@long_stop_app.command("confirm")
def long_stop_confirm(
    settlement: SettlementArgument,
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "confirmer",
    as_json: JsonOption = False,
) -> None:
    """As the confirmer: give the units back. Needs the challenge to be over, and no proof of PAID to have come."""
    _told(_office(home, key).confirm_long_stop(settlement), as_json)


# --- rotation


@rotation_app.command("draft")
def rotation_draft(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the next epoch; a new file.")],
    swap: Annotated[list[str] | None, typer.Option(help="OLD=NEW: one agent's address for another's.")] = None,
    join: Annotated[list[str] | None, typer.Option(help="An agent's address that comes in.")] = None,
    leave: Annotated[list[str] | None, typer.Option(help="An agent's address that goes.")] = None,
    quorum: Annotated[int | None, typer.Option(help="How many must agree; as now if absent.")] = None,
    faulty: Annotated[int | None, typer.Option(help="How many may lie without harm; as now if absent.")] = None,
    officer: Annotated[str | None, typer.Option(help="The next officer's address; as now if absent.")] = None,
    confirmer: Annotated[str | None, typer.Option(help="The next confirmer's address; as now if absent.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write the present epoch with some changes to a file, for everybody to read and sign."""
    from lockstep.app.rotating import Rotations, content, write_rotation

    named = {"quorum": quorum, "faulty": faulty, "officer": officer, "confirmer": confirmer}
    swaps = []
    for one in swap or ():
        old, sign, new = one.partition("=")
        if not sign:
            raise typer.BadParameter(f"--swap {one}: OLD=NEW")
        swaps.append((old, new))
    changes = {name: value for name, value in named.items() if value is not None}
    drafted = Rotations(_observer(home)).draft(swaps=swaps, joining=join or (), leaving=leave or (), **changes)
    write_rotation(file, drafted)
    _told(content(drafted), as_json)


@rotation_app.command("sign")
def rotation_sign(
    file: FileArgument,
    agent: Annotated[int, typer.Option(min=1, max=AGENTS, help="Which of the four agents.")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """As one of the present agents: sign the next epoch. Read the file first; the signature is left beside it."""
    from lockstep.app.rotating import Rotations, content, read_rotation, write_signature

    place = Home(home)
    rotation = read_rotation(file)
    rotations = Rotations(_observer(home))
    signer = rotations.serving_among(place.agent_keys(agent))
    path = write_signature(file, signer.address, rotations.sign(rotation, signer))
    _told({**content(rotation), "signed_by": signer.address, "signature": str(path)}, as_json)


@rotation_app.command("start")
def rotation_start(
    file: FileArgument,
    signatures: Annotated[list[Path], typer.Argument(metavar="SIGNATURES", help="What `rotation sign` left.")],
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "officer",
    as_json: JsonOption = False,
) -> None:
    """Begin the next epoch at once, on a quorum's signatures. Anyone may; the key only pays the fee."""
    from lockstep.app.rotating import Rotations, read_rotation, read_signature

    given = [read_signature(one) for one in signatures]
    _told(Rotations(_office(home, key)).start(read_rotation(file), given), as_json)


@rotation_app.command("propose")
def rotation_propose(
    file: FileArgument,
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "officer",
    as_json: JsonOption = False,
) -> None:
    """As the officer: propose the next epoch without the agents, should they have lost their keys."""
    from lockstep.app.rotating import Rotations, read_rotation

    _told(Rotations(_office(home, key)).propose(read_rotation(file)), as_json)


@rotation_app.command("confirm")
def rotation_confirm(
    file: FileArgument,
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "confirmer",
    as_json: JsonOption = False,
) -> None:
    """As the confirmer: begin the epoch that the officer proposed, once the delay is over."""
    from lockstep.app.rotating import Rotations, read_rotation

    _told(Rotations(_office(home, key)).confirm(read_rotation(file)), as_json)


# --- one security


@security_app.command("pause")
def security_pause(
    isin: IsinArgument, home: HomeOption = DEFAULT_HOME, key: OfficerOption = "officer", as_json: JsonOption = False
) -> None:
    """As the officer: stop transfers, issues and new locks. What is locked settles all the same."""
    _told(_office(home, key).pause(isin), as_json)


@security_app.command("unpause")
def security_unpause(
    isin: IsinArgument,
    confirm: ConfirmOption = False,
    home: HomeOption = DEFAULT_HOME,
    key: HandOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let them go on: the officer proposes it, the confirmer repeats the command with --confirm."""
    _told(_office(home, _hand(key, confirm)).unpause(isin, confirm=confirm), as_json)


@security_app.command("freeze")
def security_freeze(
    isin: IsinArgument,
    holder: HolderArgument,
    quantity: Annotated[str | None, typer.Option(help="So much in all; the whole account if absent.")] = None,
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "officer",
    as_json: JsonOption = False,
) -> None:
    """As the officer: freeze an account, or part of what it holds."""
    office = _office(home, key)
    told = office.freeze(isin, holder) if quantity is None else office.freeze_units(isin, holder, quantity)
    _told(told, as_json)


@security_app.command("unfreeze")
def security_unfreeze(
    isin: IsinArgument,
    holder: HolderArgument,
    left: Annotated[
        str | None,
        typer.Option(help="Of what was frozen by --quantity, so much in all stays frozen; 0: none. Not the account."),
    ] = None,
    confirm: ConfirmOption = False,
    home: HomeOption = DEFAULT_HOME,
    key: HandOption = None,
    as_json: JsonOption = False,
) -> None:
    """Free it again: the officer proposes it, the confirmer repeats the command with --confirm."""
    office = _office(home, _hand(key, confirm))
    if left is None:
        _told(office.unfreeze(isin, holder, confirm=confirm), as_json)
    else:
        _told(office.unfreeze_units(isin, holder, left, confirm=confirm), as_json)


# --- two hands


@forced_transfer_app.command("propose")
def forced_transfer_propose(
    isin: IsinArgument,
    source: Annotated[str, typer.Argument(metavar="FROM", help="Whose units: a participant's BIC, or an address.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="To whom.")],
    quantity: Annotated[str, typer.Argument(help="How much, as in an instruction.")],
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "officer",
    as_json: JsonOption = False,
) -> None:
    """As the officer: propose that units which no earmark holds be moved. It lapses after 7 days."""
    _told(_office(home, key).forced_transfer(isin, source, target, quantity, confirm=False), as_json)


@forced_transfer_app.command("confirm")
def forced_transfer_confirm(
    isin: IsinArgument,
    source: Annotated[str, typer.Argument(metavar="FROM", help="As proposed.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="As proposed.")],
    quantity: Annotated[str, typer.Argument(help="As proposed.")],
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "confirmer",
    as_json: JsonOption = False,
) -> None:
    """As the confirmer: move them, word for word as proposed."""
    _told(_office(home, key).forced_transfer(isin, source, target, quantity, confirm=True), as_json)


@recovery_app.command("propose")
def recovery_propose(
    old: Annotated[str, typer.Argument(help="The lost wallet: a participant's BIC, or an address.")],
    new: Annotated[str, typer.Argument(help="Another registered wallet of the same LEI.")],
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "registrar",
    as_json: JsonOption = False,
) -> None:
    """As the registrar: propose the heir of a lost wallet."""
    _told(_office(home, key).succeed(old, new, confirm=False), as_json)


@recovery_app.command("confirm")
def recovery_confirm(
    old: Annotated[str, typer.Argument(help="As proposed.")],
    new: Annotated[str, typer.Argument(help="As proposed.")],
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "registrar-confirmer",
    as_json: JsonOption = False,
) -> None:
    """As the registry's confirmer: name the heir, for good. The lost wallet is closed."""
    _told(_office(home, key).succeed(old, new, confirm=True), as_json)


@recovery_app.command("fetch")
def recovery_fetch(
    isin: IsinArgument,
    old: Annotated[str, typer.Argument(help="The lost wallet.")],
    home: HomeOption = DEFAULT_HOME,
    key: OfficerOption = "officer",
    as_json: JsonOption = False,
) -> None:
    """Bring what no earmark holds of a lost wallet to its heir. Anyone may; the key only pays the fee."""
    _told(_office(home, key).recover(isin, old), as_json)


# --- keys


@key_app.command("new")
def key_new(
    name: Annotated[str, typer.Argument(help="The keystore's name; an agent N reads agent-N and all agent-N-….")],
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Make a keystore for who takes a role over, under the installation's password."""
    _told({"keystore": name, "address": Home(home).new_key(name).address}, as_json)


@key_app.command("add-operator")
def key_add_operator(home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Make a key for one more worker of the service; in a rehearsal it gets money for fees. The next start uses it."""
    from lockstep.app.operators import add_operators

    added = add_operators(Home(home))[-1]
    _told({"keystore": added.name, "address": added.address, "balance": added.balance}, as_json)
