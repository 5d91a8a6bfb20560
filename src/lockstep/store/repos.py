"""Repos on the database: see `ports.RepoBook`. `committing` writes them."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import Engine

from lockstep.domain.repo.life import Repo
from lockstep.domain.repo.terms import RepoId
from lockstep.store.bulk import Statement
from lockstep.store.codec import load

__all__ = ["Repos"]

_ONE = Statement("SELECT body FROM repo WHERE repo_id = ?")
_ALL = Statement("SELECT repo_id, body FROM repo ORDER BY number")
# The plus keeps SQLite from reading all rows in the order of their numbers, the quiet ones too.
_DUE = Statement("SELECT repo_id, body FROM repo WHERE look_from <= ? ORDER BY +number")


class Repos:
    """What a book reads of them."""

    _engine: Engine

    def repo(self, repo_id: RepoId) -> Repo | None:
        rows = _ONE.alone(self._engine, repo_id)
        return load(Repo, rows[0][0], repo_id) if rows else None

    def repos(self) -> Sequence[Repo]:
        return [load(Repo, body, repo_id) for repo_id, body in _ALL.alone(self._engine)]

    def due_repos(self, today: date) -> Sequence[Repo]:
        return [load(Repo, body, repo_id) for repo_id, body in _DUE.alone(self._engine, today.toordinal())]
