"""Where attestations are left for anyone to take: a directory, one file per settlement and agent.

Files appear whole (written beside, then renamed) and are never changed. Any way to share a
directory, or to serve one, carries them further; a signature needs no secrecy.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, OutcomeResult

__all__ = ["DirectoryBoard"]


class DirectoryBoard:
    """`<root>/<settlement id>/<agent address>.json`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def publish(self, attestation: Attestation) -> None:
        folder = self._root / attestation.settlement_id
        path = folder / f"{attestation.agent}.json"
        if path.exists():
            return
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "settlement_id": attestation.settlement_id,
            "result": attestation.result.name,
            "epoch": attestation.epoch,
            "agent": attestation.agent,
            "signature": attestation.signature.hex(),
        }
        beside = folder / f".{attestation.agent}.{os.getpid()}.part"
        with beside.open("w") as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)

    def attestations(self, settlement_id: SettlementId) -> Sequence[Attestation]:
        """What is there, unverified; a file that cannot be read as one is left out."""
        found = []
        for path in sorted((self._root / settlement_id).glob("*.json")):
            try:
                content = json.loads(path.read_text())
                found.append(
                    Attestation(
                        settlement_id=SettlementId(content["settlement_id"]),
                        result=OutcomeResult[content["result"]],
                        epoch=int(content["epoch"]),
                        agent=str(content["agent"]),
                        signature=bytes.fromhex(content["signature"]),
                    )
                )
            except (ValueError, KeyError, TypeError, OSError, OverflowError, RecursionError):
                continue
        return [one for one in found if one.settlement_id == settlement_id]
