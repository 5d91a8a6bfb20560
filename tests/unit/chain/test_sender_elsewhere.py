"""Two workers, each with its own key: what one has sent for a trade the other does not send again, and may (I6)."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from ledger_venues import OPERATOR, STRANGER, ChainVenue

from lockstep.chain.fees import SendingRules
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.sender import LOOKS, Sender
from lockstep.domain.errors import LeaseLost
from lockstep.domain.order import AssetStatus, Order, OutcomeResult
from lockstep.flow.sharing import key_subject
from lockstep.signing import Key
from lockstep.store import SqlLeases, SqlTransactionLog, open_database

FIRST, SECOND = OPERATOR, STRANGER
SECONDS = 15
WAITED = 2 * SendingRules().patience_blocks
"""Blocks."""


class Mute:
    """A node whose broadcasts get lost on their way."""

    def __init__(self, node: Any) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:
        return getattr(self._node, name)

    def broadcast_all(self, raws: Sequence[bytes]) -> Sequence[None]:
        return [None for _ in raws]


class Desks:
    """Workers on one database file."""

    def __init__(self, venue: ChainVenue, root: Path) -> None:
        self.venue, self.database = venue, open_database(f"sqlite:///{root}/service.db")
        self.leases = SqlLeases(self.database, venue.clock)

    def sender(self, key: Key, name: str, *, mute: bool = False) -> Sender:
        lease = self.leases.claim(key_subject(key.address), name, SECONDS)
        assert lease is not None
        node: Any = Mute(self.venue.chain.node) if mute else self.venue.chain.node
        log = SqlTransactionLog(self.database, lease, sender=key.address)
        return Sender(node, key, log, lambda _: None)

    def ledger(self, sender: Sender) -> EvmAssetLedger:
        return EvmAssetLedger(self.venue.chain.node, self.venue.network, sender)

    def lock(self, sender: Sender, order: Order) -> None:
        self.ledger(sender).lock(self.venue.id(order), order, *self.venue.signatures(order))

    def count(self, key: Key) -> int:
        return self.venue.chain.node.transaction_count(key.address)

    def tries(self, what: str, order: Order) -> list[tuple[str, str]]:
        """Key and status of each."""
        found = SqlTransactionLog(self.database).transactions(f"{what}/{self.venue.id(order)}")
        return [(one.sender, one.status) for one in found]

    def kinds(self, order: Order) -> list[str]:
        return [one.name for one in self.venue.ledger.history(self.venue.id(order))]


@pytest.fixture
def desks(venue: ChainVenue, tmp_path: Path) -> Iterator[Desks]:
    made = Desks(venue, tmp_path)
    yield made
    made.database.dispose()


def test_what_a_dead_key_has_under_way_is_carried_on_and_not_sent_again(desks: Desks) -> None:
    order, before = desks.venue.order(), desks.count(SECOND)
    desks.lock(desks.sender(FIRST, "first", mute=True), order)
    second = desks.sender(SECOND, "second")
    for _ in range(SendingRules().patience_blocks - 1):  # after that it leaves as a dearer one
        desks.lock(second, order)
        desks.venue.mine()
    assert desks.tries("lock", order) == [(FIRST.address, "broadcast")] and desks.count(SECOND) == before
    desks.venue.clock.advance(SECONDS)
    assert SqlTransactionLog(desks.database).senders_under_way() == {FIRST.address}
    taken_over = desks.sender(FIRST, "second")
    taken_over.look(())
    taken_over.look(())
    assert not SqlTransactionLog(desks.database).senders_under_way()
    desks.lock(second, order)
    assert desks.tries("lock", order) == [(FIRST.address, "mined")] and desks.count(SECOND) == before


@pytest.mark.parametrize("what", ["lock", "settle"])
def test_sent_twice_it_changes_nothing(desks: Desks, what: str) -> None:
    """Nobody carries the first's on: after a while the second sends its own, and then the first wakes up."""
    order, venue = desks.venue.order(), desks.venue
    first, second = desks.sender(FIRST, "first", mute=True), desks.sender(SECOND, "second")
    if what == "settle":
        desks.lock(second, order)
        proof = venue.proof(order, OutcomeResult.PAID)

    def act(sender: Sender) -> None:
        if what == "lock":
            desks.lock(sender, order)
        else:
            desks.ledger(sender).settle(venue.id(order), order, proof)

    act(first)
    for _ in range(WAITED):
        act(second)
        venue.mine()
    assert [one for one, _ in desks.tries(what, order)] == [FIRST.address], "it is waited for"
    act(second)
    act(second)
    assert desks.tries(what, order) == [(FIRST.address, "broadcast"), (SECOND.address, "mined")]
    there, units = desks.kinds(order), [venue.units(one) for one in (OPERATOR, STRANGER)]
    awake = desks.sender(FIRST, "first")
    for _ in range(3):
        awake.look(())
        venue.mine()
    assert desks.tries(what, order) == [
        (FIRST.address, "replaced"),  # by a dearer one, as it waited so long
        (SECOND.address, "mined"),
        (FIRST.address, "reverted"),
    ]
    assert desks.kinds(order) == there == ["Locked", "Settled"][: 1 + (what == "settle")]
    assert [venue.units(one) for one in (OPERATOR, STRANGER)] == units
    status = AssetStatus.LOCKED if what == "lock" else AssetStatus.SETTLED
    assert venue.ledger.view(venue.id(order), order).head is status


