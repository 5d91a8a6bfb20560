"""DvP: cycles. Happy paths, what stays true after the lock, and the way out of each state."""

from itertools import pairwise

import pytest

from .cycles import Cycle, NetWorld, Trade, position
from .hands import confirmed
from .harness import DAY, NEVER, PAID, Standing, Status, World, packed, sign

AMPLE = 15_000_000


@pytest.fixture
def nets(world: World) -> NetWorld:
    return NetWorld(world)


def ring(nets: NetWorld, **changes) -> Cycle:
    """0 sells 100 to 1, 1 sells 70 to 2, 2 sells 40 to 0 and 10 to 1: nets -60, +40, +20."""
    keys = nets.members(3)
    trades = (Trade(0, 1, 100), Trade(1, 2, 70), Trade(2, 0, 40), Trade(2, 1, 10))
    return nets.cycle(keys, trades, **changes)


def transfers(world: World, receipt) -> list[tuple[str, str, int]]:
    return [
        (told["from"], told["to"], told["value"]) for name, told in world.events(receipt) if name == "Transfer"
    ]  # fmt: skip


def test_only_the_net_moves(world: World, nets: NetWorld) -> None:
    cycle = ring(nets)
    giver, second, third = cycle.parties
    receipt = world.send(nets.lock_call(cycle), world.outsider, AMPLE)
    id_ = nets.id_of(cycle)
    assert world.events(receipt) == [
        ("NetLocked", {"settlementId": id_, "cycle": cycle.message}),
        ("Earmarked", {"holder": giver, "earmarker": world.dvp.address, "quantity": 60}),
    ]
    assert world.dvp.functions.netSettlementId(cycle.words).call() == id_
    assert nets.status(cycle) == Status.LOCKED
    assert nets.holdings(cycle) == [(1_000, 940), (1_000, 1_000), (1_000, 1_000)]
    assert world.token.functions.earmarkedOf(giver, world.dvp.address).call() == 60
    receipt = nets.settle(cycle)
    assert world.events(receipt)[0] == ("Settled", {"settlementId": id_})
    assert transfers(world, receipt) == [(giver, second, 40), (giver, third, 20)]
    assert nets.status(cycle) == Status.SETTLED
    assert nets.holdings(cycle) == [(940, 940), (1_040, 1_040), (1_020, 1_020)]


def test_the_gross_trades_are_provable_from_the_event_alone(world: World, nets: NetWorld) -> None:
    """Its cycle hashes to the id that the agents signed; its legs are those that the parties signed."""
    cycle = ring(nets)
    receipt = world.send(nets.lock_call(cycle), world.outsider, AMPLE)
    told = dict(world.events(receipt)[0][1])
    assert nets.digest("Cycle", dict(told["cycle"])) == told["settlementId"]
    legs = told["cycle"]["legs"]
    assert [legs[i : i + 43] for i in range(0, len(legs), 43)] == [trade.words for trade in cycle.trades]


def test_transfers_explain_every_balance_and_pair_givers_with_takers(world: World, nets: NetWorld) -> None:
    keys = nets.members(7)
    trades = [Trade(i, (i * 3 + 1) % 7, 10 + 7 * i) for i in range(7) if i != (i * 3 + 1) % 7]
    trades += [Trade(5, 2, 33), Trade(0, 6, 5), Trade(3, 2, 1)]
    cycle = nets.cycle(keys, trades)
    sums = {party: cycle.nets().get((0, i), 0) for i, party in enumerate(cycle.parties)}
    nets.lock(cycle)
    before = dict(zip(cycle.parties, nets.holdings(cycle), strict=True))
    moved = transfers(world, nets.settle(cycle))
    givers = {party for party, net in sums.items() if net < 0}
    takers = {party for party, net in sums.items() if net > 0}
    assert {one[0] for one in moved} == givers
    assert {one[1] for one in moved} == takers
    assert len(moved) < len(givers) + len(takers)
    for party, net in sums.items():
        assert net == sum(q for _, to, q in moved if to == party) - sum(q for from_, _, q in moved if from_ == party)
    assert nets.holdings(cycle) == [(before[p][0] + sums[p],) * 2 for p in cycle.parties]


