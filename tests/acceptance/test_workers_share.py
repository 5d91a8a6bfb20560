"""Two workers that share the trades, each with a key of its own: one dies or sleeps, and the other goes on (I6)."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from lockstep.app.operators import add_operators
from lockstep.flow.engine import DUTIES
from lockstep.flow.sharing import key_subject
from lockstep.testing.trade_files import FileMarket

from .running import AGENTS, Installation, stop, stopped_outside_a_transaction, wait_until
from .workers import QUICKLY, SECONDS, WORKERS, Killing

TRADES = 600
GRACE_SECONDS = 60
"""For the trades themselves, beside leases and claims, on a machine with much else to do."""


class Pair:
    """An installation with two keys and two workers, both of which are at work."""

    def __init__(self, day: Installation, market: FileMarket, folder: Path) -> None:
        self.day, self.market, self.folder = day, market, folder
        self.keys = [one.address for one in add_operators(day.home, 2)]
        self.database = day.home.open_database()
        self.handed_in = 0
        day.start("rtgs", *AGENTS)
        day.start(*WORKERS, environment=QUICKLY)
        wait_until(lambda: len(set(self.holders(*map(key_subject, self.keys)))) == 2, 40, "each worker has a key")

    def holders(self, *subjects: str) -> list[str]:
        """Who has these leases, by the records; of those that somebody has."""
        with self.database.connect() as connection:
            rows = connection.execute(text("SELECT subject, holder FROM lease WHERE until > 0")).all()
        there = {row.subject: row.holder for row in rows}
        return [there[one] for one in subjects if one in there]

    def hand_in(self, count: int) -> None:
        first, self.handed_in = self.handed_in + 1, self.handed_in + count
        wave = self.folder / f"{first:06d}"
        self.market.write(wave, range(first, self.handed_in + 1))
        code, files = self.day.submit(wave)
        assert code == 0 and {one["outcome"] for one in files} == {"instructed"}, files

    def share(self) -> None:
        """Trades come in until both have stepped some: who comes first claims all that is due."""
        while len(self.senders()) < 2:
            self.hand_in(3)
            time.sleep(0.3)

    def pid_of(self, key: str) -> tuple[str, int]:
        """The role and the process that send with a key: the service in the first place is the first that came."""
        (holder,) = self.holders(key_subject(key))
        held = Path(holder.partition("/")[2])
        for role in WORKERS:
            pid = self.day.running[role].pid
            if any(os.path.samefile(f"/proc/{pid}/fd/{one}", held) for one in _files(pid)):
                return role, pid
        raise AssertionError(holder)

    def settle(self, seconds: float) -> float:
        began = time.monotonic()
        wait_until(self._is_settled, seconds, f"{self.handed_in} trades settle", pause=0.2)
        return time.monotonic() - began

    def _is_settled(self) -> bool:
        book = self.day.book
        return not book.waiting() and not book.open_trades() and not book.undelivered()

    def senders(self) -> dict[str, int]:
        """How many transactions of each key got into a block."""
        query = "SELECT sender, count(*) AS many FROM sent_transaction WHERE status = 'mined' GROUP BY sender"
        with self.database.connect() as connection:
            return {row.sender: row.many for row in connection.execute(text(query))}

    def judge(self) -> None:
        self.database.dispose()
        killing = Killing(self.day, self.market, self.folder, None)
        killing.trades = self.handed_in
        killing.judge()


def _files(pid: int) -> list[str]:
    return [one for one in os.listdir(f"/proc/{pid}/fd") if os.path.exists(f"/proc/{pid}/fd/{one}")]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.deep)])
def pair(installed: Callable[..., Installation], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    market = FileMarket(trades=TRADES, banks=3, securities=1)
    (tmp_path / "market.toml").write_text(market.text())
    database = request.getfixturevalue("postgresql_server").fresh() if request.param == "postgresql" else None
    made = Pair(installed(tmp_path / "market.toml", database), market, tmp_path / "trades")
    yield made
    made.database.dispose()
    made.day.close()


def test_a_dead_workers_trades_go_on_elsewhere(pair: Pair) -> None:
    """Its key's transactions, its duties and its trades: all are the other's once leases and claims have run out."""
    pair.share()
    (busy,) = set(pair.holders(DUTIES[0]))
    dead = next(one for one in pair.keys if pair.holders(key_subject(one)) == [busy])
    role, pid = pair.pid_of(dead)
    pair.hand_in(10)
    wait_until(lambda: bool(pair.day.book.open_trades()), 20, "trades are under way")
    os.kill(pid, signal.SIGKILL)
    pair.hand_in(10)
    pair.settle(2 * SECONDS + GRACE_SECONDS)
    assert len(set(pair.holders(*DUTIES))) == 1 and busy not in pair.holders(*DUTIES)
    del pair.day.running[role]
    assert set(pair.day.stop().values()) == {0}
    assert set(pair.senders()) == {*pair.keys}
    pair.judge()


@pytest.mark.deep
def test_a_worker_that_sleeps_beyond_its_leases_does_no_harm(pair: Pair) -> None:
    pair.share()
    pair.hand_in(10)
    wait_until(lambda: bool(pair.day.book.open_trades()), 20, "trades are under way")
    role, pid = pair.pid_of(pair.keys[0])
    (asleep,) = pair.holders(key_subject(pair.keys[0]))
    wait_until(lambda: _is_stopped_outside_a_transaction(pair, pid), 20, f"{role} is stopped", pause=0.01)
    try:
        pair.hand_in(10)
        pair.settle(2 * SECONDS + GRACE_SECONDS)
        assert asleep not in pair.holders(*DUTIES), "what only one may do is another's"
    finally:
        os.kill(pid, signal.SIGCONT)
    pair.hand_in(20)
    pair.settle(GRACE_SECONDS)
    assert pair.day.running[role].poll() is None, "it goes on, with what is its own now"
    wait_until(lambda: len(set(pair.holders(*map(key_subject, pair.keys)))) == 2, 40, "each has a key again")
    assert set(pair.day.stop().values()) == {0}
    assert set(pair.senders()) == {*pair.keys}
    pair.judge()


def test_more_workers_than_keys(pair: Pair) -> None:
    """The third has no key, and takes one over."""
    pair.day.start("service-3", environment=QUICKLY)
    pair.hand_in(20)
    pair.settle(GRACE_SECONDS)
    role, _ = pair.pid_of(pair.keys[1])
    before = pair.holders(key_subject(pair.keys[1]))
    assert stop(pair.day.running.pop(role)) == 0
    wait_until(lambda: pair.holders(key_subject(pair.keys[1])) not in ([], before), 40, "the third has the key")
    pair.hand_in(20)
    pair.settle(GRACE_SECONDS)
    assert set(pair.day.stop().values()) == {0}
    pair.judge()


def _is_stopped_outside_a_transaction(pair: Pair, pid: int) -> bool:
    """Stopped inside one, it keeps locks that nobody gets past before it goes on."""
    if pair.database.dialect.name == "sqlite":
        return stopped_outside_a_transaction(pid, pair.day.home.root / "service.db")
    os.kill(pid, signal.SIGSTOP)
    with pair.database.connect() as connection:
        waiting = "SELECT count(*) AS many FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
        held = connection.execute(text(waiting)).scalar_one()
    if held:
        os.kill(pid, signal.SIGCONT)
    return not held
