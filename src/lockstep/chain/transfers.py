"""Every movement of securities that the tokens tell of, and what everybody holds by it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_utils.crypto import keccak
from web3.exceptions import Web3RPCError

from lockstep.chain.decoding import checksummed
from lockstep.chain.deployment import ZERO
from lockstep.chain.ledger import call_data
from lockstep.chain.node import ContractCall, Node
from lockstep.domain.errors import ContractRefused, Unavailable

__all__ = ["Transfer", "balances_at", "balances_by", "block_at", "transactions_of", "transfers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """A Transfer event (ERC-20); `source` is None for units issued, `target` for units ended."""

    token: str
    source: str | None
    target: str | None
    units: int
    block: int
    place: int
    transaction: str


@cache
def _topic() -> str:
    return "0x" + keccak(text="Transfer(address,address,uint256)").hex()


def transfers(node: Node, tokens: Sequence[str], last: int, first: int = 0) -> list[Transfer]:
    """In the chain's order, from block `first` through `last`. Raises Unavailable, for an event of another form too."""
    if not tokens or first > last:
        return []
    found = [_transfer(one) for one in _logs(node, list(tokens), [[_topic()]], first, last)]
    return sorted(found, key=lambda one: (one.block, one.place))


def _logs(
    node: Node, addresses: Sequence[str], topics: Sequence[Any], first: int, last: int
) -> Sequence[Mapping[str, Any]]:
    """In halves where the node refuses a range as too large."""
    try:
        return node.logs(addresses, topics, first, last)
    except Unavailable as error:
        if first == last or not isinstance(error.__cause__, Web3RPCError):
            raise
    middle = (first + last) // 2
    before = _logs(node, addresses, topics, first, middle)
    return [*before, *_logs(node, addresses, topics, middle + 1, last)]


def _transfer(log: Mapping[str, Any]) -> Transfer:
    topics, data = [bytes(one) for one in log["topics"]], bytes(log["data"])
    if len(topics) != 3 or len(data) != 32:
        raise Unavailable(f"a Transfer event with {len(topics)} topics and {len(data)} bytes breaks the rule: 3 and 32")
    source, target = (checksummed("0x" + one[12:].hex()) for one in topics[1:])
    return Transfer(
        token=checksummed(log["address"]),
        source=None if source == ZERO else source,
        target=None if target == ZERO else target,
        units=int.from_bytes(data),
        block=int(log["blockNumber"]),
        place=int(log["logIndex"]),
        transaction="0x" + bytes(log["transactionHash"]).hex(),
    )


def balances_by(moves: Iterable[Transfer]) -> dict[tuple[str, str], int]:
    """By token and holder, what these movements leave; who has nothing left is not there."""
    held: defaultdict[tuple[str, str], int] = defaultdict(int)
    for one in moves:
        if one.source is not None:
            held[one.token, one.source] -= one.units
        if one.target is not None:
            held[one.token, one.target] += one.units
    return {place: units for place, units in held.items() if units}


def balances_at(node: Node, places: Sequence[tuple[str, str]], block: int) -> list[int]:
    """What the tokens' state says of these tokens and holders at a block; 0 before a token was there.

    Raises Unavailable, also where the node keeps no state of that block.
    """
    calls = [ContractCall(to=token, data=call_data("SecurityToken", "balanceOf", holder)) for token, holder in places]
    found = []
    for answer in node.words(calls, block) if calls else ():
        if isinstance(answer, Unavailable | ContractRefused):
            raise answer
        found.append(int.from_bytes(answer[:32]))
    return found


def transactions_of(node: Node, address: str, last: int, first: int = 0) -> frozenset[str]:
    """The transactions in which a contract told anything. Raises Unavailable."""
    return frozenset("0x" + bytes(log["transactionHash"]).hex() for log in _logs(node, [address], [], first, last))


def block_at(node: Node, second: int, last: int) -> int | None:
    """The newest block up to `last` that is not younger than a second of UTC; None where all are.

    Raises Unavailable.
    """
    if last < 0 or node.block(0).timestamp > second:
        return None
    low, high = 0, last
    while low < high:
        middle = (low + high + 1) // 2
        if node.block(middle).timestamp <= second:
            low = middle
        else:
            high = middle - 1
    return low