def test_several_securities_settle_together(world: World, nets: NetWorld) -> None:
    tokens = sorted((world.token, world.deploy_token(), world.deploy_token()), key=lambda one: int(one.address, 16))
    keys = nets.members(4, tokens=tokens)
    trades = (Trade(0, 1, 10, 0), Trade(1, 2, 20, 1), Trade(2, 3, 30, 2), Trade(3, 0, 5, 0), Trade(1, 0, 10, 1))
    cycle = nets.cycle(keys, trades, tokens=tuple(one.address for one in tokens))
    nets.lock(cycle)
    nets.settle(cycle)
    expected = [
        [(995,), (1_010,), (1_000,), (995,)],
        [(1_010,), (970,), (1_020,), (1_000,)],
        [(1_000,), (1_000,), (970,), (1_030,)],
    ]
    assert [[held[:1] for held in nets.holdings(cycle, token)] for token in tokens] == expected


def test_all_or_none_over_the_securities(world: World, nets: NetWorld) -> None:
    hostile = world.deploy("MockToken")
    tokens = sorted((world.token.address, hostile.address), key=lambda one: int(one, 16))
    good, bad = tokens.index(world.token.address), tokens.index(hostile.address)
    keys = nets.members(2)
    cycle = nets.cycle(keys, (Trade(0, 1, 10, good), Trade(1, 0, 10, bad)), tokens=tuple(tokens))
    other = nets.cycle(keys, (Trade(0, 1, 7),))
    nets.lock(cycle)
    nets.lock(other)
    world.send(hostile.functions.prepare(b"", True), world.outsider)
    assert world.refusal(nets.prove("settleNet", cycle, PAID), gas=AMPLE) == ("Refused",)
    # Its own cycle waits, Paid; nobody else does (I8).
    world.send(nets.prove("recordPaidNet", cycle, PAID), world.outsider)
    nets.settle(other)
    assert nets.holdings(cycle) == [(993, 983), (1_007, 1_007)]
    world.send(hostile.functions.prepare(b"", False), world.outsider)
    world.send(world.dvp.functions.settleNet(nets.id_of(cycle), cycle.net(), b""), world.outsider)
    assert nets.holdings(cycle) == [(983, 983), (1_017, 1_017)]


@pytest.mark.parametrize("name", ["settleNet", "giveBackNet"])
def test_a_reentering_token_finds_the_cycle_ended(world: World, nets: NetWorld, name: str) -> None:
    hostile = world.deploy("MockToken")
    cycle = nets.cycle(nets.members(2), (Trade(0, 1, 10),), tokens=(hostile.address,))
    nets.lock(cycle)
    again = nets.prove(name, cycle, PAID if name == "settleNet" else NEVER)
    payload = bytes.fromhex(again.build_transaction({"gas": 1, "gasPrice": 1, "nonce": 0})["data"][2:])
    world.send(hostile.functions.prepare(payload, False), world.outsider)
    world.send(again, world.outsider)
    assert world.decode_error(hostile.functions.reentryAnswer().call())[0] == "AlreadyEnded"


def test_a_reentering_token_cannot_lock_its_cycle_twice(world: World, nets: NetWorld) -> None:
    hostile = world.deploy("MockToken")
    cycle = nets.cycle(nets.members(2), (Trade(0, 1, 10),), tokens=(hostile.address,))
    again = nets.lock_call(cycle)
    payload = bytes.fromhex(again.build_transaction({"gas": 1, "gasPrice": 1, "nonce": 0})["data"][2:])
    world.send(hostile.functions.prepare(payload, False), world.outsider)
    world.send(again, world.outsider, AMPLE)
    answer = world.decode_error(hostile.functions.reentryAnswer().call())
    assert answer == ("WrongStatus", nets.id_of(cycle), Status.LOCKED, Status.NONE)


