"""pacs.009, pacs.008, pacs.004, pacs.028 and pacs.002 of payments that no settlement waits for."""

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.message import Message
from lockstep.domain.payment import PaymentState
from lockstep.domain.transfer import (
    BankTransfer,
    Customer,
    CustomerTransfer,
    PaymentReturn,
    StatusRequest,
    TransferReport,
)
from lockstep.iso20022.fields import Fields, checked_iban
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.parts import (
    group_totals,
    original,
    payment_ids,
    read_original,
    read_priority,
    read_timing,
    reason,
    require_totals,
)
from lockstep.iso20022.writing import (
    account,
    account_id,
    agent,
    amount,
    group,
    institution,
    leaf,
    node,
    priority,
    timing,
    utc,
    words,
)

__all__ = ["KINDS"]

_AT = "CdtTrfTxInf"
_BIC = "FinInstnId/BICFI"
_NUMBER = "Id/Othr/Id"


def _terms(of: BankTransfer | CustomerTransfer) -> str:
    """From PmtId to SttlmTmReq, as pacs.008 and pacs.009 have them."""
    return (
        payment_ids(of.instruction_id, of.end_to_end_id, of.uetr)
        + amount("IntrBkSttlmAmt", of.amount)
        + leaf("IntrBkSttlmDt", of.settlement_date.isoformat())
        + priority(of.priority)
        + timing(of.timing, of.reject_after)
    )


# pacs.009


def _write_bank_transfer(message: Message[BankTransfer]) -> tuple[str, ...]:
    transfer = message.body
    return (
        group_totals(message),
        node(
            _AT,
            _terms(transfer),
            node("Dbtr", institution(transfer.debtor.owner)),
            account("DbtrAcct", transfer.debtor),
            node("Cdtr", institution(transfer.creditor.owner)),
            account("CdtrAcct", transfer.creditor),
        ),
    )


def _read_bank_transfer(fields: Fields) -> BankTransfer:
    day, money = fields.day(f"{_AT}/IntrBkSttlmDt"), fields.money(f"{_AT}/IntrBkSttlmAmt")
    require_totals(fields, money, "TtlIntrBkSttlmAmt")
    until = f"{_AT}/SttlmTmReq/RjctTm"
    return BankTransfer(
        uetr=fields.uetr(f"{_AT}/PmtId/UETR"),
        instruction_id=fields[f"{_AT}/PmtId/InstrId"],
        end_to_end_id=fields[f"{_AT}/PmtId/EndToEndId"],
        amount=money,
        settlement_date=day,
        debtor=fields.account(f"{_AT}/Dbtr/{_BIC}", f"{_AT}/DbtrAcct/{_NUMBER}"),
        creditor=fields.account(f"{_AT}/Cdtr/{_BIC}", f"{_AT}/CdtrAcct/{_NUMBER}"),
        priority=read_priority(fields, _AT),
        timing=read_timing(fields, _AT, day),
        reject_after=fields.instant_on(day, until) if until in fields else None,
    )


# pacs.008


def _customers_account(name: str, customer: Customer) -> str:
    if not customer.is_iban:
        return node(name, account_id("Id", customer.account))
    checked_iban(customer.account, f"{_AT}/{name}/Id/IBAN")
    return node(name, node("Id", leaf("IBAN", customer.account)))


def _read_customer(fields: Fields, name: str) -> Customer:
    of, iban = f"{_AT}/{name}/Nm", f"{_AT}/{name}Acct/Id/IBAN"
    if iban in fields:
        return Customer(name=fields[of], account=checked_iban(fields[iban], iban))
    return Customer(name=fields[of], account=fields[f"{_AT}/{name}Acct/{_NUMBER}"], is_iban=False)


