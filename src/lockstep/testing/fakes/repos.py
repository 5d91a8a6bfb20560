"""The service's records of repos in memory."""

from collections.abc import Sequence
from dataclasses import replace

from lockstep.domain.errors import Conflict
from lockstep.domain.repo.life import Repo
from lockstep.domain.repo.terms import RepoId
from lockstep.testing.fakes.simple import Hook, no_fault

__all__ = ["FakeRepoBook"]


class FakeRepoBook:
    """See `ports.RepoBook`."""

    def __init__(self) -> None:
        self._repos: dict[RepoId, Repo] = {}
        self.before: Hook = no_fault
        self.after: Hook = no_fault

    def repo(self, repo_id: RepoId) -> Repo | None:
        return self._repos.get(repo_id)

    def repos(self) -> Sequence[Repo]:
        return list(self._repos.values())

    def open_repos(self) -> Sequence[Repo]:
        return [one for one in self._repos.values() if one.needs_looks]

    def put(self, repo: Repo) -> Repo:
        self.before("put")
        identity = repo.terms.repo_id
        known = self._repos.get(identity)
        if repo.version != (known.version if known else 0):
            raise Conflict("repo version" if repo.version else "repo", f"{identity}/{repo.version}")
        following = self._repos[identity] = replace(repo, version=repo.version + 1)
        self.after("put")
        return following
