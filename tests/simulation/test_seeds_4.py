"""Whole runs are sound: the fourth quarter of the seeds."""

from whole_runs import sound


def test_seeds() -> None:
    sound(3)
