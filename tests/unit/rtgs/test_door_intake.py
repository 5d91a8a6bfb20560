"""Messages that come to the HTTP door together: one transaction, each its own answer, none before it is durable."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable
from datetime import timedelta

import pytest
from doors import served
from rtgs_world import AGENTS, BUYER, NOON, RTGS, SERVICE, World, kind, payment
from sqlalchemy.exc import IntegrityError, OperationalError

from lockstep.domain.errors import InvalidInput, Refused, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.payment import Payment, Release
from lockstep.iso20022 import read, write
from lockstep.rtgs import core
from lockstep.rtgs.database import Step
from lockstep.rtgs.door_intake import MOST_TOGETHER, Intake
from lockstep.rtgs.faults import parse
from lockstep.rtgs.metrics import Meter

Letter = tuple[bytes, Bic]


def letter(body: object, sender: Bic = SERVICE, message_id: str = "M1") -> Letter:
    message = Message(sender=sender, receiver=RTGS, message_id=message_id, created=NOON, body=body)
    return write(message), sender


def payments(count: int, cents: int = 100) -> list[Letter]:
    return [letter(payment(number, cents), message_id=f"P{number}") for number in range(1, count + 1)]


def releases(of: Payment) -> list[Letter]:
    body = Release(uetr=of.uetr, settlement_id=of.settlement_id)
    return [letter(body, agent, f"R-{of.instruction_id}") for agent in AGENTS[:3]]


def together(world: World, letters: list[Letter]) -> list[object]:
    """What each is answered, in words, or what it raises; all are handed in before any is taken."""

    async def all_taken() -> list[object]:
        intake = Intake(Meter(world.rtgs))
        return await asyncio.gather(*(intake.take(*one) for one in letters), return_exceptions=True)

    world.commits.clear()
    return [said(one) for one in asyncio.run(all_taken())]


def said(answer: object) -> object:
    return [kind(read(data).body) for data in answer] if isinstance(answer, list) else answer


def test_who_comes_alone_is_taken_alone(world: World) -> None:
    assert together(world, payments(1)) == [["HELD"]]
    assert world.commits == ["payment-held"]


def test_no_transaction_takes_more_than_its_most(world: World) -> None:
    assert together(world, payments(MOST_TOGETHER + 1)) == [["HELD"]] * (MOST_TOGETHER + 1)
    assert world.commits == ["messages", "payment-held"]
    assert world.money() == (15_000, 100 * (MOST_TOGETHER + 1))


def test_they_are_taken_in_the_order_in_which_they_came(world: World) -> None:
    given = payment(1, 100)
    first, *others = payments(3)
    held, *released, second, third = together(world, [first, *releases(given), *others])
    assert (held, released[-1], second, third) == (["HELD"], ["BOOKED", "DEBIT", "CREDIT"], ["HELD"], ["HELD"])
    assert world.commits == ["messages"]
    settled = [row.payment.uetr for row in world.rtgs.operator.payments()]
    assert settled == [payment(number).uetr for number in (1, 2, 3)]

    other = payment(4, 100)
    early, held = together(world, [releases(other)[0], letter(other, message_id="P4")])
    assert isinstance(early, Refused)
    assert (early.name, held) == ("PaymentUnknown", ["HELD"])


def test_one_sender_sees_its_mail_in_its_order(world: World) -> None:
    together(world, payments(20))
    told = [body.uetr for body in world.bodies(SERVICE)]
    assert told == [payment(number).uetr for number in range(1, 21)]


def test_each_refusal_is_its_senders_alone(world: World) -> None:
    good = payments(5)
    bad: list[Letter] = [(b"<broken", SERVICE), letter(payment(9), BUYER), letter(payment(1, 999), message_id="P1")]
    found = together(world, [good[0], bad[0], good[1], bad[1], good[2], bad[2], good[3], good[4]])
    assert [found[at] for at in (0, 2, 4, 6, 7)] == [["HELD"]] * 5
    broken, unauthorised, conflict = found[1], found[3], found[5]
    assert isinstance(broken, InvalidInput)
    assert isinstance(unauthorised, Refused) and unauthorised.name == "NotAuthorised"
    assert isinstance(conflict, Refused) and conflict.name == "MessageConflict"
    assert world.commits == ["messages"]
    assert world.money() == (15_000, 500)


def test_the_same_message_twice_at_once_has_its_effect_once(world: World) -> None:
    (one,) = payments(1)
    assert together(world, [one, one, one]) == [["HELD"]] * 3
    assert world.money() == (15_000, 100)


def test_one_that_breaks_takes_nobody_along(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that is no refusal: all but its message are taken, and it is raised to its caller."""
    roles, handler = core._HANDLERS[Payment]
    broken = IntegrityError("INSERT", None, Exception("a constraint"))

    def breaking(step: Step, message: Message[Payment]) -> None:
        handler(step, message)
        if message.message_id == "P2":
            raise broken

    monkeypatch.setitem(core._HANDLERS, Payment, (roles, breaking))
    assert together(world, payments(3)) == [["HELD"], broken, ["HELD"]]
    assert world.commits == ["payment-held", "payment-held"]
    assert world.money() == (15_000, 200)


