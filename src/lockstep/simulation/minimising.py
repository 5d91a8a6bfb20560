"""The shortest list of faults that still breaks a seed: delta debugging over the decisions that struck.

First whole kinds are left out, then halves, quarters and single decisions, as long as a violation stays. A decision is
a function of seed, kind, step and occasion, so what is left strikes where it struck before.

Zeller, Hildebrandt, "Simplifying and isolating failure-inducing input", IEEE TSE 28(2), 2002.
"""

from collections.abc import Callable, Sequence

from lockstep.simulation.faults import Decision, FaultPlan
from lockstep.simulation.running import Outcome, run_seed

__all__ = ["minimise"]

RUNS_AT_MOST = 200


class _Budget:
    """Runs that are left, and the best failing one so far."""

    def __init__(
        self, outcome: Outcome, run: Callable[[int, FaultPlan], Outcome], told: Callable[[str], None], collateral: bool
    ) -> None:
        self.best, self.left, self._collateral = outcome, RUNS_AT_MOST, collateral
        self._run, self._told = run, told

    def plan(self, decisions: Sequence[Decision]) -> FaultPlan:
        return FaultPlan(only=frozenset(decisions), collateral=self._collateral)

    def fails(self, decisions: Sequence[Decision]) -> bool:
        """Whether these faults alone still break it; if so they are the best so far."""
        if not self.left:
            return False
        self.left -= 1
        outcome = self._run(self.best.seed, self.plan(decisions))
        if outcome.violations:
            self.best = outcome
            self._told(f"{len(outcome.decisions)} faults are enough")
        return bool(outcome.violations)


def minimise(
    outcome: Outcome,
    told: Callable[[str], None] = lambda _: None,
    run: Callable[[int, FaultPlan], Outcome] = run_seed,
    *,
    collateral: bool = False,
) -> tuple[Outcome, FaultPlan]:
    """The failing run with as few faults as were found to do, and the plan that repeats it.

    `outcome` is a run with a violation, `collateral` whether its market has a collateral
    register. Where its decisions alone do not repeat it, it is returned as it is.
    """
    budget = _Budget(outcome, run, told, collateral)
    if not budget.fails(outcome.decisions):
        return outcome, budget.plan(outcome.decisions)
    for kind in sorted({one.kind for one in budget.best.decisions}):
        budget.fails([one for one in budget.best.decisions if one.kind != kind])
    size = max(1, len(budget.best.decisions) // 2)
    while size and budget.left:
        start = 0
        while start < len(budget.best.decisions) and budget.left:
            kept = [*budget.best.decisions[:start], *budget.best.decisions[start + size :]]
            if not budget.fails(kept):
                start += size
        size //= 2
    return budget.best, budget.plan(budget.best.decisions)
