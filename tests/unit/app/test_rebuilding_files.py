"""Files that two processes read: whoever reads one, it is the same, and in its place."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from lockstep.app import rebuilding
from lockstep.domain.errors import Conflict, InvalidInput, InvalidMessage
from lockstep.domain.instruction import Side
from lockstep.domain.message import Message
from lockstep.flow.gathering import Gathered
from lockstep.iso20022 import write
from lockstep.testing.fakes import MORNING, SERVICE, example_instruction, example_market


class Other(Executor):
    """The other process: has done, when it is asked, what `reads` says of the parts in the order of its work."""

    def __init__(self, reads: Callable[[int], bool]) -> None:
        self.reads, self.given, self.read = reads, 0, 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.reads(self.given):
            future.set_running_or_notify_cancel()
            future.set_result(fn(*args, **kwargs))
            self.read += 1
        self.given += 1
        return future


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """In parts of three, the last one smaller: instructions, a duplicate, and what is refused in each way."""
    monkeypatch.setattr(rebuilding, "FILES", 3)
    written = []
    for number in range(8):
        side = Side.DELIVER if number % 2 else Side.RECEIVE
        body = example_instruction(side, f"R-{number}", quantity=str(number + 1))
        message = Message(sender=body.owner.bic, receiver=SERVICE, message_id=f"M-{number}", created=MORNING, body=body)
        written.append(write(message))
    changed = written[1].replace(b"R-1<", b"R-X<")
    contents = [*written[:4], b"<no/>", written[2], changed, None, *written[4:]]
    paths = [tmp_path / f"{place:02}.xml" for place in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        if content is not None:
            path.write_bytes(content)
    return paths


EXPECTED = [*["instructed"] * 4, "refused", "duplicate", "refused", "refused", *["instructed"] * 4]


@pytest.mark.parametrize(
    "reads",
    [lambda _: False, lambda _: True, lambda place: place < 2, lambda place: place % 2 == 0],
    ids=["none", "all", "the last two parts", "every other part"],
)
def test_whoever_reads_them(files: list[Path], reads: Callable[[int], bool]) -> None:
    other, gathered = Other(reads), Gathered(example_market(), MORNING + timedelta(hours=1))
    told = []
    for path, given in rebuilding._read_by_both(other, iter(files)):
        told.append(rebuilding._take(gathered, path, given))
    assert other.given == 4 and other.read == sum(map(reads, range(4)))
    assert [one.file for one in told] == [str(path) for path in files]
    assert [one.outcome for one in told] == EXPECTED
    assert [type(one.error) for one in told if one.error] == [InvalidMessage, Conflict, InvalidInput]
    assert [one.reference for one in told if one.error] == [None, "R-X", None]
    assert [str(one.instruction.reference) for one in gathered.instructions.values()] == [f"R-{n}" for n in range(8)]
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.exists()}
    assert {one.content_hash for one in gathered.instructions.values()} < digests
    assert len(gathered.messages_seen) == 8


def test_over_the_border_of_a_process(files: list[Path]) -> None:
    with rebuilding._second_process() as beside:
        there = beside.submit(rebuilding._read_files, files).result(60)
    assert there == rebuilding._read_files(files)
    assert [given is None for given in there] == [place in (4, 7) for place in range(len(files))]


STUCK = """
from lockstep.app.rebuilding import _second_process
import os, time
if __name__ == "__main__":
    with _second_process() as beside:
        print(beside.submit(os.getpid).result(), flush=True)
        time.sleep(600)
"""


def test_the_second_process_does_not_outlive_the_first(tmp_path: Path) -> None:
    script = tmp_path / "stuck.py"
    script.write_text(STUCK)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        second = int(first.stdout.readline())
        assert is_there(second)
        first.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while is_there(second):
        assert time.monotonic() < deadline, "it lives on"
        time.sleep(0.05)


def is_there(process: int) -> bool:
    """A dead one that nobody has waited for is not."""
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_margin_calls_are_for_afterwards() -> None:
    path = Path(__file__).resolve().parents[2] / "golden" / "colr.003.001.05.xml"
    taken = rebuilding._take(Gathered(example_market(), MORNING), path, None)
    assert taken.outcome == "refused" and isinstance(taken.error, InvalidMessage)
    assert "handed in by `lockstep submit`" in taken.error.rule
