"""The simulator can fail: each planted bug is found within as many seeds as docs/reference/planted-bugs.md states."""

import pytest

from lockstep.chain.compiler import REPOSITORY
from simulation.planted import found
from simulation.planted_page import PAGE, lines_of
from simulation.planting import find

pytestmark = pytest.mark.deep


@pytest.mark.parametrize("name", found())
def test_it_is_found(name: str) -> None:
    stated = lines_of((REPOSITORY / PAGE).read_text())[name].within
    assert find(found()[name], stated) is not None
