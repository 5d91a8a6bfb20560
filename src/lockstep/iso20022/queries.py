"""camt.005, camt.006 and camt.007: which payments are there, these, and change this one.

A payment is named by its UETR in PmtId/PrtryId: the standard's own place for a UETR (LngBizId) wants
the payment's amount, date and agents besides.
"""

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, PaymentState
from lockstep.domain.priority import Priority
from lockstep.domain.statement import QueriedPayment, TransactionQuery, TransactionReport
from lockstep.domain.transfer import ModifyPayment
from lockstep.iso20022.fields import Fields
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.liquidity import read_errors, write_errors
from lockstep.iso20022.writing import account_id, amount, group, institution, leaf, node, page, utc

__all__ = ["KINDS"]

_ID = ("MsgHdr/MsgId",)
_CRITERIA = "TxQryDef/TxCrit/NewCrit/SchCrit"
_DECIDED = {True: "FINL", False: "PDNG"}


def _side(name: str, of: CashAccount) -> str:
    return node(name, node("MmbId", institution(of.owner)), account_id("AcctId", of.number))


def _read_side(fields: Fields, at: str) -> CashAccount:
    return fields.account(f"{at}/MmbId/FinInstnId/BICFI", f"{at}/AcctId/Othr/Id")


def _write_query(message: Message[TransactionQuery]) -> tuple[str, ...]:
    query, search = message.body, ""
    if query.uetr is not None:
        search += node("PmtId", leaf("PrtryId", query.uetr))
    if query.final is not None:
        search += node("Sts", node("PmtInstrSts", leaf("PdgAndFnlSts", _DECIDED[query.final])))
    if query.settlement_date is not None:
        search += leaf("IntrBkSttlmDt", query.settlement_date.isoformat())
    debtor = "" if query.debtor is None else _side("PmtFr", query.debtor)
    criteria = node("SchCrit", debtor, node("PmtSch", search) if search else "")
    return (group(message, name="MsgHdr"), node("TxQryDef", node("TxCrit", node("NewCrit", criteria))))


def _read_query(fields: Fields) -> TransactionQuery:
    uetr, day = f"{_CRITERIA}/PmtSch/PmtId/PrtryId", f"{_CRITERIA}/PmtSch/IntrBkSttlmDt"
    state = fields.get(f"{_CRITERIA}/PmtSch/Sts/PmtInstrSts/PdgAndFnlSts")
    return TransactionQuery(
        uetr=fields.uetr(uetr) if uetr in fields else None,
        debtor=_read_side(fields, f"{_CRITERIA}/PmtFr") if f"{_CRITERIA}/PmtFr" in fields else None,
        settlement_date=fields.day(day) if day in fields else None,
        final=None if state is None else state == "FINL",
    )


def _found(payment: QueriedPayment) -> str:
    return node(
        "TxRpt",
        node("PmtId", leaf("PrtryId", payment.uetr)),
        node(
            "TxOrErr",
            node(
                "Tx",
                _side("PmtTo", payment.creditor),
                _side("PmtFr", payment.debtor),
                node(
                    "Pmt",
                    leaf("MsgId", payment.message_id),
                    node(
                        "Sts",
                        node("Cd", leaf("RTGS", payment.state.value)),
                        node("DtTm", leaf("DtTm", utc(payment.decided_at))),
                        "" if payment.reason_code is None else node("Rsn", leaf("Prtry", payment.reason_code)),
                    ),
                    node("IntrBkSttlmAmt", amount("AmtWthCcy", payment.amount)),
                    node("Prty", leaf("Cd", payment.priority.value)),
                    leaf("IntrBkSttlmDt", payment.settlement_date.isoformat()),
                    leaf("EndToEndId", payment.end_to_end_id),
                ),
            ),
        ),
    )


def _read_found(fields: Fields, at: str) -> QueriedPayment:
    about = f"{at}/TxOrErr/Tx"
    of = f"{about}/Pmt"
    return QueriedPayment(
        uetr=fields.uetr(f"{at}/PmtId/PrtryId"),
        message_id=fields[f"{of}/MsgId"],
        end_to_end_id=fields[f"{of}/EndToEndId"],
        state=PaymentState(fields[f"{of}/Sts/Cd/RTGS"]),
        decided_at=fields.instant(f"{of}/Sts/DtTm/DtTm"),
        amount=fields.money(f"{of}/IntrBkSttlmAmt/AmtWthCcy"),
        settlement_date=fields.day(f"{of}/IntrBkSttlmDt"),
        debtor=_read_side(fields, f"{about}/PmtFr"),
        creditor=_read_side(fields, f"{about}/PmtTo"),
        priority=Priority(fields[f"{of}/Prty/Cd"]),
        reason_code=fields.get(f"{of}/Sts/Rsn/Prtry"),
    )


