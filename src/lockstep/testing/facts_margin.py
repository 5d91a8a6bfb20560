"""Margin in cash, as the oracle wants to hear of it. Standard library only."""

from dataclasses import dataclass
from datetime import datetime

__all__ = ["Counted", "Margin"]


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
