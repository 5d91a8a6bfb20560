"""A small world around one RTGS: a service, four agents, two banks and a clock that tests set."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rtgs_world import World


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, bytes]:
    """One world for all tests, with its database as most tests want to find it."""
    path = tmp_path_factory.mktemp("rtgs") / "rtgs.db"
    world = World(f"sqlite:///{path}")
    world.furnish()
    world.rtgs.close()
    return world, path.read_bytes()


@pytest.fixture
def world(furnished: tuple[World, bytes]) -> Iterator[World]:
    """The furnished world, put back. The RTGS keeps nothing outside its database."""
    world, database = furnished
    Path(world.url.removeprefix("sqlite:///")).write_bytes(database)
    world.forget()
    yield world
    world.rtgs.close()