def test_who_nets_to_zero_moves_nothing_and_is_judged_all_the_same(world: World, nets: NetWorld) -> None:
    keys = nets.members(3)
    cycle = nets.cycle(keys, (Trade(0, 1, 50), Trade(1, 2, 50)))
    middle = keys[1].address
    world.set_standing(middle, Standing.SUSPENDED)
    refused = world.refusal(nets.lock_call(cycle), gas=AMPLE)
    assert refused[:3] == ("NotEligible", middle.lower(), Standing.SUSPENDED)
    world.set_standing(middle, Standing.ACTIVE)
    nets.lock(cycle)
    assert transfers(world, nets.settle(cycle)) == [(keys[0].address, keys[2].address, 50)]


def test_a_cycle_that_nets_to_nothing_settles(world: World, nets: NetWorld) -> None:
    cycle = nets.cycle(nets.members(2), (Trade(0, 1, 50), Trade(1, 0, 50)))
    nets.lock(cycle)
    assert transfers(world, nets.settle(cycle)) == []
    assert nets.status(cycle) == Status.SETTLED


@pytest.mark.parametrize("who", range(3))
def test_every_party_is_judged_at_the_lock(world: World, nets: NetWorld, who: int) -> None:
    cycle = ring(nets)
    world.set_standing(cycle.parties[who], Standing.CLOSED)
    refused = world.refusal(nets.lock_call(cycle), gas=AMPLE)
    assert refused[:3] == ("NotEligible", cycle.parties[who].lower(), Standing.CLOSED)


def test_paused_frozen_or_short_nothing_is_locked(world: World, nets: NetWorld) -> None:
    cycle, functions = ring(nets), world.token.functions
    giver = cycle.parties[0]
    world.send(functions.setPaused(True), world.officer)
    assert world.refusal(nets.lock_call(cycle), gas=AMPLE)[0] == "SecurityPaused"
    confirmed(world, functions.setPaused(False), world.officer)
    world.send(functions.setAccountFrozen(giver, True), world.officer)
    assert world.refusal(nets.lock_call(cycle), gas=AMPLE) == ("ERC7943CannotSend", giver.lower())
    confirmed(world, functions.setAccountFrozen(giver, False), world.officer)
    world.send(functions.setFrozenTokens(giver, 941), world.officer)
    assert world.refusal(nets.lock_call(cycle), gas=AMPLE) == ("InsufficientFreeUnits", giver.lower(), 59, 60)
    confirmed(world, functions.setFrozenTokens(giver, 940), world.officer)
    nets.lock(cycle)


@pytest.mark.parametrize("name", ["settleNet", "giveBackNet"])
def test_nothing_after_the_lock_stops_an_ending(world: World, nets: NetWorld, name: str) -> None:
    cycle = ring(nets)
    nets.lock(cycle)
    world.send(world.token.functions.setPaused(True), world.officer)
    for party in cycle.parties:
        world.send(world.token.functions.setAccountFrozen(party, True), world.officer)
        world.set_standing(party, Standing.CLOSED)
    world.send(world.token.functions.setRules(0, 0), world.issuer)
    world.tester.time_travel(cycle.pay_by + 400 * DAY)
    world.send(nets.prove(name, cycle, PAID if name == "settleNet" else NEVER), world.outsider, AMPLE)
    owned = [held for held, _ in nets.holdings(cycle)]
    assert owned == ([940, 1_040, 1_020] if name == "settleNet" else [1_000] * 3)


