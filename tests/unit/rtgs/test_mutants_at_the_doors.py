"""Two thousand bad messages, through both doors; `make deep` has a hundred thousand."""

from pathlib import Path

from mutants_at_doors import Doors, good_messages, mutants
from rtgs_world import AGENTS, NOON, RTGS, SERVICE, World, cancellation, payment

from lockstep.domain.message import Message
from lockstep.domain.payment import Release
from lockstep.iso20022 import write


def own_messages(count: int = 10) -> list[bytes]:
    """Messages that this RTGS takes as they are."""
    found = []
    for number in range(1, count + 1):
        for body in (payment(number, 100), cancellation(payment(number + 50))):
            name = f"{type(body).__name__}{number}"
            found.append(write(Message(sender=SERVICE, receiver=RTGS, message_id=name, created=NOON, body=body)))
    return found


def test_each_is_refused_with_its_reason_or_taken(tmp_path: Path) -> None:
    world = World(f"sqlite:///{tmp_path}/rtgs.db")
    world.furnish()
    doors = Doors(world.rtgs, SERVICE, f"{SERVICE}-secret-key", tmp_path / "drop")
    batch = mutants(1, 2_000, good_messages(RTGS, SERVICE, own_messages()))
    for start in range(0, len(batch), 500):
        doors.judge(batch[start : start + 500])
    assert doors.seen["taken"] + doors.seen["refused"] == 2_000
    assert doors.seen["taken"] > 50
    assert doors.seen["refused"] > 1_000
    doors.close()
    before = world.money()
    paid = payment(99, 100)
    assert world.say(paid, message_id="AFTER") == ["HELD"]  # and it goes on
    for agent in AGENTS[:3]:
        world.say(Release(uetr=paid.uetr, settlement_id=paid.settlement_id), agent, message_id="AFTER")
    assert world.money() == (before[0] - 100, before[1])
    world.rtgs.close()
