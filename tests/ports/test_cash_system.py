"""One suite for every `ports.CashSystem`: in the same process, over HTTP, and through a directory drop."""

import dataclasses
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from lockstep.cash import DirectCashSystem, DirectoryCashSystem, HttpCashSystem
from lockstep.domain.errors import InvalidInput, Refused, Unavailable
from lockstep.domain.identifiers import Bic, SettlementId, derive_uetr
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import (
    CancelPayment,
    CashAccount,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    Resolution,
)
from lockstep.ports import CashBody, CashSystem, Unreadable
from lockstep.rtgs import Role, Rtgs, door
from lockstep.rtgs.drop import DirectoryDoor

RTGS, SERVICE, AGENT, BANK = (Bic(f"{name}DEFFXXX") for name in ("CBNK", "LSTP", "AGNT", "BANK"))
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTLEMENT = SettlementId(hashlib.sha256(b"settlement").hexdigest())
PAYMENT = Payment(
    uetr=derive_uetr(SETTLEMENT, 1),
    instruction_id="I1",
    end_to_end_id="E1",
    amount=Money(currency="EUR", amount=10_000),
    settlement_date=date(2026, 11, 20),
    debtor=CashAccount(owner=BANK, number="PAYER"),
    creditor=CashAccount(owner=BANK, number="PAYEE"),
    settlement_id=SETTLEMENT,
    salt="0" * 32,
    pay_by=datetime(2026, 11, 20, 16, tzinfo=UTC),
)


class Noon:
    def now(self) -> datetime:
        return NOW


def secret(party: Bic) -> str:
    return f"{party}-secret-key"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/rtgs.db"


@pytest.fixture
def rtgs(url: str) -> Iterator[Rtgs]:
    rtgs = Rtgs(url, Noon(), bic=RTGS)
    desk = rtgs.operator
    for party, role in ((SERVICE, Role.INSTRUCTING), (AGENT, Role.AGENT), (BANK, Role.PARTICIPANT)):
        desk.register_party(party, role, secret(party))
    desk.set_quorum(1)
    desk.open_day(NOW.date())
    for number in ("PAYER", "PAYEE"):
        desk.open_account(BANK, number, "EUR")
    desk.fund("PAYER", Money(currency="EUR", amount=10_000), "opening")
    desk.set_mandate("PAYER", Money(currency="EUR", amount=10_000), NOW.date())
    yield rtgs
    rtgs.close()


Connect = Callable[[Bic], CashSystem]


@pytest.fixture(params=["direct", "http", "directory"])
def connect(request: pytest.FixtureRequest, rtgs: Rtgs, tmp_path: Path) -> Iterator[Connect]:
    """Gives any party its view of the same RTGS."""
    if request.param == "direct":
        yield lambda party: DirectCashSystem(rtgs.handle, rtgs.mailbox, party)
        return
    if request.param == "directory":
        drop = DirectoryDoor(rtgs, tmp_path / "drop", (SERVICE, AGENT, BANK))
        yield lambda party: DirectoryCashSystem(tmp_path / "drop" / party, party, 5, drop.sweep)
        drop.close()
        return
    opened: list[HttpCashSystem] = []

    def over_http(party: Bic) -> CashSystem:
        opened.append(HttpCashSystem("http://{}:{}".format(*listening.getsockname()), party, secret(party), 5))
        return opened[-1]

    with door.listen() as listening:
        server = door.server(rtgs)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield over_http
        for system in opened:
            system.close()
        server.should_exit = True
        thread.join(5)
        assert not thread.is_alive()


def message(body: CashBody, sender: Bic = SERVICE, message_id: str = "M1") -> Message[CashBody]:
    return Message(sender=sender, receiver=RTGS, message_id=message_id, created=NOW, body=body)


def bodies(system: CashSystem) -> list[object]:
    mail = [item for _, item in system.receive(0)]
    assert all(isinstance(item, Message) for item in mail)
    return [item.body for item in mail if isinstance(item, Message)]


def test_a_payment_from_both_sides(connect: Connect) -> None:
    service, agent = connect(SERVICE), connect(AGENT)
    assert service.receive(0) == []
    service.send(message(PAYMENT))
    (held,) = bodies(agent)
    assert isinstance(held, PaymentReport)
    assert (held.state, held.payment) == (PaymentState.HELD, PAYMENT)
    agent.send(message(Release(uetr=PAYMENT.uetr, settlement_id=SETTLEMENT), AGENT))
    states = [body.state for body in bodies(service) if isinstance(body, PaymentReport)]
    assert states == [PaymentState.HELD, PaymentState.BOOKED]
    assert len(bodies(agent)) == len(bodies(service)) == 4


