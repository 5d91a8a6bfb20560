"""What collateral is worth: market value and collateral value, in whole minor units.

A price is for 1,000,000 base units of a token, in minor units of its currency, with accrued interest (dirty). Value is
one division, rounded down: against the giver, who asks that it counts. So a portfolio never counts for more than its
parts, and what a contract computes the same way comes out the same.
"""

from dataclasses import dataclass
from datetime import datetime

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Isin
from lockstep.domain.money import Money, minor_units
from lockstep.domain.rounding import PARTS, divide_down, divide_up

__all__ = ["PRICED_UNITS", "FxRate", "Price", "collateral_value", "market_value", "price_of_par", "units_for"]

PRICED_UNITS = 1_000_000
"""Base units that a price is for."""
RATE_SCALE = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """An attested price: minor units of `currency` for 1,000,000 base units, accrued interest included."""

    isin: Isin
    currency: str
    price: int
    as_of: datetime

    def __post_init__(self) -> None:
        minor_units(self.currency)
        if self.price < 0:
            raise InvalidInput("price", self.price, "not below zero")


@dataclass(frozen=True, slots=True, kw_only=True)
class FxRate:
    """How much of `quote` one of `base` is worth, in parts of 1,000,000,000: 1.0850 USD for a euro is 1_085_000_000."""

    base: str
    quote: str
    rate: int
    as_of: datetime

    def __post_init__(self) -> None:
        minor_units(self.base)
        minor_units(self.quote)
        if self.rate <= 0:
            raise InvalidInput("rate", self.rate, "above zero")
        if self.base == self.quote:
            raise InvalidInput("quote", self.quote, f"another currency than {self.base}")

    @property
    def ratio(self) -> tuple[int, int]:
        """Minor units of `quote` for minor units of `base`, as numerator and denominator."""
        digits = minor_units(self.quote) - minor_units(self.base)
        return self.rate * 10 ** max(digits, 0), RATE_SCALE * 10 ** max(-digits, 0)

    def convert(self, money: Money) -> Money:
        """An amount in the other currency, rounded down: what is claimed gets less, and a debt gets more."""
        if money.currency != self.base:
            raise InvalidInput("currency", money.currency, f"{self.base}, which the rate is for")
        top, below = self.ratio
        return Money(currency=self.quote, amount=divide_down(money.amount * top, below))


def _ratio(price: Price, currency: str, rate: FxRate | None) -> tuple[int, int]:
    """Minor units of `currency` for base units, as numerator and denominator."""
    if rate is None:
        if price.currency != currency:
            raise InvalidInput("currency", price.currency, f"{currency}, where no rate is given")
        return price.price, PRICED_UNITS
    if (rate.base, rate.quote) != (price.currency, currency):
        raise InvalidInput("rate", f"{rate.base}/{rate.quote}", f"{price.currency}/{currency}")
    top, below = rate.ratio
    return price.price * top, PRICED_UNITS * below


def market_value(units: int, price: Price, currency: str, rate: FxRate | None = None) -> Money:
    """What so many base units cost, before any haircut, in a currency; rounded down."""
    return collateral_value(units, price, 0, currency, rate)


def collateral_value(units: int, price: Price, haircut: int, currency: str, rate: FxRate | None = None) -> Money:
    """What so many base units count for after a haircut in parts of a million, in a currency; rounded down, once.

    Raises InvalidInput for units below zero, a haircut outside 0 to 1,000,000, or a rate of other currencies.
    """
    if units < 0:
        raise InvalidInput("units", units, "not below zero")
    if not 0 <= haircut <= PARTS:
        raise InvalidInput("haircut", haircut, "from 0 to 1000000 parts of a million")
    top, below = _ratio(price, currency, rate)
    return Money(currency=currency, amount=divide_down(units * top * (PARTS - haircut), below * PARTS))


def units_for(amount: Money, price: Price, haircut: int, rate: FxRate | None = None, *, lot: int = 1) -> int:
    """The fewest base units, in whole lots, that count for at least an amount: rounded up, against who asks to cover.

    Raises InvalidInput where no quantity is enough: a price of zero, or a haircut of everything.
    """
    top, below = _ratio(price, amount.currency, rate)
    top *= PARTS - haircut
    if amount.amount <= 0:
        return 0
    if top <= 0:
        raise InvalidInput("haircut", haircut, f"one that leaves a value, at a price of {price.price}")
    if lot <= 0:
        raise InvalidInput("lot", lot, "above zero")
    return divide_up(amount.amount * below * PARTS, top * lot) * lot


def price_of_par(dirty: int, decimals: int, currency: str) -> int:
    """A bond's dirty price in parts of a million of par, as a `Price` counts; rounded down.

    `decimals` are the token's: a base unit is 10^-decimals of the currency's face amount.
    """
    digits = minor_units(currency) - decimals
    return dirty * 10**digits if digits >= 0 else divide_down(dirty, 10**-digits)
