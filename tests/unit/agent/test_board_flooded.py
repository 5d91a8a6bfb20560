"""Who floods an agent's folder of sheets takes nobody's time, and is told of; the agent's word gets through."""

import logging
from collections.abc import Sequence
from pathlib import Path

import pytest
from agent_cases import attestation

from lockstep.agent import DirectoryBoard
from lockstep.agent.board_sheets import MOST_SHEETS, Sheets
from lockstep.domain.errors import Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, OutcomeResult

MOST = 20
US, OTHERS = (f"0x{one}" + "0" * 38 for one in ("a1", "b2"))


def words(agent: str, first: int, count: int = 2) -> list[Attestation]:
    return [
        Attestation(
            settlement_id=SettlementId(f"{number:064x}"),
            result=OutcomeResult.PAID,
            epoch=1,
            agent=agent,
            signature=attestation(OutcomeResult.PAID).signature,
        )
        for number in range(first, first + count)
    ]


def flood(root: Path, agent: str, count: int = 2 * MOST) -> list[Path]:
    (root / "sheets" / agent).mkdir(parents=True, exist_ok=True)
    paths = [root / "sheets" / agent / f"{number:04}.json" for number in range(count)]
    for path in paths:
        path.write_text("{}")
    return paths


def opened(root: Path) -> DirectoryBoard:
    board = DirectoryBoard(root)
    assert board._sheets._most == MOST_SHEETS and board._ended._most is None, "of what is over there may be any number"
    board._sheets._most = MOST
    return board


def seen(board: DirectoryBoard, said: Sequence[Attestation]) -> list[bool]:
    left = board.attestations_of([one.settlement_id for one in said])
    return [one in left[one.settlement_id] for one in said]


def test_the_others_are_seen_and_it_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    board, ours, theirs = opened(tmp_path), words(US, 1), words(OTHERS, 1)
    board.publish_all([*ours, *theirs])
    flooding = flood(tmp_path, OTHERS)
    more = words(US, 11)
    opened(tmp_path).publish_all(more)
    caplog.clear()
    reader = opened(tmp_path)
    for _ in range(3):
        assert seen(reader, ours + more) == [True] * 4
        assert seen(reader, theirs) == [False] * 2, "not looked at"
    (told,) = [one for one in caplog.records if one.levelno == logging.ERROR and "b2" in one.getMessage()]
    assert f"more than {MOST} files in {tmp_path / 'sheets' / OTHERS}" in told.getMessage()
    for path in flooding:
        path.unlink()
    assert seen(reader, theirs) == [True] * 2, "as soon as they are gone"


def test_what_was_known_before_stays_known(tmp_path: Path) -> None:
    board, theirs = opened(tmp_path), words(OTHERS, 1)
    opened(tmp_path).publish_all(theirs)
    assert seen(board, theirs) == [True] * 2
    flood(tmp_path, OTHERS)
    assert seen(board, theirs) == [True] * 2


def test_whoever_is_flooded_speaks_by_single_files(tmp_path: Path) -> None:
    flood(tmp_path, US)
    board, ours = opened(tmp_path), words(US, 1, 3)
    board.publish_all(ours)
    assert seen(opened(tmp_path), ours) == [True] * 3
    assert len(list((tmp_path / "sheets" / US).iterdir())) == 2 * MOST


def test_nobody_takes_a_part_for_all_that_was_signed(tmp_path: Path) -> None:
    """By which an agent that lost its register would sign anew."""
    board = opened(tmp_path)
    board.publish_all(words(US, 1))
    assert len(board.signed_by(US)) == 2
    flood(tmp_path, US)
    with pytest.raises(Unavailable, match=f"more than {MOST} files"):
        board.signed_by(US)


def test_too_many_names_for_agents_are_refused(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"0x{number:040x}").mkdir()
    sheets = Sheets(tmp_path, most=5)
    with pytest.raises(Unavailable, match="more than 5 files"):
        sheets.refresh()
    (tmp_path / f"0x{0:040x}").rmdir()
    sheets.refresh()
