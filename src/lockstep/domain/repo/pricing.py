"""What a repo costs: purchase price, price differential, repurchase price. Whole minor units, rounding stated.

Haircut and margin ratio as in ICMA's Guide to Best Practice in the European Repo Market, chapter 3: a haircut is taken
off the market value, a margin ratio is the market value over the purchase price. Both lead to a purchase price that is
rounded down: against the seller, who asks for the cash. Interest is simple, on actual days, a year of 360 or 365 (GMRA
2011, paragraph 2(ii), Price Differential). It is rounded once, to the nearest minor unit, however often the rate or the
principal changed on the way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from lockstep.domain.accrual import DayCount, year_fraction
from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money
from lockstep.domain.rounding import PARTS, divide_down, divide_nearest

__all__ = [
    "BASES",
    "Period",
    "haircut_of",
    "interest",
    "margin_ratio_of",
    "price_by_haircut",
    "price_by_margin_ratio",
    "shares",
]

BASES = (DayCount.ACTUAL_360, DayCount.ACTUAL_365_FIXED)
"""Of money markets: the days between two dates add up, so a change of rate in between loses none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From `first` on, until the next one begins."""

    first: date
    principal: int
    """Purchase price not repaid yet, minor units."""
    rate: int
    """Pricing rate, parts of a million a year; may be below zero."""


def price_by_haircut(market_value: Money, haircut: int) -> Money:
    """The purchase price of securities worth so much, less a haircut in parts of a million; rounded down."""
    if not 0 <= haircut < PARTS:
        raise InvalidInput("haircut", haircut, "from 0 to 999999 parts of a million")
    return Money(currency=market_value.currency, amount=divide_down(market_value.amount * (PARTS - haircut), PARTS))


def price_by_margin_ratio(market_value: Money, ratio: int) -> Money:
    """The purchase price at a margin ratio in parts of a million: 1_020_000 is 102 %; rounded down."""
    if ratio <= 0:
        raise InvalidInput("margin_ratio", ratio, "above zero parts of a million")
    return Money(currency=market_value.currency, amount=divide_down(market_value.amount * PARTS, ratio))


def haircut_of(market_value: Money, purchase_price: Money) -> int:
    """The haircut that a price means, parts of a million, rounded down; below zero where it is above the value."""
    _require_two(market_value, purchase_price)
    return divide_down((market_value.amount - purchase_price.amount) * PARTS, market_value.amount)


def margin_ratio_of(market_value: Money, purchase_price: Money) -> int:
    """Market value over purchase price, parts of a million; rounded down."""
    _require_two(market_value, purchase_price)
    return divide_down(market_value.amount * PARTS, purchase_price.amount)


def interest(periods: Iterable[Period], on: date, basis: DayCount) -> int:
    """What has accrued up to a day, that day not counted; minor units, to the nearest one, rounded once.

    `periods` ascend by their first days; those that begin on the day or later add nothing. Raises InvalidInput for a
    basis that is none of a repo's, or periods out of order.
    """
    if basis not in BASES:
        raise InvalidInput("basis", basis.value, " or ".join(one.value for one in BASES))
    known = list(periods)
    total = Fraction(0)
    for place, one in enumerate(known):
        end = known[place + 1].first if place + 1 < len(known) else max(on, one.first)
        if end < one.first:
            raise InvalidInput("periods", end, f"not before {one.first}")
        last = min(end, on)
        if last > one.first:
            total += Fraction(*year_fraction(basis, one.first, last)) * one.principal * one.rate
    return divide_nearest(total.numerator, total.denominator * PARTS)


def shares(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """A total in parts that stand to each other as weights do: each sum of first parts is rounded down, so the parts
    add up to the total and none is further than one from its exact share.

    Raises InvalidInput for weights below zero, or all zero.
    """
    whole = sum(weights)
    if whole <= 0 or any(one < 0 for one in weights):
        raise InvalidInput("weights", list(weights), "none below zero and one above")
    parts, given, weighed = [], 0, 0
    for one in weights:
        weighed += one
        upto = divide_down(total * weighed, whole)
        parts.append(upto - given)
        given = upto
    return tuple(parts)


def _require_two(market_value: Money, purchase_price: Money) -> None:
    for name, one in (("market_value", market_value), ("purchase_price", purchase_price)):
        if one.amount <= 0:
            raise InvalidInput(name, one, "above zero")
    if market_value.currency != purchase_price.currency:
        raise InvalidInput("purchase_price", purchase_price, f"an amount of {market_value.currency}")
