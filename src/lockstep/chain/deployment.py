"""Set-up transactions: contracts created, calls that fill them, money for fees.

For a local chain a faucet pays the fees; elsewhere keys are funded beforehand. Which contracts there are and at which
addresses, `planning` says.
"""

from collections.abc import Callable, Mapping
from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_typing import HexAddress, HexStr
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak
from web3.types import Nonce
from web3.utils.address import get_create_address

from lockstep.chain.artifacts import artifact
from lockstep.chain.ledger import call_data
from lockstep.chain.node import Node
from lockstep.domain.errors import ContractRefused, LockstepError, Unavailable
from lockstep.signing import Key

__all__ = ["Deployer"]

ZERO = "0x" + "0" * 40
_TRIES = 400

_KNOWN = ("already known", "already imported", "known transaction")
"""What nodes say of a transaction that they have already."""

CREATION_GAS = 8_000_000
"""Room for the largest contract that a chain takes: 24,576 bytes at 200 gas, their calldata, a constructor's writes."""
TWO_CONTRACTS = 40_000
"""Bytes of creation code above which a constructor creates another contract, nearly as large, beside its own."""


class Deployer:
    """Sends set-up transactions with one key, many in flight; `flush` waits for all of them.

    An address is known before its contract is in a block, so what depends on it may follow at once.
    """

    def __init__(self, node: Node, key: Key, *, poll: Callable[[], None]) -> None:
        """`poll` is called between looks for a receipt: mining a block, or waiting a moment."""
        self._node, self._key, self._poll = node, key, poll
        self._chain_id = node.chain_id()
        self._nonce: int | None = None
        self._sent: list[str] = []

    def fund(self, faucet: str, address: str, wei: int = 10**19) -> None:
        """Pays fees money from an account that the node itself can sign for."""
        request: Any = {"from": faucet, "to": address, "value": wei, "gas": 21_000, **self._fees()}
        self._sent.append(self._node.web3.eth.send_transaction(request).to_0x_hex())

    def pay(self, address: str, wei: int) -> None:
        """Pays fees money out of this key's own."""
        self._send(address, b"", 21_000, value=wei)

    def broadcast(self, raw: bytes) -> None:
        """Hands over a transaction that somebody signed already. Raises LockstepError if the node refuses it."""
        objection = self._node.broadcast(raw)
        if objection is not None and not any(phrase in objection.lower() for phrase in _KNOWN):
            raise LockstepError(f"the node refuses the transaction: {objection}")
        self._sent.append("0x" + keccak(raw).hex())

    def create(self, init_code: bytes) -> str:
        """Creates a contract by this key's next transaction; returns the address that it will have."""
        nonce = self._send(None, init_code, _creation_gas(init_code))
        return str(get_create_address(HexAddress(HexStr(self._key.address)), Nonce(nonce)))

    def create2(self, factory: str, salt: bytes, init_code: bytes) -> None:
        """Creates a contract through the factory: see `chain.factory`, which knows its address."""
        self._send(factory, salt + init_code, _creation_gas(init_code))

    def deploy(self, name: str, *arguments: object) -> str:
        """Creates a contract of the package at an address that depends on this key: for what needs no other."""
        compiled = artifact(name)
        constructor = next(one for one in compiled.abi if one["type"] == "constructor")
        types = [collapse_if_tuple(item) for item in constructor["inputs"]]
        data = bytes.fromhex(compiled.bytecode.removeprefix("0x")) + encode(types, arguments)
        return self.create(data)

    def call(self, contract: str, address: str, name: str, *arguments: object) -> None:
        """One call that must succeed; whether it did, `flush` tells."""
        self._send(address, call_data(contract, name, *arguments), 500_000)

    def flush(self) -> None:
        """Waits until all that was sent is in blocks. Raises ContractRefused for the first that reverted, once."""
        reverted = [one for one in self._sent if not self._receipt(one)["status"]]
        self._sent.clear()
        if reverted:
            raise self._reason(reverted[0])

    def _reason(self, transaction: str) -> ContractRefused:
        """Why a transaction reverted: the same call again, on the state as it is now."""
        sent = self._node.web3.eth.get_transaction(HexStr(transaction))
        if sent.get("to"):
            try:
                self._node.call(str(sent["to"]), bytes(sent["input"]), sender=self._key.address)
            except ContractRefused as refusal:
                return refusal
        return ContractRefused("Reverted", {"transaction": transaction})

    def _fees(self) -> dict[str, int]:
        return {"maxPriorityFeePerGas": 10**9, "maxFeePerGas": 2 * self._node.base_fee() + 10**9}

    def _send(self, to: str | None, data: bytes, gas: int, *, value: int = 0) -> int:
        if self._nonce is None:
            self._nonce = self._node.transaction_count(self._key.address)
        nonce, self._nonce = self._nonce, self._nonce + 1
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": nonce,
            "value": value,
            "data": data,
            "gas": gas,
            **self._fees(),
        }
        if to is not None:
            transaction["to"] = to
        signed = Account.sign_transaction(transaction, self._key.secret())
        self.broadcast(bytes(signed.raw_transaction))
        return nonce

    def _receipt(self, transaction: str) -> Mapping[str, Any]:
        for _ in range(_TRIES):
            receipt = self._node.receipt(transaction)
            if receipt is not None:
                return receipt
            self._poll()
        raise Unavailable(f"transaction {transaction} is in no block after {_TRIES} looks")


def _creation_gas(init_code: bytes) -> int:
    return CREATION_GAS * (2 if len(init_code) > TWO_CONTRACTS else 1)
