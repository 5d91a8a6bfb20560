"""An axis: where a value stands, at which round numbers a line is drawn, and how these are written.

All of it in fractions, so that a picture is the same to the byte everywhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from lockstep.domain.money import MINOR_UNITS
from lockstep.reports.cells import decimal_text, grouped, per_cent

__all__ = ["Scale", "bare_text", "place", "scale_of", "value_text"]

_STEPS = 4
"""About so many lines."""
_MULTIPLES = ((10**12, "tn"), (10**9, "bn"), (10**6, "m"), (10**3, "k"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """From `low` to `high`, both round; `ticks` from the lowest to the highest."""

    low: Fraction
    high: Fraction
    ticks: tuple[Fraction, ...]
    labels: tuple[str, ...]

    def along(self, value: Fraction | int, length: int) -> Fraction:
        """How far from the low end, of so many pixels."""
        return (value - self.low) * length / (self.high - self.low)


def scale_of(values: Iterable[int | Fraction], unit: str, *, from_zero: bool) -> Scale:
    """An axis that holds all values, in the unit that people read: of a currency, not its minor units."""
    known = [_read(one, unit) for one in values]
    low, high = min(known, default=Fraction(0)), max(known, default=Fraction(0))
    if from_zero or high == low:
        low, high = min(low, Fraction(0)), max(high, Fraction(0))
    if high == low:
        high = low + 1
    step = max(_step((high - low) / _STEPS), _least(unit))
    first, last = low // step, -(-high // step)
    factor = _factor(unit)
    ticks = tuple(number * step for number in range(first, last + 1))
    return Scale(
        low=ticks[0] / factor,
        high=ticks[-1] / factor,
        ticks=tuple(one / factor for one in ticks),
        labels=tuple(_short(one, step) + (" %" if unit == "%" else "") for one in ticks),
    )


def value_text(value: int | Fraction, unit: str) -> str:
    """A value as it is read beside its mark, with the unit: fractions of a minor unit, and of what is counted beyond
    two decimals, are rounded half to even."""
    if unit == "%":
        return per_cent(value)
    if unit in MINOR_UNITS or value.denominator == 1:
        shown = grouped(decimal_text(round(value), MINOR_UNITS.get(unit, 0)))
    else:
        shown = grouped(decimal_text(round(value * 100), 2))
    return f"{shown} {unit}".strip()


def bare_text(value: int | Fraction, unit: str) -> str:
    """The same where the unit stands elsewhere; a per cent sign stays."""
    text = value_text(value, unit)
    return text if unit == "%" else text.removesuffix(f" {unit}")


def place(value: Fraction | int) -> str:
    """A coordinate with at most one decimal."""
    return decimal_text(round(value * 10), 1).removesuffix(".0")


def _factor(unit: str) -> Fraction:
    """How many of what is read one of what is stored is."""
    return Fraction(100) if unit == "%" else Fraction(1, 10 ** MINOR_UNITS.get(unit, 0))


def _read(value: int | Fraction, unit: str) -> Fraction:
    return Fraction(value) * _factor(unit)


def _least(unit: str) -> Fraction:
    """No two lines are nearer than can be told apart: a minor unit, 0.001 %, one of what is counted."""
    return Fraction(1, 10 ** (3 if unit == "%" else MINOR_UNITS.get(unit, 0)))


def _step(rough: Fraction) -> Fraction:
    """The next of 1, 2, 5 times a power of ten that is no less."""
    power = Fraction(1)
    while power * 10 <= rough:
        power *= 10
    while power > rough:
        power /= 10
    return next(power * one for one in (1, 2, 5, 10) if power * one >= rough)


def _short(value: Fraction, step: Fraction) -> str:
    """A tick's number, in thousands or more where the steps are."""
    if not value:
        return "0"
    multiple, letter = next((one for one in _MULTIPLES if abs(step) * _STEPS >= one[0]), (1, ""))
    scaled, decimals = value / multiple, 0
    while (step / multiple * 10**decimals).denominator != 1 and decimals < 9:
        decimals += 1
    return grouped(decimal_text(round(scaled * 10**decimals), decimals)) + letter
