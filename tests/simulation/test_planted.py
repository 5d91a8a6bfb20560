"""The simulator can fail: a few of the planted bugs, each found on a seed that is known to show it.

All of them are for `make deep`; the table is docs/reference/planted-bugs.md.
"""

import subprocess
import sys

import pytest

from lockstep.agent import judging
from lockstep.chain.compiler import REPOSITORY
from lockstep.simulation.faults import FaultPlan
from lockstep.simulation.running import run_seed
from simulation.planted import every
from simulation.planting import find, rewrite

KNOWN = {
    "quorum one short": (2, "I2"),
    "round up a cent": (2, "I2"),
    "keep the money": (4, "I5"),
    "end without an ending": (3, "I9"),
    "release before finality": (2, "I6"),
    "forget a tombstone": (6, "I9"),
    "answers by place": (4, "I6"),
    "lock while halted": (15, "a lock while halted"),
    "hash-of-the-headings": (1, "I7"),
    "final-one-block-early": (2, "I6"),
    "receivers-amount-settles": (2, "P3"),
}
"""Bug, seed, and the invariant or promise that reports it; the last three are by the blind author."""


@pytest.mark.parametrize("name", KNOWN)
def test_it_is_found_and_only_while_it_is_in(name: str) -> None:
    seed, invariant = KNOWN[name]
    found = find(every()[name], 1, first=seed)
    assert found is not None
    assert found.by == invariant


def test_the_seeds_are_sound_without_a_bug() -> None:
    """Also after the bugs: nothing of them stays."""
    seeds = {(seed, every()[name].collateral) for name, (seed, _) in KNOWN.items()}
    assert not [one for one in seeds if run_seed(one[0], FaultPlan(collateral=one[1])).violations]


def test_a_bug_that_no_longer_fits_the_source_is_not_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    before = judging.judge_release.__code__
    with pytest.raises(ValueError, match="judge_release has 0 times, not once: no such words"):
        rewrite(monkeypatch, judging.judge_release, ("no such words", ""))
    assert judging.judge_release.__code__ is before


def test_the_page_has_every_bug_and_enough_are_found() -> None:
    told = subprocess.run(
        [sys.executable, "scripts/planted_table.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
