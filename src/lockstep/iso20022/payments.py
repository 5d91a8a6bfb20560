"""pacs.009, pacs.002, camt.054 and camt.007 of a settlement: its payment, that payment's status, booking, release."""

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.message import Message
from lockstep.domain.payment import (
    AT_ONCE,
    BookingNotice,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    Timing,
)
from lockstep.domain.priority import Priority
from lockstep.domain.statement import Entry
from lockstep.iso20022.entries import read_kind, write_notice
from lockstep.iso20022.fields import Fields
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.parts import (
    SETTLED_BY,
    group_totals,
    original,
    payment_ids,
    read_priority,
    read_timing,
    reason,
    remittance_information,
    require_totals,
)
from lockstep.iso20022.writing import (
    account,
    agent,
    amount,
    group,
    institution,
    leaf,
    node,
    priority,
    supplement,
    timing,
    utc,
)

__all__ = ["KINDS"]


# pacs.009


def _write_payment(message: Message[Payment]) -> tuple[str, ...]:
    payment = message.body
    return (
        group_totals(message),
        node(
            "CdtTrfTxInf",
            payment_ids(payment.instruction_id, payment.end_to_end_id, payment.uetr),
            amount("IntrBkSttlmAmt", payment.amount),
            leaf("IntrBkSttlmDt", payment.settlement_date.isoformat()),
            priority(payment.priority),
            timing(payment.timing, payment.pay_by),
            node("Dbtr", institution(payment.debtor.owner)),
            account("DbtrAcct", payment.debtor),
            node("Cdtr", institution(payment.creditor.owner)),
            account("CdtrAcct", payment.creditor),
            remittance_information(payment.settlement_id, payment.salt),
        ),
    )


def _read_payment(fields: Fields) -> Payment:
    day = fields.day("CdtTrfTxInf/IntrBkSttlmDt")
    money = fields.money("CdtTrfTxInf/IntrBkSttlmAmt")
    require_totals(fields, money, "TtlIntrBkSttlmAmt")
    settlement_id, salt = fields.remittance("CdtTrfTxInf/RmtInf/Ustrd")
    return Payment(
        uetr=fields.uetr("CdtTrfTxInf/PmtId/UETR"),
        instruction_id=fields["CdtTrfTxInf/PmtId/InstrId"],
        end_to_end_id=fields["CdtTrfTxInf/PmtId/EndToEndId"],
        amount=money,
        settlement_date=day,
        debtor=fields.account("CdtTrfTxInf/Dbtr/FinInstnId/BICFI", "CdtTrfTxInf/DbtrAcct/Id/Othr/Id"),
        creditor=fields.account("CdtTrfTxInf/Cdtr/FinInstnId/BICFI", "CdtTrfTxInf/CdtrAcct/Id/Othr/Id"),
        settlement_id=settlement_id,
        salt=salt,
        pay_by=fields.instant_on(day, "CdtTrfTxInf/SttlmTmReq/RjctTm"),
        priority=read_priority(fields, "CdtTrfTxInf"),
        timing=read_timing(fields, "CdtTrfTxInf", day),
    )


# pacs.002


_STATES = {state.value: state for state in PaymentState}
_SUPPLEMENT = "TxInfAndSts/SplmtryData/Envlp/Payment"
_TIMES = [f"{_SUPPLEMENT}/{name}" for name in ("DbtDtTm", "CdtDtTm", "FrDtTm")]


