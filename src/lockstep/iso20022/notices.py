"""admi.002, admi.004 and admi.007: refused, happened, received."""

from lockstep.domain.message import Message
from lockstep.domain.notice import Acknowledgement, Rejection, SystemEvent
from lockstep.iso20022.fields import Fields
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.writing import group, leaf, node, utc, words

__all__ = ["KINDS"]


def _write_rejection(message: Message[Rejection]) -> tuple[str, ...]:
    refusal = message.body
    return (
        node("RltdRef", leaf("Ref", refusal.related_message_id)),
        node(
            "Rsn",
            leaf("RjctgPtyRsn", refusal.code),
            leaf("RjctnDtTm", utc(refusal.rejected_at)),
            words("ErrLctn", refusal.location),
            words("RsnDesc", refusal.description),
            words("AddtlData", refusal.additional),
        ),
    )


def _read_rejection(fields: Fields) -> Rejection:
    return Rejection(
        related_message_id=fields["RltdRef/Ref"],
        code=fields["Rsn/RjctgPtyRsn"],
        rejected_at=fields.instant("Rsn/RjctnDtTm"),
        location=fields.get("Rsn/ErrLctn"),
        description=fields.get("Rsn/RsnDesc"),
        additional=fields.get("Rsn/AddtlData"),
    )


def _write_event(message: Message[SystemEvent]) -> tuple[str, ...]:
    event = message.body
    return (
        node(
            "EvtInf",
            leaf("EvtCd", event.code),
            *(leaf("EvtParam", parameter) for parameter in event.parameters),
            words("EvtDesc", event.description),
            leaf("EvtTm", None if event.at is None else utc(event.at)),
        ),
    )


def _read_event(fields: Fields) -> SystemEvent:
    return SystemEvent(
        code=fields["EvtInf/EvtCd"],
        parameters=tuple(fields[at] for at in fields.each("EvtInf/EvtParam")),
        description=fields.get("EvtInf/EvtDesc"),
        at=fields.instant_or_none("EvtInf/EvtTm"),
    )


def _write_acknowledgement(message: Message[Acknowledgement]) -> tuple[str, ...]:
    receipt = message.body
    return (
        group(message, name="MsgId"),
        node(
            "Rpt",
            node("RltdRef", leaf("Ref", receipt.related_message_id), leaf("MsgNm", receipt.related_definition)),
            node(
                "ReqHdlg",
                leaf("StsCd", receipt.status_code),
                leaf("StsDtTm", None if receipt.at is None else utc(receipt.at)),
                words("Desc", receipt.description),
            ),
        ),
    )


def _read_acknowledgement(fields: Fields) -> Acknowledgement:
    return Acknowledgement(
        related_message_id=fields["Rpt/RltdRef/Ref"],
        related_definition=fields.get("Rpt/RltdRef/MsgNm"),
        status_code=fields["Rpt/ReqHdlg/StsCd"],
        at=fields.instant_or_none("Rpt/ReqHdlg/StsDtTm"),
        description=fields.get("Rpt/ReqHdlg/Desc"),
    )


KINDS = (
    Kind(
        definition="admi.002.001.01",
        body=Rejection,
        root="admi.002.001.01",
        write=_write_rejection,
        read=_read_rejection,
    ),
    Kind(
        definition="admi.004.001.02",
        body=SystemEvent,
        root="SysEvtNtfctn",
        write=_write_event,
        read=_read_event,
    ),
    Kind(
        definition="admi.007.001.01",
        body=Acknowledgement,
        root="RctAck",
        write=_write_acknowledgement,
        read=_read_acknowledgement,
        message_id=("MsgId/MsgId",),
    ),
)