def test_units_arrive_at_the_heirs_of_recovered_wallets(world: World, nets: NetWorld) -> None:
    cycle = ring(nets)
    nets.lock(cycle)
    lost = {1: "heir of the taker", 0: "heir of the giver"}
    heirs = {}
    for place, name in lost.items():
        wallet, heir = (
            cycle.parties[place],
            nets.world.w3.to_checksum_address("0x" + bytes(name[-20:].zfill(20), "ascii").hex()),
        )
        lei = world.registry.functions.participantOf(wallet).call()[0]
        world.send(world.registry.functions.register(heir, lei, b"DE", 1, 2**40 - 1), world.registrar)
        succeed = world.registry.functions.succeed(wallet, heir)
        data = succeed.build_transaction({"gas": 1, "gasPrice": 1, "nonce": 0})["data"]
        world.send(world.registry.functions.propose(data), world.registrar)
        world.send(succeed, world.confirmer)
        world.send(world.token.functions.recover(wallet), world.outsider)
        heirs[place] = heir
    moved = transfers(world, nets.settle(cycle))
    assert moved == [(cycle.parties[0], heirs[1], 40), (cycle.parties[0], cycle.parties[2], 20)]
    balance = world.token.functions.balanceOf
    assert [balance(party).call() for party in (*cycle.parties, heirs[0], heirs[1])] == [0, 0, 1_020, 940, 1_040]


def test_recorded_as_paid_it_is_delivered_without_a_proof_and_never_given_back(world: World, nets: NetWorld) -> None:
    cycle = ring(nets)
    id_ = nets.lock(cycle)
    receipt = world.send(nets.prove("recordPaidNet", cycle, PAID), world.outsider)
    assert world.events(receipt) == [("PaidRecorded", {"settlementId": id_})]
    for call in (nets.prove("giveBackNet", cycle, NEVER), nets.prove("recordPaidNet", cycle, PAID)):
        assert world.refusal(call) == ("WrongStatus", id_, Status.PAID, Status.LOCKED)
    world.send(world.dvp.functions.settleNet(id_, cycle.net(), b""), world.outsider)
    assert nets.status(cycle) == Status.SETTLED


def test_given_back_it_is_over(world: World, nets: NetWorld) -> None:
    cycle = ring(nets)
    id_ = nets.lock(cycle)
    receipt = world.send(nets.prove("giveBackNet", cycle, NEVER), world.outsider)
    told = {"holder": cycle.parties[0], "earmarker": world.dvp.address, "quantity": 60}
    assert world.events(receipt) == [("GivenBack", {"settlementId": id_}), ("EarmarkReleased", told)]
    assert nets.holdings(cycle) == [(1_000, 1_000)] * 3
    for name, result in (("settleNet", PAID), ("recordPaidNet", PAID), ("giveBackNet", NEVER)):
        refused = world.refusal(nets.prove(name, cycle, result), gas=AMPLE)
        assert refused == ("AlreadyEnded", id_, Status.GIVEN_BACK, Status.LOCKED)
    refused = world.refusal(nets.lock_call(cycle), gas=AMPLE)
    assert refused == ("WrongStatus", id_, Status.GIVEN_BACK, Status.NONE)


def test_two_roles_end_a_cycle_that_nobody_proves(world: World, nets: NetWorld) -> None:
    """I12, and never by one role or a clock alone."""
    cycle = ring(nets)
    id_, net = nets.lock(cycle), cycle.net()
    functions = world.dvp.functions
    propose, confirm = functions.proposeNetLongStop(id_, net), functions.confirmNetLongStop(id_, net)
    assert world.refusal(propose, world.officer)[0] == "TooEarly"
    assert world.refusal(confirm, world.confirmer) == ("NotProposed", id_, b"\x00" * 32)
    world.tester.time_travel(cycle.pay_by + 5 * DAY + 1)
    assert world.refusal(propose, world.confirmer)[0] == "NotInRole"
    receipt = world.send(propose, world.officer)
    assert world.events(receipt) == [("LongStopProposed", {"settlementId": id_, "from": world.now() + 2 * DAY})]
    assert world.refusal(propose, world.officer)[0] == "AlreadyProposed"
    assert world.refusal(confirm, world.confirmer)[0] == "TooEarly"
    world.tester.time_travel(world.now() + 3 * DAY)
    assert world.refusal(confirm, world.officer)[0] == "NotInRole"
    receipt = world.send(confirm, world.confirmer)
    assert [name for name, _ in world.events(receipt)] == ["GivenBack", "EarmarkReleased"]
    assert nets.holdings(cycle) == [(1_000, 1_000)] * 3
    assert world.refusal(propose, world.officer)[0] == "AlreadyEnded"


