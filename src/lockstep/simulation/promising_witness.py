"""Who stands in a run and notes what nobody can read off the ledgers afterwards: see `promising`."""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from lockstep.simulation.promising_mail import asked
from lockstep.testing.promises_facts import Asked, Spoke

__all__ = ["Witness"]

_OUTCOMES = {"instructed": "taken", "cancellation asked": "taken", "duplicate": "again", "refused": "refused"}


class Witness:
    """Notes what is handed in and what the door says, when records are lost, and what a restored agent says.

    `root` is the run's folder, `addresses` are the agents' by name.
    """

    def __init__(self, root: Path, addresses: Mapping[str, str]) -> None:
        self._root, self._addresses = root, addresses
        self.asked: list[Asked] = []
        self._read: dict[bytes, Asked] = {}
        self.acts: list[tuple[str, str]] = []
        """Kind and words of what people and enemies did."""
        self.spoke: list[Spoke] = []
        self.life = 0
        self.calm_since: datetime | None = None
        self.delivered: Callable[[str, str], None] = lambda *_: None
        """Told of each message that lies in a participant's box: whose, and its id."""
        self._knew: dict[str, frozenset[str]] = {}
        """Of agents that were restored and may not know it all yet: what they had signed, by settlement."""

    def handed_in(self, data: bytes, at: datetime, outcome: str) -> None:
        """`outcome` as the door says it; "" if it died before it said anything."""
        if data not in self._read:
            self._read[data] = asked(data, at, "", 0)
        said = _OUTCOMES.get(outcome, "none")
        self.asked.append(replace(self._read[data], at=at, outcome=said, life=self.life))

    def did(self, kind: str) -> bool:
        """Whether such people or enemies did anything."""
        return any(one == kind for one, _ in self.acts)

    def records_lost(self) -> None:
        self.life += 1

    def restores(self, agent: str) -> None:
        """Just before its register becomes a backup: what it signed and its own log on the board shows."""
        entered = self._log(agent)
        self._knew[agent] = self._knew.get(agent, frozenset()) | {
            one for one in self._register(agent) if one in entered
        }

    def passes(self, agent: str, point: str) -> None:
        """A process is at a boundary; what leaves an agent passes `send`."""
        if point != "send" or agent not in self._knew:
            return
        forgotten = sorted(self._knew[agent] - self._register(agent))
        self.spoke.append(Spoke(agent=agent, forgotten=forgotten))
        if not forgotten:
            del self._knew[agent]

    def _register(self, agent: str) -> frozenset[str]:
        connection = sqlite3.connect(self._root / f"{agent}.db")
        try:
            return frozenset(one for (one,) in connection.execute("SELECT settlement_id FROM outcome"))
        finally:
            connection.close()

    def _log(self, agent: str) -> str:
        """The text of all its lines, in which the settlements stand."""
        folder = self._root / "attestations" / "logs" / self._addresses[agent]
        return "\n".join(path.read_text(errors="replace") for path in sorted(folder.glob("*.json")))