def _write_customer_transfer(message: Message[CustomerTransfer]) -> tuple[str, ...]:
    transfer = message.body
    return (
        group_totals(message),
        node(
            _AT,
            _terms(transfer),
            leaf("ChrgBr", transfer.charges),
            node("Dbtr", words("Nm", transfer.debtor.name)),
            _customers_account("DbtrAcct", transfer.debtor),
            node("DbtrAgt", institution(transfer.debtor_bank.owner)),
            account("DbtrAgtAcct", transfer.debtor_bank),
            node("CdtrAgt", institution(transfer.creditor_bank.owner)),
            account("CdtrAgtAcct", transfer.creditor_bank),
            node("Cdtr", words("Nm", transfer.creditor.name)),
            _customers_account("CdtrAcct", transfer.creditor),
            "" if transfer.remittance is None else node("RmtInf", words("Ustrd", transfer.remittance)),
        ),
    )


def _read_customer_transfer(fields: Fields) -> CustomerTransfer:
    day, money = fields.day(f"{_AT}/IntrBkSttlmDt"), fields.money(f"{_AT}/IntrBkSttlmAmt")
    require_totals(fields, money, "TtlIntrBkSttlmAmt")
    until = f"{_AT}/SttlmTmReq/RjctTm"
    return CustomerTransfer(
        uetr=fields.uetr(f"{_AT}/PmtId/UETR"),
        instruction_id=fields[f"{_AT}/PmtId/InstrId"],
        end_to_end_id=fields[f"{_AT}/PmtId/EndToEndId"],
        amount=money,
        settlement_date=day,
        debtor=_read_customer(fields, "Dbtr"),
        debtor_bank=fields.account(f"{_AT}/DbtrAgt/{_BIC}", f"{_AT}/DbtrAgtAcct/{_NUMBER}"),
        creditor_bank=fields.account(f"{_AT}/CdtrAgt/{_BIC}", f"{_AT}/CdtrAgtAcct/{_NUMBER}"),
        creditor=_read_customer(fields, "Cdtr"),
        charges=fields[f"{_AT}/ChrgBr"],
        remittance=fields.get(f"{_AT}/RmtInf/Ustrd"),
        priority=read_priority(fields, _AT),
        timing=read_timing(fields, _AT, day),
        reject_after=fields.instant_on(day, until) if until in fields else None,
    )


# pacs.004


def _write_return(message: Message[PaymentReturn]) -> tuple[str, ...]:
    back = message.body
    if back.timing.not_before is not None:
        raise InvalidMessage("TxInf/SttlmTmReq/FrTm", back.timing.not_before, "nothing: pacs.004 has no place for it")
    return (
        group_totals(message),
        node(
            "TxInf",
            leaf("RtrId", back.return_id),
            original(back.original.message_id, back.original.definition),
            leaf("OrgnlEndToEndId", back.original_end_to_end_id),
            leaf("OrgnlUETR", back.uetr),
            amount("OrgnlIntrBkSttlmAmt", back.original_amount),
            amount("RtrdIntrBkSttlmAmt", back.amount),
            leaf("IntrBkSttlmDt", back.settlement_date.isoformat()),
            priority(back.priority),
            timing(back.timing),
            node("RtrChain", agent("Dbtr", back.debtor), agent("Cdtr", back.creditor)),
            reason("RtrRsnInf", back.reason_code, back.reason),
        ),
    )


def _read_return(fields: Fields) -> PaymentReturn:
    day, money = fields.day("TxInf/IntrBkSttlmDt"), fields.money("TxInf/RtrdIntrBkSttlmAmt")
    require_totals(fields, money, "TtlRtrdIntrBkSttlmAmt")
    return PaymentReturn(
        return_id=fields["TxInf/RtrId"],
        original=read_original(fields, "TxInf"),
        original_end_to_end_id=fields["TxInf/OrgnlEndToEndId"],
        uetr=fields.uetr("TxInf/OrgnlUETR"),
        original_amount=fields.money("TxInf/OrgnlIntrBkSttlmAmt"),
        amount=money,
        settlement_date=day,
        debtor=fields.bic(f"TxInf/RtrChain/Dbtr/Agt/{_BIC}"),
        creditor=fields.bic(f"TxInf/RtrChain/Cdtr/Agt/{_BIC}"),
        reason_code=fields["TxInf/RtrRsnInf/Rsn/Cd"],
        reason=fields.get("TxInf/RtrRsnInf/AddtlInf"),
        priority=read_priority(fields, "TxInf"),
        timing=read_timing(fields, "TxInf", day),
    )


