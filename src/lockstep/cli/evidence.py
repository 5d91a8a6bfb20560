"""Commands for evidence: one trade in one file, and a judge of it that needs no installation."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from lockstep.app.home import Home
from lockstep.cli.options import DEFAULT_HOME, HomeOption, JsonOption, print_json

__all__ = ["evidence", "verify"]


def evidence(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="A trade id, its beginning, or a party's reference.")],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    instructions: Annotated[
        list[Path] | None,
        typer.Option(
            "--instructions", help="The original sese.023 files, or a folder with them; the records keep their hashes."
        ),
    ] = None,
    trust_out: Annotated[
        Path | None,
        typer.Option("--trust-out", help="Write there what this installation itself trusts, to be compared."),
    ] = None,
    home: HomeOption = DEFAULT_HOME,
    as_json: JsonOption = False,
) -> None:
    """Write all that shows how one trade ended into one file, once it is judged to hold.

    The trade has settled, or its units were given back, and that is final on the chain.
    """
    from lockstep.app.evidence import make_evidence, open_sources

    made = make_evidence(open_sources(Home(home)), identifier, instructions or ())
    out.write_bytes(made.pack)
    if trust_out is not None:
        trust_out.write_bytes(made.trust.write())
    if as_json:
        print_json({"file": str(out), "bytes": len(made.pack), **made.verdict.as_json()})
    else:
        _show(f"{out}: {len(made.pack):,} bytes", made.verdict.as_json())


def verify(
    file: Annotated[Path, typer.Argument(help="An evidence pack.")],
    trust: Annotated[
        Path,
        typer.Option(
            "--trust",
            help="JSON: the keys, addresses and block hashes that you trust, and have from elsewhere than the pack.",
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Say what an evidence pack proves, or which link of it fails. Opens no network and needs no installation.

    Exits with 0 if every link holds, 1 if one fails, 2 if the pack or what is trusted cannot be read.
    """
    from lockstep.app.judging import judge_files
    from lockstep.domain.errors import InvalidInput
    from lockstep.evidence import BrokenLink

    try:
        verdict = judge_files(file, trust)
    except BrokenLink as broken:
        if as_json:
            print_json({"holds": False, "link": broken.link.value, "reason": broken.reason})
        else:
            typer.echo(f"FAILS at the link {broken.link.value}: {broken.reason}")
        raise typer.Exit(1) from broken
    except (InvalidInput, OSError) as error:
        typer.echo(f"lockstep: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        print_json({"holds": True, **verdict.as_json()})
    else:
        _show(f"{file}: every link holds", verdict.as_json())


def _show(title: str, told: dict[str, object]) -> None:
    console = Console()
    console.print(escape(title), soft_wrap=True)
    console.print(f"trade {told['trade_id']}, {told['outcome']}", soft_wrap=True)
    for name, mark in (("proven", "[green]proven[/]"), ("open", "[yellow]open[/]  ")):
        claims = told[name]
        assert isinstance(claims, list)
        for one in claims:
            console.print(f"{mark}  {escape(one['link']):<15} {escape(one['text'])}", soft_wrap=True)
