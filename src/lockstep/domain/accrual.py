"""Interest for a part of a year: day counts, a bond's accrued interest, clean and dirty prices, repo interest.

Day counts are those of the 2006 ISDA Definitions, section 4.16, and of ICMA rule 251; each is a pair of whole numbers,
so nothing is rounded before money is. Rates are in parts of a million a year, prices in parts of a million of par:
1_012_500 is 101.25 %. Business days are not moved: dates come as they were agreed.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from enum import Enum
from math import gcd

from lockstep.domain.errors import InvalidInput
from lockstep.domain.money import Money
from lockstep.domain.rounding import PARTS, divide_nearest

__all__ = [
    "Bond",
    "DayCount",
    "YearFraction",
    "accrued_interest",
    "add_months",
    "clean_price",
    "dirty_price",
    "repo_interest",
    "year_fraction",
]

YearFraction = tuple[int, int]
"""Numerator and denominator, in lowest terms."""


class DayCount(Enum):
    """How days become a part of a year."""

    ACTUAL_ACTUAL_ICMA = "Actual/Actual (ICMA)"
    """Needs the coupon period: days accrued over days in the period times periods a year (ICMA rule 251.1)."""
    ACTUAL_360 = "Actual/360"
    ACTUAL_365_FIXED = "Actual/365 (Fixed)"
    THIRTY_360 = "30/360"
    """Bond basis: section 4.16(f). The second day is 30 if it is 31 and the first is 30 or 31."""
    THIRTY_E_360 = "30E/360"
    """Eurobond basis: section 4.16(g). Either day is 30 if it is 31."""


def add_months(day: date, months: int, *, end_of_month: bool = False) -> date:
    """The same day so many months later (or earlier), the month's last where it has no such day.

    With `end_of_month` always the month's last day.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    last = monthrange(year, month + 1)[1]
    return date(year, month + 1, last if end_of_month else min(day.day, last))


