"""camt.056 and camt.029: please cancel a payment, and the answer. For a settlement they name it.

The assigner is the sender and the assignee the receiver, as in the business header. The case is
the requester's: the sender of a camt.056, the receiver of a camt.029.
"""

from lockstep.domain.identifiers import SettlementId
from lockstep.domain.message import Message
from lockstep.domain.payment import CancelPayment, NeverRequest, Resolution, ResolutionStatus, parse_remittance
from lockstep.domain.transfer import Original, Recall, RecallAnswer
from lockstep.iso20022.fields import Fields
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.parts import SETTLED_BY, original, read_original, reason, remittance_information
from lockstep.iso20022.writing import agent, amount, leaf, node, supplement, utc

__all__ = ["KINDS"]

_AGENT = "Agt/FinInstnId/BICFI"
_CANCELLATION = {ResolutionStatus.CANCELLED: "ACCR", ResolutionStatus.REFUSED: "RJCR"}


def _assignment(message: Message[object]) -> str:
    return node(
        "Assgnmt",
        leaf("Id", message.message_id),
        agent("Assgnr", message.sender),
        agent("Assgne", message.receiver),
        leaf("CreDtTm", utc(message.created)),
    )


def _request(message: Message[CancelPayment] | Message[Recall], of: Original, about: str) -> tuple[str, ...]:
    wish = message.body
    return (
        _assignment(message),
        node("Case", leaf("Id", wish.case_id), agent("Cretr", message.sender)),
        node(
            "Undrlyg",
            node(
                "TxInf",
                original(of.message_id, of.definition),
                leaf("OrgnlUETR", wish.uetr),
                amount("OrgnlIntrBkSttlmAmt", wish.original_amount),
                leaf("OrgnlIntrBkSttlmDt", wish.original_settlement_date.isoformat()),
                node("CxlRsnInf", node("Rsn", leaf("Cd", wish.reason_code))),
                about,
            ),
        ),
    )


def _write_cancel(message: Message[CancelPayment]) -> tuple[str, ...]:
    cancel = message.body
    of = Original(message_id=cancel.original_message_id, definition=SETTLED_BY)
    return _request(message, of, node("OrgnlTxRef", remittance_information(cancel.settlement_id, cancel.salt)))


def _read_cancel(fields: Fields) -> CancelPayment:
    at = "Undrlyg/TxInf"
    about = f"{at}/OrgnlTxRef/RmtInf/Ustrd"
    fields.require(f"{at}/OrgnlGrpInf/OrgnlMsgNmId", SETTLED_BY, "what pays for a settlement")
    settlement_id, salt = parse_remittance(fields[about], field=about)
    return CancelPayment(
        case_id=fields["Case/Id"],
        uetr=fields.uetr(f"{at}/OrgnlUETR"),
        original_message_id=fields[f"{at}/OrgnlGrpInf/OrgnlMsgId"],
        original_amount=fields.money(f"{at}/OrgnlIntrBkSttlmAmt"),
        original_settlement_date=fields.day(f"{at}/OrgnlIntrBkSttlmDt"),
        settlement_id=settlement_id,
        salt=salt,
        reason_code=fields[f"{at}/CxlRsnInf/Rsn/Cd"],
    )


def _write_never(message: Message[NeverRequest]) -> tuple[str, ...]:
    wish = message.body
    reasons = node("CxlRsnInf", node("Rsn", leaf("Cd", wish.reason_code)))
    return (
        _assignment(message),
        node("Case", leaf("Id", wish.case_id), agent("Cretr", message.sender)),
        node("Undrlyg", node("TxInf", leaf("OrgnlUETR", wish.uetr), reasons)),
        supplement("Never", leaf("SttlmId", wish.settlement_id)),
    )


def _read_never(fields: Fields) -> NeverRequest:
    at = "Undrlyg/TxInf"
    for name in ("OrgnlGrpInf", "OrgnlIntrBkSttlmAmt", "OrgnlIntrBkSttlmDt", "OrgnlTxRef"):
        fields.refuse(f"{at}/{name}", "not with SplmtryData: nobody has seen the payment")
    return NeverRequest(
        case_id=fields["Case/Id"],
        uetr=fields.uetr(f"{at}/OrgnlUETR"),
        settlement_id=SettlementId(fields["SplmtryData/Envlp/Never/SttlmId"]),
        reason_code=fields[f"{at}/CxlRsnInf/Rsn/Cd"],
    )


def _write_recall(message: Message[Recall]) -> tuple[str, ...]:
    return _request(message, message.body.original, "")


def _read_recall(fields: Fields) -> Recall:
    at = "Undrlyg/TxInf"
    return Recall(
        case_id=fields["Case/Id"],
        uetr=fields.uetr(f"{at}/OrgnlUETR"),
        original=read_original(fields, at),
        original_amount=fields.money(f"{at}/OrgnlIntrBkSttlmAmt"),
        original_settlement_date=fields.day(f"{at}/OrgnlIntrBkSttlmDt"),
        reason_code=fields[f"{at}/CxlRsnInf/Rsn/Cd"],
    )


