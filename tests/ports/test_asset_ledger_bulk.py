"""Many settlements at once, on the compiled contracts: an embedded chain that mines at once, an anvil told when to."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from anvil import running
from ledger_venues import AGENTS, BUYER, OPERATOR, SELLER, STRANGER, UNITS, ChainVenue

from lockstep.chain.encoding import read_data, status_data
from lockstep.chain.fees import SendingRules
from lockstep.chain.ledger import EvmAssetLedger
from lockstep.chain.node import ContractCall
from lockstep.chain.sender import Sender
from lockstep.domain.errors import ContractRefused, InvalidInput, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import TradeId
from lockstep.domain.order import AssetStatus, EndCall, Epoch, LockCall, Order, OutcomeResult, Proof
from lockstep.signing import outcomes_digest
from lockstep.signing.proof import _assembled
from lockstep.testing.fakes import MORNING, FakeTransactionLog

PAID, NEVER = OutcomeResult.PAID, OutcomeResult.NEVER


class AnvilVenue(ChainVenue):
    """Nothing is mined before somebody looks for it."""


@pytest.fixture(scope="module")
def embedded() -> ChainVenue:
    return ChainVenue.open()


@pytest.fixture(scope="module")
def anvil() -> Iterator[ChainVenue]:
    with running() as chain:
        venue = AnvilVenue.open(chain)
        chain.mines()
        yield venue


@pytest.fixture(params=["embedded", "anvil"])
def venue(request: pytest.FixtureRequest) -> Iterator[ChainVenue]:
    with as_it_was(request.getfixturevalue(request.param)) as given:
        yield given


@pytest.fixture
def queued(anvil: ChainVenue) -> Iterator[ChainVenue]:
    """Where what is sent waits until it is mined."""
    with as_it_was(anvil) as given:
        yield given


@contextmanager
def as_it_was(venue: ChainVenue) -> Iterator[ChainVenue]:
    on_anvil = isinstance(venue, AnvilVenue)
    snapshot = venue.chain.ask("evm_snapshot") if on_anvil else venue.chain.tester.take_snapshot()
    venue.log = FakeTransactionLog()
    venue.renew()
    yield venue
    if on_anvil:
        venue.chain.ask("evm_revert", snapshot)
    else:
        venue.chain.tester.revert_to_snapshot(snapshot)
        venue.clock.__init__(MORNING)


def orders(venue: ChainVenue, count: int, quantity: int = 1, first: int = 0, **changes: object) -> list[Order]:
    return [
        venue.order(nonce=first + number, quantity=quantity, trade_id=TradeId(f"{first + number:064x}"), **changes)
        for number in range(count)
    ]


def call(venue: ChainVenue, order: Order) -> LockCall:
    seller, buyer = venue.signatures(order)
    return LockCall(settlement_id=venue.id(order), order=order, seller=seller, buyer=buyer)


def lock(venue: ChainVenue, given: Sequence[Order]) -> Sequence[LockstepError | None]:
    return venue.ledger.lock_all([call(venue, one) for one in given])


def locked(venue: ChainVenue, count: int, **changes: object) -> list[Order]:
    given = orders(venue, count, **changes)
    assert lock(venue, given) == [None] * count
    venue.mine(3)
    assert lock(venue, given) == [None] * count
    return given


def heads(venue: ChainVenue, given: Sequence[Order]) -> list[AssetStatus]:
    looked = venue.ledger.views({venue.id(one): one for one in given})
    assert all(looked[venue.id(one)] == venue.ledger.view(venue.id(one), one) for one in given)
    return [looked[venue.id(one)].head for one in given]


def batch_proof(venue: ChainVenue, given: Sequence[Order], result: OutcomeResult = PAID) -> Proof:
    epoch = Epoch(number=1, agents=tuple(one.address for one in AGENTS), quorum=3)
    digest = outcomes_digest([venue.id(one) for one in given], result, 1, venue.network)
    proof = _assembled({one.address: one.sign(digest) for one in AGENTS[:3]}, epoch)
    assert proof is not None
    return proof


def kinds(venue: ChainVenue) -> list[tuple[str, str]]:
    return [(one.key.partition("/")[0], one.status) for one in venue.log.stored.values()]


def test_many_locks_are_one_transaction(venue: ChainVenue) -> None:
    given = orders(venue, 7)
    assert lock(venue, given) == [None] * 7
    for _ in range(2):
        venue.mine()
        assert lock(venue, given) == [None] * 7
    assert heads(venue, given) == [AssetStatus.LOCKED] * 7
    assert kinds(venue) == [("lockBatch", "mined")]
    assert venue.units(SELLER) == (UNITS, UNITS - 7)
    looked = venue.ledger.histories([venue.id(one) for one in given])
    assert {key: [one.name for one in found] for key, found in looked.items()} == {
        venue.id(one): ["Locked"] for one in given
    }
    assert looked[venue.id(given[3])] == venue.ledger.history(venue.id(given[3]))
    assert list(venue.ledger.ended([venue.id(one) for one in given])) == []
    trades = [one.terms.trade_id for one in given]
    assert venue.ledger.settlements_of_all([*trades, TradeId("ee" * 32)]) == {
        **{one.terms.trade_id: (venue.id(one),) for one in given},
        TradeId("ee" * 32): (),
    }


def test_a_node_answers_a_program_as_it_answers_one_by_one(anvil: ChainVenue) -> None:
    """What refuses, runs for ever, answers too little or is no contract spoils nobody else's answer."""
    codes = {
        "word": "602a60005260206000f3",  # 42
        "more": "602a60005260406000f3",
        "reverts": "60206000fd",
        "for ever": "5b600056",
        "too little": "601f6000f3",
        "none": "",
        "sender": "3360005260206000f3",
        "data": "60003560005260206000f3",
    }
    places = {name: f"0x{number:040x}" for number, name in enumerate(codes, 0xC0DE)}
    for name, code in codes.items():
        anvil.chain.ask("anvil_setCode", places[name], "0x" + code)
    names = [*codes, "for ever", "word"] * 30
    given = [ContractCall(to=places[one], data=place.to_bytes(4) * 50) for place, one in enumerate(names)]
    node = anvil.chain.node
    words, alone = node.words(given), node.calls(given)
    assert node._unpacked == 0, "it was asked by a program"
    for name, word, answer, asked in zip(names, words, alone, given, strict=True):
        if name in ("reverts", "for ever"):
            assert isinstance(word, LockstepError) and (type(word), str(word)) == (type(answer), str(answer)), name
        elif name == "sender":
            assert isinstance(word, bytes) and len(word) == 32, "no view of ours asks who looks"
        elif isinstance(answer, bytes) and len(answer) >= 32:
            assert word == answer[:32], name
        else:
            assert word == answer, name
        if name == "data":
            assert word == asked.data[:32]


