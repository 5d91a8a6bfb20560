"""Attacks on cycles: a token that turns on its own cycle, a wallet that nobody has, the edges of size and gas."""

import pytest

from .cycles import Cycle, NetWorld, Trade, position
from .harness import DAY, NEVER, PAID, ZERO, Key, Status, World, compact, packed, sign

AMPLE = 15_000_000
GRACE = 5 * DAY


@pytest.fixture
def nets(world: World) -> NetWorld:
    return NetWorld(world)


class Trap:
    """A locked cycle in two securities; the token of one refuses everything from now on."""

    def __init__(self, world: World, nets: NetWorld) -> None:
        self.world, self.nets = world, nets
        self.hostile = world.deploy("MockToken")
        tokens = sorted((world.token.address, self.hostile.address), key=lambda one: int(one, 16))
        self.good, self.bad = tokens.index(world.token.address), tokens.index(self.hostile.address)
        trades = (Trade(0, 1, 10, self.good), Trade(1, 0, 10, self.bad))
        self.cycle: Cycle = nets.cycle(nets.members(2), trades, tokens=tuple(tokens))
        self.id = nets.lock(self.cycle)
        self.refuse(True)

    def refuse(self, refuses: bool) -> None:
        self.world.send(self.hostile.functions.prepare(b"", refuses), self.world.outsider)

    def proof(self, result: int) -> bytes:
        return packed(self.world.proof(self.world.outcome(self.id, result)))

    def give_back(self, place: int, proof: bytes = b""):
        return self.world.dvp.functions.giveBackNetOf(self.id, self.cycle.net(), place, proof)

    def settle(self, place: int):
        return self.world.dvp.functions.settleNetOf(self.id, self.cycle.net(), place)

    def left(self) -> int:
        return self.world.dvp.functions.leftOfNet(self.id).call()

    def owned(self) -> list[tuple[int, int]]:
        return self.nets.holdings(self.cycle)


@pytest.fixture
def trap(world: World, nets: NetWorld) -> Trap:
    return Trap(world, nets)


@pytest.mark.parametrize("misbehaves", ["refuses", "burns gas", "floods"])
def test_a_hostile_token_does_not_keep_the_other_securities(world: World, trap: Trap, misbehaves: str) -> None:
    """I12: it refuses whatever ends the cycle whole, by proof or by long stop; the honest units come free."""
    if misbehaves != "refuses":
        world.send(trap.hostile.functions.become(["burns gas", "floods"].index(misbehaves) + 1), world.outsider)
    whole = trap.nets.prove("giveBackNet", trap.cycle, NEVER)
    assert world.attempt(whole, world.outsider, 3_000_000)["status"] == 0
    assert trap.owned() == [(1_000, 990), (1_000, 1_000)]
    receipt = world.send(trap.give_back(trap.good, trap.proof(NEVER)), world.outsider)
    assert [name for name, _ in world.events(receipt)] == ["GivenBack", "NetSecurityEnded", "EarmarkReleased"]
    told = {"settlementId": trap.id, "place": trap.good, "left": 1 << trap.bad}
    assert ("NetSecurityEnded", told) in world.events(receipt)
    assert trap.owned() == [(1_000, 1_000)] * 2
    assert trap.nets.status(trap.cycle) == Status.GIVEN_BACK


def test_each_security_is_given_back_once(world: World, trap: Trap) -> None:
    """Not another lock's units, by any order of the calls (I10)."""
    other = trap.nets.cycle(trap.cycle.keys, (Trade(0, 1, 10),))
    trap.nets.lock(other)
    ended = ("AlreadyEnded", trap.id, Status.GIVEN_BACK, Status.LOCKED)
    for place in (2, 255, 256, 2**256 - 1):
        refused = world.refusal(trap.give_back(place, trap.proof(NEVER)))
        assert refused == (*ended[:2], Status.LOCKED, Status.LOCKED)
    world.send(trap.give_back(trap.good, trap.proof(NEVER)), world.outsider)
    assert world.refusal(trap.give_back(trap.good, trap.proof(NEVER))) == ended
    assert world.refusal(trap.nets.prove("giveBackNet", trap.cycle, NEVER)) == ended
    for name in ("settleNet", "recordPaidNet"):
        assert world.refusal(trap.nets.prove(name, trap.cycle, PAID))[0] == "AlreadyEnded"
    assert world.refusal(trap.settle(trap.bad)) == ("WrongStatus", trap.id, Status.GIVEN_BACK, Status.PAID)
    assert world.refusal(trap.give_back(trap.bad)) == ("Refused",)
    trap.refuse(False)
    world.send(trap.give_back(trap.bad), world.outsider)
    assert trap.left() == 0
    assert world.refusal(trap.give_back(trap.bad)) == ended
    assert trap.owned() == [(1_000, 990), (1_000, 1_000)]
    whole = trap.nets.cycle(trap.cycle.keys, (Trade(0, 1, 5),))
    id_ = trap.nets.lock(whole)
    world.send(trap.nets.prove("giveBackNet", whole, NEVER), world.outsider)
    again = world.dvp.functions.giveBackNetOf(id_, whole.net(), 0, b"")
    assert world.refusal(again)[0] == "AlreadyEnded"
    assert trap.owned() == [(1_000, 990), (1_000, 1_000)]


