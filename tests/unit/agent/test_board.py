"""The board is anyone's to write: it gives what can be read as an attestation, and nothing else."""

import json
from pathlib import Path

import pytest
from agent_cases import SETTLEMENT, attestation

from lockstep.agent import DirectoryBoard
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import OutcomeResult

PAID = attestation(OutcomeResult.PAID)
GOOD = {
    "settlement_id": SETTLEMENT,
    "result": "PAID",
    "epoch": 1,
    "agent": PAID.agent,
    "signature": PAID.signature.hex(),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "attestations"


@pytest.fixture
def board(root: Path) -> DirectoryBoard:
    return DirectoryBoard(root)


def test_publish(board: DirectoryBoard, root: Path) -> None:
    assert board.attestations(SETTLEMENT) == []
    board.publish(PAID)
    board.publish(PAID)
    second = attestation(OutcomeResult.NEVER, "a1")
    board.publish(second)
    assert sorted(board.attestations(SETTLEMENT), key=lambda one: one.result) == [PAID, second]
    assert board.attestations(SettlementId("cd" * 32)) == []
    assert sorted(path.suffix for path in (root / SETTLEMENT).iterdir()) == [".json", ".json"], "nothing half-written"


def test_another_process_reads_it(board: DirectoryBoard, root: Path) -> None:
    board.publish(PAID)
    assert DirectoryBoard(root).attestations(SETTLEMENT) == [PAID]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "5",
        "[]",
        "{}",
        '"text"',
        "[" * 100_000,
        json.dumps({**GOOD, "settlement_id": "cd" * 32}),
        json.dumps({**GOOD, "settlement_id": None}),
        json.dumps({**GOOD, "result": "MAYBE"}),
        json.dumps({**GOOD, "result": ["PAID"]}),
        json.dumps({**GOOD, "result": 1}),
        json.dumps({**GOOD, "epoch": "one"}),
        json.dumps({**GOOD, "epoch": float("inf")}),
        json.dumps({**GOOD, "epoch": None}),
        json.dumps({**GOOD, "epoch": "9" * 5_000}),
        json.dumps({**GOOD, "signature": "zz"}),
        json.dumps({**GOOD, "signature": 5}),
        json.dumps({name: value for name, value in GOOD.items() if name != "agent"}),
    ],
    ids=lambda text: text[:24] or "empty",
)
def test_junk_is_left_out(board: DirectoryBoard, root: Path, text: str) -> None:
    board.publish(PAID)
    (root / SETTLEMENT / "0x00.json").write_text(text)
    assert board.attestations(SETTLEMENT) == [PAID]


def test_what_is_no_file_of_ours(board: DirectoryBoard, root: Path) -> None:
    board.publish(PAID)
    folder = root / SETTLEMENT
    (folder / "0x01.json").write_bytes(b"\xff\xfe\x00")
    (folder / "0x02.json").mkdir()
    (folder / "0x03.json").symlink_to(folder / "nowhere")
    (folder / f".{PAID.agent}.1.part").write_text(json.dumps(GOOD))
    (root / ("cd" * 32)).write_text("a file where a folder should be")
    assert board.attestations(SETTLEMENT) == [PAID]
    assert board.attestations(SettlementId("cd" * 32)) == []
