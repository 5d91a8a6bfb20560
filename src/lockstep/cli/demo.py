"""`lockstep demo`: a day in this process, told as it happens."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.status import Status

from lockstep.cli import demo_collateral, demo_reconcile, showing
from lockstep.cli.options import JsonOption, print_json

__all__ = ["demo", "example"]


def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="A folder with market.toml and waves of messages, or with market.toml and day.toml or week.toml; "
            "`collateral` for the collateral day, `reconcile` for the parallel week; the first day if absent."
        ),
    ] = None,
    keep: Annotated[Path | None, typer.Option(help="Keep databases and messages in this folder.")] = None,
    page: Annotated[
        Path | None, typer.Option(help="Write what came of a parallel week on one page (HTML) here.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Settle a whole day in this process, on an embedded chain, and check the invariants."""
    from lockstep.app.demo import Progress, run_day

    if folder is not None and not folder.exists():
        named = {Path("collateral"): "collateral-day", Path("reconcile"): "parallel-week"}.get(folder)
        folder = folder if named is None else example(named)
    is_week = folder is not None and (folder / "week.toml").is_file()
    if page is not None and not is_week:
        raise typer.BadParameter("only of a parallel week, a folder with week.toml", param_hint="--page")
    if folder is not None and (folder / "day.toml").is_file():
        demo_collateral.tell(folder, keep, as_json=as_json)
        return
    if folder is not None and is_week:
        demo_reconcile.tell(folder, keep, page, as_json=as_json)
        return
    console = Console(quiet=as_json)
    with console.status("founding the market") as status:

        def told(line: str) -> None:
            console.print(f"[dim]{line}[/]")

        def file_told(taken: Any) -> None:
            line = showing.file_line(taken)
            if line is not None:
                console.print(line)

        wave = ""

        def progress(now: Progress) -> None:
            nonlocal wave
            if now.wave != wave:
                wave = now.wave
                console.print(f"[bold]{wave}[/]")
            _show(status, now)

        done = run_day(folder or example("first-day"), keep, told=told, file_told=file_told, progress=progress)
    if as_json:
        print_json(
            {
                "trades": [row.as_json() for row in done.rows],
                "files": [one.as_json() for one in done.taken if one.outcome != "instructed"],
                "invariants": {name: not violations for name, violations in done.invariants.items()},
                "violations": {name: found for name, found in done.invariants.items() if found},
                "seconds": round(done.seconds, 3),
            }
        )
    else:
        showing.report(console, done)
    if not done.sound:
        raise typer.Exit(1)


def _show(status: Status, now: Any) -> None:
    counts = "  ".join(f"{state} {count}" for state, count in sorted(now.counts.items()))
    status.update(f"{now.wave}: pass {now.tick}  {counts}")


def example(name: str) -> Path:
    """The example beside this checkout, or below the working directory."""
    for root in (Path.cwd(), Path(__file__).resolve().parents[3]):
        if (root / "examples" / name / "market.toml").exists():
            return root / "examples" / name
    raise typer.BadParameter(f"examples/{name} is not here: name a folder")
