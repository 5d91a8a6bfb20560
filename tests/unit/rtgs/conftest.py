"""A small world around one RTGS: a service, four agents, two banks and a clock that tests set."""

from collections.abc import Iterator

import pytest
from rtgs_world import World

from stores import PostgresqlStore, SqliteStore, Store


@pytest.fixture(scope="session")
def sqlite_store(tmp_path_factory: pytest.TempPathFactory) -> SqliteStore:
    return SqliteStore(tmp_path_factory.mktemp("rtgs"))


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Store:
    """The same tests run on every store. Each of them is there once in a session, whatever the tests' order is."""
    if request.param == "sqlite":
        sqlite: SqliteStore = request.getfixturevalue("sqlite_store")
        return sqlite
    server: PostgresqlStore = request.getfixturevalue("postgresql_server")
    return server


@pytest.fixture(scope="session")
def worlds() -> dict[str, World]:
    """Those that are furnished, by their database's URL."""
    return {}


@pytest.fixture(scope="session")
def furnished(store: Store, worlds: dict[str, World]) -> World:
    """One world for all tests of a store, with its database as most tests want to find it."""
    if store.url not in worlds:
        world = World(store.url)
        world.furnish()
        world.rtgs.close()
        store.keep()
        worlds[store.url] = world
    return worlds[store.url]


@pytest.fixture
def world(store: Store, furnished: World) -> Iterator[World]:
    """The furnished world, put back. The RTGS keeps nothing outside its database."""
    store.again()
    furnished.forget()
    furnished.restart()
    yield furnished
    furnished.rtgs.close()
