"""What tests and auditors use: the invariants as an oracle over both ledgers."""

from lockstep.testing.invariants import Facts, check

__all__ = ["Facts", "check"]