def test_without_blocks_it_is_waited_for_by_looks(desks: Desks) -> None:
    order, before = desks.venue.order(), desks.count(SECOND)
    desks.lock(desks.sender(FIRST, "first", mute=True), order)
    second = desks.sender(SECOND, "second")
    for _ in range(LOOKS):
        desks.lock(second, order)
    assert desks.count(SECOND) == before
    desks.lock(second, order)
    assert desks.count(SECOND) == before + 1


def test_two_keys_under_one_number_are_two_transactions(desks: Desks) -> None:
    """The same call, nonce and fees: what the keys sign is the same to the bit, and their records are not."""
    order = desks.venue.order()
    numbers = {key.address: desks.count(key) for key in (FIRST, SECOND)}
    ahead, behind = sorted((FIRST, SECOND), key=lambda one: -numbers[one.address])
    filler = desks.sender(behind, "filler")
    for number in range(numbers[ahead.address] - numbers[behind.address]):
        filler.ensure(f"nothing/{number}", behind.address, b"", 21_000)
    desks.lock(desks.sender(ahead, "first", mute=True), order)
    second = desks.sender(behind, "filler")
    for _ in range(WAITED + 2):
        desks.lock(second, order)
        desks.venue.mine()
    found = SqlTransactionLog(desks.database).transactions(f"lock/{desks.venue.id(order)}")
    assert [one.nonce for one in found] == [numbers[ahead.address]] * 2
    assert [(one.sender, one.status) for one in found] == [(ahead.address, "broadcast"), (behind.address, "mined")]
    assert found[0].raw != found[1].raw


def test_the_first_keys_records_from_before_keys_had_names(desks: Desks) -> None:
    """An upgraded installation: what was under way stays under its nonce, and the next one follows it."""
    venue, before = desks.venue, desks.count(FIRST)
    old = SqlTransactionLog(desks.database)
    order, next_one = venue.order(), venue.order(nonce=1, quantity=1)
    desks.lock(Sender(Mute(venue.chain.node), FIRST, old, lambda _: None), order)
    lease = desks.leases.claim(key_subject(FIRST.address), "first", SECONDS)
    log = SqlTransactionLog(desks.database, lease, sender=FIRST.address)
    log.adopt()
    sender = Sender(venue.chain.node, FIRST, log, lambda _: None)
    desks.lock(sender, next_one)
    for one in (order, next_one):
        desks.lock(sender, one)
        assert desks.tries("lock", one) == [(FIRST.address, "mined")]
    assert desks.count(FIRST) == before + 2
    assert old.transactions(f"lock/{venue.id(order)}")[0].nonce == before
    venue.clock.advance(SECONDS)
    desks.leases.claim(key_subject(FIRST.address), "second", SECONDS)
    with pytest.raises(LeaseLost):
        log.adopt()
