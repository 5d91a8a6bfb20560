"""A small world around one RTGS: a service, four agents, two banks and a clock that tests set."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rtgs_world import World


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database as most tests want to find it; they work on copies."""
    path = tmp_path_factory.mktemp("rtgs") / "furnished.db"
    world = World(f"sqlite:///{path}")
    world.furnish()
    world.rtgs.close()
    return path


@pytest.fixture
def world(furnished: Path, tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "rtgs.db"
    shutil.copy(furnished, path)
    world = World(f"sqlite:///{path}")
    yield world
    world.rtgs.close()
