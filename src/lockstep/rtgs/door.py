"""The RTGS on HTTP: ISO 20022 XML for its parties, JSON for its operator. Loopback unless told otherwise.

| request | answer |
|---|---|
| POST /messages, an XML message | 202 `{"answers": ["<xml>", …]}` once it is durable |
| POST /files, a file of messages | 202 `{"file": …, "messages": [{"message_id": …, …}, …]}`, see `door_files` |
| GET /messages?after=N&limit=M | 200 `{"items": [{"sequence": 1, "message": "<xml>"}, …]}` |
| GET /health | 200 `{"status": "up", "bic": …, "business_day": …}` |
| GET, POST /operator/… | 200, see `door_operator` and `door_desk`; a GET's parameters stand in its query |
| GET / | the operator's page, see `page`: it shows nothing until it is given the operator's key |
| GET /metrics | figures for Prometheus, see `metrics`: of no party in particular, so without a key |

A party is whom its key (`Authorization: Bearer <key>`) names. Refusals are JSON with `field`, `value`,
`rule` and, for a refusal by name, `name`: 401 no valid key, 403 not this party's to send, 404, 405,
409 an operator's id taken by other content, 413 over 1 MiB (a file: 8 MiB), 422 everything else. A refused message's
has besides, as `answer`, the admi.002 that says the same. 503 means that nothing is known: an outage, or
an answer lost, by the plan of faults. All requests are served one after another, on the event loop: the
core knows no concurrency. A file's messages are taken in one transaction, each by itself; a file that is refused as
such, was not looked into. Messages that come while others are taken are then taken together, see `door_intake`.

With `Tls` the channel is encrypted and only callers with a certificate of the given authority get through
to where their key is asked for.
"""

import asyncio
import hmac
import json
import signal
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST

from lockstep.domain.errors import Conflict, InvalidInput, Refused, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.iso20022 import LARGEST_FILE, unpack
from lockstep.rtgs.core import Rtgs
from lockstep.rtgs.door_files import as_json
from lockstep.rtgs.door_intake import Intake
from lockstep.rtgs.door_operator import operate
from lockstep.rtgs.facts import plain
from lockstep.rtgs.metrics import Meter
from lockstep.rtgs.page import page_routes
from lockstep.rtgs.rejecting import rejection

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response

LARGEST_MESSAGE = 1 << 20
"""Bytes."""

SWEEP_SECONDS = 0.05
"""How often `serve` does what else is to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files: the RTGS's own certificate and key, and the authority whose certificates its callers must show."""

    certificate: Path
    key: Path
    callers_authority: Path


_FORBIDDEN = ("NotAuthorised", "SenderMismatch")


class _Denied(Exception):
    """A request that goes no further: its status and what the answer says."""

    def __init__(self, status: int, field: str, value: object, rule: str) -> None:
        self.status, self.content = status, {"field": field, "value": str(value), "rule": rule}


class _TooLarge(InvalidInput):
    """A request that is not read to its end."""


