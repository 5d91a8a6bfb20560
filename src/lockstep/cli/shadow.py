"""`lockstep shadow`: a legacy book and Lockstep side by side, until a security is trusted to Lockstep."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lockstep.app.home import Home
from lockstep.cli import showing_shadow
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json
from lockstep.cli.report import hand_over
from lockstep.cli.showing_breaks import names_of

if TYPE_CHECKING:  # loading the books takes longer than showing help
    from lockstep.app.shadow import ShadowDesk
    from lockstep.domain.parallel.stages import Course

__all__ = ["shadow_app"]

shadow_app = typer.Typer(
    help="A legacy book and Lockstep side by side, and who moves a security from one to the other.",
    no_args_is_help=True,
)

LegacyOption = Annotated[
    Path,
    typer.Option("--legacy", metavar="FOLDER", help="The legacy book's files of the day, or a folder for each day."),
]
DayOption = Annotated[str, typer.Option("--day", metavar="DAY", help="Which business day, as 2026-11-23.")]
GatesOption = Annotated[
    Path | None, typer.Option("--gates", metavar="FILE", help="Gates and guards (TOML); the folder's own if absent.")
]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who does it; stands in the journal.")]
TextOption = Annotated[str, typer.Option("--text", help="Why, in words; stands in the journal.")]
SecurityArgument = Annotated[str, typer.Argument(metavar="ISIN", help="The security.")]
OptionalSecurity = Annotated[
    str | None, typer.Argument(metavar="[ISIN]", help="The security; all that are run in parallel if absent.")
]


@shadow_app.command()
def mirror(by: ByOption, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Mark an installation as a mirror, for good: it settles a copy, and its RTGS must be the simulated one."""
    from lockstep.app.mirror import mark_mirror

    done = mark_mirror(Home(home), by=by)
    if as_json:
        print_json({"by": done.by, "at": done.at.isoformat(), "is_new": done.is_new})
    else:
        typer.echo(f"{home} is a mirror, marked by {done.by} at {done.at:%Y-%m-%d %H:%M:%S}")


@shadow_app.command()
def feed(legacy: LegacyOption, day: DayOption, home: HomeOption = DEFAULT_HOME, as_json: JsonOption = False) -> None:
    """Hand a day's legacy instructions to a mirror, both sides of each. The same again changes nothing.

    Fails where one was refused or could not be read; the others are taken all the same.
    """
    from lockstep.app.shadow_run import feed_day

    fed, apart = feed_day(Home(home), legacy, _day(day))
    refused = [one for one in fed if one.error is not None]
    if as_json:
        rows = [
            {
                "reference": one.instruction.reference,
                "outcome": one.outcome,
                "error": None if one.error is None else str(one.error),
            }
            for one in fed
        ]
        print_json({"fed": rows, "apart": [str(one) for one in apart]})
    else:
        told: dict[str, int] = {}
        for one in fed:
            told[one.outcome] = told.get(one.outcome, 0) + 1
        counted = ", ".join(f"{count} {outcome}" for outcome, count in told.items())
        typer.echo(f"{len(fed)} instructions: {counted or 'none'}")
        for one in refused:
            typer.echo(f"  {one.instruction.reference}: {one.error}")
        for row in apart:
            typer.echo(f"  set apart: {row}")
    if refused or apart:
        raise typer.Exit(1)


@shadow_app.command()
def compare(
    legacy: LegacyOption,
    day: DayOption,
    rules: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What is tolerated (TOML); nothing if absent.")
    ] = None,
    gates: GatesOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Reconcile a day with the legacy book, keep the breaks, and score it for each security and participant.

    Exits with 0 where no break is open, with 1 where one is, with 2 for an error. A security of which a guard is broken
    goes back to an earlier stage.
    """
    from lockstep.app.shadow_run import compare_day
    from lockstep.app.shadow_views import compared_json
    from lockstep.domain.errors import LockstepError

    try:
        done = compare_day(Home(home), legacy, _day(day), rules=rules, gates=gates)
    except LockstepError as error:
        typer.echo(f"lockstep: {error}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        print_json(compared_json(done))
    else:
        console = Console()
        rows = [(card.isin or "all", card.whole) for card in done.scored.day.cards]
        showing_shadow.scores(console, f"{done.run.day}, as of {done.run.at:%Y-%m-%d %H:%M:%S}", rows)
        for course, verdict in done.scored.fallen:
            showing_shadow.line(console, f"{course.isin} went back to {course.stage.value}: {verdict.broken()}", "red")
    if done.run.open:
        raise typer.Exit(1)


@shadow_app.command()
def scorecard(
    security: Annotated[
        str | None, typer.Argument(metavar="[ISIN]", help="The security; all together, with the cash, if absent.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="DAY", help="From this day on; from the first if absent.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Until this day; the last if absent.")] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show how the books agreed, who was final earlier, fails avoided and capital freed, for each participant."""
    from lockstep.app.shadow_views import period_json

    place, desk = Home(home), _desk(home)
    first, last = (None if one is None else _day(one, field) for one, field in ((since, "--since"), (until, "--until")))
    found = desk.period(desk.course(security).isin if security else "", first, last)
    if as_json:
        print_json(period_json(found))
    else:
        showing_shadow.period(Console(), found, names_of(place.market()))


