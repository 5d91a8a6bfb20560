"""DvP and collateral register played at random together, beside plain books: I3, I10, I12 and the re-use bound.

A short run; `tests/deep/test_collateral_fuzz.py` plays on, and plants every bug.
"""

from collections import Counter

import pytest

from lockstep.chain import compiler

from .machine.collateral_acts import ACTS
from .machine.collateral_planted import PLANTED, seeds_until_found
from .machine.collateral_run import Violation, play
from .machine.collateral_world import CollateralWorld

SEEDS = 25
MOST_SEEDS = 40


def test_every_seed_keeps_the_books_and_lets_everyone_out() -> None:
    world, total = CollateralWorld(), Counter[str]()
    for seed in range(SEEDS):
        total += play(world, seed)
    done = {name.removesuffix(" done") for name in total if name.endswith(" done")}
    # What is rare is left to the longer runs.
    assert done >= ACTS.keys() - {"confirm_stop", "set_off", "release_excess", "end_default"}
    assert total["depth 3"]


def test_it_finds_what_is_planted() -> None:
    """The deep test plants them all."""
    _, found = seeds_until_found("re-use beyond the cap", MOST_SEEDS)
    assert isinstance(found, Violation)


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_quotes_its_source(name: str) -> None:
    """The deep test compiles them all; a quote that went stale shows here."""
    file, text, _ = PLANTED[name]
    assert (compiler.CONTRACTS / file).read_text().count(text) == 1
