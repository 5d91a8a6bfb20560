"""One node's JSON-RPC, with its failures told apart: the contract said no, or nobody answered."""

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from eth_tester.exceptions import TransactionFailed
from eth_utils.exceptions import ValidationError
from requests import RequestException
from urllib3.exceptions import HTTPError
from web3 import HTTPProvider, Web3
from web3._utils.method_formatters import get_error_formatters
from web3.datastructures import NamedElementOnion
from web3.exceptions import ContractCustomError, ContractLogicError, Web3Exception
from web3.providers.base import BaseProvider

from lockstep.chain import answers
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

    @cached_property
    def _answer(self) -> Callable[..., Any]:
        """Asks past web3's middleware and formatters, which take longer than most answers; not past the provider's."""
        provider: Any = self.web3.provider
        function: Callable[..., Any] = provider.request_func(self.web3, NamedElementOnion([]))
        return function

    def chain_id(self) -> int:
        return self._read("eth_chainId", (), answers.number)

    def head(self) -> Head:
        return self.block("latest")

    def block(self, which: Any) -> Head:
        """`which` is a number, a hash or a name such as `latest`. Raises Unavailable for one that is not there."""
        block = self._block(which)
        try:
            return Head(
                number=answers.number(block["number"]),
                timestamp=answers.number(block["timestamp"]),
                hash=answers.data(block["hash"]).hex(),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(f"the node's block {which} cannot be read: {error!r}") from error

    def _block(self, which: Any) -> Mapping[str, Any]:
        named = isinstance(which, str) and not which.startswith("0x")
        shown = which if isinstance(which, str) else _named(which)
        method = "eth_getBlockByNumber" if named or len(shown) < 66 else "eth_getBlockByHash"
        found: Mapping[str, Any] | None = self._read(method, (shown, False), lambda answer: answer)
        if found is None:
            raise Unavailable(f"the node does not answer: it knows no block {shown}")
        return found

    def call(
        self, to: str, data: bytes, block: int | None = None, *, sender: str | None = None, gas: int = 5_000_000
    ) -> bytes:
        """eth_call. Raises ContractRefused with the custom error decoded."""
        # Nobody is the zero address, as nodes take it; left out, eth-tester looks for an account, slowly.
        request = {"from": sender or _NOBODY, "to": to, "data": "0x" + data.hex(), "gas": hex(gas)}
        return self._read("eth_call", (request, _named(block)), answers.data)

    def logs(
        self, address: str | Sequence[str], topics: Sequence[Any], first: int, last: int | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """A contract's events, or several contracts', from block `first` through `last`, or through the head."""
        query = {"address": address, "topics": list(topics), "fromBlock": hex(first), "toBlock": _named(last)}
        return self._read("eth_getLogs", (query,), lambda found: [answers.log(one) for one in found])

    def receipt(self, transaction: str) -> Mapping[str, Any] | None:
        """The receipt, or None while the transaction is in no block."""
        return self._read("eth_getTransactionReceipt", (transaction,), lambda found: found and answers.receipt(found))

    def transaction(self, hash_: str) -> Mapping[str, Any]:
        """A transaction in a block or in the pool: `to`, `input`. Raises Unavailable if the node does not know it."""
        found = self._read("eth_getTransactionByHash", (hash_,), lambda given: given and answers.transaction(given))
        if found is None:
            raise Unavailable(f"the node does not know {hash_}")
        return found

    def transaction_count(self, address: str) -> int:
        """How many transactions of an account are in blocks."""
        return self._read("eth_getTransactionCount", (address, "latest"), answers.number)

    def code(self, address: str) -> bytes:
        """The code at an address; empty where there is none."""
        return self._read("eth_getCode", (address, "latest"), answers.data)

    def balance(self, address: str) -> int:
        """Money for fees, in wei."""
        return self._read("eth_getBalance", (address, "latest"), answers.number)

    def base_fee(self) -> int:
        return answers.number(self._block("latest").get("baseFeePerGas", 0))

    def broadcast(self, raw: bytes) -> str | None:
        """Hands over a signed transaction; returns the node's objection, or None.

        An objection proves nothing: the transaction may be known already, or mined.
        """
        try:
            self._result("eth_sendRawTransaction", ["0x" + raw.hex()])
        except _SILENT as error:
            raise Unavailable(f"the node does not answer: {error}") from error
        except (ValueError, ValidationError, TransactionFailed, Web3Exception) as error:
            return str(error)
        return None

    def post(self, body: bytes) -> bytes | None:
        """A JSON-RPC request as bytes, a batch too, and the answer as bytes; None where it is not reached over HTTP."""
        provider = self.web3.provider
        if not isinstance(provider, HTTPProvider):
            return None
        try:
            # As the provider itself asks, but read at once: in requests' small pieces it takes as long as its parsing.
            url: Any = provider.endpoint_uri
            session = provider._request_session_manager.cache_and_return_session(url)
            kwargs: Any = provider.get_request_kwargs()
            with session.post(url, data=body, stream=True, **kwargs) as response:
                response.raise_for_status()
                return bytes(response.raw.read(decode_content=True))
        except (*_SILENT, HTTPError) as error:
            raise Unavailable(f"the node does not answer: {error}") from error

    def _read(self, method: str, parameters: Sequence[Any], understood: Callable[[Any], Answer]) -> Answer:
        """One question past web3's formatters; its errors are web3's still."""
        answer = self._ask(lambda: self._result(method, parameters))
        try:
            return understood(answer)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unavailable(f"the node's answer to {method} cannot be read: {error!r}") from error

    def _result(self, method: Any, parameters: Sequence[Any]) -> Any:
        response = self._answer(method, list(parameters))
        if "error" in response or "result" not in response:
            return self.web3.manager.formatted_response(response, parameters, get_error_formatters(method))
        return response["result"]

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        try:
            return question()
        except (ContractCustomError, ContractLogicError) as error:
            raise _refusal(error.data) from error
        except TransactionFailed as error:
            raise _refusal_of_tester(error) from error
        except (*_SILENT, Web3Exception, ValidationError) as error:  # an error of the node's own proves nothing either
            raise Unavailable(f"the node does not answer: {error}") from error


def _named(block: int | bytes | None) -> str:
    if block is None:
        return "latest"
    return hex(block) if isinstance(block, int) else "0x" + block.hex()


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
