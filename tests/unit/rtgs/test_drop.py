"""The directory drop: what becomes of files, whatever they are and whenever the door dies."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from rtgs_world import AGENTS, RTGS, SERVICE, World, payment

from lockstep.domain.errors import Misconfigured
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.iso20022 import read, write
from lockstep.rtgs.door import LARGEST_MESSAGE
from lockstep.rtgs.drop import DirectoryDoor, mail_name


@pytest.fixture
def drop(world: World, tmp_path: Path) -> Iterator[DirectoryDoor]:
    world.furnish()
    door = DirectoryDoor(world.rtgs, tmp_path, [SERVICE, *AGENTS])
    yield door
    door.close()


def pacs009(world: World, number: int = 1, message_id: str = "M1") -> bytes:
    return write(
        Message(
            sender=SERVICE,
            receiver=RTGS,
            message_id=message_id,
            created=world.clock.now(),
            body=payment(number),
        )
    )


def reason(path: Path) -> Rejection:
    body = read(path.read_bytes()).body
    assert isinstance(body, Rejection)
    return body


def listed(root: Path, folder: str) -> list[str]:
    return sorted(os.listdir(root / SERVICE / folder))


def test_a_message_is_archived_and_its_answers_lie_in_every_out(
    world: World, drop: DirectoryDoor, tmp_path: Path
) -> None:
    data = pacs009(world)
    (tmp_path / SERVICE / "in" / "one.xml").write_bytes(data)
    drop.sweep()
    assert (listed(tmp_path, "in"), listed(tmp_path, "archive"), listed(tmp_path, "error")) == ([], ["one.xml"], [])
    assert (tmp_path / SERVICE / "archive" / "one.xml").read_bytes() == data
    for party in (SERVICE, *AGENTS):
        ((sequence, mail),) = world.rtgs.mailbox(party)
        assert (tmp_path / party / "out" / mail_name(sequence)).read_bytes() == mail
    assert drop.sweep() == 0


def test_what_is_still_being_written_is_left_alone(world: World, drop: DirectoryDoor, tmp_path: Path) -> None:
    for name in (".hidden.xml", "half.xml.part"):
        (tmp_path / SERVICE / "in" / name).write_bytes(pacs009(world)[:100])
    assert drop.sweep() == 0
    assert listed(tmp_path, "in") == [".hidden.xml", "half.xml.part"]


def test_a_refused_file_lies_in_error_with_its_reason(world: World, drop: DirectoryDoor, tmp_path: Path) -> None:
    inbox = tmp_path / SERVICE / "in"
    (inbox / "broken.xml").write_bytes(pacs009(world)[:-20])
    stranger = pacs009(world).replace(SERVICE.encode(), b"XXXXDEFFXXX")
    (inbox / "stranger.xml").write_bytes(stranger)
    drop.sweep()
    assert listed(tmp_path, "error") == [
        "broken.admi.002.xml",
        "broken.xml",
        "stranger.admi.002.xml",
        "stranger.xml",
    ]
    errors = tmp_path / SERVICE / "error"
    assert (reason(errors / "broken.admi.002.xml").code, reason(errors / "broken.admi.002.xml").related_message_id) == (
        "InvalidMessage",
        "M1",
    )
    assert reason(errors / "stranger.admi.002.xml").code == "SenderMismatch"
    assert reason(errors / "stranger.admi.002.xml").location == "AppHdr/Fr"
    assert (errors / "stranger.xml").read_bytes() == stranger


def test_what_is_no_file_blocks_nothing(world: World, drop: DirectoryDoor, tmp_path: Path) -> None:
    """A pipe, a folder, a link, a name beyond UTF-8, one too large: each set apart; the good one goes through."""
    inbox = tmp_path / SERVICE / "in"
    os.mkfifo(inbox / "a-pipe.xml")
    (inbox / "b-folder.xml").mkdir()
    (inbox / "c-link.xml").symlink_to("/etc/passwd")
    (inbox / "d-large.xml").write_bytes(b" " * (LARGEST_MESSAGE + 1))
    Path(os.fsdecode(os.fsencode(inbox) + b"/e-\xff.xml")).write_bytes(b"<nothing/>")
    (inbox / "f-good.xml").write_bytes(pacs009(world))
    drop.sweep()
    assert listed(tmp_path, "in") == []
    assert listed(tmp_path, "archive") == ["f-good.xml"]
    assert sum(name.endswith(".admi.002.xml") for name in listed(tmp_path, "error")) == 5
    assert reason(tmp_path / SERVICE / "error" / "c-link.admi.002.xml").location == "file"


def test_names_that_come_again_replace_nothing(world: World, drop: DirectoryDoor, tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / SERVICE / "in" / "same.xml").write_bytes(pacs009(world, number, f"M{number}"))
        drop.sweep()
    for _ in range(2):
        (tmp_path / SERVICE / "in" / "bad.xml").write_bytes(b"<bad/>")
        drop.sweep()
    assert listed(tmp_path, "archive") == ["same-2.xml", "same.xml"]
    assert listed(tmp_path, "error") == ["bad-2.admi.002.xml", "bad-2.xml", "bad.admi.002.xml", "bad.xml"]


def test_a_door_that_died_after_the_commit_takes_the_file_again_without_effect(
    world: World, drop: DirectoryDoor, tmp_path: Path
) -> None:
    data = pacs009(world)
    world.rtgs.handle(data, SERVICE)  # committed; the file was not moved yet
    (tmp_path / SERVICE / "in" / "one.xml").write_bytes(data)
    drop.sweep()
    assert listed(tmp_path, "archive") == ["one.xml"]
    assert len(world.rtgs.operator.payments()) == 1
    assert listed(tmp_path, "out") == [mail_name(1)]


def test_mail_is_written_again_when_the_mark_of_delivery_was_lost(
    world: World, drop: DirectoryDoor, tmp_path: Path
) -> None:
    (tmp_path / SERVICE / "in" / "one.xml").write_bytes(pacs009(world))
    drop.sweep()
    before = (tmp_path / SERVICE / "out" / mail_name(1)).read_bytes()
    (tmp_path / SERVICE / ".delivered").unlink()
    (tmp_path / SERVICE / "out" / mail_name(1)).unlink()
    drop.sweep()
    assert (tmp_path / SERVICE / "out" / mail_name(1)).read_bytes() == before
    assert listed(tmp_path, "out") == [mail_name(1)]


def test_one_door_a_root(world: World, drop: DirectoryDoor, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="another RTGS door"):
        DirectoryDoor(world.rtgs, tmp_path, [SERVICE])
