"""Workers of one service anchor: who has an allowed key does, whichever worker that is, and nobody holds it up."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flow_world import Bench

from lockstep.domain.errors import ContractRefused
from lockstep.domain.journal import Entry
from lockstep.flow.anchoring import EVERY, GRACE, Anchoring
from lockstep.flow.engine import ANCHORING, Engine
from lockstep.flow.sharing import LEASE_SECONDS, SharingWorker, key_subject
from lockstep.ports import Book, Change, Lease
from lockstep.store import SqlBook, SqlLeases, open_database
from lockstep.testing.fakes import SALT_KEY, FakeAnchorLedger

KEYS = ("0xA", "0xB")


class View(FakeAnchorLedger):
    """The contract as one key sees it."""

    def __init__(self, contract: FakeAnchorLedger, allowed: bool) -> None:
        super().__init__(contract.now, contract.depth)
        self.written, self.sent, self.allowed, self._contract = contract.written, contract.sent, allowed, contract
        self.asked = 0

    @property
    def head(self) -> int:
        return self._contract.head

    @head.setter
    def head(self, block: int) -> None:
        if hasattr(self, "_contract"):
            self._contract.head = block

    def may_anchor(self) -> bool:
        self.asked += 1
        return super().may_anchor()


class Shop(Bench):
    """Two workers on one database, two keys of which one may anchor, and a day that is over."""

    def __init__(self, root: Path, allowed: str) -> None:
        super().__init__()
        self.url = f"sqlite:///{root}/service.db"
        self.database = open_database(self.url)
        self.records = SqlBook(self.database, clock=self.clock)
        self.records.commit(Change(entries=(Entry(at=self.clock.now(), kind="k", subject="s"),) * 3))
        tomorrow = (self.clock.now() + timedelta(days=1)).replace(hour=0, minute=0) + GRACE
        self.clock.move_to(tomorrow)
        self.contract = FakeAnchorLedger(tomorrow)
        self.views = {key: View(self.contract, key == allowed) for key in KEYS}
        self.workers = {"first": self.worker("first", KEYS), "second": self.worker("second", KEYS[::-1])}

    def worker(self, name: str, keys: tuple[str, ...]) -> SharingWorker:
        def engine(book: Book, lease: Lease | None) -> Engine:
            key = "" if lease is None else lease.subject.removeprefix("key/")
            anchoring = Anchoring(clock=self.clock, book=self.records, ledger=self.views[key]) if key else None
            settler = replace(self.settler(), book=book)
            return Engine(settler=settler, mailbox=self.mailbox, salt_key=SALT_KEY, anchoring=anchoring)

        return SharingWorker(
            leases=SqlLeases(self.database, self.clock),
            clock=self.clock,
            name=name,
            keys=keys,
            book=lambda lease: SqlBook(self.database, lease=lease, clock=self.clock),
            engine=engine,
        )

    def go_on(self, *names: str, minutes: int = 1) -> None:
        for _ in range(minutes * 20):
            for name in names:
                self.workers[name].run_once()
            self.contract.mine()
            self.clock.advance(EVERY.total_seconds() / 20)

    @property
    def standing(self) -> list[int]:
        return [one.size for _, one in self.contract.written]


@pytest.fixture(params=KEYS)
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path, request.param)
    yield made
    made.database.dispose()


def test_the_worker_whose_key_may_anchors_wherever_it_is(shop: Shop) -> None:
    shop.go_on("first", "second", minutes=3)
    assert shop.standing == [3]
    assert len(shop.contract.sent) == 1
    assert shop.records.days_to_anchor(1) == []
    assert shop.records.day_root_over(3) is not None
    assert all(view.asked <= 6 for view in shop.views.values()), "once a minute, or soon after a step"
    held = [name for name, one in shop.workers.items() if ANCHORING in one.duties]
    assert len(held) == 1
    allowed = next(key for key, view in shop.views.items() if view.allowed)
    assert key_subject(allowed) in shop.workers[held[0]].duties


def test_who_is_gone_is_followed_by_who_gets_its_key(shop: Shop) -> None:
    shop.go_on("first", "second")
    one = next(name for name, worker in shop.workers.items() if ANCHORING in worker.duties)
    other = next(name for name in shop.workers if name != one)
    shop.records.commit(Change(entries=(Entry(at=shop.clock.now(), kind="k", subject="s"),)))
    shop.workers[other].stop()  # as if its process had been started again
    shop.clock.advance(2 * 86_400)
    shop.contract.now = shop.clock.now()
    for view in shop.views.values():
        view.now = shop.clock.now()
    shop.clock.advance(LEASE_SECONDS)  # the first sleeps for good
    allowed = next(key for key, view in shop.views.items() if view.allowed)
    shop.workers[other].keys = (allowed,)
    shop.go_on(other, minutes=3)
    assert shop.standing == [3, 4]


def test_what_the_contract_refuses_is_told_once_and_holds_nothing_up(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: object, __: object) -> None:
        raise ContractRefused("NotAnchorer", {"caller": "0xA"})

    monkeypatch.setattr(FakeAnchorLedger, "anchor", refused)
    shop.go_on("first", "second", minutes=4)
    told = [row.entry for row in shop.records.journal(ANCHORING)]
    assert [one.kind for one in told] == ["not anchored"]
    assert "NotAnchorer" in told[0].facts["rule"]
    assert all(worker.has_key for worker in shop.workers.values())