@shadow_app.command()
def gate(
    security: OptionalSecurity = None,
    gates: GatesOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Judge the gate to the next stage: each condition with its figure. Fails where one is not met."""
    from lockstep.app.shadow_views import verdict_json

    desk = _judge(home, gates)
    names = [security] if security else [one.isin for one in desk.courses()]
    found = [one for name in names if (one := desk.verdict(name)) is not None]
    if as_json:
        anew = {one.isin: desk.scored_anew(one.isin) for one in found}
        days = {isin: [{"day": str(day), "cards": count} for day, count in told.items()] for isin, told in anew.items()}
        print_json({"gates": [{**verdict_json(one), "scored_anew": days[one.isin]} for one in found]})
    else:
        for one in found:
            showing_shadow.verdict(Console(), one)
            if anew_days := desk.scored_anew(one.isin):
                told = ", ".join(f"{day} ({count} cards)" for day, count in anew_days.items())
                showing_shadow.line(Console(), f"scored more than once: {told}", "yellow")
        if not found:
            typer.echo("there is no gate to judge")
    if not all(one.is_met for one in found):
        raise typer.Exit(1)


@shadow_app.command()
def propose(
    security: SecurityArgument,
    text: TextOption,
    by: ByOption,
    gates: GatesOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Propose a security's next stage, where its gate is met. Another person decides."""
    _moved(_judge(home, gates).propose(security, text, by=by), as_json)


@shadow_app.command()
def decide(
    proposal: Annotated[str, typer.Argument(metavar="PROPOSAL", help="The proposal's whole id, as `status` has it.")],
    approve: Annotated[bool, typer.Option("--approve/--reject", help="Promote, or leave it where it is.")],
    text: TextOption,
    by: ByOption,
    gates: GatesOption = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Decide on a proposal, as another person than who proposed it. The gate is judged anew."""
    desk = _judge(home, gates) if approve else _desk(home)
    _moved(desk.decide(proposal, approve=approve, why=text, by=by), as_json)


@shadow_app.command()
def demote(
    security: SecurityArgument,
    to: Annotated[str, typer.Option(metavar="STAGE", help="shadow or parallel.")],
    text: TextOption,
    by: ByOption,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Send a security back to an earlier stage, at once and by one person."""
    from lockstep.app.json_files import choice
    from lockstep.domain.parallel.stages import Stage

    _moved(_desk(home).demote(security, choice(Stage, to, "--to"), text, by=by), as_json)


@shadow_app.command()
def status(
    security: OptionalSecurity = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Show where each security is; of one, who moved it there, when and why."""
    from lockstep.app.shadow_views import course_json

    desk = _desk(home)
    found = [desk.course(security)] if security else list(desk.courses())
    if as_json:
        print_json({"securities": [course_json(one) for one in found]})
        return
    showing_shadow.courses(Console(), found)
    if security:
        showing_shadow.steps(Console(), found[0])


@shadow_app.command()
def report(
    gates: Annotated[
        Path | None, typer.Option("--gates", metavar="FILE", help="Gates (TOML); the folder's own if absent.")
    ] = None,
    format: Annotated[
        str, typer.Option("--format", metavar="FORM", help="terminal, csv, json, html or parquet.")
    ] = "terminal",
    table: Annotated[
        str | None, typer.Option("--table", help="Only this table; csv and parquet hold one, the first if absent.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; standard output if absent.")] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Show the whole run, as one page: agreement, breaks, gains, gates, promotions; as of the journal's last entry."""
    from lockstep.app.report_forms import as_form
    from lockstep.app.shadow_page import parallel_page

    hand_over(as_form(parallel_page(Home(home), gates), format, table), out)


def _desk(home: Path) -> "ShadowDesk":
    from lockstep.app.shadow import open_shadow_desk

    return open_shadow_desk(Home(home))


def _judge(home: Path, gates: Path | None) -> "ShadowDesk":
    from lockstep.app.shadow import open_judging_desk

    return open_judging_desk(Home(home), gates)


def _moved(course: "Course", as_json: bool) -> None:
    from lockstep.app.shadow_views import course_json

    if as_json:
        print_json(course_json(course))
        return
    if course.pending is not None:
        typer.echo(f"{course.isin}: {course.pending.proposal_id} waits for another person's decision")
    else:
        typer.echo(f"{course.isin}: {course.stage.value} since {course.since}")


def _day(text: str, field: str = "--day") -> date:
    from lockstep.domain.errors import InvalidInput

    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, text, "a date, as 2026-11-23") from None
