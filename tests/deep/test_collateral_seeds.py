"""Whole runs in a market with a collateral register: what is done in twenty of them, and that all of them are sound."""

import re
from collections import defaultdict

import pytest

from lockstep.simulation.actors import COLLATERAL
from lockstep.simulation.faults import FaultPlan
from lockstep.simulation.running import Outcome, run_seed

pytestmark = pytest.mark.deep

SEEDS = range(1, 21)
PLAN = FaultPlan(collateral=True)
_ACT = re.compile(rf" ({'|'.join(COLLATERAL)}) +(\w[^:]*): (.*)")
SELDOM = {
    "sells", "ends_a_sale", "sets_off", "gives_units_back", "ends_a_default", "runs_apart", "terminates_a_repo",
    "changes_a_repo", "pledges_on_too_much", "substitutes_worthless_units", "takes_without_a_default",
}  # fmt: skip
"""Not in each twenty seeds."""


def said(outcomes: list[Outcome]) -> dict[str, list[str]]:
    """By act what came of it, each time."""
    found = defaultdict(list)
    for one in outcomes:
        for line in one.timeline.splitlines():
            told = _ACT.search(line)
            if told is not None:
                found[told[2].replace(" ", "_")].append(told[3])
    return found


def test_seeds() -> None:
    """No invariant breaks, no claim is stranded, every kind acts, and all that is by right is done now and then."""
    outcomes = [run_seed(seed, PLAN) for seed in SEEDS]
    assert not [(one.seed, one.violations[0]) for one in outcomes if one.violations]
    struck = {kind for one in outcomes for kind in one.faults}
    assert set(COLLATERAL) <= struck
    told = said(outcomes)
    acts = {act.__name__ for cast in COLLATERAL.values() for act in cast.acts}
    assert acts - SELDOM <= told.keys() <= acts
    refused = re.compile("refused|objected|^[A-Z][A-Za-z]+: ")
    by_right = {
        act.__name__ for kind in ("collateral-moved", "collateral-valued") for act in COLLATERAL[kind].acts
    } - SELDOM
    assert not {act for act in by_right if all(refused.search(one) for one in told[act])}
