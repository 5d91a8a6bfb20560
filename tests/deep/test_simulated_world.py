"""The simulated world for half an hour at a time, in parts that add up (I1–I12)."""

import os
from pathlib import Path

import pytest

from lockstep.simulation.actors import COLLATERAL
from lockstep.simulation.faults import KINDS, FaultPlan
from lockstep.simulation.long import KEPT, KEPT_COLLATERAL, Progress, go_on, revision

pytestmark = pytest.mark.deep

SECONDS = "LOCKSTEP_SIMULATION_SECONDS"
"""The budget of this part, 1800 if it is not set. A second core is another deep test's."""
ENOUGH = 300
"""Seeds in which every kind of fault has struck."""


def test_seeds_go_on_from_where_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    """Goes on from what earlier parts have kept in `.build/simulation/long.json`."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end="", flush=True)

    root = Path(__file__).parents[2]
    done = go_on(root / KEPT, float(os.environ.get(SECONDS, "1800")), say)
    assert done.violations == []
    assert done.seeds > 0
    if done.seeds >= ENOUGH:
        assert not {kind for kind in KINDS if kind not in COLLATERAL and not done.faults.get(kind)}


def test_seeds_with_a_collateral_register_go_on_from_where_they_were(capsys: pytest.CaptureFixture[str]) -> None:
    """Likewise, from `.build/simulation/long-collateral.json`, for half the time."""

    def say(line: str) -> None:
        with capsys.disabled():
            print(f"\n{line}", end="", flush=True)

    root, plan = Path(__file__).parents[2], FaultPlan(collateral=True)
    done = go_on(root / KEPT_COLLATERAL, float(os.environ.get(SECONDS, "1800")) / 2, say, plan=plan)
    assert done.violations == []
    assert done.seeds > 0
    if done.seeds >= ENOUGH:
        assert not {kind for kind in KINDS if not done.faults.get(kind)}


def test_parts_add_up(tmp_path: Path) -> None:
    """Three parts, each from what the last one kept, are as good as one; other code begins anew."""
    path, whole = tmp_path / "parts.json", tmp_path / "whole.json"
    for seeds in (2, 4, 6):
        parts = go_on(path, 600, lambda line: None, stride=2, seeds=seeds)
    once = go_on(whole, 600, lambda line: None, seeds=6)
    assert parts.seeds == once.seeds == 6
    assert (parts.steps, parts.faults, parts.ended) == (once.steps, once.faults, once.ended)
    Progress("another", seeds=5, steps=10**6).keep(path)
    assert Progress.of(path, revision()) == Progress(revision())
