"""One process to fork from and one chain per module; installations are founded on it and stopped after."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .running import Forks, Installation, anvil
from .story import market_of


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    made = Forks()
    yield made
    made.close()


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with anvil(tmp_path_factory.mktemp("chain")) as url:
        yield url


@pytest.fixture(scope="module")
def installed(
    chain: str, forks: Forks, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Installation]]:
    """Founds a market file's installation. All are stopped at the module's end, whatever happened."""
    made: list[Installation] = []

    def install(market: Path, database: str | None = None) -> Installation:
        made.append(Installation(tmp_path_factory.mktemp("installation"), market, chain, forks, database))
        return made[-1]

    yield install
    for one in made:
        one.close()


@pytest.fixture(scope="session")
def small_market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first day's market with one bond and three members."""
    path = tmp_path_factory.mktemp("market") / "market.toml"
    path.write_text(market_of(("FABLZZ2A", "UTOPZZ2A", "ATLSZZ2A"), ("ZZ00EXB20314",)))
    return path
