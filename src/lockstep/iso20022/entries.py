"""Booked entries: camt.054 of one, camt.053 of an account's, camt.060 to ask for that."""

from lockstep.domain.errors import InvalidMessage
from lockstep.domain.identifiers import Uetr
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, parse_remittance
from lockstep.domain.statement import Entry, EntryKind, EntryNotice, Statement, StatementRequest
from lockstep.iso20022.fields import Fields
from lockstep.iso20022.kinds import Kind
from lockstep.iso20022.parts import remittance_information
from lockstep.iso20022.writing import account_id, agent, amount, group, leaf, node, page, utc

__all__ = ["KINDS", "read_entry", "read_kind", "write_notice"]

_OWNER = "Ownr/Id/OrgId/AnyBIC"
_STATED = "camt.053.001.08"
_KINDS = {kind.value: kind for kind in EntryKind}


def _codes(kind: EntryKind, credit: bool) -> tuple[str, str]:
    """Domain and family of ISO's bank transaction codes; the sub-family is the kind's own."""
    return ("CAMT", "ACCB") if kind is EntryKind.LIQUIDITY else ("PMNT", "RCDT" if credit else "ICDT")


def _direction(credit: bool) -> str:
    return leaf("CdtDbtInd", "CRDT" if credit else "DBIT")


def _owned(number: str, owner: str, currency: str = "") -> str:
    return node(
        "Acct",
        account_id("Id", number),
        leaf("Ccy", currency or None),
        node("Ownr", node("Id", node("OrgId", leaf("AnyBIC", owner)))),
    )


def _entry(entry: Entry) -> str:
    domain, family = _codes(entry.kind, entry.credit)
    about = ""
    if entry.settlement_id is not None and entry.salt is not None:
        about = remittance_information(entry.settlement_id, entry.salt)
    return node(
        "Ntry",
        amount("Amt", entry.amount),
        _direction(entry.credit),
        node("Sts", leaf("Cd", "BOOK")),
        node("BookgDt", leaf("DtTm", utc(entry.booked_at))),
        leaf("AcctSvcrRef", str(entry.posting)),
        node(
            "BkTxCd",
            node("Domn", leaf("Cd", domain), node("Fmly", leaf("Cd", family), leaf("SubFmlyCd", entry.kind.value))),
        ),
        node(
            "NtryDtls",
            node(
                "TxDtls",
                node("Refs", leaf("EndToEndId", entry.end_to_end_id), leaf("UETR", entry.uetr)),
                about,
            ),
        ),
    )


def read_kind(fields: Fields, at: str) -> tuple[EntryKind, bool]:
    """Of the entry at that path what it comes from, and whether it is a credit."""
    credit, of = fields[f"{at}/CdtDbtInd"] == "CRDT", f"{at}/BkTxCd/Domn"
    kind = _KINDS[fields[f"{of}/Fmly/SubFmlyCd"]]
    domain, family = _codes(kind, credit)
    if fields[f"{of}/Cd"] != domain:
        fields.require(f"{of}/Cd", domain, f"the domain of {kind.value}")
    fields.require(f"{of}/Fmly/Cd", family, "received when credited, issued when debited")
    return kind, credit


def read_entry(fields: Fields, at: str) -> Entry:
    """The entry at that path."""
    kind, credit = read_kind(fields, at)
    about = f"{at}/NtryDtls/TxDtls"
    settlement_id = salt = None
    if f"{about}/RmtInf" in fields:
        settlement_id, salt = parse_remittance(fields[f"{about}/RmtInf/Ustrd"], field=f"{about}/RmtInf/Ustrd")
    uetr = fields.get(f"{about}/Refs/UETR")
    return Entry(
        posting=int(fields[f"{at}/AcctSvcrRef"]),
        amount=fields.money(f"{at}/Amt"),
        credit=credit,
        booked_at=fields.instant(f"{at}/BookgDt/DtTm"),
        kind=kind,
        end_to_end_id=fields.get(f"{about}/Refs/EndToEndId"),
        uetr=None if uetr is None else Uetr(uetr),
        settlement_id=settlement_id,
        salt=salt,
    )


# camt.054


def write_notice(message: Message[object], account: CashAccount, entry: Entry) -> tuple[str, ...]:
    """The children of BkToCstmrDbtCdtNtfctn."""
    return (
        group(message),
        node("Ntfctn", leaf("Id", message.message_id), _owned(account.number, account.owner), _entry(entry)),
    )


