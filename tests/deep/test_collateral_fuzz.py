"""DvP and collateral register at random for long, beside plain books; and every bug planted there (I3, I10, I12)."""

from collections import Counter

import pytest

from contracts.machine.collateral_acts import ACTS
from contracts.machine.collateral_planted import PLANTED, seeds_until_found
from contracts.machine.collateral_run import play
from contracts.machine.collateral_world import CollateralWorld

pytestmark = pytest.mark.deep

SEEDS = range(1_000, 2_500)
MOST_SEEDS = 120


def test_long_runs_keep_the_books_and_let_everyone_out() -> None:
    """`python -m contracts.machine.collateral_run --seconds 600`, in `tests/`, plays others."""
    world, total = CollateralWorld(), Counter[str]()
    for seed in SEEDS:
        total += play(world, seed)
    assert {name.removesuffix(" done") for name in total if name.endswith(" done")} >= ACTS.keys()


@pytest.mark.parametrize("name", PLANTED)
def test_it_finds_all_that_is_planted(name: str) -> None:
    found_after, _ = seeds_until_found(name, MOST_SEEDS)
    assert found_after <= MOST_SEEDS
