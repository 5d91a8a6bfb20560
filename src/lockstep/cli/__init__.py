"""The `lockstep` command. Thin: it reads arguments, calls `lockstep.app`, and shows what came of it."""

import os
import sys

__all__ = ["main"]


def main() -> None:
    """The console script's entry. A failure that has a name ends with 1 and one line, not a traceback."""
    from lockstep.cli.commands import app
    from lockstep.domain.errors import ContractRefused, LockstepError

    os.umask(0o077)  # databases, keys and mail are for this user alone
    try:
        app()
    except LockstepError as error:
        meaning = error.meaning if isinstance(error, ContractRefused) else ""
        sys.stderr.write(f"lockstep: {error}{': ' if meaning else ''}{meaning}\n")
        sys.exit(1)
