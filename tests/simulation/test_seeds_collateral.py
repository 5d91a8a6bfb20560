"""Whole runs in a market with a collateral register: pledges, values, enforcement, margin, thieves, and all faults."""

from lockstep.simulation.actors import COLLATERAL
from lockstep.simulation.faults import FaultPlan
from lockstep.simulation.running import run_seed

SEEDS = range(1, 7)
"""`tests/deep/test_collateral_seeds.py` looks at more, and at what is done in them."""
PLAN = FaultPlan(collateral=True)


def test_seeds() -> None:
    """No invariant breaks, and no claim is stranded."""
    outcomes = [run_seed(seed, PLAN) for seed in SEEDS]
    assert not [(one.seed, one.violations[0]) for one in outcomes if one.violations]


def test_a_seed_gives_the_same_run_again() -> None:
    assert run_seed(3, PLAN).hash == run_seed(3, PLAN).hash != run_seed(3).hash


def test_a_run_is_the_list_of_its_faults() -> None:
    once = run_seed(4, PLAN)
    again = run_seed(4, FaultPlan(only=frozenset(once.decisions), collateral=True))
    assert (again.hash, again.decisions) == (once.hash, once.decisions)


def test_without_a_register_nobody_pledges() -> None:
    assert not set(COLLATERAL) & run_seed(4, FaultPlan(swarm=False)).faults.keys()