def test_a_proof_of_paid_defeats_the_long_stop_of_a_cycle(world: World, nets: NetWorld) -> None:
    cycle = ring(nets)
    id_, net = nets.lock(cycle), cycle.net()
    world.tester.time_travel(cycle.pay_by + 6 * DAY)
    world.send(world.dvp.functions.proposeNetLongStop(id_, net), world.officer)
    world.tester.time_travel(world.now() + 3 * DAY)
    world.send(nets.prove("recordPaidNet", cycle, PAID), world.outsider)
    refused = world.refusal(world.dvp.functions.confirmNetLongStop(id_, net), world.confirmer)
    assert refused == ("WrongStatus", id_, Status.PAID, Status.LOCKED)
    nets.settle(cycle)


@pytest.mark.parametrize("gas", range(60_000, 260_000, 25_000))
def test_starved_of_gas_all_or_nothing_is_delivered(world: World, nets: NetWorld, gas: int) -> None:
    cycle = ring(nets)
    nets.lock(cycle)
    receipt = world.attempt(nets.prove("settleNet", cycle, PAID), world.outsider, gas)
    assert nets.status(cycle) == (Status.SETTLED if receipt["status"] else Status.LOCKED)
    assert [held for held, _ in nets.holdings(cycle)] in ([940, 1_040, 1_020], [1_000] * 3)


def test_the_largest_quantities_are_exact(world: World, nets: NetWorld) -> None:
    """2^60 - 1 is all that a security can have; gross sums beyond 2^64 net to it."""
    most = 2**60 - 1
    token = world.deploy_token()
    keys = nets.members(3, 0, tokens=(token,))
    world.send(token.functions.issue(keys[0].address, most), world.issuer)
    huge = 2**64 - 1
    trades = [Trade(1, 2, huge)] * 20 + [Trade(2, 1, huge)] * 20 + [Trade(0, 2, most)]
    cycle = nets.cycle(keys, trades, tokens=(token.address,))
    nets.lock(cycle)
    nets.settle(cycle)
    assert nets.holdings(cycle, token) == [(0, 0), (0, 0), (most, most)]
    more = nets.cycle(keys, [Trade(2, 0, huge)] * 40 + [Trade(0, 1, 1)], tokens=(token.address,))
    refused = world.refusal(nets.lock_call(more), gas=AMPLE)
    assert refused == ("InsufficientFreeUnits", keys[2].address.lower(), most, 40 * huge)


def test_a_wallet_contract_can_be_a_party(world: World, nets: NetWorld) -> None:
    cycle = ring(nets)
    wallet = world.deploy("MockWallet", cycle.keys[1].address, 0)
    world.register(wallet.address)
    order = sorted(range(3), key=lambda i: int(wallet.address if i == 1 else cycle.parties[i], 16))
    keys, place = [cycle.keys[i] for i in order], order.index(1)
    trades = [Trade(order.index(t.seller), order.index(t.buyer), t.quantity) for t in cycle.trades]
    theirs = nets.cycle(keys, trades, wallets={place: wallet.address})
    signatures = nets.signatures(theirs, theirs.limits())
    digest = nets.statement(theirs, place, [theirs.limits()[place]])
    # The mock reads 65 bytes; a key's own signature is no wallet's.
    refused = world.refusal(nets.lock_call(theirs, None, signatures), gas=AMPLE)
    assert refused == ("InvalidSignature", nets.id_of(theirs), wallet.address.lower())
    signatures[place] = sign(theirs.keys[place], digest)
    world.send(nets.lock_call(theirs, None, signatures), world.outsider, AMPLE)
    nets.settle(theirs)
    assert world.holding(wallet.address) == (40, 40)


