"""`lockstep simulate`: the whole system under faults, from seeds."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from lockstep.cli.options import JsonOption, print_json

__all__ = ["simulate"]

FROM = typer.Option("--from", min=0, help="The first of them.")


def simulate(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds to run.")] = 20,
    first: Annotated[int, FROM] = 1,
    faults: Annotated[
        Path | None, typer.Option(help="A TOML file with rates of faults, or with the faults of one run.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 1,
    collateral: Annotated[
        bool, typer.Option("--collateral", help="In a market with a collateral register: pledges, margin, repo.")
    ] = False,
    keep: Annotated[Path, typer.Option(help="Where the faults of a minimised run are written.")] = Path("."),
    as_json: JsonOption = False,
) -> None:
    """Run the whole system in a simulated world, everything going wrong, and check the invariants after every step.

    The same seed and faults give the same run. Exit 1 where an invariant broke: the first failing seed is then
    minimised and shown with the command that repeats it.
    """
    if find_spec("pyrevm") is None:
        typer.echo("lockstep simulate needs pyrevm: pip install 'lockstep[simulation]'", err=True)
        raise typer.Exit(2)
    from lockstep.simulation.faults import FaultPlan, read_plan
    from lockstep.simulation.minimising import minimise
    from lockstep.simulation.report import run_seeds
    from lockstep.simulation.running import Outcome

    plan = FaultPlan() if faults is None else read_plan(faults)
    plan = replace(plan, collateral=plan.collateral or collateral)
    done = 0

    def after(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        for one in outcome.violations:
            typer.echo(f"\rseed {outcome.seed}: {one}", err=True)
        typer.echo(f"\r{done} of {seeds} seeds", nl=False, err=True)

    total = run_seeds(range(first, first + seeds), plan, jobs=jobs, after=after)
    typer.echo("", err=True)
    if as_json:
        print_json(total.as_json())
    else:
        typer.echo(f"{total.seeds} seeds, {total.steps} steps, {len(total.failed)} with a violation")
        typer.echo("faults  " + "  ".join(f"{kind} {count}" for kind, count in sorted(total.faults.items())))
        typer.echo("ended   " + "  ".join(f"{state} {count}" for state, count in sorted(total.ended.items())))
    if not total.failed:
        return
    shortest, again = minimise(total.failed[0], lambda line: typer.echo(line, err=True), collateral=plan.collateral)
    path = keep / f"seed-{shortest.seed}.toml"
    path.write_text(again.to_toml())
    typer.echo(shortest.timeline, err=True)
    typer.echo(f"again: lockstep simulate --seeds 1 --from {shortest.seed} --faults {path}", err=True)
    raise typer.Exit(1)
