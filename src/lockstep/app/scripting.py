"""What the scripts in `scripts/` share: their arguments, under `python` and under `ape run`."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path

from lockstep.domain.errors import LockstepError

__all__ = ["ARGUMENTS", "arguments", "default_home", "named_failures"]

ARGUMENTS = "LOCKSTEP_ARGS"
"""Ape keeps the command line for itself, so under `ape run` arguments come in this variable."""


def arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The script's arguments: the command line's, or those in LOCKSTEP_ARGS under `ape run`."""
    under_ape = Path(sys.argv[0]).name == "ape"
    return parser.parse_args(shlex.split(os.environ.get(ARGUMENTS, "")) if under_ape else None)


def default_home() -> Path:
    """LOCKSTEP_HOME, as for every command, else `.lockstep`."""
    return Path(os.environ.get("LOCKSTEP_HOME", ".lockstep"))


def named_failures(main: Callable[[], None]) -> Callable[[], None]:
    """A failure that has a name ends a script with 1 and one line, not a traceback."""

    @wraps(main)
    def wrapped() -> None:
        try:
            main()
        except LockstepError as error:
            sys.stderr.write(f"{Path(sys.argv[0]).name}: {error}\n")
            sys.exit(1)

    return wrapped
