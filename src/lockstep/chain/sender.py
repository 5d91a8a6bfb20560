"""The transaction sender: reserve a nonce → persist → broadcast → observe, each step durable.

A transaction is stored, signed, before it first leaves; after a crash the same bytes leave again,
so that nothing is ever sent twice under two nonces. Counters come from the chain and may go down.
"""

from collections.abc import Callable
from dataclasses import replace

from eth_account import Account

from lockstep.chain.node import Node
from lockstep.domain.errors import Refused
from lockstep.ports import SentTransaction, TransactionLog
from lockstep.signing import Key

__all__ = ["Sender"]

_HARMLESS = (
    "already known",
    "already imported",
    "known transaction",
    "nonce too low",
    "nonce is too low",
    "invalid transaction nonce",
)
"""What nodes say of a transaction that they have, or had: the receipt tells which."""

GAS_OF_NOTHING = 21_000
"""What any transaction costs."""
PRIORITY_FEE = 1_000_000_000
"""Wei per gas. Gas and fees are always explicit: no estimate, no surprise."""


class Sender:
    """Sends calls with one key.

    One instance per key, or one per worker where their logs write under leases on the same subject: a nonce is
    then reserved by the one who holds it. A late worker can only broadcast what is stored, and that is the same
    bytes under the same nonce, which a chain takes once.
    """

    def __init__(self, node: Node, key: Key, log: TransactionLog, on_commit: Callable[[str], None]) -> None:
        self._node, self._key, self._log, self._on_commit = node, key, log, on_commit
        self._chain_id = node.chain_id()

    @property
    def address(self) -> str:
        return self._key.address

    def ensure(self, key: str, to: str, data: bytes, gas: int) -> None:
        """Sees to it that the call named `key` gets into a block; call again until it shows.

        Raises ContractRefused when the contract would refuse it now, Refused NodeObjects when the node
        takes no transaction of this sender, Unavailable without an answer.
        """
        sent = self._log.transactions(key)
        latest = self._observed(sent[-1]) if sent else None
        if latest is not None and latest.status == "mined":
            return
        if latest is not None and latest.status == "signed":
            self._broadcast_before(latest)
            self._broadcast(latest.raw)
            return
        reverted = sum(1 for one in sent if one.status == "reverted")
        if latest is not None and reverted and self._node.head().number < (latest.block or 0) + 2**reverted:
            return  # it reverted in a block though a dry run passed: tried again ever more rarely
        self._node.call(to, data, sender=self._key.address, gas=gas)
        self._broadcast(self._sign(key, to, data, gas, len(sent)).raw)

    def _broadcast(self, raw: bytes) -> None:
        """Sends stored bytes. An objection that people must mend (fees money, above all) is not kept quiet."""
        objection = self._node.broadcast(raw)
        if objection is not None and not any(phrase in objection.lower() for phrase in _HARMLESS):
            raise Refused("NodeObjects", {"sender": self._key.address, "objection": objection})

    def _broadcast_before(self, transaction: SentTransaction) -> None:
        """Sends again what goes first, in the order of nonces: nobody may want it any more, and yet without it nothing
        that follows gets into a block. Nodes forget, and blocks with what was mined vanish. A nonce that was passed
        over, because a node once counted too many, is used up by a transaction that does nothing.
        """
        count = self._node.transaction_count(self._key.address)
        if count >= transaction.nonce:
            return
        before = [one for one in self._log.from_nonce(count) if one.nonce < transaction.nonce]
        if count not in {one.nonce for one in before}:
            filling = self._sign(f"nothing/{count}", self._key.address, b"", GAS_OF_NOTHING, 0, nonce=count)
            before.insert(0, filling)
        for one in before:
            self._node.broadcast(one.raw)

    def _observed(self, transaction: SentTransaction) -> SentTransaction:
        """The transaction as the chain has it now, stored where that changed."""
        receipt = self._node.receipt(transaction.hash)
        if receipt is not None:
            seen = replace(
                transaction,
                status="mined" if receipt["status"] else "reverted",
                block=int(receipt["blockNumber"]),
                gas=int(receipt["gasUsed"]),
            )
        elif self._nonce_gone(transaction):
            seen = replace(transaction, status="replaced")
        else:
            seen = replace(transaction, status="signed", block=None, gas=None)
        if seen != transaction:
            self._log.put(seen)
        return seen

    def _nonce_gone(self, transaction: SentTransaction) -> bool:
        """Another transaction has the nonce. The receipt is asked for again, as it may just have come."""
        count = self._node.transaction_count(self._key.address)
        return count > transaction.nonce and self._node.receipt(transaction.hash) is None

    def _sign(
        self, key: str, to: str, data: bytes, gas: int, attempt: int, *, nonce: int | None = None
    ) -> SentTransaction:
        nonce = self._free_nonce() if nonce is None else nonce
        signed = Account.sign_transaction(
            {
                "type": 2,
                "chainId": self._chain_id,
                "nonce": nonce,
                "to": to,
                "value": 0,
                "data": data,
                "gas": gas,
                "maxPriorityFeePerGas": PRIORITY_FEE,
                "maxFeePerGas": 2 * self._node.base_fee() + PRIORITY_FEE,
            },
            self._key.secret(),
        )
        transaction = SentTransaction(
            key=key,
            nonce=nonce,
            raw=bytes(signed.raw_transaction),
            hash="0x" + bytes(signed.hash).hex(),
        )
        self._log.put(transaction)
        self._on_commit(f"transaction {key} #{attempt + 1}")
        return transaction

    def _free_nonce(self) -> int:
        """The lowest nonce that neither the chain nor a stored, unmined transaction has.

        Those unmined are sent again first: one that a node forgot would hold up all that follow.
        """
        count = self._node.transaction_count(self._key.address)
        pending = [one for one in self._log.unmined() if one.nonce >= count]
        for one in pending:
            self._node.broadcast(one.raw)
        taken = {one.nonce for one in pending}
        nonce = count
        while nonce in taken:
            nonce += 1
        return nonce
