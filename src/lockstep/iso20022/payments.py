"""pacs.009, pacs.002, camt.054 and camt.007: a payment, its status, its booking, its release."""

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.message import Message
from lockstep.domain.payment import (
    BookingNotice,
    CashAccount,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    parse_remittance,
    remittance,
)
from lockstep.iso20022.fields import Fields, amount, leaf, node, supplement, utc, words
from lockstep.iso20022.kinds import Kind

__all__ = ["KINDS", "original", "reason", "remittance_information"]


def remittance_information(settlement_id: SettlementId, salt: str) -> str:
    """RmtInf: which settlement this is for."""
    return node("RmtInf", leaf("Ustrd", remittance(settlement_id, salt)))


def original(message_id: str) -> str:
    """OrgnlGrpInf: the pacs.009 that is spoken of."""
    return node("OrgnlGrpInf", leaf("OrgnlMsgId", message_id), leaf("OrgnlMsgNmId", "pacs.009.001.08"))


def reason(name: str, code: str | None, said: str | None) -> str:
    """StsRsnInf or CxlStsRsnInf; nothing where there is no reason."""
    if code is None and said is None:
        return ""
    return node(name, "" if code is None else node("Rsn", leaf("Cd", code)), words("AddtlInf", said))


def _institution(code: str) -> str:
    return node("FinInstnId", leaf("BICFI", code))


def _account(name: str, number: str) -> str:
    return node(name, node("Id", node("Othr", leaf("Id", number))))


def _group(message: Message[object], *more: str) -> str:
    return node("GrpHdr", leaf("MsgId", message.message_id), leaf("CreDtTm", utc(message.created)), *more)


# pacs.009


def _write_payment(message: Message[Payment]) -> tuple[str, ...]:
    payment = message.body
    return (
        _group(message, leaf("NbOfTxs", "1"), node("SttlmInf", leaf("SttlmMtd", "CLRG"))),
        node(
            "CdtTrfTxInf",
            node(
                "PmtId",
                leaf("InstrId", payment.instruction_id),
                leaf("EndToEndId", payment.end_to_end_id),
                leaf("UETR", payment.uetr),
            ),
            amount("IntrBkSttlmAmt", payment.amount),
            leaf("IntrBkSttlmDt", payment.settlement_date.isoformat()),
            node("SttlmTmReq", leaf("RjctTm", utc(payment.pay_by).partition("T")[2])),
            node("Dbtr", _institution(payment.debtor.owner)),
            _account("DbtrAcct", payment.debtor.number),
            node("Cdtr", _institution(payment.creditor.owner)),
            _account("CdtrAcct", payment.creditor.number),
            remittance_information(payment.settlement_id, payment.salt),
        ),
    )


def _read_payment(fields: Fields) -> Payment:
    at = "CdtTrfTxInf"
    day = fields.day(f"{at}/IntrBkSttlmDt")
    settlement_id, salt = parse_remittance(fields[f"{at}/RmtInf/Ustrd"], field=f"{at}/RmtInf/Ustrd")
    return Payment(
        uetr=fields.uetr(f"{at}/PmtId/UETR"),
        instruction_id=fields[f"{at}/PmtId/InstrId"],
        end_to_end_id=fields[f"{at}/PmtId/EndToEndId"],
        amount=fields.money(f"{at}/IntrBkSttlmAmt"),
        settlement_date=day,
        debtor=CashAccount(owner=fields.bic(f"{at}/Dbtr/FinInstnId/BICFI"), number=fields[f"{at}/DbtrAcct/Id/Othr/Id"]),
        creditor=CashAccount(
            owner=fields.bic(f"{at}/Cdtr/FinInstnId/BICFI"), number=fields[f"{at}/CdtrAcct/Id/Othr/Id"]
        ),
        settlement_id=settlement_id,
        salt=salt,
        pay_by=fields.instant_on(day, f"{at}/SttlmTmReq/RjctTm"),
    )


# pacs.002


def _write_report(message: Message[PaymentReport]) -> tuple[str, ...]:
    report, payment = message.body, message.body.payment
    if report.uetr != payment.uetr:
        raise InvalidMessage("TxInfAndSts/OrgnlUETR", report.uetr, "the payment's own UETR")
    return (
        _group(message),
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
                node("Dbtr", node("Agt", _institution(payment.debtor.owner))),
                _account("DbtrAcct", payment.debtor.number),
                node("Cdtr", node("Agt", _institution(payment.creditor.owner))),
                _account("CdtrAcct", payment.creditor.number),
            ),
            supplement("Payment", leaf("RjctDtTm", utc(payment.pay_by))),
        ),
    )


