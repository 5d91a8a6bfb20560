"""Messages to and from bytes: the envelope, the business header, the checks that every type shares.

On the wire a message is one XML root `BizMsg` (urn:lockstep:bizmsg:1) that holds a business
application header (head.001.001.02) and one document. Every refusal is an InvalidMessage with the
path, the value and the rule; no other exception leaves `read`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import Any, TypeAlias, TypeVar, cast

from lxml import etree

from lockstep.domain.errors import InvalidInput, InvalidMessage
from lockstep.domain.identifiers import Bic, bic, reference
from lockstep.domain.instruction import (
    CancellationAdvice,
    CancellationRequest,
    Instruction,
    SettlementConfirmation,
    Side,
    StatusAdvice,
)
from lockstep.domain.liquidity import (
    DeleteReservation,
    LiquidityTransfer,
    ModifyReservation,
    Receipt,
    ReservationQuery,
    ReservationReport,
)
from lockstep.domain.margin_message import MarginBody
from lockstep.domain.message import Message
from lockstep.domain.notice import Acknowledgement, Rejection, SystemEvent
from lockstep.domain.payment import (
    BookingNotice,
    CancelPayment,
    NeverRequest,
    Payment,
    PaymentReport,
    Release,
    Resolution,
)
from lockstep.domain.priority import Priority
from lockstep.domain.statement import EntryNotice, Statement, StatementRequest, TransactionQuery, TransactionReport
from lockstep.domain.transfer import (
    BankTransfer,
    CustomerTransfer,
    ModifyPayment,
    PaymentReturn,
    Recall,
    RecallAnswer,
    StatusRequest,
    TransferReport,
)
from lockstep.iso20022 import (
    collateral,
    entries,
    investigations,
    liquidity,
    notices,
    payments,
    queries,
    securities,
    transfers,
)
from lockstep.iso20022.fields import Fields, Header, checked_bic, checked_lei, parse_instant
from lockstep.iso20022.flattening import flatten
from lockstep.iso20022.forms import CODES, learn, recall, recall_codes
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.validation import local_name, parse, path_of, shown, validate
from lockstep.iso20022.writing import institution, leaf, node, truth, utc

__all__ = ["MESSAGE_TYPES", "Body", "peek", "read", "require_value_date", "unjudged", "write", "write_copies"]

Body: TypeAlias = (
    Instruction
    | CancellationRequest
    | StatusAdvice
    | CancellationAdvice
    | SettlementConfirmation
    | Payment
    | PaymentReport
    | CancelPayment
    | NeverRequest
    | Resolution
    | BookingNotice
    | Release
    | BankTransfer
    | CustomerTransfer
    | PaymentReturn
    | StatusRequest
    | TransferReport
    | Recall
    | RecallAnswer
    | ModifyPayment
    | EntryNotice
    | Statement
    | StatementRequest
    | TransactionQuery
    | TransactionReport
    | LiquidityTransfer
    | Receipt
    | ReservationQuery
    | ReservationReport
    | ModifyReservation
    | DeleteReservation
    | Rejection
    | SystemEvent
    | Acknowledgement
    | MarginBody
)

Value = TypeVar("Value")

_ISO = "urn:iso:std:iso:20022:tech:xsd:"
_ENVELOPE = "urn:lockstep:bizmsg:1"
_HEAD = "head.001.001.02"
_KINDS: tuple[Kind[Any], ...] = (
    *securities.KINDS,
    *payments.KINDS,
    *investigations.KINDS,
    *transfers.KINDS,
    *entries.KINDS,
    *queries.KINDS,
    *liquidity.KINDS,
    *notices.KINDS,
    *collateral.KINDS,
)
_BY_BODY = {kind.body: kind for kind in _KINDS}
_BY_TAG: dict[str, tuple[Kind[Any], ...]] = {
    f"{{{_ISO}{kind.definition}}}Document": tuple(
        sorted((other for other in _KINDS if other.definition == kind.definition), key=lambda one: one.mark is None)
    )
    for kind in _KINDS
}
_BY_NAME = {kinds[0].definition: kinds for kinds in _BY_TAG.values()}
_CODES = re.compile(f"<({'|'.join(CODES)})>([^<]*)<")
_PLAIN_ID = re.compile("[A-Z0-9]+")
_ROOT_TAG = f"{{{_ENVELOPE}}}BizMsg"
_HEADER_TAG = f"{{{_ISO}{_HEAD}}}AppHdr"
_SENDER, _RECEIVER = "AppHdr/Fr/FIId/FinInstnId/BICFI", "AppHdr/To/FIId/FinInstnId/BICFI"

MESSAGE_TYPES: dict[type, str] = {kind.body: kind.definition for kind in _KINDS}
"""The one version of each message definition that is taken and given, by domain value; some have two uses."""


def write(message: Message[Body]) -> bytes:
    """As bytes, valid by the usage guideline. Raises InvalidMessage for a value that has no place."""
    kind, text, data = _written(message)
    codes = recall_codes(data)
    if codes is None:
        validate(parse(data))
        learn(data, kind.definition)
        codes = _CODES.findall(text)
    for name, code in codes:
        try:
            (checked_lei if name == "LEI" else checked_bic)(code, name)
        except InvalidInput as broken:
            found = next(one for one in parse(data).iter(f"{{*}}{name}") if one.text == code)
            raise InvalidMessage(path_of(found), code, broken.rule) from None
    return data


def write_copies(message: Message[Body], others: Sequence[tuple[Bic, str]]) -> list[bytes]:
    """The message as `write` gives it, then as it is to each of the others, of whom receiver and id are given.

    What is put in the places of receiver and id is of the same form, and a schema judges each text by itself: a copy
    is as valid as what it is a copy of. Raises InvalidMessage if one cannot be written.
    """
    data = write(message)
    if not others:
        return [data]
    kind = _BY_BODY[type(message.body)]
    receiver, identity = b">%b<" % message.receiver.encode(), b">%b<" % message.message_id.encode()
    pieces = data.split(receiver)
    plain = (
        len(pieces) == 2 + len(kind.receiver)
        and data.count(identity) == 1 + len(kind.message_id)  # neither stands there for anything else too
        and _PLAIN_ID.fullmatch(message.message_id) is not None
    )
    copies = [data]
    for to, message_id in others:
        if plain and len(message_id) == len(message.message_id) and _PLAIN_ID.fullmatch(message_id) and _is_bic(to):
            put = b">%b<" % message_id.encode()
            copies.append((b">%b<" % to.encode()).join([piece.replace(identity, put) for piece in pieces]))
        else:
            copies.append(write(replace(message, receiver=to, message_id=message_id)))
    return copies


def unjudged(message: Message[Body]) -> bytes:
    """The bytes that `write` would judge: for the digest of a message that was read. Raises InvalidMessage."""
    return _written(message)[2]


def _written(message: Message[Body]) -> tuple[Kind[Any], str, bytes]:
    kind = _BY_BODY.get(type(message.body))
    if kind is None:
        raise TypeError(f"{type(message.body).__name__} is no message body")
    if message.created.microsecond:
        raise InvalidMessage("AppHdr/CreDt", message.created, "whole seconds")
    header = (
        f"<Fr><FIId>{institution(message.sender)}</FIId></Fr><To><FIId>{institution(message.receiver)}</FIId></To>"
        f"{leaf('BizMsgIdr', message.message_id)}<MsgDefIdr>{kind.definition}</MsgDefIdr>"
        f"{leaf('BizSvc', message.business_service)}<CreDt>{utc(message.created)}</CreDt>"
        f"{leaf('PssblDplct', truth(True) if message.possible_duplicate else None)}"
        f"{leaf('Prty', None if message.priority is None else message.priority.value)}"
    )
    try:
        document = node(kind.root, *kind.write(message))
    except InvalidInput as broken:
        raise _whole(kind, broken) from None
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<BizMsg xmlns="{_ENVELOPE}">'
        f'<AppHdr xmlns="{_ISO}{_HEAD}">{header}</AppHdr>'
        f'<Document xmlns="{_ISO}{kind.definition}">{document}</Document></BizMsg>\n'
    )
    try:
        return kind, text, text.encode()
    except UnicodeEncodeError as broken:
        raise InvalidMessage("XML", ascii(text[broken.start]), "characters that UTF-8 can carry") from None


@lru_cache(1024)
def _is_bic(text: str) -> bool:
    try:
        checked_bic(text, _RECEIVER)
    except InvalidInput:
        return False
    return True


def read(data: bytes) -> Message[Body]:
    """The message in the bytes. Raises InvalidMessage, and nothing else."""
    known = recall(data)
    if known is not None:
        try:
            return _understood(_BY_NAME[known["AppHdr/MsgDefIdr"]], known)
        except (InvalidInput, KeyError):
            pass  # refused all the same, and in the same words as any other message
    root = parse(data)
    kinds = _kinds_of(root)
    validate(root)
    message = _understood(kinds, Fields(flatten(data, root)))
    learn(data, kinds[0].definition)
    return message


def _understood(kinds: tuple[Kind[Any], ...], fields: Fields) -> Message[Body]:
    """A valid document as a value. Raises InvalidMessage for what the schema cannot say."""
    for kind in kinds:
        if kind.mark is None or kind.mark in fields:
            break
    said = fields["AppHdr/MsgDefIdr"]
    if said != kind.definition:
        raise InvalidMessage("AppHdr/MsgDefIdr", said, f"{kind.definition}, as the document's namespace says")
    created = parse_instant(fields["AppHdr/CreDt"], "AppHdr/CreDt")
    try:
        sender, receiver = fields.bic(_SENDER), fields.bic(_RECEIVER)
    except InvalidInput as broken:
        raise InvalidMessage(broken.field, broken.value, broken.rule) from None
    message_id, priority = fields["AppHdr/BizMsgIdr"], fields.get("AppHdr/Prty")
    try:
        for path in kind.message_id:
            if fields[path] != message_id:
                fields.require(path, message_id, "the same as AppHdr/BizMsgIdr")
        for path in kind.sender:
            fields.require(path, sender, "the same as AppHdr/Fr")
        for path in kind.receiver:
            fields.require(path, receiver, "the same as AppHdr/To")
        body = kind.read(fields)
    except InvalidInput as broken:
        raise _whole(kind, broken) from None
    return Message(
        sender=sender,
        receiver=receiver,
        message_id=message_id,
        created=created,
        body=body,
        possible_duplicate=fields.get("AppHdr/PssblDplct") == "true",
        business_service=fields.get("AppHdr/BizSvc"),
        priority=None if priority is None else Priority(priority),
    )


def require_value_date(body: Body, business_day: date, latest: date | None = None) -> None:
    """A payment's settlement date is the business day, or lies between it and `latest`.

    Bodies without a settlement date of their own pass. Raises InvalidMessage with the field's path.
    """
    kind = _BY_BODY[type(body)]
    if kind.value_date is None:
        return
    day: date = cast(Any, body).settlement_date  # the kinds with a value_date have it
    last = business_day if latest is None else latest
    if not business_day <= day <= last:
        rule = f"the business day {business_day}" if last == business_day else f"from {business_day} to {last}"
        raise InvalidMessage(f"Document/{kind.root}/{kind.value_date}", day, rule)


def _whole(kind: Kind[Any], broken: InvalidInput) -> InvalidMessage:
    """A mapping's or a domain value's refusal with the field's whole path."""
    path = kind.places.get(broken.field, broken.field)
    return InvalidMessage(f"Document/{kind.root}/{path}", broken.value, broken.rule)


