"""One suite for every `ports.Leases`: in memory, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from lockstep.domain.errors import LeaseLost
from lockstep.ports import Lease, Leases
from lockstep.store import SqlLeases, open_database
from lockstep.testing.fakes import MORNING, FakeClock, FakeLeases

SECONDS = 15


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MORNING)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def leases(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Iterator[Leases]:
    if request.param == "memory":
        yield FakeLeases(clock)
        return
    sqlite = request.param == "sqlite"
    engine = open_database(
        f"sqlite:///{tmp_path}/service.db" if sqlite else request.getfixturevalue("postgresql_server").fresh()
    )
    yield SqlLeases(engine, clock)
    engine.dispose()


def claimed(leases: Leases, holder: str, subject: str = "service") -> Lease:
    lease = leases.claim(subject, holder, SECONDS)
    assert lease is not None
    return lease


def test_the_first_claim(leases: Leases) -> None:
    until = MORNING + timedelta(seconds=SECONDS)
    assert leases.claim("service", "one", SECONDS) == Lease(subject="service", holder="one", fence=1, until=until)


def test_another_waits_until_it_has_run_out(leases: Leases, clock: FakeClock) -> None:
    claimed(leases, "one")
    clock.advance(SECONDS - 1)
    assert leases.claim("service", "other", SECONDS) is None
    clock.advance(1)
    assert claimed(leases, "other").fence == 2
    assert leases.claim("service", "one", SECONDS) is None, "it is the other's now"


def test_a_holder_come_back_does_not_wait_for_itself(leases: Leases) -> None:
    first, again = claimed(leases, "one"), claimed(leases, "one")
    assert (first.fence, again.fence) == (1, 2)
    with pytest.raises(LeaseLost, match=r"^lease 1 of service is over: another has taken over$"):
        leases.renew(first, SECONDS)
    assert leases.renew(again, SECONDS) == again


def test_renewed_it_lasts_longer(leases: Leases, clock: FakeClock) -> None:
    lease = claimed(leases, "one")
    clock.advance(10)
    renewed = leases.renew(lease, SECONDS)
    assert renewed == replace(lease, until=MORNING + timedelta(seconds=10 + SECONDS))
    clock.advance(SECONDS - 1)
    assert leases.claim("service", "other", SECONDS) is None


def test_late_is_not_too_late_while_nobody_wants_it(leases: Leases, clock: FakeClock) -> None:
    lease = claimed(leases, "one")
    clock.advance(10 * SECONDS)
    assert leases.renew(lease, SECONDS).fence == lease.fence


def test_taken_over_it_is_lost(leases: Leases, clock: FakeClock) -> None:
    late = claimed(leases, "one")
    clock.advance(SECONDS)
    now = claimed(leases, "other")
    with pytest.raises(LeaseLost) as caught:
        leases.renew(late, SECONDS)
    assert (caught.value.subject, caught.value.fence) == ("service", 1)
    leases.release(late)
    assert leases.claim("service", "one", SECONDS) is None, "a late release lets nothing go"
    assert leases.renew(now, SECONDS).fence == 2


def test_let_go_the_next_begins_at_once(leases: Leases) -> None:
    lease = claimed(leases, "one")
    leases.release(lease)
    leases.release(lease)
    assert claimed(leases, "other").fence == 2
    with pytest.raises(LeaseLost):
        leases.renew(lease, SECONDS)


def test_a_number_alone_is_no_lease(leases: Leases) -> None:
    lease = claimed(leases, "one")
    for forged in (replace(lease, holder="other"), replace(lease, fence=2), replace(lease, subject="trade")):
        with pytest.raises(LeaseLost):
            leases.renew(forged, SECONDS)


def test_subjects_are_held_apart(leases: Leases) -> None:
    """So that several workers can hold a trade each."""
    one, other = claimed(leases, "one", "trade/a"), claimed(leases, "other", "trade/b")
    assert (one.fence, other.fence) == (1, 1)
    assert leases.claim("trade/a", "other", SECONDS) is None


@pytest.mark.parametrize(("back", "free"), [(SECONDS, False), (SECONDS + 1, True), (86_400, True)])
def test_a_clock_put_back_makes_no_lease_for_ever(leases: Leases, clock: FakeClock, back: int, free: bool) -> None:
    claimed(leases, "one")
    clock.advance(-back)
    assert (leases.claim("service", "other", SECONDS) is not None) is free
