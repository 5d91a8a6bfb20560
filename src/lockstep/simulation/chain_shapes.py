"""Blocks, transactions, receipts and logs in the form in which nodes show them over JSON-RPC."""

from functools import lru_cache
from typing import Any

from eth_bloom.bloom import BloomFilter

from lockstep.simulation.chain_blocks import COINBASE, GAS_LIMIT, Block, Mined
from lockstep.simulation.chain_transactions import PoolTx

__all__ = ["block_shown", "log_shown", "receipt_shown", "transaction_shown"]

NO_BLOOM = "0x" + "0" * 512
ZERO_HASH = "0x" + "0" * 64


def log_shown(block: Block, place: int, index: int) -> dict[str, Any]:
    """The log `index` of the transaction `place` of a block."""
    one = block.mined[place]
    address, topics, data = one.logs[index]
    return {
        "address": address,
        "topics": ["0x" + topic.hex() for topic in topics],
        "data": "0x" + data.hex(),
        "blockNumber": hex(block.number),
        "blockHash": block.hash,
        "transactionHash": one.tx.hash,
        "transactionIndex": hex(place),
        "logIndex": hex(one.first_log + index),
        "removed": False,
    }


def receipt_shown(block: Block, place: int) -> dict[str, Any]:
    one = block.mined[place]
    return {
        "transactionHash": one.tx.hash,
        "transactionIndex": hex(place),
        "blockHash": block.hash,
        "blockNumber": hex(block.number),
        "from": one.tx.sender,
        "to": one.tx.to,
        "cumulativeGasUsed": hex(one.cumulative),
        "gasUsed": hex(one.gas),
        "effectiveGasPrice": hex(one.price),
        "contractAddress": one.created,
        "logs": [log_shown(block, place, index) for index in range(len(one.logs))],
        "logsBloom": NO_BLOOM,
        "type": hex(one.tx.type),
        "status": hex(int(one.done)),
    }


def transaction_shown(tx: PoolTx, block: Block | None, place: int | None) -> dict[str, Any]:
    """In a block, or in the pool."""
    shown: dict[str, Any] = {
        "hash": tx.hash,
        "type": hex(tx.type),
        "from": tx.sender,
        "to": tx.to,
        "nonce": hex(tx.nonce),
        "value": hex(tx.value),
        "input": "0x" + tx.data.hex(),
        "gas": hex(tx.gas),
        "gasPrice": hex(tx.fee_cap if block is None else tx.price(block.base_fee)),
        "v": hex(tx.v),
        "r": hex(tx.r),
        "s": hex(tx.s),
        "blockHash": None if block is None else block.hash,
        "blockNumber": None if block is None else hex(block.number),
        "transactionIndex": None if place is None else hex(place),
    }
    if tx.chain_id is not None:
        shown["chainId"] = hex(tx.chain_id)
    if tx.type == 2:
        shown |= {"maxFeePerGas": hex(tx.fee_cap), "maxPriorityFeePerGas": hex(tx.tip_cap), "accessList": []}
    return shown


@lru_cache(maxsize=512)
def _bloom(mined: tuple[Mined, ...]) -> str:
    """Of a block's events: each contract and each topic."""
    bloom = BloomFilter()
    for one in mined:
        for address, topics, _ in one.logs:
            for item in (bytes.fromhex(address.removeprefix("0x")), *topics):
                bloom.add(item)
    return f"0x{int(bloom):0512x}"


def block_shown(block: Block, full: bool) -> dict[str, Any]:
    """With its transactions' hashes, or all of them in `full`."""
    return {
        "number": hex(block.number),
        "hash": block.hash,
        "parentHash": block.parent,
        "timestamp": hex(block.timestamp),
        "baseFeePerGas": hex(block.base_fee),
        "gasUsed": hex(block.gas_used),
        "gasLimit": hex(GAS_LIMIT),
        "miner": COINBASE,
        "difficulty": "0x0",
        "extraData": "0x",
        "logsBloom": _bloom(block.mined),
        "nonce": "0x0000000000000000",
        "mixHash": ZERO_HASH,
        "transactions": [
            transaction_shown(one.tx, block, place) if full else one.tx.hash for place, one in enumerate(block.mined)
        ],
        "uncles": [],
    }
