"""RepoBook in memory and on databases: what is put is what is read, once for each version."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from lockstep.domain.errors import Conflict
from lockstep.domain.repo.life import Repo, RepoState
from lockstep.domain.repo.moves import agreed, closing, leg_died, partly_returned, substituted, topped_up, transfer_done
from lockstep.domain.repo.terms import repo_id
from lockstep.ports import RepoBook
from lockstep.store import SqlRepoBook
from lockstep.testing.fakes.repos import FakeRepoBook
from repo_cases import LAST, NOW, OTHER, opened, settle_all, terms


@pytest.fixture(params=["memory", "database"])
def repos(request: pytest.FixtureRequest, engine: Engine) -> RepoBook:
    return FakeRepoBook() if request.param == "memory" else SqlRepoBook(engine)


def lives() -> list[Repo]:
    """Repos with something in every field."""
    first = opened()
    substitution = transfer_done(substituted(first, 1, 10, OTHER, 9, NOW), 1, NOW)
    part = settle_all(partly_returned(substitution, 2, 7, LAST, NOW))
    failed = closing(part, LAST, NOW)
    failed = leg_died(failed, failed.legs[-1].reference, 'LACK: "für"', NOW)
    rolled = replace(failed, successor=terms(repo_id=repo_id("R2")), terms=terms(repo_id=repo_id("R3")))
    return [agreed(terms(), NOW), topped_up(opened(repo_id=repo_id("R4")), OTHER, 5, NOW), rolled]


def test_what_is_put_is_what_is_read(repos: RepoBook) -> None:
    stored = [repos.put(one) for one in lives()]
    assert [one.version for one in stored] == [1, 1, 1]
    assert list(repos.repos()) == stored
    for one in stored:
        assert repos.repo(one.terms.repo_id) == one
    assert repos.repo(repo_id("NONE")) is None


def test_only_what_may_have_a_step_is_open(repos: RepoBook) -> None:
    one, two, three = (repos.put(each) for each in lives())
    assert list(repos.open_repos()) == [one, two, three]
    ended = repos.put(replace(one, state=RepoState.CANCELLED))
    assert list(repos.open_repos()) == [two, three]
    assert list(repos.repos()) == [ended, two, three]
    waits = repos.put(replace(three, state=RepoState.CLOSED))
    assert list(repos.open_repos()) == [two, waits]  # its successor is to be made
    repos.put(replace(waits, succeeded=True))
    assert list(repos.open_repos()) == [two]


def test_who_comes_late_stores_nothing(repos: RepoBook) -> None:
    first = repos.put(agreed(terms(), NOW))
    with pytest.raises(Conflict):
        repos.put(agreed(terms(), NOW))
    second = repos.put(replace(first, interest_paid=1))
    with pytest.raises(Conflict):
        repos.put(replace(first, interest_paid=2))
    assert repos.repo(first.terms.repo_id) == second
