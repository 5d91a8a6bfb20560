"""`lockstep report`: for operations, clients and regulators, from the journal or the chain as of any time."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lockstep.app.home import Home
from lockstep.cli.options import DEFAULT_HOME, HomeOption

__all__ = ["hand_over", "report"]

_KINDS = "efficiency, transactions, holders, reuse, cash, audit or breaks"


def report(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"{_KINDS}.")],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="MOMENT", help="ISO 8601 with its offset, as 2026-11-23T18:00Z.")
    ] = None,
    journal: Annotated[
        int | None, typer.Option("--journal", metavar="N", help="As of this journal entry; the latest if absent.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], help="Only trades due from this day on."),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            "--day", formats=["%Y-%m-%d"], help="holders, reuse: the record date. cash: whose statements to ask for."
        ),
    ] = None,
    block: Annotated[int | None, typer.Option("--block", help="holders, reuse: as of this final block.")] = None,
    penalties: Annotated[
        Path | None, typer.Option("--penalties", help="efficiency: rates, classes and prices, as TOML.")
    ] = None,
    statement: Annotated[
        list[Path] | None,
        typer.Option("--statement", help="cash: a camt.053 file, instead of asking the RTGS. May be repeated."),
    ] = None,
    format: Annotated[
        str, typer.Option("--format", help="terminal, csv, json, html, parquet or, of holders, xml (semt.002).")
    ] = "terminal",
    table: Annotated[
        str | None, typer.Option("--table", help="Only this table; csv and parquet hold one, the first if absent.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; standard output if absent.")] = None,
    home: HomeOption = DEFAULT_HOME,
) -> None:
    """Report settlement efficiency, transactions, holders, re-use, cash, people's acts or breaks.

    The same question gives the same bytes, whatever came later: it names the journal entry, or the block, that it
    is made from.
    """
    from lockstep.app.reconciling import of_home
    from lockstep.app.report_forms import as_form
    from lockstep.app.reporting import Asked, make_report

    asked = Asked(
        kind=kind,
        as_of=_moment(as_of),
        journal=journal,
        since=since.date() if since else None,
        day=day.date() if day else None,
        block=block,
        penalties=penalties,
        statements=tuple(statement or ()),
    )
    sources = of_home(Home(home))
    content = as_form(make_report(sources, asked), format, table, servicer=sources.market.service)
    hand_over(content, out)


def hand_over(content: bytes, out: Path | None) -> None:
    """To a file, of which the size is told, or to standard output. Raises InvalidInput for one that takes nothing."""
    from lockstep.domain.errors import InvalidInput

    if out is not None:
        try:
            out.write_bytes(content)
        except OSError as error:
            raise InvalidInput("out", out, f"a file that can be written ({error.strerror})") from error
        typer.echo(f"{out}: {len(content):,} bytes")
    else:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()


def _moment(text: str | None) -> datetime | None:
    from lockstep.domain.errors import InvalidInput

    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.utcoffset() is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):  # the latter at both ends of the calendar
        pass
    raise InvalidInput("as-of", text, "ISO 8601 with its offset, as 2026-11-23T18:00Z")
