"""A node over HTTP: cookies and redirects, as load balancers use them, and what is no answer."""

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from lockstep.chain.jsonrpc import HttpEndpoint

ANSWER = b'{"jsonrpc":"2.0","id":1,"result":"0x7"}'
Answers = Callable[[BaseHTTPRequestHandler, bytes], tuple[int, dict[str, str], bytes]]


class Server:
    """Answers as it is told, and remembers what it was asked: path, headers, body."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: Answers = lambda *_: (200, {}, ANSWER)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.asked.append((self.path, dict(self.headers), body))
                status, headers, answer = outer.answers(self, body)
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(answer))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def end(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.end()


@pytest.fixture
def endpoint(server: Server) -> Iterator[HttpEndpoint]:
    endpoint = HttpEndpoint(server.url)
    yield endpoint
    endpoint._session.close()


def test_each_question_is_asked_with_its_own_body(server: Server, endpoint: HttpEndpoint) -> None:
    for body in (b"[1]", b"[1, 2, 3]", b"[]"):
        assert endpoint.post(body) == ANSWER
    assert [body for _, _, body in server.asked] == [b"[1]", b"[1, 2, 3]", b"[]"]
    assert {headers["Content-Type"] for _, headers, _ in server.asked} == {"application/json"}
    assert {headers["Connection"] for _, headers, _ in server.asked} == {"keep-alive"}


def test_a_user_in_the_url_is_told_each_time(server: Server) -> None:
    endpoint = HttpEndpoint(server.url.replace("//", "//ann:secret@"))
    for _ in range(2):
        endpoint.post(b"[]")
    endpoint._session.close()
    assert {headers["Authorization"] for _, headers, _ in server.asked} == {"Basic YW5uOnNlY3JldA=="}


def test_a_cookie_is_given_back(server: Server, endpoint: HttpEndpoint) -> None:
    """By it a load balancer keeps to one node."""
    server.answers = lambda *_: (200, {"Set-Cookie": f"node={len(server.asked)}"}, ANSWER)
    for _ in range(4):
        endpoint.post(b"[]")
    assert [headers.get("Cookie") for _, headers, _ in server.asked] == [None, None, "node=2", "node=3"]


def test_it_goes_where_it_is_sent(server: Server, endpoint: HttpEndpoint) -> None:
    server.answers = lambda asked, _: (200, {}, ANSWER) if asked.path == "/v2" else (307, {"Location": "/v2"}, b"")
    for body in (b"[1]", b"[2]"):
        assert endpoint.post(body) == ANSWER
    assert [(path, body) for path, _, body in server.asked if path == "/v2"] == [("/v2", b"[1]"), ("/v2", b"[2]")]


@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_a_status_of_its_own_is_no_answer(server: Server, endpoint: HttpEndpoint, status: int) -> None:
    server.answers = lambda *_: (status, {}, ANSWER)
    with pytest.raises(requests.RequestException, match=str(status)):
        endpoint.post(b"[]")
    server.answers = lambda *_: (200, {}, ANSWER)
    assert endpoint.make_request("eth_chainId", [])["result"] == "0x7"


def test_nobody_there() -> None:
    with pytest.raises((requests.RequestException, OSError)):
        HttpEndpoint("http://127.0.0.1:1", timeout_seconds=1).post(b"[]")