def _write_notice(message: Message[EntryNotice]) -> tuple[str, ...]:
    if message.body.entry.settlement_id is not None:
        raise InvalidMessage("Ntfctn/Ntry/NtryDtls/TxDtls/RmtInf", message.body.entry.settlement_id, "no settlement")
    return write_notice(message, message.body.account, message.body.entry)


def _read_notice(fields: Fields) -> EntryNotice:
    return EntryNotice(
        account=fields.account(f"Ntfctn/Acct/{_OWNER}", "Ntfctn/Acct/Id/Othr/Id"),
        entry=read_entry(fields, "Ntfctn/Ntry"),
    )


# camt.053


def _balance(code: str, part: bool, money: Money, moment: str) -> str:
    """Of an account at a page's beginning or end; within the statement it is an intermediate one."""
    return node(
        "Bal",
        node("Tp", node("CdOrPrtry", leaf("Cd", code)), node("SubTp", leaf("Cd", "INTM")) if part else ""),
        amount("Amt", Money(currency=money.currency, amount=abs(money.amount))),
        _direction(money.amount >= 0),
        node("Dt", leaf("DtTm", moment)),
    )


def _totals(entries: tuple[Entry, ...], currency: str) -> dict[str, str]:
    """What TxsSummry says of the page's entries, by path."""
    credits = [entry.amount.amount for entry in entries if entry.credit]
    debits = [entry.amount.amount for entry in entries if not entry.credit]
    net = sum(credits) - sum(debits)
    found = {"TtlNtries/TtlNetNtry/CdtDbtInd": "CRDT" if net >= 0 else "DBIT"}
    for path, amounts in (("TtlNtries", credits + debits), ("TtlCdtNtries", credits), ("TtlDbtNtries", debits)):
        found[f"{path}/NbOfNtries"] = str(len(amounts))
        found[f"{path}/Sum"] = Money(currency=currency, amount=sum(amounts)).text()
    found["TtlNtries/TtlNetNtry/Amt"] = Money(currency=currency, amount=abs(net)).text()
    return found


def _write_statement(message: Message[Statement]) -> tuple[str, ...]:
    said = message.body
    since, until, currency = utc(said.since), utc(said.until), said.opening.currency
    totals = _totals(said.entries, currency)
    all_of, net = "TtlNtries", "TtlNtries/TtlNetNtry"
    return (
        group(message, "" if said.query_id is None else node("OrgnlBizQry", leaf("MsgId", said.query_id))),
        node(
            "Stmt",
            leaf("Id", said.statement_id),
            page("StmtPgntn", said.page, said.is_last),
            leaf("ElctrncSeqNb", str(said.sequence)),
            node("FrToDt", leaf("FrDtTm", since), leaf("ToDtTm", until)),
            _owned(said.account.number, said.account.owner, currency),
            _balance("OPBD", said.page > 1, said.opening, since),
            _balance("CLBD", not said.is_last, said.closing, until),
            node(
                "TxsSummry",
                node(
                    all_of,
                    leaf("NbOfNtries", totals[f"{all_of}/NbOfNtries"]),
                    leaf("Sum", totals[f"{all_of}/Sum"]),
                    node(
                        "TtlNetNtry", leaf("Amt", totals[f"{net}/Amt"]), leaf("CdtDbtInd", totals[f"{net}/CdtDbtInd"])
                    ),
                ),
                *(
                    node(one, leaf("NbOfNtries", totals[f"{one}/NbOfNtries"]), leaf("Sum", totals[f"{one}/Sum"]))
                    for one in ("TtlCdtNtries", "TtlDbtNtries")
                ),
            ),
            *map(_entry, said.entries),
        ),
    )


def _read_balance(fields: Fields, at: str, code: str, part: bool, moment: str) -> Money:
    fields.require(f"{at}/Tp/CdOrPrtry/Cd", code, "one opening balance, then one closing balance")
    if (f"{at}/Tp/SubTp" in fields) is not part:
        rule = "INTM within a statement of several pages, and nothing at its beginning and end"
        raise InvalidMessage(f"{at}/Tp/SubTp", fields.get(f"{at}/Tp/SubTp/Cd") or "", rule)
    if fields.instant(f"{at}/Dt/DtTm") != fields.instant(moment):
        raise InvalidMessage(f"{at}/Dt/DtTm", fields[f"{at}/Dt/DtTm"], f"{fields[moment]}, as FrToDt says")
    money = fields.money(f"{at}/Amt")
    if fields[f"{at}/CdtDbtInd"] == "CRDT":
        return money
    return Money(currency=money.currency, amount=-money.amount)