def test_a_database_that_fails_is_asked_once_for_all(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each would wait for its lock in turn, and the door would stand still for the sum of it."""
    failed, asked = OperationalError("BEGIN", None, Exception("locked")), []

    def failing(mail: list[Letter]) -> list[core.Outcome]:
        asked.append(len(mail))
        raise failed

    monkeypatch.setattr(world.rtgs, "handle_all", failing)
    assert together(world, payments(3)) == [failed] * 3
    assert asked == [3]
    assert world.money() == (15_000, 0)


def test_a_plan_of_faults_strikes_each_by_itself(world: World) -> None:
    agents_only = {"kind": "outage", "participant": AGENTS[1], "calls": 1, "direction": "in"}
    lost = {"kind": "answer_lost", "participant": SERVICE, "at_most": 1}
    world.rtgs.faults.set(parse({"seed": 7, "rules": [agents_only, lost]}), by="test")
    given = payment(1, 100)
    silent, held, first, second, third = together(world, [*payments(2), *releases(given)])
    assert isinstance(silent, Unavailable)
    assert isinstance(second, Unavailable)
    assert (held, first, third) == (["HELD"], ["RECEIVED"], ["RECEIVED"])
    assert world.money() == (15_000, 200)  # the lost answer's payment too
    assert together(world, [*payments(1), *releases(given)[1:2]])[0] == ["HELD"]
    assert world.money() == (14_900, 100)


def test_a_caller_who_went_away_keeps_nobody_waiting(world: World) -> None:
    async def one_leaves() -> list[bytes]:
        intake = Intake(Meter(world.rtgs))
        first, second = (asyncio.ensure_future(intake.take(*one)) for one in payments(2))
        await asyncio.sleep(0)
        first.cancel()
        answers = await second
        with pytest.raises(asyncio.CancelledError):
            await first
        return answers

    assert said(asyncio.run(one_leaves())) == ["HELD"]
    assert world.money() == (15_000, 200)  # it had arrived: to ask again has no other effect


# --- over HTTP


def request(one: Letter) -> bytes:
    data, sender = one
    head = f"POST /messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sender}-secret-key\r\n"
    return f"{head}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode() + data


def answered(line: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    found = b""
    while piece := line.recv(65536):
        found += piece
    return found


def connected(url: str) -> socket.socket:
    host, _, port = url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def test_what_comes_during_a_commit_shares_the_next(world: World) -> None:
    """The first commit stands still until the others have sent; nobody is answered before its own commit."""
    committing, sent = threading.Event(), threading.Event()
    unanswered: list[bool] = []

    def on_commit(name: str) -> None:
        world.commits.append(name)
        if len(world.commits) == 1:
            committing.set()
            assert sent.wait(10)
        else:
            unanswered.extend(not readable(line) for line in lines[1:])

    letters = payments(20)
    letters[7] = b"<broken", SERVICE
    letters[11] = letter(payment(12, 100), BUYER)
    with served(world) as url:
        world.commits.clear()
        world.on_commit = on_commit
        lines = [connected(url) for _ in letters]
        lines[0].sendall(request(letters[0]))
        assert committing.wait(10)
        for line, one in zip(lines[1:], letters[1:], strict=True):
            line.sendall(request(one))
        sent.set()
        answers = [answered(line) for line in lines]
        for line in lines:
            line.close()
    statuses = [int(answer.split(b" ", 2)[1]) for answer in answers]
    assert statuses == [422 if at == 7 else 403 if at == 11 else 202 for at in range(20)]
    assert all(b"admi.002.001.01" in answers[at] for at in (7, 11))
    assert (world.commits[0], "messages" in world.commits[1:]) == ("payment-held", True)
    assert len(world.commits) <= 4  # connections are accepted in turns; twenty messages in far fewer commits
    assert unanswered and all(unanswered[: len(lines) - 1])
    assert world.money() == (15_000, 1_800)


def readable(line: socket.socket) -> bool:
    import select

    return bool(select.select([line], [], [], 0)[0])


DYING = """
import os, signal, sys
from datetime import UTC, datetime
from sqlalchemy import event
from lockstep.rtgs import Rtgs, door

class Noon:
    def now(self):
        return datetime(2026, 11, 20, 12, tzinfo=UTC)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

url, when = sys.argv[1:]
commits = []

def committed(name):
    commits.append(name)
    if len(commits) == 1:
        print("first", flush=True)
        sys.stdin.readline()
        if when == "before":
            event.listen(rtgs._database._engine, "commit", only_writers)
    elif when == "after":
        die()

def only_writers(connection):
    if not connection.get_execution_options().get("reading"):
        die()

rtgs = Rtgs(url, Noon(), bic="CBNKDEFFXXX", on_commit=committed)
door.serve(rtgs, port=0, ready=lambda address: print(address, flush=True))
"""


@pytest.mark.parametrize(("when", "taken"), [("before", False), ("after", True)])
def test_killed_around_the_commit_that_they_share(world: World, when: str, taken: bool) -> None:
    """Nobody has an answer; what is durable is all of them or none; sent again, each has its effect once."""
    letters = payments(8)
    world.rtgs.close()
    with subprocess.Popen(
        [sys.executable, "-c", DYING, world.url, when],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            lines = [connected(url) for _ in letters]
            lines[0].sendall(request(letters[0]))
            assert process.stdout.readline() == "first\n"
            for line, one in zip(lines[1:], letters[1:], strict=True):
                line.sendall(request(one))
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.wait(30) == -signal.SIGKILL
            assert not any(heard(line) for line in lines[1:])
            for line in lines:
                line.close()
        finally:
            process.kill()
    world.restart()
    known = len(world.rtgs.operator.payments())
    assert (known > 1) is taken and known <= 8
    assert world.money() == (15_000, 100 * known)
    assert together(world, letters) == [["HELD"]] * 8
    assert world.money() == (15_000, 800)
    assert [sequence for sequence, _ in world.rtgs.mailbox(SERVICE)] == list(range(1, 9))


def heard(line: socket.socket) -> bytes:
    try:
        return answered(line)
    except ConnectionResetError:
        return b""


def test_time_passes_between_two_transactions(world: World) -> None:
    """Each transaction is of one instant, and judges by it what has run out."""
    given = payment(1, 100)
    world.say(given)
    world.clock.instant = given.pay_by + timedelta(seconds=1)
    late, *_ = together(world, releases(given))
    assert isinstance(late, Refused)
    assert late.name == "PaymentEnded"


def test_awaiting_is_for_one_loop(world: World) -> None:
    """An intake that has served is ready again: its work ends with its last message."""

    async def twice() -> list[object]:
        intake = Intake(Meter(world.rtgs))
        one, two = payments(2)
        found: list[Awaitable[list[bytes]]] = [intake.take(*one), intake.take(*two)]
        return [said(await each) for each in found]

    assert asyncio.run(twice()) == [["HELD"], ["HELD"]]
    assert world.commits[-2:] == ["payment-held", "payment-held"]
