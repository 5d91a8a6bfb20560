"""The XML that every message is made of, and the parts that several share."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, Timing
from lockstep.domain.priority import Priority

__all__ = [
    "account",
    "account_id",
    "agent",
    "amount",
    "group",
    "institution",
    "leaf",
    "node",
    "page",
    "priority",
    "supplement",
    "timing",
    "truth",
    "utc",
    "words",
]

_REMEMBERED = 4096
"""Parts that messages repeat are made once: parties, accounts, instants."""
_LINE_ENDS = re.compile("\r\n|[\r\n\x0b\x0c\x1c-\x1e]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})


def utc(moment: datetime) -> str:
    """As a message writes it. A time without a zone stays without, for the schema to refuse."""
    if moment.tzinfo is UTC:
        return _utc(moment)
    return moment.isoformat() if moment.tzinfo is None else _utc(moment.astimezone(UTC))


@lru_cache(_REMEMBERED)
def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def truth(value: bool) -> str:
    """YesNoIndicator."""
    return "true" if value else "false"


def leaf(name: str, text: str | None) -> str:
    """An element with text; nothing for None."""
    if text is None:
        return ""
    if "&" in text or "<" in text or ">" in text or "\r" in text:
        text = text.translate(_ESCAPES)
    return f"<{name}>{text}</{name}>"


def words(name: str, text: str | None) -> str:
    """An element with free text for people, its lines joined: no message type here has more than one."""
    return leaf(name, None if text is None else _LINE_ENDS.sub(" ", text.strip("\r\n")))


def node(name: str, *parts: str) -> str:
    """An element with elements."""
    return f"<{name}>{''.join(parts)}</{name}>"


def supplement(name: str, *parts: str) -> str:
    """SplmtryData with one element of our own namespace (urn:lockstep:trade:1)."""
    return f'<SplmtryData><Envlp><{name} xmlns="urn:lockstep:trade:1">{"".join(parts)}</{name}></Envlp></SplmtryData>'


def amount(name: str, money: Money) -> str:
    """An amount with its currency (ActiveCurrencyAndAmount)."""
    return f'<{name} Ccy="{money.currency}">{money.text()}</{name}>'


@lru_cache(_REMEMBERED)
def institution(code: str) -> str:
    """FinInstnId with a BIC."""
    return node("FinInstnId", leaf("BICFI", code))


@lru_cache(_REMEMBERED)
def agent(name: str, code: str) -> str:
    """A party that is a bank (Party40Choice/Agt)."""
    return node(name, node("Agt", institution(code)))


@lru_cache(_REMEMBERED)
def account_id(name: str, number: str) -> str:
    """An account as the RTGS numbers it (AccountIdentification4Choice/Othr)."""
    return node(name, node("Othr", leaf("Id", number)))


def account(name: str, of: CashAccount) -> str:
    """CashAccount38, by its number."""
    return f"<{name}>{account_id('Id', of.number)}</{name}>"


def group(message: Message[object], *more: str, name: str = "GrpHdr") -> str:
    """GrpHdr or MsgHdr: the message's id and when it was made."""
    return node(name, leaf("MsgId", message.message_id), leaf("CreDtTm", utc(message.created)), *more)


def page(name: str, number: int, is_last: bool) -> str:
    """Pagination1."""
    return node(name, leaf("PgNb", str(number)), leaf("LastPgInd", truth(is_last)))


def priority(of: Priority) -> str:
    """SttlmPrty; nothing for a normal one."""
    return "" if of is Priority.NORMAL else leaf("SttlmPrty", of.value)


def timing(of: Timing, until: datetime | None = None) -> str:
    """SttlmTmIndctn and SttlmTmReq, as far as there is something to say."""
    said = ""
    if of.debit_at is not None or of.credit_at is not None:
        said = node("SttlmTmIndctn", _moment("DbtDtTm", of.debit_at), _moment("CdtDtTm", of.credit_at))
    if of.not_before is not None or until is not None:
        said += node("SttlmTmReq", _time("FrTm", of.not_before), _time("RjctTm", until))
    return said


def _moment(name: str, moment: datetime | None) -> str:
    return "" if moment is None else leaf(name, utc(moment))


def _time(name: str, moment: datetime | None) -> str:
    return "" if moment is None else leaf(name, utc(moment).partition("T")[2])
