"""One seed run from its first morning to its end, and judged after every step."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lockstep.simulation.collateral_exit import give_all_back
from lockstep.simulation.faults import Decision, FaultPlan
from lockstep.simulation.ground import collateral_ground, ground
from lockstep.simulation.judging import Judge
from lockstep.simulation.scheduling import go_on, settle, unfold
from lockstep.simulation.world import World

__all__ = ["Outcome", "run_seed"]

USUAL = FaultPlan()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a seed."""

    seed: int
    steps: int
    faults: Mapping[str, int]
    """How often each kind of fault really struck."""
    ended: Mapping[str, int]
    """How many trades ended in each state, as the service has it."""
    violations: Sequence[str]
    hash: str
    decisions: Sequence[Decision] = field(default=(), repr=False)
    timeline: str = field(default="", repr=False)


class _Stop(Exception):
    """A violation was found; what follows from it is of no interest."""


def run_seed(seed: int, plan: FaultPlan = USUAL, *, sharing: bool = False) -> Outcome:
    """Runs a seed. The same seed and plan give the same outcome, hash included, on any machine.

    `sharing`: the service has two keys to send with, so that two of its workers step trades side by side.
    """
    world = World(collateral_ground() if plan.collateral else ground(), seed, plan, sharing=sharing)
    judge = Judge(world)

    def after() -> None:
        judge.look()
        if world.problems:
            raise _Stop

    try:
        try:
            unfold(world, after)
            settle(world, after)
            give_all_back(world, lambda: go_on(world, after))
            judge.finish()
        except _Stop:
            pass
        return _outcome(world, seed)
    finally:
        world.close()


def _outcome(world: World, seed: int) -> Outcome:
    trades = world.trades()
    journal = world.journal()
    counts = {**world.faults.counts, **world.line_uses}
    world.timeline.seal(
        *(row.hash for row in journal),
        *((one.number, one.reference, one.amount.amount, one.booked_at) for one in world.postings()),
        *(block.hash for block in world.chain.blocks),
    )
    return Outcome(
        seed=seed,
        steps=world.timeline.step,
        faults=dict(sorted(counts.items())),
        ended=dict(sorted(Counter(one.state.value for one in trades).items())),
        violations=tuple(world.problems),
        hash=world.timeline.hash,
        decisions=tuple(world.faults.struck),
        timeline=world.timeline.text(),
    )
