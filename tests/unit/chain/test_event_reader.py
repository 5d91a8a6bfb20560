"""Events are read once per block, and all again where the chain has changed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ledger_venues import ChainVenue

from lockstep.chain.events import OVERLAP, EventReader
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import Node
from lockstep.domain.errors import Misconfigured, Refused, Unavailable
from lockstep.domain.market import Network
from lockstep.domain.order import OutcomeResult
from lockstep.testing.fakes import key


class Watched(Node):
    """A node that counts what it is asked, and may fail in the midst of it."""

    def __init__(self, node: Node) -> None:
        self.web3 = node.web3
        self.ranges: list[tuple[int, int | None]] = []
        self.blocks = 0
        self.fail_at_block: int | None = None
        self.tells_blooms = True
        self.logs_behind = 0
        """So many blocks are the logs behind the head: another node answers, and says nothing of it."""

    def logs(
        self, address: str, topics: Sequence[Any], first: int, last: int | None = None
    ) -> Sequence[Mapping[str, Any]]:
        self.ranges.append((first, last))
        found = super().logs(address, topics, first, last)
        return [one for one in found if last is None or one["blockNumber"] <= last - self.logs_behind]

    def block(self, which: Any) -> Any:
        if isinstance(which, int):
            self.blocks += 1
            if self.blocks == self.fail_at_block:
                raise Unavailable("in the midst of it")
        found = super().block(which)
        return found if self.tells_blooms else replace(found, bloom=None)


@pytest.fixture
def node(venue: ChainVenue) -> Watched:
    return Watched(venue.chain.node)


@pytest.fixture
def reader(venue: ChainVenue, node: Watched) -> EventReader:
    return EventReader(node, venue.network)


def names(reader: EventReader, settlement: Any) -> list[str]:
    return [event.name for event in reader.events(settlement)]


def test_incremental(venue: ChainVenue, node: Watched, reader: EventReader) -> None:
    order = venue.order()
    settlement = venue.id(order)
    assert names(reader, settlement) == []
    start = venue.chain.node.head().number
    assert node.ranges == [(0, start)]
    assert names(reader, settlement) == [] and len(node.ranges) == 1, "the head has not moved"
    venue.lock(order)
    assert names(reader, settlement) == ["Locked"]
    assert node.ranges[1:] == [(max(0, start + 1 - OVERLAP), start + 1)], "and a few blocks before, again"
    venue.mine(3)
    venue.ledger.settle(settlement, order, venue.proof(order, OutcomeResult.PAID))
    assert names(reader, settlement) == ["Locked", "Settled"]
    assert node.ranges[2:] == [(max(0, start + 2 - OVERLAP), start + 5)]
    locked, settled = reader.events(settlement)
    assert locked.order == order and settled.order is None
    assert (locked.block, settled.block) == (start + 1, start + 5) and locked.at < settled.at
    assert locked.transaction != settled.transaction


def test_a_new_reader_reads_the_same(venue: ChainVenue, reader: EventReader) -> None:
    for nonce in range(2):
        order = venue.order(nonce=nonce)
        venue.lock(order)
        reader.events(venue.id(order))
    other = EventReader(venue.chain.node, venue.network)
    for nonce in range(2):
        settlement = venue.id(venue.order(nonce=nonce))
        assert list(reader.events(settlement)) == list(other.events(settlement)) != []


@pytest.mark.parametrize("blocks", [0, 1, 2, 5])
def test_read_again_after_the_chain_changed(venue: ChainVenue, node: Watched, reader: EventReader, blocks: int) -> None:
    """The new chain shorter than the old, as long, or longer."""
    kept, lost, other = venue.order(), venue.order(nonce=1), venue.order(nonce=2)
    venue.lock(kept)
    snapshot = venue.chain.tester.take_snapshot()
    venue.lock(lost)
    venue.mine()
    assert names(reader, venue.id(lost)) == ["Locked"]
    venue.chain.tester.revert_to_snapshot(snapshot)
    venue.clock.advance(60)
    venue.mine(blocks)
    assert names(reader, venue.id(lost)) == []
    assert names(reader, venue.id(kept)) == ["Locked"]
    if blocks:
        assert node.ranges[-1][1] == venue.chain.node.head().number
    venue.log.stored.clear()
    venue.lock(other)
    assert [names(reader, venue.id(one)) for one in (kept, lost, other)] == [["Locked"], [], ["Locked"]]


def test_a_failure_halfway_leaves_nothing_half_read(venue: ChainVenue, node: Watched, reader: EventReader) -> None:
    orders = [venue.order(nonce=nonce, quantity=10) for nonce in range(3)]
    for order in orders:
        venue.lock(order)
    node.fail_at_block = 2
    with pytest.raises(Unavailable):
        reader.events(venue.id(orders[0]))
    assert [names(reader, venue.id(order)) for order in orders] == [["Locked"]] * 3


@pytest.mark.parametrize("blooms", [True, False])
@pytest.mark.parametrize("behind", [1, 4, OVERLAP - 1])
def test_what_a_node_that_lags_left_out_is_read_with_the_next_block(
    venue: ChainVenue, node: Watched, reader: EventReader, behind: int, blooms: bool
) -> None:
    node.tells_blooms = blooms
    order = venue.order()
    settlement = venue.lock(order)
    assert names(reader, settlement) == ["Locked"]
    venue.mine(OVERLAP)
    venue.ledger.settle(settlement, order, venue.proof(order, OutcomeResult.PAID))
    node.logs_behind = behind
    assert names(reader, settlement) == ["Locked"], "no error told of it"
    node.logs_behind = 0
    venue.mine()
    assert names(reader, settlement) == ["Locked", "Settled"]
    assert names(EventReader(node, venue.network), settlement) == ["Locked", "Settled"]


def test_what_was_read_is_not_forgotten_as_a_node_lags(venue: ChainVenue, node: Watched, reader: EventReader) -> None:
    node.tells_blooms = False
    settlement = venue.lock(venue.order())
    assert names(reader, settlement) == ["Locked"]
    venue.mine()
    node.logs_behind = 2
    with pytest.raises(Unavailable, match="its logs lag"):
        reader.events(settlement)
    node.logs_behind = 0
    assert names(reader, settlement) == ["Locked"]


def test_a_lock_comes_while_the_locks_are_gone_through(venue: ChainVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    order = venue.order()
    settlement = venue.lock(order)
    events, waiting = EventReader.events, [venue.order(nonce=nonce) for nonce in (1, 2)]

    def and_another(reader: EventReader, one: Any, **more: bool) -> Any:
        if waiting:
            venue.lock(waiting.pop())
        return events(reader, one, **more)

    monkeypatch.setattr(EventReader, "events", and_another)
    assert venue.ledger.presented({}) == []
    assert settlement in venue.ledger.locked() and len(venue.ledger.locked()) > 1


def test_a_lock_that_the_chain_took_back(venue: ChainVenue) -> None:
    """Above the finality depth: observed, rolled back, sent again; nothing was acted on."""
    order, snapshot = venue.order(), venue.chain.tester.take_snapshot()
    settlement = venue.lock(order)
    venue.mine()
    assert not venue.ledger.history(settlement)[0].final
    venue.chain.tester.revert_to_snapshot(snapshot)
    venue.mine(3)
    assert venue.ledger.history(settlement) == []
    assert venue.ledger.view(settlement, order).head == 0
    venue.lock(order)
    venue.mine(2)
    assert [(one.name, one.final) for one in venue.ledger.history(settlement)] == [("Locked", True)]


# --- what a ledger is opened on


def test_another_chain(venue: ChainVenue) -> None:
    elsewhere = Network(chain_id=1, dvp=venue.network.dvp, finality_depth=2)
    with pytest.raises(Misconfigured) as caught:
        EvmAssetLedger(venue.chain.node, elsewhere)
    assert str(caught.value) == f"the node is on chain {venue.network.chain_id}, configured is 1"


def test_no_contract_there(venue: ChainVenue) -> None:
    nowhere = Network(chain_id=venue.network.chain_id, dvp=key("nobody").address, finality_depth=2)
    ledger = EvmAssetLedger(venue.chain.node, nowhere)
    with pytest.raises(Misconfigured) as caught:
        ledger.epoch()
    assert str(caught.value) == f"no DvP answers at {nowhere.dvp}"


def test_without_a_sender_it_only_looks(venue: ChainVenue) -> None:
    order = venue.order()
    ledger = EvmAssetLedger(venue.chain.node, venue.network)
    with pytest.raises(Refused) as caught:
        ledger.lock(venue.id(order), order, *venue.signatures(order))
    assert (caught.value.name, caught.value.details) == ("ReadOnly", {"call": f"lock/{venue.id(order)}"})
    venue.lock(order)
    assert ledger.view(venue.id(order), order).head == 1


def test_a_node_that_is_not_there() -> None:
    node = Node("http://127.0.0.1:1", timeout_seconds=1)
    for question in (node.chain_id, node.head, node.base_fee, lambda: node.receipt("0x" + "00" * 32)):
        with pytest.raises(Unavailable) as caught:
            question()
        assert str(caught.value).startswith("the node does not answer: ")


def test_logs_of_another_fork_are_not_believed(venue: ChainVenue, node: Watched, reader: EventReader) -> None:
    """Finding 16: a node behind a balancer may give the logs of one fork and the blocks of another."""
    order = venue.order()
    settlement = venue.lock(order)
    logs = node.logs
    node.logs = lambda *given: [{**log, "blockHash": b"\x01" * 32} for log in logs(*given)]
    for _ in range(2):
        with pytest.raises(Unavailable, match="in two ways"):
            reader.events(settlement)
        with pytest.raises(Unavailable, match="in two ways"):
            reader.settlements_of_all([order.terms.trade_id])[order.terms.trade_id]
    node.logs = logs
    assert names(reader, settlement) == ["Locked"]
    assert list(reader.settlements_of_all([order.terms.trade_id])[order.terms.trade_id]) == [settlement]


def test_settlements_of_a_trade_follow_the_chain(venue: ChainVenue, reader: EventReader) -> None:
    order, snapshot = venue.order(), venue.chain.tester.take_snapshot()
    settlement, trade = venue.lock(order), order.terms.trade_id
    assert list(reader.settlements_of_all([trade])[trade]) == [settlement]
    venue.chain.tester.revert_to_snapshot(snapshot)
    venue.mine(2)
    assert list(reader.settlements_of_all([trade])[trade]) == []
