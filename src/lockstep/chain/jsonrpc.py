"""JSON-RPC over HTTP: one connection kept open, many questions in one request, each with its own answer."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import orjson
import requests
from urllib3.exceptions import HTTPError
from web3.providers.base import BaseProvider, JSONBaseProvider

from lockstep.connections import Connections

__all__ = ["Batch", "HttpEndpoint", "batch_of"]

Batch = Callable[[Sequence[tuple[str, Any]]], list[Any]]
"""Questions in, responses out in their order."""


def batch_of(provider: BaseProvider) -> Batch | None:
    """How a provider is asked many questions at once; None if it cannot be."""
    own = getattr(type(provider), "make_batch_request", None)
    if own is None or own is JSONBaseProvider.make_batch_request:
        return None
    batch: Batch = cast(Any, provider).make_batch_request
    return batch


class HttpEndpoint(JSONBaseProvider):
    """One node by URL. Raises requests.RequestException or OSError where it does not answer, as web3's own does."""

    def __init__(self, url: str, *, timeout_seconds: float = 10) -> None:
        super().__init__()
        self.url, self._timeout, self._asked = url, timeout_seconds, 0
        self._session = requests.Session()
        self._session.headers.update({"Content-Type": "application/json"})
        self._connections, self._led_elsewhere = Connections(self._session, url), False

    def __str__(self) -> str:
        return self.url

    def make_request(self, method: Any, params: Any) -> Any:
        answer = self._post(self._question(method, params))
        if not isinstance(answer, dict):
            raise requests.RequestException(f"{self.url} answers with no JSON-RPC: {str(answer)[:200]}")
        return answer

    def make_batch_request(self, batch_requests: Sequence[tuple[Any, Any]]) -> list[Any]:
        """The answers in the order of the questions, whatever order the node gave them in; one that is missing is an
        error of its own."""
        asked = [self._question(method, params) for method, params in batch_requests]
        given = self._post(asked)
        if not isinstance(given, list):  # one error for all: it takes no batches, or none so large
            raise requests.RequestException(f"{self.url} refuses {len(asked)} questions at once: {str(given)[:200]}")
        by_id = {one["id"]: one for one in given if isinstance(one, dict) and isinstance(one.get("id"), int)}
        return [by_id.get(one["id"]) or _missing() for one in asked]

    def is_connected(self, show_traceback: bool = False) -> bool:
        try:
            return "result" in self.make_request("eth_chainId", [])
        except (requests.RequestException, OSError):
            if show_traceback:
                raise
            return False

    def _question(self, method: Any, params: Any) -> dict[str, Any]:
        self._asked += 1
        return {"jsonrpc": "2.0", "id": self._asked, "method": method, "params": params}

    def post(self, body: bytes) -> bytes:
        """A request as bytes, and its answer as bytes."""
        if self._connections.by_session or self._led_elsewhere:
            return self._posted(body)
        try:
            answer = self._connections.ask("POST", body, timeout_seconds=self._timeout)
        except HTTPError as error:
            raise requests.RequestException(f"{self.url}: {error}") from error
        self._led_elsewhere = 300 <= answer.status < 400
        if self._led_elsewhere:
            return self._posted(body)
        if answer.status >= 400:
            raise requests.HTTPError(f"{self.url} answers with status {answer.status} {answer.reason}")
        return answer.data

    def _posted(self, body: bytes) -> bytes:
        """The same by requests itself, which follows where a node sends it and keeps what it sets. It is read at once:
        in requests' small pieces that takes as long as parsing it."""
        with self._session.post(self.url, data=body, timeout=self._timeout, stream=True) as answer:
            answer.raise_for_status()
            try:
                return bytes(answer.raw.read(decode_content=True))
            except HTTPError as error:
                raise requests.RequestException(f"{self.url}: {error}") from error

    def _post(self, content: Any) -> Any:
        answer = self.post(orjson.dumps(content))
        try:
            return orjson.loads(answer)
        except ValueError as error:
            raise requests.RequestException(f"{self.url} answers with no JSON: {error}") from error


def _missing() -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": None, "error": {"code": -32603, "message": "the node left this question out"}}
