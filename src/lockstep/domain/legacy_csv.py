"""A legacy book as CSV: positions, trades, cash. The form is told in docs/reference/legacy-books.md.

A record is one line, and every line ends with a line break: a field cut off at a file's end cannot pass for a smaller
amount, and a quotation mark that is never closed costs its own line only. The header names the columns, in any order;
one that is not known is refused, not ignored. The header refuses the file; a line refuses itself, and the rest goes on.
"""

import csv
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import BinaryIO, TypeVar

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Isin, Lei, isin, lei, reference, uetr
from lockstep.domain.instruction import QuantityType
from lockstep.domain.legacy import (
    BadRow,
    LegacyCash,
    LegacyInstruction,
    LegacyPosition,
    LegacyStatus,
    LegacyTrade,
)
from lockstep.domain.money import Money, Quantity, minor_units

__all__ = ["COLUMNS", "LONGEST_LINE", "read_cash", "read_instructions", "read_positions", "read_trades", "whole_lines"]

Row = TypeVar("Row")

LONGEST_LINE = 4096
"""Bytes, its end included."""
COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "positions": (("as_of", "owner", "account", "isin", "quantity"), ("quantity_type", "available")),
    "trades": (
        ("reference", "deliverer", "receiver", "isin", "quantity", "amount", "currency", "settlement_date", "status"),
        ("trade_date", "uetr", "settled_at"),
    ),
    "cash": (("as_of", "owner", "account", "currency", "balance"), ()),
    "instructions": (
        (
            "reference",
            "deliverer",
            "receiver",
            "isin",
            "quantity",
            "amount",
            "currency",
            "trade_date",
            "settlement_date",
            "instructed_at",
        ),
        ("uetr",),
    ),
}
"""Of each kind of file, the columns that it has, and those that it may have."""

_REMEMBERED = 65536
_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(f"{_DAY.pattern}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(Z|[+-][0-9]{{2}}:[0-9]{{2}})")
_ACCOUNT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/-?:().,'+")


def read_positions(source: BinaryIO, *, delimiter: str = ",") -> Iterator[LegacyPosition | BadRow]:
    """Positions from a file. Raises InvalidInput for the header."""
    return _rows("positions", source, delimiter, _position)


def read_trades(source: BinaryIO, *, delimiter: str = ",") -> Iterator[LegacyTrade | BadRow]:
    """Trades from a file. Raises InvalidInput for the header."""
    return _rows("trades", source, delimiter, _trade)


def read_cash(source: BinaryIO, *, delimiter: str = ",") -> Iterator[LegacyCash | BadRow]:
    """Cash balances from a file. Raises InvalidInput for the header."""
    return _rows("cash", source, delimiter, _cash)


def read_instructions(source: BinaryIO, *, delimiter: str = ",") -> Iterator[LegacyInstruction | BadRow]:
    """What members instructed, from a file. Raises InvalidInput for the header."""
    return _rows("instructions", source, delimiter, _instruction)


def _rows(
    kind: str, source: BinaryIO, delimiter: str, make: Callable[[int, dict[str, str]], Row]
) -> Iterator[Row | BadRow]:
    numbered = enumerate(whole_lines(source), 1)
    first = next(numbered, (1, b""))[1].removeprefix(b"\xef\xbb\xbf")
    columns = _header(kind, _cells(first, delimiter))
    known = dict.fromkeys((*COLUMNS[kind][0], *COLUMNS[kind][1]), "")
    for number, line in numbered:
        if line in (b"\n", b"\r\n"):
            continue
        try:
            cells = _cells(line, delimiter)
            if len(cells) != len(columns):
                raise InvalidInput("line", f"{len(cells)} fields", f"{len(columns)} fields, as the header")
            yield make(number, {**known, **dict(zip(columns, cells, strict=True))})
        except InvalidInput as broken:
            yield BadRow.of(number, broken)


def whole_lines(source: BinaryIO) -> Iterator[bytes]:
    """Each line; of one that is too long, a beginning that shows it."""
    while line := source.readline(LONGEST_LINE + 1):
        rest = line
        while not rest.endswith(b"\n") and (rest := source.readline(1 << 16)):
            line = line[:LONGEST_LINE].ljust(LONGEST_LINE + 1)
        yield line


def _header(kind: str, found: list[str]) -> list[str]:
    must, may = COLUMNS[kind]
    for name in found:
        if name not in must and name not in may:
            raise InvalidInput("header", name, f"a column of {kind}: {', '.join((*must, *may))}")
        if found.count(name) > 1:
            raise InvalidInput("header", name, "each column once")
    for name in must:
        if name not in found:
            raise InvalidInput("header", ",".join(found), f"has a column {name}")
    return found


