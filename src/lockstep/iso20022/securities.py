"""sese: what parties tell the settlement service and what it tells them.

The depository (Dpstry) of both sides is the settlement service: the receiver of an instruction,
the sender of a confirmation. The counterparty's reference stands where the field has it, as the
processing id of the counterparty (Pty1/PrcgId).
"""

from functools import lru_cache

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.identifiers import Bic, Lei, SettlementId, TradeId
from lockstep.domain.instruction import (
    AdviceStatus,
    CancellationAdvice,
    CancellationRequest,
    CancellationStatus,
    Instruction,
    Party,
    QuantityType,
    SettlementConfirmation,
    Side,
    StatusAdvice,
)
from lockstep.domain.message import Message
from lockstep.iso20022.fields import Fields
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.writing import amount, leaf, node, supplement, utc, words

__all__ = ["KINDS"]

_CASH = {Side.DELIVER: "CRDT", Side.RECEIVE: "DBIT"}
_PARTIES = {Side.DELIVER: "DlvrgSttlmPties", Side.RECEIVE: "RcvgSttlmPties"}
_STATUSES = {  # MtchgSts first: acceptance may stand beside it
    AdviceStatus.MATCHED: ("MtchgSts", "Mtchd"),
    AdviceStatus.UNMATCHED: ("MtchgSts", "Umtchd"),
    AdviceStatus.ACCEPTED: ("PrcgSts", "AckdAccptd"),
    AdviceStatus.REJECTED: ("PrcgSts", "Rjctd"),
    AdviceStatus.CANCELLED: ("PrcgSts", "Canc"),
    AdviceStatus.PENDING: ("SttlmSts", "Pdg"),
    AdviceStatus.FAILING: ("SttlmSts", "Flng"),
}
_ANSWERS = {
    CancellationStatus.CANCELLED: "Canc",
    CancellationStatus.DENIED: "Dnd",
    CancellationStatus.PENDING: "PdgCxl",
}


# sese.023 and sese.025 share the trade; they differ in names and in the settled parts.


def _parties(side: Side, party: Party, depository: Bic, processing_id: str | None) -> str:
    return node(
        _PARTIES[side],
        node("Dpstry", node("Id", leaf("AnyBIC", depository))),
        node("Pty1", node("Id", leaf("AnyBIC", party.bic)), leaf("LEI", party.lei), leaf("PrcgId", processing_id)),
    )


def _both_parties(order: Instruction, depository: Bic) -> str:
    """DlvrgSttlmPties and RcvgSttlmPties."""
    theirs = order.counterparty_reference
    return _parties(
        Side.DELIVER, order.deliverer, depository, theirs if order.side is Side.RECEIVE else None
    ) + _parties(Side.RECEIVE, order.receiver, depository, theirs if order.side is Side.DELIVER else None)


def _day(name: str, day: str) -> str:
    return node(name, node("Dt", leaf("Dt", day)))


def _quantity(name: str, order: Instruction) -> str:
    return node("QtyAndAcctDtls", node(name, node("Qty", leaf(order.quantity_type.value, order.quantity.text()))))


def _cash(name: str, order: Instruction) -> str:
    return node(name, amount("Amt", order.cash), leaf("CdtDbtInd", _CASH[order.side]))


def _read_party(fields: Fields, side: Side) -> Party:
    path = f"{_PARTIES[side]}/Pty1"
    return _party(fields.lei(f"{path}/LEI"), fields.bic(f"{path}/Id/AnyBIC"))


@lru_cache(maxsize=8192)
def _party(lei: Lei, bic: Bic) -> Party:
    """Parties are few, and many messages name each."""
    return Party(lei=lei, bic=bic)


def _read_order(fields: Fields, reference: str, direction: str, quantity: str, cash: str) -> Instruction:
    side = Side(fields[f"{direction}/SctiesMvmntTp"])
    fields.require(f"{cash}/CdtDbtInd", _CASH[side], "who delivers is credited, who receives is debited")
    mine = f"{_PARTIES[side]}/Pty1/PrcgId"
    if mine in fields:
        raise InvalidMessage(mine, fields[mine], "not for the instructing party: its reference is TxId")
    theirs = f"{_PARTIES[side.other]}/Pty1/PrcgId"
    by_face = f"{quantity}/Qty/FaceAmt" in fields
    kind = QuantityType.FACE_AMOUNT if by_face else QuantityType.UNIT
    return Instruction(
        reference=fields.reference(reference),
        side=side,
        deliverer=_read_party(fields, Side.DELIVER),
        receiver=_read_party(fields, Side.RECEIVE),
        isin=fields.isin("FinInstrmId/ISIN"),
        quantity=fields.quantity(f"{quantity}/Qty/{kind.value}"),
        quantity_type=kind,
        cash=fields.money(f"{cash}/Amt"),
        trade_date=fields.day("TradDtls/TradDt/Dt/Dt"),
        settlement_date=fields.day("TradDtls/SttlmDt/Dt/Dt"),
        counterparty_reference=fields.reference(theirs) if theirs in fields else None,
    )


