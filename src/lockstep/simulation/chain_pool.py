"""Transactions that wait for a block: what a node takes, in which order a block takes them."""

from collections.abc import Callable, Iterable, Iterator
from random import Random

from lockstep.simulation.chain_blocks import GAS_LIMIT
from lockstep.simulation.chain_machine import Account
from lockstep.simulation.chain_transactions import INITCODE_LIMIT, NodeError, PoolTx, floor_gas, intrinsic_gas

__all__ = ["Pool"]

BUMP_PERCENT = 10
"""Geth's: so much more must a replacement pay, in fee and in tip."""


class Pool:
    """Waiting transactions by sender and nonce; gaps in a sender's nonces wait too."""

    def __init__(self, chain_id: int) -> None:
        self._chain_id = chain_id
        self._waiting: dict[str, dict[int, PoolTx]] = {}
        self._known: dict[str, PoolTx] = {}  # in the order of arrival

    def __iter__(self) -> Iterator[PoolTx]:
        return iter(tuple(self._known.values()))

    def __len__(self) -> int:
        return len(self._known)

    def get(self, hash_: str) -> PoolTx | None:
        return self._known.get(hash_)

    def copy(self) -> "Pool":
        other = Pool(self._chain_id)
        other._waiting = {sender: dict(queue) for sender, queue in self._waiting.items()}
        other._known = dict(self._known)
        return other

    def next_nonce(self, sender: str, account: Account) -> int:
        """The nonce after those in blocks and those that wait without a gap."""
        nonce, queue = account.nonce, self._waiting.get(sender, {})
        while nonce in queue:
            nonce += 1
        return nonce

    def take(self, tx: PoolTx, account: Account) -> None:
        """Raises NodeError in geth's words where a node would refuse it."""
        self._check(tx, account)
        there = self._waiting.get(tx.sender, {}).get(tx.nonce)
        if there is not None:
            for new, old in ((tx.fee_cap, there.fee_cap), (tx.tip_cap, there.tip_cap)):
                if new * 100 < old * (100 + BUMP_PERCENT):
                    raise NodeError(-32000, "replacement transaction underpriced")
        self.put(tx)

    def _check(self, tx: PoolTx, account: Account) -> None:
        if tx.hash in self._known:
            raise NodeError(-32000, "already known")
        if tx.chain_id not in (None, self._chain_id):
            raise NodeError(-32000, f"invalid chain id for signer: have {tx.chain_id} want {self._chain_id}")
        if tx.tip_cap > tx.fee_cap:
            raise NodeError(-32000, "max priority fee per gas higher than max fee per gas")
        if tx.gas > GAS_LIMIT:
            raise NodeError(-32000, "exceeds block gas limit")
        if tx.to is None and len(tx.data) > INITCODE_LIMIT:
            raise NodeError(-32000, f"max initcode size exceeded: code size {len(tx.data)} limit {INITCODE_LIMIT}")
        needed = intrinsic_gas(tx.data, tx.to is None)
        if tx.gas < needed:
            raise NodeError(-32000, f"intrinsic gas too low: gas {tx.gas}, minimum needed {needed}")
        if tx.gas < floor_gas(tx.data):
            raise NodeError(
                -32000, f"insufficient gas for floor data gas cost: gas {tx.gas}, minimum needed {floor_gas(tx.data)}"
            )
        if tx.nonce < account.nonce:
            raise NodeError(-32000, f"nonce too low: next nonce {account.nonce}, tx nonce {tx.nonce}")
        if account.code:
            raise NodeError(-32000, f"sender not an eoa: address {tx.sender}")
        cost = tx.value + tx.gas * tx.fee_cap
        if account.balance < cost:
            raise NodeError(-32000, f"insufficient funds for gas * price + value: have {account.balance} want {cost}")

    def put(self, tx: PoolTx) -> None:
        """Without a question; another of its sender and nonce makes room."""
        queue = self._waiting.setdefault(tx.sender, {})
        if tx.nonce in queue:
            del self._known[queue[tx.nonce].hash]
        queue[tx.nonce] = tx
        self._known[tx.hash] = tx

    def drop(self, hash_: str) -> PoolTx | None:
        tx = self._known.pop(hash_, None)
        if tx is not None:
            queue = self._waiting[tx.sender]
            del queue[tx.nonce]
            if not queue:
                del self._waiting[tx.sender]
        return tx

    def drop_stale(self, nonces: Iterable[tuple[str, int]]) -> None:
        """Those whose nonce a block has taken: (sender, the sender's next nonce)."""
        for sender, nonce in nonces:
            for tx in [one for number, one in self._waiting.get(sender, {}).items() if number < nonce]:
                self.drop(tx.hash)

    def best(
        self, base_fee: int, nonce_of: Callable[[str], int], room: int, out: set[str], order: Random | None = None
    ) -> PoolTx | None:
        """The next for a block: highest tip first, then who came first; a sender's own in the order of nonces.

        `room` is the gas that is left; `out` are hashes to leave where they are, and with them what follows them.
        With `order`, any of those that could be next.
        """
        can = [
            tx
            for tx in self._known.values()
            if tx.hash not in out and tx.gas <= room and tx.fee_cap >= base_fee and tx.nonce == nonce_of(tx.sender)
        ]
        if not can:
            return None
        return order.choice(can) if order else max(can, key=lambda tx: tx.price(base_fee))