def _read_statement(fields: Fields) -> Statement:
    at = "Stmt"
    number, is_last = int(fields[f"{at}/StmtPgntn/PgNb"]), fields[f"{at}/StmtPgntn/LastPgInd"] == "true"
    balances = fields.each(f"{at}/Bal")
    if len(balances) != 2:
        raise InvalidMessage(balances[-1], f"{len(balances)} balances", "one opening balance and one closing balance")
    period = f"{at}/FrToDt"
    statement = Statement(
        statement_id=fields[f"{at}/Id"],
        sequence=int(fields[f"{at}/ElctrncSeqNb"]),
        account=fields.account(f"{at}/Acct/{_OWNER}", f"{at}/Acct/Id/Othr/Id"),
        since=fields.instant(f"{period}/FrDtTm"),
        until=fields.instant(f"{period}/ToDtTm"),
        opening=_read_balance(fields, balances[0], "OPBD", number > 1, f"{period}/FrDtTm"),
        closing=_read_balance(fields, balances[1], "CLBD", not is_last, f"{period}/ToDtTm"),
        entries=tuple(read_entry(fields, entry) for entry in fields.each(f"{at}/Ntry")),
        page=number,
        is_last=is_last,
        query_id=fields.get("GrpHdr/OrgnlBizQry/MsgId"),
    )
    currency = statement.opening.currency
    fields.require(f"{at}/Acct/Ccy", currency, "the currency of the opening balance")
    for name, value in _totals(statement.entries, currency).items():
        path = f"{at}/TxsSummry/{name}"
        if name.endswith("CdtDbtInd") and statement.opening == statement.closing:
            continue
        if fields[path] != value and not (name[-3:] in ("Sum", "Amt") and _same(fields, path, value, currency)):
            raise InvalidMessage(path, fields[path], f"{value}, as the entries are")
    return statement


def _same(fields: Fields, path: str, value: str, currency: str) -> bool:
    """Whether a sum that is written otherwise is the same number."""
    return Money.parse(fields[path], currency, field=path) == Money.parse(value, currency)


# camt.060


def _write_request(message: Message[StatementRequest]) -> tuple[str, ...]:
    wish = message.body
    return (
        group(message),
        node(
            "RptgReq",
            leaf("Id", wish.request_id),
            leaf("ReqdMsgNmId", _STATED),
            node("Acct", account_id("Id", wish.account.number)),
            agent("AcctOwnr", wish.account.owner),
            node(
                "RptgPrd",
                node("FrToDt", leaf("FrDt", wish.first.isoformat()), leaf("ToDt", wish.last.isoformat())),
                leaf("Tp", "ALLL"),
            ),
        ),
    )


def _read_request(fields: Fields) -> StatementRequest:
    return StatementRequest(
        account=fields.account("RptgReq/AcctOwnr/Agt/FinInstnId/BICFI", "RptgReq/Acct/Id/Othr/Id"),
        first=fields.day("RptgReq/RptgPrd/FrToDt/FrDt"),
        last=fields.day("RptgReq/RptgPrd/FrToDt/ToDt"),
        request_id=fields.get("RptgReq/Id"),
    )


KINDS = (
    Kind(
        definition="camt.054.001.08",
        body=EntryNotice,
        root="BkToCstmrDbtCdtNtfctn",
        write=_write_notice,
        read=_read_notice,
        message_id=("GrpHdr/MsgId", "Ntfctn/Id"),
    ),
    Kind(
        definition=_STATED,
        body=Statement,
        root="BkToCstmrStmt",
        write=_write_statement,
        read=_read_statement,
        message_id=("GrpHdr/MsgId",),
    ),
    Kind(
        definition="camt.060.001.05",
        body=StatementRequest,
        root="AcctRptgReq",
        write=_write_request,
        read=_read_request,
        message_id=("GrpHdr/MsgId",),
    ),
)
