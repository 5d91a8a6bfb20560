"""The contracts' trees, which take the compiler seconds, read once."""

import pytest

from .building import Contracts


@pytest.fixture(scope="session")
def contracts() -> Contracts:
    return Contracts()
