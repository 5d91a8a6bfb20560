"""One world is deployed per worker; every test gets it back as it was."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lockstep.chain import compiler

from .collateral import Desk
from .harness import ZERO, Key, World


def mock_artifacts(config: pytest.Config) -> dict[str, dict[str, Any]]:
    """The mocks, compiled once and kept in pytest's cache until a source changes."""
    folders = (compiler.CONTRACTS / "mocks", compiler.CONTRACTS / "interfaces")
    sources = compiler.sources_in(path for folder in folders for path in folder.glob("*.sol"))
    settings = compiler.SETTINGS | {"viaIR": False}
    key = "lockstep/mocks-" + hashlib.sha256(json.dumps([sources, settings]).encode()).hexdigest()[:16]
    kept = config.cache.get(key, None)
    if kept is None:
        wanted = {name: text for name, text in sources.items() if "/mocks/" in name}
        made = compiler.compile_sources(wanted, settings)
        kept = {name: made[name] for name in ("MockWallet", "MockToken")}
        config.cache.set(key, kept)
    return kept


@pytest.fixture(scope="session", autouse=True)
def blocks_own_time() -> Iterator[None]:
    """A block comes a second after its parent. py-evm would take the clock on the wall once it is later, so tests of
    a deadline would fail on a machine that takes a minute for the tests before them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("eth._utils.headers.eth_now", lambda: 0)
        yield


@pytest.fixture(scope="session")
def deployed(request: pytest.FixtureRequest) -> World:
    return World(mock_artifacts(request.config))


@pytest.fixture
def world(deployed: World) -> Iterator[World]:
    snapshot, kept = deployed.tester.take_snapshot(), dict(vars(deployed))
    yield deployed
    deployed.tester.revert_to_snapshot(snapshot)
    vars(deployed).update(kept)


@pytest.fixture
def lane(world: World) -> Key:
    """A token whose first lane belongs to a plain account takes the place of the world's."""
    world.token = world.deploy_token([world.collateral.address, ZERO, ZERO])
    world.send(world.token.functions.issue(world.seller.address, 1_000), world.issuer)
    return world.collateral


@pytest.fixture(scope="session")
def deployed_desk(request: pytest.FixtureRequest) -> Desk:
    return Desk(mock_artifacts(request.config))


@pytest.fixture
def desk(deployed_desk: Desk) -> Iterator[Desk]:
    """The world with a collateral register."""
    snapshot, kept = deployed_desk.tester.take_snapshot(), dict(vars(deployed_desk))
    yield deployed_desk
    deployed_desk.tester.revert_to_snapshot(snapshot)
    vars(deployed_desk).update(kept)
