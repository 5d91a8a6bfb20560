"""camt.050, camt.025 and camt.046 to camt.049: a bank moves and reserves its own liquidity."""

from lockstep.domain.liquidity import (
    DeleteReservation,
    LiquidityTransfer,
    ModifyReservation,
    QueryError,
    Receipt,
    Reservation,
    ReservationKind,
    ReservationQuery,
    ReservationReport,
    ReservationStatus,
)
from lockstep.domain.message import Message
from lockstep.domain.payment import CashAccount
from lockstep.iso20022.fields import Fields
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.writing import account, account_id, amount, group, institution, leaf, node, utc, words

__all__ = ["KINDS", "read_errors", "write_errors"]

_ID = ("MsgHdr/MsgId",)
_BIC = "FinInstnId/BICFI"


# camt.050


def _write_transfer(message: Message[LiquidityTransfer]) -> tuple[str, ...]:
    transfer = message.body
    return (
        group(message, name="MsgHdr"),
        node(
            "LqdtyCdtTrf",
            node(
                "LqdtyTrfId",
                leaf("InstrId", transfer.instruction_id),
                leaf("EndToEndId", transfer.end_to_end_id),
                leaf("UETR", transfer.uetr),
            ),
            node("Cdtr", institution(transfer.creditor.owner)),
            account("CdtrAcct", transfer.creditor),
            node("TrfdAmt", amount("AmtWthCcy", transfer.amount)),
            node("Dbtr", institution(transfer.debtor.owner)),
            account("DbtrAcct", transfer.debtor),
            leaf("SttlmDt", transfer.settlement_date.isoformat()),
        ),
    )


def _read_transfer(fields: Fields) -> LiquidityTransfer:
    at = "LqdtyCdtTrf"
    uetr = f"{at}/LqdtyTrfId/UETR"
    return LiquidityTransfer(
        end_to_end_id=fields[f"{at}/LqdtyTrfId/EndToEndId"],
        amount=fields.money(f"{at}/TrfdAmt/AmtWthCcy"),
        settlement_date=fields.day(f"{at}/SttlmDt"),
        debtor=fields.account(f"{at}/Dbtr/{_BIC}", f"{at}/DbtrAcct/Id/Othr/Id"),
        creditor=fields.account(f"{at}/Cdtr/{_BIC}", f"{at}/CdtrAcct/Id/Othr/Id"),
        instruction_id=fields.get(f"{at}/LqdtyTrfId/InstrId"),
        uetr=fields.uetr(uetr) if uetr in fields else None,
    )


# camt.025


def _write_receipt(message: Message[Receipt]) -> tuple[str, ...]:
    receipt = message.body
    return (
        group(message, name="MsgHdr"),
        node(
            "RctDtls",
            node(
                "OrgnlMsgId", leaf("MsgId", receipt.original_message_id), leaf("MsgNmId", receipt.original_definition)
            ),
            node("ReqHdlg", leaf("StsCd", receipt.status_code), words("Desc", receipt.description)),
        ),
    )


def _read_receipt(fields: Fields) -> Receipt:
    return Receipt(
        original_message_id=fields["RctDtls/OrgnlMsgId/MsgId"],
        original_definition=fields["RctDtls/OrgnlMsgId/MsgNmId"],
        status_code=fields["RctDtls/ReqHdlg/StsCd"],
        description=fields.get("RctDtls/ReqHdlg/Desc"),
    )


# camt.046 and camt.047


def write_errors(errors: tuple[QueryError, ...]) -> str:
    """OprlErr, once or more."""
    return "".join(
        node("OprlErr", node("Err", leaf("Prtry", error.code)), words("Desc", error.description)) for error in errors
    )


def read_errors(fields: Fields) -> tuple[QueryError, ...]:
    """Why a query has no answer; none if it has."""
    return tuple(
        QueryError(code=fields[f"{at}/Err/Prtry"], description=fields.get(f"{at}/Desc"))
        for at in fields.each("RptOrErr/OprlErr")
    )


def _write_query(message: Message[ReservationQuery]) -> tuple[str, ...]:
    of = message.body.account
    criteria = node("SchCrit", node("AcctOwnr", institution(of.owner)), account_id("AcctId", of.number))
    return (group(message, name="MsgHdr"), node("RsvatnQryDef", node("RsvatnCrit", node("NewCrit", criteria))))


def _read_query(fields: Fields) -> ReservationQuery:
    at = "RsvatnQryDef/RsvatnCrit/NewCrit/SchCrit"
    return ReservationQuery(account=fields.account(f"{at}/AcctOwnr/{_BIC}", f"{at}/AcctId/Othr/Id"))


def _reservation_id(name: str, kind: ReservationKind, of: CashAccount) -> str:
    owner = node("AcctOwnr", institution(of.owner))
    return node(name, node("Tp", leaf("Cd", kind.value)), owner, account_id("AcctId", of.number))


