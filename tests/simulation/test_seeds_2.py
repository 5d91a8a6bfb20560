"""Whole runs are sound: the second quarter of the seeds."""

from whole_runs import sound


def test_seeds() -> None:
    sound(1)
