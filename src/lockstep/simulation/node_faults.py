"""One party's node, and what goes wrong between the two: late, lost, old, wrong or doubled answers.

It wraps any provider whose answers are JSON-RPC's own: numbers as hexadecimal text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from eth_hash.auto import keccak
from web3.providers.base import BaseProvider, JSONBaseProvider
from web3.types import RPCEndpoint

__all__ = ["FaultyProvider", "NodeFault", "NodeFaultKind"]

SEND = "eth_sendRawTransaction"
COUNT = "eth_getTransactionCount"
_NEWEST = ("latest", "pending", "safe", "finalized")
_STATE_AT = {"eth_call": 1, "eth_getCode": 1, "eth_getBalance": 1, COUNT: 1, "eth_getStorageAt": 2}
"""Where the block stands among a method's parameters."""


class NodeFaultKind(StrEnum):
    """What a node does to one request."""

    UNREACHED = "unreached"
    "No answer, and the request never arrived."
    UNANSWERED = "unanswered"
    "No answer, though the request was carried out."
    STALE = "stale"
    "It answers as of `by` blocks ago: nothing later exists for it. What is sent still goes out."
    FORGOTTEN = "forgotten"
    "It takes a transaction, says its hash, and never passes it on. Other requests are answered."
    WRONG_NONCE = "wrong-nonce"
    "A count of transactions is off by `by`, which may be negative. Other requests are answered."
    TWICE = "twice"
    "The request arrives twice; the second answer is the one that is heard."
    FAILED = "failed"
    "An error of the node's own, code -32000; the request was not carried out."


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFault:
    """One fault for one request. `by`: blocks for `STALE`, transactions for `WRONG_NONCE`, else unused."""

    kind: NodeFaultKind
    by: int = 1


class FaultyProvider(JSONBaseProvider):
    """Asks `decide` about each request (its method, its parameters), and does to it what that says.

    `behind` is for all requests until it is changed: a node that many blocks late, the same throughout a pass.
    """

    def __init__(self, inner: BaseProvider, decide: Callable[[str, Any], NodeFault | None] = lambda *_: None) -> None:
        super().__init__()
        self.behind = 0
        self._inner, self._decide = inner, decide

    def is_connected(self, show_traceback: bool = False) -> bool:
        return True

    def make_request(self, method: Any, params: Any) -> Any:
        """Raises TimeoutError where no answer comes."""
        fault = self._decide(method, params)
        kind = fault.kind if fault else None
        if kind is NodeFaultKind.UNREACHED:
            raise TimeoutError(f"{method}: the node was not reached")
        if kind is NodeFaultKind.FAILED:
            return _error("the node is overloaded")
        if kind is NodeFaultKind.FORGOTTEN and method == SEND:
            return {"jsonrpc": "2.0", "id": 1, "result": "0x" + keccak(_bytes(params[0])).hex()}
        late = self.behind + (fault.by if fault and kind is NodeFaultKind.STALE else 0)
        answer = self._asked(method, params, late)
        if kind is NodeFaultKind.TWICE:
            answer = self._asked(method, params, late)
        if kind is NodeFaultKind.UNANSWERED:
            raise TimeoutError(f"{method}: the node's answer was lost")
        if fault and kind is NodeFaultKind.WRONG_NONCE and method == COUNT and "result" in answer:
            return {**answer, "result": hex(max(0, int(answer["result"], 16) + fault.by))}
        return answer

    def _asked(self, method: str, params: Sequence[Any], late: int) -> Any:
        if not late:
            return self._inner.make_request(RPCEndpoint(method), params)
        return self._as_of(method, list(params), max(0, self._number() - late))

    def _number(self) -> int:
        return int(self._inner.make_request(RPCEndpoint("eth_blockNumber"), [])["result"], 16)

    def _as_of(self, method: str, params: list[Any], head: int) -> Any:
        """The answer of a node whose latest block is `head`."""
        if method == "eth_blockNumber":
            return {"jsonrpc": "2.0", "id": 1, "result": hex(head)}
        place = 0 if method == "eth_getBlockByNumber" else _STATE_AT.get(method)
        if place is not None:
            params += ["latest"] * (place + 1 - len(params))
            if params[place] in _NEWEST:
                params[place] = hex(head)
            elif (number := _numbered(params[place])) is not None and number > head:
                return _none() if method == "eth_getBlockByNumber" else _error("header not found")
        if method == "eth_getLogs":
            query = self._until(params[0], head)
            if query is None:
                return {"jsonrpc": "2.0", "id": 1, "result": []}
            params = [query]
        answer: Any = self._inner.make_request(RPCEndpoint(method), params)
        if method in ("eth_getTransactionReceipt", "eth_getTransactionByHash", "eth_getBlockByHash"):
            result = answer.get("result")
            field = "number" if method == "eth_getBlockByHash" else "blockNumber"
            if result and (result[field] is None or int(result[field], 16) > head):
                return _none()
        return answer

    def _until(self, query: Mapping[str, Any], head: int) -> dict[str, Any] | None:
        """A query for logs, no further than `head`; None where nothing of it is left."""
        if "blockHash" in query:
            asked = RPCEndpoint("eth_getBlockByHash"), [query["blockHash"], False]
            known = self._inner.make_request(*asked)["result"]
            return dict(query) if known and int(known["number"], 16) <= head else None
        first, last = (query.get(name, "latest") for name in ("fromBlock", "toBlock"))
        first_number = head if first in _NEWEST else _numbered(first) or 0
        last_number = head if last in _NEWEST else min(_numbered(last) or 0, head)
        if first_number > last_number:
            return None
        return {**query, "fromBlock": hex(first_number), "toBlock": hex(last_number)}


def _numbered(which: Any) -> int | None:
    """The number by which a block is named; None for a hash or a name."""
    if isinstance(which, int):
        return which
    return int(which, 16) if isinstance(which, str) and which.startswith("0x") and len(which) < 66 else None


def _bytes(raw: Any) -> bytes:
    return bytes(raw) if isinstance(raw, bytes) else bytes.fromhex(str(raw)[2:])


def _none() -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "result": None}


def _error(message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "error": {"code": -32000, "message": message}}
