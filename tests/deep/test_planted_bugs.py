"""The simulator can fail: each planted bug is found within as many seeds as `make test` runs."""

import pytest

from simulation.planted import every
from simulation.planting import MOST_SEEDS, find

pytestmark = pytest.mark.deep


@pytest.mark.parametrize("name", every())
def test_it_is_found(name: str) -> None:
    assert find(every()[name], MOST_SEEDS) is not None
