"""The simulator can fail: each planted bug is found within as many seeds as `make test` runs."""

import pytest

from simulation.planted import found
from simulation.planting import MOST_SEEDS, find

pytestmark = pytest.mark.deep


@pytest.mark.parametrize("name", found())
def test_it_is_found(name: str) -> None:
    assert find(found()[name], MOST_SEEDS) is not None
