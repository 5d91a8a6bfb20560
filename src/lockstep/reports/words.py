"""Figures and texts as reports write them for people."""

from lockstep.domain.money import Money
from lockstep.reports.cells import grouped

__all__ = ["counted", "money", "shortened", "span"]

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


def span(seconds: int) -> str:
    """A length of time in its two greatest units: `3 h 12 min`, `1 d 4 h`, `45 s`."""
    parts = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    place = next((at for at, (_, size) in enumerate(parts) if abs(seconds) >= size), len(parts) - 1)
    (name, size), sign = parts[place], "-" if seconds < 0 else ""
    whole, rest = divmod(abs(seconds), size)
    if place + 1 == len(parts):
        return f"{sign}{whole} {name}"
    smaller, of = parts[place + 1]
    return f"{sign}{whole} {name}" + (f" {rest // of} {smaller}" if rest // of else "")
