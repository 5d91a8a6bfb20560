"""Whole numbers divided with the rounding in the name. Shares are in parts of a million."""

__all__ = ["PARTS", "divide_down", "divide_nearest", "divide_up", "share_text"]

PARTS = 1_000_000
"""Haircuts, caps, rates and limits are counted in parts of a million: 15_000 is 1.5 %."""


def divide_down(number: int, by: int) -> int:
    """The greatest whole number that is not above the quotient. `by` is above zero."""
    return number // by


def divide_up(number: int, by: int) -> int:
    """The least whole number that is not below the quotient. `by` is above zero."""
    return -(-number // by)


def divide_nearest(number: int, by: int) -> int:
    """The nearest whole number, a half away from zero, as amounts of money are rounded. `by` is above zero."""
    half = (2 * abs(number) + by) // (2 * by)
    return half if number >= 0 else -half


def share_text(parts: int) -> str:
    """Parts of a million as a person reads them: 15_000 is 1.5 %."""
    sign, (whole, rest) = ("-" if parts < 0 else ""), divmod(abs(parts), 10_000)
    return f"{sign}{whole}{'.' + f'{rest:04d}'.rstrip('0') if rest else ''} %"
