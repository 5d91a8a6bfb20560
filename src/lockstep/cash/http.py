"""A cash system behind HTTP, as `lockstep.rtgs.door` speaks it.

What a failed call tells: a refusal of the message means *no*. Anything else (no connection, no answer in
time, a server's error, a key that is not accepted, a page that is no answer) means that nothing is known
and raises Unavailable.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.client import RemoteDisconnected
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import requests
from urllib3.exceptions import HTTPError

from lockstep.cash.mail import Outgoing, read_mail, require_answers_to
from lockstep.connections import Connections
from lockstep.domain.errors import InvalidMessage, LockstepError, Misconfigured, Refused, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.iso20022 import write
from lockstep.ports import CashBody, Unreadable

_NO_OPERANDS = ("name", "answer", "outcome", "message_id")
_SEQUENCES = 2**63
"""Sequence numbers are less: a cursor is stored."""
TRIES, PAUSE_SECONDS = 3, 0.2
"""A server that just stops ends connections too; one that does not trust a certificate does so each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM files for an https URL: our own certificate and key, and the authority that vouches for the RTGS."""

    certificate: Path
    key: Path
    authority: Path


def _innermost(error: BaseException) -> BaseException:
    """What the layers of HTTP libraries were told by the one below."""
    while (below := error.__cause__ or error.__context__) is not None:
        error = below
    return error


class HttpCashSystem:
    """The cash system as the party `bic` sees it; `key` proves to it who that is."""

    def __init__(
        self, url: str, bic: Bic, key: str, timeout_seconds: float = 10.0, certificates: Certificates | None = None
    ) -> None:
        self._url, self._bic, self._timeout = f"{url.rstrip('/')}/messages", bic, timeout_seconds
        self._files_url = f"{url.rstrip('/')}/files"
        self._session = requests.Session()
        self._places = {one: Connections(self._session, one) for one in (self._url, self._files_url)}
        self._session.trust_env = False  # neither proxies nor ~/.netrc come between us and our RTGS
        self._session.headers.update({"Authorization": f"Bearer {key}", "Content-Type": "application/xml"})
        if certificates is not None:
            self._session.verify = str(certificates.authority)
            self._session.cert = (str(certificates.certificate), str(certificates.key))

    def send(self, message: Message[CashBody]) -> None:
        """See `ports.CashSystem.send`."""
        self._post(write(message))

    def send_all(self, messages: Sequence[Message[CashBody]]) -> Sequence[LockstepError | None]:
        """See `ports.BulkCashSystem.send_all`.

        Where the other side takes no files, or not this one, its messages go one by one.
        """
        return Outgoing(messages).send(self._post_file, lambda _, data: self._alone(data))

    def _post(self, data: bytes) -> None:
        status, answer = self._call("POST", self._url, data)
        if status != 202:
            raise _refusal(status, answer)

    def _alone(self, data: bytes) -> LockstepError | None:
        try:
            self._post(data)
        except LockstepError as error:
            return error
        return None

    def _post_file(self, sent: Sequence[str], file: bytes) -> Sequence[LockstepError | None] | None:
        """What became of each message, by their ids; None if the file was not taken as one. Raises Unavailable."""
        status, answer = self._call("POST", self._files_url, file)
        if status in (404, 405, 413, 422):
            return None
        if status != 202:
            raise Unavailable(f"status {status}: {dict(answer)}")
        told = answer.get("messages")
        if not isinstance(told, list) or not all(isinstance(one, dict) for one in told):
            raise Unavailable(f"{self._files_url} answered with something else than {len(sent)} outcomes")
        require_answers_to(sent, [one.get("message_id") for one in told])
        return [_outcome(one) for one in told]

    def receive(self, after: int, limit: int = 200) -> Sequence[tuple[int, Message[CashBody] | Unreadable]]:
        """See `ports.CashSystem.receive`."""
        return read_mail(self.mail(after, limit), self._bic)

    def mail(self, after: int, limit: int = 200) -> Sequence[tuple[int, bytes]]:
        """As `receive`, each message as the bytes that came."""
        status, answer = self._call("GET", self._url, query=f"?after={after}&limit={limit}")
        if status != 200:
            raise _refusal(status, answer)
        try:
            items = [(int(item["sequence"]), str(item["message"]).encode()) for item in answer["items"]]
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Unavailable(f"{self._url} answered with something else than mail: {error!r}") from error
        if not all(before < one < _SEQUENCES for before, one in pairwise([after, *(number for number, _ in items)])):
            raise Unavailable(f"{self._url} answered with mail out of order after {after}")
        return items

    def check_trust(self) -> None:
        """Whether each side takes the other's certificate, before a wrong one looks like silence for ever.

        An RTGS that is not there yet is no fault. Raises Misconfigured.
        """
        for left in reversed(range(TRIES)):
            try:
                self._session.get(
                    self._url, params={"after": 0, "limit": 1}, timeout=self._timeout, allow_redirects=False
                )
            except requests.exceptions.SSLError as error:
                raise Misconfigured(f"{self._url}: certificates do not fit: {_innermost(error)}") from error
            except OSError as error:  # a missing PEM file, or a requests.RequestException
                if not isinstance(_innermost(error), RemoteDisconnected):
                    return
                if not left:
                    rule = "a certificate that the RTGS trusts, with its key"
                    shown = self._session.cert[0] if self._session.cert else "none"
                    raise Misconfigured(
                        f"{self._url} ends the connection without an answer: '{shown}' breaks the rule: {rule}"
                    ) from error
                time.sleep(PAUSE_SECONDS)
            else:
                return

    def close(self) -> None:
        """Lets go of the connections."""
        for place in self._places.values():
            place.close()
        self._session.close()

    def _call(self, method: str, url: str, data: bytes | None = None, query: str = "") -> tuple[int, Mapping[str, Any]]:
        try:
            status, content = self._answered(method, url, data, query)
            if url == self._files_url and status in (404, 405):
                return status, {}  # who does not know the place need not say so in JSON
            answer = orjson.loads(content)  # which bounds how deep it nests, whatever the interpreter's limit
        except (requests.RequestException, HTTPError, ValueError) as error:
            raise Unavailable(f"{url} gave no answer: {error}") from error
        if status >= 500 or not isinstance(answer, dict):
            raise Unavailable(f"{url} gave no answer, but status {status}")
        return status, answer

    def _answered(self, method: str, url: str, data: bytes | None, query: str) -> tuple[int, bytes]:
        place = self._places[url]
        if place.by_session:
            whole = url + query
            response = self._session.request(method, whole, data=data, timeout=self._timeout, allow_redirects=False)
            return response.status_code, response.content
        answer = place.ask(method, data, query=query, timeout_seconds=self._timeout)
        return answer.status, answer.data


def _outcome(told: Mapping[str, Any]) -> LockstepError | None:
    """What became of one message of a file; anything that is not understood says nothing about it."""
    outcome = told.get("outcome")
    if outcome == "taken":
        return None
    details = {str(key): str(value) for key, value in told.items() if key not in _NO_OPERANDS}
    if outcome == "refused" and "name" in told:
        return Refused(str(told["name"]), details)
    if outcome == "invalid" and {"field", "value", "rule"} <= details.keys():
        return InvalidMessage(details["field"], details["value"], details["rule"])
    return Unavailable(f"the RTGS says of it: {details or outcome}")


def _refusal(status: int, answer: Mapping[str, Any]) -> Exception:
    """A refusal by name, or of the content; any other status says nothing about the message."""
    if "name" in answer:
        return Refused(
            str(answer["name"]), {key: value for key, value in answer.items() if key not in ("name", "answer")}
        )
    if status in (413, 422) and {"field", "value", "rule"} <= answer.keys():
        return InvalidMessage(str(answer["field"]), str(answer["value"]), str(answer["rule"]))
    return Unavailable(f"status {status}: {dict(answer)}")
