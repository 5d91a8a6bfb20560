"""Messages read by themselves, as bytes: only what promises are judged by, and nothing of `lockstep.iso20022`."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from lockstep.testing.promises_facts import Asked, Heard, Statement, Terms, Told

__all__ = ["Letter", "asked", "heard", "letter", "statement", "told"]

_SIDES = {"DELI": "DlvrgSttlmPties", "RECE": "RcvgSttlmPties"}
_WORDS = {"ACSC": "paid", "RJCT": "never", "CANC": "never"}


@dataclass(frozen=True, slots=True)
class Letter:
    """One message: its header, and its document's root."""

    sender: str
    receiver: str
    message_id: str
    kind: str
    root: ET.Element


def letter(data: bytes) -> Letter | None:
    """None for what is no message."""
    try:
        whole = ET.fromstring(data)
    except (ET.ParseError, ValueError):
        return None
    sender, receiver = (_text(whole, f"AppHdr/{one}/FIId/FinInstnId/BICFI") for one in ("Fr", "To"))
    name, kind = _text(whole, "AppHdr/BizMsgIdr"), _text(whole, "AppHdr/MsgDefIdr")
    document = _one(whole, "Document")
    if sender is None or receiver is None or name is None or kind is None or document is None or not len(document):
        return None
    return Letter(sender, receiver, name, kind[:8], document[0])


def asked(data: bytes, at: datetime, outcome: str, life: int) -> Asked:
    """What was handed in, as far as it can be read."""
    found = letter(data)
    said: dict[str, Any] = {}
    if found is not None:
        said = {"sender": found.sender, "message_id": found.message_id}
        if found.kind == "sese.023":
            terms = _terms(found.root, "TxId", "SttlmTpAndAddtlParams", "SttlmQty", "SttlmAmt")
            said["terms"] = terms
            said |= {} if terms is None else {"reference": terms.reference, "side": terms.side}
        elif found.kind == "sese.020":
            about = "AcctOwnrTxId/SctiesSttlmTxId"
            said |= {"cancels": True, "reference": _text(found.root, f"{about}/TxId")}
            said["side"] = _text(found.root, f"{about}/SctiesMvmntTp")
    return Asked(at=at, data=data, outcome=outcome, life=life, **said)


def told(box: str, data: bytes) -> Told | None:
    """A message to a participant; None for one of a kind that participants are not sent, or that is none."""
    found = letter(data)
    if found is None:
        return None
    root, said = found.root, dict[str, Any]()
    if found.kind == "sese.024":
        found_all = [one for group in ("PrcgSts", "MtchgSts", "SttlmSts") for one in _all(root, f"{group}/*")]
        said = {"accepted": any(_name(one) == "AckdAccptd" for one in found_all)}
        status = next((one for one in found_all if _name(one) != "AckdAccptd"), next(iter(found_all), None))
        said |= {"status": "" if status is None else _name(status)}
        said["code"] = None if status is None else _text(status, "Rsn/Cd/Cd")
        said |= {"reference": _text(root, "TxId/AcctOwnrTxId")}
        said |= {"side": _text(root, "SplmtryData/Envlp/Advice/SctiesMvmntTp")}
        said |= {"trade": _text(root, "SplmtryData/Envlp/Advice/TradId")}
        said |= {"settlement": _text(root, "SplmtryData/Envlp/Advice/SttlmId")}
    elif found.kind == "sese.027":
        about = "TxId/AcctOwnrTxId/SctiesSttlmTxId"
        status = next(iter(_all(root, "PrcgSts/*")), None)
        said = {"status": "" if status is None else _name(status), "request": _text(root, "CxlReqRef")}
        said |= {"reference": _text(root, f"{about}/TxId"), "side": _text(root, f"{about}/SctiesMvmntTp")}
    elif found.kind == "sese.025":
        terms = _terms(root, "TxIdDtls/AcctOwnrTxId", "TxIdDtls", "SttldQty", "SttldAmt")
        said = {"terms": terms, "reference": _text(root, "TxIdDtls/AcctOwnrTxId")}
        said |= {"side": _text(root, "TxIdDtls/SctiesMvmntTp"), "trade": _text(root, _OURS + "TradId")}
        said |= {"settlement": _text(root, _OURS + "SttlmId")}
        said |= {"settled_at": _instant(_text(root, "TradDtls/FctvSttlmDt/Dt/DtTm"))}
    else:
        return None
    said["reference"], said["side"] = said["reference"] or "", said["side"] or ""
    return Told(box=box, receiver=found.receiver, message_id=found.message_id, kind=found.kind, **said)


_OURS = "SplmtryData/Envlp/Settlement/"


