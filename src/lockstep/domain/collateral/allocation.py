"""Which collateral covers which requirement: the task, the answer, and the port of who finds it.

An answer is in whole lots, and every figure in it is exact: what a pick counts for is rounded down (against the giver),
what it costs is rounded up.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol

from lockstep.domain.collateral.assets import Asset
from lockstep.domain.collateral.concentration import Held
from lockstep.domain.collateral.schedules import EligibilitySchedule, Parties
from lockstep.domain.collateral.valuation import FxRate, Price
from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import minor_units
from lockstep.domain.rounding import PARTS

__all__ = ["Allocation", "Allocator", "Available", "Pick", "Requirement", "Task"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Available:
    """A position that may be given."""

    position_id: str
    asset: Asset
    units: int
    """Free base units."""
    price: Price
    lot: int = 1
    """Base units that move together: only multiples are given."""
    cost: int = 0
    """What giving it costs for the time in question, in parts of a million of its market value."""

    def __post_init__(self) -> None:
        for name, least in (("units", 0), ("lot", 1), ("cost", 0)):
            if getattr(self, name) < least:
                raise InvalidInput(name, getattr(self, name), f"at least {least}")
        if self.cost > PARTS:
            raise InvalidInput("cost", self.cost, "at most 1000000 parts of a million")
        if (self.price.isin, self.price.currency) != (self.asset.isin, self.asset.currency):
            shown = f"{self.price.isin} in {self.price.currency}"
            raise InvalidInput("price", shown, f"a price of {self.asset.isin} in {self.asset.currency}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """An amount of collateral value that is to be covered under a schedule."""

    requirement_id: str
    amount: int
    """Minor units of the schedule's currency."""
    schedule: EligibilitySchedule
    parties: Parties
    held: tuple[Held, ...] = ()
    """What lies there already and counts towards the limits; `amount` comes on top of it."""

    def __post_init__(self) -> None:
        if self.amount < 0:
            raise InvalidInput("amount", self.amount, "not below zero")

    @property
    def portfolio(self) -> int:
        """What the limits' shares are of: what is held and what is required."""
        return self.amount + sum(one.value for one in self.held)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Cover these requirements from these positions, on a day."""

    on: date
    currency: str
    """In which costs are counted."""
    available: tuple[Available, ...]
    requirements: tuple[Requirement, ...]
    rates: Mapping[tuple[str, str], FxRate] = field(default_factory=dict)
    """By base and quote currency."""
    settlement_cost: int = 0
    """Of each position given to each requirement, minor units of `currency`."""

    def __post_init__(self) -> None:
        minor_units(self.currency)
        if self.settlement_cost < 0:
            raise InvalidInput("settlement_cost", self.settlement_cost, "not below zero")
        for name, ids in (
            ("position_id", [one.position_id for one in self.available]),
            ("requirement_id", [one.requirement_id for one in self.requirements]),
        ):
            if len(set(ids)) < len(ids):
                twice = next(one for one in ids if ids.count(one) > 1)
                raise InvalidInput(name, twice, "once")

    def rate(self, base: str, quote: str) -> FxRate | None:
        """None where none is needed. Raises InvalidInput where it is not given."""
        if base == quote:
            return None
        found = self.rates.get((base, quote))
        if found is None:
            raise InvalidInput("rates", f"{base}/{quote}", "given")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """So much of a position for a requirement."""

    requirement_id: str
    position_id: str
    units: int
    value: int
    """Collateral value, minor units of the schedule's currency."""
    cost: int
    """Minor units of the task's currency, the settlement's included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Who is given what. Picks in the order of requirements and positions."""

    method: str
    picks: tuple[Pick, ...]
    shortfalls: Mapping[str, int]
    """By requirement: collateral value that is missing. Those that are covered are not in it."""
    bound: int | None = None
    """No allocation in lots that covers everything costs less; None where nothing is known."""

    @property
    def cost(self) -> int:
        return sum(one.cost for one in self.picks)


class Allocator(Protocol):
    """Finds an allocation. Only what is eligible, free and within the limits is in it, whoever found it."""

    def allocate(self, task: Task) -> Allocation:
        """Raises InvalidInput for a task that lacks a rate."""
