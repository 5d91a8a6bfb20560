"""The RTGS's books for a watcher: read again only after something was committed to their database."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from lockstep import rtgs

__all__ = ["CashBooks"]


class CashBooks:
    """The facts of one RTGS on a SQLite file, as a watcher asks for them. The file must stay the same one.

    `facts` reads them, through whichever object serves the database now.
    """

    def __init__(self, database: Path, facts: Callable[[], rtgs.Facts]) -> None:
        self._connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
        self._facts = facts
        self._version = -1
        self._read: rtgs.Facts | None = None

    def __call__(self) -> rtgs.Facts:
        """The same object as before where nothing was committed since."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        if self._read is None or version != self._version:
            self._read, self._version = self._facts(), version
        return self._read

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()