def _write_report(message: Message[PaymentReport]) -> tuple[str, ...]:
    report, payment = message.body, message.body.payment
    if report.uetr != payment.uetr:
        raise InvalidMessage("TxInfAndSts/OrgnlUETR", report.uetr, "the payment's own UETR")
    times = (
        ("DbtDtTm", payment.timing.debit_at),
        ("CdtDtTm", payment.timing.credit_at),
        ("FrDtTm", payment.timing.not_before),
        ("RjctDtTm", payment.pay_by),
    )
    return (
        group(message),
        node(
            "TxInfAndSts",
            original(report.original_message_id),
            leaf("OrgnlInstrId", payment.instruction_id),
            leaf("OrgnlEndToEndId", payment.end_to_end_id),
            leaf("OrgnlUETR", report.uetr),
            leaf("TxSts", report.state.value),
            reason("StsRsnInf", report.reason_code, report.reason),
            leaf("AccptncDtTm", utc(report.decided_at)),
            node(
                "OrgnlTxRef",
                amount("IntrBkSttlmAmt", payment.amount),
                leaf("IntrBkSttlmDt", payment.settlement_date.isoformat()),
                remittance_information(payment.settlement_id, payment.salt),
                agent("Dbtr", payment.debtor.owner),
                account("DbtrAcct", payment.debtor),
                agent("Cdtr", payment.creditor.owner),
                account("CdtrAcct", payment.creditor),
            ),
            supplement(
                "Payment",
                priority(payment.priority),
                *(leaf(name, utc(moment)) for name, moment in times if moment is not None),
            ),
        ),
    )


def _read_report(fields: Fields) -> PaymentReport:
    fields.require("TxInfAndSts/OrgnlGrpInf/OrgnlMsgNmId", SETTLED_BY, "what pays for a settlement")
    settlement_id, salt = fields.remittance("TxInfAndSts/OrgnlTxRef/RmtInf/Ustrd")
    uetr = fields.uetr("TxInfAndSts/OrgnlUETR")
    priority = fields.get("TxInfAndSts/SplmtryData/Envlp/Payment/SttlmPrty")
    return PaymentReport(
        original_message_id=fields["TxInfAndSts/OrgnlGrpInf/OrgnlMsgId"],
        uetr=uetr,
        state=_STATES[fields["TxInfAndSts/TxSts"]],
        decided_at=fields.instant("TxInfAndSts/AccptncDtTm"),
        payment=Payment(
            uetr=uetr,
            instruction_id=fields["TxInfAndSts/OrgnlInstrId"],
            end_to_end_id=fields["TxInfAndSts/OrgnlEndToEndId"],
            amount=fields.money("TxInfAndSts/OrgnlTxRef/IntrBkSttlmAmt"),
            settlement_date=fields.day("TxInfAndSts/OrgnlTxRef/IntrBkSttlmDt"),
            debtor=fields.account(
                "TxInfAndSts/OrgnlTxRef/Dbtr/Agt/FinInstnId/BICFI", "TxInfAndSts/OrgnlTxRef/DbtrAcct/Id/Othr/Id"
            ),
            creditor=fields.account(
                "TxInfAndSts/OrgnlTxRef/Cdtr/Agt/FinInstnId/BICFI", "TxInfAndSts/OrgnlTxRef/CdtrAcct/Id/Othr/Id"
            ),
            settlement_id=settlement_id,
            salt=salt,
            pay_by=fields.instant("TxInfAndSts/SplmtryData/Envlp/Payment/RjctDtTm"),
            priority=Priority.NORMAL if priority is None else Priority(priority),
            timing=_read_times(fields),
        ),
        reason_code=fields.get("TxInfAndSts/StsRsnInf/Rsn/Cd"),
        reason=fields.get("TxInfAndSts/StsRsnInf/AddtlInf"),
    )


def _read_times(fields: Fields) -> Timing:
    debit, credit, begins = _TIMES
    if debit not in fields and credit not in fields and begins not in fields:
        return AT_ONCE
    return Timing(
        debit_at=fields.instant_or_none(debit),
        credit_at=fields.instant_or_none(credit),
        not_before=fields.instant_or_none(begins),
    )


# camt.054


def _write_notice(message: Message[BookingNotice]) -> tuple[str, ...]:
    notice = message.body
    entry = Entry(
        posting=notice.posting,
        amount=notice.amount,
        credit=notice.credit,
        booked_at=notice.booked_at,
        uetr=notice.uetr,
        settlement_id=notice.settlement_id,
        salt=notice.salt,
    )
    return write_notice(message, notice.account, entry)


