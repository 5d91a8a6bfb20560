"""A refused message's answer, admi.002: the rule's name, the field, and all operands for programs."""

import json
import re
from dataclasses import replace
from datetime import datetime

from lockstep.domain.errors import Conflict, InvalidInput, Refused
from lockstep.domain.identifiers import Bic, derive_message_id
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.iso20022 import write

INVALID = "InvalidMessage"
"""The rule's name where a value breaks a rule and no refusal by name does."""

UNREAD = "NOTPROVIDED"
"""Stands for the id of a message whose own could not be read."""

LONGEST_OPERAND = 1000
"""Characters of an operand that AddtlData carries; written as escapes they are six times as many."""

_MESSAGE_ID = re.compile(rb"<(?:\w+:)?BizMsgIdr>\s*([A-Za-z0-9/?:().,'+-]{1,35})\s*</")


def rejection(
    system: Bic,
    receiver: Bic,
    data: bytes,
    error: InvalidInput | Refused | Conflict,
    now: datetime,
    longest: int = LONGEST_OPERAND,
) -> bytes:
    """The admi.002 that answers `data`, which was refused with `error`; of each operand so many characters."""
    body = rejection_of(data, error, now, longest)
    identity = derive_message_id(system, f"{receiver}/{body.related_message_id}/{body.additional}", "admi.002")
    message = Message(sender=system, receiver=receiver, message_id=identity, created=now, body=body)
    try:
        return write(message)
    except InvalidInput:  # an id that looks like one and is none: the reason is told all the same
        return write(replace(message, body=replace(body, related_message_id=UNREAD)))


def rejection_of(
    data: bytes, error: InvalidInput | Refused | Conflict, now: datetime, longest: int = LONGEST_OPERAND
) -> Rejection:
    """Why `data` was refused, as a message's body."""
    if isinstance(error, Refused):
        name, details = error.name, {key: str(value) for key, value in error.details.items()}
    else:
        name = INVALID
        details = {"field": error.field, "value": error.value, "rule": error.rule}
    return Rejection(
        related_message_id=related_id(data),
        code=name,
        rejected_at=now,
        location=_text(details.get("field", "")) or None,
        description=_text(details.get("rule", "")) or None,
        additional=json.dumps({key: value[:longest] for key, value in details.items()}, ensure_ascii=True),
    )


def related_id(data: bytes) -> str:
    """What a message calls itself, as far as that can be read."""
    found = _MESSAGE_ID.search(data[:4096])
    return found.group(1).decode() if found else UNREAD


def _text(value: str) -> str:
    """At most 350 printable characters."""
    return "".join(character if character.isprintable() else "?" for character in value)[:350]
