"""Where a process keeps the files of its runs: in memory where there is a file system for that, and gone with it.

A process that is killed cleans nothing up. Each folder is locked by its process for as long as that lives, which the
kernel sees to; what nobody locks any more is removed by the next process that begins. The process's id in the name
is for people: another container may have the same one.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

__all__ = ["own_folder", "remove_abandoned"]

PREFIX = "lockstep-simulation-"
TRIES = 10
_IN_MEMORY = Path("/dev/shm")
_KEPT: list[tuple["tempfile.TemporaryDirectory[str]", int]] = []
"""Folders and their locks, until this process ends."""


def own_folder(parent: Path | None = None) -> Path:
    """A new folder, removed when this process ends, or, if that is killed, by the next one that asks for its own."""
    parent = parent or (_IN_MEMORY if _IN_MEMORY.is_dir() else Path(tempfile.gettempdir()))
    remove_abandoned(parent)
    for _ in range(TRIES):
        folder = tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-", dir=parent)
        path = Path(folder.name)
        lock = _locked(path)
        if lock is not None and path.exists():
            _KEPT.append((folder, lock))
            return path  # else another process took it for abandoned, before it was locked
    raise OSError(f"no folder in {parent} stays: it was removed {TRIES} times right after it was made")


def remove_abandoned(parent: Path) -> list[str]:
    """Removes what dead processes left there; returns its names."""
    removed = []
    for path in sorted(parent.glob(f"{PREFIX}[0-9]*-*")):
        lock = _locked(path)
        if lock is None:
            continue
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)
        removed.append(path.name)
    return removed


def _locked(path: Path) -> int | None:
    """The lock on a folder as a file descriptor; None where another process has it, or it is not ours to open."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor
