"""What is to be seen before all else: that the service is halted, and what has it go on."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from lockstep.cli.options import DEFAULT_HOME
from lockstep.domain.chain_events import Reorganisation

__all__ = ["as_json", "warn"]

_SHOWN = ("block", "ours", "theirs", "depth", "settlements")


def as_json(halts: Sequence[Reorganisation]) -> list[dict[str, Any]]:
    """Each reorganisation for a program."""
    return [{name: getattr(one, name) for name in _SHOWN} for one in halts]


def warn(console: Console, halts: Sequence[Reorganisation], home: Path) -> None:
    """Says nothing where the service is not halted."""
    if not halts:
        return
    style = "bold white on red"
    console.print(Text("THE SERVICE IS HALTED: the chain replaced blocks that were final.", style=style))
    for one in halts:
        console.print(Text(str(one), style="red"), soft_wrap=True)
    where = "" if home == DEFAULT_HOME else f" --home {shlex.quote(str(home))}"
    told = (
        "Until people have decided, nothing but what is paid is delivered. Look, then have it go on:",
        f"  lockstep resume{where}",
        f"  lockstep resume{where} --accept-reorganisation --by WHO --why WHY",
        "",
    )
    console.print(Text("\n".join(told)), soft_wrap=True)