PEEKED = 500
"""So many elements at the beginning are looked at; the header is among them."""


def peek(data: bytes) -> Header | None:
    """Who sent these bytes and what they call themselves, so that a refusal can be answered.

    Best effort over anything at all, broken XML included; None unless there is a sender and an id.
    Nothing else is judged: act on no value of a message that `read` refuses.
    """
    try:
        root = parse(data, recover=True)
        first = islice(root.iter(etree.Element), PEEKED)
        found = dict(leaf for element in first if len(element) == 0 and (leaf := _leaf(element)))
        sender = bic(found.get(_SENDER, ""))
    except InvalidInput:
        return None
    message_id = found.get("AppHdr/BizMsgIdr", "")
    if not 1 <= len(message_id) <= 35:
        return None
    leaves = {path.rpartition("/")[2]: text for path, text in found.items()}
    return Header(
        sender=sender,
        receiver=_or_none(bic, found.get(_RECEIVER, "")),
        message_id=message_id,
        definition=found.get("AppHdr/MsgDefIdr", ""),
        reference=_or_none(reference, leaves.get("TxId", "")),
        side={side.value: side for side in Side}.get(leaves.get("SctiesMvmntTp", "")),
    )


def _leaf(element: etree._Element) -> tuple[str, str] | None:
    """Path and text; None where a broken message's bytes are no characters."""
    try:
        return path_of(element), element.text or ""
    except UnicodeDecodeError:
        return None


