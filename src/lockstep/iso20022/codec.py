"""Messages to and from bytes: the envelope, the business header, the checks that every type shares.

On the wire a message is one XML root `BizMsg` (urn:lockstep:bizmsg:1) that holds a business
application header (head.001.001.02) and one document. Every refusal is an InvalidMessage with the
path, the value and the rule; no other exception leaves `read`.
"""

from collections.abc import Callable
from itertools import islice
from typing import Any, TypeAlias, TypeVar

from lxml import etree

from lockstep.domain.errors import InvalidInput, InvalidMessage
from lockstep.domain.identifiers import bic, reference
from lockstep.domain.instruction import (
    CancellationAdvice,
    CancellationRequest,
    Instruction,
    SettlementConfirmation,
    Side,
    StatusAdvice,
)
from lockstep.domain.message import Message
from lockstep.domain.payment import BookingNotice, CancelPayment, Payment, PaymentReport, Release, Resolution
from lockstep.iso20022 import investigations, payments, securities
from lockstep.iso20022.fields import Fields, Header, leaf, node, parse_instant, utc
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.validation import local_name, parse, path_of, validate

__all__ = ["MESSAGE_TYPES", "Body", "peek", "read", "write"]

Body: TypeAlias = (
    Instruction
    | CancellationRequest
    | StatusAdvice
    | CancellationAdvice
    | SettlementConfirmation
    | Payment
    | PaymentReport
    | CancelPayment
    | Resolution
    | BookingNotice
    | Release
)

Value = TypeVar("Value")

_ISO = "urn:iso:std:iso:20022:tech:xsd:"
_ENVELOPE = "urn:lockstep:bizmsg:1"
_HEAD = "head.001.001.02"
_KINDS: tuple[Kind[Any], ...] = (*securities.KINDS, *payments.KINDS, *investigations.KINDS)
_BY_BODY = {kind.body: kind for kind in _KINDS}
_BY_TAG = {f"{{{_ISO}{kind.definition}}}Document": kind for kind in _KINDS}
_ROOT_TAG = f"{{{_ENVELOPE}}}BizMsg"
_HEADER_TAG = f"{{{_ISO}{_HEAD}}}AppHdr"

MESSAGE_TYPES: dict[type, str] = {kind.body: kind.definition for kind in _KINDS}
"""The one version of each message definition that is taken and given, by domain value."""


def write(message: Message[Body]) -> bytes:
    """As bytes, valid by the usage guideline. Raises InvalidMessage for a value that has no place."""
    kind = _BY_BODY.get(type(message.body))
    if kind is None:
        raise TypeError(f"{type(message.body).__name__} is no message body")
    if message.created.microsecond:
        raise InvalidMessage("AppHdr/CreDt", message.created, "whole seconds")
    header = (
        _correspondent("Fr", message.sender),
        _correspondent("To", message.receiver),
        leaf("BizMsgIdr", message.message_id),
        leaf("MsgDefIdr", kind.definition),
        leaf("CreDt", utc(message.created)),
        leaf("PssblDplct", "true" if message.possible_duplicate else None),
    )
    try:
        document = node(kind.root, *kind.write(message))
    except InvalidInput as broken:
        raise _whole(kind, broken) from None
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<BizMsg xmlns="{_ENVELOPE}">'
        f'<AppHdr xmlns="{_ISO}{_HEAD}">{"".join(header)}</AppHdr>'
        f'<Document xmlns="{_ISO}{kind.definition}">{document}</Document></BizMsg>\n'
    )
    try:
        data = text.encode()
    except UnicodeEncodeError as broken:
        raise InvalidMessage("XML", ascii(text[broken.start]), "characters that UTF-8 can carry") from None
    validate(parse(data))
    return data


