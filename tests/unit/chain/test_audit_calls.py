"""What the auditor reads from each way of locking and ending on the contracts, and what it cannot read (I7, I11)."""

from dataclasses import replace
from typing import Any

import pytest
from calldata import forwarder, instead
from eth_utils import keccak
from ledger_venues import AGENTS, BUYER, CONFIRMER, OFFICER, SELLER, STRANGER, ChainVenue

from lockstep.chain.audit import ChainFacts, LockFact, MoveFact, collect
from lockstep.chain.deployment import Deployer
from lockstep.chain.ledger import call_data, leg_words, order_words, packed, read
from lockstep.domain.order import Epoch, Order, OrderTerms, OutcomeResult, Proof
from lockstep.signing import Key
from lockstep.testing.fakes import key

PAID, NEVER = OutcomeResult.PAID, OutcomeResult.NEVER
SIGNERS = {AGENTS[place].address for place in (0, 1, 3)}
DAY = 86_400


def send(venue: ChainVenue, who: Key, name: str, *arguments: Any, to: str | None = None) -> None:
    if who is STRANGER:  # with the gas that a batch needs
        terms: Any = {"from": venue.chain.faucet, "gas": 4_000_000}
        data = "0x" + call_data("DvP", name, *arguments).hex()
        sent = venue.chain.node.web3.eth.send_transaction({**terms, "to": to or venue.network.dvp, "data": data})
        assert venue.chain.node.receipt(sent.to_0x_hex())["status"]
        return
    desk = Deployer(venue.chain.node, who, poll=venue.chain.mine)
    desk.fund(venue.chain.faucet, who.address)
    desk.flush()
    desk.call("DvP", to or venue.network.dvp, name, *arguments)
    desk.flush()


def part_digest(venue: ChainVenue, whole: Order, part: int, quantity: int) -> bytes:
    """What the seller signs for one part (EIP-712), by hand; the domain's hash out of the contract's own answer."""
    node, dvp = venue.chain.node, venue.network.dvp
    _, name, version, chain_id, contract, _, _ = read(node, "DvP", dvp, "eip712Domain")
    kind = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    words = [keccak(text=kind), keccak(text=name), keccak(text=version)]
    domain = keccak(b"".join(words) + chain_id.to_bytes(32) + bytes.fromhex(contract[2:]).rjust(32, b"\0"))
    struct = keccak(
        keccak(text="Part(bytes32 orderId,uint32 part,uint64 quantity)")
        + bytes.fromhex(venue.id(whole))
        + part.to_bytes(32)
        + quantity.to_bytes(32)
    )
    return keccak(b"\x19\x01" + domain + struct)


def facts(venue: ChainVenue) -> ChainFacts:
    return collect(venue.chain.node, venue.network, [venue.token])


def signed(venue: ChainVenue, order: Order) -> tuple[Any, ...]:
    return (order_words(order), *venue.signatures(order))


def shown(lock: LockFact) -> tuple[str, str, str]:
    return lock.call, lock.seller_proof, lock.buyer_proof


def moved(found: ChainFacts) -> list[tuple[str, str, set[str]]]:
    return [(one.name, one.call, set(one.signers)) for one in found.moves]


def proof_of(venue: ChainVenue, orders: list[Order]) -> bytes:
    """Three agents' proof of PAID for all of them at once; the digest is the contract's own."""
    ids = [bytes.fromhex(venue.id(order)) for order in orders]
    (digest,) = read(venue.chain.node, "DvP", venue.network.dvp, "outcomesDigest", ids, 1, 1)
    raw = [AGENTS[place].sign(digest) for place in (0, 1, 3)]
    compact = [one[:32] + bytes([one[32] | (one[64] - 27) << 7]) + one[33:64] for one in raw]
    return packed(Proof(quorum=3, signers=0b1011, signatures=b"".join(compact), absent=(AGENTS[2].address,)))


def test_a_batch_of_locks(venue: ChainVenue) -> None:
    """One of them stands there twice, first with a signature that is none: its own is found."""
    first, second = venue.order(), venue.order(nonce=1, quantity=50)
    forged = (order_words(first), b"\x01" * 65, venue.signatures(first)[1])
    send(venue, STRANGER, "lockBatch", [forged, signed(venue, first), signed(venue, second)])
    found = facts(venue)
    assert [one.settlement for one in found.locks] == [venue.id(first), venue.id(second)]
    assert {shown(one) for one in found.locks} == {("lockBatch", "key", "key")}
    assert [one.derived for one in found.locks] == [one.settlement for one in found.locks]


def test_a_group(venue: ChainVenue) -> None:
    orders = [venue.order(nonce=number, quantity=10) for number in range(2)]
    movements = [order_words(order)[0] for order in orders]
    (group,) = read(venue.chain.node, "DvP", venue.network.dvp, "groupOf", movements)
    grouped = [replace(order, terms=replace(order.terms, group=group.hex())) for order in orders]
    send(venue, STRANGER, "lockGroup", [signed(venue, order) for order in grouped])
    found = facts(venue)
    assert [one.settlement for one in found.locks] == [venue.id(order) for order in grouped]
    assert {shown(one) for one in found.locks} == {("lockGroup", "key", "key")}


