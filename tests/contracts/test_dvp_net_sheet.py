"""DvP: what the contract works out from packed legs, against the plain model in `cycles.py`, on random cycles.

A party's signature over its EIP-712 statement holds only if the contract hashed the same legs in the same order and
the same limits; the hash of `Net` only if it found the same positions. The model has both from Python, eth_account.
"""

from random import Random

import pytest
from eth_abi import encode

from .cycles import NetWorld, Trade
from .harness import Status, World, keccak

AMPLE = 15_000_000
NET = "(uint32,uint40,(address,uint256[])[])"


@pytest.mark.parametrize("seed", range(6))
def test_the_sheet_is_the_models(world: World, seed: int) -> None:
    random, nets = Random(seed), NetWorld(world)
    tokens = [world.token, *(world.deploy_token() for _ in range(seed % 3))]
    tokens.sort(key=lambda token: int(token.address, 16))
    count = random.randint(2, 6)
    keys = nets.members(count, 10_000, tokens)
    # Each party and each security has a leg; the rest is chance, ends and doubles included.
    places = [(i, (i + 1) % count, i % len(tokens)) for i in range(max(count, len(tokens)))]
    for _ in range(random.randint(0, 20)):
        seller, buyer = random.sample(range(count), 2)
        places.append((seller, buyer, random.randrange(len(tokens))))
    random.shuffle(places)
    trades = [
        Trade(seller % count, buyer, random.choice((1, random.randint(1, 300))), token, random.randbytes(32))
        for seller, buyer, token in places
    ]
    cycle = nets.cycle(keys, trades, tokens=tuple(token.address for token in tokens))

    exact = cycle.limits()
    for place in random.sample(range(len(exact)), min(3, len(exact))):
        short = [least + (at == place) for at, least in enumerate(exact)]
        refused = world.refusal(nets.lock_call(cycle, short), gas=AMPLE)
        party, token = divmod(place, len(tokens))
        assert refused[0] == "BelowNetLimit"
        assert refused[2:] == (keys[party].address.lower(), tokens[token].address.lower(), exact[place], short[place])

    loose = [least - random.choice((0, 1, 2**64)) for least in exact]
    world.send(nets.lock_call(cycle, loose), world.outsider, AMPLE)
    status, net_hash = world.dvp.functions.statusOfNet(nets.id_of(cycle)).call()
    assert Status(status) is Status.LOCKED
    assert net_hash == keccak(encode([NET], [cycle.net()]))[:31]
    for place, token in enumerate(tokens):
        for party, key in enumerate(keys):
            given = max(0, -cycle.nets().get((place, party), 0))
            assert token.functions.earmarkedOf(key.address, world.dvp.address).call() == given
    nets.settle(cycle)
    for place, token in enumerate(tokens):
        for party, key in enumerate(keys):
            assert token.functions.balanceOf(key.address).call() == 10_000 + cycle.nets().get((place, party), 0)


def test_the_registry_judges_every_position(world: World) -> None:
    """As {judgePair} does, at each place of the list; units count for nothing."""
    functions = world.registry.functions
    good, bad = world.seller.address, world.outsider.address
    everything = (1 << 224) - 1
    for length in range(1, 5):
        words = [int(good, 16) << 96 | at for at in range(length)]
        assert functions.judgePositions(words, everything).call() is True
        for place in range(length):
            list_ = [*words[:place], int(bad, 16) << 96 | 2**95, *words[place + 1 :]]
            assert world.refusal(functions.judgePositions(list_, everything))[:2] == ("NotEligible", bad.lower())
    assert functions.judgePositions([], everything).call() is True