def _read_report(fields: Fields) -> PaymentReport:
    at, of = "TxInfAndSts", "TxInfAndSts/OrgnlTxRef"
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
            debtor=CashAccount(
                owner=fields.bic(f"{of}/Dbtr/Agt/FinInstnId/BICFI"), number=fields[f"{of}/DbtrAcct/Id/Othr/Id"]
            ),
            creditor=CashAccount(
                owner=fields.bic(f"{of}/Cdtr/Agt/FinInstnId/BICFI"), number=fields[f"{of}/CdtrAcct/Id/Othr/Id"]
            ),
            settlement_id=settlement_id,
            salt=salt,
            pay_by=fields.instant(f"{at}/SplmtryData/Envlp/Payment/RjctDtTm"),
        ),
        reason_code=fields.get(f"{at}/StsRsnInf/Rsn/Cd"),
        reason=fields.get(f"{at}/StsRsnInf/AddtlInf"),
    )


# camt.054

_ENTRY = "Ntfctn/Ntry"
_FAMILY = {True: "RCDT", False: "ICDT"}


def _write_notice(message: Message[BookingNotice]) -> tuple[str, ...]:
    notice = message.body
    return (
        _group(message),
        node(
            "Ntfctn",
            leaf("Id", message.message_id),
            node(
                "Acct",
                node("Id", node("Othr", leaf("Id", notice.account.number))),
                node("Ownr", node("Id", node("OrgId", leaf("AnyBIC", notice.account.owner)))),
            ),
            node(
                "Ntry",
                amount("Amt", notice.amount),
                leaf("CdtDbtInd", "CRDT" if notice.credit else "DBIT"),
                node("Sts", leaf("Cd", "BOOK")),
                node("BookgDt", leaf("DtTm", utc(notice.booked_at))),
                leaf("AcctSvcrRef", str(notice.posting)),
                node(
                    "BkTxCd",
                    node(
                        "Domn",
                        leaf("Cd", "PMNT"),
                        node("Fmly", leaf("Cd", _FAMILY[notice.credit]), leaf("SubFmlyCd", "FICT")),
                    ),
                ),
                node(
                    "NtryDtls",
                    node(
                        "TxDtls",
                        node("Refs", leaf("UETR", notice.uetr)),
                        remittance_information(notice.settlement_id, notice.salt),
                    ),
                ),
            ),
        ),
    )


def _read_notice(fields: Fields) -> BookingNotice:
    credit = fields[f"{_ENTRY}/CdtDbtInd"] == "CRDT"
    fields.require(f"{_ENTRY}/BkTxCd/Domn/Fmly/Cd", _FAMILY[credit], "received when credited, issued when debited")
    about = f"{_ENTRY}/NtryDtls/TxDtls"
    settlement_id, salt = parse_remittance(fields[f"{about}/RmtInf/Ustrd"], field=f"{about}/RmtInf/Ustrd")
    return BookingNotice(
        account=CashAccount(
            owner=fields.bic("Ntfctn/Acct/Ownr/Id/OrgId/AnyBIC"), number=fields["Ntfctn/Acct/Id/Othr/Id"]
        ),
        amount=fields.money(f"{_ENTRY}/Amt"),
        credit=credit,
        booked_at=fields.instant(f"{_ENTRY}/BookgDt/DtTm"),
        posting=int(fields[f"{_ENTRY}/AcctSvcrRef"]),
        uetr=fields.uetr(f"{about}/Refs/UETR"),
        settlement_id=settlement_id,
        salt=salt,
    )


# camt.007: a profile of our own. The standard's message modifies a payment; ours turns one that is
# held into one that is released, and the RTGS counts agents until their quorum.


def _write_release(message: Message[Release]) -> tuple[str, ...]:
    release = message.body
    return (
        node("MsgHdr", leaf("MsgId", message.message_id), leaf("CreDtTm", utc(message.created))),
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
        message_id=("GrpHdr/MsgId",),
        places={
            "IntrBkSttlmAmt": "CdtTrfTxInf/IntrBkSttlmAmt",
            "SttlmTmReq/RjctTm": "CdtTrfTxInf/SttlmTmReq/RjctTm",
        },
    ),
    Kind(
        definition="pacs.002.001.10",
        body=PaymentReport,
        root="FIToFIPmtStsRpt",
        write=_write_report,
        read=_read_report,
        message_id=("GrpHdr/MsgId",),
        places={
            "IntrBkSttlmAmt": "TxInfAndSts/OrgnlTxRef/IntrBkSttlmAmt",
            "SttlmTmReq/RjctTm": "TxInfAndSts/SplmtryData/Envlp/Payment/RjctDtTm",
        },
    ),
    Kind(
        definition="camt.054.001.08",
        body=BookingNotice,
        root="BkToCstmrDbtCdtNtfctn",
        write=_write_notice,
        read=_read_notice,
        message_id=("GrpHdr/MsgId", "Ntfctn/Id"),
    ),
    Kind(
        definition="camt.007.001.08",
        body=Release,
        root="ModfyTx",
        write=_write_release,
        read=_read_release,
        message_id=("MsgHdr/MsgId",),
    ),
)
