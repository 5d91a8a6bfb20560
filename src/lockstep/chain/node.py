"""One node's JSON-RPC, with its failures told apart: the contract said no, or nobody answered."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from eth_tester.exceptions import TransactionFailed
from eth_utils.exceptions import ValidationError
from requests import RequestException
from web3 import HTTPProvider, Web3
from web3.exceptions import ContractCustomError, ContractLogicError, TransactionNotFound, Web3Exception
from web3.providers.base import BaseProvider

from lockstep.chain.refusals import EmptyRevert, UnknownRevert, decode_refusal
from lockstep.domain.errors import ContractRefused, Unavailable

__all__ = ["Head", "Node"]

Answer = TypeVar("Answer")
_NOBODY = "0x" + "0" * 40
_SILENT = (RequestException, OSError, TimeoutError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A block: its number, its timestamp in seconds, its hash."""

    number: int
    timestamp: int
    hash: str


class Node:
    """A node reached by URL, or by a provider such as eth-tester's.

    Every method raises Unavailable when the node does not answer.
    """

    def __init__(self, endpoint: str | BaseProvider, *, timeout_seconds: float = 10) -> None:
        if isinstance(endpoint, str):
            endpoint = HTTPProvider(
                endpoint, request_kwargs={"timeout": timeout_seconds}, exception_retry_configuration=None
            )
        self.web3 = Web3(endpoint)
        # It asks for the chain id anew with every call; the adapters check it once, when they are made.
        self.web3.middleware_onion.remove("validation")

    def chain_id(self) -> int:
        return self._ask(lambda: int(self.web3.eth.chain_id))

    def head(self) -> Head:
        return self.block("latest")

    def block(self, which: Any) -> Head:
        block = self._ask(lambda: self.web3.eth.get_block(which))
        return Head(number=int(block["number"]), timestamp=int(block["timestamp"]), hash=bytes(block["hash"]).hex())

    def call(
        self, to: str, data: bytes, block: int | None = None, *, sender: str | None = None, gas: int = 5_000_000
    ) -> bytes:
        """eth_call. Raises ContractRefused with the custom error decoded."""
        # Nobody is the zero address, as nodes take it; left out, eth-tester looks for an account, slowly.
        request: dict[str, Any] = {"from": sender or _NOBODY, "to": to, "data": "0x" + data.hex(), "gas": gas}
        which: Any = "latest" if block is None else block
        return self._ask(lambda: bytes(self.web3.eth.call(request, which)))  # type: ignore[arg-type]

    def logs(
        self, address: str | Sequence[str], topics: Sequence[Any], first: int, last: int | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """A contract's events, or several contracts', from block `first` through `last`, or through the head."""
        to_block = "latest" if last is None else last
        query: Any = {"address": address, "topics": list(topics), "fromBlock": first, "toBlock": to_block}
        return self._ask(lambda: self.web3.eth.get_logs(query))

    def receipt(self, transaction: str) -> Mapping[str, Any] | None:
        """The receipt, or None while the transaction is in no block."""
        try:
            return self._ask(lambda: self.web3.eth.get_transaction_receipt(transaction))  # type: ignore[arg-type]
        except TransactionNotFound:
            return None

    def transaction(self, hash_: str) -> Mapping[str, Any]:
        """A transaction that is in a block: `to`, `input`. Raises Unavailable if the node does not know it."""
        try:
            return self._ask(lambda: self.web3.eth.get_transaction(hash_))  # type: ignore[arg-type]
        except TransactionNotFound as error:
            raise Unavailable(f"the node does not know {hash_}") from error

    def transaction_count(self, address: str) -> int:
        """How many transactions of an account are in blocks."""
        return self._ask(lambda: int(self.web3.eth.get_transaction_count(address, "latest")))  # type: ignore[arg-type]

    def code(self, address: str) -> bytes:
        """The code at an address; empty where there is none."""
        return self._ask(lambda: bytes(self.web3.eth.get_code(address)))  # type: ignore[arg-type]

    def balance(self, address: str) -> int:
        """Money for fees, in wei."""
        return self._ask(lambda: int(self.web3.eth.get_balance(address)))  # type: ignore[arg-type]

    def base_fee(self) -> int:
        block = self._ask(lambda: self.web3.eth.get_block("latest"))
        return int(block.get("baseFeePerGas", 0))

    def broadcast(self, raw: bytes) -> str | None:
        """Hands over a signed transaction; returns the node's objection, or None.

        An objection proves nothing: the transaction may be known already, or mined.
        """
        try:
            self.web3.eth.send_raw_transaction(raw)
        except _SILENT as error:
            raise Unavailable(f"the node does not answer: {error}") from error
        except (ValueError, ValidationError, TransactionFailed, Web3Exception) as error:
            return str(error)
        return None

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        try:
            return question()
        except (ContractCustomError, ContractLogicError) as error:
            raise _refusal(error.data) from error
        except TransactionFailed as error:
            raise _refusal_of_tester(error) from error
        except TransactionNotFound:
            raise
        except (*_SILENT, Web3Exception, ValidationError) as error:  # an error of the node's own proves nothing either
            raise Unavailable(f"the node does not answer: {error}") from error


def _refusal(data: object) -> ContractRefused:
    """Of what a node gives as revert data: hex as a rule, nothing where the contract gave nothing."""
    if data in (None, "", "0x", "no data"):
        return EmptyRevert()
    try:
        return decode_refusal(bytes.fromhex(str(data).removeprefix("0x")))
    except ValueError:
        return UnknownRevert(str(data).encode())


def _refusal_of_tester(error: TransactionFailed) -> ContractRefused:
    """eth-tester shows the revert data as the Python text of a bytes object."""
    shown = str(error).partition("execution reverted: ")[2]
    try:
        data = ast.literal_eval(shown)
    except (ValueError, SyntaxError):
        data = None
    return decode_refusal(data) if isinstance(data, bytes) else UnknownRevert(str(error).encode())
