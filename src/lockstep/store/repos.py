"""RepoBook on a database: one row for each repo, its body JSON."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Engine, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from lockstep.domain.errors import Conflict
from lockstep.domain.repo.life import Repo
from lockstep.domain.repo.terms import RepoId
from lockstep.ports import Lease
from lockstep.store.codec import dump, load
from lockstep.store.leases import require
from lockstep.store.prepared import Query, Write, transaction
from lockstep.store.tables import repo as table

__all__ = ["SqlRepoBook"]

_ONE = Query(select(table.c.body).where(table.c.repo_id == bindparam("one")))
_ALL = Query(select(table.c.body).order_by(table.c.number))
_OPEN = Query(select(table.c.body).where(text("open")).order_by(table.c.number))
_NEW = Write(insert(table), "repo_id", "version", "state", "open", "body")
_NEXT = Write(
    update(table).where(table.c.repo_id == bindparam("one"), table.c.version == bindparam("known")),
    "version",
    "state",
    "open",
    "body",
)


class SqlRepoBook:
    """See `ports.RepoBook`. A worker's writes are judged by its `lease`, as the book's are."""

    def __init__(self, engine: Engine, lease: Lease | None = None) -> None:
        self._engine, self._lease = engine, lease

    def repo(self, repo_id: RepoId) -> Repo | None:
        rows = _ONE.alone(self._engine, one=repo_id)
        return load(Repo, rows[0].body) if rows else None

    def repos(self) -> Sequence[Repo]:
        return [load(Repo, row.body) for row in _ALL.alone(self._engine)]

    def open_repos(self) -> Sequence[Repo]:
        return [load(Repo, row.body) for row in _OPEN.alone(self._engine)]

    def put(self, repo: Repo) -> Repo:
        """See `ports.RepoBook.put`. Raises LeaseLost besides."""
        following = replace(repo, version=repo.version + 1)
        values: dict[str, Any] = {
            "version": following.version,
            "state": following.state.value,
            "open": following.needs_looks,
            "body": dump(following),
        }
        identity = following.terms.repo_id
        try:
            with transaction(self._engine) as connection:
                require(connection, self._lease)
                if repo.version == 0:
                    _NEW.run(connection, repo_id=identity, **values)
                elif _NEXT.run(connection, one=identity, known=repo.version, **values) != 1:
                    raise Conflict("repo version", f"{identity}/{repo.version}")
        except IntegrityError as error:
            raise Conflict("repo", identity) from error
        return following
