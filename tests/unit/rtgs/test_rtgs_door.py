"""The HTTP door: who is let in, what is refused and how, and that it stops when told."""

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from rtgs_world import AGENTS, BUYER, DAY, NOON, RTGS, SERVICE, World, payment

from lockstep.domain.message import Message
from lockstep.domain.payment import Release
from lockstep.iso20022 import read, write
from lockstep.rtgs import door

OPERATOR_KEY = "operator-secret-key"


class Caller:
    """Speaks HTTP to one RTGS."""

    def __init__(self, url: str) -> None:
        self.url, self.session = url, requests.Session()
        self.session.trust_env = False

    def __call__(
        self, method: str, path: str, key: str | None = None, **arguments: object
    ) -> tuple[int, dict[str, object]]:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        response = self.session.request(method, self.url + path, headers=headers, timeout=5, **arguments)
        return response.status_code, response.json()


@pytest.fixture
def call(world: World) -> Iterator[Caller]:
    with door.listen() as listening:
        server = door.server(world.rtgs, OPERATOR_KEY)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        caller = Caller("http://{}:{}".format(*listening.getsockname()))
        yield caller
        caller.session.close()
        server.should_exit = True
        thread.join(5)
        assert not thread.is_alive()


def key(party: str) -> str:
    return f"{party}-secret-key"


def xml(body: object, sender: str = SERVICE) -> bytes:
    return write(Message(sender=sender, receiver=RTGS, message_id=f"M-{sender}", created=NOON, body=body))


def test_a_message_in_and_mail_out(call: Caller) -> None:
    status, answer = call("POST", "/messages", key(SERVICE), data=xml(payment()))
    assert status == 202
    (report,) = answer["answers"]
    assert call("POST", "/messages", key(SERVICE), data=xml(payment())) == (202, answer)
    assert call("GET", "/messages", key(SERVICE)) == (200, {"items": [{"sequence": 1, "message": report}]})
    assert call("GET", "/messages?after=1&limit=5", key(SERVICE)) == (200, {"items": []})
    status, mail = call("GET", "/messages?after=0", key(AGENTS[1]))
    assert read(mail["items"][0]["message"].encode()).receiver == AGENTS[1]
    assert call("GET", "/health") == (200, {"status": "up", "bic": RTGS, "business_day": DAY.isoformat()})


RELEASE = Release(uetr=payment().uetr, settlement_id=payment().settlement_id)
REFUSED: dict[str, tuple[str, str, str | None, object, int, str]] = {
    "no key": ("POST", "/messages", None, xml(payment()), 401, "Authorization"),
    "an unknown key": ("POST", "/messages", "unknown-secret-key", xml(payment()), 401, "Authorization"),
    "mail without key": ("GET", "/messages", None, None, 401, "Authorization"),
    "another's message": ("POST", "/messages", key(BUYER), xml(payment()), 403, "AppHdr/Fr"),
    "without the role": ("POST", "/messages", key(BUYER), xml(payment(), BUYER), 403, "AppHdr/Fr"),
    "no XML": ("POST", "/messages", key(SERVICE), b"{}", 422, "XML"),
    "an empty body": ("POST", "/messages", key(SERVICE), b"", 422, "XML"),
    "a refusal by name": ("POST", "/messages", key(AGENTS[0]), xml(RELEASE, AGENTS[0]), 422, "UETR"),
    "too large": ("POST", "/messages", key(SERVICE), b" " * ((1 << 20) + 1), 413, "message"),
    "a bad page": ("GET", "/messages?after=-1", key(SERVICE), None, 422, "after"),
    "no operator": ("GET", "/operator/facts", key(SERVICE), None, 401, "Authorization"),
    "an unknown act": ("POST", "/operator/print", OPERATOR_KEY, b"{}", 422, "path"),
    "no JSON": ("POST", "/operator/quorum", OPERATOR_KEY, b"<", 422, "body"),
    "no object": ("POST", "/operator/quorum", OPERATOR_KEY, b"3", 422, "body"),
    "a bad member": ("POST", "/operator/quorum", OPERATOR_KEY, b'{"agents": true}', 422, "agents"),
    "a bad role": ("POST", "/operator/parties", OPERATOR_KEY, b'{"bic": "AAAADEFF", "role": "x"}', 422, "role"),
    "a bad day": ("POST", "/operator/day/open", OPERATOR_KEY, b'{"day": "soon"}', 422, "day"),
}


def test_refusals_name_field_value_and_rule(world: World, call: Caller) -> None:
    before = world.rtgs.facts()
    for why, (method, path, bearer, content, status, field) in REFUSED.items():
        found, answer = call(method, path, bearer, data=content)
        assert (why, found) == (why, status)
        assert {"field", "value", "rule"} <= answer.keys(), why
        if field != "XML":
            assert (why, answer["field"]) == (why, field)
        assert "secret" not in str(answer), why
    assert world.rtgs.facts() == before


