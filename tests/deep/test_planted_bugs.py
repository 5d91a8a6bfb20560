"""The simulator can fail: each planted bug is found within as many seeds as docs/reference/planted-bugs.md states.

And only while it is in: without it the run that shows it is sound.
"""

import pytest

from lockstep.chain.compiler import REPOSITORY
from lockstep.simulation.running import run_seed
from simulation.planted import found
from simulation.planted_page import PAGE, lines_of
from simulation.planting import find

pytestmark = pytest.mark.deep


@pytest.mark.parametrize("name", found())
def test_it_is_found_and_only_while_it_is_in(name: str) -> None:
    bug = found()[name]
    shown = find(bug, lines_of((REPOSITORY / PAGE).read_text())[name].within)
    assert shown is not None
    assert not run_seed(shown.seeds, bug.plan).violations
