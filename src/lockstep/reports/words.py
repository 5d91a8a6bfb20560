"""Figures and texts as reports write them for people."""

from lockstep.domain.money import Money
from lockstep.reports.cells import grouped

__all__ = ["counted", "money", "shortened"]

_LONGEST = 200


def money(amount: int, currency: str) -> str:
    """Minor units as `1,234.50 EUR`."""
    return f"{grouped(Money(currency=currency, amount=amount).text())} {currency}"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 trade`, `2 trades`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def shortened(text: str, longest: int = _LONGEST) -> str:
    """On one line, and of what is too long the beginning."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 1]}…"
