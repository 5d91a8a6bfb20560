"""The fence: what a late worker writes is refused, whole, in the transaction that would have written it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockstep.domain.cash import CashView
from lockstep.domain.errors import LeaseLost, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.journal import Entry
from lockstep.ports import Change, Lease, SentTransaction
from lockstep.store import Database, SqlBook, SqlLeases, SqlTransactionLog, open_database
from lockstep.testing.fakes import MORNING, FakeClock

SECONDS = 15
VIEW = CashView(settlement_id=SettlementId("ab" * 32))
SENT = SentTransaction(key="lock/a", nonce=0, raw=b"raw", hash="0x01")


def change(kind: str) -> Change:
    return Change(
        entries=(Entry(at=MORNING, kind=kind, subject="s"),), cash=(VIEW,), cash_cursor=7, seen=(("A", "1", "h"),)
    )


class Pair:
    """Two workers, each with connections of its own to one database, and one clock."""

    def __init__(self, url: str) -> None:
        self.clock = FakeClock(MORNING)
        self.databases: tuple[Database, Database] = (open_database(url), open_database(url))
        self.leases = [SqlLeases(one, self.clock) for one in self.databases]

    def claim(self, place: int) -> Lease:
        lease = self.leases[place].claim("service", f"worker {place}", SECONDS)
        assert lease is not None
        return lease

    def book(self, place: int, lease: Lease) -> SqlBook:
        return SqlBook(self.databases[place], lease=lease)


@pytest.fixture
def url(fresh: Callable[[], str]) -> str:
    return fresh()


@pytest.fixture
def pair(url: str) -> Iterator[Pair]:
    made = Pair(url)
    yield made
    for one in made.databases:
        one.dispose()


def test_a_late_commit_stores_nothing(pair: Pair) -> None:
    late = pair.book(0, pair.claim(0))
    late.commit(change("in time"))
    pair.clock.advance(SECONDS)
    pair.book(1, pair.claim(1)).commit(Change(entries=(Entry(at=MORNING, kind="taken over", subject="s"),)))
    for what in (change("late"), Change(cash_cursor=9), Change(seen=(("B", "2", "h"),)), Change(delivered=("m",))):
        with pytest.raises(LeaseLost):
            late.commit(what)
    assert [row.entry.kind for row in late.journal()] == ["in time", "taken over"]
    assert late.cash_cursor() == 7 and late.seen("B", "2") is None, "what it reads is the truth"


def test_a_late_transaction_is_not_reserved(pair: Pair) -> None:
    late = SqlTransactionLog(pair.databases[0], pair.claim(0))
    late.put(SENT)
    pair.clock.advance(SECONDS)
    log = SqlTransactionLog(pair.databases[1], pair.claim(1))
    mined = SentTransaction(key="lock/a", nonce=0, raw=b"raw", hash="0x01", status="mined", block=3, gas=5)
    log.put(mined)
    for what in (SENT, SentTransaction(key="lock/b", nonce=1, raw=b"", hash="0x02")):
        with pytest.raises(LeaseLost):
            late.put(what)
    assert late.transactions("lock/a") == [mined] and late.transactions("lock/b") == []


def test_run_out_and_wanted_by_nobody_it_still_writes(pair: Pair) -> None:
    book = pair.book(0, pair.claim(0))
    pair.clock.advance(100 * SECONDS)
    book.commit(change("late, and alone"))
    assert len(book.journal()) == 1


def test_a_lease_from_before_a_restored_backup_is_none(pair: Pair, fresh: Callable[[], str]) -> None:
    """The restored file knows an older fence: whoever holds a newer one begins anew."""
    other = Pair(fresh())
    lease = pair.claim(0)
    with pytest.raises(LeaseLost):
        other.book(0, lease).commit(change("into another database"))
    for one in other.databases:
        one.dispose()


def test_who_only_hands_in_needs_no_lease(pair: Pair) -> None:
    pair.claim(0)
    SqlBook(pair.databases[1]).commit(change("instructed"))
    assert len(SqlBook(pair.databases[0]).journal()) == 1


def test_a_busy_database_is_no_answer(tmp_path: Path) -> None:
    """A worker stopped inside a transaction keeps SQLite's write lock: nothing is concluded from it."""
    pair = Pair(f"sqlite:///{tmp_path}/service.db")
    lease = pair.claim(1)
    with pair.databases[1].connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=1")
        connection.commit()
    with pair.databases[0].begin():
        for write in (
            lambda: pair.leases[1].renew(lease, SECONDS),
            lambda: pair.book(1, lease).commit(change("while it is busy")),
        ):
            with pytest.raises(Unavailable, match="the service's database does not answer: database is locked"):
                write()
    for one in pair.databases:
        one.dispose()


WRITER = """
import os, signal, sys, time
from datetime import UTC, datetime
from lockstep.domain.journal import Entry
from lockstep.domain.errors import LeaseLost
from lockstep.ports import Change
from lockstep.store import SqlBook, SqlLeases, open_database

class Clock:
    def now(self):
        return datetime.now(UTC)

name, url, falls = sys.argv[1], sys.argv[2], int(sys.argv[3])
database = open_database(url)
leases = SqlLeases(database, Clock())
lease = None
while True:
    if lease is None:
        lease = leases.claim("service", name, 1)
        if lease is None:
            time.sleep(0.01)
            continue
    entry = Entry(at=datetime.now(UTC), kind=name, subject=str(lease.fence))
    try:
        SqlBook(database, lease=lease).commit(Change(entries=(entry,)))
        lease = leases.renew(lease, 1)
        if falls and name == "first":
            os.kill(os.getpid(), falls)
            falls = 0
    except LeaseLost:
        lease = None
"""


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


@pytest.mark.parametrize("falls_by", [signal.SIGKILL, signal.SIGSTOP])
def test_two_processes_and_one_falls(url: str, falls_by: signal.Signals) -> None:
    """For real: the first dies, or sleeps through its lease; the second takes over; fences only grow."""
    database = open_database(url)
    book = SqlBook(database)
    running = []

    def writers() -> list[str]:
        return list(dict.fromkeys(row.entry.kind for row in book.journal()))

    try:
        for name in ("first", "second"):
            arguments = [sys.executable, "-c", WRITER, name, url, str(int(falls_by))]
            running.append(subprocess.Popen(arguments))
            wait_for(lambda: writers() == ["first"], "the first writes, alone")
        wait_for(lambda: writers() == ["first", "second"], "the second takes over")
        if falls_by is signal.SIGSTOP:
            os.kill(running[0].pid, signal.SIGCONT)
        written = len(book.journal())
        wait_for(lambda: len(book.journal()) > written + 20, "somebody goes on")
    finally:
        for process in running:
            process.kill()
            process.wait()
    fences = [int(row.entry.subject) for row in book.journal()]
    assert fences == sorted(fences) and fences[-1] == 2
    assert {(row.entry.subject, row.entry.kind) for row in book.journal()} == {("1", "first"), ("2", "second")}
    database.dispose()
