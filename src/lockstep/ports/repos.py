"""Repos: what the service has agreed, open and closed."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from lockstep.domain.repo.life import Repo
from lockstep.domain.repo.terms import RepoId
from lockstep.ports.book import Book

__all__ = ["RepoBook"]


class RepoBook(Book, Protocol):
    """The service's records with its repos. They are stored, each as a whole, by `Change.repos`."""

    def repo(self, repo_id: RepoId) -> Repo | None: ...

    def repos(self) -> Sequence[Repo]:
        """All, in the order in which they were agreed."""

    def due_repos(self, today: date) -> Sequence[Repo]:
        """Those of which a step may be due (`Repo.look_from`), in that order."""