def application(rtgs: Rtgs, operator_key: str | None = None, meter: Meter | None = None) -> "Starlette":
    """The ASGI application. Without an operator key nobody is the operator."""
    from starlette.applications import Starlette
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    meter = meter or Meter(rtgs)
    intake = Intake(meter)

    def answered(
        serve_request: "Callable[[Request, bytes], Response | Awaitable[Response]]",
    ) -> "Callable[[Request], object]":
        async def endpoint(request: "Request") -> "Response":
            content = b""
            try:
                content = await _content(request, LARGEST_FILE if request.url.path == "/files" else LARGEST_MESSAGE)
                answer = serve_request(request, content)
                return answer if isinstance(answer, Response) else await answer
            except _Denied as denied:
                return JSONResponse(denied.content, denied.status)
            except Refused as refused:
                details = {name: str(value) for name, value in refused.details.items()}
                details |= {"name": refused.name, **refusal_of(request, content, refused)}
                return JSONResponse(details, 403 if refused.name in _FORBIDDEN else 422)
            except InvalidInput as error:
                details = {"field": error.field, "value": error.value, "rule": error.rule}
                status = 413 if isinstance(error, _TooLarge) else 422
                return JSONResponse(_sendable(details | refusal_of(request, content, error)), status)
            except Conflict as error:
                rule = "not yet taken by other content"
                return JSONResponse({"field": error.kind, "value": error.identifier, "rule": rule}, 409)
            except Unavailable as error:
                return JSONResponse({"field": "system", "value": rtgs.bic, "rule": str(error)}, 503)

        return endpoint

    def refusal_of(request: "Request", content: bytes, error: Refused | InvalidInput) -> dict[str, str]:
        """The admi.002 to a party whose message was refused."""
        sender = rtgs.sender_of(_key(request)) if (request.method, request.url.path) == ("POST", "/messages") else None
        return {} if sender is None else {"answer": rejection(rtgs.bic, sender, content, error, rtgs.now()).decode()}

    def party(request: "Request") -> Bic:
        found = rtgs.sender_of(_key(request))
        if found is None:
            raise _Denied(401, "Authorization", "***", "Bearer and the key of a registered party")
        return found

    def told(answer: dict[str, Any], status: int) -> "Response":
        """What is large: by a library that escapes texts ten times as fast."""
        return Response(orjson.dumps(answer), status, media_type="application/json")

    async def taken(content: bytes, caller: Bic) -> "Response":
        return told({"answers": [answer.decode() for answer in await intake.take(content, caller)]}, 202)

    async def files(request: "Request", content: bytes) -> "Response":
        caller = party(request)
        file = unpack(content)
        found = await intake.take_all(file.messages, caller)
        outcomes = as_json(rtgs.bic, caller, file.messages, found, rtgs.now())
        return told({"file": file.identity, "messages": [_sendable(one) for one in outcomes]}, 202)

    def messages(request: "Request", content: bytes) -> "Response | Awaitable[Response]":
        caller = party(request)
        if request.method == "POST":
            return taken(content, caller)
        rtgs.tick()  # whoever looks sees no payment that has run out
        page = rtgs.mailbox(caller, _whole(request, "after", 0), _whole(request, "limit", 200))
        return told({"items": [{"sequence": number, "message": data.decode()} for number, data in page]}, 200)

    def health(_request: "Request", _content: bytes) -> "JSONResponse":
        return JSONResponse({"status": "up", "bic": rtgs.bic, "business_day": plain(rtgs.operator.business_day())})

    def operator(request: "Request", content: bytes) -> "JSONResponse":
        if operator_key is None or not hmac.compare_digest(_key(request).encode(), operator_key.encode()):
            raise _Denied(401, "Authorization", "***", "Bearer and the operator's key")
        if request.method == "GET":
            content = json.dumps(dict(request.query_params)).encode()
        answer = plain(operate(rtgs, request.method, request.path_params["act"], content))
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def metrics(_request: "Request") -> "Response":
        return Response(meter.exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return Starlette(
        routes=[
            Route("/messages", answered(messages), methods=["GET", "POST"]),
            Route("/files", answered(files), methods=["POST"]),
            Route("/health", answered(health), methods=["GET"]),
            Route("/operator/{act:path}", answered(operator), methods=["GET", "POST"]),
            Route("/metrics", metrics, methods=["GET"]),
            *page_routes(),
        ]
    )


def listen(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A listening socket; port 0 takes a free one. Callers are queued on it from now on."""
    listening = socket.create_server((host, port), backlog=128)
    # Inherited by what it accepts. asyncio sets it only where a socket names its protocol, and without it each answer's
    # body waits 40 ms for the caller's delayed acknowledgement of its head.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def server(
    rtgs: Rtgs, operator_key: str | None = None, tls: Tls | None = None, meter: Meter | None = None
) -> "uvicorn.Server":
    """A uvicorn server, for `run(sockets=[listen(…)])`; it stops once `should_exit` is set."""
    import uvicorn

    secured: dict[str, Any] = {}
    if tls is not None:
        secured = {
            "ssl_certfile": tls.certificate,
            "ssl_keyfile": tls.key,
            "ssl_ca_certs": str(tls.callers_authority),
            "ssl_cert_reqs": ssl.CERT_REQUIRED,
        }
    application_ = application(rtgs, operator_key, meter)
    return uvicorn.Server(
        uvicorn.Config(application_, log_level="warning", access_log=False, lifespan="off", ws="none", **secured)
    )


def serve(
    rtgs: Rtgs,
    host: str = "127.0.0.1",
    port: int = 8020,
    *,
    operator_key: str | None = None,
    tls: Tls | None = None,
    ready: Callable[[str], None] | None = None,
    besides: Callable[[], object] | None = None,
    meter: Meter | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT, then finishes what it has begun and returns.

    `ready` is called with the URL as soon as callers may connect; `besides` again and again between
    requests, for another door of the same core.
    """
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):  # uvicorn stops on them, then raises them again
            signal.signal(number, lambda _number, _frame: None)
    with listen(host, port) as listening:
        if ready is not None:
            address = listening.getsockname()
            ready(f"{'http' if tls is None else 'https'}://{address[0]}:{address[1]}")
        asyncio.run(_serve(server(rtgs, operator_key, tls, meter), listening, besides))


async def _serve(server: "uvicorn.Server", listening: socket.socket, besides: Callable[[], object] | None) -> None:
    async def again_and_again(act: Callable[[], object]) -> None:
        while True:
            act()
            await asyncio.sleep(SWEEP_SECONDS)

    if besides is None:
        await server.serve(sockets=[listening])
        return
    other = asyncio.create_task(again_and_again(besides))
    other.add_done_callback(lambda _: setattr(server, "should_exit", True))  # a door that fails takes the other along
    await server.serve(sockets=[listening])
    other.cancel()
    with suppress(asyncio.CancelledError):
        await other


async def _content(request: "Request", most: int) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > most:
            raise _TooLarge("message", f"over {most} bytes", f"at most {most} bytes")
    return bytes(content)


def _sendable(details: dict[str, str]) -> dict[str, str]:
    """Texts that UTF-8 can carry: what was refused may quote half a character."""
    return {name: text.encode("utf-8", "backslashreplace").decode() for name, text in details.items()}


def _key(request: "Request") -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" else ""


def _whole(request: "Request", name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise InvalidInput(name, text, "a whole number, zero or more")
    return int(text)