def test_views_of_a_block_are_of_that_block(anvil: ChainVenue) -> None:
    with as_it_was(anvil) as venue:
        given = locked(venue, 6)
        node, head = venue.chain.node, venue.chain.node.head().number
        calls = [ContractCall(to=venue.network.dvp, data=status_data(venue.id(one), one.movement)) for one in given]
        calls.append(ContractCall(to=venue.network.dvp, data=read_data("DvP", "currentEpoch")))
        for block in range(head - 5, head + 1):
            words = node.words(calls, block)
            assert words == node.calls(calls, block)
            seen = {int.from_bytes(one) for one in words[:-1]}
            assert seen == {AssetStatus.NONE} or seen == {AssetStatus.LOCKED}
        assert node._unpacked == 0 and seen == {AssetStatus.LOCKED}


def test_one_lock_is_a_transaction_of_its_own(venue: ChainVenue) -> None:
    locked(venue, 1)
    assert kinds(venue) == [("lock", "mined")]


def test_a_bad_leg_is_found_before_anything_is_sent(venue: ChainVenue) -> None:
    """Each with its own error; the rest is locked, and nothing of it is sent again."""
    given = orders(venue, 6)
    calls = [call(venue, one) for one in given]
    calls[1] = replace(calls[1], seller=calls[1].buyer)
    calls[4] = call(venue, venue.order(nonce=4, quantity=UNITS * 2))
    for _ in range(3):
        found = venue.ledger.lock_all(calls)
        assert [None if one is None else one.name for one in found] == [
            None, "InvalidSignature", None, None, "InsufficientFreeUnits", None,
        ]  # fmt: skip
        venue.mine()
    good = [one for place, one in enumerate(given) if place not in (1, 4)]
    assert heads(venue, good) == [AssetStatus.LOCKED] * 4
    assert kinds(venue) == [("lockBatch", "mined")]


