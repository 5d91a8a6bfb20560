"""A pack with one byte changed, anywhere: every change is found (I7). `tests/deep` changes every byte."""

import pytest
from byte_changes import every_bit, likely_changes
from evidence_day import Day

from lockstep.evidence import BrokenLink, verify

STRIDE = 23
"""Bytes from one that is changed to the next; no length of a field or a line divides by it."""


def test_a_change_of_a_byte_is_found(day: Day) -> None:
    verify(day.first.pack, day.trust)
    for changed in likely_changes(day.first.pack, range(0, len(day.first.pack), STRIDE)):
        with pytest.raises(BrokenLink):
            verify(changed, day.trust)


def test_each_bit_of_a_byte_is_found(day: Day) -> None:
    for changed in every_bit(day.first.pack, range(5, len(day.first.pack), 41 * STRIDE)):
        with pytest.raises(BrokenLink):
            verify(changed, day.trust)
