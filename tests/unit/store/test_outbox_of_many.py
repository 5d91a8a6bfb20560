"""Messages to participants, many at a time: the same files, each folder put on disk once."""

from dataclasses import replace
from pathlib import Path

from lockstep.app.adapters import DirectoryMailbox
from lockstep.domain.errors import InvalidMessage
from lockstep.domain.identifiers import Bic
from lockstep.domain.instruction import AdviceStatus, Side
from lockstep.domain.message import Message
from lockstep.flow.reporting import advise
from lockstep.iso20022 import write
from lockstep.ports import PartyBody
from lockstep.testing.fakes import MORNING, example_instruction, example_market


def advices(count: int) -> list[Message[PartyBody]]:
    sides = (Side.DELIVER, Side.RECEIVE)
    return [
        advise(example_market(), example_instruction(sides[n % 2], f"R-{n}"), AdviceStatus.ACCEPTED, MORNING)
        for n in range(count)
    ]


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_same_files_as_one_by_one(tmp_path: Path) -> None:
    messages = advices(30)
    one_by_one, together = DirectoryMailbox(tmp_path / "one"), DirectoryMailbox(tmp_path / "many")
    for message in messages:
        one_by_one.deliver(message)
    for _ in range(2):  # delivering the same again is harmless
        assert list(together.deliver_all(messages)) == [None] * 30
    assert files(tmp_path / "many") == files(tmp_path / "one")
    assert files(tmp_path / "many") == {f"{one.receiver}/{one.message_id}.xml": write(one) for one in messages}
    assert list(together.deliver_all([])) == []


def test_one_without_a_place_holds_up_no_other(tmp_path: Path) -> None:
    first, bad, last = advices(3)
    bad = replace(bad, receiver=Bic("NOPEQQ00"))
    results = DirectoryMailbox(tmp_path).deliver_all([first, bad, last])
    assert [type(one) for one in results] == [type(None), InvalidMessage, type(None)]
    assert sorted(files(tmp_path)) == sorted(f"{one.receiver}/{one.message_id}.xml" for one in (first, last))
