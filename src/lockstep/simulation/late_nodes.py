"""Nodes that are some blocks late, each party's its own: the others see another head."""

from lockstep.simulation.faults import Injector
from lockstep.simulation.ground import Ground

__all__ = ["LateNodes"]

FARTHEST_BEHIND = 6
"""Blocks that a node is late, at most: more than finality takes."""


class LateNodes:
    """Which parties' nodes are late, and until when."""

    def __init__(self, ground: Ground, faults: Injector) -> None:
        self._nodes, self._faults = ground.nodes, faults
        self._until: dict[str, int] = {}

    def draw(self, name: str) -> None:
        """Before a party's pass: its node is late for all of it, perhaps for more, or in time again."""
        if name not in self._nodes:
            return
        provider, _ = self._nodes[name]
        until = self._until.get(name, 0)
        if not self._faults.active or (until and self._faults.step >= until):
            provider.behind = self._until[name] = 0
        how = self._faults.strikes("node-behind")
        if how is not None:
            provider.behind = how.randint(1, FARTHEST_BEHIND)
            self._until[name] = self._faults.step + how.choice((1, 5, 30))
