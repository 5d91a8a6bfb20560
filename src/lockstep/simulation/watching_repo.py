"""What the service says of repos, beside the register, C6: what is open is owed, what is over is not."""

from collections import Counter
from collections.abc import Iterable

from lockstep.testing.collateral_books import Books

__all__ = ["repos_follow_the_register"]

OPEN, OVER = "OPEN", "CLOSED"


def repos_follow_the_register(repos: Iterable[tuple[str, str, bool, Counter[str]]], books: Books) -> list[str]:
    """The violations. Of each repo its name, its state, whether anything of it is under way, and its units by the
    pledge under which the register has their title.

    Nobody but the service moves units under a repo's agreement. While something is under way the two may differ.
    """
    found = []
    for name, state, moving, units in repos:
        for pledge, count in units.items():
            claim = books.claims.get(pledge)
            owed = 0 if claim is None else claim.owed
            if state == OVER and owed:
                found.append(f"C6: repo {name} is over, and {owed} units are owed under {pledge[:12]}")
            elif state == OPEN and not moving and owed != count:
                found.append(f"C6: repo {name} has {count} units under {pledge[:12]}, the register {owed}")
    return found
