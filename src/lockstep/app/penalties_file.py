"""The tables by which penalties are computed, as TOML that people write; docs/reference/reports.md has an example.

Rates and prices are text, so that nobody reads them as binary fractions. What is not known is refused, so that no
table is left out in silence.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import isin
from lockstep.domain.money import minor_units
from lockstep.domain.rounding import PARTS
from lockstep.reports.penalties import ANNEX, SOURCE, CashRate, FailClass, PenaltyTerms

__all__ = ["LONGEST", "read_penalties"]

LONGEST = 8 << 20
"""Bytes of a file."""
_DECIMAL = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,12}))?")
_BASIS_POINT, _PER_CENT = PARTS // 10_000, PARTS // 100
_PARTS = {"source", "rates", "classes", "cash", "prices"}
_LONGEST_YEAR, _SHORTEST_YEAR = 366, 360


def read_penalties(path: Path) -> PenaltyTerms:
    """Raises InvalidInput with the path of what is wrong."""
    top = _table(_content(path), "penalties", _PARTS)
    rates, cash = dict(ANNEX), _table(top.get("cash", {}), "cash")
    for name, text in _table(top.get("rates", {}), "rates").items():
        rates[_class(name, "rates")] = _parts(text, _BASIS_POINT, f"rates/{name}")
    sources = [SOURCE if "rates" not in top else _text(top, "source", "penalties")]
    sources += [f"{name}: {_text(_table(one, f'cash/{name}'), 'source', f'cash/{name}')}" for name, one in cash.items()]
    if "rates" not in top and "source" in top:
        raise InvalidInput("penalties/source", top["source"], "given only with rates: it says where those are from")
    return PenaltyTerms(
        rates=rates,
        classes={
            isin(name, field="classes"): _class(given, f"classes/{name}")
            for name, given in _table(top.get("classes", {}), "classes").items()
        },
        cash_rates={name: _cash_rates(name, one) for name, one in cash.items()},
        day_counts={name: _day_count(name, one) for name, one in cash.items()},
        prices={
            isin(name, field="prices"): {
                _day(on, f"prices/{name}"): _price(text, f"prices/{name}/{on}")
                for on, text in _table(one, f"prices/{name}").items()
            }
            for name, one in _table(top.get("prices", {}), "prices").items()
        },
        sources=tuple(sources),
    )


def _content(path: Path) -> Any:
    try:
        if path.stat().st_size > LONGEST:
            raise InvalidInput("penalties", path, f"at most {LONGEST:,} bytes")
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:  # no number of thousands of digits, nor deepest nesting
        raise InvalidInput("penalties", path, f"a file of TOML in UTF-8 ({error})") from error


def _table(value: Any, at: str, known: set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(at, value, "a table")
    for name in value:
        if known is not None and name not in known:
            raise InvalidInput(f"{at}/{name}", value[name], f"only {', '.join(sorted(known))}")
    return value


def _text(table: Mapping[str, Any], name: str, at: str) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{at}/{name}", value, "given, as text")
    return value


def _number(text: Any, at: str) -> Fraction:
    found = _DECIMAL.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise InvalidInput(at, text, 'a decimal number as text, such as "2.40"')
    sign, whole, rest = found.groups()
    value = Fraction(int(whole + (rest or "")), 10 ** len(rest or ""))
    return -value if sign else value


def _parts(text: Any, scale: int, at: str, *, least: int | None = 0) -> int:
    exact = _number(text, at) * scale
    if exact.denominator != 1:
        raise InvalidInput(at, text, f"no finer than 1/{scale} of the unit")
    if least is not None and exact < least:
        raise InvalidInput(at, text, "not below zero")
    return exact.numerator


def _price(text: Any, at: str) -> Fraction:
    price = _number(text, at)
    if price <= 0:
        raise InvalidInput(at, text, "above zero")
    return price


def _class(name: Any, at: str) -> FailClass:
    try:
        return FailClass(name)
    except ValueError:
        raise InvalidInput(at, name, f"one of {', '.join(one.value for one in FailClass)}") from None


def _day(value: Any, at: str) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise InvalidInput(at, value, "a day, as 2026-11-23") from None


def _cash_rates(currency: str, given: Any) -> tuple[CashRate, ...]:
    at = f"cash/{currency}"
    minor_units(currency, field=at)
    table = _table(given, at, {"source", "day_count", "rates"})
    rates = table.get("rates")
    if not isinstance(rates, list) or not rates:
        raise InvalidInput(f"{at}/rates", rates, "a list of tables, one at least")
    found: list[CashRate] = []
    for number, one in enumerate(rates, 1):
        row = _table(one, f"{at}/rates/{number}", {"since", "percent"})
        since = _day(row.get("since"), f"{at}/rates/{number}/since")
        yearly = _parts(row.get("percent"), _PER_CENT, f"{at}/rates/{number}/percent", least=None)
        if found and found[-1].since >= since:
            raise InvalidInput(f"{at}/rates/{number}/since", since, f"later than {found[-1].since}, the one before")
        found.append(CashRate(since=since, yearly=yearly))
    return tuple(found)


def _day_count(currency: str, given: Mapping[str, Any]) -> int:
    value = given.get("day_count")
    if isinstance(value, bool) or not isinstance(value, int) or not _SHORTEST_YEAR <= value <= _LONGEST_YEAR:
        raise InvalidInput(f"cash/{currency}/day_count", value, f"{_SHORTEST_YEAR} to {_LONGEST_YEAR}")
    return value
