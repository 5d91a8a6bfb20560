"""Mail as bytes into mail as values, for every adapter alike."""

import json
from collections.abc import Iterable
from typing import cast

from lockstep.domain.errors import InvalidInput, InvalidMessage, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
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


def refusal_of(data: bytes) -> LockstepError:
    """The error that an admi.002 stands for: Refused by its name, or InvalidMessage."""
    try:
        message = read(data)
    except InvalidInput as error:
        return Unavailable(f"the answer cannot be read: {error}")
    rejection = message.body
    if not isinstance(rejection, Rejection):
        return Unavailable(f"the answer is {type(rejection).__name__}, no rejection")
    try:
        details = {str(name): str(value) for name, value in json.loads(rejection.additional or "{}").items()}
    except (ValueError, AttributeError):
        details = {}
    if rejection.code == "InvalidMessage":
        named = (details.get(name, "") for name in ("field", "value", "rule"))
        return InvalidMessage(*named)
    return Refused(rejection.code, details)
