"""A hundred thousand bad messages at the RTGS's doors, each refused with its reason or taken."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.deep
UNIT = Path(__file__).parents[1] / "unit" / "rtgs"
BATCH = 1_000


def module(name: str) -> ModuleType:
    """The unit tests' helpers, which are no package."""
    if str(UNIT) not in sys.path:
        sys.path.insert(0, str(UNIT))
    return importlib.import_module(name)


@pytest.mark.parametrize("seed", range(10))
def test_each_is_refused_with_its_reason_or_taken(seed: int, tmp_path: Path) -> None:
    world_of, doors_of, unit = map(module, ("rtgs_world", "mutants_at_doors", "test_mutants_at_the_doors"))
    world = world_of.World(f"sqlite:///{tmp_path}/rtgs.db")
    world.furnish()
    doors = doors_of.Doors(world.rtgs, world_of.SERVICE, f"{world_of.SERVICE}-secret-key", tmp_path / "drop")
    batch = doors_of.Mutator(1_000 + seed, doors_of.good_messages(world_of.RTGS, world_of.SERVICE, unit.own_messages()))
    waiting = []
    for mutant in batch.mutants(10_000):
        waiting.append(mutant)
        if len(waiting) == BATCH:
            doors.judge(waiting)
            waiting = []
    assert doors.seen["taken"] + doors.seen["refused"] == 10_000
    doors.close()
    world.rtgs.close()
