"""A hundred thousand mutated messages, each taken or refused by name."""

import pytest

from golden.mutants import judge

pytestmark = pytest.mark.deep


@pytest.mark.parametrize("seed", range(10))
def test_every_mutant_is_taken_or_refused_by_name(seed: int) -> None:
    seen = judge(seed=seed, count=10_000)
    assert seen["taken"] + seen["refused"] == 10_000
