"""Where attestations are left for anyone to take: a directory, one file per settlement and agent.

Files appear whole (written beside, then renamed). Any way to share a directory, or to serve one,
carries them further; a signature needs no secrecy. Whoever can write here can leave what he likes:
readers verify, and an agent puts its own file in the place of another under its name.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile

from lockstep.domain.errors import Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, OutcomeResult

__all__ = ["DirectoryBoard"]

LARGEST_FILE = 4096
"""Bytes; ours have under 400. Deeper nesting than fits would overrun the JSON parser's stack."""


_SUFFIXES = ("", "-1", "-2", "-3")
"""More than one name for each agent's word, as any may be taken by what is no file."""


class DirectoryBoard:
    """`<root>/<settlement id>/<agent address>.json`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def publish(self, attestation: Attestation) -> None:
        folder = self._root / attestation.settlement_id
        names = [folder / f"{attestation.agent}{suffix}.json" for suffix in _SUFFIXES]
        if any(_read(path) == attestation for path in names):
            return
        content = {
            "settlement_id": attestation.settlement_id,
            "result": attestation.result.name,
            "epoch": attestation.epoch,
            "agent": attestation.agent,
            "signature": attestation.signature.hex(),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile("w", dir=folder, prefix=".", suffix=".part", delete=False) as file:
                json.dump(content, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Unavailable(f"the board cannot be written: {error}") from error
        for path in names:
            try:
                os.replace(file.name, path)
            except OSError:  # something that is no file has the name: the next will do
                continue
            return
        os.unlink(file.name)
        raise Unavailable(f"the board has no room for {attestation.agent}'s word on {attestation.settlement_id}")

    def attestations(self, settlement_id: SettlementId) -> Sequence[Attestation]:
        """What is there, unverified; what cannot be read as one is left out."""
        found = [_read(path) for path in sorted((self._root / settlement_id).glob("*.json"))]
        return [one for one in found if one is not None and one.settlement_id == settlement_id]


def _read(path: Path) -> Attestation | None:
    """What a file says, unverified; None if it is not there or says nothing that could be meant."""
    try:
        if not path.is_file():  # a pipe would wait for ever
            return None
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            return None
        content = json.loads(data)
        return Attestation(
            settlement_id=SettlementId(content["settlement_id"]),
            result=OutcomeResult[content["result"]],
            epoch=int(content["epoch"]),
            agent=str(content["agent"]),
            signature=bytes.fromhex(content["signature"]),
        )
    except (ValueError, KeyError, TypeError, OSError, OverflowError, RecursionError):
        return None
