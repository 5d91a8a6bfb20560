"""`lockstep reconcile`: breaks between the books, and what people do about them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lockstep.app.home import Home
from lockstep.cli import showing_breaks, showing_reconciliation
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json

if TYPE_CHECKING:
    from lockstep.app.breaks import BreakDesk
    from lockstep.domain.reconciliation.breaks import Break
    from lockstep.domain.reconciliation.corrections import Correction

__all__ = ["reconcile_app"]

reconcile_app = typer.Typer(help="Breaks between the books, and what people do about them.", no_args_is_help=True)

IdArgument = Annotated[str, typer.Argument(metavar="BREAK", help="A break's id, or its beginning.")]
IdsArgument = Annotated[list[str], typer.Argument(metavar="BREAK", help="Breaks' ids, or their beginnings.")]
CorrectionArgument = Annotated[
    str,
    typer.Argument(
        metavar="CORRECTION", help="A correction's id as `show` has it; of its break's id the beginning is enough."
    ),
]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it; stands in the journal.")]
AllOption = Annotated[bool, typer.Option("--all/--open", help="Closed ones too; only those that are open if absent.")]
ClassOption = Annotated[
    str | None,
    typer.Option(
        "--class", metavar="CLASS", help="identity, duplicate, missing, extra, status, amount, late or timing."
    ),
]
TextOption = Annotated[str, typer.Option("--text", help="Why, in words; stands in the journal.")]


@reconcile_app.command()
def run(
    day: Annotated[
        str | None, typer.Option(metavar="DAY", help="Which business day, as 2026-11-23; today if absent.")
    ] = None,
    intraday: Annotated[
        bool, typer.Option("--intraday", help="While the day is open: what is under way may still arrive.")
    ] = False,
    legacy: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The legacy book's files of the day, or a folder for each day."),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What is tolerated (TOML); nothing if absent.")
    ] = None,
    look: Annotated[bool, typer.Option("--look", help="Only compare: no break is stored.")] = False,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Compare the chain, the RTGS, the service's records and a legacy book, and keep the breaks.

    Exits with 0 where no break is open and all books spoke, with 1 where a break is, with 2 where a book did not speak,
    or for an error.
    """
    from lockstep.app.reconciling import run_reconciliation
    from lockstep.domain.errors import LockstepError

    try:
        done = run_reconciliation(Home(home), day=day, intraday=intraday, legacy=legacy, rules=rules, keep=not look)
        names = showing_breaks.names_of(Home(home).market())
    except LockstepError as error:
        typer.echo(f"lockstep: {error}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        print_json(done.as_json())
    else:
        showing_reconciliation.shown(Console(), done, names)
    if not done.agrees or done.silent:
        raise typer.Exit(2 if done.agrees else 1)


@reconcile_app.command()
def breaks(
    everything: AllOption = False,
    break_class: ClassOption = None,
    participant: Annotated[
        str | None, typer.Option(help="Whom it concerns: a LEI, BIC, name, or a book's own account.")
    ] = None,
    instrument: Annotated[str | None, typer.Option(help="An ISIN, or of cash the currency.")] = None,
    assignee: Annotated[str | None, typer.Option(help='Who has it; "" for nobody.')] = None,
    older_than: Annotated[
        int | None, typer.Option("--older-than", metavar="DAYS", min=0, help="More business days than so many.")
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """List breaks, the oldest first, of one age the gravest. Ages are business days of TARGET."""
    from lockstep.app.breaks import open_break_desk, party_names
    from lockstep.app.json_files import choice
    from lockstep.domain.reconciliation.differences import BreakClass
    from lockstep.flow.ageing import Wanted

    place = Home(home)
    wanted = Wanted(
        open_only=not everything,
        break_class=None if break_class is None else choice(BreakClass, break_class, "--class"),
        participants=frozenset() if participant is None else party_names(place.market(), participant),
        instrument=instrument or "",
        assignee=assignee,
        older_than=older_than,
    )
    found = open_break_desk(place).listed(wanted)
    if as_json:
        print_json({"breaks": [showing_breaks.as_json(one) for one in found]})
    else:
        showing_breaks.listed(Console(), found, showing_breaks.names_of(place.market()))


@reconcile_app.command()
def show(identifier: IdArgument, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Show one break: what differs, its likely cause with the evidence, what people did, corrections."""
    from lockstep.app.breaks import open_break_desk

    place = Home(home)
    found = open_break_desk(place).shown(identifier)
    if as_json:
        print_json(showing_breaks.shown_as_json(found))
    else:
        showing_breaks.shown(Console(), found, showing_breaks.names_of(place.market()))


@reconcile_app.command()
def assign(
    identifiers: IdsArgument,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Who is to look after it.")],
    by: ByOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Give breaks to somebody to look after: all of those named, or none."""
    _told(home, lambda desk: desk.assign(identifiers, to, by=by), as_json)


@reconcile_app.command()
def comment(
    identifiers: IdsArgument,
    text: Annotated[str, typer.Option("--text", help="What there is to say; stands in the journal.")],
    by: ByOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Note something on breaks, open or closed."""
    _told(home, lambda desk: desk.comment(identifiers, text, by=by), as_json)


@reconcile_app.command()
def close(
    identifiers: IdsArgument,
    reason: Annotated[
        str,
        typer.Option(
            "--reason", metavar="REASON", help="accepted: it is so, and explained; mistaken: there was no break."
        ),
    ],
    text: TextOption,
    by: ByOption,
    seen: Annotated[
        str | None,
        typer.Option(
            "--seen",
            metavar="DIFFERENCE",
            help="Only while it is still this difference, as `show` names it; one break.",
        ),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Close breaks for a reason. They stay closed while exactly the same difference lasts.

    That the books agree is for a run to find: it closes such breaks by itself.
    """
    from lockstep.app.json_files import choice
    from lockstep.domain.reconciliation.breaks import CloseReason

    why = choice(CloseReason, reason, "--reason")
    _told(home, lambda desk: desk.close(identifiers, why, text, by=by, seen=seen), as_json)


@reconcile_app.command()
def reopen(
    identifiers: IdsArgument,
    text: TextOption,
    by: ByOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Open closed breaks again."""
    _told(home, lambda desk: desk.reopen(identifiers, text, by=by), as_json)


@reconcile_app.command()
def propose(
    identifier: IdArgument,
    book: Annotated[
        str, typer.Option("--book", metavar="BOOK", help="Whose is to be put right: chain, rtgs, service or legacy.")
    ],
    field: Annotated[str, typer.Option("--field", help="What differs, as `show` names it.")],
    right: Annotated[str, typer.Option("--right", help='What should stand there; "" for nothing.')],
    why: Annotated[str, typer.Option("--why", help="Why; stands in the journal.")],
    by: ByOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Propose a correction: a record of its own, which a second person approves or rejects. No book is edited."""
    from lockstep.app.json_files import choice
    from lockstep.domain.reconciliation.books import Book

    whose = choice(Book, book, "--book")
    _decided(
        home,
        lambda desk: desk.propose(identifier, book=whose, field=field, right=right, why=why, by=by),
        as_json,
    )


@reconcile_app.command()
def approve(
    correction: CorrectionArgument,
    by: ByOption,
    why: Annotated[str, typer.Option("--why", help="What there is to say to it; stands in the journal.")] = "",
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Approve a correction that somebody else proposed. The break closes when a run finds that the books agree."""
    _decided(home, lambda desk: desk.decide(correction, approve=True, by=by, why=why), as_json)


@reconcile_app.command()
def reject(
    correction: CorrectionArgument,
    why: Annotated[str, typer.Option("--why", help="Why; stands in the journal.")],
    by: ByOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Reject a correction, or take one's own back."""
    _decided(home, lambda desk: desk.decide(correction, approve=False, by=by, why=why), as_json)


def _told(home: Path, act: Callable[["BreakDesk"], Sequence["Break"]], as_json: bool) -> None:
    from lockstep.app.breaks import open_break_desk

    desk = open_break_desk(Home(home))
    changed = act(desk)
    if as_json:
        print_json({"breaks": [showing_breaks.as_json(desk.aged(one)) for one in changed]})
        return
    for one in changed:
        note = one.notes[-1]
        showing_breaks.line(Console(), f"{one.break_id}  {one.state.value}  {note.act.value} by {note.by}: {note.text}")


def _decided(home: Path, act: Callable[["BreakDesk"], "Correction"], as_json: bool) -> None:
    from lockstep.app.breaks import open_break_desk

    found = act(open_break_desk(Home(home)))
    if as_json:
        print_json(showing_breaks.correction_as_json(found))
    else:
        showing_breaks.correction(Console(), found)
