"""What a settlement costs: gas of every call that has a goal, on py-evm.

    python bench/gas.py              writes bench/gas.json

Second occurrence, balances that are not zero, quorum 3 of 4, every rule in. `lock` and `dvp` are means over
20 consecutive settlements of one seller; a batch or cycle counts its lock and its settle together.
"""

import json
import sys
from pathlib import Path
from statistics import mean
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the harness is the tests' own, so that both measure the same calls

from contracts.cycles import NetWorld, Trade
from contracts.harness import PAID, Key, Order, Status, World, artifact, compact, keccak, sign

GOALS = {
    "transfer": 45_000,
    "lock": 75_000,
    "settle": 67_000,
    "dvp": 140_000,
    "gross_100_per_leg": 50_000,
    "net_100_20_parties_per_leg": 7_000,
    "net_5_securities_per_position": 18_500,
}
LEGS, PARTIES = 100, 20
BLOCK = 16_000_000
CONSECUTIVE = 20


def single(world: World, signers: tuple[int, ...] = (0, 1, 2), quorum: int = 3) -> dict[str, int]:
    """Lock and settle of one seller's consecutive orders, one transaction each."""
    locks, settles = [], []
    for nonce in range(4, 4 + CONSECUTIVE):
        order = world.order(nonce=nonce)
        locks.append(world.send(world.lock_call(order), world.outsider)["gasUsed"])
        proof = world.proof(world.outcome(world.id_of(order), PAID), signers, quorum)
        settles.append(world.send(world.call("settle", order, proof), world.outsider)["gasUsed"])
    return {"lock": round(mean(locks)), "settle": round(mean(settles)), "dvp": round(mean(locks) + mean(settles))}


def members(world: World) -> list[Key]:
    """Parties who hold units already, each registered."""
    parties = [Key.named(f"party {number}") for number in range(PARTIES)]
    for party in parties:
        world.register(party.address)
        world.send(world.token.functions.issue(party.address, 1_000), world.issuer)
    return parties


def signed(world: World, order: Order, seller: Key, buyer: Key) -> tuple[Any, ...]:
    digest = world.id_of(order)
    return (order.words, compact(sign(seller, digest)), compact(sign(buyer, digest)))


def gross(world: World) -> int:
    """Per leg of a batch of 100 among 20 parties in one security: each sells five times, to five others."""
    parties = members(world)
    for day in range(2):
        legs = []
        for number in range(LEGS):
            seller, turn = parties[number // 5], number % 5
            buyer = parties[(number // 5 + turn + 1) % PARTIES]
            legs.append((seller, buyer, 1 + turn, 5 * day + turn))
        orders = [
            world.order(seller=s.address, buyer=b.address, quantity=q, nonce=n, trade_id=keccak(bytes([day, i])))
            for i, (s, b, q, n) in enumerate(legs)
        ]
        batch = [signed(world, order, leg[0], leg[1]) for order, leg in zip(orders, legs, strict=True)]
        locked = world.send(world.dvp.functions.lockBatch(batch), world.outsider, BLOCK)
        settled = world.send(world.settle_batch(orders), world.outsider, BLOCK)
    assert all(world.status(order) is Status.SETTLED for order in orders)
    return round((locked["gasUsed"] + settled["gasUsed"]) / LEGS)


def net(securities: int) -> tuple[int, int]:
    """(gas, positions) of a cycle of 100 legs among 20 parties: each sells five times, to five others, and the
    securities take turns. Every party holds each of them already."""
    world = World({})
    nets = NetWorld(world)
    tokens = [world.token, *(world.deploy_token() for _ in range(securities - 1))]
    tokens.sort(key=lambda token: int(token.address, 16))
    keys = nets.members(PARTIES, 1_000, tokens)
    for day in range(2):
        trades = []
        for number in range(LEGS):
            seller, turn = number // 5, number % 5
            buyer, terms = (seller + turn + 1) % PARTIES, keccak(bytes([day, number]))
            trades.append(Trade(seller, buyer, 1 + number % 7, turn % securities, terms))
        cycle = nets.cycle(keys, trades, tokens=tuple(token.address for token in tokens))
        locked = world.send(nets.lock_call(cycle), world.outsider, BLOCK)
        settled = nets.settle(cycle)
    return locked["gasUsed"] + settled["gasUsed"], len(cycle.nets())


def transfer(world: World) -> int:
    """Between two eligible holders who both hold already."""
    call = world.token.functions.transfer(world.buyer.address, 5)
    world.send(call, world.seller)
    return int(world.send(call, world.seller)["gasUsed"])


def anchored(world: World) -> dict[str, int]:
    """A journal's first day, and the mean of those that follow: what a service pays a day, whatever it settles."""
    contract = world.deploy("JournalAnchor", world.registry.address, world.outsider.address)
    today = world.now() // 86_400
    used = []
    for count, day in enumerate(range(today - CONSECUTIVE, today), start=1):
        call = contract.functions.anchor(keccak(b"journal"), day, 10_000 * count, keccak(bytes([count])))
        used.append(world.send(call, world.outsider)["gasUsed"])
    return {"anchor_first_day": used[0], "anchor_day": round(mean(used[1:]))}


def measure() -> dict[str, Any]:
    world = World({})
    figures: dict[str, Any] = {"transfer": transfer(world)}
    figures |= anchored(World({}))
    figures |= single(world)
    figures["gross_100_per_leg"] = gross(world)
    figures["net_100_20_parties_per_leg"] = round(net(1)[0] / LEGS)
    gas, positions = net(5)
    figures["net_5_securities_per_position"] = round(gas / positions)
    alone = World({})
    alone.dvp = alone.deploy("DvP", alone.epoch(alone.agents[:1], 1, 0))
    alone.agents, alone.token = alone.agents[:1], alone.deploy_token()
    alone.send(alone.token.functions.issue(alone.seller.address, 10_000), alone.issuer)
    alone.send(alone.token.functions.issue(alone.buyer.address, 10), alone.issuer)
    figures["one_signature"] = {name: value for name, value in single(alone, (0,), 1).items() if name != "lock"}
    figures["runtime_bytes"] = {
        name: len(artifact(name)["deployedBytecode"]) // 2 - 1
        for name in ("ParticipantRegistry", "SecurityToken", "DvP", "DvPNet", "JournalAnchor")
    }
    return figures


def main() -> None:
    figures = measure()
    (ROOT / "bench" / "gas.json").write_text(json.dumps(figures, indent=2) + "\n")
    for name, goal in GOALS.items():
        print(f"{name:28} {figures[name]:>9,}  goal {goal:,}")
    print(json.dumps(figures["runtime_bytes"]))


if __name__ == "__main__":
    main()
