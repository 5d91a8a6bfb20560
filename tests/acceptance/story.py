"""The first day and smaller ones made from it: what is sent, and what must come of it."""

import re
import tomllib
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from lockstep.domain.instruction import CancellationRequest, Instruction, Party
from lockstep.domain.message import Message
from lockstep.domain.money import Money, Quantity
from lockstep.iso20022 import read, write

FIRST_DAY = Path(__file__).resolve().parents[2] / "examples" / "first-day"
WAVES = ("1-opening", "2-midday", "3-afternoon")
EXPECTED: dict[str, Any] = tomllib.loads((FIRST_DAY / "expected.toml").read_text())
BONDS = "ZZ00EXB20314"


def market_of(members: Collection[str], securities: Collection[str]) -> str:
    """The first day's market file without the other members and securities."""
    blocks = re.split(r"(?m)^(?=\[)", (FIRST_DAY / "market.toml").read_text())
    return "".join(block for block in blocks if _belongs(block, members, securities))


def _belongs(block: str, members: Collection[str], securities: Collection[str]) -> bool:
    named = dict(re.findall(r'(?m)^(\w+) = "([^"]*)"', block))
    kind = block.partition("]")[0]
    parties = {named.get(name) for name in ("bic", "participant", "debtor", "payee")} - {None}
    if kind in ("[[securities", "[[holdings") and named["isin"] not in securities:
        return False
    return not kind.startswith("[[") or parties <= set(members)


def message_of(name: str) -> Message[Any]:
    """A message of the first day."""
    return read((FIRST_DAY / name).read_bytes())


class Writer:
    """Writes trades between two members into a folder: both sides, and both sides' cancellations."""

    SELLER, BUYER = message_of("1-opening/200-t10-fabl-delivers.xml"), message_of("1-opening/210-t10-atls-receives.xml")
    """Fable sells bonds to Atlantis, which has 1.2 million euros."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def trade(self, number: int, cash: str, quantity: str | None = None) -> tuple[Path, Path]:
        """Trade `number` for so many euros, as many bonds in face amount where nothing else is said."""
        first, second = self.instructions(number, cash, quantity)
        return self.file(first), self.file(second)

    @classmethod
    def instructions(cls, number: int, cash: str, quantity: str | None = None) -> list[Message[Instruction]]:
        return [
            replace(
                one,
                message_id=f"{one.sender[:4]}-TEST-{number}",
                created=one.created + timedelta(seconds=number),
                body=replace(
                    one.body,
                    reference=reference(one.body, number),
                    cash=Money.parse(cash, "EUR"),
                    quantity=Quantity.parse(quantity or cash),
                ),
            )
            for one in (cls.SELLER, cls.BUYER)
        ]

    def cancellations(self, number: int) -> tuple[Path, Path]:
        """Both parties' wish that trade `number` be cancelled."""
        first, second = (self.file(self._cancellation(one, number)) for one in (self.SELLER, self.BUYER))
        return first, second

    @staticmethod
    def _cancellation(one: Message[Instruction], number: int) -> Message[CancellationRequest]:
        body = one.body
        owner = Party(lei=body.owner.lei, bic=body.owner.bic)
        request = CancellationRequest(reference=reference(body, number), side=body.side, owner=owner)
        return replace(one, message_id=f"{one.sender[:4]}-CANCEL-{number}", body=request)

    def file(self, message: Message[Any], name: str | None = None) -> Path:
        path = self._folder / (name or f"{message.message_id}.xml")
        path.write_bytes(write(message))
        return path

    def raw(self, name: str, data: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(data)
        return path


def reference(body: Instruction, number: int) -> str:
    return f"{body.owner.bic[:4]}-{'D' if body.side.value == 'DELI' else 'R'}-T{number}"


def seller_reference(number: int) -> str:
    """What a trade of `Writer` is called in `Installation.trades`."""
    return f"FABL-D-T{number}"
