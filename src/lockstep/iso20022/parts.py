"""Parts that the payment messages share, written and read."""

from datetime import date

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.identifiers import SettlementId, Uetr
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import AT_ONCE, Timing, remittance
from lockstep.domain.priority import Priority
from lockstep.domain.transfer import Original
from lockstep.iso20022.fields import Fields
from lockstep.iso20022.writing import group, leaf, node, words

__all__ = [
    "SETTLED_BY",
    "group_totals",
    "original",
    "payment_ids",
    "read_original",
    "read_priority",
    "read_timing",
    "reason",
    "remittance_information",
    "require_totals",
]

SETTLED_BY = "pacs.009.001.08"
"""The only message that pays for a settlement."""


def remittance_information(settlement_id: SettlementId, salt: str) -> str:
    """RmtInf: which settlement this is for."""
    return node("RmtInf", leaf("Ustrd", remittance(settlement_id, salt)))


def original(message_id: str, definition: str = SETTLED_BY) -> str:
    """OrgnlGrpInf: the message that is spoken of."""
    return node("OrgnlGrpInf", leaf("OrgnlMsgId", message_id), leaf("OrgnlMsgNmId", definition))


def read_original(fields: Fields, at: str) -> Original:
    """The message that is spoken of, from the element that holds OrgnlGrpInf."""
    return Original(
        message_id=fields[f"{at}/OrgnlGrpInf/OrgnlMsgId"], definition=fields[f"{at}/OrgnlGrpInf/OrgnlMsgNmId"]
    )


def reason(name: str, code: str | None, said: str | None) -> str:
    """StsRsnInf, RtrRsnInf or CxlStsRsnInf; nothing where there is no reason."""
    if code is None and said is None:
        return ""
    return node(name, "" if code is None else node("Rsn", leaf("Cd", code)), words("AddtlInf", said))


def payment_ids(instruction_id: str, end_to_end_id: str, uetr: Uetr) -> str:
    """PmtId."""
    return node("PmtId", leaf("InstrId", instruction_id), leaf("EndToEndId", end_to_end_id), leaf("UETR", uetr))


def group_totals(message: Message[object]) -> str:
    """GrpHdr of a message with one payment, settled by the RTGS."""
    return group(message, leaf("NbOfTxs", "1"), node("SttlmInf", leaf("SttlmMtd", "CLRG")))


def require_totals(fields: Fields, money: Money, total: str) -> None:
    """CtrlSum and the total of a message with one payment are that payment's. Raises InvalidInput."""
    if "GrpHdr/CtrlSum" in fields:
        said = Money.parse(fields["GrpHdr/CtrlSum"], money.currency, field="GrpHdr/CtrlSum")
        if said != money:
            raise InvalidMessage("GrpHdr/CtrlSum", fields["GrpHdr/CtrlSum"], f"{money.text()}, the sum of the amounts")
    if f"GrpHdr/{total}" in fields and fields.money(f"GrpHdr/{total}") != money:
        raise InvalidMessage(f"GrpHdr/{total}", fields.money(f"GrpHdr/{total}"), f"{money}, the sum of the amounts")


def read_priority(fields: Fields, at: str) -> Priority:
    """SttlmPrty, or the InstrPrty of a sender that gives only that. Raises InvalidMessage if they differ."""
    settled, instructed = fields.get(f"{at}/SttlmPrty"), fields.get(f"{at}/PmtTpInf/InstrPrty")
    if instructed is None:
        return Priority.NORMAL if settled is None else Priority(settled)
    if settled is not None and (settled == "NORM") is not (instructed == "NORM"):
        raise InvalidMessage(f"{at}/PmtTpInf/InstrPrty", instructed, f"as urgent as SttlmPrty {settled}")
    return Priority(settled or instructed)


def read_timing(fields: Fields, at: str, day: date) -> Timing:
    """SttlmTmIndctn, and SttlmTmReq/FrTm on that day."""
    wanted = f"{at}/SttlmTmReq/FrTm"
    if f"{at}/SttlmTmIndctn" not in fields and wanted not in fields:
        return AT_ONCE
    return Timing(
        debit_at=fields.instant_or_none(f"{at}/SttlmTmIndctn/DbtDtTm"),
        credit_at=fields.instant_or_none(f"{at}/SttlmTmIndctn/CdtDtTm"),
        not_before=fields.instant_on(day, wanted) if wanted in fields else None,
    )
