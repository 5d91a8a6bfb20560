"""Two workers with one key: one sleeps at each point of a send, the other takes over, and a call is sent once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ledger_venues import OPERATOR, ChainVenue

from lockstep.chain.ledger import LOCK_GAS, call_data, order_words
from lockstep.chain.sender import Sender
from lockstep.domain.errors import ContractRefused, LeaseLost, LockstepError
from lockstep.domain.order import AssetStatus, Order
from lockstep.ports import Lease, SentTransaction
from lockstep.store import Database, SqlLeases, SqlTransactionLog, open_database

SUBJECT, SECONDS = f"key/{OPERATOR.address}", 15
QUESTIONS = ("receipts", "standing", "calls", "broadcast_all")
STORED = ("transactions_of", "unmined", "from_nonce", "put_all")
SLEEPS = [
    "before transactions_of", "after transactions_of", "before unmined", "after unmined", "before calls", "after calls",
    "before standing", "after standing", "before from_nonce", "after from_nonce", "before put_all", "after put_all",
    "before second put_all", "after second put_all", "before broadcast_all", "after broadcast_all",
    "before third put_all", "after third put_all",
]  # fmt: skip


class Watched:
    """Another object, with a look before and after each call of the methods named; what is stored once more, in the
    steps of one send, is `second` and `third`."""

    def __init__(self, inner: object, methods: tuple[str, ...], at: Callable[[str], None]) -> None:
        self._inner, self._methods, self._at, self._puts = inner, methods, at, 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)
        if name not in self._methods:
            return method

        def called(*arguments: object, **named: object) -> Any:
            point = name
            if name == "put_all":
                point = ("", "second ", "third ")[self._puts % 3] + name
                self._puts += 1
            self._at(f"before {point}")
            found = method(*arguments, **named)
            self._at(f"after {point}")
            return found

        return called


class Desk:
    """Two senders on one database file; `sleep` puts the first to sleep once, and says what happens meanwhile."""

    def __init__(self, venue: ChainVenue, root: Path) -> None:
        self.venue, self.url = venue, f"sqlite:///{root}/service.db"
        self.databases: list[Database] = []
        self.broadcasts: list[bytes] = []
        self.seen: list[str] = []
        self._sleep: tuple[str, Callable[[], None]] | None = None

    def worker(self, name: str) -> Sender:
        self.databases.append(open_database(self.url))
        lease = SqlLeases(self.databases[-1], self.venue.clock).claim(SUBJECT, name, SECONDS)
        assert isinstance(lease, Lease)
        log = SqlTransactionLog(self.databases[-1], lease)
        node: Any = Watched(self.venue.chain.node, QUESTIONS, self._at)
        return Sender(node, OPERATOR, Watched(log, STORED, self._at), lambda _: None)

    def sleep(self, at: str, meanwhile: Callable[[], None]) -> None:
        self._sleep = at, meanwhile

    def _at(self, point: str) -> None:
        self.seen.append(point)
        if self._sleep is not None and self._sleep[0] == point:
            (_, meanwhile), self._sleep = self._sleep, None
            self.venue.clock.advance(SECONDS)
            meanwhile()

    def ensure(self, sender: Sender, order: Order) -> None:
        data = call_data("DvP", "lock", order_words(order), *self.venue.signatures(order))
        sender.ensure(f"lock/{self.venue.id(order)}", self.venue.network.dvp, data, LOCK_GAS)

    def log(self, order: Order) -> list[SentTransaction]:
        return list(SqlTransactionLog(self.databases[0]).transactions(f"lock/{self.venue.id(order)}"))

    def status(self, order: Order) -> AssetStatus:
        return self.venue.ledger.view(self.venue.id(order), order).head


@pytest.fixture
def desk(venue: ChainVenue, tmp_path: Path) -> Iterator[Desk]:
    made = Desk(venue, tmp_path)
    yield made
    for one in made.databases:
        one.dispose()


def count(desk: Desk) -> int:
    return desk.venue.chain.node.transaction_count(OPERATOR.address)


@pytest.mark.parametrize("point", SLEEPS)
@pytest.mark.parametrize("same", [True, False], ids=["same call", "another call"])
def test_asleep_in_a_send(desk: Desk, point: str, same: bool) -> None:
    """The second sends the same call, or another: each gets one nonce and one transaction, whoever wakes up when."""
    first, before = desk.worker("first"), count(desk)
    mine = desk.venue.order()
    other = mine if same else desk.venue.order(nonce=1, quantity=1)

    def meanwhile() -> None:
        second = desk.worker("second")
        for _ in range(2):
            desk.ensure(second, other)

    desk.sleep(point, meanwhile)
    late: LockstepError | None = None
    try:
        desk.ensure(first, mine)
    except (LeaseLost, ContractRefused) as error:
        late = error
    assert point in desk.seen and len(desk.databases) == 2, "it slept"
    if point == "after third put_all" or (same and point == "before transactions_of"):
        assert late is None, "what it sends, the second has sent"
    elif same and point in ("after transactions_of", "before unmined", "after unmined", "before calls"):
        assert isinstance(late, ContractRefused) and late.name == "NonceUsed", "the dry run tells"
    else:
        assert isinstance(late, LeaseLost), late
    third = desk.worker("second")
    for order in (mine, other):
        desk.ensure(third, order)
        desk.ensure(third, order)
    assert desk.status(mine) is desk.status(other) is AssetStatus.LOCKED
    assert count(desk) == before + (1 if same else 2), "one transaction for each call"
    assert [
        one.status for order in {desk.venue.id(one): one for one in (mine, other)}.values() for one in desk.log(order)
    ] == ["mined"] * (1 if same else 2)


def test_the_late_one_does_not_undo_what_was_seen(desk: Desk) -> None:
    """It read a receipt, slept, and may not write what it read over what the second has seen since."""
    first, order = desk.worker("first"), desk.venue.order()
    desk.ensure(first, order)

    def meanwhile() -> None:
        desk.ensure(desk.worker("second"), order)

    desk.sleep("after receipts", meanwhile)
    with pytest.raises(LeaseLost):
        desk.ensure(first, order)
    (kept,) = desk.log(order)
    assert kept.status == "mined" and kept.block is not None
