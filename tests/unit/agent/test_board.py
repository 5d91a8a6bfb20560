"""The board is anyone's to write: it gives what can be read as an attestation, and nothing else."""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from agent_cases import SETTLEMENT, attestation

from lockstep.agent import DirectoryBoard, board_sheets
from lockstep.domain.errors import Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, OutcomeResult

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


def test_what_was_asked_for_is_news_once_enough_have_spoken(board: DirectoryBoard, root: Path) -> None:
    """Also where each agent leaves a file of its own, as it does with one settlement at a time."""
    agents, others = DirectoryBoard(root), SettlementId("cd" * 32)
    assert list(board.news(2)) == []
    agents.publish(PAID)
    assert board.attestations_of([SETTLEMENT, others])[SETTLEMENT] == [PAID]
    assert list(board.news(2)) == []
    (root / SETTLEMENT / f"{PAID.agent}-1.json").write_text(json.dumps(GOOD))
    assert list(board.news(2)) == [], "one agent's word, twice"
    agents.publish(attestation(OutcomeResult.PAID, "a1"))
    assert list(board.news(2)) == [SETTLEMENT]
    assert list(board.news(2)) == [], "once"
    assert len(board.attestations_of([SETTLEMENT])[SETTLEMENT]) == 3
    assert list(board.news(2)) == [], "whatever is asked meanwhile"
    agents.publish(attestation(OutcomeResult.PAID, "a2"))
    assert list(board.news(2)) == [SETTLEMENT], "there is more to prove it with"


def test_what_nobody_asked_for_is_no_news(board: DirectoryBoard, root: Path) -> None:
    agents = DirectoryBoard(root)
    agents.publish(PAID)
    agents.publish(attestation(OutcomeResult.PAID, "a1"))
    assert list(board.news(2)) == []
    board.attestations_of([SETTLEMENT])
    assert list(board.news(2)) == [SETTLEMENT], "it came before the question"


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


def other_result() -> str:
    return json.dumps({**GOOD, "result": "NEVER"})


@pytest.mark.parametrize(
    "junk", ["", "{}", "x" * 5_000, json.dumps({**GOOD, "signature": "00" * 65}), other_result()],
    ids=["empty", "nothing", "large", "another signature", "another result"],
)  # fmt: skip
def test_what_stands_under_our_name_is_replaced(board: DirectoryBoard, root: Path, junk: str) -> None:
    """Finding 5: names are predictable; whoever wrote there first, or later, our own file comes back."""
    path = root / SETTLEMENT / f"{PAID.agent}.json"
    path.parent.mkdir(parents=True)
    for _ in range(2):
        path.write_text(junk)
        board.publish(PAID)
        assert board.attestations(SETTLEMENT) == [PAID]


def test_a_name_that_is_a_link_is_replaced_and_not_followed(board: DirectoryBoard, root: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    path = root / SETTLEMENT / f"{PAID.agent}.json"
    path.parent.mkdir(parents=True)
    path.symlink_to(victim)
    board.publish(PAID)
    assert board.attestations(SETTLEMENT) == [PAID] and victim.read_text() == "mine"


def test_files_over_four_kilobytes_are_left_out(board: DirectoryBoard, root: Path) -> None:
    board.publish(PAID)
    for size in (4_096, 4_097, 1_000_000):
        text = json.dumps(GOOD)
        (root / SETTLEMENT / f"0x{size}.json").write_text(text + " " * (size - len(text)))
    assert len(board.attestations(SETTLEMENT)) == 2, "ours, and the one of 4096 bytes"


def test_a_fifo_hangs_no_reader(board: DirectoryBoard, root: Path, patience: None) -> None:
    board.publish(PAID)
    os.mkfifo(root / SETTLEMENT / "0x01.json")
    assert board.attestations(SETTLEMENT) == [PAID]


def test_a_fifo_under_our_name_hangs_no_agent(board: DirectoryBoard, root: Path, patience: None) -> None:
    (root / SETTLEMENT).mkdir(parents=True)
    os.mkfifo(root / SETTLEMENT / f"{PAID.agent}.json")
    board.publish(PAID)
    assert board.attestations(SETTLEMENT) == [PAID]


@pytest.mark.parametrize("taken", ["the folder", "the part"])
def test_a_name_taken_kills_no_agent(board: DirectoryBoard, root: Path, taken: str) -> None:
    """What cannot be published now is Unavailable, which an agent waits out."""
    if taken == "the folder":
        root.mkdir()
        (root / SETTLEMENT).write_text("a file where a folder should be")
    else:
        (root / SETTLEMENT / f".{PAID.agent}.{os.getpid()}.part").mkdir(parents=True)
    with suppress(Unavailable):
        board.publish(PAID)


@pytest.fixture
def patience() -> Iterator[None]:
    """A third of a second, and it counts as hanging."""

    def late(*_: object) -> None:
        raise RuntimeError("it hangs")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


# --- what an agent reads of it


def words(agent: str, first: int, count: int = 3) -> list[Attestation]:
    return [attestation(OutcomeResult.PAID, agent, SettlementId(f"{one:064x}")) for one in range(first, first + count)]


def test_who_publishes_reads_no_sheet_of_others(
    board: DirectoryBoard, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DirectoryBoard(root).publish_all(words("a1", 1))
    read: list[Path] = []
    whole = board_sheets.content_of
    monkeypatch.setattr(board_sheets, "content_of", lambda path, most: read.append(path) or whole(path, most))
    for first in (1, 11):
        board.publish_all(words("a0", first))
    us = PAID.agent
    assert {path.parent.name for path in read} == {us}
    assert len(list((root / "sheets" / us).iterdir())) == 2
    left = DirectoryBoard(root).attestations_of([one.settlement_id for one in words("a0", 1)])
    assert all(len(ones) == 2 for ones in left.values())


@pytest.mark.parametrize("spoilt", ["gone", "another's", "junk", "a line less"])
def test_what_was_just_published_is_put_back(board: DirectoryBoard, root: Path, spoilt: str) -> None:
    ours = words("a0", 1)
    board.publish_all(ours)
    (sheet,) = (root / "sheets" / PAID.agent).iterdir()
    if spoilt == "gone":
        sheet.unlink()
    elif spoilt == "another's":
        sheet.write_text(sheet.read_text().replace(PAID.agent, attestation(OutcomeResult.PAID, "a1").agent))
    elif spoilt == "junk":
        sheet.write_text("{}")
    else:
        sheet.write_text("".join(sheet.read_text().splitlines(keepends=True)[:-1]))
    for _ in range(2):
        board.publish_all(ours)
    found = DirectoryBoard(root).attestations_of([one.settlement_id for one in ours])
    assert list(found.values()) == [[one] for one in ours]


def test_what_takes_the_sheets_place_while_it_is_written_is_seen(
    board: DirectoryBoard, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, put = words("a0", 1), board_sheets.put

    def beaten(part: Path, spots: list[Path]) -> Path:
        path = put(part, spots)
        path.write_text("{}")
        return path

    monkeypatch.setattr(board_sheets, "put", beaten)
    board.publish_all(ours)
    monkeypatch.undo()
    board.publish_all(ours)
    found = DirectoryBoard(root).attestations_of([one.settlement_id for one in ours])
    assert list(found.values()) == [[one] for one in ours]