def test_what_a_batch_went_on_without_is_told_and_the_rest_is_not_sent_again(venue: ChainVenue) -> None:
    """Each leg can be locked by itself and not all together: the last one finds too few units left."""
    given = orders(venue, 4, quantity=300)
    assert lock(venue, given) == [None] * 4
    venue.mine()
    for _ in range(2):
        found = lock(venue, given)
        assert found[:3] == [None] * 3
        assert isinstance(found[3], ContractRefused) and found[3].name == "InsufficientFreeUnits"
        assert found[3].details["free"] == UNITS - 900
    (kept,) = venue.log.stored.values()
    assert kept.status == "mined" and [key for key, _ in kept.skipped] == [f"lock/{venue.id(given[3])}"]
    assert venue.log.transactions(f"lock/{venue.id(given[0])}") == [kept]
    ledger: EvmAssetLedger = venue.ledger
    assert ledger.give_back_all(
        [EndCall(settlement_id=venue.id(given[0]), order=given[0], proof=venue.proof(given[0], NEVER))]
    ) == [None]
    venue.mine(3)
    assert lock(venue, given[1:]) == [None] * 3, "there is room now, and only the one goes again"
    venue.mine()
    assert heads(venue, given[1:]) == [AssetStatus.LOCKED] * 3
    assert kinds(venue) == [("lockBatch", "mined"), ("giveBack", "mined"), ("lock", "broadcast")]


def test_more_legs_than_one_transaction_takes(venue: ChainVenue) -> None:
    given = locked(venue, 130)
    assert heads(venue, given) == [AssetStatus.LOCKED] * 130
    batches = [*venue.log.stored.values()]
    assert [len(one.serves) for one in batches] == [120, 10]
    assert all(one.gas is not None and one.gas < 2**24 for one in batches)


def test_after_a_restart_nothing_is_under_way_twice(venue: ChainVenue) -> None:
    given = orders(venue, 5)
    assert lock(venue, given) == [None] * 5
    venue.renew()
    assert lock(venue, [*given, *orders(venue, 2, first=5)]) == [None] * 7
    venue.mine()
    assert lock(venue, given) == [None] * 5
    assert [len(one.serves) for one in venue.log.stored.values()] == [5, 2]
    assert next(one.status for one in venue.log.stored.values()) == "mined"


def test_deliveries_and_releases(venue: ChainVenue) -> None:
    given = locked(venue, 6)
    ledger: EvmAssetLedger = venue.ledger
    paid = [EndCall(settlement_id=venue.id(one), order=one, proof=venue.proof(one, PAID)) for one in given[:4]]
    never = [EndCall(settlement_id=venue.id(one), order=one, proof=venue.proof(one, NEVER)) for one in given[4:]]
    wrong = replace(paid[3], proof=never[0].proof)
    for _ in range(3):
        found = ledger.settle_all([*paid[:3], wrong])
        assert found[:3] == [None] * 3
        assert isinstance(found[3], ContractRefused) and found[3].name == "ProofNotFromEpoch"
        assert ledger.give_back_all(never) == [None] * 2
        venue.mine()
    assert heads(venue, given) == [AssetStatus.SETTLED] * 3 + [AssetStatus.LOCKED] + [AssetStatus.GIVEN_BACK] * 2
    assert ledger.settle_all(paid) == [None] * 4
    assert ledger.give_back_all(paid[:1]) == [None], "an end is an end, whoever comes late"
    assert venue.units(BUYER) == (3, 3) or venue.units(BUYER) == (4, 4)
    assert kinds(venue)[1:6] == [("settle", "mined")] * 3 + [("giveBack", "mined")] * 2


