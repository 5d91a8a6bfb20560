"""Several nodes as one: the first that answers, is on the right chain, and is not behind what was seen already."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from requests import RequestException
from web3.providers.base import BaseProvider, JSONBaseProvider

from lockstep.chain.jsonrpc import HttpEndpoint, batch_of
from lockstep.domain.errors import Misconfigured

__all__ = ["FailoverProvider"]

_SILENT = (RequestException, OSError, TimeoutError)
REST_SECONDS = 15.0
"""How long a node is left alone that did not answer, or was behind."""
REORGANISED = 8
"""Blocks by which a head may go back without the node being behind: what a reorganisation takes."""


@dataclass(slots=True)
class _Endpoint:
    provider: BaseProvider
    rests_until: float = 0.0
    known: bool = False
    """Its chain was looked at, and is the right one."""
    why: str = ""


class FailoverProvider(JSONBaseProvider):
    """Asks one node until it is silent or behind, then the next; the first is taken back after a rest.

    What is sent goes to the next too if no answer came: the same bytes twice do no harm. Raises Misconfigured, with
    the URL, for a node of another chain when this is made; one that shows it later is never asked. For one thread.
    """

    def __init__(
        self,
        endpoints: Sequence[BaseProvider],
        *,
        rest_seconds: float = REST_SECONDS,
        reorganised: int = REORGANISED,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`reorganised`: blocks by which a head may be lower than the highest seen."""
        super().__init__()
        if not endpoints:
            raise Misconfigured("no RPC URL is given")
        self._endpoints = [_Endpoint(one) for one in endpoints]
        self._rest, self._reorganised, self._monotonic = rest_seconds, reorganised, monotonic
        self._identity: tuple[str, str] | None = None
        self._highest = 0
        for endpoint in self._endpoints:
            try:
                self._highest = max(self._highest, self._look_at(endpoint))
            except _SILENT as error:
                self._set_aside(endpoint, error)

    def make_request(self, method: Any, params: Any) -> Any:
        return self._asked([(method, params)], lambda provider: [provider.make_request(method, params)])[0]

    def make_batch_request(self, batch_requests: Sequence[tuple[Any, Any]]) -> list[Any]:
        return self._asked(batch_requests, lambda provider: _together(provider, batch_requests))

    def post(self, body: bytes) -> bytes:
        """As `HttpEndpoint.post`, where the nodes have it."""
        answer: bytes = self._asked([("", ())], lambda one: [cast(HttpEndpoint, one).post(body)])[0]
        return answer

    def is_connected(self, show_traceback: bool = False) -> bool:
        return any(one.provider.is_connected() for one in self._endpoints)

    def _asked(self, questions: Sequence[tuple[Any, Any]], ask: Callable[[BaseProvider], list[Any]]) -> list[Any]:
        behind: list[tuple[int, list[Any]]] = []
        wrong: Misconfigured | None = None
        for endpoint in self._in_order():
            try:
                head = -1 if endpoint.known else self._look_at(endpoint)
                answers = ask(endpoint.provider)
            except _SILENT as error:
                self._set_aside(endpoint, error)
                continue
            except Misconfigured as error:  # others go on, but it is never asked
                self._set_aside(endpoint, error)
                wrong = error
                continue
            head = max([head, *(_head(*one) for one in zip(questions, answers, strict=True))])
            if 0 <= head < self._highest - self._reorganised:
                self._set_aside(endpoint, f"its head is {head}, and {self._highest} was seen")
                behind.append((head, answers))
                continue
            self._highest = max(self._highest, head)
            endpoint.rests_until = 0.0
            return answers
        if behind:  # nobody is further, so this is what the chain is now
            self._highest, answers = max(behind, key=lambda one: one[0])
            return answers
        if wrong is not None:
            raise wrong
        raise OSError("no node answers: " + "; ".join(f"{one.provider}: {one.why}" for one in self._endpoints))

    def _in_order(self) -> list[_Endpoint]:
        """Those that do not rest, in the order given; then those that do, as somebody must be asked."""
        now = self._monotonic()
        return sorted(self._endpoints, key=lambda one: one.rests_until > now)

    def _set_aside(self, endpoint: _Endpoint, why: object) -> None:
        endpoint.rests_until, endpoint.why = self._monotonic() + self._rest, str(why)
        endpoint.known = False  # what comes back may be another machine

    def _look_at(self, endpoint: _Endpoint) -> int:
        """Compares chain id and first block; returns the head's number. Raises Misconfigured, or what says nothing."""
        questions = [("eth_chainId", []), ("eth_getBlockByNumber", ["0x0", False]), ("eth_blockNumber", [])]
        try:
            chain, first, head = (one["result"] for one in _together(endpoint.provider, questions))
            identity, number = (str(chain), str(first["hash"])), int(head, 16)
        except (KeyError, TypeError, ValueError) as error:
            raise OSError(f"it does not say which chain it is on: {error!r}") from error
        if self._identity is None:
            self._identity = identity
        elif identity != self._identity:
            (id_, genesis), (expected_id, expected) = identity, self._identity
            raise Misconfigured(
                f"{endpoint.provider} is on another chain: id {id_} and first block {genesis}, "
                f"where the others have id {expected_id} and {expected}"
            )
        endpoint.known = True
        return number


def _together(provider: Any, questions: Sequence[tuple[Any, Any]]) -> list[Any]:
    batch = batch_of(provider)
    if batch is None:
        return [provider.make_request(method, params) for method, params in questions]
    return batch(questions)


def _head(question: tuple[Any, Any], answer: Any) -> int:
    """The head's number where the question was for it, else -1."""
    method, params = question
    result = answer.get("result") if isinstance(answer, dict) else None
    try:
        if method == "eth_blockNumber":
            return int(str(result), 16)
        if method == "eth_getBlockByNumber" and params[0] == "latest" and result is not None:
            return int(str(result["number"]), 16)
    except (ValueError, KeyError, TypeError):
        pass
    return -1