def heard(receiver: str, position: int, found: Letter) -> Iterator[Heard]:
    """What a message of the RTGS says of settlements."""
    if found.kind == "pacs.002":
        for one in _all(found.root, "TxInfAndSts"):
            word = _WORDS.get(_text(one, "TxSts") or "")
            if word is not None:
                reference = _one(one, "OrgnlTxRef")
                yield from _heard(receiver, position, word, reference, "IntrBkSttlmAmt", "RmtInf/Ustrd")
    elif found.kind == "camt.029":
        # an answer to an agent's wish names no payment: there is none
        named = _text(found.root, "SplmtryData/Envlp/Resolution/SttlmId")
        named = named or _named(" ".join(one.text or "" for one in found.root.iter()))
        if _text(found.root, "Sts/Conf") == "CNCL" and named is not None:
            yield Heard(receiver=receiver, position=position, settlement=named, word="never")
    elif found.kind in ("camt.054", "camt.053"):
        for one in [*_all(found.root, "Ntfctn/Ntry"), *_all(found.root, "Stmt/Ntry")]:
            yield from _heard(receiver, position, "noticed", one, "Amt", "NtryDtls/TxDtls/RmtInf/Ustrd")


def _heard(
    receiver: str, position: int, word: str, one: ET.Element | None, amount: str, remittance: str
) -> Iterator[Heard]:
    settlement = None if one is None else _named(_text(one, remittance) or "")
    money = None if one is None else _one(one, amount)
    if settlement is not None and money is not None:
        cash, currency = Decimal(money.text or ""), money.get("Ccy")
        yield Heard(
            receiver=receiver, position=position, settlement=settlement, word=word, cash=cash, currency=currency
        )


def statement(position: int, found: Letter) -> Statement | None:
    """A camt.053 that is whole in one page; None for everything else."""
    if found.kind != "camt.053":
        return None
    said = "Stmt/"
    account = _text(found.root, said + "Acct/Id/Othr/Id")
    since, until = (_instant(_text(found.root, f"{said}FrToDt/{one}")) for one in ("FrDtTm", "ToDtTm"))
    page = (_text(found.root, said + "StmtPgntn/PgNb"), _text(found.root, said + "StmtPgntn/LastPgInd"))
    if account is None or since is None or until is None or page != ("1", "true"):
        return None
    shows = frozenset(one.settlement for one in heard("", position, found))
    return Statement(position=position, account=account, since=since, until=until, shows=shows)


def _terms(root: ET.Element, reference: str, direction: str, quantity: str, cash: str) -> Terms | None:
    """None where a term cannot be read: then it is nobody's instruction."""
    side = _text(root, f"{direction}/SctiesMvmntTp")
    counted = next(iter(_all(root, f"QtyAndAcctDtls/{quantity}/Qty/*")), None)
    money = _one(root, f"{cash}/Amt")
    other = {"DELI": "RECE", "RECE": "DELI"}.get(side or "")
    if counted is None or money is None or other is None:
        return None
    said: dict[str, Any] = {"reference": _text(root, reference), "side": side, "isin": _text(root, "FinInstrmId/ISIN")}
    for name, party in (("deliverer", "DELI"), ("receiver", "RECE")):
        said[name] = _text(root, f"{_SIDES[party]}/Pty1/LEI")
        said[f"{name}_bic"] = _text(root, f"{_SIDES[party]}/Pty1/Id/AnyBIC")
    try:
        said |= {"quantity": Decimal(counted.text or ""), "cash": Decimal(money.text or "")}
        said |= {"trade_date": date.fromisoformat(_text(root, "TradDtls/TradDt/Dt/Dt") or "")}
        said |= {"settlement_date": date.fromisoformat(_text(root, "TradDtls/SttlmDt/Dt/Dt") or "")}
    except (InvalidOperation, ValueError):
        return None
    said |= {"counted": _name(counted), "currency": money.get("Ccy")}
    if None in said.values():
        return None
    return Terms(counterparty=_text(root, f"{_SIDES[other]}/Pty1/PrcgId"), **said)


def _named(remittance: str) -> str | None:
    """The settlement in `/LSTP/<settlement id>/<salt>`."""
    _, found, rest = remittance.partition("/LSTP/")
    return rest.partition("/")[0].split(" ")[0] if found else None


def _instant(text: str | None) -> datetime | None:
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None


def _name(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _one(element: ET.Element, path: str) -> ET.Element | None:
    return element.find(_anywhere(path))


def _all(element: ET.Element, path: str) -> list[ET.Element]:
    return element.findall(_anywhere(path))


@cache
def _anywhere(path: str) -> str:
    """The path in whatever namespaces."""
    return "/".join(f"{{*}}{one}" for one in path.split("/"))


def _text(element: ET.Element, path: str) -> str | None:
    found = _one(element, path)
    return None if found is None else found.text
