"""Whole blocks as a node answers them, for who proves what stands in one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lockstep.chain.node import Node
from lockstep.domain.errors import Unavailable

__all__ = ["BlockAnswers", "block_of", "header_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockAnswers:
    """A block with all its transactions and receipts in their order, and where the one that was asked for stands.

    Values are as JSON-RPC has them: hex digits, or numbers where the node is eth-tester.
    """

    block: Mapping[str, Any]
    transactions: Sequence[Mapping[str, Any]]
    receipts: Sequence[Mapping[str, Any]]
    place: int


def block_of(node: Node, transaction: str) -> BlockAnswers:
    """The block of a mined transaction, 0x-prefixed hex. Raises Unavailable."""
    (receipt,) = node.raw([("eth_getTransactionReceipt", (transaction,))])
    if receipt is None:
        raise Unavailable(f"the node does not know {transaction} in a block")
    (block,) = node.raw([("eth_getBlockByHash", (receipt["blockHash"], False))])
    if block is None:
        raise Unavailable(f"the node knows no block {receipt['blockHash']}")
    hashes = [str(one) for one in block["transactions"]]
    transactions = node.raw([("eth_getTransactionByHash", (one,)) for one in hashes])
    receipts = node.raw([("eth_getTransactionReceipt", (one,)) for one in hashes])
    if None in transactions or None in receipts or transaction not in hashes:
        raise Unavailable(f"the node knows block {receipt['blockHash']} in part only")
    return BlockAnswers(block=block, transactions=transactions, receipts=receipts, place=hashes.index(transaction))


def header_of(node: Node, number: int) -> Mapping[str, Any]:
    """A block without its transactions. Raises Unavailable."""
    (block,) = node.raw([("eth_getBlockByNumber", (hex(number), False))])
    if block is None:
        raise Unavailable(f"the node knows no block {number}")
    found: Mapping[str, Any] = block
    return found
