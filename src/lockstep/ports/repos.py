"""The service's records of repos."""

from collections.abc import Sequence
from typing import Protocol

from lockstep.domain.repo.life import Repo
from lockstep.domain.repo.terms import RepoId

__all__ = ["RepoBook"]


class RepoBook(Protocol):
    """One record for each repo, changed as a whole. Raises Unavailable where there is no answer."""

    def repo(self, repo_id: RepoId) -> Repo | None: ...

    def repos(self) -> Sequence[Repo]:
        """All, in the order in which they were agreed."""

    def open_repos(self) -> Sequence[Repo]:
        """Those of which a step may be due (`Repo.needs_looks`), in that order."""

    def put(self, repo: Repo) -> Repo:
        """Stores it, durably, as its next version, and gives it back so; a new one has version 0.

        Raises Conflict, and stores nothing, where another has stored it since it was read, or the id is taken.
        """
