"""What the tests of the application share: a day that was settled once."""

from collections.abc import Iterator

import books_world
import pytest

from lockstep.app.world import World


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The first day at its end. No test changes it."""
    made = books_world.settle(books_world.founded(tmp_path_factory.mktemp("day")))
    yield made
    made.close()
