"""Fixtures for a user's own pytest suite: markets that settle in this process, whatever goes wrong.

pytest finds them by itself where Lockstep is installed. Nothing is imported until a fixture is asked for.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lockstep.simulation.kit import Chain, ManualClock, Rtgs, SettlingWorld

__all__ = ["lockstep_chain", "lockstep_clock", "lockstep_rtgs", "lockstep_world"]


@pytest.fixture
def lockstep_clock() -> "ManualClock":
    """A clock that stands at the opening of the kit's business day until it is moved."""
    from lockstep.simulation.kit import ManualClock, kit_market

    return ManualClock(kit_market().opening)


@pytest.fixture
def lockstep_chain(lockstep_clock: "ManualClock") -> "Chain":
    """A simulated chain without contracts, with blocks, a pool, reorganisations and marks. Skips without pyrevm."""
    pytest.importorskip("pyrevm", reason="the simulated chain needs pip install 'lockstep[simulation]'")
    from lockstep.simulation.kit import simulated_chain

    return simulated_chain(lockstep_clock)


@pytest.fixture
def lockstep_rtgs(tmp_path: Path, lockstep_clock: "ManualClock") -> "Iterator[Rtgs]":
    """The kit market's RTGS alone: parties admitted, accounts funded, the business day open."""
    from lockstep.simulation.kit import kit_market, open_rtgs

    made = open_rtgs(tmp_path, kit_market(), lockstep_clock)
    yield made
    made.close()


@pytest.fixture
def lockstep_world(tmp_path: Path) -> "Iterator[Callable[..., SettlingWorld]]":
    """Founds markets: the arguments are `SettlingWorld`'s, but for its folder. All are closed after the test."""
    from lockstep.simulation.kit import SettlingWorld

    made: list[SettlingWorld] = []

    def found(**wanted: Any) -> SettlingWorld:
        made.append(SettlingWorld(tmp_path / f"world-{len(made)}", **wanted))
        return made[-1]

    yield found
    for world in made:
        world.close()
