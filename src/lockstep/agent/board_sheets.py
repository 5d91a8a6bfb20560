"""Many attestations in one file: `<root>/<agent address>/<hash of the content>.json`, a line for each.

What an agent signs in one step it leaves as one sheet. Readers keep what the sheets say in memory and look at each
file again only when it changed. When all settlements of a sheet are over it is moved aside, so that what is looked
through stays as small as what is open.
"""

import hashlib
import logging
import os
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

from lockstep.agent.board_files import LARGEST_SHEET, Mark, content_of, lines_of, listed, mark_of, names, put, written
from lockstep.agent.board_files import text_of as text
from lockstep.agent.board_forms import attestation_from, form_of
from lockstep.domain.errors import Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import Attestation
from lockstep.durable import make_folder, sync_folder

__all__ = ["Sheets"]

MOST_LINES = 400
"""On one sheet: about 100 kB."""
MOST_SHEETS = 10_000
"""Files under one agent's name, and agents: so much is looked through. Ours move aside what is over."""
_log = logging.getLogger(__name__)
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


class Sheets:
    """All agents' sheets below one folder."""

    def __init__(self, root: Path, most: int | None = MOST_SHEETS) -> None:
        """`most`: None, however many there are."""
        self._root, self._most = root, most
        self._flooded: set[str] = set()
        """Agents under whose names there are more files than are looked through."""
        self._seen: dict[Path, tuple[Mark, tuple[Attestation, ...]]] = {}
        self._of: defaultdict[SettlementId, list[tuple[Path, Attestation]]] = defaultdict(list)
        self._fresh: set[SettlementId] | None = None
        """Those with words that came since the news was asked for; None until it is."""
        self._told: set[SettlementId] = set()

    def leave(self, attestations: Sequence[Attestation]) -> None:
        """Writes one agent's, at most `MOST_LINES` to a sheet. Raises Unavailable."""
        for begin in range(0, len(attestations), MOST_LINES):
            some = attestations[begin : begin + MOST_LINES]
            content = text([form_of(one) for one in some])
            folder = self._root / some[0].agent
            with written(folder, content) as part:
                path = put(part, names(folder, hashlib.sha256(content.encode()).hexdigest()))
            mark = mark_of(path)  # before it is read: what comes in between changes it
            if mark is not None and content_of(path, LARGEST_SHEET) == content.encode():
                self._take(path, mark, tuple(some))

    def refresh(self, only: str | None = None) -> None:
        """Reads what is new or changed, and forgets what is gone; of one agent only, if one is named. Where there are
        too many files under an agent's name nothing changes of what is known of it, which is logged. Raises
        Unavailable, also for too many agents.
        """
        there: set[Path] = set()
        for agent in filter(_ADDRESS.fullmatch, self._agents() if only is None else [only]):
            found = listed(self._root / agent, self._most)
            if self._is_too_many(agent, found):
                there.update(path for path in self._seen if path.parent.name == agent)
                continue
            for name in found:
                path = self._root / agent / name
                if name.endswith(".json"):
                    there.add(path)
                    self._look(path, agent)
        for path in self._seen.keys() - there:
            if only is None or path.parent.name == only:
                self._drop(path)

    def of(self, settlement: SettlementId) -> Sequence[Attestation]:
        """What the sheets said at the last refresh, unverified; agents' own words only, by the folder's name."""
        return [one for _, one in self._of.get(settlement, ())]

    def news(self, at_least: int) -> Collection[SettlementId]:
        """Settlements that so many agents have spoken on, as of the last refresh; each is told once."""
        fresh = set(self._of) if self._fresh is None else self._fresh
        self._fresh = set()
        enough = {one for one in fresh if len({path.parent for path, _ in self._of.get(one, ())}) >= at_least}
        found = enough - self._told
        self._told |= found
        return found

    def place_of(self, attestation: Attestation) -> tuple[Path, Mark] | None:
        """Where one lies, as of the last refresh."""
        for path, one in self._of.get(attestation.settlement_id, ()):
            if one == attestation:
                return path, self._seen[path][0]
        return None

    def of_agent(self, agent: str) -> Iterator[Attestation]:
        """All under an agent's name, as they lie there now, without keeping them. Raises Unavailable."""
        if _ADDRESS.fullmatch(agent):
            found = listed(self._root / agent, self._most)
            if self._is_too_many(agent, found):
                raise Unavailable(f"the board cannot be read: {self._too_many(self._root / agent)}")
            for name in found:
                if name.endswith(".json"):
                    yield from _read(self._root / agent / name, agent)

    def move_aside(self, agent: str, is_over: Callable[[SettlementId], bool], aside: Path) -> None:
        """Moves an agent's sheets whose settlements are all over into another folder. Raises Unavailable."""
        self.refresh(agent)
        folder = self._root / agent
        done = [
            path
            for path, (_, lines) in self._seen.items()
            if path.parent == folder and lines and all(is_over(one.settlement_id) for one in lines)
        ]
        if not done:
            return
        try:
            make_folder(aside / agent)
            for path in done:
                os.replace(path, aside / agent / path.name)
                self._drop(path)
            sync_folder(aside / agent)
            sync_folder(folder)
        except OSError as error:
            raise Unavailable(f"the board cannot be written: {error}") from error

    def is_flooded(self, agent: str) -> bool:
        """Whether, as of the last refresh, what lies under an agent's name is not looked at."""
        return agent in self._flooded

    def _agents(self) -> Sequence[str]:
        found = listed(self._root, self._most)
        if self._most is not None and len(found) > self._most:
            raise Unavailable(f"the board cannot be read: {self._too_many(self._root)}")
        return found

    def _is_too_many(self, agent: str, found: Sequence[str]) -> bool:
        if self._most is None or len(found) <= self._most:
            self._flooded.discard(agent)
            return False
        if agent not in self._flooded:
            self._flooded.add(agent)
            _log.error(
                "%s; what this agent leaves on sheets is not seen until then", self._too_many(self._root / agent)
            )
        return True

    def _too_many(self, folder: Path) -> str:
        return f"more than {self._most} files in {folder}: take away those that are no agent's"

    def _look(self, path: Path, agent: str) -> None:
        mark, known = mark_of(path), self._seen.get(path)
        if mark is None or (known is not None and known[0] == mark):
            return
        self._take(path, mark, _read(path, agent))

    def _take(self, path: Path, mark: Mark, lines: tuple[Attestation, ...]) -> None:
        self._drop(path)
        self._seen[path] = mark, lines
        for one in lines:
            self._of[one.settlement_id].append((path, one))
        if self._fresh is not None:
            self._fresh.update(one.settlement_id for one in lines)

    def _drop(self, path: Path) -> None:
        _, lines = self._seen.pop(path, (None, ()))
        for settlement in {one.settlement_id for one in lines}:
            left = [(where, one) for where, one in self._of[settlement] if where != path]
            if left:
                self._of[settlement] = left
            else:
                del self._of[settlement]
                self._told.discard(settlement)


def _read(path: Path, agent: str) -> tuple[Attestation, ...]:
    lines = lines_of(content_of(path, LARGEST_SHEET), attestation_from)
    return tuple(one for one in lines if one.agent == agent)
