"""What people see of the RTGS: the desk's JSON, and the page's files and policy."""

import re
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import files

import pytest
from doors import OPERATOR_KEY, get, post, served
from rtgs_world import AGENTS, BUYER, DAY, RTGS, SELLER, SERVICE, World, euro, payment

from lockstep.domain.priority import Priority as Stated
from lockstep.domain.statement import Statement
from lockstep.iso20022 import read
from lockstep.rtgs import DAYTIME

NAMES = ("day", "accounts", "queue", "held", "payments", "messages", "message", "statement", "statement/messages")


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served(world) as found:
        yield found


def test_one_look_at_the_whole_desk(world: World, url: str) -> None:
    booked, held = payment(1, 4_000), payment(2, 9_000)
    world.say(booked, message_id="FIRST")
    world.say(held)
    world.say(payment(3, 5_000))
    world.say(payment(4, 6_000, priority=Stated.URGENT))
    world.release(booked, 0, 1, 2)
    world.release(held, 3, 0)
    desk = get(f"{url}/operator/desk").json()
    assert desk["bic"] == RTGS
    buyer, seller, technical = desk["accounts"]
    assert (buyer["number"], buyer["posted"], buyer["earmarked"], buyer["available"]) == (
        "BUYER-EUR", "110.00", "90.00", "20.00",
    )  # fmt: skip
    assert (seller["owner"], seller["posted"]) == (SELLER, "40.00")
    assert (technical["technical"], technical["posted"]) == (True, "-150.00")
    (queue,) = desk["queue"]["queues"]
    assert (queue["account"], queue["waiting"], queue["value"]) == ("BUYER-EUR", 2, "110.00")
    assert [(one["priority"], one["amount"]) for one in queue["payments"]] == [("URGENT", "60.00"), ("NORMAL", "50.00")]
    assert queue["payments"][0]["reason"].startswith("AM04 ")
    assert (desk["held"]["held"], desk["held"]["quorum"], desk["held"]["agents"]) == (1, 3, AGENTS)
    (waiting,) = desk["held"]["payments"]
    assert (waiting["uetr"], waiting["releases"]) == (held.uetr, [AGENTS[0], AGENTS[3]])
    assert desk["counts"] == {"BOOKED": 1, "HELD": 1, "PENDING": 2}
    assert (desk["day"]["date"], desk["day"]["phase"]) == (DAY.isoformat(), "OPEN")
    first = next(one for one in desk["messages"] if one["id"] == "FIRST")
    assert (first["direction"], first["type"], first["from"], first["to"], first["status"]) == (
        "in", "pacs.009.001.08", SERVICE, RTGS, None,
    )  # fmt: skip
    out = [one for one in desk["messages"] if one["direction"] == "out"]
    assert {one["status"] for one in out if one["type"] == "pacs.002.001.10"} == {"ACSP", "ACSC", "PDNG"}
    assert {one["status"] for one in out if one["type"] == "camt.054.001.08"} == {"CRDT", "DBIT"}
    assert {one["status"] for one in out if one["type"] == "admi.007.001.01"} == {"RCVD"}
    given = get(f"{url}/operator/desk/message", reference=first["reference"]).json()["message"]
    assert read(given.encode()).body == booked


def test_messages_are_listed_newest_first_and_by_party(world: World, url: str) -> None:
    world.say(payment(1))
    world.later(minutes=1)
    world.say(payment(2, 1_000))
    lines = get(f"{url}/operator/desk/messages").json()["messages"]
    times = [datetime.fromisoformat(one["at"]) for one in lines]
    assert len(lines) == 2 + 2 * (1 + len(AGENTS)) and times == sorted(times, reverse=True)
    mine = get(f"{url}/operator/desk/messages", party=AGENTS[1]).json()["messages"]
    assert {one["to"] for one in mine} == {AGENTS[1]} and len(mine) == 2
    assert get(f"{url}/operator/desk/messages", limit="3").json()["messages"] == lines[:3]
    for one in lines:
        data = get(f"{url}/operator/desk/message", reference=one["reference"]).json()["message"]
        message = read(data.encode())
        assert (message.message_id, message.sender, message.receiver) == (one["id"], one["from"], one["to"])


def test_the_day_is_led_from_the_desk(world: World, url: str) -> None:
    world.rtgs.operator.set_timetable(DAYTIME)
    day = post(f"{url}/operator/clock/advance", seconds=4 * 3600 + 1).json()
    assert (day["phase"], day["now"], day["zone"]) == ("INTERBANK", "2026-11-20T16:00:01+00:00", "Europe/Berlin")
    taken = {one["kind"]: (one["taken"], one["until"]) for one in day["cut_offs"]}
    assert taken["CUSTOMER"] == (False, "2026-11-20T16:00:00+00:00")
    assert taken["INTERBANK"] == (True, "2026-11-20T17:00:00+00:00")
    assert post(f"{url}/operator/day/phase", phase="CUSTOMER-AND-INTERBANK").status_code == 200
    assert get(f"{url}/operator/desk/day").json()["phase"] == "CUSTOMER-AND-INTERBANK"
    closed = post(f"{url}/operator/clock/set", instant="2026-11-20T17:00:00Z").json()
    assert (closed["date"], closed["phase"], closed["last_closed"]) == (None, "CLOSED", "2026-11-20")
    news = [read(data).body for _, data in world.rtgs.mailbox(BUYER)]
    assert [one.parameters[1] for one in news if type(one).__name__ == "SystemEvent"] == [
        "INTERBANK", "CUSTOMER-AND-INTERBANK", "CLOSED",
    ]  # fmt: skip


