"""Files of many messages at the HTTP door and in the drop: one commit, each message by itself, hostile ones too."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import requests
from doors import get, served
from rtgs_world import AGENTS, BUYER, NOON, RTGS, SERVICE, World, payment
from sqlalchemy.exc import IntegrityError, OperationalError

from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.notice import Acknowledgement, Rejection
from lockstep.domain.payment import Payment, PaymentState, Release
from lockstep.iso20022 import LARGEST_FILE, pack, read, unpack, write
from lockstep.rtgs import core
from lockstep.rtgs.database import Step
from lockstep.rtgs.door import LARGEST_MESSAGE
from lockstep.rtgs.drop import DirectoryDoor
from lockstep.rtgs.faults import parse

HELD, BOOKED = PaymentState.HELD, PaymentState.BOOKED


def paying(number: int, cents: int = 100, message_id: str | None = None, sender: Bic = SERVICE) -> bytes:
    body = payment(number, cents)
    identity = message_id or f"P{number}"
    return write(Message(sender=sender, receiver=RTGS, message_id=identity, created=NOON, body=body))


def releasing(number: int, agent: Bic, cents: int = 100) -> bytes:
    of = payment(number, cents)
    body = Release(uetr=of.uetr, settlement_id=of.settlement_id)
    return write(Message(sender=agent, receiver=RTGS, message_id=f"R{number}", created=NOON, body=body))


def file_of(*messages: bytes) -> bytes:
    return pack(messages, NOON, "FILE-1")


class Poster:
    def __init__(self, url: str) -> None:
        self.url, self.session = url, requests.Session()
        self.session.trust_env = False

    def __call__(self, content: bytes, party: str | None = SERVICE) -> tuple[int, dict[str, object]]:
        headers = {} if party is None else {"Authorization": f"Bearer {party}-secret-key"}
        answer = self.session.post(f"{self.url}/files", data=content, headers=headers, timeout=20)
        return answer.status_code, answer.json()

    def told(self, content: bytes, party: Bic = SERVICE) -> list[dict[str, str]]:
        status, answer = self(content, party)
        assert (status, answer["file"]) == (202, "FILE-1"), answer
        return answer["messages"]


@pytest.fixture
def post(world: World) -> Iterator[Poster]:
    with served(world) as url:
        world.commits.clear()
        poster = Poster(url)
        yield poster
        poster.session.close()


def outcomes(told: Sequence[dict[str, str]]) -> list[str]:
    return [one.get("name", one["outcome"]) for one in told]


def states(world: World) -> list[PaymentState]:
    return [row.state for row in world.rtgs.operator.payments()]


# --- what a file does


def test_a_whole_file_is_one_commit_and_a_doubled_one_harmless(world: World, post: Poster) -> None:
    data = file_of(*(paying(number) for number in range(1, 121)))
    assert outcomes(post.told(data)) == ["taken"] * 120
    assert world.commits == ["messages"]
    assert world.money() == (15_000, 12_000)
    mail = world.rtgs.mailbox(SERVICE, 0, 1000)
    assert outcomes(post.told(data)) == ["taken"] * 120
    assert world.money() == (15_000, 12_000)
    assert world.rtgs.mailbox(SERVICE, 0, 1000) == mail


def test_agents_release_by_files_of_their_own(world: World, post: Poster) -> None:
    post.told(file_of(*(paying(number) for number in range(1, 31))))
    for agent in AGENTS:
        told = post.told(file_of(*(releasing(number, agent) for number in range(1, 31))), agent)
        assert outcomes(told) == ["taken"] * 30
    assert states(world) == [BOOKED] * 30
    assert world.money() == (12_000, 0)
    assert len(world.commits) == 5


def test_each_is_taken_or_refused_by_itself_and_in_order(world: World, post: Poster) -> None:
    messages = [
        paying(1),
        b"<broken",
        paying(2).replace(b"<Amt", b"<Broken").replace(b"IntrBkSttlmAmt", b"Nothing"),
        paying(1),  # the same again
        paying(3, message_id="P1"),  # its id with other content
        releasing(1, AGENTS[0]),  # another's
        paying(1, cents=999, message_id="P9"),  # its UETR with other content
        paying(4),
    ]
    told = post.told(file_of(*messages))
    assert outcomes(told) == [
        "taken", "invalid", "invalid", "taken", "MessageConflict", "SenderMismatch", "UetrConflict", "taken",
    ]  # fmt: skip
    assert world.commits == ["messages"]
    assert (states(world), world.money()) == ([HELD, HELD], (15_000, 200))
    for one in (told[1], told[2], told[4], told[5], told[6]):
        assert one["field"] and one["value"] and one["rule"]
        body = read(one["answer"].encode()).body
        assert isinstance(body, Rejection)
        assert body.code == one.get("name", "InvalidMessage")
    assert all(set(told[place]) == {"outcome", "message_id"} for place in (0, 3, 7))
    named = [one["message_id"] for one in told]
    assert named == ["P1", "NOTPROVIDED", "P2", "P1", "P1", "R1", "P9", "P4"]


def test_a_file_says_the_same_as_its_messages_alone(world: World, post: Poster) -> None:
    """Sent again one by one: what was taken is known, what was refused is refused in the same words."""
    messages = [paying(1), paying(1, 5, "P5"), b"<broken", paying(2, sender=BUYER), paying(3)]
    told = post.told(file_of(*messages))
    alone = []
    for data in messages:
        headers = {"Authorization": f"Bearer {SERVICE}-secret-key"}
        answer = post.session.post(f"{post.url}/messages", data=data, headers=headers, timeout=5).json()
        alone.append({key: answer[key] for key in ("name", "field", "value", "rule") if key in answer})
    assert [{key: one[key] for key in ("name", "field", "value", "rule") if key in one} for one in told] == alone


# --- a file that is none


REFUSED: dict[str, tuple[bytes, str | None, int, str]] = {
    "no key": (file_of(paying(1)), None, 401, "Authorization"),
    "an unknown key": (file_of(paying(1)), "UNKNOWN", 401, "Authorization"),
    "nothing": (b"", SERVICE, 422, "XML"),
    "no XML": (b"{}", SERVICE, 422, "XML"),
    "one message": (paying(1), SERVICE, 422, "BizMsg"),
    "truncated": (file_of(paying(1), paying(2))[:-30], SERVICE, 422, "Pyld[2]"),
    "a message cut out": (
        file_of(paying(1), paying(2)).replace(b"<Pyld>" + paying(2)[39:].strip() + b"</Pyld>", b""),
        SERVICE,
        422,
        "PyldDesc/ApplSpcfcs/TtlNbOfDocs",
    ),
    "too many": (b"<Xchg>" + b"<Pyld></Pyld>" * 1_001 + b"</Xchg>", SERVICE, 422, "Pyld"),
    "too large": (b"<Xchg>" + b" " * LARGEST_FILE, SERVICE, 413, "message"),
    "nested for ever": (b"<Xchg>" * 500_000, SERVICE, 422, "XML"),
    "entities": (
        b'<!DOCTYPE Xchg [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><Xchg>&b;</Xchg>',
        SERVICE,
        422,
        "XML/DOCTYPE",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_as_such_and_nothing_taken(world: World, post: Poster, name: str) -> None:
    content, party, status, field = REFUSED[name]
    before = world.rtgs.facts()
    found, answer = post(content, party)
    assert (found, answer["field"]) == (status, field), answer
    assert answer["rule"] and "answer" not in answer and "messages" not in answer
    assert (world.rtgs.facts(), world.commits) == (before, [])


def test_hostile_messages_in_a_sound_file(world: World, post: Poster) -> None:
    """Thousands of elements, entities, a megabyte, deep nesting, foreign bytes: each refused, the good one taken."""
    hostile = [
        b"<a>" * 20_000,
        b"<BizMsg>" + b"<b/>" * 20_000 + b"</BizMsg>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"<a " + b" ".join(b'x%d="1"' % number for number in range(5_000)) + b"/>",
        b"." * (LARGEST_MESSAGE + 1),
        b"\x00\xff\xfe",
        b"<?xml version='1.0'?><a/>",
        b"<![CDATA[x]]>",
    ]
    told = post.told(file_of(*hostile, paying(1)))
    assert outcomes(told) == ["invalid"] * len(hostile) + ["taken"]
    assert world.money() == (15_000, 100)


# --- what fails


def breaking(monkeypatch: pytest.MonkeyPatch, error: Exception, which: str) -> None:
    """The handler of payments fails at one message, after it has changed something."""
    roles, handler = core._HANDLERS[Payment]

    def fails(step: Step, message: Message[Payment]) -> None:
        handler(step, message)
        if message.message_id == which:
            raise error

    monkeypatch.setitem(core._HANDLERS, Payment, (roles, fails))


def test_one_that_breaks_is_found_by_halves(world: World, post: Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of it, all others are taken, and with far fewer commits than messages."""
    breaking(monkeypatch, IntegrityError("INSERT", None, Exception("a constraint")), "P41")
    told = post.told(file_of(*(paying(number) for number in range(1, 65))))
    assert outcomes(told) == ["unknown" if number == 41 else "taken" for number in range(1, 65)]
    assert "constraint" not in told[40]["rule"], "how it failed inside is not the caller's affair"
    assert world.money() == (15_000, 6_300)
    assert len(world.commits) == 6


