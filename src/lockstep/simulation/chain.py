"""A chain for the simulated world: pyrevm's EVM under blocks, a pool, fees, reorganisations and marks.

Rules are Ethereum's as of Prague; what differs is listed in `docs/reference/simulated-chain.md`. Time is the clock's.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, cast

from eth_account import Account as Signer

from lockstep.chain.node import Node
from lockstep.domain.errors import InvalidInput
from lockstep.ports import Clock
from lockstep.simulation.chain_blocks import (
    COINBASE,
    GAS_LIMIT,
    GENESIS_BASE_FEE,
    Block,
    Mined,
    block_hash,
    next_base_fee,
)
from lockstep.simulation.chain_machine import Account, Changes, Execution, Instant, Key, Machine, Value
from lockstep.simulation.chain_pool import Pool
from lockstep.simulation.chain_provider import SimulatedProvider
from lockstep.simulation.chain_transactions import NodeError, PoolTx, decode_transaction, floor_gas

__all__ = ["CHAIN_ID", "Mark", "SimulatedChain"]

CHAIN_ID = 131_277_322_940_537
FAUCET_KEY = b"\0" * 31 + b"\x01"
FAUCET_WEI = 10**30
ZERO_HASH = "0x" + "0" * 64


@dataclass(frozen=True, slots=True)
class Mark:
    """A whole chain at one moment. Blocks are shared, never changed."""

    blocks: tuple[Block, ...]
    pool: Pool
    forks: int
    automine: bool


class SimulatedChain:
    """One chain, one pool, one view; `node_faults.FaultyProvider` gives each party a node of its own.

    With `automine` each transaction that can go into a block does at once; without, they wait for `mine`.
    """

    def __init__(self, clock: Clock, *, chain_id: int = CHAIN_ID) -> None:
        self.chain_id, self.automine = chain_id, True
        self._clock, self._forks = clock, 0
        self._faucet = Signer.from_key(FAUCET_KEY)
        self._machine = Machine(chain_id)
        self._pool = Pool(chain_id)
        self._faucet_address = self.faucet.lower()
        funded: Changes = {self._faucet_address: (Account(), Account(FAUCET_WEI))}
        self._machine.put((key, after) for key, (_, after) in funded.items())
        start = int(clock.now().timestamp())
        genesis = block_hash(0, ZERO_HASH, start, GENESIS_BASE_FEE, 0, 0, ())
        self._blocks = [Block(0, genesis, ZERO_HASH, start, GENESIS_BASE_FEE, 0, 0, (), funded)]
        self._places: dict[str, tuple[int, int]] = {}
        self._numbers: dict[str, int] = {genesis: 0}
        self.provider = SimulatedProvider(self)
        self.node = Node(self.provider)

    @property
    def faucet(self) -> str:
        """A funded account whose transactions the chain signs itself."""
        return str(self._faucet.address)

    @property
    def time(self) -> int:
        """Timestamp of the latest block, seconds. Many blocks in one instant run ahead of the clock."""
        return self.head.timestamp

    @property
    def head(self) -> Block:
        return self._blocks[-1]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks, by number."""
        return tuple(self._blocks)

    @property
    def pool(self) -> tuple[PoolTx, ...]:
        """What waits, in the order of arrival."""
        return tuple(self._pool)

    def block(self, number: int) -> Block | None:
        return self._blocks[number] if 0 <= number < len(self._blocks) else None

    def between(self, first: int, last: int) -> list[Block]:
        """Blocks `first` through `last`."""
        return self._blocks[first : last + 1]

    def pending(self) -> Block:
        """The next block as it would begin, without transactions."""
        parent, base_fee = self.head, next_base_fee(self.head)
        number, time = parent.number + 1, self._next_time()
        return Block(number, ZERO_HASH, parent.hash, time, base_fee, 0, self._forks, (), {})

    def number_of(self, hash_: str) -> int | None:
        """A block's number by its hash; None for one that is not on the chain now."""
        return self._numbers.get(hash_)

    def mined(self, transaction: str) -> tuple[Block, int] | None:
        """The block that a transaction is in, and its index there."""
        place = self._places.get(transaction)
        return (self._blocks[place[0]], place[1]) if place else None

    def waiting(self, transaction: str) -> PoolTx | None:
        return self._pool.get(transaction)

    # What comes in

    def submit(self, raw: bytes) -> str:
        """A signed transaction for the pool; its hash. Raises NodeError, as a node refuses it."""
        tx = decode_transaction(raw)
        if tx.hash in self._places:
            raise NodeError(-32000, "already known")
        self._pool.take(tx, self._machine.account(tx.sender))
        if self.automine:
            self._mine_what_can()
        return tx.hash

    def sign_for_faucet(self, request: dict[str, Any]) -> bytes:
        """The faucet's transaction, signed. Raises NodeError for another sender."""
        if str(request.get("from", "")).lower() != self._faucet_address:
            raise NodeError(-32000, "unknown account")
        nonce = self.next_nonce(self._faucet_address)
        fields = {key: value for key, value in request.items() if key != "from"}
        fields = {"type": 2, "chainId": self.chain_id, "nonce": nonce, "value": 0, "data": b"", "gas": 21_000} | fields
        return bytes(self._faucet.sign_transaction(fields).raw_transaction)

    def forget(self, transaction: str) -> None:
        """The pool loses a transaction, as nodes do; one in a block stays there."""
        self._pool.drop(transaction)

    # Blocks

    def mine(
        self, blocks: int = 1, *, at_most: int | None = None, without: Callable[[PoolTx], bool] | None = None
    ) -> None:
        """Blocks from the pool; `at_most` so many transactions each, `without` those for which it says True."""
        for _ in range(blocks):
            self._append(self._next_time(), at_most, without)

    def _mine_what_can(self) -> None:
        """As eth-tester does: a block for each transaction that can go into one now."""
        while self._pool.best(next_base_fee(self.head), self._nonce, GAS_LIMIT, set()) is not None:
            if not self._append(self._next_time(), 1, None).mined:
                return

    def reorganise(
        self,
        depth: int,
        *,
        keep: Callable[[PoolTx], bool] | None = None,
        order: Random | None = None,
        blocks: int | None = None,
    ) -> None:
        """The last `depth` blocks vanish; `blocks` new ones follow, of the vanished ones' times, by default one more.

        The vanished transactions that `keep` lets through are in the pool again. `order` spreads what waits over the
        new blocks, none before its time, and mixes senders; without it the first new block takes all it can. Raises
        InvalidInput unless 0 < depth < the number of blocks.
        """
        if not 0 < depth < len(self._blocks):
            raise InvalidInput("depth", depth, f"1 to {len(self._blocks) - 1}, as the genesis block stays")
        gone = self._blocks[-depth:]
        self._rewind(len(self._blocks) - depth)
        self._forks += 1
        arrived = [one.tx for block in gone for one in block.mined if keep is None or keep(one.tx)]
        later = list(self._pool)
        self._pool = Pool(self.chain_id)
        for tx in arrived + later:
            if self._pool.get(tx.hash) is None:
                self._pool.put(tx)
        times = [block.timestamp for block in gone]
        count = depth + 1 if blocks is None else blocks
        waits: dict[str, int] = {}
        if order is not None and count:
            # Who spreads them keeps to time: what vanished comes no earlier again, what waited comes in a new block.
            first = {one.tx.hash: place for place, block in enumerate(gone) for one in block.mined}
            waits = {tx.hash: max(first.get(tx.hash, depth), order.randrange(count)) for tx in self._pool}
        for index in range(count):
            time = max(times[index], self.time + 1) if index < len(times) else self._next_time()
            held = {hash_ for hash_, first in waits.items() if first > index}
            self._append(time, None, partial(_is_held, held), shuffled=order)

    def _next_time(self) -> int:
        return max(int(self._clock.now().timestamp()), self.time + 1)

    def _nonce(self, sender: str) -> int:
        return self._machine.account(sender).nonce

    def _append(
        self,
        timestamp: int,
        at_most: int | None,
        without: Callable[[PoolTx], bool] | None,
        shuffled: Random | None = None,
    ) -> Block:
        parent = self.head
        instant = Instant(parent.number + 1, timestamp, next_base_fee(parent), GAS_LIMIT, COINBASE)
        changes: Changes = {}
        mined: list[Mined] = []
        out = {tx.hash for tx in self._pool if without(tx)} if without else set()
        used = logs = 0
        while at_most is None or len(mined) < at_most:
            tx = self._pool.best(instant.base_fee, self._nonce, GAS_LIMIT - used, out, shuffled)
            if tx is None:
                break
            sender = self._machine.account(tx.sender)
            price = tx.price(instant.base_fee)
            if sender.balance < tx.value + tx.gas * tx.fee_cap:
                out.add(tx.hash)
                continue
            execution = self._machine.execute(instant, tx.sender, tx.to, tx.data, value=tx.value, gas=tx.gas)
            gas = max(execution.gas, floor_gas(tx.data))
            self._commit(_with_fees(self._machine, tx, execution, gas, price, instant), changes)
            used += gas
            created = "0x" + execution.output.hex() if tx.to is None and execution.done else None
            mined.append(Mined(tx, execution.done, gas, used, price, execution.logs, logs, created))
            logs += len(execution.logs)
            self._pool.drop(tx.hash)
        hash_ = block_hash(instant.number, parent.hash, timestamp, instant.base_fee, used, self._forks, tuple(mined))
        block = Block(
            instant.number,
            hash_,
            parent.hash,
            timestamp,
            instant.base_fee,
            used,
            self._forks,
            tuple(mined),
            changes,
        )
        self._link(block)
        self._pool.drop_stale({one.tx.sender: self._nonce(one.tx.sender) for one in mined}.items())
        return block

    def _commit(self, new: Changes, into: Changes) -> None:
        self._machine.put((key, after) for key, (_, after) in new.items())
        for key, (before, after) in new.items():
            into[key] = (into[key][0] if key in into else before, after)

    def _link(self, block: Block) -> None:
        self._blocks.append(block)
        self._numbers[block.hash] = block.number
        for index, one in enumerate(block.mined):
            self._places[one.tx.hash] = (block.number, index)

    def _unlink(self) -> Block:
        block = self._blocks.pop()
        del self._numbers[block.hash]
        for one in block.mined:
            del self._places[one.tx.hash]
        return block

    def _rewind(self, count: int) -> None:
        """Back to the first `count` blocks."""
        values: dict[Key, Value] = {}
        while len(self._blocks) > count:
            values.update((key, before) for key, (before, _) in self._unlink().changes.items())
        self._machine.put(values.items())

    # What can be asked

    def account(self, address: str, number: int | None = None) -> Account:
        """At the end of a block; the head's by default."""
        return cast(Account, self._value(address.lower(), number))

    def storage(self, address: str, slot: int, block: int | None = None) -> int:
        """A word of a contract's storage at the end of a block; the head's by default."""
        return cast(int, self._value((address.lower(), slot), block))

    def next_nonce(self, address: str) -> int:
        """What `eth_getTransactionCount` says of `pending`."""
        return self._pool.next_nonce(address, self._machine.account(address))

    def _value(self, key: Key, number: int | None) -> Value:
        if number is not None:
            for block in self._blocks[number + 1 :]:
                if key in block.changes:
                    return block.changes[key][0]
        return self._machine.value(key)

    def call(
        self, sender: str, to: str | None, data: bytes, *, value: int = 0, gas: int = GAS_LIMIT, number: int
    ) -> Execution:
        """A call on the state at the end of block `number`, in that block's time; number + 1 is the pending one."""
        if number > self.head.number:
            return self._machine.call(self.pending().instant(), sender, to, data, value=value, gas=gas)
        earlier: dict[Key, Value] = {}
        for block in reversed(self._blocks[number + 1 :]):
            earlier.update((key, before) for key, (before, _) in block.changes.items())
        return self._machine.call(
            self._blocks[number].instant(), sender, to, data, value=value, gas=gas, earlier=earlier
        )

    # Marks

    def mark(self) -> Mark:
        """This moment, to `reset` to as often as wanted."""
        return Mark(tuple(self._blocks), self._pool.copy(), self._forks, self.automine)

    def reset(self, mark: Mark) -> None:
        """Back to a mark, wherever the chain has gone since; costs what changed between the two."""
        shared = min(len(self._blocks), len(mark.blocks))
        while self._blocks[shared - 1] is not mark.blocks[shared - 1]:
            shared -= 1
        self._rewind(shared)
        for block in mark.blocks[shared:]:
            self._machine.put((key, after) for key, (_, after) in block.changes.items())
            self._link(block)
        self._pool, self._forks, self.automine = mark.pool.copy(), mark.forks, mark.automine


def _with_fees(machine: Machine, tx: PoolTx, execution: Execution, gas: int, price: int, instant: Instant) -> Changes:
    """What an execution changed, with the sender's nonce and fee and the block producer's tip."""
    changes = dict(execution.changes)

    def change(address: str, wei: int, nonce: int | None = None) -> None:
        before = machine.account(address)
        now = cast(Account, changes[address][1]) if address in changes else before
        changes[address] = (
            before,
            now._replace(balance=now.balance + wei, nonce=now.nonce if nonce is None else nonce),
        )

    change(tx.sender, -gas * price, tx.nonce + 1)
    if tip := gas * (price - instant.base_fee):
        change(instant.coinbase, tip)
    return changes


def _is_held(held: Collection[str], tx: PoolTx) -> bool:
    return tx.hash in held