def year_fraction(basis: DayCount, first: date, last: date) -> YearFraction:
    """The part of a year from `first` (included) to `last` (excluded).

    Raises InvalidInput where the last day lies before the first, and for Actual/Actual (ICMA), which is a coupon
    period's and not a year's: see `Bond.accrued`.
    """
    if last < first:
        raise InvalidInput("last", last, f"not before {first}")
    if basis is DayCount.ACTUAL_360:
        return _lowest((last - first).days, 360)
    if basis is DayCount.ACTUAL_365_FIXED:
        return _lowest((last - first).days, 365)
    if basis is DayCount.ACTUAL_ACTUAL_ICMA:
        raise InvalidInput("basis", basis.value, "a basis that needs no coupon period")
    start, end = first.day, last.day
    if basis is DayCount.THIRTY_360:
        start = min(start, 30)
        end = 30 if end == 31 and start == 30 else end
    else:
        start, end = min(start, 30), min(end, 30)
    return _lowest(360 * (last.year - first.year) + 30 * (last.month - first.month) + end - start, 360)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """The interest terms of a fixed-rate bond. Coupon days count back from the maturity (or from `last_coupon`).

    A first period may be short or long: interest runs from `issued`, and the first payment is on `first_coupon` where
    one is given, else on the first regular day after the issue. Likewise the last period, by `last_coupon`.
    """

    issued: date
    maturity: date
    coupon: int
    """Parts of a million of par a year."""
    frequency: int
    """Coupons a year: 1, 2, 3, 4, 6 or 12."""
    basis: DayCount
    first_coupon: date | None = None
    last_coupon: date | None = None
    end_of_month: bool = False
    """Coupons fall on the last day of their months."""

    def __post_init__(self) -> None:
        if self.frequency not in (1, 2, 3, 4, 6, 12):
            raise InvalidInput("frequency", self.frequency, "1, 2, 3, 4, 6 or 12 coupons a year")
        if self.coupon < 0:
            raise InvalidInput("coupon", self.coupon, "not below zero")
        if not self.issued < self.maturity:
            raise InvalidInput("maturity", self.maturity, f"after the issue, {self.issued}")
        for name, day in (("first_coupon", self.first_coupon), ("last_coupon", self.last_coupon)):
            if day is not None and not self.issued < day <= self.maturity:
                raise InvalidInput(name, day, f"after {self.issued} and not after {self.maturity}")

    @property
    def months(self) -> int:
        """Of a regular period."""
        return 12 // self.frequency

    def coupon_days(self) -> tuple[date, ...]:
        """Every day on which interest is paid, ascending; the maturity is the last."""
        anchor = self.last_coupon or self.maturity
        days = [] if self.last_coupon in (None, self.maturity) else [self.maturity]
        step, day = 0, anchor
        stop = self.first_coupon or self.issued
        while day > stop:
            days.append(day)
            step += 1
            day = add_months(anchor, -self.months * step, end_of_month=self.end_of_month)
        if self.first_coupon is not None and self.first_coupon not in days:
            days.append(self.first_coupon)
        return tuple(reversed(days))

    def period(self, on: date) -> tuple[date, date]:
        """The interest period that a day lies in: its first day included, its payment day excluded.

        Raises InvalidInput before the issue, and from the maturity on.
        """
        if not self.issued <= on < self.maturity:
            raise InvalidInput("on", on, f"from {self.issued} to before {self.maturity}")
        start = self.issued
        for day in self.coupon_days():
            if on < day:
                return start, day
            start = day
        raise AssertionError("the maturity is a coupon day")

    def accrued(self, on: date) -> YearFraction:
        """The part of a year since the period began. Raises InvalidInput outside the bond's life."""
        start, end = self.period(on)
        if self.basis is not DayCount.ACTUAL_ACTUAL_ICMA:
            return year_fraction(self.basis, start, on)
        return self._icma(start, on, end)

    def _icma(self, start: date, on: date, end: date) -> YearFraction:
        """Over the regular (notional) periods that a short or long period lies in, counted from its regular end.

        A last period that is irregular counts on from its regular start.
        """
        forward = start == self.last_coupon
        anchor = start if forward else end
        top, below = 0, 1
        for step in range(self.frequency * (self.maturity.year - self.issued.year + 2)):
            first, last = (step, step + 1) if forward else (-step - 1, -step)
            low = add_months(anchor, first * self.months, end_of_month=self.end_of_month)
            high = add_months(anchor, last * self.months, end_of_month=self.end_of_month)
            days = (min(on, high) - max(start, low)).days
            if days > 0:
                whole = self.frequency * (high - low).days
                top, below = _lowest(top * whole + days * below, below * whole)
            if (forward and high >= on) or (not forward and low <= start):
                break
        return top, below


def accrued_interest(bond: Bond, face: int, on: date) -> int:
    """Interest accrued on a face amount in minor units, to the nearest one, a half away from zero."""
    top, below = bond.accrued(on)
    return divide_nearest(face * bond.coupon * top, PARTS * below)


def dirty_price(bond: Bond, clean: int, on: date, *, scale: int = PARTS) -> int:
    """A clean price and the interest accrued, to the nearest part; both prices per `scale` of par."""
    top, below = bond.accrued(on)
    return clean + divide_nearest(scale * bond.coupon * top, PARTS * below)


def clean_price(bond: Bond, dirty: int, on: date, *, scale: int = PARTS) -> int:
    """The price without the interest accrued: the reverse of `dirty_price`, exactly."""
    return dirty - (dirty_price(bond, 0, on, scale=scale))


def repo_interest(purchase_price: Money, rate: int, first: date, last: date, basis: DayCount) -> Money:
    """The price differential of a repo from its purchase date to a day (GMRA 2011, paragraph 2(ii)).

    Simple interest on the purchase price, to the nearest minor unit. A rate below zero gives an amount below zero.
    """
    top, below = year_fraction(basis, first, last)
    amount = divide_nearest(purchase_price.amount * rate * top, PARTS * below)
    return Money(currency=purchase_price.currency, amount=amount)


def _lowest(top: int, below: int) -> YearFraction:
    common = gcd(top, below)
    return top // common, below // common