def test_the_operator_by_json(world: World, call: Caller) -> None:
    def act(path: str, **members: object) -> dict[str, object]:
        status, answer = call("POST", f"/operator/{path}", OPERATOR_KEY, json=members)
        assert status == 200
        return answer

    act("accounts", owner=BUYER, number="BUYER-JPY", currency="JPY")
    assert act("funds", account="BUYER-JPY", currency="JPY", amount="500", reference="yen") == {"posting": 2}
    act("mandates", account="BUYER-JPY", currency="JPY", maximum="400", until="2026-12-31", payee="SELLER-JPY")
    act("parties", bic="NEWADEFFXXX", role="agent", key="newcomer-secret-key")
    act("quorum", agents=4)
    assert act("tick") == {"expired": 0}
    assert act("day/close") == {"day": "2026-11-20"}
    act("day/open", day="2026-11-23")
    status, facts = call("GET", "/operator/facts", OPERATOR_KEY)
    assert (status, facts["quorum"], facts["business_day"]) == (200, 4, "2026-11-23")
    status, accounts = call("GET", "/operator/accounts", OPERATOR_KEY)
    assert {"number": "BUYER-JPY", "posted": 500} in [
        {name: row[name] for name in ("number", "posted")} for row in accounts
    ]
    assert call("GET", "/operator/postings", OPERATOR_KEY)[1][1]["amount"] == {"currency": "JPY", "amount": "500"}
    conflict, answer = call(
        "POST", "/operator/accounts", OPERATOR_KEY, json={"owner": AGENTS[0], "number": "BUYER-JPY", "currency": "JPY"}
    )
    assert (conflict, answer["value"]) == (409, "BUYER-JPY")
    assert world.rtgs.facts().mandates[-1].maximum.amount == 400


def test_whoever_looks_sees_no_payment_that_has_run_out(world: World, call: Caller) -> None:
    world.say(payment())
    world.later(hours=5)
    assert len(call("GET", "/messages", key(AGENTS[0]))[1]["items"]) == 2
    assert world.news(AGENTS[0]) == ["HELD", "REJECTED"]


SERVER = """
import sys
from datetime import UTC, datetime
from lockstep.rtgs import Rtgs, door

class Now:
    def now(self):
        return datetime.now(UTC)

door.serve(Rtgs(sys.argv[1], Now(), bic="CBNKDEFFXXX"), port=0, ready=lambda url: print(url, flush=True))
print("stopped")
"""


def test_sigterm_stops_it_cleanly(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVER, f"sqlite:///{tmp_path}/served.db"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url), process.stderr.read()
            assert Caller(url)("GET", "/health")[1]["business_day"] is None
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate(timeout=5)
            assert (process.returncode, output, errors) == (0, "stopped\n", "")
        finally:
            process.kill()


def test_the_operator_keeps_queues_and_liquidity_over_http(call: Caller) -> None:
    def post(act: str, **form: object) -> dict[str, object]:
        status, answer = call("POST", f"/operator/{act}", OPERATOR_KEY, json=form)
        assert status == 200, answer
        return answer

    buyer = {"account": "BUYER-EUR", "currency": "EUR"}
    post("credit-limits", **buyer, amount="10.00")
    post("reservations", **buyer, amount="5.00", priority="HIGH")
    post("limits", **buyer, amount="1.00", counterparty="SELLER-EUR")
    call("POST", "/messages", key(SERVICE), data=xml(payment()))
    status, queue = call("GET", "/operator/queue", OPERATOR_KEY)
    assert (status, len(queue)) == (200, 1)
    post("priority", uetr=payment().uetr, priority="URGENT")  # whom no limit binds
    assert call("GET", "/operator/queue", OPERATOR_KEY) == (200, [])
    assert post("offset", currency="EUR") == {"settled": 0}
    assert post("statement", account="BUYER-EUR", day=DAY.isoformat())["closing"] == 15_000
    assert call("GET", "/operator/phase", OPERATOR_KEY) == (200, {"day": DAY.isoformat(), "phase": "OPEN"})
    for act, form, field in (
        ("priority", {"uetr": payment().uetr, "priority": "SOON"}, "priority"),
        ("reservations", {**buyer, "amount": "1.00", "priority": "HIGH", "standing": 1}, "standing"),
        ("day/phase", {"phase": "LUNCH"}, "phase"),
    ):
        status, refused = call("POST", f"/operator/{act}", OPERATOR_KEY, json=form)
        assert (status, refused["field"]) == (422, field)
