"""Many messages at once, as each adapter of ours sends them: round trips, strange answers, silence."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cash_venues import AGENTS, BANK, DOORS, NOW, RTGS, SERVICE, FakeBench, SimulatorBench, secret

from lockstep.cash import DirectCashSystem, DirectoryCashSystem, HttpCashSystem
from lockstep.domain.errors import Conflict, InvalidInput, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import Bic, SettlementId
from lockstep.domain.message import Message
from lockstep.domain.payment import Release
from lockstep.iso20022 import pack, read, unpack
from lockstep.ports import CashBody
from lockstep.testing.cash_conformance import CashSystemConformance

PAYMENT = CashSystemConformance.payment(FakeBench.open(), SettlementId("5e" * 32), salt="0" * 32)


def payments(count: int) -> list[Message[CashBody]]:
    return [
        Message(
            sender=SERVICE,
            receiver=RTGS,
            message_id=f"M{number}",
            created=NOW,
            body=CashSystemConformance.payment(FakeBench.open()),
        )
        for number in range(count)
    ]


def kinds(results: Sequence[LockstepError | None]) -> list[str]:
    return ["" if one is None else one.name if isinstance(one, Refused) else type(one).__name__ for one in results]


# --- the same words, one by one and in a file, at every door


def mixed() -> list[Message[CashBody]]:
    first, second, third = payments(3)
    return [
        first,
        replace(first, receiver=BANK),
        replace(second, sender=BANK),
        replace(second, message_id="M0"),
        second,
        replace(third, message_id="M8", body=replace(PAYMENT, uetr=first.body.uetr)),
        replace(third, message_id="M9", body=Release(uetr=PAYMENT.uetr, settlement_id=PAYMENT.settlement_id)),
        third,
    ]


def test_every_door_tells_of_each_what_it_tells_of_one(tmp_path: Path) -> None:
    messages, told = mixed(), {}
    for name in DOORS:
        for how in ("file", "alone"):
            (tmp_path / name / how).mkdir(parents=True)
            bench = SimulatorBench.open(tmp_path / name / how, name)
            system = bench.system(SERVICE)
            results = system.send_all(messages) if how == "file" else [alone(system, one) for one in messages]
            told[name, how] = [words(one) for one in results]
            assert len(bench.simulator.operator.payments()) == 3
            bench.close()
    first = told["direct", "alone"]
    assert [one[0] for one in first] == [
        "", "InvalidMessage", "SenderMismatch", "MessageConflict", "", "UetrConflict", "NotAuthorised", "",
    ]  # fmt: skip
    for key, found in told.items():
        assert found == first, key


def alone(system: Any, message: Message[CashBody]) -> LockstepError | None:
    try:
        system.send(message)
    except LockstepError as error:
        return error
    return None


def words(error: LockstepError | None) -> tuple[str, dict[str, str]]:
    if isinstance(error, Refused):
        return error.name, {key: str(value) for key, value in error.details.items()}
    if isinstance(error, InvalidInput):
        return "InvalidMessage", {"field": error.field, "value": error.value, "rule": error.rule}
    assert error is None, error
    return "", {}


# --- over HTTP


@dataclass
class Gateway:
    """A server that answers as it is told, and remembers what it was asked."""

    answer: Callable[[str, bytes], tuple[int, bytes]]
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    told = Gateway(answer=lambda path, content: (404, b""))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            told.asked.append((self.path, content))
            status, answer = told.answer(self.path, content)
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        told.url = f"http://127.0.0.1:{server.server_port}"
        yield told
        server.shutdown()
        thread.join(5)


@pytest.fixture
def http(gateway: Gateway) -> Iterator[HttpCashSystem]:
    system = HttpCashSystem(gateway.url, SERVICE, secret(SERVICE), 5)
    yield system
    system.close()


def ids(content: bytes) -> list[str]:
    """Of the messages of a file."""
    return [read(data).message_id for data in unpack(content).messages]


def said(*outcomes: dict[str, str]) -> Callable[[str, bytes], tuple[int, bytes]]:
    """To a file these outcomes, each with its message's id; to a message alone that it is taken."""

    def answer(path: str, content: bytes) -> tuple[int, bytes]:
        if path != "/files":
            return 202, b'{"answers": []}'
        told = [{"message_id": one, **outcome} for one, outcome in zip(ids(content), outcomes, strict=True)]
        return 202, json.dumps({"messages": told}).encode()

    return answer


def test_one_round_trip_for_five_hundred(gateway: Gateway, http: HttpCashSystem) -> None:
    def all_taken(path: str, content: bytes) -> tuple[int, bytes]:
        told = [{"message_id": one, "outcome": "taken"} for one in ids(content)]
        return 202, json.dumps({"messages": told}).encode()

    gateway.answer = all_taken
    messages = payments(1_002)
    assert list(http.send_all(messages)) == [None] * 1_002
    assert [path for path, _ in gateway.asked] == ["/files"] * 3
    sent = [read(data) for _, content in gateway.asked for data in unpack(content).messages]
    assert sent == messages


