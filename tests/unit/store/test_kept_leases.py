"""Leases that are kept beside a long piece of work, as a rebuild's are: renewed until it is done, and no longer."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

import pytest
from sqlalchemy import Engine

from lockstep.app.keeping import kept
from lockstep.domain.errors import LeaseLost, Unavailable
from lockstep.domain.journal import Entry
from lockstep.ports import Change, Lease
from lockstep.store import SqlBook, SqlLeases, open_database
from lockstep.testing.fakes import MORNING, FakeClock

SOON, LONG = 0.005, 20


@dataclass
class Counting:
    """Leases whose renewals are counted and may fail."""

    leases: Any
    errors: dict[str, Exception] = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    renewed: Counter[str] = field(default_factory=Counter)
    changed: Condition = field(default_factory=Condition)

    def renew(self, lease: Lease, seconds: int) -> Lease:
        with self.changed:
            self.tries[lease.subject] += 1
            self.changed.notify_all()
            error = self.errors.get(lease.subject)
        if error is not None:
            raise error
        found: Lease = self.leases.renew(lease, seconds)
        with self.changed:
            self.renewed[lease.subject] += 1
            self.changed.notify_all()
        return found

    def wait_for(self, subject: str, times: int, *, tries: bool = False) -> None:
        counts = self.tries if tries else self.renewed
        with self.changed:
            goal = counts[subject] + times
            assert self.changed.wait_for(lambda: counts[subject] >= goal, LONG), (subject, counts)

    def wait_until_it_waits(self, subject: str) -> None:
        """A renewal has begun, perhaps before this was asked, and has not ended."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.tries[subject] > self.renewed[subject], LONG), subject


@pytest.fixture
def engine(fresh: Callable[[], str]) -> Iterator[Engine]:
    opened = open_database(fresh())
    yield opened
    opened.dispose()


def claimed(leases: SqlLeases, *subjects: str) -> list[Lease]:
    found = [leases.claim(one, "rebuild", 15) for one in subjects]
    assert all(found)
    return [one for one in found if one is not None]


def test_nobody_takes_over_while_the_work_goes_on(engine: Engine) -> None:
    clock = FakeClock(MORNING)
    leases = SqlLeases(engine, clock)
    counting, held = Counting(leases), claimed(leases, "mail", "matching")
    with kept(counting, held, 15, SOON):
        for _ in range(5):
            clock.advance(10)
            for lease in held:
                counting.wait_for(lease.subject, 2)
                assert leases.claim(lease.subject, "another", 15) is None
    before = counting.tries.copy()
    clock.advance(16)
    assert counting.tries == before, "no more once it is done"
    assert all(leases.claim(one, "another", 15) is not None for one in ("mail", "matching")), "as after a death"


def test_no_answer_is_tried_again_and_a_lost_one_is_not(engine: Engine) -> None:
    leases = SqlLeases(engine, FakeClock(MORNING))
    counting, held = Counting(leases), claimed(leases, "mail", "matching", "outbox")
    counting.errors = {"mail": Unavailable("busy"), "matching": LeaseLost("matching", 1)}
    with kept(counting, held, 15, SOON):
        counting.wait_for("mail", 3, tries=True)
        counting.wait_for("outbox", 3)
        counting.errors.pop("mail")
        counting.wait_for("mail", 2)
    assert counting.tries["matching"] == 1 and counting.renewed["mail"] >= 2


def test_one_that_waits_for_the_work_itself_holds_up_no_other(engine: Engine) -> None:
    """A transaction judges its lease, and nobody changes that until it ends. On SQLite nobody writes at all then."""
    leases = SqlLeases(engine, FakeClock(MORNING))
    counting, held = Counting(leases), claimed(leases, "service", "mail")
    book = SqlBook(engine, lease=held[0], besides=held[1:])

    def batches() -> Iterator[Sequence[Change]]:
        counting.wait_until_it_waits("service")
        if engine.dialect.name != "sqlite":
            counting.wait_for("mail", 3)
        yield [Change(entries=(Entry(at=MORNING, kind="rebuilt", subject="service", facts={}),))]

    with kept(counting, held, 15, SOON):
        book.begin_with(batches())
        counting.wait_for("service", 1)
        counting.wait_for("mail", 1)
    assert len(book.journal()) == 1
