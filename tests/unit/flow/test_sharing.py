"""Several workers share the trades of one database: killed or asleep, they lose nothing and do nothing twice."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bulk_world import BulkAssets, BulkBench, BulkCash
from flow_world import Crash, check

from lockstep.domain.errors import LockstepError, Refused, Unavailable
from lockstep.domain.trade import TradeState
from lockstep.flow.engine import CLAIM_SECONDS, DUTIES, Engine
from lockstep.flow.sharing import LEASE_SECONDS, SharingWorker, key_subject
from lockstep.ports import Book, Change, Lease, Results
from lockstep.store import SqlBook, SqlLeases, open_database
from lockstep.testing.fakes import SALT_KEY

MANY = 9
KEYS = ("0xA", "0xB")


class HookedBook(SqlBook):
    """Records that call a hook around each commit."""

    at: Callable[[str], None] = staticmethod(lambda _: None)

    def commit(self, change: Change) -> None:
        self.at("before a commit")
        super().commit(change)
        self.at("after a commit")

    def commit_all(self, changes: Sequence[Change]) -> Results:
        self.at("before a commit")
        results = super().commit_all(changes)
        self.at("after a commit")
        return results


class Shared(BulkBench):
    """Workers over one database file, one chain and one RTGS."""

    def __init__(self, root: Path, keys: Sequence[str] = KEYS) -> None:
        super().__init__(root)
        self.keys = keys
        self.steppers: dict[str, Counter[str]] = {}
        self.at: dict[str, Callable[[str], None]] = {}
        self.workers = {name: self.worker(name) for name in ("first", "second")}

    def worker(self, name: str) -> SharingWorker:
        """A process, new or started again."""
        database = open_database(f"sqlite:///{self.root}/service.db")
        self.databases.append(database)
        self.at.setdefault(name, lambda _: None)

        def at(point: str) -> None:
            self.at[name](point)

        assets, cash = BulkAssets(self.chain, self.board), BulkCash(self.rtgs)
        assets.before = lambda method: at(f"before {method}")
        assets.after = lambda method: at(f"after {method}")
        cash.before = lambda method: at(f"before {method}")
        cash.after = lambda method: at(f"after {method}")

        def book(lease: Lease | None) -> Book:
            made = HookedBook(database, lease=lease, clock=self.clock)
            made.at = at
            return made

        def engine(records: Book, _: Lease | None) -> Engine:
            settler = replace(self.settler(), book=records, assets=assets, cash=cash)
            return Engine(settler=settler, mailbox=self.mailbox, salt_key=SALT_KEY)

        self.steppers[name] = assets.counted.items
        return SharingWorker(
            leases=SqlLeases(database, self.clock),
            clock=self.clock,
            name=name,
            keys=self.keys,
            book=book,
            engine=engine,
        )

    def go_on(self, *names: str) -> bool:
        """A pass of each worker, then the world around them."""
        moved = False
        for name in names or tuple(self.workers):
            moved |= self.workers[name].run_once()
        self.world_goes_on()
        return moved

    def world_goes_on(self) -> None:
        for agent in self.agents:
            agent.step()
        self.chain.mine()
        self.clock.advance(3)

    def run_all(self, passes: int = 120) -> None:
        for _ in range(passes):
            self.go_on()
            if (
                self.book.trades()
                and all(one.state.is_end for one in self.book.trades())
                and not self.book.undelivered()
            ):
                return
        raise AssertionError([(one.state.value, one.reason) for one in self.book.open_trades()])

    def settled_all(self, count: int) -> None:
        assert Counter(one.state for one in self.book.trades()) == {TradeState.SETTLED: count}
        assert Counter(self.events()) == {"Locked": count, "Settled": count} and len(self.rtgs.booked) == count
        assert len(self.mailbox.messages) == 4 * count, "matched and settled, to both"
        assert all(one.reason is None and one.attempt == 1 for one in self.book.trades())
        check(self)


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    shared = Shared(tmp_path)
    yield shared
    shared.close()


def test_both_step_trades_and_each_duty_has_one(shared: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.flow.engine.BATCH", 4)
    monkeypatch.setattr("lockstep.flow.engine.BATCHES_A_PASS", 1)
    shared.instruct_many(MANY)
    shared.go_on("first")
    assert shared.workers["first"].duties == {*DUTIES, key_subject("0xA")}
    shared.go_on("second")
    assert shared.workers["second"].duties == {key_subject("0xB")}
    for first in range(MANY + 1, 4 * MANY, MANY):
        shared.instruct_many(MANY, first)
        shared.go_on("first", "second")
        shared.go_on("second", "first")
    shared.run_all()
    shared.settled_all(4 * MANY)
    assert all(shared.steppers[name]["views"] > MANY for name in shared.workers)


def test_with_one_key_the_other_steps_no_trades_and_takes_over(tmp_path: Path) -> None:
    shared = Shared(tmp_path, KEYS[:1])
    shared.instruct_many(3)
    shared.go_on()
    shared.go_on()
    assert not shared.workers["second"].duties and not shared.workers["second"].has_key
    shared.workers["first"].stop()
    shared.clock.advance(LEASE_SECONDS / 3)
    shared.go_on("second")
    assert shared.workers["second"].duties == {*DUTIES, key_subject("0xA")}
    shared.run_all()
    shared.settled_all(3)
    shared.close()


def test_a_worker_without_a_key_does_what_needs_none(tmp_path: Path) -> None:
    """Another process has the key and does nothing else: duties are done that send nothing, and no trade is stepped."""
    shared = Shared(tmp_path, KEYS[:1])
    shared.instruct_many(3)
    lease = shared.workers["second"].leases.claim(key_subject("0xA"), "another", 2 * LEASE_SECONDS)
    for _ in range(4):
        shared.go_on("first")
    assert shared.workers["first"].duties == {*DUTIES} - {"recovery"}
    assert Counter(one.state for one in shared.book.trades()) == {TradeState.MATCHED: 3}
    assert len(shared.mailbox.messages) == 2 * 3 and not shared.steppers["first"]
    assert lease is not None
    shared.workers["second"].leases.release(lease)
    shared.run_all()
    shared.settled_all(3)
    shared.close()


@pytest.mark.parametrize("error", [Unavailable("no node"), Refused("FeeCapReached", {"rule": "a cap"})])
def test_who_cannot_go_on_leaves_its_trades_to_the_others(shared: Shared, error: LockstepError) -> None:
    """It lives, and what it had would stay its own: without a node, or with a key that has no money."""

    def silent(point: str) -> None:
        if point == "before view":
            raise error

    shared.instruct_many(MANY)
    for _ in range(3):
        shared.go_on("first")
    assert shared.steppers["first"]["views"] and not shared.book.trades()[0].state.is_end
    shared.go_on("second")
    assert not shared.steppers["second"], "they are the first one's"
    shared.at["first"] = silent
    shared.go_on("first")
    for _ in range(60):
        shared.go_on("second", "first")
    if isinstance(error, Unavailable):
        shared.settled_all(MANY)
    assert {one.state for one in shared.book.trades()} == {TradeState.SETTLED}, "people were told of the refusal, too"
    assert shared.workers["first"].has_key and shared.steppers["second"]["views"]


class Orphans:
    """What keys have under way, and who looked after it."""

    def __init__(self, under_way: dict[str, int]) -> None:
        self.under_way, self.looks = under_way, Counter[str]()

    def senders(self) -> set[str]:
        return {key for key, count in self.under_way.items() if count}

    def carry_on(self, address: str, lease: Lease) -> bool:
        assert lease.subject == key_subject(address)
        self.looks[address] += 1
        self.under_way[address] -= 1
        return self.under_way[address] > 0


def test_what_a_key_that_nobody_holds_has_under_way_is_carried_on(shared: Shared) -> None:
    """Its lease is held for so long, and then let go: who comes next works with it."""
    orphans, first = Orphans({"0xB": 2, "0xC": 1}), shared.workers["first"]
    first.left_behind = orphans
    shared.go_on("first")
    assert orphans.looks == {"0xB": 1} and first.duties >= {key_subject("0xA"), key_subject("0xB")}
    shared.go_on("first")
    assert orphans.looks == {"0xB": 2} and key_subject("0xB") not in first.duties, "0xC is not in this folder"
    shared.go_on("second")
    assert key_subject("0xB") in shared.workers["second"].duties
    orphans.under_way["0xB"] = 1
    for _ in range(LEASE_SECONDS):
        shared.go_on()
    assert orphans.looks == {"0xB": 2}, "its holder does that"
    orphans.under_way["0xA"] = 1
    for _ in range(LEASE_SECONDS):
        shared.go_on()
    assert orphans.looks["0xA"] == 1 and first.has_key, "its own too, where no trade of its own asks for it"


def test_it_knows_of_others_that_send(shared: Shared) -> None:
    orphans, first, second = Orphans({"0xB": 2}), shared.workers["first"], shared.workers["second"]
    first.left_behind = orphans
    shared.go_on("first")
    assert not first.has_company, "it has both keys"
    first.run_once()
    second.run_once()
    assert second.has_company
    orphans.under_way["0xB"] = 1
    shared.clock.advance(LEASE_SECONDS / 3)
    first.run_once()
    assert first.has_company
    orphans.under_way["0xB"] = 0
    shared.clock.advance(2 * LEASE_SECONDS / 3)
    first.run_once()
    assert not first.has_company


def test_a_service_that_cannot_begin_lets_its_leases_go(shared: Shared) -> None:
    def engine(*_: Any) -> Engine:
        raise Unavailable("no node")

    shared.workers["first"].engine = engine
    with pytest.raises(Unavailable, match="no node"):
        shared.workers["first"].run_once()
    shared.instruct_many(2)
    shared.go_on("second")
    assert key_subject("0xA") in shared.workers["second"].duties
    shared.workers.pop("first")
    shared.run_all()
    shared.settled_all(2)


@pytest.mark.parametrize("seed", range(12))
def test_killed_at_random_nothing_is_lost_and_nothing_doubled(seed: int, tmp_path: Path) -> None:
    """Each worker dies several times at any call of any port, and another process begins under its name."""
    chance, shared = random.Random(seed), Shared(tmp_path)
    deaths = 0

    def mortal(point: str) -> None:
        if chance.random() < 0.02:
            raise Crash

    shared.instruct_many(MANY)
    for name in shared.workers:
        shared.at[name] = mortal
    for _ in range(40):
        for name in list(shared.workers):
            try:
                shared.workers[name].run_once()
            except Crash:
                deaths += 1
                shared.workers[name] = shared.worker(name)
        shared.world_goes_on()
    for name in shared.workers:
        shared.at[name] = lambda _: None
    shared.run_all()
    shared.settled_all(MANY)
    assert deaths > 1
    shared.close()


@pytest.mark.parametrize("seconds", [LEASE_SECONDS + 1, CLAIM_SECONDS + 1])
@pytest.mark.parametrize("seed", range(6))
def test_asleep_at_random_and_overtaken(seed: int, seconds: int, tmp_path: Path) -> None:
    """A worker that sleeps through its leases, or its claims too, wakes up late and harms nobody."""
    chance, shared = random.Random(seed), Shared(tmp_path)
    slept = [0]

    def sleepy(point: str) -> None:
        if slept[0] < 4 and chance.random() < 0.06:
            slept[0] += 1
            shared.at["first"] = lambda _: None
            shared.clock.advance(seconds)
            for _ in range(3):
                shared.go_on("second")
            shared.at["first"] = sleepy

    shared.instruct_many(MANY)
    shared.at["first"] = sleepy
    shared.run_all()
    shared.settled_all(MANY)
    assert slept[0] >= 1
    shared.close()