def _total(payments: tuple[QueriedPayment, ...]) -> Money | None:
    """The sum of the page's payments; None where they have several currencies."""
    currencies = {payment.amount.currency for payment in payments}
    if len(currencies) != 1:
        return None
    return Money(currency=currencies.pop(), amount=sum(payment.amount.amount for payment in payments))


def _write_report(message: Message[TransactionReport]) -> tuple[str, ...]:
    report = message.body
    total = _total(report.payments)
    counted = node(
        "TxsSummry",
        leaf("NbOfNtries", str(len(report.payments))),
        leaf("Sum", None if total is None else total.text()),
    )
    return (
        group(
            message,
            page("MsgPgntn", report.page, report.is_last),
            node("OrgnlBizQry", leaf("MsgId", report.query_id)),
            name="MsgHdr",
        ),
        node("RptOrErr", write_errors(report.errors) or node("BizRpt", counted, *map(_found, report.payments))),
    )


def _read_report(fields: Fields) -> TransactionReport:
    at = "RptOrErr/BizRpt"
    payments = tuple(_read_found(fields, one) for one in fields.each(f"{at}/TxRpt"))
    if f"{at}/TxsSummry" in fields:
        fields.require(f"{at}/TxsSummry/NbOfNtries", str(len(payments)), "as many as there are")
    if f"{at}/TxsSummry/Sum" in fields:
        path, total = f"{at}/TxsSummry/Sum", _total(payments)
        if total is None:
            raise InvalidMessage(path, fields[path], "no sum over several currencies")
        if Money.parse(fields[path], total.currency, field=path) != total:
            raise InvalidMessage(path, fields[path], f"{total.text()}, the sum of the amounts")
    return TransactionReport(
        query_id=fields["MsgHdr/OrgnlBizQry/MsgId"],
        payments=payments,
        errors=read_errors(fields),
        page=int(fields["MsgHdr/MsgPgntn/PgNb"]),
        is_last=fields["MsgHdr/MsgPgntn/LastPgInd"] == "true",
    )


def _write_modification(message: Message[ModifyPayment]) -> tuple[str, ...]:
    wish, new = message.body, ""
    if wish.priority is not None:
        new = node("Prty", leaf("Cd", wish.priority.value))
    since = "" if wish.not_before is None else leaf("FrDtTm", utc(wish.not_before))
    until = "" if wish.reject_after is None else leaf("ToDtTm", utc(wish.reject_after))
    if since and until:
        new += node("PrcgVldtyTm", node("DtTmRg", since, until))
    elif since or until:
        new += node("PrcgVldtyTm", since, until)
    changed = node("Mod", node("PmtId", leaf("PrtryId", wish.uetr)), node("NewPmtValSet", new))
    return (group(message, name="MsgHdr"), changed)


def _read_modification(fields: Fields) -> ModifyPayment:
    fields.refuse("SplmtryData", "only with a release, NewPmtValSet/Tp")
    new = "Mod/NewPmtValSet"
    times = f"{new}/PrcgVldtyTm/DtTmRg" if f"{new}/PrcgVldtyTm/DtTmRg" in fields else f"{new}/PrcgVldtyTm"
    priority = fields.get(f"{new}/Prty/Cd")
    return ModifyPayment(
        uetr=fields.uetr("Mod/PmtId/PrtryId"),
        priority=None if priority is None else Priority(priority),
        not_before=fields.instant_or_none(f"{times}/FrDtTm"),
        reject_after=fields.instant_or_none(f"{times}/ToDtTm"),
    )


KINDS = (
    Kind(
        definition="camt.005.001.08",
        body=TransactionQuery,
        root="GetTx",
        write=_write_query,
        read=_read_query,
        message_id=_ID,
    ),
    Kind(
        definition="camt.006.001.08",
        body=TransactionReport,
        root="RtrTx",
        write=_write_report,
        read=_read_report,
        message_id=_ID,
    ),
    Kind(
        definition="camt.007.001.08",
        body=ModifyPayment,
        root="ModfyTx",
        write=_write_modification,
        read=_read_modification,
        message_id=_ID,
    ),
)
