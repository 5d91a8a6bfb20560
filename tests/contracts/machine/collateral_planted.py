"""Bugs to plant in the collateral register, to see that the joint machine finds them."""

from .artifacts import mutant
from .collateral_run import Violation, play
from .collateral_world import CollateralWorld

__all__ = ["PLANTED", "seeds_until_found"]

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
"""By name: file, the text replaced in it, and what by."""


def seeds_until_found(name: str, limit: int) -> tuple[int, Violation]:
    """How many seeds it took, and what was found; raises AssertionError after `limit` seeds without a violation."""
    file, text, replacement = PLANTED[name]
    world = CollateralWorld(mutant("CollateralRegister", {file: (text, replacement)}))
    for seed in range(limit):
        try:
            play(world, seed)
        except Violation as found:
            return seed + 1, found
    raise AssertionError(f"{name}: not found in {limit} seeds")