def test_one_security_is_given_back_on_a_proof_of_never_only(world: World, trap: Trap) -> None:
    """I1, I8: by no other outcome, not without one, and not what is paid."""
    assert world.refusal(trap.give_back(trap.good, trap.proof(PAID)))[0] == "ProofNotFromEpoch"
    assert world.refusal(trap.give_back(trap.good))[0] == "NotInRole"
    assert world.refusal(trap.give_back(trap.good), world.confirmer)[0] == "NotProposed"
    net = (1, trap.cycle.pay_by - 1, trap.cycle.net()[2])
    other = world.dvp.functions.giveBackNetOf(trap.id, net, trap.good, trap.proof(NEVER))
    assert world.refusal(other)[0] == "NetMismatch"
    unknown = world.dvp.functions.giveBackNetOf(b"\x01" * 32, trap.cycle.net(), 0, trap.proof(NEVER))
    assert world.refusal(unknown)[0] == "WrongStatus"
    world.send(trap.nets.prove("recordPaidNet", trap.cycle, PAID), world.outsider)
    refused = world.refusal(trap.give_back(trap.good, trap.proof(NEVER)))
    assert refused == ("WrongStatus", trap.id, Status.PAID, Status.LOCKED)


def test_the_long_stop_passes_a_hostile_token(world: World, trap: Trap) -> None:
    """By both roles, with both waits, and by neither alone; afterwards anyone ends the rest."""
    world.tester.time_travel(trap.cycle.pay_by + GRACE + 1)
    world.send(world.dvp.functions.proposeNetLongStop(trap.id, trap.cycle.net()), world.officer)
    assert world.refusal(trap.give_back(trap.good), world.confirmer)[0] == "TooEarly"
    world.tester.time_travel(world.now() + 3 * DAY)
    whole = world.dvp.functions.confirmNetLongStop(trap.id, trap.cycle.net())
    assert world.refusal(whole, world.confirmer) == ("Refused",)
    assert world.refusal(trap.give_back(trap.good), world.officer)[0] == "NotInRole"
    world.send(trap.give_back(trap.good), world.confirmer)
    assert trap.owned() == [(1_000, 1_000)] * 2
    trap.refuse(False)
    world.send(trap.give_back(trap.bad), world.outsider)
    assert trap.left() == 0


def test_what_is_paid_is_delivered_past_a_hostile_token(world: World, trap: Trap) -> None:
    """I8, I12; nobody may split a cycle before it had its time to be delivered whole."""
    assert world.refusal(trap.settle(trap.good)) == ("WrongStatus", trap.id, Status.LOCKED, Status.PAID)
    world.send(trap.nets.prove("recordPaidNet", trap.cycle, PAID), world.outsider)
    assert world.refusal(trap.settle(trap.good))[0] == "TooEarly"
    world.tester.time_travel(trap.cycle.pay_by + GRACE + 1)
    receipt = world.send(trap.settle(trap.good), world.outsider)
    assert [name for name, _ in world.events(receipt)] == ["Settled", "NetSecurityEnded", "Transfer"]
    assert trap.owned() == [(990, 990), (1_010, 1_010)]
    ended = ("AlreadyEnded", trap.id, Status.SETTLED, Status.LOCKED)
    assert world.refusal(trap.settle(trap.good)) == ended
    assert world.refusal(trap.nets.prove("settleNet", trap.cycle, PAID)) == ended
    refused = world.refusal(trap.give_back(trap.bad, trap.proof(NEVER)))
    assert refused == ("WrongStatus", trap.id, Status.SETTLED, Status.LOCKED)
    assert (world.refusal(trap.settle(trap.bad)), trap.left()) == (("Refused",), 1 << trap.bad)
    trap.refuse(False)
    world.send(trap.settle(trap.bad), world.outsider)
    assert trap.left() == 0
    assert world.refusal(trap.settle(trap.bad)) == ended


@pytest.mark.parametrize("ending", ["settleNetOf", "giveBackNetOf"])
def test_a_token_that_calls_back_finds_its_security_ended(world: World, trap: Trap, ending: str) -> None:
    if ending == "settleNetOf":
        world.send(trap.nets.prove("recordPaidNet", trap.cycle, PAID), world.outsider)
        world.tester.time_travel(trap.cycle.pay_by + GRACE + 1)
        call = trap.settle(trap.bad)
    else:
        call = trap.give_back(trap.bad, trap.proof(NEVER))
    payload = bytes.fromhex(call.build_transaction({"gas": 1, "gasPrice": 1, "nonce": 0})["data"][2:])
    world.send(trap.hostile.functions.prepare(payload, False), world.outsider)
    world.send(call, world.outsider)
    assert world.decode_error(trap.hostile.functions.reentryAnswer().call())[0] == "AlreadyEnded"
    assert trap.left() == 1 << trap.good


