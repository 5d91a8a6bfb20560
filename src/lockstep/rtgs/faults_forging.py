"""What a faulty system says instead of the truth: a status that contradicts, a statement that is not so.

Each is a valid message, as a real system's mistake would be; the books stay as they are.
"""

from dataclasses import replace

from lockstep.domain.identifiers import derive_message_id
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import PaymentReport, PaymentState
from lockstep.domain.statement import Entry, Statement
from lockstep.domain.transfer import TransferReport
from lockstep.iso20022 import Body, read, write


def contradiction(data: bytes, says: str) -> bytes | None:
    """A second pacs.002 on the same payment with another status; None if `data` is no pacs.002."""
    message = read(data)
    body = message.body
    if not isinstance(body, PaymentReport | TransferReport):
        return None
    state = PaymentState(says)
    code, why = ("NARR", "contradicts an earlier status") if state.is_never else (None, None)
    forged = replace(body, state=state, reason_code=code, reason=why)
    return _written(message, forged, says)


def without_an_entry(data: bytes, draw: int) -> bytes | None:
    """A statement that misses one of its entries, and adds up all the same; None if it has none."""
    message = read(data)
    statement = message.body
    if not isinstance(statement, Statement) or not statement.entries:
        return None
    gone = draw % len(statement.entries)
    entries = tuple(entry for place, entry in enumerate(statement.entries) if place != gone)
    return _written(message, _adding_up(statement, entries), "misses")


def with_a_wrong_entry(data: bytes, draw: int) -> bytes | None:
    """A statement that shows one entry with one more minor unit; None if it has none."""
    message = read(data)
    statement = message.body
    if not isinstance(statement, Statement) or not statement.entries:
        return None
    wrong = draw % len(statement.entries)
    entries = tuple(_more(entry) if place == wrong else entry for place, entry in enumerate(statement.entries))
    return _written(message, _adding_up(statement, entries), "wrong")


def _more(entry: Entry) -> Entry:
    return replace(entry, amount=Money(currency=entry.amount.currency, amount=entry.amount.amount + 1))


def _adding_up(statement: Statement, entries: tuple[Entry, ...]) -> Statement:
    closing = statement.opening.amount + sum(entry.signed for entry in entries)
    return replace(statement, entries=entries, closing=Money(currency=statement.opening.currency, amount=closing))


def _written(message: Message[Body], body: Body, what: str) -> bytes:
    identity = derive_message_id(message.sender, f"{message.message_id}/{what}", "forged")
    forged: Message[Body] = Message(
        sender=message.sender, receiver=message.receiver, message_id=identity, created=message.created, body=body
    )
    return write(forged)
