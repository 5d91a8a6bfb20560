"""Whole runs are sound: the third quarter of the seeds."""

from whole_runs import sound


def test_seeds() -> None:
    sound(2)
