"""What a power cut leaves of files that were said to be there: content on disk before the name, the name before more.

A file system may forget the name of a file that was made, renamed or linked until its folder is synchronised.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lockstep.agent import DirectoryBoard
from lockstep.app.adapters import DirectoryMailbox
from lockstep.domain.identifiers import Bic, SettlementId
from lockstep.domain.instruction import AdviceStatus, Side
from lockstep.domain.message import Message
from lockstep.domain.order import Attestation, LogEntry, OutcomeResult
from lockstep.durable import make_folder
from lockstep.flow.reporting import advise
from lockstep.ports import PartyBody
from lockstep.testing.fakes import MORNING, example_instruction, example_market

SIGNED = Attestation(
    settlement_id=SettlementId("ab" * 32), result=OutcomeResult.PAID, epoch=1, agent="0x" + "a0" * 20, signature=b"s"
)
LINE = LogEntry(number=1, previous="00" * 32, attestation=SIGNED, signature=b"l")


class Disk:
    """Which names a power cut would take: those that came into a folder since it was last synchronised."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unsafe: set[Path] = set()
        self.synced = 0
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._sync)
        for call, place in (("replace", 1), ("link", 1), ("mkdir", 0)):
            monkeypatch.setattr(os, call, self._named(getattr(os, call), place))

    def _named(self, real: Callable[..., None], place: int) -> Callable[..., None]:
        def call(*given: object, **more: object) -> None:
            real(*given, **more)
            self.unsafe.add(Path(os.fspath(given[place])))

        return call

    def _sync(self, descriptor: int) -> None:
        self._fsync(descriptor)
        self.synced += 1
        there = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        self.unsafe = {one for one in self.unsafe if one.parent != there}


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    assert tmp_path.is_dir(), "made before anybody looks"
    return Disk(monkeypatch)


def advice() -> Message[PartyBody]:
    return advise(example_market(), example_instruction(Side.DELIVER, "D-1"), AdviceStatus.ACCEPTED, MORNING)


def test_what_is_delivered_stays_delivered(disk: Disk, tmp_path: Path) -> None:
    """The service marks it as delivered, durably, and never sends it again."""
    DirectoryMailbox(tmp_path / "outbox").deliver(advice())
    assert disk.synced and disk.unsafe == set()
    assert [path.suffix for path in (tmp_path / "outbox" / Bic(advice().receiver)).iterdir()] == [".xml"]


def test_what_is_on_the_board_stays_there(disk: Disk, tmp_path: Path) -> None:
    board = DirectoryBoard(tmp_path / "attestations")
    for act in (
        lambda: board.publish(SIGNED),
        lambda: board.enter(LINE),
        lambda: board.enter(LINE, replace=True),
    ):
        before = disk.synced
        act()
        assert disk.synced > before and disk.unsafe == set()
    assert board.attestations(SIGNED.settlement_id) == [SIGNED] and board.log_entry(SIGNED.agent, 1) == LINE


def test_folders_are_made_once_and_stay(disk: Disk, tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c"
    make_folder(deep)
    assert deep.is_dir() and disk.unsafe == set() and disk.synced == 3
    make_folder(deep)
    assert disk.synced == 3
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file" / "below")
