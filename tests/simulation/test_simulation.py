"""Whole runs: the same each time, and a list of their faults; sound ones are in `test_seeds_*.py`."""

import json
import os
import subprocess
import sys

import pytest

from lockstep.flow.engine import Engine
from lockstep.simulation.faults import KINDS, FaultPlan
from lockstep.simulation.running import run_seed
from lockstep.store import book, transactions

HASHES = """
import json
from lockstep.simulation.running import run_seed
print(json.dumps([run_seed(seed).hash for seed in (3, 8)]))
"""


def hashes(hash_seed: str) -> list[str]:
    """Of a few seeds, in a process of their own."""
    told = subprocess.run(
        [sys.executable, "-c", HASHES],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    found: list[str] = json.loads(told.stdout)
    return found


def test_a_seed_gives_the_same_run_in_another_process_and_under_another_hash_seed() -> None:
    run_seed(8)  # what ran before in this process leaves nothing behind
    here = [run_seed(seed).hash for seed in (3, 8)]
    assert len(set(here)) == 2
    assert here == hashes("0") == hashes("1")


def test_a_run_is_the_list_of_its_faults() -> None:
    """What struck, given as a list, strikes again where it did, and nothing else: what `minimising` builds on."""
    once = run_seed(4)
    assert once.decisions
    again = run_seed(4, FaultPlan(only=frozenset(once.decisions)))
    assert (again.hash, again.decisions) == (once.hash, once.decisions)


def test_without_faults_everything_settles_that_can() -> None:
    outcome = run_seed(2, FaultPlan(only=frozenset()))
    assert not outcome.violations
    assert not outcome.faults
    assert outcome.ended["SETTLED"] > 0


def test_a_worker_that_writes_without_its_lease_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fence switched off: versions of trades keep two workers apart, most of the time, and hide it."""
    kinds = ("second-worker", "third-worker", "worker-pause")
    plan = FaultPlan(swarm=False, rates=dict.fromkeys(KINDS, 0.0) | dict.fromkeys(kinds[:2], 1.0) | {kinds[2]: 0.2})
    assert not any(run_seed(seed, plan).violations for seed in range(3))
    monkeypatch.setattr(book, "require", lambda *_: None)
    monkeypatch.setattr(transactions, "require", lambda *_: None)
    found = [one for seed in range(3) for one in run_seed(seed, plan).violations]
    assert found and all("wrote under lease number" in one for one in found)


def test_a_service_that_goes_on_while_final_blocks_are_replaced_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """It tells people, and does not wait for them."""
    plan = FaultPlan(swarm=False, rates=dict.fromkeys(KINDS, 0.0) | {"deep-reorg": 0.1})
    assert not any(run_seed(seed, plan).violations for seed in range(3))
    is_halted = Engine._is_halted
    monkeypatch.setattr(Engine, "_is_halted", lambda engine: is_halted(engine) and False)
    found = [one for seed in range(3) for one in run_seed(seed, plan).violations]
    assert any("while final blocks were replaced" in one for one in found)