def test_a_cycle_delivered_whole_is_not_delivered_again(world: World, nets: NetWorld) -> None:
    cycle = nets.cycle(nets.members(2), (Trade(0, 1, 10),))
    id_ = nets.lock(cycle)
    other = nets.cycle(cycle.keys, (Trade(0, 1, 10), Trade(0, 1, 1)))
    nets.lock(other)
    nets.settle(cycle)
    again = world.dvp.functions.settleNetOf(id_, cycle.net(), 0)
    world.tester.time_travel(cycle.pay_by + GRACE + 1)
    assert world.refusal(again) == ("AlreadyEnded", id_, Status.SETTLED, Status.LOCKED)
    assert nets.holdings(cycle) == [(990, 979), (1_010, 1_010)]


def test_an_earmarker_cannot_deliver_to_nobody(world: World, nets: NetWorld, lane: Key) -> None:
    """As settleEarmark refuses it: a Transfer to zero says that units were redeemed, and none were."""
    seller = world.seller.address
    functions = world.token.functions
    world.send(functions.makeEarmark(seller, world.buyer.address, 10), lane)
    call = functions.settleNet([position(seller, -10), position(ZERO, 10)])
    assert world.refusal(call, lane) == ("ERC20InvalidReceiver", ZERO)


def test_positions_of_an_earmarker_that_repeat_and_cross(world: World, nets: NetWorld, lane: Key) -> None:
    """The greedy pairing with doubles, a party on both sides, takers first: sums are exact, nothing is made."""
    functions, supply = world.token.functions, world.token.functions.totalSupply().call()
    seller, buyer, other = (key.address for key in (world.seller, world.buyer, world.other))
    world.send(functions.makeEarmark(seller, buyer, 60), lane)
    world.send(
        functions.settleNet(
            [position(other, 25), position(seller, -30), position(seller, 5), position(buyer, 30),
             position(seller, 0), position(seller, -30)]
        ),
        lane,
    )  # fmt: skip
    owned = [functions.balanceOf(one).call() for one in (seller, buyer, other)]
    assert owned == [945, 30, 25]
    assert sum(owned) == supply == functions.totalSupply().call()
    assert functions.freeOf(seller).call() == 945
    empty = functions.settleNet([])
    world.send(empty, lane)
    over = functions.settleNet([position(seller, -(2**95)), position(buyer, 2**95 - 1), position(other, 1)])
    assert world.refusal(over, lane)[0] == "InsufficientEarmark"


def test_dirty_words_and_twisted_offsets_are_refused(world: World, nets: NetWorld) -> None:
    """A cycle whose addresses or numbers carry stray high bits is not another cycle; it is none."""
    cycle = nets.cycle(nets.members(2), (Trade(0, 1, 10),))
    data = bytes.fromhex(nets.lock_call(cycle).build_transaction({"gas": 1, "gasPrice": 1, "nonce": 0})["data"][2:])
    token = b"\0" * 12 + bytes.fromhex(cycle.tokens[0][2:])
    party = b"\0" * 12 + bytes.fromhex(cycle.parties[0][2:])
    deadline = cycle.pay_by.to_bytes(32)
    for clean in (token, party, deadline):
        assert clean in data
        dirty = data.replace(clean, b"\x01" + clean[1:])
        with pytest.raises(Exception, match="revert"):
            world.w3.eth.call({"to": world.dvp.address, "data": "0x" + dirty.hex(), "gas": AMPLE})
    cut = data[:-32]
    with pytest.raises(Exception, match="revert"):
        world.w3.eth.call({"to": world.dvp.address, "data": "0x" + cut.hex(), "gas": AMPLE})


def test_a_signature_for_one_wallet_is_not_anothers_of_the_same_owner(world: World, nets: NetWorld) -> None:
    """Two ERC-1271 wallets of one owner: what one signed differs wherever their trades do."""
    owner, third = Key.named("owner of two"), world.seller
    wallets = [world.deploy("MockWallet", owner.address, 0).address for _ in range(2)]
    for wallet in wallets:
        world.register(wallet)
    places = sorted(([*wallets, third.address]), key=lambda one: int(one, 16))
    a, b, c = (places.index(one) for one in (*wallets, third.address))
    keys = [third if place == c else owner for place in range(3)]
    trades = (Trade(c, a, 10), Trade(c, b, 10))
    cycle = nets.cycle(keys, trades, wallets={a: wallets[0], b: wallets[1]})
    limits = cycle.limits()
    signatures = [b""] * 3
    signatures[c] = compact(sign(third, nets.statement(cycle, c, [limits[c]])))
    signatures[a] = signatures[b] = sign(owner, nets.statement(cycle, a, [limits[a]]))
    refused = world.refusal(nets.lock_call(cycle, limits, signatures), gas=AMPLE)
    assert refused == ("InvalidSignature", nets.id_of(cycle), wallets[1].lower())
