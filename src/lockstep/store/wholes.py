"""Records that are stored as a whole, each under a version: margin calls, repos, enforcements, breaks and
their corrections, the parallel run.

Part of `committing`: judged and written in its transaction. On PostgreSQL the rows that are judged by are locked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table

from lockstep.domain.errors import Conflict
from lockstep.domain.reconciliation.corrections import CorrectionState
from lockstep.domain.repo.life import Repo
from lockstep.domain.values import replace
from lockstep.ports import Change
from lockstep.store import tables
from lockstep.store.bulk import Insert, Statement, Update
from lockstep.store.codec import dump

__all__ = ["Wholes", "stored_since"]

Key = tuple[str, ...]


class _Kind:
    """One table of them: its key's columns, `version`, `state`, one more that says whether there is anything to do, and
    `body`."""

    def __init__(
        self,
        name: str,
        table: Table,
        keys: Sequence[str],
        column: str,
        of: Callable[[Change], Sequence[Any]],
        key: Callable[[Any], Key],
        said: Callable[[Any], tuple[str, Any]],
    ) -> None:
        """`of` finds them in a change, `said` is state and column of one."""
        self.name, self.of, self.key, self.said = name, of, key, said
        listed, pairs = ", ".join(keys), len(keys) == 2
        self.rows = Statement(
            f"SELECT number, version, {listed} FROM {table.name} "
            f"WHERE {f'({listed}) IN PAIRS' if pairs else f'{listed} IN LIST'} "
            f"[[ORDER BY number FOR UPDATE OF {table.name}]]"
        )
        self.new = Insert(table, *keys, "version", "state", column, "body")
        self.changed = Update(table, "number", "version", "state", column, "body")


def _looked_at_from(repo: Repo) -> int | None:
    return repo.look_from.toordinal() if repo.look_from is not None else None


_KINDS = (
    _Kind(
        "margin call",
        tables.margin_call,
        ("agreement_id", "reference"),
        "open",
        lambda change: change.margin,
        lambda case: case.key,
        lambda case: (case.call.state.value, case.is_open),
    ),
    _Kind(
        "repo",
        tables.repo,
        ("repo_id",),
        "look_from",
        lambda change: change.repos,
        lambda repo: (repo.terms.repo_id,),
        lambda repo: (repo.state.value, _looked_at_from(repo)),
    ),
    _Kind(
        "register payment",
        tables.register_payment,
        ("name",),
        "open",
        lambda change: change.payments,
        lambda payment: (payment.name,),
        lambda payment: (payment.stage.value, payment.is_open),
    ),
    _Kind(
        "enforcement",
        tables.enforcement,
        ("agreement_id", "name"),
        "open",
        lambda change: change.enforcements,
        lambda one: one.key,
        lambda one: (one.outcome.value if one.outcome else "OPEN", one.is_open),
    ),
    _Kind(
        "break",
        tables.break_,
        ("break_id",),
        "standing",
        lambda change: change.breaks,
        lambda one: (one.break_id,),
        lambda one: (one.state.value, one.is_standing),
    ),
    _Kind(
        "correction",
        tables.correction,
        ("break_id", "correction_id"),
        "open",
        lambda change: change.corrections,
        lambda one: (one.break_id, one.correction_id),
        lambda one: (one.state.value, one.state is CorrectionState.PROPOSED),
    ),
    _Kind(
        "course",
        tables.course,
        ("isin",),
        "open",
        lambda change: change.courses,
        lambda one: (one.isin,),
        lambda one: (one.stage.value, one.pending is not None),
    ),
    _Kind(
        "scorecard",
        tables.scorecard,
        ("day", "isin"),
        "unexplained",
        lambda change: change.scorecards,
        lambda one: one.key,
        lambda one: ("SCORED", one.card.whole.unexplained_breaks),
    ),
    _Kind(
        "trade pair",
        tables.trade_pair,
        ("reference",),
        "seen_on",
        lambda change: change.pairs,
        lambda one: (one.pair.reference,),
        lambda one: ("OPEN" if one.counted_on is None else "COUNTED", one.seen_on.toordinal()),
    ),
)


@dataclass(slots=True)
class _Row:
    """A row as the changes before have left it. No number: it is new. No value: it is as it was."""

    number: int | None = None
    version: int = 0
    value: Any = None


@dataclass(slots=True)
class Wholes:
    """Those of one transaction."""

    connection: Connection
    _rows: dict[tuple[_Kind, Key], _Row] = field(default_factory=dict)

    def read(self, changes: Sequence[Change]) -> None:
        for kind in _KINDS:
            keys = sorted({kind.key(one) for change in changes for one in kind.of(change)})
            if not keys:
                continue
            asked: list[Any] = keys if len(keys[0]) > 1 else [key[0] for key in keys]
            for number, version, *key in kind.rows.rows(self.connection, asked):
                self._rows[kind, tuple(key)] = _Row(number=number, version=version)

    def conflict(self, change: Change) -> Conflict | None:
        """One of a change's was stored by another since it was read."""
        for kind in _KINDS:
            for one in kind.of(change):
                row = self._rows.get((kind, kind.key(one)))
                wrong = stored_since(kind.name, row.version if row else 0, "/".join(kind.key(one)), one.version)
                if wrong is not None:
                    return wrong
        return None

    def take(self, change: Change) -> None:
        """All of a change's are to be what it says, as their next versions."""
        for kind in _KINDS:
            for one in kind.of(change):
                row = self._rows.setdefault((kind, kind.key(one)), _Row())
                row.version = one.version + 1
                row.value = replace(one, version=row.version)

    def write(self) -> None:
        for kind in _KINDS:
            new, changed = [], []
            for (of, key), row in self._rows.items():
                if of is not kind or row.value is None:
                    continue
                under = key if len(key) > 1 else key[0]
                values = (row.version, *kind.said(row.value), dump(row.value, type(row.value), under))
                if row.number is None:
                    new.append((*key, *values))
                else:
                    changed.append((*values, row.number))
            kind.new.run(self.connection, new)
            kind.changed.run(self.connection, changed)


def stored_since(kind: str, known: int, name: str, version: int) -> Conflict | None:
    """Whether a record is stored as another version than the one that a change follows."""
    return None if version == known else Conflict(f"{kind} version", f"{name}/{version}")
