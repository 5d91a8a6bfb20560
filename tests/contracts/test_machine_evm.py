"""The random market's EVM, encoder and digests against py-evm, eth_abi and eth_account."""

from random import Random
from types import SimpleNamespace

import pytest
from eth_abi import encode
from eth_utils import to_canonical_address

from .cycles import Cycle, NetWorld, Trade
from .harness import Key, Order, typed_digest
from .machine.abi import encoder
from .machine.evm import CHAIN_ID
from .machine.model_dvp import Movement, Terms
from .machine.model_net import Gross, position
from .machine.reading import Layout
from .machine.runner import Run
from .machine.typed import Digests
from .machine.world import OPENING_GAS, START, World
from .pyevm import PyEvm

STEPS = 300


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def brought_up(world: World) -> PyEvm:
    """py-evm after the same opening, at the same addresses."""
    twin, keys = PyEvm(), {key.address: key for key in world.keys.values()}
    twin.now, deployed = START, []
    for sender, to, data in world.opening[: world.opened]:
        outcome, created = twin.send(keys[sender], to, data, OPENING_GAS)
        assert outcome.done
        if not to:
            deployed.append(to_canonical_address(created))
    twin.contracts = tuple(deployed)
    return twin


@pytest.mark.parametrize("seed", [11, 12])
def test_its_results_are_those_of_py_evm(world: World, seed: int) -> None:
    """Return or revert data, logs, and in the end every word of storage, of a random run; gas is never more."""
    run = Run(world, Layout(world), Random(seed))
    twin = brought_up(world)
    assert twin.chain_id == CHAIN_ID
    keys = {key.address: key for key in world.keys.values()}
    refused, logged = 0, 0

    def both(call, data):
        nonlocal refused, logged
        sender, to, calldata, gas = run.transaction(call, data)
        twin.now = run.stage.now
        ours = world.chain.call(sender, to, calldata, gas)
        theirs, _ = twin.send(keys[sender], to, calldata, gas)
        assert (ours.done, ours.data, ours.logs) == (theirs.done, theirs.data, theirs.logs), f"{call}"
        assert ours.gas <= theirs.gas, f"{call}"
        refused += not theirs.done
        logged += len(theirs.logs)
        return ours

    # With scarce gas the two differ, as pyrevm's calls cost less.
    run.scarce = 0.0
    run.execute = both
    # What py-evm cannot be told, as nobody has the key, is sent to neither.
    send = run.send
    run.send = lambda call: send(call) if world.operators.get(call.sender, call.sender) in keys else None
    for _ in range(STEPS):
        run.step()
    assert refused > 30 and logged > 60, (refused, logged)
    assert run.watch.cycles
    words = 0
    for address in twin.contracts:
        for slot, word in twin.words(address).items():
            assert world.chain.storage("0x" + address.hex(), slot) == word
            words += 1
    assert words > 80


def test_its_encoder_is_eth_abi(world: World) -> None:
    run = Run(world, Layout(world), Random(5))
    for _ in range(400):
        run.step()
    compared = set()
    for _, call in run.sent:
        data = run.stage.data(call)
        abi = next(
            one
            for one in world.made[call.contract]["abi"]
            if one["type"] == "function" and one["name"] == call.function
        )
        types = [_type_of(item) for item in abi["inputs"]]
        assert data[4:] == encode(types, call.arguments)
        assert encoder(types)(call.arguments) == data[4:]
        compared.add(call.function)
    assert len(compared) > 35


def _type_of(item: dict) -> str:
    if not item["type"].startswith("tuple"):
        return item["type"]
    return f"({','.join(map(_type_of, item['components']))}){item['type'].removeprefix('tuple')}"


def test_its_digests_are_eth_accounts() -> None:
    dice, contract = Random(3), "0x" + "5c" * 20
    mine = Digests("Lockstep DvP", 1337, contract)
    for _ in range(20):
        address = ["0x" + dice.randbytes(20).hex() for _ in range(6)]
        movement = Movement(*address[:3], dice.getrandbits(64), dice.getrandbits(32), dice.getrandbits(64))
        terms = Terms(
            dice.randbytes(32),
            dice.getrandbits(32),
            dice.getrandbits(64),
            dice.randbytes(32),
            dice.randbytes(32),
            dice.getrandbits(40),
            dice.getrandbits(40),
        )
        fields = movement._asdict() | terms._asdict()
        order = Order(**fields)
        assert mine.order(movement, terms) == typed_digest("Order", order.message, 1337, contract)
        id_, ids = dice.randbytes(32), [dice.randbytes(32) for _ in range(3)]
        outcome = {"settlementId": id_, "result": 2, "epoch": 7}
        assert mine.outcome(id_, 2, 7) == typed_digest("Outcome", outcome, 1337, contract)
        outcomes = {"settlementIds": ids, "result": 1, "epoch": 7}
        assert mine.outcomes(ids, 1, 7) == typed_digest("Outcomes", outcomes, 1337, contract)
        rotation = {"epoch": 3, "agents": address[:4], "quorum": 3, "faulty": 1}
        roles = {"officer": address[4], "confirmer": address[5]}
        assert mine.rotation(3, address[:4], 3, 1, *address[4:]) == typed_digest(
            "Rotation", rotation | roles, 1337, contract
        )


def test_its_cycles_are_eth_accounts() -> None:
    """Id, each party's statement, and the net positions, beside the tests' other way to make a cycle."""
    dice, contract = Random(4), "0x" + "5c" * 20
    mine = Digests("Lockstep DvP", 1337, contract)
    theirs = NetWorld(SimpleNamespace(chain_id=1337, dvp=SimpleNamespace(address=contract)))
    keys = tuple(sorted((Key.named(f"member {i}") for i in range(4)), key=lambda key: int(key.address, 16)))
    for _ in range(20):
        tokens = sorted("0x" + dice.randbytes(20).hex() for _ in range(3))
        trades = [
            Trade(*dice.sample(range(4), 2), dice.getrandbits(64), dice.randrange(3), dice.randbytes(32))
            for _ in range(6)
        ]
        cycle = Cycle(
            tokens=tuple(tokens), keys=keys, trades=tuple(trades), lock_by=dice.getrandbits(40), pay_by=7, epoch=9
        )
        words = cycle.words
        parties = tuple(one.lower() for one in cycle.parties)
        gross = Gross(tuple(tokens), parties, *words[2:])
        id_ = mine.cycle(*gross)
        assert id_ == theirs.id_of(cycle)
        for party in range(4):
            limits = [dice.getrandbits(255) - 2**254 for _ in tokens]
            told = list(zip(tokens, limits, strict=True))
            assert mine.statement(id_, gross.own(party), told) == theirs.statement(cycle, party, limits)
        epoch, pay_by, movements = gross.net()
        packed = [(token, [position(*one) for one in positions]) for token, positions in movements]
        assert (epoch, pay_by, packed) == cycle.net()
    order = dice.randbytes(32)
    part = {"orderId": order, "part": 3, "quantity": 2**63}
    assert mine.part(order, 3, 2**63) == typed_digest("Part", part, 1337, contract)