def read(data: bytes) -> Message[Body]:
    """The message in the bytes. Raises InvalidMessage, and nothing else."""
    root = parse(data)
    kind = _kind_of(root)
    validate(root)
    head: dict[str, str] = {}
    _flatten(root[0], "", head)
    values: dict[str, str] = {}
    _flatten(root[1][0], "", values)
    if head["MsgDefIdr"] != kind.definition:
        rule = f"{kind.definition}, as the document's namespace says"
        raise InvalidMessage("AppHdr/MsgDefIdr", head["MsgDefIdr"], rule)
    created = parse_instant(head["CreDt"], "AppHdr/CreDt")
    sender, receiver, message_id = head["Fr/FIId/FinInstnId/BICFI"], head["To/FIId/FinInstnId/BICFI"], head["BizMsgIdr"]
    fields = Fields(values)
    try:
        for path in kind.message_id:
            fields.require(path, message_id, "the same as AppHdr/BizMsgIdr")
        for path in kind.sender:
            fields.require(path, sender, "the same as AppHdr/Fr")
        for path in kind.receiver:
            fields.require(path, receiver, "the same as AppHdr/To")
        body = kind.read(fields)
    except InvalidInput as broken:
        raise _whole(kind, broken) from None
    return Message(
        sender=bic(sender, field="AppHdr/Fr/FIId/FinInstnId/BICFI"),
        receiver=bic(receiver, field="AppHdr/To/FIId/FinInstnId/BICFI"),
        message_id=message_id,
        created=created,
        body=body,
        possible_duplicate=head.get("PssblDplct") == "true",
    )


def _whole(kind: Kind[Any], broken: InvalidInput) -> InvalidMessage:
    """A mapping's or a domain value's refusal with the field's whole path."""
    path = kind.places.get(broken.field, broken.field)
    return InvalidMessage(f"Document/{kind.root}/{path}", broken.value, broken.rule)


PEEKED = 500
"""So many elements at the beginning are looked at: no message that is taken has more."""


def peek(data: bytes) -> Header | None:
    """Who sent these bytes and what they call themselves, so that a refusal can be answered.

    Best effort over anything at all, broken XML included; None unless there is a sender and an id.
    Nothing else is judged: act on no value of a message that `read` refuses.
    """
    try:
        root = parse(data, recover=True)
        first = islice(root.iter(etree.Element), PEEKED)
        found = {path_of(element): element.text or "" for element in first if len(element) == 0}
        sender = bic(found.get("AppHdr/Fr/FIId/FinInstnId/BICFI", ""))
    except InvalidInput:
        return None
    message_id = found.get("AppHdr/BizMsgIdr", "")
    if not 1 <= len(message_id) <= 35:
        return None
    leaves = {path.rpartition("/")[2]: text for path, text in found.items()}
    return Header(
        sender=sender,
        receiver=_or_none(bic, found.get("AppHdr/To/FIId/FinInstnId/BICFI", "")),
        message_id=message_id,
        definition=found.get("AppHdr/MsgDefIdr", ""),
        reference=_or_none(reference, leaves.get("TxId", "")),
        side={side.value: side for side in Side}.get(leaves.get("SctiesMvmntTp", "")),
    )


def _or_none(convert: Callable[[str], Value], text: str) -> Value | None:
    try:
        return convert(text)
    except InvalidInput:
        return None


def _kind_of(root: etree._Element) -> Kind[Any]:
    """Which message this is, judged before the schema so that a wrong version is called that."""
    if root.tag != _ROOT_TAG:
        raise InvalidMessage(local_name(str(root.tag)), root.tag, f"the root is BizMsg of {_ENVELOPE}")
    tags = [str(child.tag) for child in root]
    if tags[:1] != [_HEADER_TAG]:
        raise InvalidMessage("AppHdr", tags[0] if tags else "", f"a business header of {_ISO}{_HEAD} comes first")
    kind = _BY_TAG.get(tags[1]) if len(tags) == 2 else None
    if kind is not None:
        return kind
    if len(tags) != 2 or local_name(tags[1]) != "Document":
        raise InvalidMessage("Document", ", ".join(map(local_name, tags[1:])), "exactly one, after the header")
    definition = tags[1][1:].rpartition("}")[0].removeprefix(_ISO)
    family = [name for name in MESSAGE_TYPES.values() if name[:8] == definition[:8]]
    taken = f"version {family[0]} is taken" if family else f"one of {', '.join(MESSAGE_TYPES.values())}"
    raise InvalidMessage("Document/@xmlns", definition, taken)


def _flatten(element: etree._Element, path: str, into: dict[str, str]) -> None:
    """Every element by path, and the attributes of those with text."""
    for child in element:
        name = path + str(child.tag).rpartition("}")[2]
        if len(child):
            into[name] = ""
            _flatten(child, f"{name}/", into)
        else:
            into[name] = child.text or ""
            for key, value in child.items():
                into[f"{name}/@{key!s}"] = str(value)


def _correspondent(name: str, code: str) -> str:
    return node(name, node("FIId", node("FinInstnId", leaf("BICFI", code))))