def test_what_is_said_of_each(gateway: Gateway, http: HttpCashSystem) -> None:
    gateway.answer = said(
        {"outcome": "taken"},
        {"outcome": "refused", "name": "UetrConflict", "field": "f", "value": "v", "rule": "r", "answer": "<xml/>"},
        {"outcome": "invalid", "field": "f", "value": "v", "rule": "r"},
        {"outcome": "unknown", "rule": "the system failed"},
        {"outcome": "something else"},
        {"outcome": "refused"},
        {"outcome": "invalid", "field": "f"},
        {},
    )
    results = http.send_all(payments(8))
    assert kinds(results) == ["", "UetrConflict", "InvalidMessage", *["Unavailable"] * 5]
    refused, invalid = results[1:3]
    assert isinstance(refused, Refused) and refused.details == {"field": "f", "value": "v", "rule": "r"}
    assert isinstance(invalid, InvalidInput) and (invalid.field, invalid.value, invalid.rule) == ("f", "v", "r")


TAKEN = b'{"messages": [{"outcome": "taken", "message_id": "%s"}, {"outcome": "taken", "message_id": "%s"}]}'


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (202, b"<html>"),
        (202, b"[]"),
        (202, b"{}"),
        (202, b'{"messages": []}'),
        (202, b'{"messages": [{"outcome": "taken"}]}'),
        (202, b'{"messages": ["taken", "taken"]}'),
        (202, b'{"messages": {"0": 1, "1": 2}}'),
        (202, b'{"messages": [{"outcome": "taken"}, {"outcome": "taken"}]}'),
        (202, TAKEN % (b"M1", b"M0")),
        (202, TAKEN % (b"M0", b"M0")),
        (202, TAKEN % (b"M0", b"M2")),
        (202, TAKEN % (b"M0", b"NOTPROVIDED")),
        (202, TAKEN.replace(b'"%s"}]', b"7}]") % b"M0"),
        (200, TAKEN % (b"M0", b"M1")),
        (302, b"{}"),
        (401, b'{"field": "Authorization", "value": "***", "rule": "a key"}'),
        (403, b"{}"),
        (500, TAKEN % (b"M0", b"M1")),
        (503, b"{}"),
    ],
)
def test_a_strange_answer_says_nothing_of_any(
    gateway: Gateway, http: HttpCashSystem, status: int, content: bytes
) -> None:
    gateway.answer = lambda path, _: (status, content)
    assert kinds(http.send_all(payments(2))) == ["Unavailable"] * 2
    assert [path for path, _ in gateway.asked] == ["/files"], "nor is it sent one by one"


@pytest.mark.parametrize("status", [404, 405, 413, 422])
@pytest.mark.parametrize("content", [b"", b"not here", b"{}"])
def test_where_no_file_is_taken_its_messages_go_one_by_one(
    gateway: Gateway, http: HttpCashSystem, status: int, content: bytes
) -> None:
    if status in (413, 422):
        content = b'{"field": "Pyld", "value": "v", "rule": "r"}'

    def answer(path: str, data: bytes) -> tuple[int, bytes]:
        if path == "/files":
            return status, content
        if b"<BizMsgIdr>M1<" in data:
            return 422, b'{"name": "UetrConflict", "rule": "r"}'
        return 202, b'{"answers": []}'

    gateway.answer = answer
    assert kinds(http.send_all(payments(3))) == ["", "UetrConflict", ""]
    assert [path for path, _ in gateway.asked] == ["/files", *["/messages"] * 3]


def test_who_gives_no_answer_is_not_asked_again_and_again(gateway: Gateway) -> None:
    silent = threading.Event()

    def slow(path: str, content: bytes) -> tuple[int, bytes]:
        silent.wait(3)
        return 500, b""

    gateway.answer = slow
    system = HttpCashSystem(gateway.url, SERVICE, secret(SERVICE), 0.2)
    began = time.monotonic()
    assert kinds(system.send_all(payments(1_200))) == ["Unavailable"] * 1_200
    assert time.monotonic() - began < 2
    assert len(gateway.asked) == 1
    silent.set()
    system.close()


def test_one_that_cannot_be_written_holds_up_no_other(gateway: Gateway, http: HttpCashSystem) -> None:
    gateway.answer = said({"outcome": "taken"}, {"outcome": "taken"})
    first, second, third = payments(3)
    second = replace(second, receiver=Bic("NOPEQQ00"))
    assert kinds(http.send_all([first, second, third])) == ["", "InvalidMessage", ""]
    assert http.send_all([second])[0] is not None
    assert len(gateway.asked) == 1, "nothing to send, nobody asked"


# --- by files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("in", "archive", "error", "out"):
        (tmp_path / name).mkdir()
    return tmp_path


def directory(folder: Path, door: Callable[[Path], object], seconds: float = 5) -> DirectoryCashSystem:
    """With a door that does this to each file that lies there."""
    return DirectoryCashSystem(
        folder, SERVICE, seconds, lambda: [door(path) for path in sorted((folder / "in").glob("*.xml"))]
    )


