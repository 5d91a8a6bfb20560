"""Files of the board: whole or not there, on disk when written, and never followed elsewhere.

Whoever can write to the folder can leave what he likes: what is read here is unverified, and what cannot be read
is as good as not there.
"""

import os
import secrets
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import orjson

from lockstep.domain.errors import Unavailable
from lockstep.durable import make_folder, sync_folder

__all__ = [
    "LARGEST_FILE",
    "LARGEST_SHEET",
    "SUFFIXES",
    "Mark",
    "content_of",
    "lines_of",
    "listed",
    "mark_of",
    "names",
    "put",
    "text_of",
    "understood",
    "written",
]

LARGEST_FILE = 4096
"""Bytes of a file with one thing in it, or of one line; ours have under 700. Deeper nesting than fits would overrun
the JSON parser's stack."""
LARGEST_SHEET = 1 << 18
"""Bytes of a file with a line for each of many; ours have under 100,000."""
SUFFIXES = ("", "-1", "-2", "-3")
"""More than one name for each thing, as any may be taken by what is no file."""

Found = TypeVar("Found")
Mark = tuple[int, int, int, int]
"""What a file is known by: it changes with every change of the file, also of one that was put in its place."""


def names(folder: Path, stem: str) -> list[Path]:
    """Where a thing may lie."""
    return [folder / f"{stem}{suffix}.json" for suffix in SUFFIXES]


@contextmanager
def written(folder: Path, text: str) -> Iterator[Path]:
    """A file with this text, whole and on disk, under a name that goes when it is not wanted any more.

    Raises Unavailable.
    """
    try:
        make_folder(folder)
        if folder.is_symlink():  # it would write over what stands elsewhere: another agent's log, for one
            raise OSError(f"{folder} is a link")
        part = folder / f".{secrets.token_hex(8)}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(part, flags, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Unavailable(f"the board cannot be written: {error}") from error
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def put(part: Path, names: Sequence[Path]) -> Path:
    """Under the first name that takes it; what is no file keeps its name. Raises Unavailable."""
    for path in names:
        try:
            os.replace(part, path)
        except OSError:
            continue
        try:
            sync_folder(path.parent)
        except OSError as error:
            raise Unavailable(f"the board cannot be written: {error}") from error
        return path
    raise Unavailable(f"the board has no room for {names[0]}")


def listed(folder: Path, most: int | None = None) -> list[str]:
    """The names in a folder, in order; none where it is not there. Of more than `most` any `most` + 1 of them.

    Raises Unavailable.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in islice(entries, None if most is None else most + 1))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Unavailable(f"the board cannot be read: {error}") from error


def mark_of(path: Path | str) -> Mark | None:
    """What a name leads to now; None where that is no file."""
    try:
        seen = os.lstat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(seen.st_mode):
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


def content_of(path: Path, largest: int = LARGEST_FILE) -> bytes | None:
    """A file's bytes, at most so many; None if it is larger, or not there, or no file."""
    try:
        # What the name is may change under our hands: it is opened so that no pipe waits, and judged then.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            data = file.read(largest + 1)
    except (OSError, ValueError):
        return None
    return None if len(data) > largest else data


def understood(data: bytes | None, made: Callable[[Any], Found]) -> Found | None:
    """What one JSON text says, unverified; None if it says nothing that could be meant."""
    if data is None or len(data) > LARGEST_FILE:
        return None
    try:
        return made(orjson.loads(data))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def lines_of(data: bytes | None, made: Callable[[Any], Found]) -> list[Found]:
    """What each line says; those that say nothing are left out."""
    found = (understood(line, made) for line in (data or b"").split(b"\n") if line)
    return [one for one in found if one is not None]


def text_of(contents: Sequence[Mapping[str, object]]) -> str:
    """A line for each."""
    return b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in contents).decode()
