"""The sender: what is stored leaves, what left is not sent twice, whatever the node or we forget."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from ledger_venues import BUYER, OPERATOR, SELLER, ChainVenue

from lockstep.chain.deployment import Deployer
from lockstep.chain.ledger import LOCK_GAS, _terms, call_data
from lockstep.chain.node import ContractCall, Node
from lockstep.chain.sender import Sender
from lockstep.domain.errors import ContractRefused, Refused, Unavailable
from lockstep.domain.order import AssetStatus, Order


class Lossy(Node):
    """A node that takes a transaction and forgets it, while `deaf`; `silent`, it does not answer."""

    def __init__(self, node: Node) -> None:
        self.web3 = node.web3
        self.deaf = self.silent = False
        self.heard: list[bytes] = []

    def broadcast_all(self, raws: Sequence[bytes]) -> list[str | Unavailable | None]:
        self.heard += raws
        if self.silent:
            return [Unavailable("the line is cut")] * len(raws)
        return [None] * len(raws) if self.deaf else super().broadcast_all(raws)


@pytest.fixture
def node(venue: ChainVenue) -> Lossy:
    return Lossy(venue.chain.node)


def sender(venue: ChainVenue, node: Node, on_commit: Callable[[str], None] = lambda _: None) -> Sender:
    return Sender(node, OPERATOR, venue.log, on_commit)


def lock(venue: ChainVenue, one: Sender, order: Order) -> None:
    movement = order.movement
    given = (
        (movement.token, movement.seller, movement.buyer, movement.quantity, movement.epoch, movement.nonce),
        _terms(order),
    )
    data = call_data("DvP", "lock", given, *venue.signatures(order))
    one.ensure(f"lock/{venue.id(order)}", venue.network.dvp, data, LOCK_GAS)


def count(venue: ChainVenue) -> int:
    return venue.chain.node.transaction_count(OPERATOR.address)


def status(venue: ChainVenue, order: Order) -> AssetStatus:
    return venue.ledger.view(venue.id(order), order).head


def logged(venue: ChainVenue) -> list[tuple[int, str]]:
    return [(one.nonce, one.status) for one in venue.log.stored.values()]


def test_sent_once(venue: ChainVenue, node: Lossy) -> None:
    told: list[str] = []
    one, order, before = sender(venue, node, told.append), venue.order(), count(venue)
    for _ in range(3):
        lock(venue, one, order)
    assert count(venue) == before + 1 and len(node.heard) == 1
    (kept,) = venue.log.stored.values()
    assert (kept.status, kept.key, kept.nonce) == ("mined", f"lock/{venue.id(order)}", before)
    receipt = venue.chain.node.receipt(kept.hash)
    assert receipt is not None and (kept.block, kept.gas) == (receipt["blockNumber"], receipt["gasUsed"])
    assert told == [f"transaction lock/{venue.id(order)} nonce {before}"]


def test_dead_between_storing_and_sending(venue: ChainVenue, node: Lossy) -> None:
    def die(_: str) -> None:
        raise KeyboardInterrupt

    order, before = venue.order(), count(venue)
    with pytest.raises(KeyboardInterrupt):
        lock(venue, sender(venue, node, die), order)
    assert node.heard == [] and count(venue) == before
    (kept,) = venue.log.stored.values()
    assert kept.status == "signed"
    lock(venue, sender(venue, node), order)
    assert node.heard == [kept.raw] and status(venue, order) is AssetStatus.LOCKED
    lock(venue, sender(venue, node), order)
    assert logged(venue) == [(before, "mined")] and count(venue) == before + 1


def test_dead_after_sending(venue: ChainVenue, node: Lossy) -> None:
    order, before = venue.order(), count(venue)
    lock(venue, sender(venue, node), order)
    assert logged(venue) == [(before, "broadcast")], "the receipt was never looked at"
    lock(venue, sender(venue, node), order)
    assert logged(venue) == [(before, "mined")] and len(node.heard) == 1


def test_the_node_forgets(venue: ChainVenue, node: Lossy) -> None:
    one, order = sender(venue, node), venue.order()
    node.deaf = True
    for _ in range(3):
        lock(venue, one, order)
    assert status(venue, order) is AssetStatus.NONE
    node.deaf = False
    lock(venue, one, order)
    assert status(venue, order) is AssetStatus.LOCKED
    assert len(set(node.heard)) == 1 and len(node.heard) == 4, "the same bytes, again and again"


def test_no_answer(venue: ChainVenue, node: Lossy) -> None:
    one, order, before = sender(venue, node), venue.order(), count(venue)
    node.silent = True
    for _ in range(2):
        with pytest.raises(Unavailable):
            lock(venue, one, order)
    assert logged(venue) == [(before, "signed")]
    node.silent = False
    lock(venue, one, order)
    assert status(venue, order) is AssetStatus.LOCKED and len(set(node.heard)) == 1


def test_what_was_forgotten_goes_first(venue: ChainVenue, node: Lossy) -> None:
    """A gap in the nonces would hold up everything behind it."""
    one, first, second, before = sender(venue, node), venue.order(), venue.order(nonce=1), count(venue)
    node.deaf = True
    lock(venue, one, first)
    node.deaf = False
    lock(venue, one, second)
    assert [nonce for nonce, _ in logged(venue)] == [before, before + 1]
    assert status(venue, first) is status(venue, second) is AssetStatus.LOCKED
    assert node.heard[0] == node.heard[1] != node.heard[2]


def test_what_nobody_wants_any_more_is_sent_again_for_what_follows_it(venue: ChainVenue, node: Lossy) -> None:
    """The first transaction is forgotten after the second was sent, and its purpose is served by somebody else."""
    one, order, later = sender(venue, node), venue.order(), venue.order(nonce=1)
    node.deaf = True
    lock(venue, one, order)
    lock(venue, one, later)
    node.deaf = False
    before = count(venue)
    lock(venue, one, later)
    assert count(venue) == before + 2
    assert status(venue, later) is AssetStatus.LOCKED


def test_the_nonce_is_taken(venue: ChainVenue, node: Lossy) -> None:
    """Another transaction of the same key came before: ours is given up, and written anew."""
    one, order, before = sender(venue, node), venue.order(), count(venue)
    node.deaf = True
    lock(venue, one, order)
    Deployer(venue.chain.node, OPERATOR, poll=venue.chain.mine)._send(OPERATOR.address, b"", 21_000)
    node.deaf = False
    lock(venue, one, order)
    assert logged(venue) == [(before, "broadcast")], "its receipt may be late: a block later it is clear"
    venue.mine()
    lock(venue, one, order)
    assert logged(venue) == [(before, "replaced"), (before + 1, "broadcast")]
    lock(venue, one, order)
    assert logged(venue) == [(before, "replaced"), (before + 1, "mined")]
    assert status(venue, order) is AssetStatus.LOCKED


def test_refused_before_anything_is_stored(venue: ChainVenue, node: Lossy) -> None:
    before = count(venue)
    with pytest.raises(ContractRefused) as caught:
        lock(venue, sender(venue, node), venue.order(quantity=10**6))
    assert (caught.value.name, caught.value.details["free"]) == ("InsufficientFreeUnits", 1_000)
    assert venue.log.stored == {} and node.heard == [] and count(venue) == before


def test_reverted_on_the_chain(venue: ChainVenue, node: Lossy) -> None:
    """True when it was signed, no longer when it was mined: observed, decoded, and sent again once true."""
    one, order, before = sender(venue, node), venue.order(), count(venue)
    node.deaf = True
    lock(venue, one, order)
    venue.suspend(BUYER)
    node.deaf = False
    lock(venue, one, order)
    assert status(venue, order) is AssetStatus.NONE and count(venue) == before + 1
    with pytest.raises(ContractRefused) as caught:
        lock(venue, one, order)
    assert caught.value.name == "NotEligible"
    assert logged(venue) == [(before, "reverted")], "seen, and nothing new was sent"


def test_the_counter_goes_down(venue: ChainVenue, node: Lossy) -> None:
    """The block is gone: the same bytes leave again, under the same nonce."""
    one, order, before = sender(venue, node), venue.order(), count(venue)
    snapshot = venue.chain.tester.take_snapshot()
    lock(venue, one, order)
    lock(venue, one, order)
    assert logged(venue) == [(before, "mined")]
    venue.chain.tester.revert_to_snapshot(snapshot)
    venue.mine(3)
    assert count(venue) == before and status(venue, order) is AssetStatus.NONE
    lock(venue, one, order)
    assert status(venue, order) is AssetStatus.LOCKED and len(set(node.heard)) == 1
    lock(venue, one, order)
    assert logged(venue) == [(before, "mined")]


def test_the_counter_goes_down_for_another(venue: ChainVenue, node: Lossy) -> None:
    """What comes next may take the nonce of a block that is gone; what lost it is written anew."""
    one, first, second, before = sender(venue, node), venue.order(), venue.order(nonce=1), count(venue)
    snapshot = venue.chain.tester.take_snapshot()
    for _ in range(2):
        lock(venue, one, first)
    venue.chain.tester.revert_to_snapshot(snapshot)
    venue.mine()
    for order in (second, first, second, first):
        lock(venue, one, order)
    assert status(venue, first) is status(venue, second) is AssetStatus.LOCKED
    assert count(venue) == before + 2
    assert sorted(state for _, state in logged(venue)) in (["mined", "mined"], ["mined", "mined", "replaced"])


@pytest.mark.parametrize("ahead", [1, 2])
def test_a_nonce_that_was_passed_over_holds_nothing_up(
    venue: ChainVenue, node: Lossy, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """A node counts too many, once, and nothing else of this key is to be sent that would take the nonce."""
    one, order, before = sender(venue, node), venue.order(), count(venue)
    with monkeypatch.context() as lying:
        honest = Lossy.standing
        lying.setattr(Lossy, "standing", lambda self, one: replace(honest(self, one), count=before + ahead))
        lock(venue, one, order)
    assert logged(venue) == [(before + ahead, "broadcast")] and status(venue, order) is AssetStatus.NONE
    for _ in range(ahead + 1):
        lock(venue, one, order)
    assert status(venue, order) is AssetStatus.LOCKED and count(venue) == before + ahead + 1
    assert [nonce for nonce, _ in logged(venue)] == [before + ahead, *range(before, before + ahead)]


def test_address(venue: ChainVenue, node: Lossy) -> None:
    assert sender(venue, node).address == OPERATOR.address != SELLER.address


def test_what_reverts_in_every_block_is_sent_ever_more_rarely(venue: ChainVenue, node: Lossy) -> None:
    """Finding 11: it passes the dry run and fails in the block; the operator's gas is not drained by it."""
    one, order, before = sender(venue, node), venue.order(quantity=10**6), count(venue)
    dry_run, asked = node.calls, list[int]()

    def passes(calls: Sequence[ContractCall], block: int | None = None) -> list[Any]:
        asked.extend(one.gas for one in calls)
        return [b""] * len(calls)

    node.calls = passes
    for _ in range(40):
        lock(venue, one, order)
        venue.mine()
    assert 2 <= count(venue) - before <= 7, "forty looks, a handful of transactions"
    assert set(asked) == {LOCK_GAS}, "the dry run has the gas that the transaction will have"
    node.calls = dry_run
    venue.mine(130)
    with pytest.raises(ContractRefused, match="InsufficientFreeUnits"):
        lock(venue, one, order)


