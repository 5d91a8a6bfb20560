"""DvP: every way in which a cycle, its proof or its net positions are refused."""

import pytest

from .cycles import Cycle, NetWorld, Trade, position
from .harness import DAY, NEVER, PAID, ZERO, Key, Status, World, compact, packed, sign

AMPLE = 15_000_000


@pytest.fixture
def nets(world: World) -> NetWorld:
    return NetWorld(world)


def pair(nets: NetWorld, **changes) -> Cycle:
    return nets.cycle(nets.members(2), (Trade(0, 1, 10), Trade(1, 0, 3)), **changes)


def refusal(world: World, call) -> tuple:
    return world.refusal(call, gas=AMPLE)


def test_a_cycle_is_locked_once(world: World, nets: NetWorld) -> None:
    cycle = pair(nets)
    id_ = nets.lock(cycle)
    for status, name, result in ((Status.LOCKED, "", 0), (Status.PAID, "recordPaidNet", PAID)):
        if name:
            world.send(nets.prove(name, cycle, result), world.outsider)
        assert refusal(world, nets.lock_call(cycle)) == ("WrongStatus", id_, status, Status.NONE)
    nets.settle(cycle)
    assert refusal(world, nets.lock_call(cycle)) == ("WrongStatus", id_, Status.SETTLED, Status.NONE)
    assert refusal(world, nets.prove("settleNet", cycle, PAID)) == ("AlreadyEnded", id_, Status.SETTLED, Status.LOCKED)


def test_clock_epoch_and_deadlines(world: World, nets: NetWorld) -> None:
    now = world.now()
    cycle = pair(nets)
    for changed, name in [
        (cycle.but(lock_by=now - 1), "LockByPassed"),
        (cycle.but(lock_by=now + 9_000, pay_by=now + 8_999), "PayByBeforeLockBy"),
        (cycle.but(pay_by=now + 31 * DAY), "PayByTooFar"),
        (cycle.but(epoch=2), "NotCurrentEpoch"),
    ]:
        assert refusal(world, nets.lock_call(changed))[:2] == (name, nets.id_of(changed))


@pytest.mark.parametrize("change", ["quantity", "terms", "left out", "added", "order", "direction", "cash", "deadline"])
def test_a_party_signs_exactly_its_trades(world: World, nets: NetWorld, change: str) -> None:
    cycle = nets.cycle(nets.members(2), (Trade(0, 1, 10), Trade(1, 0, 3)))
    first, second = cycle.trades
    other = cycle.but(
        **{
            "quantity": {"trades": (Trade(0, 1, 11), second)},
            "terms": {"trades": (Trade(0, 1, 10, 0, b"\x34" * 32), second)},
            "left out": {"trades": (first,)},
            "added": {"trades": (first, second, Trade(0, 1, 1))},
            "order": {"trades": (second, first)},
            "direction": {"trades": (Trade(1, 0, 10), second)},
            "cash": {"cash_hash": b"\x45" * 32},
            "deadline": {"pay_by": cycle.pay_by + 1},
        }[change]
    )
    loose = [-(2**60)] * 2
    call = nets.lock_call(other, loose, nets.signatures(cycle, loose))
    assert refusal(world, call) == ("InvalidSignature", nets.id_of(other), cycle.parties[0].lower())


def test_the_trades_are_recomputed_and_not_only_covered_by_the_id(world: World, nets: NetWorld) -> None:
    """Who signs the id of a cycle with other trades than its own has agreed to nothing."""
    cycle = pair(nets)
    theirs = nets.statement(cycle, 0, [-7], legs=cycle.legs_of(0)[:1])
    signatures = nets.signatures(cycle, [-7, 7])
    signatures[0] = compact(sign(cycle.keys[0], theirs))
    assert refusal(world, nets.lock_call(cycle, [-7, 7], signatures))[0] == "InvalidSignature"


def test_signatures_of_others_or_for_other_chains_do_not_count(world: World, nets: NetWorld) -> None:
    cycle = pair(nets)
    limits, id_ = cycle.limits(), nets.id_of(cycle)
    good = nets.signatures(cycle, limits)
    message = {
        "cycleId": id_,
        "legs": cycle.legs_of(1),
        "limits": [{"token": cycle.tokens[0], "least": limits[1]}],
    }
    elsewhere = nets.digest("NetStatement", message, world.chain_id + 1)
    party = cycle.parties[1].lower()
    for bad in (
        b"", good[0], compact(sign(Key.named("stranger"), nets.statement(cycle, 1, limits[1:]))),
        compact(sign(cycle.keys[1], elsewhere)), compact(sign(cycle.keys[1], id_)), good[1][:63],
    ):  # fmt: skip
        assert refusal(world, nets.lock_call(cycle, limits, [good[0], bad])) == ("InvalidSignature", id_, party)
    full = sign(cycle.keys[1], nets.statement(cycle, 1, limits[1:]))
    world.send(nets.lock_call(cycle, limits, [good[0], full]), world.outsider, AMPLE)


