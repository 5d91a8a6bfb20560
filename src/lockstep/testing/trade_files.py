"""Trades by the thousand, as their parties would hand them in: a market file and a folder of sese.023 files.

A seed decides everything. Each bank begins with the units and the money for every trade that it could be drawn for,
so that nothing waits for want of them, in whatever order the trades settle. Trades that go wrong, on purpose, are made
by `lockstep.testing.bad_trades`.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from lockstep.domain.identifiers import (
    Bic,
    Isin,
    Lei,
    Reference,
    isin_check_digit,
    lei_check_digits,
)
from lockstep.domain.instruction import Instruction, Party, QuantityType, Side
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.iso20022 import write

__all__ = ["DAY", "POOR", "SUSPENDED", "UNMANDATED", "FileMarket", "file_name", "reference_of"]

DAY = date(2026, 11, 23)
"""A Monday: every trade is settled on it."""
SERVICE, RTGS = Bic("LSTPZZ2A"), Bic("CBNKZZ2AXXX")
LARGEST_UNITS, SMALLEST_CENTS, LARGEST_CENTS = 1_000, 1_000, 20_000
"""Units of a trade, and cents for each."""
POOR, UNMANDATED, SUSPENDED = "POOR", "NOMD", "SUSP"
"""The first four letters of banks that only bad trades name: one without money or units, one that gave no mandate, one
that the registry has suspended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMarket:
    """So many banks that trade so many shares for euros, with enough of both for `trades` trades."""

    trades: int
    banks: int = 20
    securities: int = 4
    seed: int = 1
    opens: time = time(1)
    pay_by: time = time(22)
    closes: time = time(23)
    specials: Sequence[str] = field(default=())
    """Which of POOR, UNMANDATED and SUSPENDED there are besides."""

    # --- who and what

    def bank(self, place: int) -> Party:
        letters = "".join(chr(65 + place // 26**digit % 26) for digit in (1, 0))
        return _party(f"BK{letters}", place)

    def special(self, letters: str) -> Party:
        return _party(letters, 90_000 + (POOR, UNMANDATED, SUSPENDED).index(letters))

    def isin(self, place: int) -> Isin:
        body = f"ZZ00SHARE{place:02d}"
        return Isin(body + isin_check_digit(body))

    def text(self) -> str:
        """The market file (TOML)."""
        cash = Money(currency="EUR", amount=self.trades * LARGEST_UNITS * LARGEST_CENTS)
        units = self.trades * LARGEST_UNITS
        lines = [
            f"business_day = {DAY}",
            f"opens = {self.opens}",
            f"pay_by = {self.pay_by}",
            f"closes = {self.closes}",
            f'service = "{SERVICE}"',
            f'rtgs = "{RTGS}"',
        ]
        ordinary = [self.bank(place) for place in range(self.banks)]
        special = {letters: self.special(letters) for letters in self.specials}
        for number, party in enumerate([*ordinary, *special.values()], 1):
            poor = party == special.get(POOR)
            lines += [
                "[[participants]]",
                f'name = "Bank {party.bic}"',
                f'lei = "{party.lei}"',
                f'bic = "{party.bic}"',
                f'status = "{"suspended" if party == special.get(SUSPENDED) else "active"}"',
                f'accounts = {{ EUR = "RTGS-EUR-{number:04d}" }}',
                f'cash = {{ EUR = "{"0.00" if poor else cash.text()}" }}',
            ]
            if party != special.get(UNMANDATED):
                lines += [
                    "[[mandates]]",
                    f'debtor = "{party.bic}"',
                    'currency = "EUR"',
                    'maximum = "1000000.00"',
                    f"until = {DAY + timedelta(days=30)}",
                ]
        for place in range(self.securities):
            lines += [
                "[[securities]]",
                f'isin = "{self.isin(place)}"',
                f'name = "Share {place}, ordinary"',
                f'symbol = "SHR{place}"',
                'quantity_type = "Unit"',
                "decimals = 0",
                'currency = "EUR"',
            ]
            lines += [
                f'[[holdings]]\nparticipant = "{party.bic}"\nisin = "{self.isin(place)}"\nquantity = "{units}"'
                for party in [*ordinary, *(one for name, one in special.items() if name != POOR)]
            ]
        lines += ["[tolerances.EUR]", 'threshold = "100000.00"', 'up_to = "2.00"', 'above = "25.00"']
        return "\n".join(lines) + "\n"

    # --- trades

    def pair_with(self, letters: str, number: int) -> tuple[Message[Instruction], Message[Instruction]]:
        """Trade `number` with a special bank as its buyer."""
        given, taken = (replace(one.body, receiver=self.special(letters)) for one in self.pair(number))
        return message_of(given, number), message_of(taken, number)

    def pair(self, number: int) -> tuple[Message[Instruction], Message[Instruction]]:
        """Both sides of trade `number`: the deliverer's instruction and the receiver's."""
        dice = random.Random(f"{self.seed}/{number}")
        seller, buyer = dice.sample(range(self.banks), 2)
        units, cents = dice.randint(1, LARGEST_UNITS), dice.randint(SMALLEST_CENTS, LARGEST_CENTS)
        given = Instruction(
            reference=reference_of(Side.DELIVER, number),
            side=Side.DELIVER,
            deliverer=self.bank(seller),
            receiver=self.bank(buyer),
            isin=self.isin(dice.randrange(self.securities)),
            quantity=Quantity.parse(str(units)),
            quantity_type=QuantityType.UNIT,
            cash=Money(currency="EUR", amount=units * cents),
            trade_date=DAY - timedelta(days=4),
            settlement_date=DAY,
        )
        taken = replace(given, side=Side.RECEIVE, reference=reference_of(Side.RECEIVE, number))
        return message_of(given, number), message_of(taken, number)

    def write(self, folder: Path, numbers: range) -> Mapping[str, int]:
        """Writes the trades' files into a folder; the number of each by the file's name."""
        folder.mkdir(parents=True, exist_ok=True)
        return {name: number for number in numbers for name in self._write(folder, number)}

    def _write(self, folder: Path, number: int) -> Iterator[str]:
        for message in self.pair(number):
            name = file_name(number, message.body.side)
            (folder / name).write_bytes(write(message))
            yield name


def message_of(instruction: Instruction, number: int, *, mark: str = "") -> Message[Instruction]:
    """An instruction as its owner sends it. `mark` tells apart several of one owner for one trade."""
    owner = instruction.owner.bic
    return Message(
        sender=owner,
        receiver=SERVICE,
        message_id=f"{owner[:4]}-{instruction.side.value}-{number}{mark}",
        created=datetime.combine(DAY, time(0, 30), tzinfo=UTC) + timedelta(seconds=number % 1_000),
        body=instruction,
    )


def reference_of(side: Side, number: int) -> Reference:
    """What a party calls its side of trade `number`."""
    return Reference(f"{side.value}-{number}")


def file_name(number: int, side: Side, *, mark: str = "") -> str:
    """In the order of the trades, the deliverer's first."""
    return f"{number:07d}-{side.value.lower()}{mark}.xml"


def _party(letters: str, number: int) -> Party:
    body = f"ZZZZ00BANK{number:08d}"
    return Party(lei=Lei(body + lei_check_digits(body)), bic=Bic(f"{letters}ZZ2A"))