def test_one_refused_late_is_found_by_halves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, core.refusal("TooLate", "field", "value", "rule"), "P20")
    world.commits.clear()
    found = world.rtgs.handle_all([(paying(number), SERVICE) for number in range(1, 33)])
    assert [place for place, one in enumerate(found, 1) if isinstance(one, Exception)] == [20]
    assert world.money() == (15_000, 3_100)
    assert len(world.commits) == 5


def test_a_database_that_fails_says_nothing_of_any(world: World, post: Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = OperationalError("BEGIN", None, Exception("locked"))

    def failing(mail: object) -> list[core.Outcome]:
        raise failed

    monkeypatch.setattr(world.rtgs, "handle_all", failing)
    headers = {"Authorization": f"Bearer {SERVICE}-secret-key"}
    answer = post.session.post(f"{post.url}/files", data=file_of(paying(1), paying(2)), headers=headers, timeout=5)
    assert answer.status_code == 500
    assert world.money() == (15_000, 0)


def test_a_plan_of_faults_strikes_each_message_by_itself(world: World, post: Poster) -> None:
    lost = {"kind": "answer_lost", "participant": SERVICE, "at_most": 1}
    world.rtgs.faults.set(parse({"seed": 7, "rules": [lost]}), by="test")
    told = post.told(file_of(paying(1), paying(2), b"<broken"))
    assert outcomes(told) == ["unknown", "taken", "invalid"]
    assert told[0]["rule"] == "the RTGS restarted after it had stored the message and before it answered"
    assert world.money() == (15_000, 200)
    assert outcomes(post.told(file_of(paying(1), paying(2)))) == ["taken", "taken"]
    assert world.money() == (15_000, 200)


def test_each_message_is_counted(world: World, post: Poster) -> None:
    post.told(file_of(paying(1), paying(2), paying(3, message_id="P1"), b"<broken"))
    text = get(f"{post.url}/metrics", key=None).text
    for line in (
        'lockstep_rtgs_messages_in_total{type="pacs.009"} 2.0',
        'lockstep_rtgs_messages_refused_total{rule="MessageConflict",type="pacs.009"} 1.0',
        'lockstep_rtgs_messages_refused_total{rule="InvalidMessage",type="other"} 1.0',
        'lockstep_rtgs_message_seconds_count{type="pacs.009"} 3.0',
    ):
        assert line in text, line


# --- in the drop


@pytest.fixture
def drop(world: World, tmp_path: Path) -> Iterator[DirectoryDoor]:
    door = DirectoryDoor(world.rtgs, tmp_path, [SERVICE, *AGENTS])
    world.commits.clear()
    yield door
    door.close()


def listed(root: Path, folder: str) -> list[str]:
    return sorted(os.listdir(root / SERVICE / folder))


def leave(root: Path, name: str, content: bytes) -> None:
    (root / SERVICE / "in" / name).write_bytes(content)


def test_a_file_in_the_drop_is_archived_when_all_are_taken(world: World, drop: DirectoryDoor, tmp_path: Path) -> None:
    data = file_of(*(paying(number) for number in range(1, 31)))
    for name in ("many.xml", "again.xml"):
        leave(tmp_path, name, data)
    drop.sweep()
    assert (listed(tmp_path, "in"), listed(tmp_path, "error")) == ([], [])
    assert listed(tmp_path, "archive") == ["again.xml", "many.xml"]
    assert world.commits == ["messages", "messages"]
    assert world.money() == (15_000, 3_000)
    assert len(listed(tmp_path, "out")) == 30


def test_what_was_not_taken_is_told_message_by_message(world: World, drop: DirectoryDoor, tmp_path: Path) -> None:
    leave(tmp_path, "many.xml", file_of(paying(1), b"<broken", paying(2, message_id="P1"), paying(3)))
    drop.sweep()
    assert (listed(tmp_path, "archive"), listed(tmp_path, "error")) == ([], ["many.answers.xml", "many.xml"])
    answers = unpack((tmp_path / SERVICE / "error" / "many.answers.xml").read_bytes()).messages
    bodies = [read(data).body for data in answers]
    taken, broken, conflict, last = bodies
    assert isinstance(taken, Acknowledgement) and isinstance(last, Acknowledgement)
    assert (taken.related_message_id, last.related_message_id) == ("P1", "P3")
    assert isinstance(broken, Rejection) and isinstance(conflict, Rejection)
    assert (broken.code, broken.location, conflict.code) == ("InvalidMessage", "XML", "MessageConflict")
    assert world.money() == (15_000, 200)


def test_a_file_that_is_none_lies_in_error_with_one_reason(world: World, drop: DirectoryDoor, tmp_path: Path) -> None:
    sound = file_of(paying(1), paying(2))
    leave(tmp_path, "cut.xml", sound[:-30])
    leave(tmp_path, "large.xml", b"<Xchg>" + b" " * LARGEST_FILE)
    drop.sweep()
    assert listed(tmp_path, "error") == ["cut.admi.002.xml", "cut.xml", "large.admi.002.xml", "large.xml"]
    fields = []
    for name in ("cut", "large"):
        body = read((tmp_path / SERVICE / "error" / f"{name}.admi.002.xml").read_bytes()).body
        assert isinstance(body, Rejection)
        fields.append((body.related_message_id, body.location))
    assert fields == [("NOTPROVIDED", "Pyld[2]"), ("NOTPROVIDED", "message")]
    assert world.money() == (15_000, 0)


def test_an_answer_that_is_lost_leaves_the_file_where_it_is(world: World, drop: DirectoryDoor, tmp_path: Path) -> None:
    lost = {"kind": "answer_lost", "participant": SERVICE, "at_most": 1}
    world.rtgs.faults.set(parse({"seed": 7, "rules": [lost]}), by="test")
    leave(tmp_path, "many.xml", file_of(paying(1), paying(2)))
    drop.sweep()
    assert listed(tmp_path, "in") == ["many.xml"]
    drop.sweep()
    assert (listed(tmp_path, "in"), listed(tmp_path, "archive")) == ([], ["many.xml"])
    assert world.money() == (15_000, 200)


def test_long_values_do_not_burst_the_answers(world: World, drop: DirectoryDoor, tmp_path: Path) -> None:
    """A thousand refusals that each quote what they refuse: still one file of answers, with each reason."""
    odd = paying(1).replace(b"<InstrId>INSTR1<", b"<InstrId>" + "\u20ac".encode() * 400 + b"<")
    leave(tmp_path, "many.xml", file_of(*[odd] * 1_000))
    drop.sweep()
    answers = unpack((tmp_path / SERVICE / "error" / "many.answers.xml").read_bytes()).messages
    assert len(answers) == 1_000
    body = read(answers[-1]).body
    assert isinstance(body, Rejection) and (body.location or "").endswith("InstrId")


def test_identities_of_taken_messages_in_answers_are_their_own(
    world: World, drop: DirectoryDoor, tmp_path: Path
) -> None:
    leave(tmp_path, "many.xml", file_of(paying(1), paying(2), b"<broken"))
    drop.sweep()
    answers = unpack((tmp_path / SERVICE / "error" / "many.answers.xml").read_bytes()).messages
    told = [read(data) for data in answers]
    assert len({one.message_id for one in told}) == 3
    assert {(one.sender, one.receiver) for one in told} == {(RTGS, SERVICE)}