def _write_instruction(message: Message[Instruction]) -> tuple[str, ...]:
    order = message.body
    return (
        leaf("TxId", order.reference),
        node("SttlmTpAndAddtlParams", leaf("SctiesMvmntTp", order.side.value), leaf("Pmt", "APMT")),
        node(
            "TradDtls",
            _day("TradDt", order.trade_date.isoformat()),
            _day("SttlmDt", order.settlement_date.isoformat()),
        ),
        node("FinInstrmId", leaf("ISIN", order.isin)),
        _quantity("SttlmQty", order),
        node("SttlmParams", node("SctiesTxTp", leaf("Cd", "TRAD"))),
        _both_parties(order, message.receiver),
        _cash("SttlmAmt", order),
    )


def _read_instruction(fields: Fields) -> Instruction:
    return _read_order(fields, "TxId", "SttlmTpAndAddtlParams", "QtyAndAcctDtls/SttlmQty", "SttlmAmt")


def _write_confirmation(message: Message[SettlementConfirmation]) -> tuple[str, ...]:
    settled, order = message.body, message.body.instruction
    return (
        node(
            "TxIdDtls",
            leaf("AcctOwnrTxId", order.reference),
            leaf("SctiesMvmntTp", order.side.value),
            leaf("Pmt", "APMT"),
        ),
        node(
            "TradDtls",
            _day("TradDt", order.trade_date.isoformat()),
            _day("SttlmDt", order.settlement_date.isoformat()),
            node("FctvSttlmDt", node("Dt", leaf("DtTm", utc(settled.settled_at)))),
        ),
        node("FinInstrmId", leaf("ISIN", order.isin)),
        _quantity("SttldQty", order),
        node("SttlmParams", node("SctiesTxTp", leaf("Cd", "TRAD"))),
        _both_parties(order, message.sender),
        _cash("SttldAmt", order),
        supplement("Settlement", leaf("TradId", settled.trade_id), leaf("SttlmId", settled.settlement_id)),
    )


def _read_confirmation(fields: Fields) -> SettlementConfirmation:
    ours = "SplmtryData/Envlp/Settlement"
    return SettlementConfirmation(
        instruction=_read_order(fields, "TxIdDtls/AcctOwnrTxId", "TxIdDtls", "QtyAndAcctDtls/SttldQty", "SttldAmt"),
        trade_id=TradeId(fields[f"{ours}/TradId"]),
        settlement_id=SettlementId(fields[f"{ours}/SttlmId"]),
        settled_at=fields.instant("TradDtls/FctvSttlmDt/Dt/DtTm"),
    )


# sese.020 and sese.027: a wish to cancel, and its answer.


def _instruction_id(reference: str, side: Side) -> str:
    return node(
        "AcctOwnrTxId",
        node("SctiesSttlmTxId", leaf("TxId", reference), leaf("SctiesMvmntTp", side.value), leaf("Pmt", "APMT")),
    )


def _write_request(message: Message[CancellationRequest]) -> tuple[str, ...]:
    wish = message.body
    owner = node("AcctOwnr", node("Id", leaf("AnyBIC", wish.owner.bic)), leaf("LEI", wish.owner.lei))
    return (_instruction_id(wish.reference, wish.side), owner)


def _read_request(fields: Fields) -> CancellationRequest:
    return CancellationRequest(
        reference=fields.reference("AcctOwnrTxId/SctiesSttlmTxId/TxId"),
        side=Side(fields["AcctOwnrTxId/SctiesSttlmTxId/SctiesMvmntTp"]),
        owner=Party(lei=fields.lei("AcctOwnr/LEI"), bic=fields.bic("AcctOwnr/Id/AnyBIC")),
    )


def _write_answer(message: Message[CancellationAdvice]) -> tuple[str, ...]:
    answer = message.body
    return (
        leaf("CxlReqRef", answer.request_id),
        node("TxId", _instruction_id(answer.reference, answer.side)),
        _with_reason("PrcgSts", _ANSWERS[answer.status], answer.reason_code, answer.reason),
    )


def _read_answer(fields: Fields) -> CancellationAdvice:
    status = next(status for status, name in _ANSWERS.items() if f"PrcgSts/{name}" in fields)
    path = f"PrcgSts/{_ANSWERS[status]}/Rsn"
    return CancellationAdvice(
        reference=fields.reference("TxId/AcctOwnrTxId/SctiesSttlmTxId/TxId"),
        side=Side(fields["TxId/AcctOwnrTxId/SctiesSttlmTxId/SctiesMvmntTp"]),
        request_id=fields["CxlReqRef"],
        status=status,
        reason_code=fields.get(f"{path}/Cd/Cd"),
        reason=fields.get(f"{path}/AddtlRsnInf"),
    )


