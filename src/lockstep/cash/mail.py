"""Mail as bytes into mail as values, for every adapter alike."""

from collections.abc import Iterable
from typing import cast

from lockstep.domain.errors import InvalidInput, InvalidMessage
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.iso20022 import read
from lockstep.ports import CashBody, Unreadable

Mail = list[tuple[int, Message[CashBody] | Unreadable]]


def read_mail(items: Iterable[tuple[int, bytes]], receiver: Bic) -> Mail:
    """Reads what can be read. The rest becomes Unreadable in its place, so that it blocks nothing.

    Unreadable is also a message about anything but cash, and one addressed to somebody else.
    """
    return [(sequence, _read(data, receiver)) for sequence, data in items]


def _read(data: bytes, receiver: Bic) -> Message[CashBody] | Unreadable:
    try:
        message = read(data)
        if not isinstance(message.body, CashBody):
            raise InvalidMessage("AppHdr/MsgDefIdr", type(message.body).__name__, "a message about cash")
        if message.receiver != receiver:
            raise InvalidMessage("AppHdr/To", message.receiver, f"this party, {receiver}")
    except InvalidInput as error:
        return Unreadable(data=data, error=error)
    return cast(Message[CashBody], message)
