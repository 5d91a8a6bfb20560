"""What survives a power cut: a file is on disk once its content is, and the folder that names it. And SQLite's log."""

import os
import sqlite3
from pathlib import Path
from typing import Any

__all__ = ["make_folder", "sync_folder", "write_ahead"]

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
