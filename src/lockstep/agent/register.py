"""The sign-once register: one file, one outcome per settlement, on disk before a signature leaves.

SQLite with FULL synchronisation. Rows are never changed; the primary key is the rule. Beside what this
agent signed it keeps the lines of the other agents' signature logs, for when they lose them.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from heapq import merge
from itertools import groupby, islice
from pathlib import Path

import orjson

from lockstep.domain.errors import Contradiction
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.log_run import LogRun
from lockstep.domain.order import Attestation, LogEntry, OutcomeResult
from lockstep.durable import write_ahead

__all__ = ["Register"]

AT_ONCE = 5_000
"""Settlements that one statement asks for."""

_TABLES = """
CREATE TABLE IF NOT EXISTS outcome (
    settlement_id TEXT PRIMARY KEY, result INTEGER NOT NULL, epoch INTEGER NOT NULL,
    agent TEXT NOT NULL, signature BLOB NOT NULL, sources TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS forgone (settlement_id TEXT PRIMARY KEY) STRICT;
CREATE TABLE IF NOT EXISTS anew (
    agent TEXT PRIMARY KEY, after_row INTEGER NOT NULL, number INTEGER NOT NULL, previous TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS peer_log (
    agent TEXT NOT NULL, number INTEGER NOT NULL, previous TEXT NOT NULL,
    settlement_id TEXT NOT NULL, result INTEGER NOT NULL, epoch INTEGER NOT NULL, signature BLOB NOT NULL,
    log_signature BLOB NOT NULL, PRIMARY KEY (agent, number)
) STRICT;
CREATE TABLE IF NOT EXISTS peer_run (
    agent TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, previous TEXT NOT NULL,
    lines TEXT NOT NULL, run_signature BLOB NOT NULL, PRIMARY KEY (agent, first)
) STRICT;
CREATE INDEX IF NOT EXISTS runs_by_end ON peer_run (agent, last);
CREATE TABLE IF NOT EXISTS step (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, kind TEXT NOT NULL,
    settlement_id TEXT NOT NULL, detail TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS steps_of ON step (settlement_id, kind);
"""


class Register:
    """An agent's durable memory: what it signed (once), and what it did (for people).

    `on_commit` is called with the step's name after each commit.
    """

    def __init__(self, path: Path, on_commit: Callable[[str], None] = lambda _: None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None)
        write_ahead(self._database)
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT")
        self._on_commit = on_commit
        self._forgone: frozenset[SettlementId] | None = None

    def record(self, attestation: Attestation, sources: Sequence[str]) -> Attestation:
        """Stores it, or finds it stored. Raises Contradiction if the other outcome was signed before."""
        (stored,) = self.record_all([(attestation, sources)])
        if isinstance(stored, Contradiction):
            raise stored
        return stored

    def record_all(self, signed: Sequence[tuple[Attestation, Sequence[str]]]) -> Sequence[Attestation | Contradiction]:
        """As `record` for each, all in one transaction: what is stored, or why this one is not."""
        with self._transaction():
            stored = [self._stored(attestation, sources) for attestation, sources in signed]
        self._on_commit("signed")
        return stored

    def _stored(self, attestation: Attestation, sources: Sequence[str]) -> Attestation | Contradiction:
        try:
            return self._insert(attestation, sources)
        except Contradiction as error:
            return error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise

    def _insert(self, attestation: Attestation, sources: Sequence[str]) -> Attestation:
        done = self._database.execute(
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
        if done.rowcount:
            return attestation
        stored = self.find(attestation.settlement_id)
        assert stored is not None
        if stored.result is not attestation.result:
            raise Contradiction(
                f"settlement {attestation.settlement_id}: {stored.result.name} is signed, "
                f"{attestation.result.name} never can be"
            )
        return stored

    def find(self, settlement_id: SettlementId) -> Attestation | None:
        """What was signed for a settlement."""
        rows = self._select("WHERE settlement_id = ?", settlement_id)
        return rows[0] if rows else None

    def has(self, settlement_id: SettlementId) -> bool:
        """Whether anything was signed for a settlement."""
        found = self._database.execute("SELECT 1 FROM outcome WHERE settlement_id = ?", (settlement_id,))
        return found.fetchone() is not None

    def signed_of(self, ids: Collection[SettlementId]) -> set[SettlementId]:
        """Those of these settlements for which something was signed."""
        signed: set[SettlementId] = set()
        waiting = iter(ids)
        while some := [*islice(waiting, AT_ONCE)]:
            found = self._database.execute(
                "SELECT settlement_id FROM outcome WHERE settlement_id IN (SELECT value FROM json_each(?))",
                (json.dumps(some),),
            )
            signed.update(SettlementId(one) for (one,) in found)
        return signed

    def rows_of(self, ids: Collection[SettlementId]) -> Mapping[SettlementId, tuple[int, Attestation]]:
        """What was signed for these settlements, each with its row; those that are forgone are left out."""
        rows = self._database.execute(
            "SELECT rowid, settlement_id, result, epoch, agent, signature FROM outcome "
            "WHERE settlement_id IN (SELECT value FROM json_each(?)) "
            "AND settlement_id NOT IN (SELECT settlement_id FROM forgone)",
            (json.dumps([*ids]),),
        )
        signed = ((int(row), _attestation(*values)) for row, *values in rows)
        return {one.settlement_id: (row, one) for row, one in signed}

    def all(self) -> Sequence[Attestation]:
        """Everything ever signed, in the order of signing."""
        return self._select("ORDER BY rowid")

    def signed_as(self, agent: str, after: int) -> Sequence[tuple[int, Attestation]]:
        """What was signed under one key, in the order of signing: (row, attestation), rows above `after`."""
        rows = self._database.execute(
            "SELECT rowid, settlement_id, result, epoch, agent, signature FROM outcome "
            "WHERE agent = ? AND rowid > ? ORDER BY rowid",
            (agent, after),
        )
        return [(int(row[0]), _attestation(*row[1:])) for row in rows]

    def beginning(self, agent: str) -> tuple[int, int, str]:
        """Where a key's signature log begins here: after which row, after which number, and that line's digest."""
        found = self._database.execute("SELECT after_row, number, previous FROM anew WHERE agent = ?", (agent,))
        row = found.fetchone()
        return (0, 0, "0" * 64) if row is None else (int(row[0]), int(row[1]), str(row[2]))

    def begin_anew(
        self,
        beginnings: Mapping[str, tuple[int, str]],
        forgone: Collection[SettlementId],
        found: Collection[Attestation],
    ) -> None:
        """Goes on after a loss: `found` is what is known to have been signed, `forgone` is never signed by this agent.

        Each key's log goes on after the number and digest in `beginnings`. In one transaction, by hand of the
        agent's keeper. Raises Contradiction, and stores nothing, if both outcomes of a settlement were signed.
        """
        with self._transaction():
            for one in found:
                self._insert(one, ("found",))
            self._database.executemany("INSERT OR IGNORE INTO forgone VALUES (?)", [(one,) for one in forgone])
            for agent, (number, previous) in beginnings.items():
                self._database.execute(
                    "INSERT OR REPLACE INTO anew SELECT ?, COALESCE(MAX(rowid), 0), ?, ? FROM outcome",
                    (agent, number, previous),
                )
        self._forgone = None
        self._on_commit("begun anew")

    def is_forgone(self, settlement_id: SettlementId) -> bool:
        """Whether this agent leaves a settlement to the others, as it may have forgotten what it signed for it."""
        if self._forgone is None:  # it changes by `begin_anew` alone, while no other agent has this file
            rows = self._database.execute("SELECT settlement_id FROM forgone")
            self._forgone = frozenset(SettlementId(one) for (one,) in rows)
        return settlement_id in self._forgone

    def keep(self, runs: Sequence[LogRun]) -> None:
        """Stores lines of another agent's signature log, verified, in one transaction; one per number."""
        with self._transaction():
            for run in runs:
                if len(run.attestations) == 1:
                    self._keep_line(run)
                else:
                    self._database.execute(
                        "INSERT OR IGNORE INTO peer_run VALUES (?, ?, ?, ?, ?, ?)",
                        (run.agent, run.first, run.last, run.previous, _lines_text(run), run.signature),
                    )

    def _keep_line(self, run: LogRun) -> None:
        (one,) = run.attestations
        self._database.execute(
            "INSERT OR IGNORE INTO peer_log VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                one.agent,
                run.first,
                run.previous,
                one.settlement_id,
                int(one.result),
                one.epoch,
                one.signature,
                run.signature,
            ),
        )

    def kept_runs(self, agent: str, after: int = 0, lines: int | None = None) -> Sequence[LogRun]:
        """Another agent's signature log as far as it is kept here, by number, from the line above `after` on.

        Of whole runs as many as it takes for `lines` lines, or all.
        """
        found: list[LogRun] = []
        left = lines
        alone = self._database.execute(
            "SELECT number, previous, log_signature, settlement_id, result, epoch, agent, signature FROM peer_log "
            "WHERE agent = ? AND number > ? ORDER BY number",
            (agent, after),
        )
        several = self._database.execute(
            "SELECT first, previous, run_signature, lines FROM peer_run WHERE agent = ? AND last > ? ORDER BY last",
            (agent, after),
        )
        with closing(alone), closing(several):  # read no further than it takes: the lines of a run are much to read
            runs = (
                LogRun(first=row[0], previous=row[1], signature=row[2], attestations=_lines(agent, row[3]))
                for row in several
            )
            single = (
                LogRun(first=row[0], previous=row[1], signature=row[2], attestations=(_attestation(*row[3:]),))
                for row in alone
            )
            for run in merge(single, runs, key=_last) if left is None or left > 0 else ():
                found.append(run)
                if left is not None:
                    left -= len(run.attestations)
                    if left <= 0:
                        break
        return found

    def kept(self, agent: str) -> Sequence[LogEntry]:
        """The lines of another agent's signature log that are kept here, by number. Of a line in a run `signature` is
        the run's, and `previous` is told of the first only."""
        return [
            LogEntry(
                number=number,
                previous=run.previous if number == run.first else "0" * 64,
                attestation=attestation,
                signature=run.signature,
            )
            for run in self.kept_runs(agent)
            for number, attestation in run.numbered()
        ]

    def last_kept(self, agent: str) -> int:
        """The highest number of another agent's signature log that is kept here; 0: none."""
        lines = self._database.execute("SELECT MAX(number) FROM peer_log WHERE agent = ?", (agent,)).fetchone()
        runs = self._database.execute("SELECT MAX(last) FROM peer_run WHERE agent = ?", (agent,)).fetchone()
        return max(int(lines[0] or 0), int(runs[0] or 0))

    def note(self, at: datetime, kind: str, settlement_id: SettlementId, detail: str = "") -> None:
        """Writes down a step; once per (kind, settlement, detail)."""
        self.note_all(at, [(kind, settlement_id, detail)])

    def note_all(self, at: datetime, steps: Sequence[tuple[str, SettlementId, str]]) -> None:
        """Writes down steps (kind, settlement, detail) in one transaction; each once."""
        written: dict[str, None] = {}
        moment = at.isoformat()
        with self._transaction():
            for kind, some in groupby(steps, key=lambda step: step[0]):
                done = self._database.executemany(
                    "INSERT INTO step (at, kind, settlement_id, detail) SELECT ?, ?, ?, ? WHERE NOT EXISTS "
                    "(SELECT 1 FROM step WHERE kind = ? AND settlement_id = ? AND detail = ?)",
                    [(moment, *known, *known) for known in some],
                )
                if done.rowcount:
                    written[kind] = None
        for kind in written:
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
        return [_attestation(*row) for row in rows]


def _last(run: LogRun) -> int:
    return run.last


def _lines_text(run: LogRun) -> str:
    lines = [[one.settlement_id, int(one.result), one.epoch, one.signature.hex()] for one in run.attestations]
    return orjson.dumps(lines).decode()


def _lines(agent: str, text: str) -> tuple[Attestation, ...]:
    return tuple(
        _attestation(settlement, result, epoch, agent, bytes.fromhex(signature))
        for settlement, result, epoch, signature in orjson.loads(text)
    )


def _attestation(settlement: str, result: int, epoch: int, agent: str, signature: bytes) -> Attestation:
    return Attestation(
        settlement_id=SettlementId(settlement),
        result=OutcomeResult(result),
        epoch=epoch,
        agent=agent,
        signature=signature,
    )
