"""Collateral and margin in cash, as the oracle wants to hear of them. Standard library only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["CollateralFacts", "Counted", "Margin", "Pledge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """A payment of margin, or of income that a taker owes: its id is that of a call under an agreement of the
    collateral register, and of no lock."""

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
class Pledge:
    """A pledge as the register has it. `parent` is None for one of its giver's own units."""

    pledge: str
    parent: str | None
    token: str
    holder: str
    """In whose account a root's units are earmarked; empty for others."""
    quantity: int
    reused: int
    selling: int
    cap: int
    """Of what is pledged, how much may be pledged on, in parts of a million."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollateralFacts:
    """What `Facts` say of collateral and margin."""

    margin: Sequence[Margin] = ()
    """Of the payments those that are no settlement's."""
    counted: Sequence[Counted] = ()
    sold: Mapping[str, str] = field(default_factory=dict)
    """Settlements in which the register sells pledged units: the wallet of the pledge's taker, whom they pay."""
    pledges: Sequence[Pledge] = ()
    register_lanes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Units that the register has earmarked, by token and holder; one that is missing has none."""