def test_limits_hold_per_party_and_security(world: World, nets: NetWorld) -> None:
    cycle = pair(nets)
    id_, token = nets.id_of(cycle), cycle.tokens[0].lower()
    for limits, party, actual, expected in [
        ([-6, 7], 0, -7, -6),
        ([-7, 8], 1, 7, 8),
        ([2**255 - 1, 7], 0, -7, 2**255 - 1),
    ]:
        refused = refusal(world, nets.lock_call(cycle, limits))
        assert refused == ("BelowNetLimit", id_, cycle.parties[party].lower(), token, actual, expected)
    world.send(nets.lock_call(cycle, [-(2**255), -(2**255)]), world.outsider, AMPLE)


def test_limits_are_signed(world: World, nets: NetWorld) -> None:
    cycle = pair(nets)
    call = nets.lock_call(cycle, [-8, 7], nets.signatures(cycle, [-7, 7]))
    assert refusal(world, call) == ("InvalidSignature", nets.id_of(cycle), cycle.parties[0].lower())


def test_lists_fit_each_other(world: World, nets: NetWorld) -> None:
    cycle = pair(nets)
    id_, signatures = nets.id_of(cycle), nets.signatures(cycle, cycle.limits())
    for limits, given, refused in [
        ([-7], signatures, (1, 2)),
        ([-7, 7, 0], signatures, (3, 2)),
        ([-7, 7], signatures[:1], (1, 2)),
        ([-7, 7], [*signatures, b""], (3, 2)),
    ]:
        assert refusal(world, nets.lock_call(cycle, limits, given)) == ("NetLengthMismatch", id_, *refused)


def lock_of(world: World, cycle: Cycle):
    """The call with signatures that are never reached."""
    width = len(cycle.parties)
    return world.dvp.functions.lockNet(cycle.words, [0] * width * len(cycle.tokens), [b""] * width)


def test_legs_are_whole(world: World, nets: NetWorld) -> None:
    cycle = pair(nets)
    for legs, expected in [(b"", 43), (b"\x00" * 42, 43), (b"\x00" * 44, 86), (b"\x00" * 85, 86)]:
        bad = cycle.but(legs=legs)
        refused = refusal(world, lock_of(world, bad))
        assert refused == ("NetLengthMismatch", nets.id_of(bad), len(legs), expected)


def test_each_leg_is_a_trade(world: World, nets: NetWorld) -> None:
    good = pair(nets)
    for trade, refused in [
        (Trade(2, 0, 1), ("LegOutOfRange", 2, 2, 2)),
        (Trade(0, 255, 1), ("LegOutOfRange", 2, 255, 2)),
        (Trade(0, 1, 1, 1), ("LegOutOfRange", 2, 1, 1)),
        (Trade(0, 1, 0), ("LegWithoutQuantity", 2)),
        (Trade(1, 1, 5), ("LegWithSelf", 2, good.parties[1].lower())),
    ]:
        bad = good.but(trades=(*good.trades, trade))
        name, *arguments = refused
        assert refusal(world, lock_of(world, bad)) == (name, nets.id_of(bad), *arguments)


def test_no_party_and_no_security_twice_or_out_of_order(world: World, nets: NetWorld) -> None:
    cycle = pair(nets)
    first, second = cycle.keys
    for keys in ((second, first), (first, first)):
        bad = cycle.but(keys=keys)
        one, two = (key.address.lower() for key in keys)
        assert refusal(world, lock_of(world, bad)) == ("NotAscending", nets.id_of(bad), one, two)
    bad = cycle.but(wallets={0: ZERO})
    assert refusal(world, lock_of(world, bad)) == ("NotAscending", nets.id_of(bad), ZERO, ZERO)
    token = cycle.tokens[0]
    bad = cycle.but(tokens=(token, token))
    assert refusal(world, lock_of(world, bad)) == ("NotAscending", nets.id_of(bad), token.lower(), token.lower())


def test_nobody_and_nothing_stands_idle(world: World, nets: NetWorld) -> None:
    keys = nets.members(3)
    bad = nets.cycle(keys, (Trade(0, 1, 10),))
    assert refusal(world, lock_of(world, bad)) == ("WithoutLegs", nets.id_of(bad), keys[2].address.lower())
    tokens = sorted((world.token.address, world.deploy_token().address), key=lambda one: int(one, 16))
    idle = nets.cycle(keys[:2], (Trade(0, 1, 10),), tokens=tuple(tokens))
    refused = refusal(world, nets.lock_call(idle))
    assert refused == ("WithoutLegs", nets.id_of(idle), tokens[1].lower())


