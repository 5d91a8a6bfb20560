"""pacs.009, pacs.002, camt.054 and camt.007 of a settlement: its payment, that payment's status, booking, release."""

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.message import Message
from lockstep.domain.payment import (
    BookingNotice,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    Timing,
    parse_remittance,
)
from lockstep.domain.priority import Priority
from lockstep.domain.statement import Entry
from lockstep.iso20022.entries import read_entry, write_notice
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
    at = "CdtTrfTxInf"
    day = fields.day(f"{at}/IntrBkSttlmDt")
    money = fields.money(f"{at}/IntrBkSttlmAmt")
    require_totals(fields, money, "TtlIntrBkSttlmAmt")
    settlement_id, salt = parse_remittance(fields[f"{at}/RmtInf/Ustrd"], field=f"{at}/RmtInf/Ustrd")
    return Payment(
        uetr=fields.uetr(f"{at}/PmtId/UETR"),
        instruction_id=fields[f"{at}/PmtId/InstrId"],
        end_to_end_id=fields[f"{at}/PmtId/EndToEndId"],
        amount=money,
        settlement_date=day,
        debtor=fields.account(f"{at}/Dbtr/FinInstnId/BICFI", f"{at}/DbtrAcct/Id/Othr/Id"),
        creditor=fields.account(f"{at}/Cdtr/FinInstnId/BICFI", f"{at}/CdtrAcct/Id/Othr/Id"),
        settlement_id=settlement_id,
        salt=salt,
        pay_by=fields.instant_on(day, f"{at}/SttlmTmReq/RjctTm"),
        priority=read_priority(fields, at),
        timing=read_timing(fields, at, day),
    )


# pacs.002


_SUPPLEMENT = "TxInfAndSts/SplmtryData/Envlp/Payment"


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
    at, of = "TxInfAndSts", "TxInfAndSts/OrgnlTxRef"
    fields.require(f"{at}/OrgnlGrpInf/OrgnlMsgNmId", SETTLED_BY, "what pays for a settlement")
    settlement_id, salt = parse_remittance(fields[f"{of}/RmtInf/Ustrd"], field=f"{of}/RmtInf/Ustrd")
    uetr = fields.uetr(f"{at}/OrgnlUETR")
    return PaymentReport(
        original_message_id=fields[f"{at}/OrgnlGrpInf/OrgnlMsgId"],
        uetr=uetr,
        state=PaymentState(fields[f"{at}/TxSts"]),
        decided_at=fields.instant(f"{at}/AccptncDtTm"),
        payment=Payment(
            uetr=uetr,
            instruction_id=fields[f"{at}/OrgnlInstrId"],
            end_to_end_id=fields[f"{at}/OrgnlEndToEndId"],
            amount=fields.money(f"{of}/IntrBkSttlmAmt"),
            settlement_date=fields.day(f"{of}/IntrBkSttlmDt"),
            debtor=fields.account(f"{of}/Dbtr/Agt/FinInstnId/BICFI", f"{of}/DbtrAcct/Id/Othr/Id"),
            creditor=fields.account(f"{of}/Cdtr/Agt/FinInstnId/BICFI", f"{of}/CdtrAcct/Id/Othr/Id"),
            settlement_id=settlement_id,
            salt=salt,
            pay_by=fields.instant(f"{_SUPPLEMENT}/RjctDtTm"),
            priority=Priority(fields.get(f"{_SUPPLEMENT}/SttlmPrty") or "NORM"),
            timing=Timing(
                debit_at=fields.instant_or_none(f"{_SUPPLEMENT}/DbtDtTm"),
                credit_at=fields.instant_or_none(f"{_SUPPLEMENT}/CdtDtTm"),
                not_before=fields.instant_or_none(f"{_SUPPLEMENT}/FrDtTm"),
            ),
        ),
        reason_code=fields.get(f"{at}/StsRsnInf/Rsn/Cd"),
        reason=fields.get(f"{at}/StsRsnInf/AddtlInf"),
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
    about = "Ntfctn/Ntry/NtryDtls/TxDtls"
    fields.refuse(f"{about}/Refs/EndToEndId", "not for a settlement, which RmtInf names")
    fields.require("Ntfctn/Ntry/BkTxCd/Domn/Fmly/SubFmlyCd", "FICT", "a settlement is paid between banks")
    settlement_id, salt = parse_remittance(fields[f"{about}/RmtInf/Ustrd"], field=f"{about}/RmtInf/Ustrd")
    entry = read_entry(fields, "Ntfctn/Ntry")
    return BookingNotice(
        account=fields.account("Ntfctn/Acct/Ownr/Id/OrgId/AnyBIC", "Ntfctn/Acct/Id/Othr/Id"),
        amount=entry.amount,
        credit=entry.credit,
        booked_at=entry.booked_at,
        posting=entry.posting,
        uetr=fields.uetr(f"{about}/Refs/UETR"),
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
