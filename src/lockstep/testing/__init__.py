"""What tests and auditors use: the invariants as an oracle over both ledgers."""

from lockstep.testing.facts import Facts
from lockstep.testing.invariants import check

__all__ = ["Facts", "check"]