def _answer(message: Message[Resolution] | Message[RecallAnswer], about: str, *more: str) -> tuple[str, ...]:
    answer = message.body
    return (
        _assignment(message),
        node("RslvdCase", leaf("Id", answer.case_id), agent("Cretr", message.receiver)),
        node("Sts", leaf("Conf", answer.status.value)),
        node(
            "CxlDtls",
            node(
                "TxInfAndSts",
                leaf("OrgnlUETR", answer.uetr),
                leaf("TxCxlSts", _CANCELLATION[answer.status]),
                reason("CxlStsRsnInf", answer.reason_code, answer.reason),
                about,
            ),
        ),
        *more,
    )


def _write_resolution(message: Message[Resolution]) -> tuple[str, ...]:
    answer = message.body
    decided = leaf("DcsnDtTm", utc(answer.decided_at))
    if answer.salt is None:
        return _answer(message, "", supplement("Resolution", decided, leaf("SttlmId", answer.settlement_id)))
    about = node("OrgnlTxRef", remittance_information(answer.settlement_id, answer.salt))
    return _answer(message, about, supplement("Resolution", decided))


def _read_status(fields: Fields) -> ResolutionStatus:
    status = ResolutionStatus(fields["Sts/Conf"])
    fields.require("CxlDtls/TxInfAndSts/TxCxlSts", _CANCELLATION[status], "as Sts/Conf says")
    return status


def _read_resolution(fields: Fields) -> Resolution:
    at = "CxlDtls/TxInfAndSts"
    about, named = f"{at}/OrgnlTxRef/RmtInf/Ustrd", "SplmtryData/Envlp/Resolution/SttlmId"
    salt: str | None
    if named in fields:
        fields.refuse(f"{at}/OrgnlTxRef", f"not with {named}")
        settlement_id, salt = SettlementId(fields[named]), None
    else:
        settlement_id, salt = parse_remittance(fields[about], field=about)
    return Resolution(
        case_id=fields["RslvdCase/Id"],
        uetr=fields.uetr(f"{at}/OrgnlUETR"),
        settlement_id=settlement_id,
        salt=salt,
        status=_read_status(fields),
        reason_code=fields.get(f"{at}/CxlStsRsnInf/Rsn/Cd"),
        reason=fields.get(f"{at}/CxlStsRsnInf/AddtlInf"),
        decided_at=fields.instant("SplmtryData/Envlp/Resolution/DcsnDtTm"),
    )


def _write_recall_answer(message: Message[RecallAnswer]) -> tuple[str, ...]:
    return _answer(message, "")


def _read_recall_answer(fields: Fields) -> RecallAnswer:
    at = "CxlDtls/TxInfAndSts"
    fields.refuse(f"{at}/OrgnlTxRef", "only for a settlement, with SplmtryData")
    return RecallAnswer(
        case_id=fields["RslvdCase/Id"],
        uetr=fields.uetr(f"{at}/OrgnlUETR"),
        status=_read_status(fields),
        reason_code=fields.get(f"{at}/CxlStsRsnInf/Rsn/Cd"),
        reason=fields.get(f"{at}/CxlStsRsnInf/AddtlInf"),
    )


_ASSIGNER, _ASSIGNEE = f"Assgnmt/Assgnr/{_AGENT}", f"Assgnmt/Assgne/{_AGENT}"

KINDS = (
    Kind(
        definition="camt.056.001.08",
        body=NeverRequest,
        root="FIToFIPmtCxlReq",
        write=_write_never,
        read=_read_never,
        mark="SplmtryData",
        message_id=("Assgnmt/Id",),
        sender=(_ASSIGNER, f"Case/Cretr/{_AGENT}"),
        receiver=(_ASSIGNEE,),
    ),
    Kind(
        definition="camt.056.001.08",
        body=CancelPayment,
        root="FIToFIPmtCxlReq",
        write=_write_cancel,
        read=_read_cancel,
        mark="Undrlyg/TxInf/OrgnlTxRef",
        message_id=("Assgnmt/Id",),
        sender=(_ASSIGNER, f"Case/Cretr/{_AGENT}"),
        receiver=(_ASSIGNEE,),
    ),
    Kind(
        definition="camt.056.001.08",
        body=Recall,
        root="FIToFIPmtCxlReq",
        write=_write_recall,
        read=_read_recall,
        message_id=("Assgnmt/Id",),
        sender=(_ASSIGNER, f"Case/Cretr/{_AGENT}"),
        receiver=(_ASSIGNEE,),
    ),
    Kind(
        definition="camt.029.001.09",
        body=Resolution,
        root="RsltnOfInvstgtn",
        write=_write_resolution,
        read=_read_resolution,
        mark="SplmtryData",
        message_id=("Assgnmt/Id",),
        sender=(_ASSIGNER,),
        receiver=(_ASSIGNEE, f"RslvdCase/Cretr/{_AGENT}"),
    ),
    Kind(
        definition="camt.029.001.09",
        body=RecallAnswer,
        root="RsltnOfInvstgtn",
        write=_write_recall_answer,
        read=_read_recall_answer,
        message_id=("Assgnmt/Id",),
        sender=(_ASSIGNER,),
        receiver=(_ASSIGNEE, f"RslvdCase/Cretr/{_AGENT}"),
    ),
)
