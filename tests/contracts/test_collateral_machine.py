"""DvP and collateral register played at random together, beside plain books: I3, I10, I12 and the re-use bound.

A short run; `tests/deep/test_collateral_fuzz.py` plays on, and plants every bug.
"""

from collections import Counter
from collections.abc import Callable

import pytest

from lockstep.chain import compiler

from .machine.collateral_acts import ACTS
from .machine.collateral_model import Books
from .machine.collateral_planted import PLANTED
from .machine.collateral_run import Violation, play
from .machine.collateral_world import CollateralWorld

SEEDS = 25
MOST_SEEDS = 15


@pytest.fixture(scope="module")
def world() -> CollateralWorld:
    return CollateralWorld()


def test_every_seed_keeps_the_books_and_lets_everyone_out(world: CollateralWorld) -> None:
    total = Counter[str]()
    for seed in range(SEEDS):
        total += play(world, seed)
    done = {name.removesuffix(" done") for name in total if name.endswith(" done")}
    # What is rare is left to the longer runs.
    assert done >= ACTS.keys() - {"confirm_stop", "set_off", "release_excess", "end_default"}
    assert total["depth 3"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("fresh", lambda books, deal: frozenset()),
        ("held", lambda books, deal, token: sum(one.quantity for one in books.claims.values() if one.deal == deal)),
        ("reused", lambda books, claim: 0),
        ("price_up", lambda books, deal, token, quantity: quantity * deal.prices.get(token, (0, 0, 0))[0] // 10**6),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_books_that_are_wrong_differ_from_the_contracts(
    world: CollateralWorld, monkeypatch: pytest.MonkeyPatch, name: str, wrong: Callable[..., object]
) -> None:
    """As contracts that are wrong differ from the books, which takes a compilation each: the deep test does that."""
    monkeypatch.setattr(Books, name, wrong)

    def play_on() -> None:
        for seed in range(MOST_SEEDS):
            play(world, seed)

    with pytest.raises(Violation):
        play_on()


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_quotes_its_source(name: str) -> None:
    """The deep test compiles them all; a quote that went stale shows here."""
    file, text, _ = PLANTED[name]
    assert (compiler.CONTRACTS / file).read_text().count(text) == 1
