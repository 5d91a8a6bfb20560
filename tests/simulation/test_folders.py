"""Folders of runs: each goes with its process, and what a killed one left goes with the next."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from lockstep.simulation.folders import own_folder, remove_abandoned

HOLDS = """
import sys, time
from pathlib import Path
from lockstep.simulation.folders import own_folder
own = own_folder(Path(sys.argv[1]))
(own / "service.db").write_text("records")
print(own.name, flush=True)
if sys.argv[2:] == ["stays"]:
    sys.stdin.read()
"""

WORKS = """
import os, time
from lockstep.simulation.report import processes
if __name__ == "__main__":
    with processes(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        time.sleep(60)
"""


def test_what_a_killed_process_left_is_removed_by_the_next_and_nothing_else(tmp_path: Path) -> None:
    for other in ("lockstep-simulation-notes", "lockstep-simulation-abcdefgh", "another-1-folder"):
        (tmp_path / other).mkdir()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path), "stays"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        left = holder.stdout.readline().strip()
        assert left.startswith(f"lockstep-simulation-{holder.pid}-")
        assert remove_abandoned(tmp_path) == []  # its process lives
        assert (tmp_path / left / "service.db").exists()
        os.kill(holder.pid, signal.SIGKILL)
    finally:
        holder.kill()
        holder.communicate(timeout=30)
    assert (tmp_path / left).exists()
    own = own_folder(tmp_path)
    assert not (tmp_path / left).exists()
    assert {path.name for path in tmp_path.iterdir()} == {
        own.name,
        "lockstep-simulation-notes",
        "lockstep-simulation-abcdefgh",
        "another-1-folder",
    }


def test_a_process_that_ends_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOLDS, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("lockstep-simulation-")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_this_process_is_not_abandoned(tmp_path: Path) -> None:
    own, another = own_folder(tmp_path), own_folder(tmp_path)
    assert own != another
    assert remove_abandoned(tmp_path) == []
    assert own.is_dir()


def test_processes_end_with_the_command_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "works.py"
    script.write_text(WORKS)
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as command:
        try:
            assert command.stdout is not None
            worker = int(command.stdout.readline())
            assert is_alive(worker)
        finally:
            command.kill()
    until = time.monotonic() + 20
    while is_alive(worker):
        assert time.monotonic() < until, "it goes on without its command"
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    """Also False for one that has ended and that nobody asked about yet."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
