"""The boundaries of a process, where it can die or be held up: each commit, each send, each receipt, before and after.

A crash is a `Crashed`, which no `except Exception` eats: the process's objects are thrown away, and it is made anew
from what it has on disk. A pause runs other processes right there, in the middle of one: that is how two workers
interleave, and how one wakes up with its lease gone, on a single thread and the same way each time.
"""

import random
from collections.abc import Callable

from lockstep.simulation.faults import Injector

__all__ = ["Crashed", "Points"]

_CRASHES = {
    "commit": "crash-before-commit",
    "committed": "crash-after-commit",
    "send": "crash-before-send",
    "sent": "crash-after-send",
    "receive": "crash-on-receive",
}
_PAUSES = {"worker": "worker-pause", "agent": "agent-pause"}


class Crashed(BaseException):
    """A process is dead from here on."""

    def __init__(self, actor: str, kind: str) -> None:
        super().__init__(f"{actor}: {kind}")
        self.actor, self.kind = actor, kind


class Points:
    """Where faults of processes come from. `meanwhile` runs others while an actor is held up; `passes` is told who
    is where, before anything goes wrong."""

    def __init__(
        self,
        faults: Injector,
        meanwhile: Callable[[str, random.Random], None],
        passes: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._faults, self._meanwhile, self._passes = faults, meanwhile, passes

    def at(self, actor: str, point: str, *, apart: bool = True) -> None:
        """`actor` is at such a boundary. `apart` says that it holds no lock there, so that others can go on."""
        self._passes(actor, point)
        kind = _CRASHES[point]
        if self._faults.strikes(kind) is not None:
            raise Crashed(actor, kind)
        process = actor.partition("-")[0]
        if apart and process in _PAUSES:
            how = self._faults.strikes(_PAUSES[process])
            if how is not None:
                self._meanwhile(actor, how)
