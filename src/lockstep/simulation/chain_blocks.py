"""Blocks: their fees by EIP-1559, their hashes, what each changed and logged."""

from dataclasses import dataclass

from eth_hash.auto import keccak

from lockstep.simulation.chain_machine import Changes, Instant, Log
from lockstep.simulation.chain_transactions import PoolTx

__all__ = ["COINBASE", "GAS_LIMIT", "GENESIS_BASE_FEE", "Block", "Mined", "block_hash", "next_base_fee"]

GAS_LIMIT = 30_000_000
GENESIS_BASE_FEE = 10**9
ELASTICITY = 2
CHANGE_DENOMINATOR = 8
COINBASE = "0x" + "c0" * 20


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block, and its receipt. `first_log` is the index in the block of its first log."""

    tx: PoolTx
    done: bool
    gas: int
    cumulative: int
    price: int
    logs: tuple[Log, ...]
    first_log: int
    created: str | None


@dataclass(frozen=True, slots=True)
class Block:
    """One block of the chain; `changes` is what it did to the state, fees included."""

    number: int
    hash: str
    parent: str
    timestamp: int
    base_fee: int
    gas_used: int
    fork: int
    mined: tuple[Mined, ...]
    changes: Changes

    def instant(self) -> Instant:
        return Instant(self.number, self.timestamp, self.base_fee, GAS_LIMIT, COINBASE)


def next_base_fee(parent: Block) -> int:
    """EIP-1559: up or down by at most an eighth, by how full the parent was."""
    target = GAS_LIMIT // ELASTICITY
    if parent.gas_used == target:
        return parent.base_fee
    if parent.gas_used > target:
        over = parent.gas_used - target
        return parent.base_fee + max(parent.base_fee * over // target // CHANGE_DENOMINATOR, 1)
    return parent.base_fee - parent.base_fee * (target - parent.gas_used) // target // CHANGE_DENOMINATOR


def block_hash(
    number: int, parent: str, timestamp: int, base_fee: int, gas_used: int, fork: int, mined: tuple[Mined, ...]
) -> str:
    """Of all that a header fixes here, but not as Ethereum hashes it: there is no trie, and so no root of one.

    `fork` counts the chain's reorganisations, so that a block mined again is another block.
    """
    parts = [str(one) for one in (number, parent, timestamp, base_fee, gas_used, fork)]
    parts += [f"{one.tx.hash} {one.done:d} {one.gas}" for one in mined]
    return "0x" + keccak("\n".join(parts).encode()).hex()
