"""What survives a power cut: a file is on disk once its content is, and the folder that names it. And SQLite's log."""

import ctypes
import os
import re
import sqlite3
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

__all__ = ["File", "make_folder", "put_file", "put_files", "sync_folder", "write_ahead"]

File = tuple[Path, str, bytes]
"""Its folder, its name there, and its content."""

FILES_AT_ONCE = 16
MANY = 16
"""From so many files on all of their file system is put on disk. Fewer do not wait for what others write there."""
SYNCED_WHOLE = {"ext4", "xfs"}
"""File systems whose syncfs waits for all contents, names and the disk's own cache, as fsync does for one file."""
MOUNTS = "/proc/self/mountinfo"
MOST_SWITCHES = 100
"""Tries to set a new file's journal mode, each after the turn of another process."""


def sync_folder(folder: Path) -> None:
    """Puts on disk which files a folder has, after one was made, renamed or linked there. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it, unless they are there; on disk when this returns. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def put_file(folder: Path, name: str, data: bytes) -> None:
    """The file, whole and on disk, under its name; that the folder has it is yet to be put on disk. Raises OSError.

    Two processes may put the same there.
    """
    part = _part(folder, name)
    _written(part, data, to_disk=True)
    os.replace(part, f"{folder}/{name}")


def put_files(files: Sequence[File]) -> None:
    """Each file as `put_file`, and on disk what the folders have. The folders are there. Raises OSError.

    One fsync for each file is most of what a file costs. Where all of a file system can be put on disk by one call,
    that is done: once for the contents, before any has its name, and once for the names.
    """
    files = list({(folder, name): (folder, name, data) for folder, name, data in files}.values())
    folders = list(dict.fromkeys(folder for folder, _, _ in files))
    if len(files) >= MANY and _can_sync_whole(folders):
        _put_together(files, folders[0])
        return
    hands = min(FILES_AT_ONCE, max(len(files), 1))
    with ThreadPoolExecutor(
        hands
    ) as disk:  # it puts many away in the time of one, if it gets all before any is awaited
        list(disk.map(_put_some, [files[first::hands] for first in range(hands)]))
        list(disk.map(sync_folder, folders))


def _put_some(files: Sequence[File]) -> None:
    for one in files:
        put_file(*one)


def _put_together(files: Sequence[File], folder: Path) -> None:
    disk = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # before anything is written: it is told what failed since
    try:
        for one, name, data in files:
            _written(_part(one, name), data, to_disk=False)
        _sync_whole(disk)
        for one, name, _ in files:
            os.replace(_part(one, name), f"{one}/{name}")
        _sync_whole(disk)
    finally:
        os.close(disk)


def _part(folder: Path, name: str) -> str:
    return f"{folder}/.{name}.{os.getpid()}-{threading.get_native_id()}.part"


def _written(path: str, data: bytes, *, to_disk: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(descriptor, left) :]
        if to_disk:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _can_sync_whole(folders: Sequence[Path]) -> bool:
    """Whether they are on one file system that one call puts on disk, and this system tells if that failed."""
    devices = {os.stat(folder).st_dev for folder in folders}
    if _syncfs is None or len(devices) != 1:
        return False
    device = f"{os.major(*devices)}:{os.minor(*devices)}"
    try:
        with open(MOUNTS, errors="replace") as mounts:
            lines = [line.split() for line in mounts]
    except OSError:
        return False
    kinds = {words[words.index("-") + 1] for words in lines if words[2] == device}
    return bool(kinds) and kinds <= SYNCED_WHOLE


def _sync_whole(descriptor: int) -> None:
    """Puts on disk all of the file system that a descriptor is of. Raises OSError."""
    if _syncfs is None:
        raise OSError("syncfs: this system does not have it")
    if _syncfs(descriptor) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _find_syncfs() -> Callable[[int], int] | None:
    """Linux tells from 5.8 on by syncfs whether writing has failed (syncfs(2)): before, it is no proof of anything."""
    release = re.match(r"(\d+)\.(\d+)", os.uname().release) if sys.platform == "linux" else None
    if release is None or (int(release[1]), int(release[2])) < (5, 8):
        return None
    found: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return found


_syncfs = _find_syncfs()


def write_ahead(database: Any) -> None:
    """Switches a connection or cursor of sqlite3 to a write-ahead log. Raises sqlite3.OperationalError.

    Of several processes that open a new file at once all but one wait. SQLite itself does not wait at this switch while
    another writes, whatever the busy timeout is; at the beginning of a transaction it does.
    """
    for _ in range(MOST_SWITCHES):
        try:
            database.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
        else:
            return
    database.execute("PRAGMA journal_mode=WAL")