def test_a_security_is_a_contract(world: World, nets: NetWorld) -> None:
    bad = pair(nets, tokens=(world.outsider.address,))
    assert refusal(world, lock_of(world, bad)) == ("NoToken", nets.id_of(bad), world.outsider.address.lower())


def test_a_cycle_has_bounds(world: World, nets: NetWorld) -> None:
    functions = world.dvp.functions
    most, legs = functions.MAX_POSITIONS().call(), functions.MAX_LEGS().call()
    cycle = pair(nets)
    bad = cycle.but(legs=cycle.trades[0].words * (legs + 1))
    call = world.dvp.functions.lockNet(bad.words, [], [])
    assert refusal(world, call) == ("CycleTooLarge", nets.id_of(bad), legs + 1, legs)
    keys = sorted((Key.named(f"many {i}") for i in range(257)), key=lambda key: int(key.address, 16))
    bad = cycle.but(keys=tuple(keys))
    assert refusal(world, functions.lockNet(bad.words, [], [])) == ("CycleTooLarge", nets.id_of(bad), 257, 256)
    tokens = tuple("0x" + (i + 1).to_bytes(20).hex() for i in range(2))
    bad = cycle.but(keys=tuple(keys[:201]), tokens=tuple(world.w3.to_checksum_address(one) for one in tokens))
    assert refusal(world, functions.lockNet(bad.words, [], [])) == ("CycleTooLarge", nets.id_of(bad), 402, most)


@pytest.mark.parametrize("name", ["settleNet", "recordPaidNet", "giveBackNet"])
def test_only_a_proof_of_the_right_outcome_of_this_cycle(world: World, nets: NetWorld, name: str) -> None:
    cycle = pair(nets)
    id_ = nets.lock(cycle)
    right, wrong = (NEVER, PAID) if name == "giveBackNet" else (PAID, NEVER)
    call = world.dvp.functions[name]
    for digest in (
        world.outcome(id_, wrong), world.outcome(id_, right, epoch=2), world.outcome(b"\x01" * 32, right),
        world.outcome(id_, right, chain_id=world.chain_id + 1), world.outcomes([id_], right),
    ):  # fmt: skip
        refused = refusal(world, call(id_, cycle.net(), packed(world.proof(digest))))
        assert refused[:2] == ("ProofNotFromEpoch", id_)
    few = packed(world.proof(world.outcome(id_, right), (0, 1)))
    assert refusal(world, call(id_, cycle.net(), few)) == ("QuorumNotReached", id_, 2, 3)
    assert refusal(world, call(id_, cycle.net(), b""))[:2] == ("MalformedProof", id_)
    assert nets.status(cycle) == Status.LOCKED


@pytest.mark.parametrize("change", ["units", "party", "token", "epoch", "payBy", "missing", "swapped"])
def test_only_the_locked_positions_move(world: World, nets: NetWorld, change: str) -> None:
    cycle = pair(nets)
    id_ = nets.lock(cycle)
    epoch, pay_by, [(token, positions)] = cycle.net()
    giver, taker = cycle.parties
    other = {
        "units": (epoch, pay_by, [(token, [position(giver, -8), position(taker, 8)])]),
        "party": (epoch, pay_by, [(token, [position(giver, -7), position(world.outsider.address, 7)])]),
        "token": (epoch, pay_by, [(world.outsider.address, positions)]),
        "epoch": (epoch + 1, pay_by, [(token, positions)]),
        "payBy": (epoch, pay_by - 1, [(token, positions)]),
        "missing": (epoch, pay_by, []),
        "swapped": (epoch, pay_by, [(token, positions[::-1])]),
    }[change]
    _, kept = world.dvp.functions.statusOfNet(id_).call()
    for name, result in (("settleNet", PAID), ("recordPaidNet", PAID), ("giveBackNet", NEVER)):
        refused = refusal(world, nets.prove(name, cycle, result, other))
        assert (refused[0], refused[1], refused[3]) == ("NetMismatch", id_, kept)
    refused = world.refusal(world.dvp.functions.proposeNetLongStop(id_, other), world.officer)
    assert refused[:2] == ("NetMismatch", id_)


def test_what_was_never_locked_ends_nowhere(world: World, nets: NetWorld) -> None:
    cycle = pair(nets)
    expected = ("WrongStatus", nets.id_of(cycle), Status.NONE, Status.LOCKED)
    for name, result in (("settleNet", PAID), ("recordPaidNet", PAID), ("giveBackNet", NEVER)):
        assert refusal(world, nets.prove(name, cycle, result)) == expected
    propose = world.dvp.functions.proposeNetLongStop(nets.id_of(cycle), cycle.net())
    assert world.refusal(propose, world.officer) == expected
