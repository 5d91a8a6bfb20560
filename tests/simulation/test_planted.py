"""The simulator can fail: a few of the planted bugs, each found on a seed that is known to show it.

All of them are for `make deep`; the table is docs/reference/planted-bugs.md.
"""

import subprocess
import sys

import pytest

from lockstep.agent import judging
from lockstep.chain.compiler import REPOSITORY
from lockstep.simulation.running import run_seed
from simulation.planted import every
from simulation.planting import find, rewrite

KNOWN = {
    "quorum one short": (1, "I2"),
    "swap buyer and seller": (1, "I2"),
    "round up a cent": (1, "I2"),
    "keep the money": (1, "I5"),
    "end without an ending": (1, "I6"),
    "release before finality": (1, "I6"),
    "odd amounts": (3, "I5"),
    "forget a tombstone": (1, "I9"),
}
"""Bug, seed, and the invariant that reports it."""


@pytest.mark.parametrize("name", KNOWN)
def test_it_is_found_and_only_while_it_is_in(name: str) -> None:
    seed, invariant = KNOWN[name]
    found = find(every()[name], 1, first=seed)
    assert found is not None
    assert found.by == invariant


def test_the_seeds_are_sound_without_a_bug() -> None:
    """Also after the bugs: nothing of them stays."""
    assert not [seed for seed in {seed for seed, _ in KNOWN.values()} if run_seed(seed).violations]


def test_a_bug_that_no_longer_fits_the_source_is_not_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    before = judging.judge_release.__code__
    with pytest.raises(ValueError, match="judge_release has 0 times, not once: no such words"):
        rewrite(monkeypatch, judging.judge_release, ("no such words", ""))
    assert judging.judge_release.__code__ is before


def test_the_page_has_every_bug() -> None:
    told = subprocess.run(
        [sys.executable, "scripts/planted_table.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
