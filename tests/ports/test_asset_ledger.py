"""One suite for every `ports.AssetLedger`: the fake, and the compiled contracts on an embedded chain."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from ledger_venues import AGENTS, BUYER, SELLER, STRANGER, UNITS, ChainVenue, FakeVenue, Venue

from lockstep.domain.errors import ContractRefused, Refused
from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.order import AssetStatus, OutcomeResult, Proof
from lockstep.signing import settlement_id, verify
from lockstep.testing.fakes import MORNING, FakeTransactionLog, key

PAID, NEVER = OutcomeResult.PAID, OutcomeResult.NEVER
NONE, LOCKED, SETTLED, GIVEN_BACK = (
    AssetStatus.NONE,
    AssetStatus.LOCKED,
    AssetStatus.SETTLED,
    AssetStatus.GIVEN_BACK,
)
NOBODY = Proof(quorum=0, signers=0, signatures=b"", absent=())


@pytest.fixture(scope="module")
def deployed() -> ChainVenue:
    return ChainVenue.open()


@pytest.fixture(params=["fake", "contracts"])
def venue(request: pytest.FixtureRequest) -> Iterator[Venue]:
    if request.param == "fake":
        yield FakeVenue.open()
        return
    deployed: ChainVenue = request.getfixturevalue("deployed")
    snapshot = deployed.chain.tester.take_snapshot()
    deployed.log = FakeTransactionLog()
    deployed.renew()
    yield deployed
    deployed.chain.tester.revert_to_snapshot(snapshot)
    deployed.clock.__init__(MORNING)


def refused(venue: Venue, order: Any, *signatures: bytes) -> ContractRefused:
    with pytest.raises(ContractRefused) as caught:
        venue.ledger.lock(venue.id(order), order, *(signatures or venue.signatures(order)))
    assert venue.ledger.view(venue.id(order), order).head is not LOCKED
    return caught.value


def test_lock_becomes_final(venue: Venue) -> None:
    order = venue.order()
    before = venue.ledger.view(venue.id(order), order)
    assert (before.head, before.final) == (NONE, NONE)
    settlement = venue.lock(order)
    for blocks in range(2):
        seen = venue.ledger.view(settlement, order)
        assert (seen.head, seen.final) == (LOCKED, NONE), blocks
        assert [one.final for one in venue.ledger.history(settlement)] == [False]
        venue.mine()
    seen = venue.ledger.view(settlement, order)
    assert (seen.head, seen.final) == (LOCKED, LOCKED)
    (event,) = venue.ledger.history(settlement)
    assert (event.name, event.order, event.final, event.settlement_id) == ("Locked", order, True, settlement)
    assert int(event.at.timestamp()) == seen.final_time > before.final_time
    assert venue.units(SELLER) == (UNITS, UNITS - 100)


def test_final_time_is_the_final_blocks(venue: Venue) -> None:
    order, now = venue.order(), int(venue.clock.now().timestamp())
    venue.clock.advance(500)
    venue.mine()
    assert venue.ledger.view(venue.id(order), order).final_time < now + 500
    venue.mine(2)
    assert venue.ledger.view(venue.id(order), order).final_time >= now + 500
    assert venue.ledger.final_time() == venue.ledger.view(venue.id(order), order).final_time


def test_lock_again_is_the_same(venue: Venue) -> None:
    order = venue.order()
    for _ in range(3):
        venue.lock(order)
        venue.mine()
    assert [one.name for one in venue.ledger.history(venue.id(order))] == ["Locked"]
    assert venue.units(SELLER) == (UNITS, UNITS - 100)


def test_settle(venue: Venue) -> None:
    order = venue.order()
    settlement = venue.lock(order)
    for _ in range(2):
        venue.ledger.settle(settlement, order, venue.proof(order, PAID))
        venue.mine()
    assert venue.ledger.view(settlement, order).head is SETTLED
    assert [one.name for one in venue.ledger.history(settlement)] == ["Locked", "Settled"]
    assert (venue.units(SELLER), venue.units(BUYER)) == ((900, 900), (100, 100))
    venue.ledger.give_back(settlement, order, venue.proof(order, NEVER))
    assert venue.ledger.view(settlement, order).head is SETTLED, "an end is an end, whoever comes late"


def test_give_back(venue: Venue) -> None:
    order = venue.order()
    settlement = venue.lock(order)
    for _ in range(2):
        venue.ledger.give_back(settlement, order, venue.proof(order, NEVER))
        venue.mine(2)
    seen = venue.ledger.view(settlement, order)
    assert (seen.head, seen.final) == (GIVEN_BACK, GIVEN_BACK)
    assert [one.name for one in venue.ledger.history(settlement)] == ["Locked", "GivenBack"]
    assert (venue.units(SELLER), venue.units(BUYER)) == ((UNITS, UNITS), (0, 0))
    venue.ledger.settle(settlement, order, venue.proof(order, PAID))
    assert venue.units(BUYER) == (0, 0)


def test_ended_by_another_hand(venue: Venue) -> None:
    order = venue.order()
    settlement = venue.lock(order)
    venue.settle(order, venue.proof(order, PAID, (0, 2, 3)))
    venue.ledger.settle(settlement, order, venue.proof(order, PAID))
    assert venue.ledger.view(settlement, order).head is SETTLED


def test_recorded_paid(venue: Venue) -> None:
    """I8: once recorded, no proof gives it back, and no proof is needed to deliver."""
    order = venue.order()
    settlement = venue.lock(order)
    venue.record_paid(order, venue.proof(order, PAID))
    assert venue.ledger.view(settlement, order).head is AssetStatus.PAID
    with pytest.raises(ContractRefused) as caught:
        venue.ledger.give_back(settlement, order, venue.proof(order, NEVER))
    assert caught.value.name == "WrongStatus"
    venue.ledger.settle(settlement, order, NOBODY)
    assert [one.name for one in venue.ledger.history(settlement)] == ["Locked", "PaidRecorded", "Settled"]
    assert venue.units(BUYER) == (100, 100)


@pytest.mark.parametrize(
    ("method", "result"), [("settle", NEVER), ("give_back", PAID)], ids=["settle on never", "give back on paid"]
)
def test_proof_of_the_other_outcome(venue: Venue, method: str, result: OutcomeResult) -> None:
    order = venue.order()
    settlement = venue.lock(order)
    with pytest.raises(ContractRefused) as caught:
        getattr(venue.ledger, method)(settlement, order, venue.proof(order, result))
    assert caught.value.name == "ProofNotFromEpoch"
    assert venue.ledger.view(settlement, order).head is LOCKED


@pytest.mark.parametrize("method", ["settle", "give_back"])
def test_proofs_that_prove_nothing(venue: Venue, method: str) -> None:
    order, other = venue.order(), venue.order(nonce=1)
    settlement = venue.lock(order)
    result = PAID if method == "settle" else NEVER
    good = venue.proof(order, result)
    bad = {
        "below its own quorum": (replace(good, quorum=4), "QuorumNotReached"),
        "a lower quorum": (replace(good, quorum=2), "ProofNotFromEpoch"),
        "nobody's": (NOBODY, "ProofNotFromEpoch"),
        "of another settlement": (venue.proof(other, result), "ProofNotFromEpoch"),
        "an agent left out": (replace(good, absent=()), "ProofNotFromEpoch"),
        "a stranger absent": (replace(good, absent=(STRANGER.address,)), "ProofNotFromEpoch"),
    }
    for words, (proof, name) in bad.items():
        with pytest.raises(ContractRefused) as caught:
            getattr(venue.ledger, method)(settlement, order, proof)
        assert caught.value.name in (name, "MalformedProof"), words
    assert venue.ledger.view(settlement, order).head is LOCKED


@pytest.mark.parametrize("method", ["settle", "give_back"])
def test_ending_what_was_never_locked(venue: Venue, method: str) -> None:
    order = venue.order()
    result = PAID if method == "settle" else NEVER
    with pytest.raises(ContractRefused) as caught:
        getattr(venue.ledger, method)(venue.id(order), order, venue.proof(order, result))
    assert caught.value.name == "WrongStatus"
    assert (caught.value.details["actual"], caught.value.details["expected"]) == (0, 1)


def test_lock_refusals(venue: Venue) -> None:
    now = int(venue.clock.now().timestamp())
    for order, name in (
        (venue.order(lock_by=now - 1), "LockByPassed"),
        (venue.order(epoch=2), "NotCurrentEpoch"),
        (venue.order(quantity=0), "ZeroQuantity"),
        (venue.order(quantity=UNITS + 1), "InsufficientFreeUnits"),
    ):
        assert refused(venue, order).name == name
    error = refused(venue, venue.order(quantity=UNITS + 1))
    assert (error.details["holder"], error.details["free"], error.details["needed"]) == (
        SELLER.address,
        UNITS,
        UNITS + 1,
    )
    assert venue.units(SELLER) == (UNITS, UNITS)


def test_lock_by_is_inclusive(venue: Venue) -> None:
    order = venue.order()
    venue.clock.advance(3_600)
    venue.lock(order)
    assert venue.ledger.view(venue.id(order), order).head is LOCKED
    late = venue.order(nonce=1, lock_by=order.terms.lock_by)
    venue.clock.advance(1)
    venue.mine()  # a node judges a call by its latest block
    assert refused(venue, late).name == "LockByPassed"


def test_signatures(venue: Venue) -> None:
    """I11: both, each over exactly this order."""
    order = venue.order()
    seller, buyer = venue.signatures(order)
    digest, stranger = bytes.fromhex(venue.id(order)), key("nobody")
    other = venue.signatures(venue.order(quantity=99))
    for party, given in (
        (SELLER, (buyer, buyer)),
        (SELLER, (stranger.sign(digest), buyer)),
        (SELLER, (other[0], buyer)),
        (SELLER, (b"", buyer)),
        (BUYER, (seller, seller)),
        (BUYER, (seller, other[1])),
    ):
        error = refused(venue, order, *given)
        assert (error.name, error.details["party"]) == ("InvalidSignature", party.address)


def test_a_nonce_is_used_once(venue: Venue) -> None:
    first, again = venue.order(), venue.order(quantity=50)
    settlement = venue.lock(first)
    assert venue.ledger.next_nonce(SELLER.address, 0) == 1
    error = refused(venue, again)
    assert (error.name, error.details["nonce"], error.details["status"]) == ("NonceUsed", 0, int(LOCKED))
    assert error.details["prefix"] == "0x" + settlement[:30]
    assert venue.ledger.view(venue.id(again), again).head is NONE, "the other order's lock is not ours"
    venue.ledger.give_back(settlement, first, venue.proof(first, NEVER))
    assert refused(venue, again).details["status"] == int(GIVEN_BACK), "and never comes back"
    third = venue.order(nonce=2)
    venue.lock(third)
    assert [venue.ledger.next_nonce(SELLER.address, least) for least in range(5)] == [1, 1, 3, 3, 4]
    assert venue.ledger.next_nonce(BUYER.address, 0) == 0


@pytest.mark.parametrize(("wallet", "role"), [(SELLER, "seller"), (BUYER, "buyer")])
def test_not_eligible(venue: Venue, wallet: Any, role: str) -> None:
    order = venue.order()
    assert venue.ledger.obstacle(order) is None
    venue.suspend(wallet)
    reason = venue.ledger.obstacle(order)
    assert reason is not None and reason.code == "BLOC"
    assert reason.text == f"the {role} is not eligible in the participant registry ({wallet.address})"
    error = refused(venue, order)
    assert (error.name, error.details["wallet"]) == ("NotEligible", wallet.address)


@pytest.mark.parametrize("wallet", [SELLER, BUYER])
def test_after_the_lock_no_status_matters(venue: Venue, wallet: Any) -> None:
    order = venue.order()
    settlement = venue.lock(order)
    venue.suspend(wallet)
    venue.ledger.settle(settlement, order, venue.proof(order, PAID))
    assert venue.ledger.view(settlement, order).head is SETTLED
    assert venue.units(BUYER)[0] == 100


def test_short_of_units(venue: Venue) -> None:
    venue.lock(venue.order(quantity=950))
    order = venue.order(nonce=1)
    reason = venue.ledger.obstacle(order)
    assert reason is not None and (reason.code, reason.text) == (
        "LACK",
        "the seller is short of free units: 50 free, 100 needed",
    )
    assert refused(venue, order).name == "InsufficientFreeUnits"
    assert venue.ledger.obstacle(venue.order(nonce=1, quantity=50)) is None


def test_epoch(venue: Venue) -> None:
    epoch = venue.ledger.epoch()
    assert (epoch.number, epoch.quorum, len(epoch.agents)) == (1, 3, 4)
    assert list(epoch.agents) == sorted(epoch.agents, key=lambda one: int(one, 16))
    assert venue.ledger.epoch() == epoch


def test_epochs_keep_their_agents(venue: Venue) -> None:
    """What was locked in an epoch is proved by it, whoever serves now; and by nobody else."""
    first, order, late = venue.ledger.epoch(), venue.order(), venue.order(nonce=1)
    settlement = venue.lock(order)
    second = venue.rotate((*AGENTS[:3], STRANGER))
    assert (venue.ledger.epoch(), venue.ledger.epoch(2), venue.ledger.epoch(1)) == (second, second, first)
    assert first.agents != second.agents
    assert refused(venue, late).name == "NotCurrentEpoch"
    for number in (0, 3):
        with pytest.raises(Refused) as caught:
            venue.ledger.epoch(number)
        assert (caught.value.name, caught.value.details["actual"]) == ("UnknownEpoch", number)
    venue.ledger.settle(settlement, order, venue.proof(order, PAID))
    assert venue.ledger.view(settlement, order).head is SETTLED


def test_an_order_is_over_with_its_epoch_once_that_is_final(venue: Venue) -> None:
    order = venue.order()
    assert venue.ledger.view(venue.id(order), order).epoch_over is False
    venue.rotate((*AGENTS[:3], STRANGER))
    assert venue.ledger.view(venue.id(order), order).epoch_over is False, "not final"
    venue.mine(2)
    assert venue.ledger.view(venue.id(order), order).epoch_over is True
    new = venue.order(epoch=2)
    assert venue.ledger.view(venue.id(new), new).epoch_over is False
    assert venue.lock(new) == venue.id(new)


def test_why_not(venue: Venue) -> None:
    """Asked of the contract, before anything is sent."""
    ask, units = venue.ledger.why_not, UNITS
    assert ask(venue.token, SELLER.address, BUYER.address, units) is None
    short = ask(venue.token, SELLER.address, BUYER.address, units + 1)
    assert short is not None
    assert (short.name, short.details) == (
        "ERC20InsufficientBalance",
        {"sender": SELLER.address, "balance": units, "needed": units + 1},
    )
    venue.suspend(BUYER)
    stopped = ask(venue.token, SELLER.address, BUYER.address, 1)
    assert stopped is not None and (stopped.name, stopped.details["wallet"]) == ("NotEligible", BUYER.address)


def test_what_was_presented(venue: Venue) -> None:
    """Each agent's own signature comes back from the calls that ended settlements, as it left."""
    kept, paid, given, recorded = (venue.order(nonce=number) for number in range(4))
    for order in (kept, paid, given, recorded):
        venue.lock(order)
    assert venue.ledger.presented({}) == []
    venue.settle(paid, venue.proof(paid, PAID, (0, 1, 3)))
    venue.ledger.give_back(venue.id(given), given, venue.proof(given, NEVER, (1, 2, 3)))
    venue.record_paid(recorded, venue.proof(recorded, PAID, (0, 2, 3)))
    venue.mine()
    found = {(one.settlement_id, one.result, one.agent): one for one in venue.ledger.presented({})}
    assert set(found) == {
        (venue.id(order), result, AGENTS[place].address)
        for order, result, places in ((paid, PAID, (0, 1, 3)), (given, NEVER, (1, 2, 3)), (recorded, PAID, (0, 2, 3)))
        for place in places
    }
    for one in found.values():
        verify(one, venue.ledger.epoch(), venue.network)
    known = {venue.id(paid): PAID, venue.id(given): PAID}
    assert {one.settlement_id for one in venue.ledger.presented(known)} == {venue.id(given), venue.id(recorded)}