def _cells(line: bytes, delimiter: str) -> list[str]:
    """A line's fields, quoted as RFC 4180 has it or not."""
    if len(line) > LONGEST_LINE:
        raise InvalidInput("line", f"more than {LONGEST_LINE} bytes", f"at most {LONGEST_LINE} bytes")
    if not line.endswith(b"\n"):
        raise InvalidInput("line", line[-40:].decode("utf-8", "replace"), "a whole line, ended by a line break")
    try:
        text = line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as broken:
        raise InvalidInput("line", line[broken.start : broken.end].hex(), "UTF-8") from None
    if '"' not in text and "\r" not in text:
        return text.split(delimiter)
    try:
        (cells,) = csv.reader([text], delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as broken:
        raise InvalidInput("line", text, f"fields as RFC 4180 quotes them ({broken})") from None
    return cells


def _position(line: int, of: dict[str, str]) -> LegacyPosition:
    short = of["quantity"].startswith("-")
    kind, available = of["quantity_type"], of["available"]
    return LegacyPosition(
        line=line,
        as_of=_day(of["as_of"], "as_of"),
        owner=_lei(of["owner"], "owner"),
        account=_account(of["account"]),
        isin=_isin(of["isin"], "isin"),
        quantity=Quantity.parse(of["quantity"][short:], field="quantity"),
        short=short,
        quantity_type=_chosen(QuantityType, kind, "quantity_type") if kind else None,
        available=Quantity.parse(available, field="available") if available else None,
    )


def _trade(line: int, of: dict[str, str]) -> LegacyTrade:
    traded, unique, settled = of["trade_date"], of["uetr"], of["settled_at"]
    minor_units(of["currency"], field="currency")
    return LegacyTrade(
        line=line,
        reference=reference(of["reference"]),
        deliverer=_lei(of["deliverer"], "deliverer"),
        receiver=_lei(of["receiver"], "receiver"),
        isin=_isin(of["isin"], "isin"),
        quantity=Quantity.parse(of["quantity"]),
        cash=Money.parse(of["amount"], of["currency"]),
        settlement_date=_day(of["settlement_date"], "settlement_date"),
        status=_chosen(LegacyStatus, of["status"], "status"),
        trade_date=_day(traded, "trade_date") if traded else None,
        uetr=uetr(unique, field="uetr") if unique else None,
        settled_at=_instant(settled, "settled_at") if settled else None,
    )


def _instruction(line: int, of: dict[str, str]) -> LegacyInstruction:
    unique = of["uetr"]
    minor_units(of["currency"], field="currency")
    return LegacyInstruction(
        line=line,
        reference=reference(of["reference"]),
        deliverer=_lei(of["deliverer"], "deliverer"),
        receiver=_lei(of["receiver"], "receiver"),
        isin=_isin(of["isin"], "isin"),
        quantity=Quantity.parse(of["quantity"]),
        cash=Money.parse(of["amount"], of["currency"]),
        trade_date=_day(of["trade_date"], "trade_date"),
        settlement_date=_day(of["settlement_date"], "settlement_date"),
        instructed_at=_instant(of["instructed_at"], "instructed_at"),
        uetr=uetr(unique, field="uetr") if unique else None,
    )


def _cash(line: int, of: dict[str, str]) -> LegacyCash:
    below = of["balance"].startswith("-")
    minor_units(of["currency"], field="currency")
    balance = Money.parse(of["balance"][below:], of["currency"], field="balance")
    if below and not balance.amount:
        raise InvalidInput("balance", of["balance"], "zero has no sign")
    return LegacyCash(
        line=line,
        as_of=_day(of["as_of"], "as_of"),
        owner=_lei(of["owner"], "owner"),
        account=_account(of["account"]),
        balance=Money(currency=balance.currency, amount=-balance.amount) if below else balance,
    )


Chosen = TypeVar("Chosen", QuantityType, LegacyStatus)


def _chosen(kind: type[Chosen], text: str, field: str) -> Chosen:
    try:
        return kind(text)
    except ValueError:
        raise InvalidInput(field, text, f"one of {', '.join(one.value for one in kind)}") from None


@lru_cache(_REMEMBERED)
def _lei(text: str, field: str) -> Lei:
    return lei(text, field=field)


@lru_cache(_REMEMBERED)
def _isin(text: str, field: str) -> Isin:
    return isin(text, field=field)


@lru_cache(1024)
def _day(text: str, field: str) -> date:
    try:
        if _DAY.fullmatch(text):  # Python knows other forms of ISO 8601 too
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidInput(field, text, "a day of the calendar as YYYY-MM-DD")


def _account(text: str) -> str:
    if not 1 <= len(text) <= 35 or not _ACCOUNT.issuperset(text):
        raise InvalidInput("account", text, "1 to 35 letters, digits or /-?:().,'+")
    return text


def _instant(text: str, field: str) -> datetime:
    try:
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidInput(field, text, "an instant in whole seconds with Z or an offset, as 2026-03-02T14:30:00Z")
