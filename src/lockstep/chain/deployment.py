"""Putting the contracts on a chain and filling them: registry, DvP, one token per security.

For a local chain a faucet pays the deployer's and the operator's fees; elsewhere they are funded
beforehand.
"""

from typing import Any

from eth_abi.abi import encode
from eth_account import Account
from eth_utils.abi import collapse_if_tuple

from lockstep.chain.artifacts import artifact
from lockstep.chain.ledger import call_data
from lockstep.chain.node import Node
from lockstep.domain.errors import ContractRefused, LockstepError, Unavailable
from lockstep.signing import Key

__all__ = ["Deployer"]

ZERO = "0x" + "0" * 40
_TRIES = 400


class Deployer:
    """Sends set-up transactions one by one with one key and waits for each: no state of its own."""

    def __init__(self, node: Node, key: Key, *, poll: Any) -> None:
        """`poll` is called between looks for a receipt: mining a block, or waiting a moment."""
        self._node, self._key, self._poll = node, key, poll
        self._chain_id = node.chain_id()

    def fund(self, faucet: str, address: str, wei: int = 10**19) -> None:
        """Pays fees money from an account that the node itself can sign for."""
        request: Any = {"from": faucet, "to": address, "value": wei, "gas": 21_000, **self._fees()}
        self._wait(self._node.web3.eth.send_transaction(request).to_0x_hex())

    def deploy(self, name: str, *arguments: object) -> str:
        """Creates a contract and returns its address."""
        compiled = artifact(name)
        constructor = next(one for one in compiled.abi if one["type"] == "constructor")
        types = [collapse_if_tuple(item) for item in constructor["inputs"]]
        data = bytes.fromhex(compiled.bytecode.removeprefix("0x")) + encode(types, arguments)
        return str(self._send(None, data, 6_000_000)["contractAddress"])

    def call(self, contract: str, address: str, name: str, *arguments: object) -> None:
        """One call that must succeed. Raises ContractRefused, decoded, before anything is sent."""
        data = call_data(contract, name, *arguments)
        self._node.call(address, data, sender=self._key.address)
        self._send(address, data, 500_000)

    def _fees(self) -> dict[str, int]:
        return {"maxPriorityFeePerGas": 10**9, "maxFeePerGas": 2 * self._node.base_fee() + 10**9}

    def _send(self, to: str | None, data: bytes, gas: int) -> Any:
        transaction: dict[str, Any] = {
            "type": 2,
            "chainId": self._chain_id,
            "nonce": self._node.transaction_count(self._key.address),
            "value": 0,
            "data": data,
            "gas": gas,
            **self._fees(),
        }
        if to is not None:
            transaction["to"] = to
        signed = Account.sign_transaction(transaction, self._key.secret())
        objection = self._node.broadcast(bytes(signed.raw_transaction))
        if objection is not None:
            raise LockstepError(f"the node refuses the transaction: {objection}")
        return self._wait("0x" + bytes(signed.hash).hex())

    def _wait(self, transaction: str) -> Any:
        for _ in range(_TRIES):
            receipt = self._node.receipt(transaction)
            if receipt is not None:
                if not receipt["status"]:
                    raise ContractRefused("Reverted", {"transaction": transaction})
                return receipt
            self._poll()
        raise Unavailable(f"transaction {transaction} is in no block after {_TRIES} looks")
