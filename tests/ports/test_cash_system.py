"""The conformance suite of `ports.CashSystem` on our own, and what its doors have besides."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cash_venues import AGENTS, BANK, DOORS, NOW, RTGS, SERVICE, FakeBench, SimulatorBench, secret
from sqlalchemy import create_engine, text

from lockstep.cash import HttpCashSystem
from lockstep.domain.errors import InvalidInput, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.domain.payment import Release
from lockstep.iso20022 import read
from lockstep.ports import CashBody, Unreadable
from lockstep.testing.cash_bench import configured
from lockstep.testing.cash_conformance import VARIABLE, Bench, CashSystemConformance
from stores import PostgresqlStore

SETTLEMENT = SettlementId("5e" * 32)
HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "replace-the-rtgs.md"


class TestFake(CashSystemConformance):
    @pytest.fixture
    def bench(self) -> Bench:
        return FakeBench.open()


class TestOnPostgresql(CashSystemConformance):
    """On the other store, by one door: doors do not know which store there is."""

    @pytest.fixture
    def bench(self, postgresql_server: PostgresqlStore, tmp_path: Path) -> Iterator[Bench]:
        bench = SimulatorBench.open(tmp_path, "direct", postgresql_server.fresh())
        yield bench
        bench.close()


class TestSimulator(CashSystemConformance):
    @pytest.fixture(params=DOORS)
    def bench(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
        bench = SimulatorBench.open(tmp_path, request.param)
        yield bench
        bench.close()


# --- the suite itself, as a bank runs it


def run_suite(folder: Path, named: str, *arguments: str) -> tuple[int, str]:
    environment = {**os.environ, VARIABLE: named, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    command = [sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-p", "no:ape_test", "--pyargs"]
    done = subprocess.run(
        [*command, "lockstep.testing.cash_conformance", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_how_tos_example_runs(tmp_path: Path) -> None:
    """As the page has it, word for word: what its bench cannot do is skipped with what stays untested."""
    (example,) = [part.partition("```")[0] for part in HOW_TO.read_text().split("```python\n")[1:]]
    (tmp_path / "our_bench.py").write_text(example)
    code, said = run_suite(tmp_path, "our_bench:open_bench")
    assert code == 0, said
    assert "passed" in said and "the bench has no restart" in said and "the bench has no close_day" in said


def test_a_system_that_books_without_the_agents_fails_it(tmp_path: Path) -> None:
    """The suite is worth something: a gateway that counts one release as the quorum is found out."""
    (example,) = [part.partition("```")[0] for part in HOW_TO.read_text().split("```python\n")[1:]]
    (tmp_path / "our_bench.py").write_text(example.replace("quorum=2)  # the gateway's", "quorum=1)"))
    code, said = run_suite(tmp_path, "our_bench:open_bench", "-k", "held_then_booked")
    assert code == 1 and "one agent counts once" in said, said


@pytest.mark.parametrize(
    ("named", "rule"),
    [
        ("our_bench", "module:factory"),
        ("nowhere_to_be_found:open_bench", "importable: No module named"),
        ("builtins:dict", "a factory of a lockstep.testing.cash_conformance.Bench"),
    ],
)
def test_a_variable_that_names_no_bench(monkeypatch: pytest.MonkeyPatch, named: str, rule: str) -> None:
    monkeypatch.setenv(VARIABLE, named)
    with pytest.raises(InvalidInput) as caught:
        configured()
    assert caught.value.field == VARIABLE and rule in caught.value.rule


# --- the same words at every door

PAYMENT = CashSystemConformance.payment(FakeBench.open(), SETTLEMENT, salt="0" * 32)
MESSAGE: Message[CashBody] = Message(sender=SERVICE, receiver=RTGS, message_id="M1", created=NOW, body=PAYMENT)
RELEASE = Message(
    sender=AGENTS[0],
    receiver=RTGS,
    message_id="R1",
    created=NOW,
    body=Release(uetr=PAYMENT.uetr, settlement_id=SETTLEMENT),
)


def refusals(bench: SimulatorBench) -> list[tuple[str, dict[str, str]]]:
    """Name and operands of each refusal that a door can bring."""
    found = []

    def send(party: object, message: Message[CashBody]) -> None:
        with pytest.raises(LockstepError) as caught:
            bench.system(party).send(message)
        error = caught.value
        if isinstance(error, Refused):
            found.append((error.name, {key: str(value) for key, value in error.details.items()}))
        else:
            assert isinstance(error, InvalidInput)
            found.append(("", {"field": error.field, "value": str(error.value), "rule": error.rule}))

    send(AGENTS[0], RELEASE)
    bench.system(SERVICE).send(MESSAGE)
    send(SERVICE, replace(MESSAGE, receiver=BANK))
    send(BANK, MESSAGE)
    send(BANK, replace(MESSAGE, sender=BANK))
    send(SERVICE, replace(MESSAGE, body=replace(PAYMENT, end_to_end_id="other")))
    send(SERVICE, replace(MESSAGE, message_id="M2", body=replace(PAYMENT, end_to_end_id="other")))
    second = CashSystemConformance.payment(bench, SETTLEMENT, 2, salt="0" * 32)
    send(SERVICE, replace(MESSAGE, message_id="M3", body=second))
    send(AGENTS[0], replace(RELEASE, body=replace(RELEASE.body, settlement_id=SettlementId("cd" * 32))))
    cancellation = CashSystemConformance.cancellation(PAYMENT, "C1")
    send(SERVICE, replace(MESSAGE, message_id="M4", body=replace(cancellation, salt="1" * 32)))
    bench.system(SERVICE).send(replace(MESSAGE, message_id="M5", body=cancellation))
    send(AGENTS[0], RELEASE)
    return found


def test_every_door_refuses_in_the_same_words(tmp_path: Path) -> None:
    told = {}
    for name in DOORS:
        (tmp_path / name).mkdir()
        bench = SimulatorBench.open(tmp_path / name, name)
        told[name] = refusals(bench)
        bench.close()
    assert [name for name, _ in told["direct"]] == [
        "PaymentUnknown", "", "SenderMismatch", "NotAuthorised", "MessageConflict", "UetrConflict",
        "SettlementConflict", "PaymentMismatch", "PaymentMismatch", "PaymentEnded",
    ]  # fmt: skip
    assert all(set(details) == {"field", "value", "rule"} for _, details in told["direct"])
    assert told["direct"][0][1] == {
        "field": "UETR",
        "value": PAYMENT.uetr,
        "rule": "the UETR of a payment that is held",
    }
    for name in DOORS[1:]:
        assert told[name] == told["direct"], name


def test_what_an_admi_002_says(tmp_path: Path) -> None:
    """The directory's answer, for people and for programs."""
    bench = SimulatorBench.open(tmp_path, "directory")
    with pytest.raises(Refused):
        bench.system(AGENTS[0]).send(RELEASE)
    (answer,) = (tmp_path / "drop" / AGENTS[0] / "error").glob("*.admi.002.xml")
    message = read(answer.read_bytes())
    assert (message.sender, message.receiver, message.created) == (RTGS, AGENTS[0], NOW)
    body = message.body
    assert isinstance(body, Rejection)
    rule = "the UETR of a payment that is held"
    assert (body.related_message_id, body.code, body.rejected_at) == ("R1", "PaymentUnknown", NOW)
    assert (body.location, body.description) == ("UETR", rule)
    assert json.loads(body.additional or "") == {"field": "UETR", "value": PAYMENT.uetr, "rule": rule}
    assert (answer.parent / "R1-1.xml").exists() and list((tmp_path / "drop" / AGENTS[0] / "archive").iterdir()) == []
    bench.close()


