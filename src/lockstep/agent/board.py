"""Where attestations are left for anyone to take: a directory, one file per settlement and agent.

Beside them are the agents' signature logs, a file per line, of which the first to write a number prevails.
Files appear whole (written beside, then renamed or linked). Any way to share a directory, or to serve one,
carries them further; a signature needs no secrecy. Whoever can write here can leave what he likes:
readers verify, and an agent puts its own file in the place of another under its name.
"""

import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

from lockstep.domain.errors import Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation, LogEntry, OutcomeResult
from lockstep.durable import make_folder, sync_folder

__all__ = ["DirectoryBoard"]

LARGEST_FILE = 4096
"""Bytes; ours have under 700. Deeper nesting than fits would overrun the JSON parser's stack."""


_SUFFIXES = ("", "-1", "-2", "-3")
"""More than one name for each agent's word, as any may be taken by what is no file."""

_LINE = re.compile(r"(\d{1,15})(?:-[123])?")
_HASH = re.compile(r"[0-9a-f]{64}")

Found = TypeVar("Found")


class DirectoryBoard:
    """`<root>/<settlement id>/<agent address>.json`, and `<root>/logs/<agent address>/<number>.json`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def publish(self, attestation: Attestation) -> None:
        """See `ports.AttestationBoard.publish`. Raises Unavailable."""
        folder = self._root / attestation.settlement_id
        names = [folder / f"{attestation.agent}{suffix}.json" for suffix in _SUFFIXES]
        if any(_read(path, _attestation) == attestation for path in names):
            return
        with _written(folder, _content(attestation)) as part:
            _put(part, names)

    def attestations(self, settlement_id: SettlementId) -> Sequence[Attestation]:
        """What is there, unverified; what cannot be read as one is left out."""
        found = [_read(path, _attestation) for path in sorted((self._root / settlement_id).glob("*.json"))]
        return [one for one in found if one is not None and one.settlement_id == settlement_id]

    def signed_by(self, agent: str) -> Sequence[Attestation]:
        """See `ports.AttestationBoard.signed_by`."""
        try:
            settlements = [entry.path for entry in os.scandir(self._root) if entry.name != "logs"]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"the board cannot be read: {error}") from error
        paths = (Path(folder) / f"{agent}{suffix}.json" for folder in sorted(settlements) for suffix in _SUFFIXES)
        found = (_read(path, _attestation) for path in paths)
        return [one for one in found if one is not None and one.agent == agent]

    def enter(self, entry: LogEntry, *, replace: bool = False) -> LogEntry:
        """See `ports.AttestationBoard.enter`. The link decides: it fails where the name is taken."""
        names = self._names(entry.attestation.agent, entry.number)
        content = {
            "number": entry.number,
            "previous": entry.previous,
            "attestation": _content(entry.attestation),
            "log_signature": entry.signature.hex(),
        }
        if not replace:
            there = next((one for one in map(_line_at, _taken(names)) if one is not None), None)
            if there is not None:
                return there
        with _written(names[0].parent, content) as part:
            if replace:
                _put(part, names)
                return entry
            for path in names:
                try:
                    os.link(part, path, follow_symlinks=False)
                    sync_folder(path.parent)
                except FileExistsError:
                    there = _read(path, _log_entry)
                    if there is not None:
                        return there
                    continue
                except OSError as error:
                    raise Unavailable(f"the board cannot be written: {error}") from error
                return entry
            _put(part, names)
            return entry

    def log_entry(self, agent: str, number: int) -> LogEntry | None:
        """See `ports.AttestationBoard.log_entry`."""
        found = (_read(path, _log_entry) for path in self._names(agent, number))
        return next((one for one in found if one is not None), None)

    def log_numbers(self, agent: str) -> Sequence[int]:
        """See `ports.AttestationBoard.log_numbers`."""
        try:
            named = [_LINE.fullmatch(entry.name.removesuffix(".json")) for entry in os.scandir(self._log(agent))]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise Unavailable(f"the board cannot be read: {error}") from error
        return sorted({int(one[1]) for one in named if one is not None})

    def _log(self, agent: str) -> Path:
        return self._root / "logs" / agent

    def _names(self, agent: str, number: int) -> list[Path]:
        return [self._log(agent) / f"{number}{suffix}.json" for suffix in _SUFFIXES]


@contextmanager
def _written(folder: Path, content: Mapping[str, object]) -> Iterator[Path]:
    """A file with this content, whole and on disk, under a name that goes when it is not wanted any more."""
    try:
        make_folder(folder)
        if folder.is_symlink():  # it would write over what stands elsewhere: another agent's log, for one
            raise OSError(f"{folder} is a link")
        with NamedTemporaryFile("w", dir=folder, prefix=".", suffix=".part", delete=False) as file:
            json.dump(content, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Unavailable(f"the board cannot be written: {error}") from error
    try:
        yield Path(file.name)
    finally:
        Path(file.name).unlink(missing_ok=True)


def _put(part: Path, names: Sequence[Path]) -> None:
    """Under the first name that takes it; what is no file keeps its name."""
    for path in names:
        try:
            os.replace(part, path)
        except OSError:
            continue
        try:
            sync_folder(path.parent)
        except OSError as error:
            raise Unavailable(f"the board cannot be written: {error}") from error
        return
    raise Unavailable(f"the board has no room for {names[0]}")


def _taken(names: Sequence[Path]) -> Iterator[Path]:
    """Those before the first that is free."""
    return takewhile(os.path.lexists, names)


def _line_at(path: Path) -> LogEntry | None:
    return _read(path, _log_entry)


def _content(attestation: Attestation) -> dict[str, object]:
    return {
        "settlement_id": attestation.settlement_id,
        "result": attestation.result.name,
        "epoch": attestation.epoch,
        "agent": attestation.agent,
        "signature": attestation.signature.hex(),
    }


def _attestation(content: Any) -> Attestation:
    return Attestation(
        settlement_id=SettlementId(_hash(content["settlement_id"])),
        result=OutcomeResult[content["result"]],
        epoch=int(content["epoch"]),
        agent=str(content["agent"]),
        signature=bytes.fromhex(content["signature"]),
    )


def _log_entry(content: Any) -> LogEntry:
    return LogEntry(
        number=int(content["number"]),
        previous=_hash(content["previous"]),
        attestation=_attestation(content["attestation"]),
        signature=bytes.fromhex(content["log_signature"]),
    )


def _hash(value: Any) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise ValueError("64 hex digits")
    return value


def _read(path: Path, made: Callable[[Any], Found]) -> Found | None:
    """What a file says, unverified; None if it is not there or says nothing that could be meant."""
    try:
        # What the name is may change under our hands: it is opened so that no pipe waits, and judged then.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            data = file.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            return None
        return made(json.loads(data))
    except (ValueError, KeyError, TypeError, OSError, OverflowError, RecursionError):
        return None
