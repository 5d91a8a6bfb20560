"""The simulated world with workers that share trades and duties: as sound as with one that does everything."""

from collections import Counter

import pytest

from lockstep.simulation.faults import FaultPlan
from lockstep.simulation.running import run_seed
from simulation.planted import every

PLAN = FaultPlan(rates={"second-worker": 1, "third-worker": 0.5, "worker-pause": 0.1})


def test_seeds() -> None:
    ended: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for seed in range(1, 31):
        outcome = run_seed(seed, PLAN, sharing=True)
        assert not outcome.violations, seed
        ended.update(outcome.ended)
        faults.update(outcome.faults)
    assert ended["SETTLED"] > 30 and faults["second-worker"] > 10 and faults["worker-pause"] > 10


def test_a_seed_is_the_same_again() -> None:
    assert run_seed(3, PLAN, sharing=True).hash == run_seed(3, PLAN, sharing=True).hash
    apart = FaultPlan(rates={**PLAN.rates, "workers-share": 0})
    assert run_seed(3, PLAN, sharing=True).hash != run_seed(3, apart).hash


def test_a_late_write_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each duty's records are judged by the lease of that duty."""
    every()["forget the lease fence"].plant(monkeypatch)
    found = next(outcome for seed in range(1, 20) if (outcome := run_seed(seed, PLAN, sharing=True)).violations)
    assert " wrote under lease " in found.violations[0]