@pytest.mark.parametrize("name", DOORS)
def test_unreadable_mail_is_set_apart_and_blocks_nothing(name: str, tmp_path: Path) -> None:
    """Broken XML, and a message that was meant for somebody else."""
    bench = SimulatorBench.open(tmp_path, name)
    service = bench.system(SERVICE)
    service.send(MESSAGE)
    engine = create_engine(f"sqlite:///{tmp_path}/rtgs.db")
    with engine.begin() as connection:
        for sequence, data in ((2, "'<broken>'"), (3, "(SELECT data FROM outbox WHERE receiver = :agent)")):
            connection.execute(
                text(f"INSERT INTO outbox VALUES (:service, {sequence}, '', FALSE, CAST({data} AS BLOB), 0)"),
                {"service": SERVICE, **({"agent": AGENTS[0]} if sequence == 3 else {})},
            )
    engine.dispose()
    service.send(replace(MESSAGE, message_id="M2"))
    for place, agent in enumerate(AGENTS[:2]):
        bench.system(agent).send(replace(RELEASE, sender=agent, message_id=f"R{place}"))
    mail = service.receive(0)
    assert [sequence for sequence, _ in mail] == [1, 2, 3, 4, 5, 6]
    assert [type(item) for _, item in mail] == [Message, Unreadable, Unreadable, Message, Message, Message]
    broken, anothers = mail[1][1], mail[2][1]
    assert isinstance(broken, Unreadable)
    assert isinstance(anothers, Unreadable)
    assert broken.data == b"<broken>"
    assert isinstance(broken.error, InvalidInput)
    assert "AppHdr/To" in str(anothers.error)
    bench.close()


# --- strange answers over HTTP


@pytest.fixture
def odd_server() -> Iterator[tuple[str, dict[str, object]]]:
    """A server that answers whatever it is told to."""
    told: dict[str, object] = {"status": 200, "content": b""}

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = told["content"]
            assert isinstance(content, bytes)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(int(str(told["status"])))
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815 -- http.server's names

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", told
        server.shutdown()
        thread.join(5)


def test_no_answer_means_that_nothing_is_known(odd_server: tuple[str, dict[str, object]]) -> None:
    """Unknown is neither yes nor no, whatever stands between us and the RTGS."""
    url, told = odd_server
    system = HttpCashSystem(url, SERVICE, secret(SERVICE), 5)
    for status, content in (
        (200, b"<html>"),
        (200, b"[]"),
        (200, b'{"items": [{}]}'),
        (200, b'{"items": [{"sequence": "x", "message": ""}]}'),
        (200, b'{"items": [{"sequence": 1e999, "message": ""}]}'),
        (200, b'{"items": [{"sequence": 0, "message": ""}]}'),
        (200, b'{"items": [{"sequence": 2, "message": ""}, {"sequence": 1, "message": ""}]}'),
        (200, b'{"items": [{"sequence": 9223372036854775808, "message": ""}]}'),
        (200, b"[" * 200_000),
        (302, b"{}"),
        (401, b'{"field": "Authorization", "value": "***", "rule": "a key"}'),
        (404, b"{}"),
        (500, b'{"name": "Refused"}'),
        (502, b"Bad gateway"),
    ):
        told["status"], told["content"] = status, content
        with pytest.raises(Unavailable):
            system.receive(0)
        with pytest.raises(Unavailable):
            system.send(MESSAGE)
    system.close()


def test_silence_and_absence_are_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        system = HttpCashSystem(url, SERVICE, secret(SERVICE), 0.05)
        with pytest.raises(Unavailable):
            system.send(MESSAGE)
        with pytest.raises(Unavailable):
            system.receive(0)
    with pytest.raises(Unavailable):
        system.receive(0)
    system.close()
