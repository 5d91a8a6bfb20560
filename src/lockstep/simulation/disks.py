"""What becomes of databases: commits that a power cut took, old backups put back."""

from collections.abc import Callable, Mapping

from lockstep.simulation.cast import Process
from lockstep.simulation.faults import Injector
from lockstep.simulation.ground import Ground
from lockstep.simulation.promising_witness import Witness
from lockstep.simulation.stores import image, put_back
from lockstep.simulation.timeline import Timeline

__all__ = ["Disks"]

KEPT_IMAGES = 4
IMAGE_EVERY = 4
"""Commits of the service from one image of its database to the next."""


class Disks:
    """Images of the service's database and of the agents' registers, and what is put back in their place."""

    def __init__(
        self,
        ground: Ground,
        faults: Injector,
        timeline: Timeline,
        witness: Witness,
        cast: Callable[[], Mapping[str, Process]],
    ) -> None:
        self._ground, self._faults, self._timeline, self._witness = ground, faults, timeline, witness
        self._cast = cast
        self._dirty, self._anew = True, False
        self._images: list[tuple[bytes, int]] = []
        self._registers: dict[int, bytes] = {}
        self._commits = 0

    def stored(self) -> None:
        """The service committed something."""
        self._dirty = True
        self._commits += 1
        wanted = self._faults.has("restore-service") or self._faults.has("lost-writes")
        if self._commits % IMAGE_EVERY == 1 and wanted:
            self._images.append((image(self._ground.root / "service.db"), self._commits))
            if len(self._images) > KEPT_IMAGES:
                del self._images[1]  # the oldest stays, for who restores a backup of the morning

    def moved(self) -> tuple[bool, bool]:
        """Whether the service stored anything since this was asked last, and whether its records went back."""
        moved, self._dirty, self._anew = (self._dirty, self._anew), False, False
        return moved

    def lose_writes(self, *, backup: bool) -> bool:
        """The service's disk is back at an earlier commit: its last ones gone, or an old backup in its place.

        False if there is no image of it yet.
        """
        if not self._images:
            return False
        content, commits = self._images[0 if backup else -1]
        for name, process in self._cast().items():
            if name.startswith("worker"):
                process.end()
        self._ground.let_go()
        put_back(self._ground.root / "service.db", content)
        self._images = [(content, commits)]
        self._dirty = self._anew = True
        self._witness.records_lost()
        what = "an old backup" if backup else "its last commits lost"
        self._timeline.tell("service", f"its database is at commit {commits} again: {what}")
        return True

    def back_up_agent(self, number: int) -> None:
        self._registers[number] = image(self._ground.root / f"agent-{number}.db")

    def restore_agent(self, number: int) -> None:
        """An agent's register is an old backup: it may have forgotten what it signed."""
        process, content = self._cast()[f"agent-{number}"], self._registers.get(number)
        if content is None:
            return
        process.end()
        self._witness.restores(process.name)
        put_back(self._ground.root / f"agent-{number}.db", content)
        self._timeline.tell(process.name, "its register is an old backup")
