"""A small world around one RTGS: a service, four agents, two banks and a clock that tests set."""

from collections.abc import Iterator

import pytest
from rtgs_world import World

from stores import SqliteStore, Store, postgresql


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The same tests run on every store."""
    if request.param == "sqlite":
        yield SqliteStore(tmp_path_factory.mktemp("rtgs"))
    else:
        with postgresql() as server:
            yield server


@pytest.fixture(scope="session")
def furnished(store: Store) -> World:
    """One world for all tests of a store, with its database as most tests want to find it."""
    world = World(store.url)
    world.furnish()
    world.rtgs.close()
    store.keep()
    return world


@pytest.fixture
def world(store: Store, furnished: World) -> Iterator[World]:
    """The furnished world, put back. The RTGS keeps nothing outside its database."""
    store.again()
    furnished.forget()
    furnished.restart()
    yield furnished
    furnished.rtgs.close()