def _or_none(convert: Callable[[str], Value], text: str) -> Value | None:
    try:
        return convert(text)
    except InvalidInput:
        return None


def _kinds_of(root: etree._Element) -> tuple[Kind[Any], ...]:
    """Which message this is, judged before the schema so that a wrong version is called that."""
    if root.tag != _ROOT_TAG:
        name = shown(str(root.tag))
        raise InvalidMessage(local_name(name), name, f"the root is BizMsg of {_ENVELOPE}")
    tags = [str(child.tag) for child in root]
    if tags[:1] != [_HEADER_TAG]:
        raise InvalidMessage(
            "AppHdr", shown(tags[0]) if tags else "", f"a business header of {_ISO}{_HEAD} comes first"
        )
    kinds = _BY_TAG.get(tags[1]) if len(tags) == 2 else None
    if kinds is not None:
        return kinds
    if len(tags) != 2 or local_name(tags[1]) != "Document":
        raise InvalidMessage("Document", shown(", ".join(map(local_name, tags[1:9]))), "exactly one, after the header")
    definition = tags[1][1:].rpartition("}")[0].removeprefix(_ISO)
    family = [name for name in MESSAGE_TYPES.values() if name[:8] == definition[:8]]
    taken = f"version {family[0]} is taken" if family else f"one of {', '.join(dict.fromkeys(MESSAGE_TYPES.values()))}"
    raise InvalidMessage("Document/@xmlns", shown(definition), taken)
