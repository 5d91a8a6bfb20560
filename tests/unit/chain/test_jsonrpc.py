"""A node over HTTP: one connection, and what requests makes of a URL and of the environment holds as ever."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from lockstep.chain.jsonrpc import HttpEndpoint

ANSWER = b'{"jsonrpc":"2.0","id":1,"result":"0x7a69"}'


class Served:
    """A server that notes what it is asked, and answers as told: a status, headers, a body."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connections = 0
        self.asked: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        """The next ones; then 200 and `ANSWER`."""


@contextmanager
def serving() -> Iterator[Served]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def setup(self) -> None:
            super().setup()
            served.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            served.asked.append((self.path, dict(self.headers), json.loads(body)))
            status, headers, content = served.answers.pop(0) if served.answers else (200, {}, ANSWER)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Served(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def node() -> Iterator[Served]:
    with serving() as served:
        yield served


@contextmanager
def endpoint(url: str, timeout_seconds: float = 5) -> Iterator[HttpEndpoint]:
    made = HttpEndpoint(url, timeout_seconds=timeout_seconds)
    try:
        yield made
    finally:
        made._session.close()


def test_many_questions_go_over_one_connection(node: Served) -> None:
    with endpoint(f"{node.url}/key") as asking:
        for _ in range(3):
            assert asking.make_request("eth_chainId", []) == json.loads(ANSWER)
    assert node.connections == 1
    path, headers, question = node.asked[-1]
    assert (path, headers["Content-Type"]) == ("/key", "application/json")
    assert question == {"jsonrpc": "2.0", "id": 3, "method": "eth_chainId", "params": []}


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503])
def test_a_status_is_no_answer(node: Served, status: int) -> None:
    node.answers.append((status, {}, ANSWER))
    with endpoint(node.url) as asking:
        with pytest.raises(requests.RequestException, match=str(status)):
            asking.make_request("eth_chainId", [])
        assert asking.make_request("eth_chainId", [])["result"] == "0x7a69"  # and it is asked again


@pytest.mark.parametrize("status", [307, 308])
def test_where_a_node_sends_it_it_asks(node: Served, status: int) -> None:
    node.answers += [(status, {"Location": "/elsewhere"}, b"")] * 2  # seen first, then followed
    with endpoint(node.url) as asking:
        assert asking.make_request("eth_chainId", [])["result"] == "0x7a69"
    assert [path for path, _, _ in node.asked] == ["/", "/", "/elsewhere"]
    assert node.asked[0][2] == node.asked[2][2]


def test_a_cookie_comes_back(node: Served) -> None:
    node.answers += [(200, {"Set-Cookie": "node=3"}, ANSWER)] * 2  # seen first, then kept
    with endpoint(node.url) as asking:
        for _ in range(3):
            asking.make_request("eth_chainId", [])
    assert [headers.get("Cookie") for _, headers, _ in node.asked] == [None, None, "node=3"]


def test_a_name_in_the_url_is_shown(node: Served) -> None:
    with endpoint(node.url.replace("://", "://me:secret@")) as asking:
        asking.make_request("eth_chainId", [])
    shown = f"Basic {b64encode(b'me:secret').decode()}"
    assert node.asked[0][1]["Authorization"] == shown


def test_a_proxy_of_the_environment_is_asked(node: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", node.url)
    monkeypatch.setenv("no_proxy", "")
    with endpoint("http://node.example:8545/key") as asking:
        assert asking.make_request("eth_chainId", [])["result"] == "0x7a69"
    assert node.asked[0][0] == "http://node.example:8545/key"


def test_who_is_not_there_gives_no_answer() -> None:
    with serving() as gone:
        url = gone.url
    with endpoint(url) as asking, pytest.raises(requests.RequestException, match=url):
        asking.make_request("eth_chainId", [])


def test_an_answer_that_breaks_off_is_none(node: Served) -> None:
    node.answers.append((200, {"Content-Length": "1000", "Connection": "close"}, ANSWER))
    with endpoint(node.url) as asking, pytest.raises(requests.RequestException, match=node.url):
        asking.make_request("eth_chainId", [])
