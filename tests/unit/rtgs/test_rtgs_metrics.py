"""Figures for Prometheus, read by its own parser."""

from collections.abc import Iterator

import pytest
from doors import get, served
from prometheus_client.parser import text_string_to_metric_families
from rtgs_world import BUYER, SELLER, SERVICE, World, payment, settlement
from sqlalchemy.exc import OperationalError

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.message import Message
from lockstep.domain.payment import Release
from lockstep.domain.priority import Priority as Stated
from lockstep.iso20022 import write
from lockstep.rtgs import DAYTIME
from lockstep.rtgs.metrics import MOST_RULES, Meter

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def figures(text: str) -> Figures:
    return {
        (sample.name.removeprefix("lockstep_rtgs_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figure(found: Figures, name: str, **labels: str) -> float | None:
    return found.get((name, tuple(sorted(labels.items()))))


def message(world: World, body: object, sender: str = SERVICE, message_id: str = "M1") -> bytes:
    return write(
        Message(sender=sender, receiver=world.rtgs.bic, message_id=message_id, created=world.clock.instant, body=body)
    )


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served(world) as found:
        yield found


def test_what_the_door_tells(world: World, url: str) -> None:
    world.say(payment(1, 4_000))
    world.release(payment(1, 4_000), 0, 1, 2)
    world.say(payment(2, 10_000_00, priority=Stated.URGENT))
    world.say(payment(3, 20_000))
    answer = get(f"{url}/metrics", key=None)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    found = figures(answer.text)
    counts = {state: figure(found, "payments", state=state) for state in ("BOOKED", "HELD", "PENDING", "REJECTED")}
    assert counts == {"BOOKED": 1, "HELD": 0, "PENDING": 2, "REJECTED": 0}
    assert figure(found, "queue_payments", currency="EUR", priority="URGENT") == 1
    assert figure(found, "queue_value", currency="EUR", priority="URGENT") == 10_000
    assert figure(found, "queue_value", currency="EUR", priority="NORMAL") == 200
    assert figure(found, "queue_payments", currency="EUR", priority="HIGH") == 0
    assert figure(found, "postings_total") == len(world.rtgs.operator.postings()) == 2
    assert figure(found, "messages_out_total", type="camt.054") == 12
    assert figure(found, "business_day_phase", phase="OPEN") == 1
    assert figure(found, "business_day_phase", phase="CLOSED") == 0
    assert (figure(found, "database_up"), figure(found, "database_errors_total")) == (1, 0)
    world.rtgs.operator.set_timetable(DAYTIME)
    world.rtgs.tick()
    found = figures(get(f"{url}/metrics", key=None).text)
    assert figure(found, "business_day_phase", phase="CUSTOMER-AND-INTERBANK") == 1
    assert figure(found, "business_day_phase", phase="OPEN") == 0


def test_messages_refusals_and_their_time_are_counted(world: World) -> None:
    meter = Meter(world.rtgs)
    pay = message(world, payment(1))
    assert meter.handle(pay, SERVICE) == world.rtgs.handle(pay, SERVICE)
    release = message(world, Release(uetr=payment(9).uetr, settlement_id=settlement(9)), BUYER)
    with pytest.raises(Refused, match="NotAuthorised"):
        meter.handle(release, BUYER)
    with pytest.raises(InvalidInput):
        meter.handle(b"<BizMsg><MsgDefIdr>zzzz.999.001.01</MsgDefIdr>", BUYER)
    found = figures(meter.exposition().decode())
    assert figure(found, "messages_in_total", type="pacs.009") == 1
    assert figure(found, "messages_refused_total", type="camt.007", rule="NotAuthorised") == 1
    assert figure(found, "messages_refused_total", type="other", rule="InvalidMessage") == 1
    for kind in ("pacs.009", "camt.007", "other"):
        assert figure(found, "message_seconds_count", type=kind) == 1
        assert 0 < (figure(found, "message_seconds_sum", type=kind) or 0) < 5
        assert figure(found, "message_seconds_bucket", type=kind, le="+Inf") == 1
    assert figure(found, "message_seconds_bucket", type="pacs.009", le="5.0") == 1


def test_labels_are_few_and_name_nobody(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter(world.rtgs)
    world.say(payment(1))

    def refuse(data: bytes, _sender: object) -> list[bytes]:
        raise Refused(data.decode())

    monkeypatch.setattr(world.rtgs, "handle", refuse)
    for number in range(3 * MOST_RULES):
        with pytest.raises(Refused):
            meter.handle(f"Rule{number}".encode(), SERVICE)
    text = meter.exposition().decode()
    rules = {dict(labels)["rule"] for name, labels in figures(text) if name == "messages_refused_total"}
    assert len(rules) == MOST_RULES + 1 and "other" in rules
    assert {name for _, labels in figures(text) for name, _ in labels} <= {
        "type", "rule", "state", "currency", "priority", "phase", "le",
    }  # fmt: skip
    for name in (SERVICE, BUYER, SELLER, "BUYER-EUR", payment(1).uetr):
        assert name not in text


def test_a_database_that_fails_is_told_and_not_hidden(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter(world.rtgs)
    monkeypatch.setattr(world.rtgs.operator._database._engine.pool, "connect", _fails)
    with pytest.raises(OperationalError):
        meter.handle(message(world, payment(1)), SERVICE)
    found = figures(meter.exposition().decode())
    assert figure(found, "database_up") == 0
    assert figure(found, "database_errors_total") >= 2
    assert figure(found, "postings_total") is None


def _fails() -> object:
    raise OperationalError("SELECT 1", {}, Exception("the disk is gone"))
