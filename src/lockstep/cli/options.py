"""What several groups of commands share."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["DEFAULT_HOME", "HomeOption", "JsonOption", "print_json"]

HomeOption = Annotated[Path, typer.Option("--home", envvar="LOCKSTEP_HOME", help="The installation's folder.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead.")]
DEFAULT_HOME = Path(".lockstep")


def print_json(content: Any) -> None:
    typer.echo(json.dumps(content, ensure_ascii=False))