def _read_notice(fields: Fields) -> BookingNotice:
    fields.refuse("Ntfctn/Ntry/NtryDtls/TxDtls/Refs/EndToEndId", "not for a settlement, which RmtInf names")
    fields.require("Ntfctn/Ntry/BkTxCd/Domn/Fmly/SubFmlyCd", "FICT", "a settlement is paid between banks")
    settlement_id, salt = fields.remittance("Ntfctn/Ntry/NtryDtls/TxDtls/RmtInf/Ustrd")
    _, credit = read_kind(fields, "Ntfctn/Ntry")
    return BookingNotice(
        account=fields.account("Ntfctn/Acct/Ownr/Id/OrgId/AnyBIC", "Ntfctn/Acct/Id/Othr/Id"),
        amount=fields.money("Ntfctn/Ntry/Amt"),
        credit=credit,
        booked_at=fields.instant("Ntfctn/Ntry/BookgDt/DtTm"),
        posting=int(fields["Ntfctn/Ntry/AcctSvcrRef"]),
        uetr=fields.uetr("Ntfctn/Ntry/NtryDtls/TxDtls/Refs/UETR"),
        settlement_id=settlement_id,
        salt=salt,
    )


# camt.007: a profile of our own. The standard's message modifies a payment; ours turns one that is
# held into one that is released, and the RTGS counts agents until their quorum.


def _write_release(message: Message[Release]) -> tuple[str, ...]:
    release = message.body
    return (
        group(message, name="MsgHdr"),
        node(
            "Mod",
            node("PmtId", leaf("PrtryId", release.uetr)),
            node("NewPmtValSet", node("Tp", leaf("Prtry", "RELEASED"))),
        ),
        supplement("Release", leaf("SttlmId", release.settlement_id)),
    )


def _read_release(fields: Fields) -> Release:
    return Release(
        uetr=fields.uetr("Mod/PmtId/PrtryId"),
        settlement_id=SettlementId(fields["SplmtryData/Envlp/Release/SttlmId"]),
    )


KINDS = (
    Kind(
        definition="pacs.009.001.08",
        body=Payment,
        root="FICdtTrf",
        write=_write_payment,
        read=_read_payment,
        mark="CdtTrfTxInf/RmtInf",
        message_id=("GrpHdr/MsgId",),
        value_date="CdtTrfTxInf/IntrBkSttlmDt",
        places={
            "IntrBkSttlmAmt": "CdtTrfTxInf/IntrBkSttlmAmt",
            "SttlmTmReq/FrTm": "CdtTrfTxInf/SttlmTmReq/FrTm",
            "SttlmTmReq/RjctTm": "CdtTrfTxInf/SttlmTmReq/RjctTm",
        },
    ),
    Kind(
        definition="pacs.002.001.10",
        body=PaymentReport,
        root="FIToFIPmtStsRpt",
        write=_write_report,
        read=_read_report,
        mark="TxInfAndSts/SplmtryData",
        message_id=("GrpHdr/MsgId",),
        places={
            "IntrBkSttlmAmt": "TxInfAndSts/OrgnlTxRef/IntrBkSttlmAmt",
            "SttlmTmReq/FrTm": f"{_SUPPLEMENT}/FrDtTm",
            "SttlmTmReq/RjctTm": f"{_SUPPLEMENT}/RjctDtTm",
        },
    ),
    Kind(
        definition="camt.054.001.08",
        body=BookingNotice,
        root="BkToCstmrDbtCdtNtfctn",
        write=_write_notice,
        read=_read_notice,
        mark="Ntfctn/Ntry/NtryDtls/TxDtls/RmtInf",
        message_id=("GrpHdr/MsgId", "Ntfctn/Id"),
    ),
    Kind(
        definition="camt.007.001.08",
        body=Release,
        root="ModfyTx",
        write=_write_release,
        read=_read_release,
        mark="Mod/NewPmtValSet/Tp",
        message_id=("MsgHdr/MsgId",),
    ),
)
