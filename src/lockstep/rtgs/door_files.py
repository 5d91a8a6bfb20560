"""What a door tells of a file's messages, one by one and in their order: by HTTP as JSON, in the drop as messages."""

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.exc import OperationalError

from lockstep.domain.errors import Conflict, InvalidInput, Refused, Unavailable
from lockstep.domain.identifiers import Bic, derive_message_id
from lockstep.domain.message import Message
from lockstep.domain.notice import Acknowledgement
from lockstep.iso20022 import LARGEST_FILE, MessageFile, pack, write
from lockstep.rtgs.rejecting import LONGEST_OPERAND, rejection, related_id

TAKEN, REFUSED, INVALID, UNKNOWN = "taken", "refused", "invalid", "unknown"
"""What may have become of a message. Unknown: it may be taken or not, and may be sent again."""

ACCEPTED = "RCVD"
"""The status code (ReqHdlg/StsCd) of the admi.007 that says in a file of answers that a message was taken."""

SHORT_OPERAND = 100
"""Characters of an operand where there are too many of them."""

_log = logging.getLogger(__name__)


def as_json(
    system: Bic, sender: Bic, messages: Sequence[bytes], found: Sequence[object], now: datetime
) -> list[dict[str, str]]:
    """Of each message its `message_id` and `outcome`; of one refused by name `name` and operands, of an invalid one
    `field`, `value` and `rule`, of both the admi.002 as `answer`. What was said of one that was taken is in its
    sender's mailbox.

    Raises what the database failed with, if it failed all of them.
    """
    first = found[0]
    if isinstance(first, OperationalError) and all(one is first for one in found):
        raise first
    return [
        {**_told(system, sender, data, one, now), "message_id": related_id(data)}
        for data, one in zip(messages, found, strict=True)
    ]


def _told(system: Bic, sender: Bic, data: bytes, found: object, now: datetime) -> dict[str, str]:
    if not isinstance(found, Exception):
        return {"outcome": TAKEN}
    if isinstance(found, Refused):
        details = {name: str(value) for name, value in found.details.items()}
        told = {**details, "outcome": REFUSED, "name": found.name}
    elif isinstance(found, InvalidInput | Conflict):
        told = {"outcome": INVALID, "field": found.field, "value": found.value, "rule": found.rule}
    else:
        if not isinstance(found, Unavailable):
            _log.error("a message of a file failed", exc_info=found)
        rule = str(found) if isinstance(found, Unavailable) else "the system failed at this message"
        return {"outcome": UNKNOWN, "rule": rule}
    return told | {"answer": rejection(system, sender, data, found, now).decode()}


def as_messages(system: Bic, sender: Bic, file: MessageFile, found: Sequence[object], now: datetime) -> bytes:
    """A file with one message for each: admi.007 for one that was taken, admi.002 for one that was not."""

    def answers(longest: int) -> list[bytes]:
        return [
            rejection(system, sender, data, one, now, longest)
            if isinstance(one, Refused | InvalidInput | Conflict)
            else _accepted(system, sender, file.identity, place, data, now)
            for place, (data, one) in enumerate(zip(file.messages, found, strict=True))
        ]

    told = answers(LONGEST_OPERAND)
    if sum(map(len, told)) > LARGEST_FILE // 2:  # what is refused may quote more than a file of answers may hold
        told = answers(SHORT_OPERAND)
    return pack(told, now)


def _accepted(system: Bic, sender: Bic, file: str, place: int, data: bytes, now: datetime) -> bytes:
    body = Acknowledgement(
        related_message_id=related_id(data),
        related_definition=None,
        status_code=ACCEPTED,
        at=now,
        description="taken",
    )
    identity = derive_message_id(system, f"{sender}/{file}/{place}", "admi.007")
    return write(Message(sender=system, receiver=sender, message_id=identity, created=now, body=body))