# pacs.028


def _write_request(message: Message[StatusRequest]) -> tuple[str, ...]:
    wish = message.body
    of = "" if wish.original is None else original(wish.original.message_id, wish.original.definition)
    return (group(message), node("TxInf", leaf("StsReqId", wish.request_id), of, leaf("OrgnlUETR", wish.uetr)))


def _read_request(fields: Fields) -> StatusRequest:
    return StatusRequest(
        uetr=fields.uetr("TxInf/OrgnlUETR"),
        request_id=fields.get("TxInf/StsReqId"),
        original=read_original(fields, "TxInf") if "TxInf/OrgnlGrpInf" in fields else None,
    )


# pacs.002


def _write_report(message: Message[TransferReport]) -> tuple[str, ...]:
    report = message.body
    return (
        group(message),
        node(
            "TxInfAndSts",
            original(report.original.message_id, report.original.definition),
            leaf("OrgnlInstrId", report.instruction_id),
            leaf("OrgnlEndToEndId", report.end_to_end_id),
            leaf("OrgnlUETR", report.uetr),
            leaf("TxSts", report.state.value),
            reason("StsRsnInf", report.reason_code, report.reason),
            leaf("AccptncDtTm", utc(report.decided_at)),
        ),
    )


def _read_report(fields: Fields) -> TransferReport:
    at = "TxInfAndSts"
    fields.refuse(f"{at}/OrgnlTxRef", "only for a settlement, with SplmtryData")
    return TransferReport(
        original=read_original(fields, at),
        uetr=fields.uetr(f"{at}/OrgnlUETR"),
        state=PaymentState(fields[f"{at}/TxSts"]),
        decided_at=fields.instant(f"{at}/AccptncDtTm"),
        instruction_id=fields.get(f"{at}/OrgnlInstrId"),
        end_to_end_id=fields.get(f"{at}/OrgnlEndToEndId"),
        reason_code=fields.get(f"{at}/StsRsnInf/Rsn/Cd"),
        reason=fields.get(f"{at}/StsRsnInf/AddtlInf"),
    )


_PLACES = {name: f"{_AT}/{name}" for name in ("IntrBkSttlmAmt", "SttlmTmReq/FrTm", "SttlmTmReq/RjctTm")}

KINDS = (
    Kind(
        definition="pacs.009.001.08",
        body=BankTransfer,
        root="FICdtTrf",
        write=_write_bank_transfer,
        read=_read_bank_transfer,
        message_id=("GrpHdr/MsgId",),
        value_date=f"{_AT}/IntrBkSttlmDt",
        places=_PLACES,
    ),
    Kind(
        definition="pacs.008.001.08",
        body=CustomerTransfer,
        root="FIToFICstmrCdtTrf",
        write=_write_customer_transfer,
        read=_read_customer_transfer,
        message_id=("GrpHdr/MsgId",),
        value_date=f"{_AT}/IntrBkSttlmDt",
        places=_PLACES,
    ),
    Kind(
        definition="pacs.004.001.09",
        body=PaymentReturn,
        root="PmtRtr",
        write=_write_return,
        read=_read_return,
        message_id=("GrpHdr/MsgId",),
        value_date="TxInf/IntrBkSttlmDt",
        places={"RtrdIntrBkSttlmAmt": "TxInf/RtrdIntrBkSttlmAmt"},
    ),
    Kind(
        definition="pacs.028.001.03",
        body=StatusRequest,
        root="FIToFIPmtStsReq",
        write=_write_request,
        read=_read_request,
        message_id=("GrpHdr/MsgId",),
    ),
    Kind(
        definition="pacs.002.001.10",
        body=TransferReport,
        root="FIToFIPmtStsRpt",
        write=_write_report,
        read=_read_report,
        message_id=("GrpHdr/MsgId",),
    ),
)
