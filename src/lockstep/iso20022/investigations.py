"""camt.056 and camt.029: please cancel a payment, and the answer.

The assigner is the sender and the assignee the receiver, as in the business header. The case is
the requester's: the sender of a camt.056, the receiver of a camt.029.
"""

from lockstep.domain.message import Message
from lockstep.domain.payment import CancelPayment, Resolution, ResolutionStatus, parse_remittance
from lockstep.iso20022.fields import Fields, amount, leaf, node, supplement, utc
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.payments import original, reason, remittance_information

__all__ = ["KINDS"]

_AGENT = "Agt/FinInstnId/BICFI"
_CANCELLATION = {ResolutionStatus.CANCELLED: "ACCR", ResolutionStatus.REFUSED: "RJCR"}


def _agent(name: str, code: str) -> str:
    return node(name, node("Agt", node("FinInstnId", leaf("BICFI", code))))


def _assignment(message: Message[object]) -> str:
    return node(
        "Assgnmt",
        leaf("Id", message.message_id),
        _agent("Assgnr", message.sender),
        _agent("Assgne", message.receiver),
        leaf("CreDtTm", utc(message.created)),
    )


def _write_cancel(message: Message[CancelPayment]) -> tuple[str, ...]:
    cancel = message.body
    return (
        _assignment(message),
        node("Case", leaf("Id", cancel.case_id), _agent("Cretr", message.sender)),
        node(
            "Undrlyg",
            node(
                "TxInf",
                original(cancel.original_message_id),
                leaf("OrgnlUETR", cancel.uetr),
                amount("OrgnlIntrBkSttlmAmt", cancel.original_amount),
                leaf("OrgnlIntrBkSttlmDt", cancel.original_settlement_date.isoformat()),
                node("CxlRsnInf", node("Rsn", leaf("Cd", cancel.reason_code))),
                node("OrgnlTxRef", remittance_information(cancel.settlement_id, cancel.salt)),
            ),
        ),
    )


def _read_cancel(fields: Fields) -> CancelPayment:
    at = "Undrlyg/TxInf"
    about = f"{at}/OrgnlTxRef/RmtInf/Ustrd"
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


def _write_resolution(message: Message[Resolution]) -> tuple[str, ...]:
    answer = message.body
    return (
        _assignment(message),
        node("RslvdCase", leaf("Id", answer.case_id), _agent("Cretr", message.receiver)),
        node("Sts", leaf("Conf", answer.status.value)),
        node(
            "CxlDtls",
            node(
                "TxInfAndSts",
                leaf("OrgnlUETR", answer.uetr),
                leaf("TxCxlSts", _CANCELLATION[answer.status]),
                reason("CxlStsRsnInf", answer.reason_code, answer.reason),
                node("OrgnlTxRef", remittance_information(answer.settlement_id, answer.salt)),
            ),
        ),
        supplement("Resolution", leaf("DcsnDtTm", utc(answer.decided_at))),
    )


def _read_resolution(fields: Fields) -> Resolution:
    at = "CxlDtls/TxInfAndSts"
    about = f"{at}/OrgnlTxRef/RmtInf/Ustrd"
    settlement_id, salt = parse_remittance(fields[about], field=about)
    status = ResolutionStatus(fields["Sts/Conf"])
    fields.require(f"{at}/TxCxlSts", _CANCELLATION[status], "as Sts/Conf says")
    return Resolution(
        case_id=fields["RslvdCase/Id"],
        uetr=fields.uetr(f"{at}/OrgnlUETR"),
        settlement_id=settlement_id,
        salt=salt,
        status=status,
        reason_code=fields.get(f"{at}/CxlStsRsnInf/Rsn/Cd"),
        reason=fields.get(f"{at}/CxlStsRsnInf/AddtlInf"),
        decided_at=fields.instant("SplmtryData/Envlp/Resolution/DcsnDtTm"),
    )


KINDS = (
    Kind(
        definition="camt.056.001.08",
        body=CancelPayment,
        root="FIToFIPmtCxlReq",
        write=_write_cancel,
        read=_read_cancel,
        message_id=("Assgnmt/Id",),
        sender=(f"Assgnmt/Assgnr/{_AGENT}", f"Case/Cretr/{_AGENT}"),
        receiver=(f"Assgnmt/Assgne/{_AGENT}",),
    ),
    Kind(
        definition="camt.029.001.09",
        body=Resolution,
        root="RsltnOfInvstgtn",
        write=_write_resolution,
        read=_read_resolution,
        message_id=("Assgnmt/Id",),
        sender=(f"Assgnmt/Assgnr/{_AGENT}",),
        receiver=(f"Assgnmt/Assgne/{_AGENT}", f"RslvdCase/Cretr/{_AGENT}"),
    ),
)