def test_the_gas_has_room_for_two_contract_wallets() -> None:
    """Each may use 200 000 for its check of a signature, of which the caller must hold a 64th back."""
    assert LOCK_GAS >= 21_000 + 30_000 + 2 * 200_000 * 64 // 63 + 150_000


@pytest.mark.parametrize("objection", ["insufficient funds for gas * price + value", "fee cap exceeded"])
def test_an_objection_is_shown_and_the_bytes_are_kept(
    venue: ChainVenue, node: Lossy, monkeypatch: pytest.MonkeyPatch, objection: str
) -> None:
    """A sender without money for fees must not wait in silence."""
    one, order = sender(venue, node), venue.order()
    with monkeypatch.context() as patched:
        patched.setattr(node, "broadcast_all", lambda raws: [objection] * len(raws))
        with pytest.raises(Refused) as caught:
            lock(venue, one, order)
    assert (caught.value.name, caught.value.details["objection"]) == ("NodeObjects", objection)
    assert [state for _, state in logged(venue)] == ["signed"]
    lock(venue, one, order)
    assert status(venue, order) is AssetStatus.LOCKED and len(logged(venue)) == 1


def test_a_transaction_that_is_known_already_is_no_objection(
    venue: ChainVenue, node: Lossy, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, order = sender(venue, node), venue.order()
    node.deaf = True
    lock(venue, one, order)
    node.deaf = False
    monkeypatch.setattr(node, "broadcast_all", lambda raws: ["Transaction already imported"] * len(raws))
    lock(venue, one, order)
    assert [state for _, state in logged(venue)] == ["broadcast"]


def test_what_nobody_asks_for_any_more_holds_nothing_up(venue: ChainVenue, node: Lossy) -> None:
    """Two were forgotten by the nodes, and only the later is still wanted: the earlier goes out again before it.

    Found by the simulated world: a front-runner had locked for the service, and a give-back waited for ever (I12).
    """
    one, before = sender(venue, node), count(venue)
    unwanted, wanted = venue.order(), venue.order(nonce=1, quantity=1)
    node.deaf = True
    lock(venue, one, unwanted)
    lock(venue, one, wanted)
    node.deaf = False
    assert count(venue) == before
    lock(venue, one, wanted)
    lock(venue, one, wanted)
    assert status(venue, wanted) is AssetStatus.LOCKED
    assert count(venue) == before + 2
