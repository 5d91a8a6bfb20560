"""Faults that strike a whole file of messages as one, on its way in: late, lost, doubled, overtaken, unanswered."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from doors import served
from rtgs_world import AGENTS, NOON, RTGS, SERVICE, World, payment

from lockstep.cash import DirectoryCashSystem, HttpCashSystem
from lockstep.domain.errors import InvalidInput, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.payment import Payment, PaymentState, Release
from lockstep.iso20022 import write
from lockstep.rtgs.drop import DirectoryDoor
from lockstep.rtgs.faults import Fault, from_json, parse


def message(body: Payment | Release, name: str, sender: Bic = SERVICE) -> Message[Payment | Release]:
    return Message(sender=sender, receiver=RTGS, message_id=name, created=NOON, body=body)


def file_of(*numbers: int) -> list[tuple[bytes, Bic]]:
    return [(write(message(payment(number, 100), f"P{number}")), SERVICE) for number in numbers]


def plan(world: World, *rules: dict[str, object]) -> None:
    world.rtgs.faults.set(parse({"seed": 7, "rules": [{"files": True, **rule} for rule in rules]}), by="test")


def there(world: World) -> list[int]:
    """The payments that have come, by their numbers, in the order of their coming."""
    numbers = {payment(number).uetr: number for number in range(1, 20)}
    world.rtgs.tick()
    return [numbers[row.payment.uetr] for row in world.rtgs.operator.payments()]


def test_a_whole_file_is_late(world: World) -> None:
    plan(world, {"kind": "delay", "seconds": 60, "at_most": 1})
    assert world.rtgs.handle_all(file_of(1, 2, 3)) == [[], [], []]
    world.restart()
    world.later(seconds=59)
    assert there(world) == []
    assert len(world.rtgs.handle_all(file_of(4))[0]) == 1, "who comes alone is no file"
    world.later(seconds=1)
    assert there(world) == [4, 1, 2, 3]
    assert all(world.rtgs.handle_all(file_of(5, 6))), "it struck once"


def test_a_whole_file_is_lost_and_sent_again(world: World) -> None:
    plan(world, {"kind": "loss", "at_most": 1})
    assert world.rtgs.handle_all(file_of(1, 2)) == [[], []]
    world.later(hours=1)
    assert there(world) == [] and world.rtgs.faults.status().arrivals_lost == 2
    assert all(world.rtgs.handle_all(file_of(1, 2)))
    assert there(world) == [1, 2]


def test_a_whole_file_comes_again(world: World) -> None:
    plan(world, {"kind": "duplicate", "copies": 2, "seconds": 30})
    assert all(world.rtgs.handle_all(file_of(1, 2)))
    assert world.rtgs.faults.status().arrivals_waiting == 4
    world.later(seconds=30)
    assert there(world) == [1, 2] and world.rtgs.faults.status().arrivals_waiting == 0
    assert world.money() == (15_000, 200)


def test_a_whole_file_is_overtaken_by_a_whole_one(world: World) -> None:
    plan(world, {"kind": "reorder", "seconds": 60})
    assert world.rtgs.handle_all(file_of(1, 2)) == [[], []]
    assert all(world.rtgs.handle_all(file_of(3))), "a message alone passes it by and says nothing"
    assert there(world) == [3]
    assert all(world.rtgs.handle_all(file_of(4, 5))), "of two neighbours only one waits"
    assert there(world) == [3, 4, 5, 1, 2], "nor is the second cut in two by the first"
    assert world.rtgs.handle_all(file_of(6, 7)) == [[], []]
    world.later(seconds=60)
    assert there(world)[5:] == [6, 7], "nobody waits for ever"


def test_the_answer_to_a_whole_file_is_lost(world: World) -> None:
    plan(world, {"kind": "answer_lost", "at_most": 1})
    found = world.rtgs.handle_all(file_of(1, 2))
    assert [type(one) for one in found] == [Unavailable] * 2
    assert there(world) == [1, 2]
    assert all(world.rtgs.handle_all(file_of(1, 2))) and there(world) == [1, 2]


def test_its_messages_are_struck_by_themselves_besides(world: World) -> None:
    rules = [
        {"kind": "duplicate", "files": True, "seconds": 5},
        {"kind": "loss", "direction": "in", "message": "pacs.009", "at_most": 1},
    ]
    world.rtgs.faults.set(parse({"seed": 7, "rules": rules}), by="test")
    assert [bool(one) for one in world.rtgs.handle_all(file_of(1, 2))] == [False, True]
    assert there(world) == [2]
    world.later(seconds=5)
    assert there(world) == [2, 1], "the second file brought it"


def test_what_comes_at_once_is_each_senders_own_file(world: World) -> None:
    """As at the HTTP door, which takes together what came while the transaction before was under way."""
    all_there = file_of(1, 2)
    world.rtgs.handle_all(all_there)
    releases = [
        (write(message(Release(uetr=one.uetr, settlement_id=one.settlement_id), f"R{number}", agent)), agent)
        for agent in AGENTS[:2]
        for number, one in ((1, payment(1, 100)), (2, payment(2, 100)))
    ]
    plan(world, {"kind": "loss", "participant": AGENTS[0]})
    found = world.rtgs.handle_all([*releases, *file_of(3, 4)])
    assert [bool(one) for one in found] == [False, False, True, True, True, True]
    assert there(world) == [1, 2, 3, 4]
    assert world.state(payment(1, 100)) is PaymentState.HELD


@pytest.mark.parametrize("door", ["http", "drop"])
def test_at_the_doors(world: World, tmp_path: Path, door: str) -> None:
    sent = [message(payment(number, 100), f"P{number}") for number in (1, 2, 3)]
    plan(world, {"kind": "delay", "seconds": 60, "at_most": 1})
    results: Sequence[object]
    if door == "http":
        with served(world) as url:
            system = HttpCashSystem(url, SERVICE, f"{SERVICE}-secret-key")
            results = system.send_all(sent)
            system.close()
    else:
        keeper = DirectoryDoor(world.rtgs, tmp_path, (SERVICE,))
        results = DirectoryCashSystem(tmp_path / SERVICE, SERVICE, 5, keeper.sweep).send_all(sent)
        keeper.close()
    assert list(results) == [None] * 3 and there(world) == []
    world.later(seconds=60)
    assert there(world) == [1, 2, 3]


def test_a_rule_for_files(world: World) -> None:
    made = parse({"seed": 1, "rules": [{"kind": "loss", "files": True}]})
    (rule,) = made.rules
    assert (rule.kind, rule.files, rule.direction) == (Fault.LOSS, True, "in")
    assert from_json(made.to_json()) == made
    assert parse({"seed": 1, "rules": [{"kind": "loss", "files": False}]}).rules[0].direction == "out"


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"kind": "loss", "files": "yes"}, "files"),
        ({"kind": "loss", "files": True, "direction": "out"}, "direction"),
        ({"kind": "loss", "files": True, "message": "pacs.009"}, "message"),
        ({"kind": "delay", "files": True, "seconds": 1, "status": "ACSC"}, "message"),
        ({"kind": "outage", "files": True, "calls": 1}, "files"),
        ({"kind": "notice_first", "files": True}, "files"),
    ],
)
def test_a_rule_for_files_that_is_none(rule: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse({"seed": 1, "rules": [rule]})
    assert refused.value.field == f"rules[1].{field}"
