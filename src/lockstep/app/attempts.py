"""Refused attempts to commit more than there was, one line of JSON each, in a file of the installation.

The chain keeps no refusal: what was not sent, or was undone, is written down by who met it. A try that is made again is
the same attempt, and is counted once.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from lockstep.domain.collateral.register_events import OverCommitment
from lockstep.domain.errors import Misconfigured

__all__ = ["AttemptFile"]


class AttemptFile:
    """Several processes may write: each line is appended whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told: set[str] = set()

    def note(self, one: OverCommitment) -> None:
        """Writes an attempt down, on disk when it returns; the same again is not written. For
        `EvmCollateralLedger(on_over_commitment=…)`."""
        if one.attempt in self._told:
            return
        line = json.dumps(asdict(one), sort_keys=True).encode() + b"\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._told.add(one.attempt)

    def attempts(self, block: int | None = None) -> Sequence[OverCommitment]:
        """Each attempt once, the first time it was met, in their order; those up to a block.

        Raises Misconfigured for a file that is not what this wrote. A last line that was cut off is left out.
        """
        try:
            text = self._path.read_text("utf-8")
        except FileNotFoundError:
            return []
        found: dict[str, OverCommitment] = {}
        names = {one.name for one in fields(OverCommitment)}
        for number, line in enumerate(text.split("\n")[:-1], 1):
            try:
                content = json.loads(line)
                if content.keys() != names:
                    raise ValueError(f"the fields {', '.join(sorted(names))} are needed")
            except (ValueError, AttributeError) as error:
                raise Misconfigured(f"{self._path}, line {number}: {error}") from error
            one = OverCommitment(**content)
            if block is None or one.block <= block:
                found.setdefault(one.attempt, one)
        return [*found.values()]
