"""The records that a participant's message is judged by: of many messages, read all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from lockstep.domain.identifiers import Lei, Reference, TradeId
from lockstep.domain.instruction import CancellationRequest, Instruction
from lockstep.domain.message import Message
from lockstep.domain.trade import Trade
from lockstep.ports import Book, BulkBook, StoredInstruction

__all__ = ["Records", "read_ahead"]


class Records(Protocol):
    """See `Book`."""

    def seen(self, sender: str, message_id: str) -> str | None: ...

    def instruction(self, owner: Lei, reference: Reference) -> StoredInstruction | None: ...

    def trade(self, trade_id: TradeId) -> Trade | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReadAhead:
    """As they were when they were read. Whether a message, or an instruction, that is not one of those is known it
    cannot tell: KeyError.
    """

    book: Book
    known: Mapping[tuple[str, str], str | None]
    instructions: Mapping[tuple[Lei, Reference], StoredInstruction | None]

    def seen(self, sender: str, message_id: str) -> str | None:
        return self.known[sender, message_id]

    def instruction(self, owner: Lei, reference: Reference) -> StoredInstruction | None:
        return self.instructions[owner, reference]

    def trade(self, trade_id: TradeId) -> Trade | None:
        return self.book.trade(trade_id)


def read_ahead(book: Book, messages: Sequence[Message[Instruction] | Message[CancellationRequest]]) -> Records:
    """What judging these messages asks of the records, where the book can give many at once."""
    if not hasattr(book, "seen_of"):
        return book
    bulk = cast(BulkBook, book)
    known: dict[tuple[str, str], str | None] = {(one.sender, one.message_id): None for one in messages}
    instructions: dict[tuple[Lei, Reference], StoredInstruction | None] = {
        (one.body.owner.lei, one.body.reference): None for one in messages
    }
    known.update(bulk.seen_of(list(known)))
    instructions.update(bulk.instructions_of(list(instructions)))
    return _ReadAhead(book=book, known=known, instructions=instructions)
