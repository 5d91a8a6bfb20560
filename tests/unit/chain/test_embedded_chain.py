"""The chain in this process: which events a range has, asked for in every way, and what is sent within one block."""

from itertools import product
from typing import Any

import pytest
from web3 import EthereumTesterProvider

from collateral_venue import GIVER, OPERATOR, CollateralVenue
from lockstep.chain.embedded import EmbeddedChain
from lockstep.chain.node import Node


@pytest.fixture(scope="module")
def venue() -> CollateralVenue:
    made = CollateralVenue.open(EmbeddedChain)
    made.pledge(made.agree(), 1_000)
    made.chain.mine(3)
    made.pledge(made.agree(salt=1), 2_000, token=made.second)
    return made


def places(found: Any) -> list[tuple[int, int]]:
    return [(one["blockNumber"], one["logIndex"]) for one in found]


def test_the_events_are_those_that_a_reading_of_all_receipts_finds(venue: CollateralVenue) -> None:
    """Blocks are passed over by their blooms: none that has what is asked for."""
    node, plain = venue.chain.node, Node(EthereumTesterProvider(venue.chain.tester))
    height = venue.chain.height
    every = plain.logs([venue.register.address, venue.token, venue.second], [], 0, height)
    topics = sorted({one["topics"][0] for one in every}, key=bytes)
    second = sorted({one["topics"][1] for one in every if len(one["topics"]) > 1}, key=bytes)
    addresses = (venue.register.address, venue.token, [venue.token, venue.second], GIVER.address)
    wanted: list[list[Any]] = [[], [topics[0]], [topics[-1]], [None, second[0]], [[topics[0], topics[-1]], second[-1]]]
    asked = 0
    for address, one, (first, last) in product(addresses, wanted, ((0, height), (3, height - 1), (height, height))):
        found = node.logs(address, one, first, last)
        assert places(found) == places(plain.logs(address, one, first, last)), (address, one, first, last)
        asked += bool(found)
    assert asked > 5
    assert every and len(topics) > 3


def test_what_is_sent_within_one_block_is_mined_together(venue: CollateralVenue) -> None:
    chain, before = venue.chain, venue.chain.height
    fee = {"gas": 21_000, "gas_price": 10**10}
    with chain.one_block():
        for account, to in zip(chain.tester.get_accounts()[:2], (GIVER.address, OPERATOR.address), strict=True):
            chain.tester.send_transaction({"from": account, "to": to, "value": 1, **fee})
        assert chain.height == before
    assert chain.height == before + 1
    assert len(chain.tester.get_block_by_number(before + 1)["transactions"]) == 2
    with pytest.raises(RuntimeError), chain.one_block():
        raise RuntimeError
    chain.mine()  # it mines by itself again
    assert chain.tester.auto_mine_transactions