def test_gas(venue: Venue) -> None:
    order = venue.order()
    venue.lock(order)
    (event,) = venue.ledger.history(venue.id(order))
    gas = venue.ledger.gas_of(event.transaction)
    assert gas is not None and 50_000 < gas < 400_000
    assert venue.ledger.gas_of("0x" + "00" * 32) is None


def test_settlements_apart(venue: Venue) -> None:
    first, second = venue.order(), venue.order(nonce=1, quantity=200)
    venue.lock(first)
    venue.lock(second)
    venue.ledger.settle(venue.id(first), first, venue.proof(first, PAID))
    venue.mine(2)
    assert [one.name for one in venue.ledger.history(venue.id(second))] == ["Locked"]
    assert venue.ledger.view(venue.id(second), second).final is LOCKED
    assert venue.ledger.history(SettlementId("ab" * 32)) == []
    assert venue.id(first) == settlement_id(first, venue.network)


def test_settlements_of_a_trade(venue: Venue) -> None:
    """Every settlement ever locked under a trade's id, in the order of the locks, whatever became of it."""
    trade, other = TradeId("11" * 32), TradeId("77" * 32)
    assert list(venue.ledger.settlements_of(trade)) == []
    first, second = venue.order(nonce=7), venue.order(nonce=3, quantity=50)
    stranger = venue.order(nonce=1, trade_id=other)
    for order in (first, stranger, second):
        venue.lock(order)
    assert list(venue.ledger.settlements_of(trade)) == [venue.id(first), venue.id(second)], "before they are final"
    venue.ledger.give_back(venue.id(first), first, venue.proof(first, NEVER))
    venue.mine(3)
    assert list(venue.ledger.settlements_of(trade)) == [venue.id(first), venue.id(second)]
    assert list(venue.ledger.settlements_of(other)) == [venue.id(stranger)]
