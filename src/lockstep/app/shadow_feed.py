"""A legacy book's instructions, handed to Lockstep's own service as if their parties had sent them: mirror mode.

Both sides of each row are written as sese.023 in the parties' names, under the legacy book's own reference, and taken
as every other instruction is. What is fed twice is told to be a duplicate. That a mirror moves no real money is not
seen to here but by whoever opens it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lockstep.domain.errors import InvalidInput, LockstepError
from lockstep.domain.identifiers import TradeId, Uetr
from lockstep.domain.instruction import Instruction, Party, Side
from lockstep.domain.legacy import BadRow, LegacyInstruction
from lockstep.domain.legacy_csv import read_instructions
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.trade import Trade
from lockstep.flow.receiving import INSTRUCTED, HandedIn, Reception
from lockstep.iso20022 import write

__all__ = ["INSTRUCTIONS", "Fed", "feed", "instructions_of", "messages_of", "twins"]

INSTRUCTIONS = "instructions.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fed:
    """What became of a row: `outcome` is instructed, duplicate or refused, the worse of its two sides'."""

    instruction: LegacyInstruction
    outcome: str
    error: LockstepError | None = None
    """Why it was refused."""


def instructions_of(folder: Path) -> tuple[list[LegacyInstruction], list[BadRow]]:
    """A day's instructions in the order in which they came, and the rows that could not be understood.

    Raises InvalidInput for a folder without them, and for the file's header.
    """
    path = folder / INSTRUCTIONS
    found: list[LegacyInstruction] = []
    apart: list[BadRow] = []
    try:
        with path.open("rb") as source:
            for row in read_instructions(source):
                if isinstance(row, BadRow):
                    apart.append(row)
                else:
                    found.append(row)
    except OSError as error:
        raise InvalidInput("instructions", path, f"a file that can be read ({error.strerror})") from error
    return sorted(found, key=lambda one: one.instructed_at), apart


def feed(reception: Reception, instructions: Sequence[LegacyInstruction]) -> list[Fed]:
    """Hands both sides of each to the service, in order. A refusal is journalled and told, and the rest goes on."""
    given: list[HandedIn] = []
    refused: dict[int, LockstepError] = {}
    for place, one in enumerate(instructions):
        try:
            both = messages_of(one, reception.market)
        except LockstepError as error:
            refused[place] = error
            continue
        given += [HandedIn(message=message, data=write(message)) for message in both]
    results = iter(reception.submit_all(given))
    fed = []
    for place, one in enumerate(instructions):
        if place in refused:
            fed.append(Fed(instruction=one, outcome="refused", error=refused[place]))
        else:
            fed.append(_fed(one, [next(results), next(results)]))
    return fed


def _fed(one: LegacyInstruction, results: Sequence[str | LockstepError]) -> Fed:
    for result in results:
        if isinstance(result, LockstepError):
            return Fed(instruction=one, outcome="refused", error=result)
    outcomes = [str(result) for result in results]
    worse = next((outcome for outcome in outcomes if outcome != INSTRUCTED), INSTRUCTED)
    return Fed(instruction=one, outcome=worse)


def messages_of(one: LegacyInstruction, market: Market) -> tuple[Message[Instruction], Message[Instruction]]:
    """The deliverer's and the receiver's sese.023, the same whenever it is asked.

    Raises InvalidInput for a party or a security that the market does not have.
    """
    parties = []
    for field, lei in (("deliverer", one.deliverer), ("receiver", one.receiver)):
        member = market.participants.get(lei)
        if member is None:
            raise InvalidInput(field, lei, "a participant of the market")
        parties.append(Party(lei=member.lei, bic=member.bic))
    security = market.securities.get(one.isin)
    if security is None:
        raise InvalidInput("isin", one.isin, "a security of the market")
    deliverer, receiver = parties

    def message(side: Side) -> Message[Instruction]:
        owner = deliverer if side is Side.DELIVER else receiver
        return Message(
            sender=owner.bic,
            receiver=market.service,
            message_id=hashlib.sha256(f"mirror\n{one.reference}\n{side.value}".encode()).hexdigest()[:32],
            created=one.instructed_at,
            body=Instruction(
                reference=one.reference,
                side=side,
                deliverer=deliverer,
                receiver=receiver,
                isin=one.isin,
                quantity=one.quantity,
                quantity_type=security.quantity_type,
                cash=one.cash,
                trade_date=one.trade_date,
                settlement_date=one.settlement_date,
            ),
        )

    return message(Side.DELIVER), message(Side.RECEIVE)


def twins(trades: Iterable[Trade], instructions: Iterable[LegacyInstruction]) -> Mapping[TradeId, Uetr]:
    """The legacy system's UETR of each trade that came of an instruction with one: Lockstep's payment has its own."""
    named = {(one.deliverer, one.reference): one.uetr for one in instructions}
    found = {one.trade_id: named.get((one.terms.deliverer, one.terms.deliverer_reference)) for one in trades}
    return {trade_id: uetr for trade_id, uetr in found.items() if uetr is not None}