# sese.024: how an instruction stands.


def _with_reason(group: str, name: str, code: str | None, reason: str | None) -> str:
    """A status with its ISO reason code and words, or with NORE where there is none."""
    if code is None and reason is not None:
        raise InvalidMessage(f"{group}/{name}/Rsn/AddtlRsnInf", reason, "words only beside a reason code")
    if code is None:
        return node(group, node(name, leaf("NoSpcfdRsn", "NORE")))
    return node(group, node(name, node("Rsn", node("Cd", leaf("Cd", code)), words("AddtlRsnInf", reason))))


_ACCEPTED = _with_reason("PrcgSts", "AckdAccptd", None, None)


def _write_advice(message: Message[StatusAdvice]) -> tuple[str, ...]:
    advice = message.body
    group, name = _STATUSES[advice.status]
    if advice.status is AdviceStatus.MATCHED:
        if advice.reason_code is not None:
            raise InvalidMessage("MtchgSts/Mtchd/Rsn", advice.reason_code, "a match has no reason code")
        status = node(group, node(name, words("AddtlRsnInf", advice.reason)))
    else:
        status = _with_reason(group, name, advice.reason_code, advice.reason)
    return (
        node("TxId", leaf("AcctOwnrTxId", advice.reference)),
        _ACCEPTED if group == "MtchgSts" else "",
        status,
        supplement(
            "Advice",
            leaf("SctiesMvmntTp", advice.side.value),
            leaf("TradId", advice.trade_id),
            leaf("Salt", advice.salt),
            leaf("SttlmId", advice.settlement_id),
        ),
    )


def _require_accepted(fields: Fields) -> None:
    """Beside MtchgSts, PrcgSts says that the instruction is accepted, and no more. It may be missing."""
    for other in ("Rjctd", "Canc", "AckdAccptd/Rsn"):
        fields.refuse(f"PrcgSts/{other}", "only AckdAccptd/NoSpcfdRsn beside MtchgSts")


def _read_advice(fields: Fields) -> StatusAdvice:
    status, path = next((status, "/".join(names)) for status, names in _STATUSES.items() if "/".join(names) in fields)
    if status in (AdviceStatus.MATCHED, AdviceStatus.UNMATCHED):
        _require_accepted(fields)
    ours = "SplmtryData/Envlp/Advice"
    trade, settlement = fields.get(f"{ours}/TradId"), fields.get(f"{ours}/SttlmId")
    said = fields.get(f"{path}/AddtlRsnInf" if status is AdviceStatus.MATCHED else f"{path}/Rsn/AddtlRsnInf")
    return StatusAdvice(
        reference=fields.reference("TxId/AcctOwnrTxId"),
        side=Side(fields[f"{ours}/SctiesMvmntTp"]),
        status=status,
        reason_code=fields.get(f"{path}/Rsn/Cd/Cd"),
        reason=said,
        trade_id=None if trade is None else TradeId(trade),
        salt=fields.get(f"{ours}/Salt"),
        settlement_id=None if settlement is None else SettlementId(settlement),
    )


_DEPOSITORIES = ("DlvrgSttlmPties/Dpstry/Id/AnyBIC", "RcvgSttlmPties/Dpstry/Id/AnyBIC")

KINDS = (
    Kind(
        definition="sese.023.001.11",
        body=Instruction,
        root="SctiesSttlmTxInstr",
        write=_write_instruction,
        read=_read_instruction,
        receiver=_DEPOSITORIES,
        places={"TradDtls/SttlmDt": "TradDtls/SttlmDt/Dt/Dt", "QtyAndAcctDtls/SttlmQty": "QtyAndAcctDtls/SttlmQty/Qty"},
    ),
    Kind(
        definition="sese.020.001.07",
        body=CancellationRequest,
        root="SctiesTxCxlReq",
        write=_write_request,
        read=_read_request,
    ),
    Kind(
        definition="sese.024.001.12",
        body=StatusAdvice,
        root="SctiesSttlmTxStsAdvc",
        write=_write_advice,
        read=_read_advice,
    ),
    Kind(
        definition="sese.027.001.07",
        body=CancellationAdvice,
        root="SctiesTxCxlReqStsAdvc",
        write=_write_answer,
        read=_read_answer,
    ),
    Kind(
        definition="sese.025.001.11",
        body=SettlementConfirmation,
        root="SctiesSttlmTxConf",
        write=_write_confirmation,
        read=_read_confirmation,
        sender=_DEPOSITORIES,
        places={
            "TradDtls/SttlmDt": "TradDtls/SttlmDt/Dt/Dt",
            "QtyAndAcctDtls/SttlmQty": "QtyAndAcctDtls/SttldQty/Qty",
            "SttlmAmt/Amt": "SttldAmt/Amt",
        },
    ),
)
