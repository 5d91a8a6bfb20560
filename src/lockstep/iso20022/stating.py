"""A statement of holdings as one page of semt.002.001.11: each holder is a sub-account with its own owner.

It is what `holdings` reads: settled balances, the whole of them, as of a moment. The page is a `Document` alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lxml import etree

from lockstep.domain.errors import InvalidInput, InvalidMessage
from lockstep.domain.identifiers import Bic, Isin, Lei
from lockstep.domain.instruction import QuantityType
from lockstep.domain.legacy import SubBalance
from lockstep.domain.money import Quantity
from lockstep.iso20022.fields import checked_bic, checked_lei
from lockstep.iso20022.validation import validate
from lockstep.iso20022.writing import leaf, node, page, truth, utc, words

__all__ = ["StatedAccount", "StatedBalance", "write_holdings"]

_DEFINITION = "semt.002.001.11"
_ROOT = "SctiesBalCtdyRpt"


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedBalance:
    """What an account holds of a security; long or nothing."""

    isin: Isin
    quantity: Quantity
    quantity_type: QuantityType
    available: Quantity | None = None
    parts: tuple[SubBalance, ...] = ()
    """What of it is set aside, by code (PLED, …)."""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedAccount:
    """One holder's account and its balances."""

    owner: Lei
    bic: Bic
    number: str
    """1 to 35 letters, digits or /-?:().,'+"""
    balances: tuple[StatedBalance, ...]


def write_holdings(
    *, statement_id: str, as_of: datetime, accounts: Sequence[StatedAccount], servicer: Bic | None = None
) -> bytes:
    """The page. Raises InvalidMessage, with the field's path, for a value that has no place in it."""
    active = any(one.balances for one in accounts)
    if as_of.utcoffset() is None or as_of.microsecond:
        raise InvalidMessage(f"Document/{_ROOT}/StmtGnlDtls/StmtDtTm", as_of, "whole seconds, with an offset from UTC")
    try:
        text = node(
            _ROOT,
            page("Pgntn", 1, True),
            node(
                "StmtGnlDtls",
                leaf("StmtId", statement_id),
                node("StmtDtTm", leaf("DtTm", utc(as_of.astimezone(UTC)))),
                "<Frqcy><Cd>ADHO</Cd></Frqcy><UpdTp><Cd>COMP</Cd></UpdTp><StmtBsis><Cd>SETT</Cd></StmtBsis>",
                leaf("ActvtyInd", truth(active)),
                leaf("SubAcctInd", truth(bool(accounts))),
            ),
            "" if servicer is None else node("AcctSvcr", _any_bic(servicer, "AcctSvcr")),
            *map(_account, accounts),
        )
    except InvalidInput as broken:
        raise InvalidMessage(broken.field, broken.value, broken.rule) from None
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="urn:iso:std:iso:20022:tech:xsd:{_DEFINITION}">'
    data = f"{head}{text}</Document>\n".encode()
    try:
        validate(etree.fromstring(data), f"{_DEFINITION}.xsd")
    except InvalidMessage as broken:
        raise InvalidMessage(f"Document/{broken.field.removeprefix('Document/')}", broken.value, broken.rule) from None
    return data


def _any_bic(code: Bic, field: str) -> str:
    return node("Id", leaf("AnyBIC", checked_bic(code, f"Document/{_ROOT}/{field}/Id/AnyBIC")))


def _account(one: StatedAccount) -> str:
    at = f"Document/{_ROOT}/SubAcctDtls/AcctOwnr/LEI"
    return node(
        "SubAcctDtls",
        node("AcctOwnr", _any_bic(one.bic, "SubAcctDtls/AcctOwnr"), leaf("LEI", checked_lei(one.owner, at))),
        node("SfkpgAcct", leaf("Id", one.number)),
        leaf("ActvtyInd", truth(bool(one.balances))),
        *(_balance(each) for each in one.balances),
    )


def _balance(one: StatedBalance) -> str:
    held = node("Qty", node("Qty", _quantity(one, one.quantity)))
    available = ""
    if one.available is not None:
        available = node("AvlblBal", leaf("ShrtLngInd", "LONG"), node("Qty", _quantity(one, one.available)))
    return node(
        "BalForSubAcct",
        node("FinInstrmId", leaf("ISIN", one.isin), words("Desc", one.name or None)),
        node("AggtBal", leaf("ShrtLngInd", "LONG"), held),
        available,
        *(_part(one, each) for each in one.parts),
    )


def _part(one: StatedBalance, part: SubBalance) -> str:
    quantity = node("Qty", _quantity(one, part.quantity))
    return node("BalBrkdwn", node("SubBalTp", leaf("Cd", part.code)), node("Qty", leaf("ShrtLngInd", "LONG"), quantity))


def _quantity(one: StatedBalance, quantity: Quantity) -> str:
    """FinancialInstrumentQuantity, in the kind that the security counts by."""
    return node("Qty", leaf(one.quantity_type.value, quantity.text()))