def test_parts_are_proved_by_the_whole(venue: ChainVenue) -> None:
    """The first part is signed by the seller apart, the second is its own call."""
    whole = venue.order(minimum_lot=20, nonce=5)
    words, signatures = order_words(whole), venue.signatures(whole)
    send(venue, STRANGER, "lockPart", words, 1, 60, *signatures, SELLER.sign(part_digest(venue, whole, 1, 60)))
    send(venue, SELLER, "lockPart", words, 2, 40, *signatures, b"")
    first, second = facts(venue).locks
    assert {shown(first), shown(second)} == {("lockPart", "key", "key")}
    assert [(one.of_order, one.order_quantity, one.quantity, one.nonce) for one in (first, second)] == [
        (venue.id(whole), 100, 60, 2**63 + 2**24 * 5 + 1),
        (venue.id(whole), 100, 40, 2**63 + 2**24 * 5 + 2),
    ]
    assert (first.derived, second.derived) == (first.settlement, second.settlement)


def test_a_part_that_the_seller_did_not_sign(venue: ChainVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole is signed by both; shown is another part's signature than this one's."""
    whole = venue.order(minimum_lot=20)
    own, other = (SELLER.sign(part_digest(venue, whole, 1, quantity)) for quantity in (60, 61))
    send(venue, STRANGER, "lockPart", order_words(whole), 1, 60, *venue.signatures(whole), own)
    assert [shown(one) for one in facts(venue).locks] == [("lockPart", "key", "key")]
    instead(monkeypatch, venue, lambda data: data.replace(own, other))
    assert [shown(one) for one in facts(venue).locks] == [("lockPart", "none", "key")]


def test_a_batch_of_deliveries(venue: ChainVenue) -> None:
    """The proof is over all of its settlements, those that were never locked included."""
    first, second, never_locked = venue.order(), venue.order(nonce=1), venue.order(nonce=2)
    venue.lock(first)
    venue.lock(second)
    orders = [first, never_locked, second]
    send(venue, STRANGER, "settleBatch", [leg_words(order) for order in orders], proof_of(venue, orders))
    found = facts(venue)
    assert moved(found) == [("Settled", "settleBatch", SIGNERS)] * 2
    assert [one.settlement for one in found.moves] == [venue.id(first), venue.id(second)]
    assert {one.outcome for one in found.moves} == {1}


def test_recorded_and_delivered(venue: ChainVenue) -> None:
    order = venue.order()
    venue.lock(order)
    venue.record_paid(order, venue.proof(order, PAID))
    venue.settle(order, Proof(quorum=0, signers=0, signatures=b"", absent=()))
    assert moved(facts(venue)) == [("PaidRecorded", "recordPaid", SIGNERS), ("Settled", "settle", set())]


def long_stopped(venue: ChainVenue) -> Order:
    order = venue.order()
    venue.lock(order)
    venue.clock.advance(order.terms.pay_by - venue.clock.now().timestamp() + 5 * DAY + 1)
    send(venue, OFFICER, "proposeLongStop", order_words(order))
    venue.clock.advance(2 * DAY + 60)
    send(venue, CONFIRMER, "confirmLongStop", leg_words(order))
    return order


def test_a_long_stop_is_two_acts(venue: ChainVenue) -> None:
    order = long_stopped(venue)
    (move,) = facts(venue).moves
    assert (move.name, move.call, move.signers, move.hidden) == ("GivenBack", "confirmLongStop", (), False)
    stop = move.long_stop
    assert stop is not None
    assert (stop.proposed_by, stop.officer) == (OFFICER.address, OFFICER.address)
    assert (stop.confirmed_by, stop.confirmer) == (CONFIRMER.address, CONFIRMER.address)
    assert stop.proposed_at > order.terms.pay_by + 5 * DAY
    assert move.at > stop.proposed_at + 2 * DAY


def test_the_roles_are_those_of_their_time(venue: ChainVenue) -> None:
    """Officer and confirmer change after a proposal, which dies with its epoch: the next officer's is what counts."""
    order, officer, confirmer = venue.order(), key("next officer"), key("next confirmer")
    venue.lock(order)
    venue.clock.advance(order.terms.pay_by - venue.clock.now().timestamp() + 5 * DAY + 1)
    send(venue, OFFICER, "proposeLongStop", order_words(order))
    agents = [one.address for one in AGENTS]
    following = (agents, 3, 1, officer.address, confirmer.address)
    (digest,) = read(venue.chain.node, "DvP", venue.network.dvp, "rotationDigest", following)
    raw = [AGENTS[place].sign(digest) for place in range(3)]
    compact = [one[:32] + bytes([one[32] | (one[64] - 27) << 7]) + one[33:64] for one in raw]
    proof = Proof(quorum=3, signers=0b0111, signatures=b"".join(compact), absent=(AGENTS[3].address,))
    send(venue, STRANGER, "rotate", following, packed(proof))
    send(venue, officer, "proposeLongStop", order_words(order))
    venue.clock.advance(2 * DAY + 60)
    send(venue, confirmer, "confirmLongStop", leg_words(order))
    found = facts(venue)
    (move,) = found.moves
    assert move.long_stop is not None
    assert (move.long_stop.proposed_by, move.long_stop.officer) == (officer.address, officer.address)
    assert (move.long_stop.proposed_in, move.long_stop.confirmed_in) == (2, 2)
    assert (move.long_stop.confirmed_by, move.long_stop.confirmer) == (confirmer.address, confirmer.address)
    assert [(one.number, one.officer) for one in found.epochs] == [(1, OFFICER.address), (2, officer.address)]
    assert Epoch(number=2, agents=tuple(agents), quorum=3) == venue.ledger.epoch()


def test_cancelled_orders(venue: ChainVenue) -> None:
    first, second = venue.order(), venue.order(nonce=1)
    send(venue, SELLER, "cancelOrder", order_words(first), b"")
    send(venue, BUYER, "cancelOrder", order_words(second), venue.signatures(second)[0])
    one, two = facts(venue).cancellations
    assert (one.settlement, one.by, one.seller_proof) == (venue.id(first), SELLER.address, "caller")
    assert (two.settlement, two.by, two.buyer, two.seller_proof) == (
        venue.id(second),
        BUYER.address,
        BUYER.address,
        "key",
    )


def test_what_another_contract_calls_is_not_shown(venue: ChainVenue) -> None:
    """The events are there, their evidence is not in the calldata: said so, not taken as missing or forged."""
    middle, order = forwarder(venue), venue.order()
    send(venue, STRANGER, "lock", order_words(order), *venue.signatures(order), to=middle)
    send(venue, STRANGER, "settle", leg_words(order), packed(venue.proof(order, PAID)), to=middle)
    found = facts(venue)
    (lock,), (move,) = found.locks, found.moves
    assert shown(lock) == ("", "hidden", "hidden")
    assert (move.call, move.hidden, move.signers, move.long_stop) == ("", True, (), None)
    assert (lock.settlement, move.settlement) == (venue.id(order), venue.id(order))


def test_a_call_with_bytes_of_no_function(venue: ChainVenue) -> None:
    """A transaction may carry anything before a contract; here a lock by one that is no DvP at all."""
    middle, order = forwarder(venue), venue.order()
    send(venue, STRANGER, "lockBatch", [signed(venue, order)], to=middle)
    (lock,) = facts(venue).locks
    assert shown(lock) == ("", "hidden", "hidden")


def test_terms_are_part_of_what_is_compared(venue: ChainVenue) -> None:
    """A leg of the same batch with other terms lends its signatures to nobody."""
    order = venue.order()
    other = replace(order, terms=replace(order.terms, cash_hash="33" * 32))
    send(venue, STRANGER, "lockBatch", [signed(venue, other), signed(venue, order)])
    (lock,) = facts(venue).locks
    assert (lock.settlement, lock.cash_hash) == (venue.id(other), "33" * 32)
    assert isinstance(order.terms, OrderTerms)
    assert isinstance(lock, LockFact) and not isinstance(lock, MoveFact)


def test_a_long_stop_through_a_contract_says_who_is_not_shown(venue: ChainVenue) -> None:
    """A confirmer that is a contract: the proposal is shown, the confirmation's caller is not."""
    middle, order = forwarder(venue), venue.order()
    agents = [one.address for one in AGENTS]
    following = (agents, 3, 1, OFFICER.address, middle)
    (digest,) = read(venue.chain.node, "DvP", venue.network.dvp, "rotationDigest", following)
    raw = [AGENTS[place].sign(digest) for place in range(3)]
    compact = [one[:32] + bytes([one[32] | (one[64] - 27) << 7]) + one[33:64] for one in raw]
    proof = Proof(quorum=3, signers=0b0111, signatures=b"".join(compact), absent=(AGENTS[3].address,))
    venue.lock(order)
    send(venue, STRANGER, "rotate", following, packed(proof))
    venue.clock.advance(order.terms.pay_by - venue.clock.now().timestamp() + 5 * DAY + 1)
    send(venue, OFFICER, "proposeLongStop", order_words(order))
    venue.clock.advance(2 * DAY + 60)
    send(venue, STRANGER, "confirmLongStop", leg_words(order), to=middle)
    (move,) = facts(venue).moves
    assert (move.name, move.hidden, move.signers) == ("GivenBack", True, ())
    assert move.long_stop is not None
    assert (move.long_stop.proposed_by, move.long_stop.confirmed_by) == (OFFICER.address, None)
    assert move.long_stop.confirmer == middle