def test_mail_is_paged_and_read_again(connect: Connect) -> None:
    service = connect(SERVICE)
    service.send(message(PAYMENT))
    connect(AGENT).send(message(Release(uetr=PAYMENT.uetr, settlement_id=SETTLEMENT), AGENT))
    whole = service.receive(0)
    assert [sequence for sequence, _ in whole] == [1, 2, 3, 4]
    assert [*service.receive(0, 3), *service.receive(3, 3)] == whole == service.receive(0)
    assert service.receive(4) == []


def test_sending_twice_is_harmless(connect: Connect) -> None:
    service = connect(SERVICE)
    for _ in range(2):
        service.send(message(PAYMENT))
    service.send(dataclasses.replace(message(PAYMENT), possible_duplicate=True))
    assert len(bodies(service)) == 1


def test_a_cancellation_is_answered(connect: Connect) -> None:
    service = connect(SERVICE)
    cancel = CancelPayment(
        case_id="C1",
        uetr=PAYMENT.uetr,
        original_message_id="M1",
        original_amount=PAYMENT.amount,
        original_settlement_date=PAYMENT.settlement_date,
        settlement_id=SETTLEMENT,
        salt=PAYMENT.salt,
    )
    service.send(message(cancel))
    for system in (service, connect(AGENT)):
        (resolution,) = bodies(system)
        assert isinstance(resolution, Resolution)
        assert resolution.settlement_id == SETTLEMENT


def test_a_refusal_by_name_carries_its_operands(connect: Connect) -> None:
    with pytest.raises(Refused) as refused:
        connect(AGENT).send(message(Release(uetr=PAYMENT.uetr, settlement_id=SETTLEMENT), AGENT))
    assert refused.value.name == "PaymentUnknown"
    assert refused.value.details == {
        "field": "UETR",
        "value": PAYMENT.uetr,
        "rule": "the UETR of a payment that is held",
    }


@pytest.mark.parametrize(
    ("party", "sender", "name"), [(BANK, BANK, "NotAuthorised"), (BANK, SERVICE, "SenderMismatch")]
)
def test_who_may_not_is_refused(connect: Connect, party: Bic, sender: Bic, name: str) -> None:
    with pytest.raises(Refused) as refused:
        connect(party).send(message(PAYMENT, sender))
    assert refused.value.name == name


def test_bad_content_names_field_value_and_rule(connect: Connect) -> None:
    elsewhere = dataclasses.replace(message(PAYMENT), receiver=BANK)
    with pytest.raises(InvalidInput) as invalid:
        connect(SERVICE).send(elsewhere)
    assert (invalid.value.field, invalid.value.value) == ("AppHdr/To", BANK)
    assert RTGS in invalid.value.rule


def test_unreadable_mail_is_set_apart_and_blocks_nothing(connect: Connect, url: str) -> None:
    """Broken XML, and a message that was meant for somebody else."""
    service = connect(SERVICE)
    service.send(message(PAYMENT))
    engine = create_engine(url)
    with engine.begin() as connection:
        for sequence, data in ((2, "'<broken>'"), (3, "(SELECT data FROM outbox WHERE receiver = :agent)")):
            connection.execute(
                text(f"INSERT INTO outbox VALUES (:service, {sequence}, '', FALSE, CAST({data} AS BLOB), 0)"),
                {"service": SERVICE, **({"agent": AGENT} if sequence == 3 else {})},
            )
    engine.dispose()
    service.send(message(PAYMENT, message_id="M2"))
    connect(AGENT).send(message(Release(uetr=PAYMENT.uetr, settlement_id=SETTLEMENT), AGENT))
    mail = service.receive(0)
    assert [sequence for sequence, _ in mail] == [1, 2, 3, 4, 5, 6]
    assert [type(item) for _, item in mail] == [Message, Unreadable, Unreadable, Message, Message, Message]
    broken, anothers = mail[1][1], mail[2][1]
    assert isinstance(broken, Unreadable)
    assert isinstance(anothers, Unreadable)
    assert broken.data == b"<broken>"
    assert isinstance(broken.error, InvalidInput)
    assert "AppHdr/To" in str(anothers.error)


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

        do_GET = do_POST = _answer  # noqa: N815

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
            system.send(message(PAYMENT))
    system.close()


def test_silence_and_absence_are_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        system = HttpCashSystem(url, SERVICE, secret(SERVICE), 0.05)
        with pytest.raises(Unavailable):
            system.send(message(PAYMENT))
        with pytest.raises(Unavailable):
            system.receive(0)
    with pytest.raises(Unavailable):
        system.receive(0)
    system.close()