def test_a_statement_by_hand_says_what_the_mail_said(world: World, url: str) -> None:
    world.say(payment(1, 4_000))
    world.release(payment(1, 4_000), 0, 1, 2)
    so_far = get(f"{url}/operator/desk/statement", account="BUYER-EUR").json()
    assert (so_far["number"], so_far["opening"], so_far["closing"]) == (None, "0.00", "110.00")
    assert [(one["amount"], one["counterparty"]) for one in so_far["entries"]] == [
        ("150.00", "CENTRAL-BANK-EUR"), ("-40.00", "SELLER-EUR"),
    ]  # fmt: skip
    world.rtgs.operator.close_day()
    (sent,) = [body for body in world.bodies(BUYER) if isinstance(body, Statement)]
    (copy,) = get(f"{url}/operator/desk/statement/messages", account="BUYER-EUR", day=DAY.isoformat()).json()[
        "messages"
    ]
    message = read(copy["message"].encode())
    assert (message.body, message.message_id, message.receiver) == (sent, copy["id"], BUYER)
    assert sent.closing == euro(11_000)


@pytest.mark.parametrize(
    ("act", "query", "field"),
    [
        ("desk/queue", {"account": "NONE"}, "account"),
        ("desk/queue", {"limit": "0"}, "limit"),
        ("desk/payments", {"state": "LOST"}, "state"),
        ("desk/message", {"reference": "in/999"}, "reference"),
        ("desk/message", {"reference": "out/../1"}, "reference"),
        ("desk/message", {}, "reference"),
        ("desk/statement", {"account": "BUYER-EUR", "day": "2026-11-19"}, "day"),
        ("desk/statement/messages", {"account": "CENTRAL-BANK-EUR"}, "account"),
    ],
)
def test_bad_questions_are_refused(url: str, act: str, query: dict[str, str], field: str) -> None:
    answer = get(f"{url}/operator/{act}", **query)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    ("act", "members", "field"),
    [
        ("clock/advance", {"seconds": 0}, "seconds"),
        ("clock/advance", {"seconds": "60"}, "seconds"),
        ("clock/set", {"instant": "2026-11-20T13:00:00"}, "instant"),
        ("clock/set", {"instant": "2026-11-20T13:00:00Z", "running": 1}, "running"),
        ("clock/set", {"instant": "2026-11-20T11:59:59Z"}, "clock"),
        ("day/phase", {"phase": "NIGHT"}, "phase"),
    ],
)
def test_bad_acts_change_nothing(world: World, url: str, act: str, members: dict[str, object], field: str) -> None:
    answer = post(f"{url}/operator/{act}", **members)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert world.rtgs.operator.now() == world.clock.instant


@pytest.mark.parametrize("act", ["desk", *(f"desk/{name}" for name in NAMES)])
def test_nobody_but_the_operator_sees_the_books(url: str, act: str) -> None:
    for key in (None, f"{SERVICE}-secret-key", OPERATOR_KEY[:-1]):
        answer = get(f"{url}/operator/{act}", key=key)
        assert (answer.status_code, set(answer.json())) == (401, {"field", "value", "rule"})


# --- the page


def test_the_page_says_nothing_without_a_key_and_loads_nothing_from_elsewhere(world: World, url: str) -> None:
    for path, kind in (("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")):
        answer = get(url + path, key=None)
        assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (200, kind)
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert {policy["script-src"], policy["style-src"], policy["connect-src"]} == {"'self'"}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"(?:https?:)?//[\w.-]+\.\w", answer.text), path
        for secret in (BUYER, RTGS, "BUYER-EUR"):
            assert secret not in answer.text


def test_nothing_on_the_page_is_ever_read_as_markup() -> None:
    static = files("lockstep.rtgs").joinpath("static")
    script, page = static.joinpath("page.js").read_text(), static.joinpath("page.html").read_text()
    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "DOMParser",
                "setAttribute(\"on", "javascript:", "createContextualFragment", "srcdoc"):  # fmt: skip
        assert way not in script, way
    assert not re.search(r"<script(?! src=\"/page\.js\" defer>)", page)
    assert not re.search(r"\son\w+=|\sstyle=", page)
    wanted = set(re.findall(r"\bat\(\"([\w-]+)\"\)", script)) | set(re.findall(r"\bdraw\(\"([\w-]+)\"", script))
    assert len(wanted) > 20
    assert wanted <= set(re.findall(r"\bid=\"([\w-]+)\"", page))
