"""Margin in cash, as the oracle wants to hear of it. Standard library only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

__all__ = ["Counted", "Margin", "MarginFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """A payment of margin: its id is that of a call under an agreement of the collateral register, and of no lock."""

    settlement: str
    agreement: str
    call: str
    """The register's name of the call: all attempts at it have one."""
    amount: int
    """To the taker; negative: back to the giver."""
    pay_by: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A payment that the collateral register counts (event CashRecorded)."""

    agreement: str
    call: str
    amount: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginFacts:
    """What `Facts` say of margin."""

    margin: Sequence[Margin] = ()
    """Of the payments those that are no settlement's."""
    counted: Sequence[Counted] = ()
