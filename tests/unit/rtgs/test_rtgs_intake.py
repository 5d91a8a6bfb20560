"""Many messages in one transaction, and a process that dies between what is durable and what is told."""

import os
import signal
import subprocess
import sys

import pytest
from banks import HELD, REJECTED, A, B, Banks
from rtgs_world import AGENTS, BUYER, NOON, PAY_BY, RTGS, SERVICE, World, cancellation, kind, payment

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.payment import Payment, PaymentReport, Release
from lockstep.iso20022 import read, write


def mail(number: int, body: object, sender: Bic = SERVICE) -> tuple[bytes, Bic]:
    message = Message(sender=sender, receiver=RTGS, message_id=f"IN{number}", created=NOON, body=body)
    return write(message), sender


def reported(answers: object) -> list[str]:
    assert isinstance(answers, list)
    bodies = [read(data).body for data in answers]
    return [body.state.name for body in bodies if isinstance(body, PaymentReport)]


def test_many_messages_are_one_transaction(world: World) -> None:
    first, second, third = payment(1, 1_000), payment(2, 1_000), payment(3, 99_000)
    world.commits.clear()
    found = world.rtgs.handle_all(
        [
            mail(1, first),
            mail(2, second),
            (b"<broken", SERVICE),
            mail(3, third),
            mail(1, first),
            mail(4, payment(1, 2_000)),
            mail(5, payment(5), BUYER),
            mail(6, Release(uetr=first.uetr, settlement_id=first.settlement_id), AGENTS[0]),
            mail(7, cancellation(second)),
        ]
    )
    assert world.commits == ["messages"]
    assert [reported(found[at]) for at in (0, 1, 3, 4)] == [["HELD"], ["HELD"], ["PENDING"], ["HELD"]]
    assert found[0] == found[4]
    assert isinstance(found[2], InvalidInput)
    names = [one.name for one in (found[5], found[6]) if isinstance(one, Refused)]
    assert names == ["UetrConflict", "NotAuthorised"]
    assert isinstance(found[7], list)
    assert [kind(read(data).body) for data in found[7]] == ["RECEIVED"]
    assert reported(found[8]) == ["CANCELLED"]
    assert world.money() == (15_000, 1_000)


def test_together_they_say_what_each_says_alone(world: World) -> None:
    letters = [mail(number, payment(number, 4_000)) for number in range(1, 6)]
    together = [reported(answers) for answers in world.rtgs.handle_all(letters)]
    assert together == [["HELD"]] * 3 + [["PENDING"]] * 2
    assert [reported(world.rtgs.handle(*letter)) for letter in letters] == together
    assert [sequence for sequence, _ in world.rtgs.mailbox(SERVICE)] == [1, 2, 3, 4, 5]


def test_a_message_that_fails_half_done_takes_nobody_along(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has changed something when it fails: the transaction is given up, and each is taken alone."""
    from lockstep.rtgs import core
    from lockstep.rtgs.database import Step

    role, handler = core._HANDLERS[Payment]

    def failing(step: Step, message: Message[Payment]) -> None:
        handler(step, message)
        if message.body.end_to_end_id == "E2E2":
            raise Refused("Halfway", {"field": "x", "value": "y", "rule": "z"})

    monkeypatch.setitem(core._HANDLERS, Payment, (role, failing))
    found = world.rtgs.handle_all([mail(number, payment(number, 1_000)) for number in (1, 2, 3)])
    assert [reported(found[0]), reported(found[2])] == [["HELD"], ["HELD"]]
    assert isinstance(found[1], Refused)
    assert world.money() == (15_000, 2_000)


DYING = """
import os, signal, sys
from datetime import UTC, datetime
from lockstep.rtgs import Rtgs
from lockstep.domain.identifiers import Bic

class Noon:
    def now(self):
        return datetime(2026, 11, 20, 12, tzinfo=UTC)

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

url, sender, when = sys.argv[1:4]
rtgs = Rtgs(url, Noon(), bic=Bic("CBNKDEFFXXX"), on_commit=die if when == "after" else None)
if when == "before":
    from sqlalchemy import event
    event.listen(rtgs._database._engine, "commit", die)
rtgs.handle(sys.stdin.buffer.read(), Bic(sender))
"""


@pytest.mark.parametrize(("when", "booked"), [("before", False), ("after", True)])
def test_killed_around_the_commit(world: World, when: str, booked: bool) -> None:
    """What is booked is told, and what is told is booked: the third release dies at its commit."""
    given = payment()
    world.say(given)
    world.release(given, 0, 1)
    before = {party: len(world.bodies(party)) for party in (SERVICE, BUYER, *AGENTS)}
    last, sender = mail(9, Release(uetr=given.uetr, settlement_id=given.settlement_id), AGENTS[2])
    world.rtgs.close()
    died = subprocess.run(
        [sys.executable, "-c", DYING, world.url, sender, when],
        input=last,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        timeout=60,
        check=False,
        capture_output=True,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    world.restart()
    postings = [one for one in world.rtgs.operator.postings() if one.reference.startswith("payment/")]
    assert len(postings) == booked
    assert world.money() == ((5_000, 0) if booked else (15_000, 10_000))
    news = {SERVICE: 3, BUYER: 1, **dict.fromkeys(AGENTS, 3)} if booked else {}
    for party, count in before.items():
        assert len(world.bodies(party)) == count + news.get(party, 0)
    assert len(world.rtgs.handle(last, sender)) == 3  # sent again: the stored answers, or done now
    assert len([one for one in world.rtgs.operator.postings() if one.reference.startswith("payment/")]) == 1
    assert [sequence for sequence, _ in world.rtgs.mailbox(SERVICE)] == list(range(1, before[SERVICE] + 4))


def test_nothing_is_kept_outside_the_database(world: World) -> None:
    """Orders, queues and what is set aside are found again after a restart."""
    banks = Banks(world, A=10)
    banks.mandate(A)
    world.say(payment(1))
    banks.pay(1, A, B, 50)
    before = world.rtgs.facts()
    world.restart()
    assert world.rtgs.facts() == before
    banks.desk = world.rtgs.operator
    banks.fund(A, 40)
    assert banks.posted(A, B) == [0, 50]
    assert world.state(payment(1)) is HELD
    world.clock.instant = PAY_BY.replace(minute=1)
    assert world.rtgs.tick() == 1
    assert world.state(payment(1)) is REJECTED
