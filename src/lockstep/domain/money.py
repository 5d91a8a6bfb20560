"""Money and quantities: whole minor units with a scale. Never a float, never silent rounding.

Texts are turned into integers digit by digit. Minor units per currency are those of ISO 4217.
"""

import re
from dataclasses import dataclass

from lockstep.domain.currencies import MINOR_UNITS
from lockstep.domain.errors import InvalidInput
from lockstep.domain.values import quick

__all__ = ["MINOR_UNITS", "Money", "Quantity", "minor_units"]

_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,17})?")


def minor_units(currency: str, *, field: str = "currency") -> int:
    """How many decimals a currency has (ISO 4217). Raises InvalidInput for what is no currency."""
    try:
        return MINOR_UNITS[currency]
    except KeyError:
        raise InvalidInput(field, currency, "a currency (ISO 4217)") from None


def _scaled(text: str, scale: int, field: str, what: str) -> int:
    if not _DECIMAL.fullmatch(text):
        raise InvalidInput(field, text, "a plain decimal number without sign, at most 18 digits before the point")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    if len(fraction) > scale:
        raise InvalidInput(field, text, f"at most {scale} decimals for {what}")
    return int(whole + fraction.ljust(scale, "0"))


def _shown(amount: int, scale: int) -> str:
    if scale == 0:
        return str(amount)
    sign, digits = ("-" if amount < 0 else ""), str(abs(amount)).rjust(scale + 1, "0")
    return f"{sign}{digits[:-scale]}.{digits[-scale:]}"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount of one currency, `amount` in its minor units (cents, yen). Not for prices or rates."""

    currency: str
    amount: int

    def __post_init__(self) -> None:
        minor_units(self.currency)

    @classmethod
    def parse(cls, text: str, currency: str, *, field: str = "amount") -> "Money":
        """From a message's text. Raises InvalidInput for excess precision; trailing zeros are none."""
        scale = minor_units(currency, field=f"{field}/@Ccy")
        return cls(currency=currency, amount=_scaled(text, scale, field, currency))

    def text(self) -> str:
        """The amount as a message writes it, with all of the currency's decimals."""
        return _shown(self.amount, minor_units(self.currency))

    def __str__(self) -> str:
        return f"{self.text()} {self.currency}"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """A quantity as an instruction states it: `value` × 10^-`scale`, without trailing zeros.

    A security counts in whole units with decimals of its own; `units()` converts, exactly or not
    at all.
    """

    value: int
    scale: int

    @classmethod
    def parse(cls, text: str, *, field: str = "quantity") -> "Quantity":
        """From a message's text. Raises InvalidInput."""
        if not _DECIMAL.fullmatch(text):
            raise InvalidInput(field, text, "a plain decimal number without sign, at most 18 digits before the point")
        fraction = text.partition(".")[2].rstrip("0")
        return cls(value=_scaled(text, len(fraction), field, "a quantity"), scale=len(fraction))

    @classmethod
    def of_units(cls, units: int, decimals: int) -> "Quantity":
        """From a security's whole units."""
        while decimals and units % 10 == 0:
            units, decimals = units // 10, decimals - 1
        return cls(value=units, scale=decimals)

    def units(self, decimals: int, *, field: str = "quantity") -> int:
        """Whole units of a security with so many decimals. Raises InvalidInput if not exact."""
        if self.scale > decimals:
            raise InvalidInput(field, self.text(), f"at most {decimals} decimals for this security")
        return int(self.value * 10 ** (decimals - self.scale))

    def text(self) -> str:
        """As a message writes it."""
        return _shown(self.value, self.scale)

    def __str__(self) -> str:
        return self.text()
