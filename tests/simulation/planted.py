"""All planted bugs, and who wrote which: the other half is by somebody who had not read the oracle."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from simulation import planted_cash, planted_contracts, planted_service
from simulation.planting import Planted

__all__ = ["BLIND", "HOLES", "PLANTED", "every", "found"]

PLANTED: Sequence[Planted] = (*planted_service.PLANTED, *planted_cash.PLANTED, *planted_contracts.PLANTED)


def _blind() -> Sequence[Planted]:
    if find_spec("simulation.planted_blind") is None:
        return ()
    from simulation import planted_blind

    return tuple(planted_blind.PLANTED)


BLIND: Sequence[Planted] = _blind()


def every() -> Mapping[str, Planted]:
    """By name."""
    found = {one.name: one for one in (*PLANTED, *BLIND)}
    assert len(found) == len(PLANTED) + len(BLIND), "two planted bugs have one name"
    return found


HOLES: Mapping[str, str] = {}
"""Bugs that are not found within so many seeds as are run, and why."""


def found() -> Mapping[str, Planted]:
    """Those that must be found, by name."""
    return {name: one for name, one in every().items() if name not in HOLES}
