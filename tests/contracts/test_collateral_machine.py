"""DvP and collateral register played at random together, beside plain books: I3, I10, I12 and the re-use bound.

`python -m contracts.machine.collateral_run --seconds 600`, in `tests/`, plays on. A planted bug is a change of the
contracts that the machine has to find.
"""

from collections import Counter

import pytest

from .machine.artifacts import mutant
from .machine.collateral_acts import ACTS
from .machine.collateral_run import Violation, play
from .machine.collateral_world import CollateralWorld

SEEDS = 40
MOST_SEEDS = 120
BOOKS, REGISTER, ENFORCEMENT, COVER = (
    "collateral/CollateralBooks.sol",
    "CollateralRegister.sol",
    "CollateralEnforcement.sol",
    "collateral/Cover.sol",
)
PLANTED = {
    "re-use beyond the cap": (
        BOOKS,
        "return uint64(uint256(quantity) * given.reuseCap / Cover.MILLION);",
        "return given.reuseCap == 0 ? 0 : quantity;",
    ),
    "release of what was pledged on": (
        BOOKS,
        "        given.quantity = before - quantity;\n        _requireKept(id, given);\n",
        "        given.quantity = before - quantity;\n",
    ),
    "recalled units pledged on": (
        REGISTER,
        "if (parent.reused > limit) revert",
        "if (parent.reused > limit && parent.recalled == type(uint64).max) revert",
    ),
    "pledged on after the term": (
        REGISTER,
        "if (parent.until.hasPassed()) revert TermEnded(parentId, block.timestamp, parent.until);",
        "",
    ),
    "no claim above": (ENFORCEMENT, "            root.owed += quantity;\n", ""),
    "units for sale released too": (BOOKS, "uint64 selling = given.selling;", "uint64 selling = 0;"),
    "an old price": (COVER, "if (holding.pricedAt == valuedAt) sum +=", "if (holding.pricedAt <= valuedAt) sum +="),
    "taken at the price rounded down": (
        COVER,
        "return (quantity * price + MILLION - 1) / MILLION;",
        "return quantity * price / MILLION;",
    ),
    "enforced before the notice is over": (
        ENFORCEMENT,
        "if (!from.hasPassed()) revert IDvP.TooEarly(block.timestamp, from);\n        book.requireFresh(agreementId);",
        "book.requireFresh(agreementId);",
    ),
    "anyone acts": (BOOKS, "if (_actor() != acting) revert NotActing(_actor(), acting);", ""),
}


@pytest.fixture(scope="module")
def world() -> CollateralWorld:
    return CollateralWorld()


def test_every_seed_keeps_the_books_and_lets_everyone_out(world: CollateralWorld) -> None:
    total: Counter[str] = Counter()
    for seed in range(SEEDS):
        total += play(world, seed)
    done = {name.removesuffix(" done") for name in total if name.endswith(" done")}
    # What is rare is left to the longer runs.
    assert done >= ACTS.keys() - {"confirm_stop", "set_off", "release_excess", "end_default"}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_found(name: str) -> None:
    file, text, replacement = PLANTED[name]
    planted = CollateralWorld(mutant("CollateralRegister", {file: (text, replacement)}))

    def play_on() -> None:
        for seed in range(MOST_SEEDS):
            play(planted, seed)

    with pytest.raises(Violation):
        play_on()
