"""Faults as they look from outside: over HTTP and in the directory drop."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from rtgs_world import NOON, RTGS, SERVICE, World, payment

from lockstep.cash import HttpCashSystem
from lockstep.domain.errors import Unavailable
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.iso20022 import read, write
from lockstep.rtgs import door
from lockstep.rtgs.drop import DirectoryDoor
from lockstep.rtgs.faults import parse

KEY, OPERATOR_KEY = f"{SERVICE}-secret-key", "operator-secret-key"
DATA = write(Message(sender=SERVICE, receiver=RTGS, message_id="M1", created=NOON, body=payment(1, 100)))


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with door.listen() as listening:
        server = door.server(world.rtgs, OPERATOR_KEY)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        yield "http://{}:{}".format(*listening.getsockname())
        server.should_exit = True
        thread.join(5)


def call(method: str, url: str, key: str = KEY, data: bytes | None = None) -> tuple[int, dict[str, object]]:
    with requests.Session() as session:
        session.trust_env = False
        response = session.request(method, url, headers={"Authorization": f"Bearer {key}"}, data=data, timeout=5)
        return response.status_code, response.json()


def plan(world: World, *rules: dict[str, object]) -> None:
    world.rtgs.faults.set(parse({"seed": 7, "rules": list(rules)}), by="test")


def test_the_operator_ends_an_outage_over_http(world: World, url: str) -> None:
    until = (NOON + timedelta(hours=1)).isoformat()
    rules = {"seed": 7, "rules": [{"kind": "outage", "until": until}], "by": "Mira"}
    status, _ = call("POST", f"{url}/operator/faults", OPERATOR_KEY, json.dumps(rules).encode())
    assert status == 200
    for method, data in (("POST", DATA), ("GET", None)):
        status, answer = call(method, f"{url}/messages", data=data)
        assert status == 503 and "outage, rule 1 of plan 1" in str(answer["rule"])
    system = HttpCashSystem(url, SERVICE, KEY)
    with pytest.raises(Unavailable):
        system.receive(0)
    system.close()
    assert call("GET", f"{url}/health")[0] == 200
    _, shown = call("GET", f"{url}/operator/faults", OPERATOR_KEY)
    assert (shown["set_by"], shown["number"]) == ("Mira", 1)
    assert call("POST", f"{url}/operator/faults/clear", OPERATOR_KEY, b'{"by": "Mira"}')[0] == 200
    assert call("POST", f"{url}/messages", data=DATA)[0] == 202


def test_a_plan_with_a_mistake_is_refused_over_http(world: World, url: str) -> None:
    bad = {"seed": 7, "rules": [{"kind": "loss", "probability": 1.5}], "by": "Mira"}
    status, answer = call("POST", f"{url}/operator/faults", OPERATOR_KEY, json.dumps(bad).encode())
    assert status == 422
    assert (answer["field"], answer["value"]) == ("rules[1].probability", "1.5")
    assert world.rtgs.faults.status().plan is None


def test_an_answer_lost_over_http_and_asked_for_again(world: World, url: str) -> None:
    plan(world, {"kind": "answer_lost", "at_most": 1})
    assert call("POST", f"{url}/messages", data=DATA)[0] == 503
    status, answer = call("POST", f"{url}/messages", data=DATA)
    assert status == 202 and len(answer["answers"]) == 1
    assert world.money() == (15_000, 100)


@pytest.mark.parametrize("data", [b"", b"\xff", DATA[:-20], DATA.replace(b"EUR", b"XXX"), b"<" * (1 << 21)])
def test_what_http_refuses_comes_with_its_admi_002(world: World, url: str, data: bytes) -> None:
    status, answer = call("POST", f"{url}/messages", data=data)
    assert status in (413, 422)
    message = read(str(answer["answer"]).encode())
    assert isinstance(message.body, Rejection)
    assert message.receiver == SERVICE and message.body.location == answer["field"]
    without_key, answer = call("POST", f"{url}/messages", "no key of anybody", data)
    assert without_key in (401, 413) and "answer" not in answer


def test_the_drop_during_an_outage_and_after_a_lost_answer(world: World, tmp_path: Path) -> None:
    drop = DirectoryDoor(world.rtgs, tmp_path, (SERVICE,))
    folder = tmp_path / SERVICE
    plan(world, {"kind": "outage", "until": (NOON + timedelta(minutes=1)).isoformat()})
    (folder / "in" / "one.xml").write_bytes(DATA)
    assert drop.sweep() == 0
    assert (folder / "in" / "one.xml").exists()
    assert list((folder / "out").iterdir()) == []
    plan(world, {"kind": "answer_lost", "at_most": 1})
    drop.sweep()
    assert (folder / "in" / "one.xml").exists() and world.money() == (15_000, 100)
    drop.sweep()
    assert (folder / "archive" / "one.xml").exists() and world.money() == (15_000, 100)
    assert [path.name for path in (folder / "out").iterdir()] == ["000000000001.xml"]
    drop.close()


def test_the_drop_numbers_what_arrives(world: World, tmp_path: Path) -> None:
    drop = DirectoryDoor(world.rtgs, tmp_path, (SERVICE,))
    plan(world, {"kind": "duplicate"}, {"kind": "delay", "seconds": 60})
    (tmp_path / SERVICE / "in" / "one.xml").write_bytes(DATA)
    drop.sweep()
    assert list((tmp_path / SERVICE / "out").iterdir()) == []
    world.later(seconds=60)
    drop.sweep()
    names = sorted(path.name for path in (tmp_path / SERVICE / "out").iterdir())
    assert names == ["000000000001.xml", "000000000002.xml"]
    assert len({(tmp_path / SERVICE / "out" / name).read_bytes() for name in names}) == 1
    drop.close()
