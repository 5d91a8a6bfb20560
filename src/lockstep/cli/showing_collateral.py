"""How agreements and pledges look on a terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from lockstep.cli.showing import grouped

__all__ = ["agreement_lines", "listed", "pledge_lines"]


def listed(rows: Sequence[Mapping[str, Any]]) -> None:
    """A line for each agreement, fit for eighty columns."""
    console = Console()
    if not rows:
        console.print("there are no agreements")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("agreement", no_wrap=True)
    table.add_column("giver → taker")
    for name in ("required", "credit", "cover"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for one in rows:
        table.add_row(
            one["agreement"][:8],
            f"{one['giver']} → {one['taker']}",
            *(grouped(one[name]) for name in ("required", "credit", "cover")),
            f"{one['currency']}{' default' if one['inDefault'] else ''}",
        )
    console.print(table)


def agreement_lines(told: Mapping[str, Any]) -> None:
    """One agreement: its figures, its securities, its pledges."""
    console = Console()
    _line(console, f"agreement {told['agreement']}")
    _line(console, f"{told['giver']} → {told['taker']}, {told['mode']}, until {told['until']}")
    names = ("exposure", "required", "credit", "cover", "missing", "owed", "surplus", "selling")
    figures = ", ".join(
        f"{name} {grouped(told[name])}" for name in names if name in names[:4] or told[name] != _zero(told)
    )
    _line(console, f"{told['currency']}: {figures}")
    if told["valuedAt"] is None:
        _line(console, "not valued yet")
    else:
        _line(console, f"valued at {told['valuedAt']}{'' if told['fresh'] else ', too old to count'}")
    if told["default"]:
        _line(console, f"default declared, enforceable after {told['default']['enforceableAfter']}")
    for one in told["securities"]:
        value = grouped(one["value"]) if one["counts"] else "nothing: the latest valuation does not name it"
        _line(console, f"  {one['isin']} {grouped(one['quantity'])}, worth {value}")
    for one in told["pledges"]:
        _line(console, f"  {_tie(one)}")
    for pledge, amount in told["incomeOwed"].items():
        _line(console, f"  pledge {pledge[:8]}: income of {grouped(amount)} is owed to the giver")


def pledge_lines(told: Mapping[str, Any]) -> None:
    """One pledge and what happened to it."""
    console = Console()
    _line(console, f"pledge {told['pledge']}")
    _line(console, f"under agreement {told['agreement']}")
    if told["live"]:
        _line(console, _tie(told))
        _line(console, f"releasable {grouped(told['releasable'])}, recalled {grouped(told['recalled'])}")
    else:
        _line(console, "nothing is pledged or owed any more")
    _line(console, f"income owed {grouped(told['incomeOwed'])}")
    for one in told["history"]:
        _line(console, f"  block {one['block']}: {one['event']}")


def _tie(one: Mapping[str, Any]) -> str:
    parts = [f"{one['pledge'][:8]} {one['kind']} {one['isin']} {grouped(one['quantity'])}"]
    parts.append(f"{one['giver']} → {one['taker']}")
    parts += [f"{name} {grouped(one[name])}" for name in ("reused", "reusable", "selling", "due") if one[name] != "0"]
    return ", ".join(parts)


def _zero(told: Mapping[str, Any]) -> str:
    """Nothing, as the agreement's currency writes it."""
    digits = told["credit"].partition(".")[2]
    return f"0.{'0' * len(digits)}" if digits else "0"


def _line(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)
