"""How much margin is owed: exposures netted, then threshold, independent amounts, minimum transfer and rounding.

After the ISDA Credit Support Annex, 1994 (New York law) and 1995 and 2016 VM (English law), paragraphs 3 and 13 (or 2
and 11): the credit support amount is the taker's exposure, plus independent amounts of the giver, less those of the
taker, less the giver's threshold, and never below zero. A repo's exposure is GMRA 2011's, paragraph 2(xx). All amounts
are minor units of the agreement's base currency; each party reckons from its own side.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from lockstep.domain.collateral.valuation import FxRate
from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money, minor_units
from lockstep.domain.rounding import PARTS, divide_down, divide_nearest, divide_up

__all__ = [
    "CsaTerms",
    "MarginDue",
    "Rounding",
    "credit_support_amount",
    "margin_due",
    "net_exposure",
    "repo_exposure_by_haircut",
    "repo_exposure_by_ratio",
    "rounded",
]


class Rounding(Enum):
    """How delivery and return amounts become multiples (paragraph 13(b)(iv)(D), its three usual elections)."""

    UP_AND_DOWN = "up and down"
    """A delivery up, a return down: both for the party that is secured."""
    DOWN = "down"
    NEAREST = "nearest"
    """A half up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CsaTerms:
    """What a credit support annex says of one direction: of collateral that one giver owes one taker."""

    currency: str
    threshold: int = 0
    minimum_transfer: int = 0
    """Of deliveries; of returns too unless `minimum_return` differs."""
    minimum_return: int | None = None
    multiple: int = 1
    """Amounts that move are multiples of this."""
    rounding: Rounding = Rounding.UP_AND_DOWN
    return_all: bool = True
    """Where nothing is required any more, everything is returned, be it less than the minimum: a usual election."""
    independent_giver: int = 0
    """Independent amounts that apply to the giver, and those that apply to the taker."""
    independent_taker: int = 0

    def __post_init__(self) -> None:
        minor_units(self.currency)
        for name in ("threshold", "minimum_transfer", "independent_giver", "independent_taker"):
            if getattr(self, name) < 0:
                raise InvalidInput(name, getattr(self, name), "not below zero")
        if self.minimum_return is not None and self.minimum_return < 0:
            raise InvalidInput("minimum_return", self.minimum_return, "not below zero")
        if self.multiple < 1:
            raise InvalidInput("multiple", self.multiple, "at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginDue:
    """What a day's reckoning comes to. At most one of `delivery` and `return_` is above zero."""

    exposure: int
    required: int
    """The credit support amount."""
    held: int
    """Collateral value of what was given, cash and what is agreed but not yet there included."""
    delivery: int
    return_: int
    reason: str
    """In words, where nothing moves: what kept it."""


def net_exposure(amounts: Iterable[Money], currency: str, rates: Mapping[str, FxRate] | None = None) -> int:
    """The sum of what each transaction is worth to the taker, in the base currency; below zero if it owes.

    Other currencies are converted by `rates`, by their currency: first all of one currency are added up, then each sum
    is rounded down once, so that netting comes before rounding. Raises InvalidInput for a currency without a rate.
    """
    sums: dict[str, int] = {}
    for money in amounts:
        sums[money.currency] = sums.get(money.currency, 0) + money.amount
    total = sums.pop(currency, 0)
    for other in sorted(sums):
        rate = (rates or {}).get(other)
        if rate is None:
            raise InvalidInput("currency", other, f"{currency}, or one whose rate to it is given")
        if (rate.base, rate.quote) != (other, currency):
            raise InvalidInput("rate", f"{rate.base}/{rate.quote}", f"{other}/{currency}")
        total += rate.convert(Money(currency=other, amount=sums[other])).amount
    return total


def credit_support_amount(terms: CsaTerms, exposure: int) -> int:
    """What the giver must have given (paragraph 3). `exposure` is the taker's, net."""
    return max(0, exposure + terms.independent_giver - terms.independent_taker - terms.threshold)


def margin_due(terms: CsaTerms, exposure: int, held: int) -> MarginDue:
    """Delivery or return amount of a day.

    What is below the minimum transfer amount does not move; what equals it does. The minimum is compared before
    rounding. A return is never rounded to more than is held.
    """
    if held < 0:
        raise InvalidInput("held", held, "not below zero")
    required = credit_support_amount(terms, exposure)
    short = required - held
    delivery = return_ = 0
    reason = ""
    if short > 0:
        if short < terms.minimum_transfer:
            reason = f"delivery of {short} is below the minimum transfer amount {terms.minimum_transfer}"
        else:
            delivery = rounded(short, terms, is_delivery=True)
    elif short < 0:
        least = terms.minimum_transfer if terms.minimum_return is None else terms.minimum_return
        if required == 0 and terms.return_all:
            return_ = held
        elif -short < least:
            reason = f"return of {-short} is below the minimum transfer amount {least}"
        else:
            return_ = min(rounded(-short, terms, is_delivery=False), held)
    else:
        reason = "what is held is what is required"
    if not (delivery or return_ or reason):
        reason = f"{abs(short)} rounds to nothing by {terms.multiple}"
    return MarginDue(exposure=exposure, required=required, held=held, delivery=delivery, return_=return_, reason=reason)


def rounded(amount: int, terms: CsaTerms, *, is_delivery: bool) -> int:
    """An amount as a multiple, by the agreed rounding. `amount` is not below zero."""
    if terms.rounding is Rounding.NEAREST:
        return divide_nearest(amount, terms.multiple) * terms.multiple
    up = terms.rounding is Rounding.UP_AND_DOWN and is_delivery
    return (divide_up if up else divide_down)(amount, terms.multiple) * terms.multiple


def repo_exposure_by_ratio(repurchase_price: int, margin_ratio: int, market_value: int) -> int:
    """The buyer's transaction exposure by initial margin: repurchase price × ratio - market value (GMRA 2(xx)(A)).

    `repurchase_price` is that of today, with interest so far; the ratio is in parts of a million, at least 1,000,000.
    The required value is rounded down: against the buyer, who asks.
    """
    if margin_ratio < PARTS:
        raise InvalidInput("margin_ratio", margin_ratio, "at least 1000000 parts of a million")
    return divide_down(repurchase_price * margin_ratio, PARTS) - market_value


def repo_exposure_by_haircut(repurchase_price: int, adjusted_value: int) -> int:
    """The buyer's transaction exposure by haircut: repurchase price - market value × (1 - haircut) (GMRA 2(xx)(B)).

    `adjusted_value` is what `collateral_value` gives, rounded down already.
    """
    return repurchase_price - adjusted_value
