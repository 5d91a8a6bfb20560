"""What failing to settle costs, in the manner of the CSD Regulation: rates, reference values, amounts.

Regulation (EU) 909/2014, Article 7(2). For each business day on which a matched instruction fails: reference value ×
daily rate (Delegated Regulation (EU) 2017/389, Articles 2 and 3 and Annex; Delegated Regulation (EU) 2018/1229,
Article 16). Who fails pays, and the other receives it (Article 17). The annex's rates are data, and may be replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from fractions import Fraction

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Isin
from lockstep.domain.instruction import QuantityType
from lockstep.domain.market import Market
from lockstep.domain.money import minor_units
from lockstep.domain.rounding import PARTS, divide_nearest, share_text
from lockstep.domain.trade import TradeTerms

__all__ = ["ANNEX", "SOURCE", "CashRate", "FailClass", "Penalty", "PenaltyKind", "PenaltyTerms", "penalty"]

SOURCE = "Delegated Regulation (EU) 2017/389, Annex"


class FailClass(Enum):
    """What was to be delivered: points 1 to 7 of the annex."""

    LIQUID_SHARES = "liquid_shares"
    OTHER_SHARES = "other_shares"
    SME_GROWTH = "sme_growth"
    """Traded on an SME growth market, and no debt."""
    PUBLIC_DEBT = "public_debt"
    """Issued or guaranteed by a sovereign, a local government, a central bank, a multilateral development bank, EFSF or
    ESM."""
    OTHER_DEBT = "other_debt"
    SME_GROWTH_DEBT = "sme_growth_debt"
    OTHER = "other"


ANNEX: Mapping[FailClass, int] = {
    FailClass.LIQUID_SHARES: 100,
    FailClass.OTHER_SHARES: 50,
    FailClass.SME_GROWTH: 25,
    FailClass.PUBLIC_DEBT: 10,
    FailClass.OTHER_DEBT: 20,
    FailClass.SME_GROWTH_DEBT: 15,
    FailClass.OTHER: 50,
}
"""For each day, in parts of a million: 100 is one basis point."""
_BASIS_POINT = PARTS // 10_000
_USUAL = {QuantityType.FACE_AMOUNT: FailClass.OTHER_DEBT, QuantityType.UNIT: FailClass.OTHER}


class PenaltyKind(Enum):
    """Why somebody pays."""

    SETTLEMENT_FAIL = "SEFP"
    """Matched, and not settled at a day's end."""
    LATE_MATCHING = "LMFP"
    """Matched after the day for which it was agreed: the last to enter pays for the days before
    (2018/1229, Article 16(3))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CashRate:
    """The central bank's rate for overnight credit, from a day on: point 8 of the annex."""

    since: date
    yearly: int
    """Parts of a million. Below zero it counts as zero."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PenaltyTerms:
    """The tables by which penalties are computed, and where they are from."""

    rates: Mapping[FailClass, int] = field(default_factory=lambda: ANNEX)
    classes: Mapping[str, FailClass] = field(default_factory=dict)
    """By ISIN. Without: debt that no other point names for what counts by face amount, else point 7."""
    cash_rates: Mapping[str, tuple[CashRate, ...]] = field(default_factory=dict)
    """By currency, the earliest first."""
    day_counts: Mapping[str, int] = field(default_factory=dict)
    """By currency: days of the year that the yearly rate is divided by."""
    prices: Mapping[str, Mapping[date, Fraction]] = field(default_factory=dict)
    """By ISIN and day: per cent of face amount, or units of currency for one. The latest up to a day counts."""
    sources: tuple[str, ...] = (SOURCE,)

    def __post_init__(self) -> None:
        for currency in self.cash_rates:
            if self.day_counts.get(currency, 0) < 1:
                raise InvalidInput(f"cash/{currency}/day_count", self.day_counts.get(currency), "1 or more")

    def class_of(self, market: Market, isin: str) -> FailClass:
        if isin in self.classes:
            return self.classes[isin]
        security = market.securities.get(Isin(isin))
        return FailClass.OTHER if security is None else _USUAL[security.quantity_type]

    def daily_cash_rate(self, currency: str, day: date) -> tuple[Fraction | None, str]:
        """And how it is told; None where no rate is given for that day."""
        known = [one for one in self.cash_rates.get(currency, ()) if one.since <= day]
        if not known:
            return None, ""
        yearly, days = max(known[-1].yearly, 0), self.day_counts[currency]
        return Fraction(yearly, PARTS * days), f"{share_text(yearly)} / {days}"

    def daily_rate(self, fail_class: FailClass) -> tuple[Fraction, str]:
        """And how it is told."""
        whole, rest = divmod(self.rates[fail_class], _BASIS_POINT)
        told = f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
        return Fraction(self.rates[fail_class], PARTS), f"{told} bp"

    def reference_value(self, market: Market, terms: TradeTerms, day: date) -> tuple[int, str]:
        """Minor units, and where the figure is from: a price of a day, or the agreed cash where there is none.

        Rounded to the nearest minor unit, a half up.
        """
        known = {on: price for on, price in self.prices.get(terms.isin, {}).items() if on <= day}
        if not known:
            return terms.cash.amount, "agreed cash"
        last = max(known)
        quantity = Fraction(terms.quantity.value, 10**terms.quantity.scale)
        security = market.securities.get(terms.isin)
        by_face = security is not None and security.quantity_type is QuantityType.FACE_AMOUNT
        exact = quantity * known[last] * 10 ** minor_units(terms.cash.currency) / (100 if by_face else 1)
        return divide_nearest(exact.numerator, exact.denominator), f"price of {last.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Penalty:
    """One day's, of one trade. Minor units of the trade's currency."""

    kind: PenaltyKind
    day: date
    by: str
    """The LEI of who pays."""
    to: str
    fail_class: str
    """A FailClass's value, or `cash`."""
    value: int
    value_from: str
    rate: Fraction | None
    """For the day, 1 for all; None: not known, and so is the amount."""
    rate_told: str
    """The same for people, exactly: basis points a day, or per cent a year by so many days."""
    amount: int | None


def penalty(
    terms: TradeTerms,
    market: Market,
    tables: PenaltyTerms,
    *,
    kind: PenaltyKind,
    day: date,
    by: str,
    lack_of_cash: bool,
) -> Penalty:
    """What `by` owes for a day: reference value × rate, to the nearest minor unit, a half up."""
    value, value_from = tables.reference_value(market, terms, day)
    fail_class = tables.class_of(market, terms.isin)
    rate, rate_told = (
        tables.daily_cash_rate(terms.cash.currency, day) if lack_of_cash else tables.daily_rate(fail_class)
    )
    return Penalty(
        kind=kind,
        day=day,
        by=by,
        to=terms.receiver if by == terms.deliverer else terms.deliverer,
        fail_class="cash" if lack_of_cash else fail_class.value,
        value=value,
        value_from=value_from,
        rate=rate,
        rate_told=rate_told,
        amount=None if rate is None else divide_nearest(value * rate.numerator, rate.denominator),
    )