def test_a_file_that_lies_there_says_nothing_and_stays(folder: Path) -> None:
    system = directory(folder, lambda _: time.sleep(0.02), 0.1)
    assert kinds(system.send_all(payments(3))) == ["Unavailable"] * 3
    (left,) = (folder / "in").iterdir()
    assert len(unpack(left.read_bytes()).messages) == 3


@pytest.mark.parametrize("answers", [b"", b"<broken", b"<a/>"])
def test_answers_that_cannot_be_read_say_nothing(folder: Path, answers: bytes) -> None:
    def door(path: Path) -> None:
        (folder / "error" / f"{path.stem}.answers.xml").write_bytes(answers)
        path.rename(folder / "error" / path.name)

    assert kinds(directory(folder, door).send_all(payments(2))) == ["Unavailable"] * 2


def test_a_file_that_vanished_says_nothing(folder: Path) -> None:
    assert kinds(directory(folder, Path.unlink).send_all(payments(2))) == ["Unavailable"] * 2


def test_answers_of_another_number_say_nothing(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "real").mkdir()
    bench = SimulatorBench.open(tmp_path / "real", "directory")
    assert kinds(bench.system(SERVICE).send_all(mixed()))[0] == ""
    (real,) = (tmp_path / "real" / "drop" / SERVICE / "error").glob("*.answers.xml")
    bench.close()

    def door(path: Path) -> None:
        (folder / "error" / f"{path.stem}.answers.xml").write_bytes(real.read_bytes())
        path.rename(folder / "error" / path.name)

    assert kinds(directory(folder, door).send_all(payments(2))) == ["Unavailable"] * 2


@pytest.mark.parametrize(
    ("order", "outcomes"),
    [
        ((0, 1, 2), ["", "InvalidMessage", ""]),
        ((1, 0, 2), ["Unavailable"] * 3),
        ((0, 1, 1), ["Unavailable"] * 3),
        ((0, 2, 2), ["Unavailable"] * 3),
        ((0, 1), ["Unavailable"] * 3),
        ((0, 1, 2, 2), ["Unavailable"] * 3),
    ],
)
def test_answers_to_other_messages_say_nothing(
    tmp_path: Path, folder: Path, order: Sequence[int], outcomes: list[str]
) -> None:
    """As the RTGS wrote them, put into another order, one of them left out, or there twice."""
    (tmp_path / "real").mkdir()
    bench, messages = SimulatorBench.open(tmp_path / "real", "directory"), payments(3)
    messages[1] = replace(messages[1], receiver=BANK)

    def door(path: Path) -> None:
        own = tmp_path / "real" / "drop" / SERVICE
        (own / "in" / path.name).write_bytes(path.read_bytes())
        bench._sweep()
        answers = unpack((own / "error" / f"{path.stem}.answers.xml").read_bytes()).messages
        told = pack([answers[place] for place in order], NOW)
        (folder / "error" / f"{path.stem}.answers.xml").write_bytes(told)
        path.rename(folder / "error" / path.name)

    assert kinds(directory(folder, door).send_all(messages)) == outcomes
    bench.close()


# --- directly


def test_without_a_way_for_many_each_goes_alone() -> None:
    taken: list[bytes] = []

    def handle(data: bytes, sender: Bic) -> object:
        taken.append(data)
        if len(taken) == 2:
            raise Refused("UetrConflict", {})
        if len(taken) == 3:
            raise Unavailable("down")
        return []

    system = DirectCashSystem(handle, lambda *_: [], SERVICE)
    assert kinds(system.send_all(payments(4))) == ["", "UetrConflict", "Unavailable", ""]
    assert len(taken) == 4


def test_what_the_system_returns_of_each() -> None:
    found: list[object] = [[], Refused("UetrConflict", {}), Unavailable("lost"), Conflict("message", "M1")]
    system = DirectCashSystem(lambda *_: [], lambda *_: [], SERVICE, lambda mail: found[: len(mail)])
    assert kinds(system.send_all(payments(4))) == ["", "UetrConflict", "Unavailable", "Conflict"]

    def down(_: object) -> Sequence[object]:
        raise Unavailable("down")

    system = DirectCashSystem(lambda *_: [], lambda *_: [], SERVICE, down)
    assert kinds(system.send_all(payments(2))) == ["Unavailable"] * 2


# --- mail in large pages


@pytest.mark.parametrize("name", DOORS)
def test_a_thousand_in_one_page(name: str, tmp_path: Path) -> None:
    bench = SimulatorBench.open(tmp_path, name)
    bench.simulator.operator.fund("PAYER", replace(bench.small, amount=200_000_00), "more")
    messages = [
        CashSystemConformance.message(bench, SERVICE, CashSystemConformance.payment(bench)) for _ in range(1_000)
    ]
    assert list(bench.system(SERVICE).send_all(messages)) == [None] * 1_000
    for party in (SERVICE, AGENTS[0]):
        page = bench.system(party).receive(0, 1_000)
        assert [sequence for sequence, _ in page] == list(range(1, 1_001))
        assert all(isinstance(item, Message) for _, item in page)
    bench.close()