def _read_reserved(fields: Fields, at: str) -> tuple[ReservationKind, CashAccount]:
    return ReservationKind(fields[f"{at}/Tp/Cd"]), fields.account(f"{at}/AcctOwnr/{_BIC}", f"{at}/AcctId/Othr/Id")


def _reservation(of: Reservation) -> str:
    return node(
        "DfltRsvatn" if of.standing else "CurRsvatn",
        _reservation_id("RsvatnId", of.kind, of.account),
        node(
            "RsvatnOrErr",
            node(
                "Rsvatn",
                node("Amt", amount("AmtWthCcy", of.amount)),
                node("Sts", leaf("Cd", of.status.value)),
                "" if of.since is None else node("StartDtTm", leaf("DtTm", utc(of.since))),
            ),
        ),
    )


def _read_reservation(fields: Fields, at: str, standing: bool) -> Reservation:
    kind, of = _read_reserved(fields, f"{at}/RsvatnId")
    found = f"{at}/RsvatnOrErr/Rsvatn"
    return Reservation(
        kind=kind,
        account=of,
        amount=fields.money(f"{found}/Amt/AmtWthCcy"),
        status=ReservationStatus(fields[f"{found}/Sts/Cd"]),
        since=fields.instant_or_none(f"{found}/StartDtTm/DtTm"),
        standing=standing,
    )


def _write_report(message: Message[ReservationReport]) -> tuple[str, ...]:
    report = message.body
    current = sorted(report.reservations, key=lambda one: one.standing)
    return (
        group(message, node("OrgnlBizQry", leaf("MsgId", report.query_id)), name="MsgHdr"),
        node("RptOrErr", write_errors(report.errors) or node("BizRpt", *map(_reservation, current))),
    )


def _read_report(fields: Fields) -> ReservationReport:
    found = [
        _read_reservation(fields, at, standing)
        for name, standing in (("CurRsvatn", False), ("DfltRsvatn", True))
        for at in fields.each(f"RptOrErr/BizRpt/{name}")
    ]
    return ReservationReport(
        query_id=fields["MsgHdr/OrgnlBizQry/MsgId"], reservations=tuple(found), errors=read_errors(fields)
    )


# camt.048 and camt.049


def _write_modification(message: Message[ModifyReservation]) -> tuple[str, ...]:
    wish = message.body
    return (
        group(message, name="MsgHdr"),
        node("RsvatnId", _reservation_id("Dflt" if wish.standing else "Cur", wish.kind, wish.account)),
        node(
            "NewRsvatnValSet",
            "" if wish.start is None else node("StartDtTm", leaf("DtTm", utc(wish.start))),
            node("Amt", amount("AmtWthCcy", wish.amount)),
        ),
    )


def _read_modification(fields: Fields) -> ModifyReservation:
    standing = "RsvatnId/Dflt" in fields
    kind, of = _read_reserved(fields, "RsvatnId/Dflt" if standing else "RsvatnId/Cur")
    return ModifyReservation(
        kind=kind,
        account=of,
        amount=fields.money("NewRsvatnValSet/Amt/AmtWthCcy"),
        standing=standing,
        start=fields.instant_or_none("NewRsvatnValSet/StartDtTm/DtTm"),
    )


def _write_deletion(message: Message[DeleteReservation]) -> tuple[str, ...]:
    wish = message.body
    return (group(message, name="MsgHdr"), _reservation_id("CurRsvatn", wish.kind, wish.account))


def _read_deletion(fields: Fields) -> DeleteReservation:
    kind, of = _read_reserved(fields, "CurRsvatn")
    return DeleteReservation(kind=kind, account=of)


KINDS = (
    Kind(
        definition="camt.050.001.05",
        body=LiquidityTransfer,
        root="LqdtyCdtTrf",
        write=_write_transfer,
        read=_read_transfer,
        message_id=_ID,
        value_date="LqdtyCdtTrf/SttlmDt",
    ),
    Kind(
        definition="camt.025.001.05",
        body=Receipt,
        root="Rct",
        write=_write_receipt,
        read=_read_receipt,
        message_id=_ID,
    ),
    Kind(
        definition="camt.046.001.05",
        body=ReservationQuery,
        root="GetRsvatn",
        write=_write_query,
        read=_read_query,
        message_id=_ID,
    ),
    Kind(
        definition="camt.047.001.06",
        body=ReservationReport,
        root="RtrRsvatn",
        write=_write_report,
        read=_read_report,
        message_id=_ID,
    ),
    Kind(
        definition="camt.048.001.05",
        body=ModifyReservation,
        root="ModfyRsvatn",
        write=_write_modification,
        read=_read_modification,
        message_id=_ID,
    ),
    Kind(
        definition="camt.049.001.05",
        body=DeleteReservation,
        root="DelRsvatn",
        write=_write_deletion,
        read=_read_deletion,
        message_id=_ID,
    ),
)
