"""colr.003 and colr.004: margin is called for, and the answer."""

from lockstep.domain.identifiers import Reference
from lockstep.domain.margin_message import (
    CollateralKind,
    ExposureKind,
    MarginAgreement,
    MarginCallRequest,
    MarginCallResponse,
    Obligation,
)
from lockstep.domain.message import Message
from lockstep.domain.money import minor_units
from lockstep.iso20022.fields import Fields
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.writing import amount, leaf, node, utc, words

__all__ = ["KINDS"]

_CALLED = "MrgnCallRslt/MrgnCallRslt/MrgnCallAmt/DueToPtyA"
_REQUIRED = "RqrmntDtlsDueToA/MrgnRqrmnt/VartnMrgnRqrmnt"
_EXPECTED = "XpctdCollDueToA/XpctdCollDtls/VartnMrgn"
_AGREED = "AgrdAmtDueToA/AgrdAmtDtls/VartnMrgnAmt"
_EXPOSURE, _HELD = "MrgnDtlsDueToA/XpsdAmtPtyA", "MrgnDtlsDueToA/CollBal/TtlColl"


def _obligation(of: Obligation) -> str:
    return node(
        "Oblgtn",
        node("PtyA", leaf("AnyBIC", of.party_a)),
        node("PtyB", leaf("AnyBIC", of.party_b)),
        leaf("XpsrTp", of.exposure_kind.value),
        node("ValtnDt", leaf("DtTm", utc(of.valued_at))),
    )


def _agreement(of: MarginAgreement) -> str:
    return node(
        "Agrmt",
        words("AgrmtDtls", of.name),
        leaf("AgrmtId", of.agreement_id),
        leaf("AgrmtDt", of.signed_on.isoformat()),
        leaf("BaseCcy", of.currency),
    )


def _read_obligation(fields: Fields) -> Obligation:
    return Obligation(
        party_a=fields.bic("Oblgtn/PtyA/AnyBIC"),
        party_b=fields.bic("Oblgtn/PtyB/AnyBIC"),
        exposure_kind=ExposureKind(fields["Oblgtn/XpsrTp"]),
        valued_at=fields.instant("Oblgtn/ValtnDt/DtTm"),
    )


def _read_agreement(fields: Fields) -> MarginAgreement:
    minor_units(fields["Agrmt/BaseCcy"], field="Agrmt/BaseCcy")
    return MarginAgreement(
        agreement_id=fields["Agrmt/AgrmtId"],
        name=fields["Agrmt/AgrmtDtls"],
        signed_on=fields.day("Agrmt/AgrmtDt"),
        currency=fields["Agrmt/BaseCcy"],
    )


# colr.003


def _write_call(message: Message[MarginCallRequest]) -> tuple[str, ...]:
    call = message.body
    way, required = ("Rtr", "RtrMrgnAmt") if call.is_return else ("Dlvry", "DlvrMrgnAmt")
    details = ""
    if call.exposure is not None or call.held is not None:
        details = node(
            "MrgnDtlsDueToA",
            "" if call.exposure is None else amount("XpsdAmtPtyA", call.exposure) + leaf("XpsrCnvntn", "NET1"),
            "" if call.held is None else node("CollBal", amount("TtlColl", call.held)),
        )
    expected = (
        node(way, leaf("CollTp", kind.value), leaf("Dt", call.deliver_on.isoformat())) for kind in call.collateral
    )
    return (
        leaf("TxId", call.call_id),
        _obligation(call.obligation),
        _agreement(call.agreement),
        node("MrgnCallRslt", node("MrgnCallRslt", node("MrgnCallAmt", amount("DueToPtyA", call.amount)))),
        details,
        node("RqrmntDtlsDueToA", node("MrgnRqrmnt", node("VartnMrgnRqrmnt", amount(required, call.amount)))),
        node("XpctdCollDueToA", node("XpctdCollDtls", node("VartnMrgn", *expected))),
    )


def _read_call(fields: Fields) -> MarginCallRequest:
    is_return = f"{_REQUIRED}/RtrMrgnAmt" in fields
    required = f"{_REQUIRED}/{'RtrMrgnAmt' if is_return else 'DlvrMrgnAmt'}"
    money = fields.money(_CALLED)
    if fields.money(required) != money:
        fields.require(required, money.text(), "the same as MrgnCallAmt/DueToPtyA")
        fields.require(f"{required}/@Ccy", money.currency, "the same as MrgnCallAmt/DueToPtyA")
    way, other = ("Rtr", "Dlvry") if is_return else ("Dlvry", "Rtr")
    fields.refuse(f"{_EXPECTED}/{other}", f"{way}, as the amount in RqrmntDtlsDueToA says")
    entries = fields.each(f"{_EXPECTED}/{way}")
    day = fields.day(f"{_EXPECTED}/{way}/Dt")
    for at in entries[1:]:
        fields.require(f"{at}/Dt", day.isoformat(), "the same day for all")
    return MarginCallRequest(
        call_id=Reference(fields["TxId"]),
        obligation=_read_obligation(fields),
        agreement=_read_agreement(fields),
        amount=money,
        is_return=is_return,
        deliver_on=day,
        collateral=tuple(CollateralKind(fields[f"{at}/CollTp"]) for at in entries),
        exposure=fields.money(_EXPOSURE) if _EXPOSURE in fields else None,
        held=fields.money(_HELD) if _HELD in fields else None,
    )


# colr.004


def _write_response(message: Message[MarginCallResponse]) -> tuple[str, ...]:
    response = message.body
    agreed = node(
        "VartnMrgnAmt",
        amount("AgrdAmt", response.agreed),
        leaf("MrgnCallReqId", response.call_id),
        words("AddtlInf", response.reason),
    )
    return (
        leaf("TxId", response.response_id),
        _obligation(response.obligation),
        _agreement(response.agreement),
        node("AgrdAmtDueToA", node("AgrdAmtDtls", agreed)),
    )


def _read_response(fields: Fields) -> MarginCallResponse:
    return MarginCallResponse(
        response_id=Reference(fields["TxId"]),
        obligation=_read_obligation(fields),
        agreement=_read_agreement(fields),
        call_id=Reference(fields[f"{_AGREED}/MrgnCallReqId"]),
        agreed=fields.money(f"{_AGREED}/AgrdAmt"),
        reason=fields.get(f"{_AGREED}/AddtlInf"),
    )


KINDS = (
    Kind(
        definition="colr.003.001.05",
        body=MarginCallRequest,
        root="MrgnCallReq",
        write=_write_call,
        read=_read_call,
    ),
    Kind(
        definition="colr.004.001.05",
        body=MarginCallResponse,
        root="MrgnCallRspn",
        write=_write_response,
        read=_read_response,
    ),
)
