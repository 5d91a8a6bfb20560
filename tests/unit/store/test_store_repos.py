"""Repos in the service's records, in memory and on databases: stored as a whole, once for each version."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from lockstep.domain.errors import Conflict, LeaseLost
from lockstep.domain.journal import Entry
from lockstep.domain.repo.life import Repo, RepoState
from lockstep.domain.repo.moves import agreed, closing, leg_died, partly_returned, substituted, topped_up, transfer_done
from lockstep.domain.repo.terms import repo_id
from lockstep.ports import Change, RepoBook
from lockstep.store import SqlBook, SqlLeases
from lockstep.testing.fakes import FakeBook, FakeClock
from repo_cases import LAST, NOW, OTHER, opened, settle_all, terms


@pytest.fixture(params=["memory", "database"])
def book(request: pytest.FixtureRequest, engine: Engine) -> RepoBook:
    return FakeBook() if request.param == "memory" else SqlBook(engine)


def put(book: RepoBook, repo: Repo) -> Repo:
    book.commit(Change(repos=(repo,)))
    return replace(repo, version=repo.version + 1)


def lives() -> list[Repo]:
    """Repos with something in every field."""
    first = opened()
    substitution = transfer_done(substituted(first, 1, 10, OTHER, 9, NOW), 1, NOW)
    part = settle_all(partly_returned(substitution, 2, 7, LAST, NOW))
    failed = closing(part, LAST, NOW)
    failed = leg_died(failed, failed.legs[-1].reference, 'LACK: "für"', NOW)
    rolled = replace(failed, successor=terms(repo_id=repo_id("R2")), terms=terms(repo_id=repo_id("R3")))
    return [agreed(terms(), NOW), topped_up(opened(repo_id=repo_id("R4")), OTHER, 5, NOW), rolled]


def test_what_is_put_is_what_is_read(book: RepoBook) -> None:
    stored = [put(book, one) for one in lives()]
    assert [one.version for one in stored] == [1, 1, 1]
    assert list(book.repos()) == stored
    for one in stored:
        assert book.repo(one.terms.repo_id) == one
    assert book.repo(repo_id("NONE")) is None


def test_only_what_may_have_a_step_that_day_is_due(book: RepoBook) -> None:
    one, two, three = (put(book, each) for each in lives())
    assert list(book.due_repos(date.min)) == [one, two, three]
    ended = put(book, replace(one, state=RepoState.CANCELLED))
    assert list(book.due_repos(LAST)) == [two, three]
    assert list(book.repos()) == [ended, two, three]
    waits = put(book, replace(three, state=RepoState.CLOSED))
    assert list(book.due_repos(LAST)) == [two, waits]  # its successor is to be made
    put(book, replace(waits, succeeded=True))
    quiet = put(book, opened(repo_id=repo_id("R5")))
    assert list(book.due_repos(LAST - timedelta(1))) == [two]
    assert list(book.due_repos(LAST)) == [two, quiet]
    put(book, opened(repo_id=repo_id("R6"), repurchase_date=None))
    assert list(book.due_repos(date.max)) == [two, quiet]


def test_a_failed_close_is_due_again_the_day_after(book: RepoBook) -> None:
    failed = closing(opened(), LAST, NOW)
    for leg in failed.pending_legs:
        failed = leg_died(failed, leg.reference, "LACK", NOW)
    stored = put(book, failed)
    assert list(book.due_repos(LAST)) == []
    assert list(book.due_repos(LAST + timedelta(1))) == [stored]


def test_who_comes_late_stores_nothing(book: RepoBook) -> None:
    first = put(book, agreed(terms(), NOW))
    entry = Entry(at=NOW, kind="repo", subject="R1", facts={})
    for late in (agreed(terms(), NOW), replace(first, version=7)):
        with pytest.raises(Conflict, match="repo version R1/"):
            book.commit(Change(entries=(entry,), repos=(late,)))
    second = put(book, replace(first, interest_paid=1))
    with pytest.raises(Conflict):
        put(book, replace(first, interest_paid=2))
    assert book.repo(first.terms.repo_id) == second
    assert not book.journal()


def test_who_has_lost_the_lease_stores_nothing(engine: Engine) -> None:
    clock = FakeClock(NOW.replace(microsecond=0))
    leases = SqlLeases(engine, clock)
    lease = leases.claim("recovery", "one", 15)
    assert lease is not None
    book = SqlBook(engine, lease=lease, clock=clock)
    first = put(book, agreed(terms(), NOW))
    clock.advance(seconds=16)
    assert leases.claim("recovery", "two", 15) is not None
    with pytest.raises(LeaseLost):
        put(book, replace(first, interest_paid=1))
    assert book.repo(first.terms.repo_id) == first