def test_a_batch_on_one_proof(venue: ChainVenue) -> None:
    """One leg was delivered by somebody else: the others are, and that one is no failure."""
    given = locked(venue, 5)
    legs = [(venue.id(one), one) for one in given]
    if isinstance(venue, AnvilVenue):
        venue.chain.mines(at_once=True)
    venue.settle(given[2], venue.proof(given[2], PAID))
    if isinstance(venue, AnvilVenue):
        venue.chain.mines()
    proof, ledger = batch_proof(venue, given), venue.ledger
    assert isinstance(ledger, EvmAssetLedger)
    for _ in range(3):
        assert ledger.settle_batch(legs, proof) == [None] * 5
        venue.mine()
    assert heads(venue, given) == [AssetStatus.SETTLED] * 5
    assert kinds(venue)[1:] == [("settleBatch", "mined")]


def test_a_proof_over_other_legs_is_refused_for_all(venue: ChainVenue) -> None:
    given = locked(venue, 3)
    ledger = venue.ledger
    assert isinstance(ledger, EvmAssetLedger)
    for wrong in (batch_proof(venue, given[::-1]), batch_proof(venue, given[:2]), batch_proof(venue, given, NEVER)):
        found = ledger.settle_batch([(venue.id(one), one) for one in given], wrong)
        assert [one is not None and isinstance(one, ContractRefused) and one.name for one in found] == [
            "ProofNotFromEpoch"
        ] * 3
    assert heads(venue, given) == [AssetStatus.LOCKED] * 3
    assert kinds(venue) == [("lockBatch", "mined")]


def test_a_leg_that_is_not_locked_is_told(venue: ChainVenue) -> None:
    given = locked(venue, 2)
    legs = [*given, *orders(venue, 1, first=7)]
    ledger = venue.ledger
    assert isinstance(ledger, EvmAssetLedger)
    proof = batch_proof(venue, legs)
    assert ledger.settle_batch([(venue.id(one), one) for one in legs], proof) == [None] * 3
    venue.mine()
    found = ledger.settle_batch([(venue.id(one), one) for one in legs], proof)
    assert found[:2] == [None] * 2 and isinstance(found[2], ContractRefused)
    assert (found[2].name, found[2].details["actual"]) == ("WrongStatus", AssetStatus.NONE)
    assert kinds(venue)[1:] == [("settleBatch", "mined")]


def test_a_batch_waits_for_a_leg_that_is_under_way_elsewhere(queued: ChainVenue) -> None:
    venue = queued
    given = locked(venue, 3, first=1_000)
    ledger = venue.ledger
    assert isinstance(ledger, EvmAssetLedger)
    ledger.settle(venue.id(given[1]), given[1], venue.proof(given[1], PAID))
    found = ledger.settle_batch([(venue.id(one), one) for one in given], batch_proof(venue, given))
    assert [type(one) for one in found] == [Unavailable, type(None), Unavailable]
    venue.mine()
    assert ledger.settle_batch([(venue.id(one), one) for one in given], batch_proof(venue, given)) == [None] * 3
    venue.mine()
    assert heads(venue, given) == [AssetStatus.SETTLED] * 3
    assert [len(one.serves) for one in venue.log.stored.values()] == [3, 0, 2]


def test_a_batch_too_large_for_a_block_is_refused(venue: ChainVenue) -> None:
    given = orders(venue, 400)
    ledger = venue.ledger
    assert isinstance(ledger, EvmAssetLedger)
    with pytest.raises(InvalidInput, match="legs"):
        ledger.settle_batch([(venue.id(one), one) for one in given], batch_proof(venue, given))


