"""Trades, positions and balances of a business day that every book tells alike. Standard library only.

A seed decides everything. Rows are made as they are asked for, so that a book of ten million takes no more memory than
one of ten; `SoundBook.columns` makes a million in about a second.
"""

import random
import sys
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, TypeAlias

__all__ = ["CURRENCIES", "Cash", "Position", "Row", "SoundBook", "Trade", "business_day", "isin", "lei"]

CURRENCIES = ("EUR", "USD", "GBP", "CHF")
"""With two decimals each."""


class Trade(NamedTuple):
    """A delivery against payment; `quantity` in whole units, `amount` in cents."""

    reference: str
    uetr: str
    deliverer: str
    receiver: str
    isin: str
    quantity: int
    amount: int
    currency: str
    trade_date: date
    settlement_date: date
    status: str
    settled_at: datetime | None
    reported_at: datetime


class Position(NamedTuple):
    """What an owner holds at the day's end, in whole units."""

    as_of: date
    owner: str
    account: str
    isin: str
    quantity: int
    reported_at: datetime


class Cash(NamedTuple):
    """An account's balance at the day's end, in cents."""

    as_of: date
    owner: str
    account: str
    currency: str
    balance: int
    reported_at: datetime


Row: TypeAlias = Trade | Position | Cash


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundBook:
    """So many trades, positions and balances of a business day, the same for each side."""

    rows: int
    seed: int = 1
    day: date = date(2026, 11, 23)
    parties: int = 200

    def row(self, subject: str, number: int) -> Row:
        """A row as every side should have it. From `rows` on they are further ones, which no side should have."""
        block, place = divmod(number, _BLOCK)
        of = _block(self, subject, block)
        if subject == "trades":
            return self._trade(number, of, place)
        owner = lei(number % self.parties)
        account, reported = f"SAFE-{number % self.parties:06d}", self._reported(number)
        if subject == "positions":
            return Position(self.day, owner, account, isin(number // self.parties), of["quantity"][place], reported)
        account = f"CASH-{number % self.parties:06d}-{number // self.parties // len(CURRENCIES)}"
        currency = CURRENCIES[number // self.parties % len(CURRENCIES)]
        return Cash(self.day, owner, account, currency, of["balance"][place], reported)

    def columns(self, subject: str) -> Iterator[tuple[int, Mapping[str, "array[int]"]]]:
        """The same rows a block at a time: the first one's number, and what is drawn of each.

        Of trades: `deliverer`, `receiver` and `isin` as the numbers that `lei` and `isin` take, `quantity`, `amount`,
        `currency` as its place among EUR, USD, GBP and CHF, `settled` in seconds after 07:00 UTC, `uuid_high` and
        `uuid_low`. Of positions the `quantity`, of cash the `balance`; owner, account and the rest follow from a row's
        number, as `row` has them.
        """
        for block in range(-(-self.rows // _BLOCK)):
            of, left = _block(self, subject, block), self.rows - block * _BLOCK
            yield block * _BLOCK, {name: values[:left] for name, values in of.items()}

    def _trade(self, number: int, of: Mapping[str, "array[int]"], place: int) -> Trade:
        settled = datetime.combine(self.day, time(7), tzinfo=UTC) + timedelta(seconds=of["settled"][place])
        digits = f"{of['uuid_high'][place]:016x}{of['uuid_low'][place]:016x}"
        return Trade(
            f"TRADE-{number:010d}",
            f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}",
            lei(of["deliverer"][place]),
            lei(of["receiver"][place]),
            isin(of["isin"][place]),
            of["quantity"][place],
            of["amount"][place],
            CURRENCIES[of["currency"][place]],
            business_day(self.day, -2),
            self.day,
            "settled",
            settled,
            self._reported(number),
        )

    def _reported(self, number: int) -> datetime:
        """Before the cut-off, at 18:00 UTC."""
        return datetime.combine(self.day, time(17), tzinfo=UTC) + timedelta(seconds=number % 3_600)


_BLOCK = 4096
_WORDS = 8


@lru_cache(8)
def _block(book: SoundBook, subject: str, block: int) -> Mapping[str, "array[int]"]:
    """What is drawn of so many rows, by the seed and the block's number alone."""
    drawn = array("Q", random.Random(f"{book.seed}/{subject}/{block}").randbytes(_BLOCK * _WORDS * 8))
    if sys.byteorder == "big":
        drawn.byteswap()
    words = [drawn[place::_WORDS] for place in range(_WORDS)]
    if subject == "positions":
        return {"quantity": array("q", [1 + one % 10_000_000 for one in words[0]])}
    if subject == "cash":
        return {"balance": array("q", [one % 10_001_000_001 - 1_000_000 for one in words[0]])}
    parties, securities = book.parties, max(1, min(1_000, book.rows // 10))
    deliverer = array("q", [one % parties for one in words[0]])
    steps = (1 + one % (parties - 1) for one in words[1])
    quantity = array("q", [1 + one % 100_000 for one in words[2]])
    return {
        "deliverer": deliverer,
        "receiver": array("q", [(one + step) % parties for one, step in zip(deliverer, steps, strict=True)]),
        "isin": array("q", [one % securities for one in words[3]]),
        "quantity": quantity,
        "amount": array("q", [one * (100 + price % 49_901) for one, price in zip(quantity, words[4], strict=True)]),
        "currency": array("q", [one % len(CURRENCIES) for one in words[5]]),
        "settled": array("q", [(one >> 32) % 36_000 for one in words[5]]),
        "uuid_high": array("Q", [one & ~0xF000 | 0x4000 for one in words[6]]),
        "uuid_low": array("Q", [one & ~(3 << 62) | 1 << 63 for one in words[7]]),
    }


@lru_cache(1024)
def business_day(day: date, by: int) -> date:
    """So many weekdays on, or back."""
    step = 1 if by > 0 else -1
    while by:
        day += timedelta(days=step)
        by -= step if day.weekday() < 5 else 0
    return day


@lru_cache(1 << 16)
def lei(number: int) -> str:
    """A made-up legal entity with right check digits (ISO 17442: MOD 97-10 of ISO 7064)."""
    body = f"ZZZZ00BOOK{number:08d}"
    digits = "".join(str(int(letter, 36)) for letter in body)
    return f"{body}{98 - int(digits + '00') % 97:02d}"


@lru_cache(1 << 16)
def isin(number: int) -> str:
    """A made-up security with a right check digit (ISO 6166: every other digit from the right is doubled)."""
    body = f"ZZB{number:08d}"
    digits = [int(digit) for letter in body for digit in str(int(letter, 36))]
    doubled = [digit * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits))]
    return f"{body}{-sum(digit // 10 + digit % 10 for digit in doubled) % 10}"
