"""Whole runs are sound: the second half of the seeds."""

from whole_runs import sound


def test_seeds() -> None:
    sound(1)