def test_no_transaction_is_larger_than_a_block(queued: ChainVenue) -> None:
    """Where blocks take less than a transaction may have. No block would take it, and nothing that comes after it."""
    venue = queued
    venue.chain.ask("evm_setBlockGasLimit", hex(2_000_000))
    venue.mine()
    given = orders(venue, 40)
    for _ in range(4):  # anvil forgets what did not fit; it is sent again
        assert lock(venue, given) == [None] * 40
        venue.mine(3)
    assert lock(venue, given) == [None] * 40
    assert heads(venue, given) == [AssetStatus.LOCKED] * 40
    assert len(venue.log.stored) > 1 and all(one.status == "mined" for one in venue.log.stored.values())
    ledger = venue.ledger
    assert isinstance(ledger, EvmAssetLedger)
    with pytest.raises(InvalidInput, match="legs"):
        ledger.settle_batch([(venue.id(one), one) for one in given], batch_proof(venue, given))
    proofs = [EndCall(settlement_id=venue.id(one), order=one, proof=venue.proof(one, PAID)) for one in given[:3]]
    assert ledger.settle_all(proofs) == [None] * 3
    venue.mine(3)
    assert heads(venue, given[:3]) == [AssetStatus.SETTLED] * 3
    venue.chain.ask("evm_setBlockGasLimit", hex(30_000_000))


def test_obstacles_are_judged_in_order(venue: ChainVenue) -> None:
    """Of one seller's free units each takes what it needs; a bad one takes none (I3)."""
    given = [
        venue.order(nonce=0, quantity=600),
        venue.order(nonce=1, quantity=500),
        venue.order(nonce=2, quantity=400),
        venue.order(nonce=3, quantity=1, buyer=STRANGER.address),
        venue.order(nonce=4, quantity=1),
    ]
    ledger = venue.ledger
    assert isinstance(ledger, EvmAssetLedger)
    found = ledger.obstacles(given)
    assert [None if one is None else one.code for one in found] == [None, "LACK", None, "BLOC", "LACK"]
    assert found[1] is not None and found[1].text == "the seller is short of free units: 400 free, 500 needed"
    assert found[3] == ledger.obstacle(given[3]) and ledger.obstacles(given[:1]) == [ledger.obstacle(given[0])]
    assert ledger.obstacles([]) == []


def test_free_nonces(venue: ChainVenue) -> None:
    locked(venue, 3, first=2)
    ledger = venue.ledger
    assert isinstance(ledger, EvmAssetLedger)
    assert ledger.free_nonces(SELLER.address, 0, 4) == [0, 1, 5, 6]
    assert ledger.free_nonces(SELLER.address, 2, 1) == [ledger.next_nonce(SELLER.address, 2)] == [5]


def test_looking_needs_no_sender_and_acting_does(venue: ChainVenue) -> None:
    ledger = EvmAssetLedger(venue.chain.node, venue.network)
    given = orders(venue, 2)
    assert [one.head for one in ledger.views({venue.id(one): one for one in given}).values()] == [AssetStatus.NONE] * 2
    assert ledger.views({}) == {}
    with pytest.raises(Refused, match="ReadOnly"):
        ledger.lock_all([call(venue, one) for one in given])


def test_a_batch_that_starves_goes_leg_by_leg(venue: ChainVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wallet that became a contract may use more gas than was thought: nothing of the batch was done."""
    from lockstep.chain import acting

    given = orders(venue, 3)
    monkeypatch.setattr(acting, "_LOCK_ROOM", 100_000)
    assert lock(venue, given) == [None] * 3
    venue.mine(4)
    for _ in range(3):
        assert lock(venue, given) == [None] * 3
        venue.mine(2)
    assert heads(venue, given) == [AssetStatus.LOCKED] * 3
    assert kinds(venue) == [("lockBatch", "reverted")] + [("lock", "mined")] * 3


def test_a_window_that_is_full(queued: ChainVenue) -> None:
    venue = queued
    given = orders(venue, 5, first=2_000)
    log, node = FakeTransactionLog(), venue.chain.node
    ledger = EvmAssetLedger(node, venue.network, Sender(node, OPERATOR, log, lambda _: None, SendingRules(window=2)))
    proofs = [EndCall(settlement_id=venue.id(one), order=one, proof=venue.proof(one, PAID)) for one in given]
    assert ledger.lock_all([call(venue, one) for one in given]) == [None] * 5
    venue.mine(3)
    seen = []
    for _ in range(4):
        seen.append([type(one).__name__ for one in ledger.settle_all(proofs)].count("Unavailable"))
        venue.mine()
    assert seen == [3, 1, 0, 0]
    assert heads(venue, given) == [AssetStatus.SETTLED] * 5
