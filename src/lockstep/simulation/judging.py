"""The oracle at work in a run: what it is shown after each step, and what it says goes into the timeline."""

from lockstep.app.auditing import audit
from lockstep.simulation.world import World

__all__ = ["Judge"]


class Judge:
    """Looks at the ledgers past the service."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._journalled = 0

    def look(self) -> None:
        """After a step."""
        world = self._world
        if not world.moved():
            return
        rows = world.journal(self._journalled)
        for row in rows:
            facts = " ".join(f"{name}={value[:40]}" for name, value in row.entry.facts.items())
            world.timeline.tell("journal", f"{row.number} {row.entry.kind} {row.entry.subject[:12]} {facts}")
        self._journalled = max(0, *(row.number for row in rows)) if rows else self._journalled

    def finish(self) -> None:
        world = self._world
        found = audit(
            world.chain.node,
            world.market,
            world.facts(),
            world.votes,
            world.claims(),
            world.journal(),
            ended=True,
            terms=[one.terms for one in world.trades()],
        )
        for name, violations in found.items():
            for one in violations:
                world.problem(f"{name}: {one}")
        for one in world.trades():
            if not one.state.is_end:
                world.problem(f"trade {one.trade_id[:12]} has not ended: {one.state.value} {one.reason}")