def test_the_token_refuses_positions_that_create_units(world: World, nets: NetWorld) -> None:
    """Whatever an earmarker says: each security shows conservation by itself."""
    keys = nets.members(2)
    token = world.deploy_token([world.outsider.address, world.collateral.address, world.gateway.address])
    world.send(token.functions.issue(keys[0].address, 100), world.issuer)
    giver, taker = (key.address for key in keys)
    functions = token.functions
    for given, taken in ((10, 11), (0, 1), (10, 9), (2**95, 2**95 - 1)):
        for call in (functions.earmarkNet, functions.settleNet):
            refused = world.refusal(call([position(giver, -given), position(taker, taken)]), world.outsider)
            assert refused == ("UnbalancedNet", taken - given)
    balanced = [position(giver, -10), position(taker, 10)]
    for call in (functions.earmarkNet(balanced), functions.settleNet(balanced)):
        assert world.refusal(call, world.seller) == ("NotEarmarker", world.seller.address.lower())
    refused = world.refusal(functions.settleNet(balanced), world.outsider)
    assert refused == ("InsufficientEarmark", giver.lower(), world.outsider.address.lower(), 0, 10)
    world.send(functions.earmarkNet(balanced), world.outsider)
    both_sides = [position(giver, -10), position(giver, 4), position(taker, 6)]
    world.send(functions.settleNet(both_sides), world.outsider)
    assert [functions.balanceOf(one).call() for one in (giver, taker)] == [94, 6]
    assert functions.freeOf(giver).call() == 94


def test_its_code_alone_can_do_nothing(world: World, nets: NetWorld) -> None:
    """The contract behind cycles, called directly, has no epoch and no lane in any token."""
    cycle = ring(nets)
    code = world.w3.eth.contract(world.dvp.functions.netCode().call(), abi=world.dvp.abi)
    call = code.functions.lockNet(cycle.words, cycle.limits(), nets.signatures(cycle, cycle.limits()))
    assert world.refusal(call, gas=AMPLE) == ("NotCurrentEpoch", nets.id_of(cycle), 1, 0)
    empty = cycle.but(epoch=0)
    call = code.functions.lockNet(empty.words, empty.limits(), nets.signatures(empty, empty.limits()))
    refused = world.refusal(call, gas=AMPLE)
    assert refused == ("NotEarmarker", code.address.lower())


def test_a_chain_by_another_name_ends_what_is_locked_and_locks_nothing(world: World, nets: NetWorld) -> None:
    """Ids stay; a proof counts on the chain that the agents named, and on no other."""
    cycle = ring(nets)
    id_ = nets.lock(cycle)
    order, next_ = world.brought_to(Status.LOCKED, nonce=0), world.order(nonce=1)
    later = cycle.but(cash_hash=b"\x55" * 32)
    lock, net_lock = world.lock_call(next_), nets.lock_call(later)
    proofs = {
        chain: packed(world.proof(world.outcome(world.id_of(order), PAID, chain_id=chain)))
        for chain in (world.chain_id, world.chain_id + 1)
    }
    cycle_proof = packed(world.proof(world.outcome(id_, NEVER, chain_id=world.chain_id + 1)))
    old, new = world.chain_id, world.chain_id + 1
    chain = world.tester.backend.chain
    kept = chain.chain_id
    chain.chain_id = new
    try:
        assert world.dvp.functions.eip712Domain().call()[3] == new
        assert world.dvp.functions.settlementId(order.words).call() == world.id_of(order)
        assert world.refusal(lock) == ("ChainChanged", world.id_of(next_), new, old)
        assert world.refusal(net_lock, gas=AMPLE) == ("ChainChanged", nets.id_of(later), new, old)
        settle = world.dvp.functions.settle
        assert world.refusal(settle(world.leg(order), proofs[old]))[:2] == ("ProofNotFromEpoch", world.id_of(order))
        settle(world.leg(order), proofs[new]).call()
        world.dvp.functions.giveBackNet(id_, cycle.net(), cycle_proof).call()
    finally:
        chain.chain_id = kept


def test_parties_stand_in_order(nets: NetWorld) -> None:
    assert all(int(a.address, 16) < int(b.address, 16) for a, b in pairwise(nets.members(5)))
