"""Signature logs on the board: `<root>/<agent address>/<first number>.json`, one file for each run of lines.

A run is named by its first line, and the link decides: it fails where the name is taken. Who writes a run looks
afterwards whether another run has any of its lines, so of two copies of one agent that cut their logs differently at
least one learns of the other. A run of one line is written as it always was.
"""

import json
import os
import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from lockstep.agent.board_files import (
    LARGEST_SHEET,
    Mark,
    content_of,
    lines_of,
    listed,
    mark_of,
    names,
    put,
    text_of,
    understood,
    written,
)
from lockstep.agent.board_forms import attestation_from, form_of, hash_from
from lockstep.domain.errors import Unavailable
from lockstep.domain.log_run import LogRun
from lockstep.domain.order import LogEntry
from lockstep.durable import sync_folder

__all__ = ["LogFiles"]

LONGEST_RUN = 128
"""Lines under one signature and in one file."""
REMEMBERED = 32
"""Files whose content is kept at hand."""

_NAME = re.compile(r"(\d{1,15})(?:-[123])?\.json")


class LogFiles:
    """All agents' signature logs below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: OrderedDict[Path, tuple[Mark, LogRun | None]] = OrderedDict()

    def enter(self, run: LogRun, *, replace: bool = False) -> Sequence[LogRun]:
        """See `boarding.AgentsBoard.enter_run`."""
        folder = self._root / run.agent
        spots = names(folder, str(run.first))
        if not replace:
            there = next((one for one in map(self._run, takewhile(os.path.lexists, spots)) if one is not None), None)
            if there is not None:
                return [there] if there != run else self._crossing(run)
        text = _text(run)
        with written(folder, text) as part:
            if replace or not self._link(part, spots):
                put(part, spots)
        for path in spots:
            if content_of(path, LARGEST_SHEET) == text.encode():
                return self._crossing(run)
            there = self._run(path)
            if there is not None:
                return [there] if there != run else self._crossing(run)
        raise Unavailable(f"line {run.first} was written to {folder}, and is not there")

    def _link(self, part: Path, spots: Sequence[Path]) -> bool:
        """Whether it has one of the names now, or who was before has."""
        for path in spots:
            try:
                os.link(part, path, follow_symlinks=False)
                sync_folder(path.parent)
            except FileExistsError:
                if self._run(path) is None:
                    continue
            except OSError as error:
                raise Unavailable(f"the board cannot be written: {error}") from error
            return True
        return False

    def _crossing(self, run: LogRun) -> list[LogRun]:
        """The runs under other names that say anything else of these lines."""
        first, folder = max(1, run.first - LONGEST_RUN + 1), self._root / run.agent
        near = (number for number in range(first, run.last + 1) if number != run.first)
        taken = (number for number in near if os.path.lexists(f"{folder}/{number}.json"))
        found = (self._run(path) for number in taken for path in names(folder, str(number)))
        return [one for one in found if one is not None and one.last >= run.first and _differs(one, run)]

    def runs_with(self, agent: str, number: int) -> Iterator[LogRun]:
        """Each run that has a line, unverified, those that begin nearest to it first."""
        folder = self._root / agent
        for first in range(number, max(0, number - LONGEST_RUN), -1):
            if first == number or os.path.lexists(f"{folder}/{first}.json"):
                for path in names(folder, str(first)):
                    run = self._run(path)
                    if run is not None and run.first == first and run.last >= number:
                        yield run

    def firsts(self, agent: str) -> list[int]:
        """The numbers at which there may be a run, ascending. Raises Unavailable."""
        named = (_NAME.fullmatch(name) for name in listed(self._root / agent))
        return sorted({int(one[1]) for one in named if one is not None})

    def _run(self, path: Path) -> LogRun | None:
        mark = mark_of(path)
        if mark is None:
            return None
        known = self._read.get(path)
        if known is None or known[0] != mark:
            known = mark, _understood(path)
            self._read[path] = known
            if len(self._read) > REMEMBERED:
                self._read.popitem(last=False)
        return known[1]


def _differs(one: LogRun, other: LogRun) -> bool:
    """Whether two runs say different things of any line."""
    begin, end = max(one.first, other.first), min(one.last, other.last)
    ours = one.attestations[begin - one.first : end - one.first + 1]
    theirs = other.attestations[begin - other.first : end - other.first + 1]
    return ours != theirs or (one.first == other.first and one.previous != other.previous)


def _text(run: LogRun) -> str:
    if len(run.attestations) == 1:
        (one,) = run.attestations
        content = {
            "number": run.first,
            "previous": run.previous,
            "attestation": form_of(one),
            "log_signature": run.signature.hex(),
        }
        return json.dumps(content, indent=1)
    head = {
        "first": run.first,
        "previous": run.previous,
        "lines": len(run.attestations),
        "run_signature": run.signature.hex(),
    }
    return text_of([head, *map(form_of, run.attestations)])


def _understood(path: Path) -> LogRun | None:
    data = content_of(path, LARGEST_SHEET)
    if data is None:
        return None
    alone = understood(data, _entry)
    if alone is not None:
        return LogRun.alone(alone)
    head, _, rest = data.partition(b"\n")
    begun = understood(head, _head)
    if begun is None:
        return None
    first, previous, count, signature = begun
    lines = lines_of(rest, attestation_from)
    if len(lines) != count or not 1 < count <= LONGEST_RUN:
        return None
    return LogRun(first=first, previous=previous, attestations=tuple(lines), signature=signature)


def _entry(content: Any) -> LogEntry:
    return LogEntry(
        number=int(content["number"]),
        previous=hash_from(content["previous"]),
        attestation=attestation_from(content["attestation"]),
        signature=bytes.fromhex(content["log_signature"]),
    )


def _head(content: Any) -> tuple[int, str, int, bytes]:
    return (
        int(content["first"]),
        hash_from(content["previous"]),
        int(content["lines"]),
        bytes.fromhex(content["run_signature"]),
    )
