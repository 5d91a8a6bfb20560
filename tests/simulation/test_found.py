"""What the simulated world found in the real code, each with its seed. See docs/reference/simulation.md."""

import pytest

from lockstep.simulation.running import run_seed

FOUND = {
    259: "a paid trade never delivered: the service's key stood still behind a transaction that nodes had forgotten",
    127: "a lock whose records and settlement date were both lost: only the long stop ends it",
}
"""Seeds drift as the world changes; each bug also has a test of its own beside the code that had it."""


@pytest.mark.parametrize("seed", FOUND)
def test_what_was_found_stays_mended(seed: int) -> None:
    assert not run_seed(seed).violations
