"""The sign-once register: one file, one outcome per settlement, on disk before a signature leaves.

SQLite with FULL synchronisation. Rows are never changed; the primary key is the rule.
"""

import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from lockstep.domain.errors import Contradiction
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, OutcomeResult

__all__ = ["Register"]

_TABLES = """
CREATE TABLE IF NOT EXISTS outcome (
    settlement_id TEXT PRIMARY KEY, result INTEGER NOT NULL, epoch INTEGER NOT NULL,
    agent TEXT NOT NULL, signature BLOB NOT NULL, sources TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS step (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL,
    settlement_id TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
"""


class Register:
    """An agent's durable memory: what it signed (once), and what it did (for people).

    `on_commit` is called with the step's name after each commit.
    """

    def __init__(self, path: Path, on_commit: Callable[[str], None] = lambda _: None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(_TABLES)
        self._on_commit = on_commit

    def record(self, attestation: Attestation, sources: Sequence[str]) -> Attestation:
        """Stores it, or finds it stored. Raises Contradiction if the other outcome was signed before."""
        self._database.execute(
            "INSERT OR IGNORE INTO outcome VALUES (?, ?, ?, ?, ?, ?)",
            (
                attestation.settlement_id,
                int(attestation.result),
                attestation.epoch,
                attestation.agent,
                attestation.signature,
                " ".join(sources),
            ),
        )
        stored = self.find(attestation.settlement_id)
        assert stored is not None
        if stored.result is not attestation.result:
            raise Contradiction(
                f"settlement {attestation.settlement_id}: {stored.result.name} is signed, "
                f"{attestation.result.name} never can be"
            )
        self._on_commit("signed")
        return stored

    def find(self, settlement_id: SettlementId) -> Attestation | None:
        """What was signed for a settlement."""
        rows = self._select("WHERE settlement_id = ?", settlement_id)
        return rows[0] if rows else None

    def all(self) -> Sequence[Attestation]:
        """Everything ever signed, in the order of signing."""
        return self._select("ORDER BY rowid")

    def note(self, at: datetime, kind: str, settlement_id: SettlementId, detail: str = "") -> None:
        """Writes down a step; once per (kind, settlement, detail)."""
        written = self._database.execute(
            "INSERT INTO step (at, kind, settlement_id, detail) SELECT ?, ?, ?, ? WHERE NOT EXISTS "
            "(SELECT 1 FROM step WHERE kind = ? AND settlement_id = ? AND detail = ?)",
            (at.isoformat(), kind, settlement_id, detail, kind, settlement_id, detail),
        )
        if written.rowcount:
            self._on_commit(kind)

    def steps(self) -> Sequence[tuple[str, str, SettlementId, str]]:
        """(at, kind, settlement, detail) of every step, oldest first."""
        rows = self._database.execute("SELECT at, kind, settlement_id, detail FROM step ORDER BY number")
        return [(at, kind, SettlementId(settlement), detail) for at, kind, settlement, detail in rows]

    def close(self) -> None:
        self._database.close()

    def _select(self, clause: str, *parameters: str) -> list[Attestation]:
        rows = self._database.execute(
            f"SELECT settlement_id, result, epoch, agent, signature FROM outcome {clause}", parameters
        )
        return [
            Attestation(
                settlement_id=SettlementId(settlement),
                result=OutcomeResult(result),
                epoch=epoch,
                agent=agent,
                signature=signature,
            )
            for settlement, result, epoch, agent, signature in rows
        ]
