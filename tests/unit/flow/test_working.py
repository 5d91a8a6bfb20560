"""A worker with the only key sleeps at each point of its work, another takes all over, and the first goes on without
knowing (I1-I12)."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flow_world import Bench, check

from lockstep.domain.errors import Unavailable
from lockstep.domain.trade import TradeState
from lockstep.flow.engine import DUTIES, Engine
from lockstep.flow.sharing import LEASE_SECONDS, SharingWorker, key_subject
from lockstep.ports import Book, Change, Lease, Results
from lockstep.store import Database, SqlBook, SqlLeases, open_database
from lockstep.testing.fakes import (
    SALT_KEY,
    SERVICE,
    FakeAssetLedger,
    FakeCashSystem,
    FakeWallet,
)

PASSES_AT_MOST = 60
KEYS = ("0xA",)
ALL = {*DUTIES, key_subject("0xA")}
Point = Callable[[str], None]


class PausingBook:
    """A book that can sleep before and after it stores."""

    def __init__(self, book: SqlBook, at: Point) -> None:
        self._book, self._at = book, at

    def commit(self, change: Change) -> None:
        self._at("before a commit")
        self._book.commit(change)
        self._at("after a commit")

    def commit_all(self, changes: Sequence[Change]) -> Results:
        self._at("before a commit")
        results = self._book.commit_all(changes)
        self._at("after a commit")
        return results

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)


class Shop(Bench):
    """Two workers on one database file. The first can be put to sleep at any call of any port."""

    def __init__(self, root: Path, sleeps_at: int | None = None) -> None:
        super().__init__()
        self._url = f"sqlite:///{root}/service.db"
        self.databases: list[Database] = []
        self.book = SqlBook(self._open(), clock=self.clock)
        self.restarted()
        self.points: list[str] = []
        self.overslept = 0
        self.letters: dict[tuple[str, str], set[str]] = {}
        self._sleeps_at, self._awake = sleeps_at, False
        self.first, self.second = self._worker("first", self._at), self._worker("second", lambda _: None)

    def _open(self) -> Database:
        self.databases.append(open_database(self._url))
        return self.databases[-1]

    def close(self) -> None:
        super().close()
        for one in self.databases:
            one.dispose()

    def _worker(self, name: str, at: Point) -> SharingWorker:
        database = self._open()
        assets, cash = FakeAssetLedger(self.chain), FakeCashSystem(self.rtgs, SERVICE)
        wallet = FakeWallet(self.wallet._keys, self.market)
        for port, label in ((assets, "asset"), (cash, "cash"), (wallet, "wallet")):
            port.before = lambda method, label=label: at(f"before {label} {method}")
            port.after = lambda method, label=label: at(f"after {label} {method}")

        def deliver(message: Any) -> None:
            at("before a delivery")
            self.letters.setdefault((message.receiver, message.message_id), set()).add(repr(message))
            self.mailbox.deliver(message)
            at("after a delivery")

        mailbox = type("Mailbox", (), {"deliver": staticmethod(deliver)})()

        def book(lease: Lease | None) -> Any:
            return PausingBook(SqlBook(database, lease=lease, clock=self.clock), at)

        def engine(records: Book, _: Lease | None) -> Engine:
            settler = replace(self.settler(), book=records, assets=assets, cash=cash, wallet=wallet)
            return Engine(settler=settler, mailbox=mailbox, salt_key=SALT_KEY)

        worker = SharingWorker(
            leases=SqlLeases(database, self.clock), clock=self.clock, name=name, keys=KEYS, book=book, engine=engine
        )
        self.sent = [*getattr(self, "sent", []), cash.sent]
        return worker

    def _at(self, point: str) -> None:
        if not self._awake:
            return
        self.points.append(point)
        if len(self.points) - 1 == self._sleeps_at:
            self._awake = False
            self.clock.advance(LEASE_SECONDS)
            self.overslept += 1
            for _ in range(12):
                self.world_goes_on(self.second)
            self._awake = True

    def world_goes_on(self, *workers: SharingWorker) -> bool:
        self.rtgs.expire()
        moved = False
        for worker in workers:
            self._awake = worker is self.first
            moved |= worker.run_once()
            self._awake = False
        for agent in self.agents:
            moved |= agent.step()
        self.chain.mine()
        self.clock.advance(5)
        return moved

    def run_both(self) -> None:
        """Up to the end, and for the length of finality after it."""
        quiet = 0
        for _ in range(PASSES_AT_MOST):
            quiet = 0 if self.world_goes_on(self.first, self.second) else quiet + 1
            if quiet > 4:
                return
        raise AssertionError("no rest")


def settles(shop: Shop) -> None:
    shop.instruct()
    shop.run_both()


def stays_unpaid(shop: Shop) -> None:
    shop.set_cash(98_999)
    shop.instruct()
    shop.run_both()
    shop.rtgs.close_day()
    shop.run_both()


STORIES = {"settles": (settles, TradeState.SETTLED), "stays unpaid": (stays_unpaid, TradeState.RELEASED)}


@pytest.fixture(params=sorted(STORIES))
def story(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def result(shop: Shop) -> dict[str, Any]:
    """What everybody is left with, times apart."""
    return {
        "events": shop.events(),
        "booked": len(shop.rtgs.booked),
        "payments": sorted(one.state.name for one in shop.rtgs.payments.values()),
        "money": dict(shop.rtgs.available),
        "letters": sorted((receiver, type(one.body).__name__) for (receiver, _), one in shop.mailbox.messages.items()),
        "state": [one.state for one in shop.book.trades()],
    }


def test_asleep_at_each_point_and_overtaken(story: str, tmp_path: Path) -> None:
    """Whatever the first does late is refused by the records, or is what the second has done already."""
    tell, end = STORIES[story]
    (tmp_path / "undisturbed").mkdir()
    undisturbed = Shop(tmp_path / "undisturbed")
    tell(undisturbed)
    check(undisturbed)
    expected, points = result(undisturbed), undisturbed.points
    undisturbed.close()
    assert expected["state"] == [end] and not undisturbed.second.duties
    assert {"before a commit", "after cash send", "before asset lock", "after a delivery"} <= set(points)
    steps = [at for at, point in enumerate(points) if "receive" not in point and "view" not in point]
    for at in steps if story == "settles" else steps[::4]:
        folder = tmp_path / str(at)
        folder.mkdir()
        shop = Shop(folder, sleeps_at=at)
        try:
            tell(shop)
            check(shop)
            found = result(shop)
            if story == "settles":  # the day of the other ends in the middle of its sleep
                assert found == expected, points[at]
            assert found["state"] == [end], points[at]
            assert shop.overslept == 1
            assert shop.second.duties == ALL and not shop.first.duties, f"{points[at]}: the first found out"
            same_ids: dict[str, set[str]] = {}
            for message in (one for sent in shop.sent for one in sent):
                same_ids.setdefault(message.message_id, set()).add(repr(message))
            assert all(len(contents) == 1 for contents in same_ids.values()), f"{points[at]}: one id, two contents"
            assert all(len(contents) == 1 for contents in shop.letters.values()), points[at]
        finally:
            shop.close()


def test_a_worker_that_ends_lets_the_next_begin(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.instruct()
    assert shop.first.run_once() and not shop.second.run_once()
    shop.first.stop()
    shop.first.stop()
    shop.clock.advance(LEASE_SECONDS / 3)
    assert shop.second.run_once()
    assert shop.second.duties == ALL
    shop.close()


def test_a_service_that_cannot_begin_holds_nobody_up(tmp_path: Path) -> None:
    shop = Shop(tmp_path)

    def engine(*_: Any) -> Engine:
        raise Unavailable("no node")

    shop.first.engine = engine
    with pytest.raises(Unavailable, match="no node"):
        shop.first.run_once()
    shop.instruct()
    assert not shop.first.duties and shop.second.run_once()
    shop.close()
