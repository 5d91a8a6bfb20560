"""Files of the collateral register: an agreement's terms, acts to be signed and run, a sale's order, income.

Each says its form in `format`. Times are ISO 8601 in UTC, whole seconds; shares are percentages as text; addresses,
hashes and signatures hexadecimal. What a file does not know is refused.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lockstep.app.json_files import JsonObject, load
from lockstep.app.repo_files import percent
from lockstep.domain.collateral.register import (
    MAX_DEPTH,
    NOT_TOGETHER,
    Act,
    Agreement,
    AgreementMode,
    Income,
    PledgeId,
    Register,
    check_agreement,
)
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId, TradeId, hex32
from lockstep.domain.market import Market
from lockstep.domain.money import Money
from lockstep.domain.order import Epoch, Movement, Order, OrderTerms
from lockstep.durable import make_folder, put_file, sync_folder
from lockstep.signing import checked_address, valuers_epoch, valuers_hash

__all__ = [
    "ACTS",
    "AGREEMENT",
    "INCOME",
    "SALE",
    "AgreementFile",
    "IncomeFile",
    "SaleOrder",
    "acts_text",
    "format_of",
    "instant",
    "read_acts",
    "read_agreement",
    "read_income",
    "read_sale",
    "sale_text",
    "shown",
    "signed_agreement_text",
    "signed_income_text",
    "write_file",
]

AGREEMENT, ACTS, SALE, INCOME = (f"lockstep-{one}/1" for one in ("agreement", "acts", "sale", "income"))
_MODES = {"SecurityInterest": AgreementMode.SECURITY_INTEREST, "TitleTransfer": AgreementMode.TITLE_TRANSFER}
_SECONDS = 2**32 - 1
_AMOUNT = 2**64 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementFile:
    """Terms, and what was signed of them elsewhere: by wallet."""

    terms: Agreement
    valuers: Epoch
    signatures: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleOrder:
    """The order of a sale, with the cash terms that its hash hides: whoever has them can instruct the payment."""

    pledge_id: PledgeId
    order: Order
    cash: Money
    salt: str
    """32 hex digits."""
    buyer_signature: bytes = b""
    previous: SettlementId | None = None
    """A sale that was given back, whose units are sold anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomeFile:
    """A coupon or dividend on a pledge, the valuers whose word counts, and what they signed elsewhere."""

    income: Income
    valuers: Epoch
    signatures: tuple[bytes, ...] = ()


def instant(text: str, *, field: str) -> int:
    """UTC seconds of a time such as 2026-11-23T15:00:00Z. Raises InvalidInput."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(field, text, "a time, ISO 8601, in UTC, such as 2026-11-23T15:00:00Z") from None
    if moment.utcoffset() != timedelta(0) or moment.microsecond:
        raise InvalidInput(field, text, "a whole second, in UTC")
    return int(moment.timestamp())


def read_agreement(path: Path, market: Market) -> AgreementFile:
    """Raises InvalidInput with the name of what is wrong."""
    node = _opened(path, AGREEMENT, "agreement")
    parties = {name: _wallet(node.text(name), market, f"agreement/{name}") for name in ("giver", "taker")}
    mode = node.text("mode", "SecurityInterest")
    if mode not in _MODES:
        raise InvalidInput("agreement/mode", mode, f"one of {', '.join(_MODES)}")
    valuers = _valuers(node)
    terms = Agreement(
        **parties,
        mode=_MODES[mode],
        currency=node.text("currency"),
        valuers=valuers_hash(valuers),
        until=instant(node.text("until"), field="agreement/until"),
        max_age_seconds=node.number("maxAgeSeconds", most=_SECONDS),
        reuse_cap=_share(node, "reuseCap"),
        max_depth=node.number("maxDepth", 0, most=MAX_DEPTH),
        appropriation=node.truth("appropriation", False),
        substitution=node.truth("substitution", False),
        notice_seconds=node.number("noticeSeconds", 0, most=_SECONDS),
        cure_seconds=node.number("cureSeconds", 0, most=_SECONDS),
        sale_floor=_share(node, "saleFloor"),
        salt=node.number("salt", 0, most=2**128 - 1),
    )
    check_agreement(terms)
    signed = node.inner("signatures")
    found = {parties[name]: _bytes(signed.text(name, ""), f"signatures/{name}") for name in ("giver", "taker")}
    signed.done()
    node.done()
    return AgreementFile(terms=terms, valuers=valuers, signatures={one: given for one, given in found.items() if given})


def read_acts(path: Path, register: Register) -> tuple[Act, ...]:
    """Acts in their order; one without a signature is not signed yet.

    Raises InvalidInput, also for acts of another register.
    """
    node = _opened(path, ACTS, "acts")
    actual = node.number("chainId", most=2**64), node.text("register")
    if (actual[0], actual[1].lower()) != (register.chain_id, register.address.lower()):
        rule = f"{register.address} on chain {register.chain_id}, this installation's register"
        raise InvalidInput("acts/register", f"{actual[1]} on chain {actual[0]}", rule)
    found = [_act(JsonObject(one, f"acts/{number}")) for number, one in enumerate(node.items("acts"), 1)]
    if not found:
        raise InvalidInput("acts", 0, "at least one")
    node.done()
    return tuple(found)


def _act(node: JsonObject) -> Act:
    node.text("does", "")  # for people: what it does, its bytes say
    made = Act(
        party=_address(node.text("party"), f"{node.path}/party"),
        call=_bytes(node.text("call"), f"{node.path}/call"),
        nonce=node.number("nonce", most=2**256 - 1),
        by=instant(node.text("by"), field=f"{node.path}/by"),
        together=hex32(node.text("together", NOT_TOGETHER), field=f"{node.path}/together"),
        signature=_bytes(node.text("signature", ""), f"{node.path}/signature"),
    )
    node.done()
    return made


def acts_text(acts: Sequence[Act], register: Register, does: Sequence[str]) -> str:
    """As `read_acts` takes it; `does` says in words what each act does."""
    rows = [
        {
            "does": words,
            "party": one.party,
            "call": one.call.hex(),
            "nonce": str(one.nonce),
            "by": shown(one.by),
            "together": one.together,
            "signature": one.signature.hex(),
        }
        for one, words in zip(acts, does, strict=True)
    ]
    return _text({"format": ACTS, "chainId": register.chain_id, "register": register.address, "acts": rows})


def read_sale(path: Path) -> SaleOrder:
    """Raises InvalidInput with the name of what is wrong."""
    node = _opened(path, SALE, "sale")
    order, previous = node.inner("order"), node.text("previous", "")
    movement = Movement(
        token=_address(order.text("token"), "order/token"),
        seller=_address(order.text("seller"), "order/seller"),
        buyer=_address(order.text("buyer"), "order/buyer"),
        quantity=order.number("quantity", most=_AMOUNT),
        epoch=order.number("epoch", most=_SECONDS),
        nonce=order.number("nonce", most=_AMOUNT),
    )
    terms = OrderTerms(
        trade_id=TradeId(hex32(order.text("tradeId"), field="order/tradeId")),
        part=0,
        cash_hash=hex32(order.text("cashHash"), field="order/cashHash"),
        lock_by=instant(order.text("lockBy"), field="order/lockBy"),
        pay_by=instant(order.text("payBy"), field="order/payBy"),
    )
    order.done()
    salt = node.text("salt")
    if len(_bytes(salt, "sale/salt")) != 16:
        raise InvalidInput("sale/salt", salt, "32 hexadecimal digits")
    found = SaleOrder(
        pledge_id=PledgeId(hex32(node.text("pledge"), field="sale/pledge")),
        order=Order(movement=movement, terms=terms),
        cash=Money.parse(node.text("amount"), node.text("currency"), field="sale/amount"),
        salt=salt,
        buyer_signature=_bytes(node.text("buyerSignature", ""), "sale/buyerSignature"),
        previous=SettlementId(hex32(previous, field="sale/previous")) if previous else None,
    )
    node.done()
    return found


def format_of(path: Path) -> str:
    """What a file says that it is; empty where it says nothing. Raises InvalidInput for one that is no JSON."""
    content = load(path)
    return str(content.get("format", "")) if isinstance(content, Mapping) else ""


def signed_agreement_text(path: Path, side: str, signature: bytes) -> str:
    """The agreement's file with one more signature, of `giver` or `taker`."""
    content = load(path)
    return _text({**content, "signatures": {**content.get("signatures", {}), side: signature.hex()}})


def signed_income_text(path: Path, signature: bytes) -> str:
    """The income's file with one more valuer's signature; the same again changes nothing."""
    content = load(path)
    signatures = [*content.get("signatures", []), signature.hex()]
    return _text({**content, "signatures": list(dict.fromkeys(signatures))})


def sale_text(sale: SaleOrder) -> str:
    """As `read_sale` takes it."""
    movement, terms = sale.order.movement, sale.order.terms
    order = {
        "token": movement.token,
        "seller": movement.seller,
        "buyer": movement.buyer,
        "quantity": movement.quantity,
        "epoch": movement.epoch,
        "nonce": str(movement.nonce),
        "tradeId": terms.trade_id,
        "cashHash": terms.cash_hash,
        "lockBy": shown(terms.lock_by),
        "payBy": shown(terms.pay_by),
    }
    content = {
        "format": SALE,
        "pledge": sale.pledge_id,
        "amount": sale.cash.text(),
        "currency": sale.cash.currency,
        "salt": sale.salt,
        "order": order,
        "buyerSignature": sale.buyer_signature.hex(),
        "previous": sale.previous or "",
    }
    return _text(content)


def read_income(path: Path) -> IncomeFile:
    """Amounts in minor units. Raises InvalidInput with the name of what is wrong."""
    node = _opened(path, INCOME, "income")
    income = Income(
        pledge_id=PledgeId(hex32(node.text("pledge"), field="income/pledge")),
        income_id=hex32(node.text("income"), field="income/income"),
        record_date=instant(node.text("recordDate"), field="income/recordDate"),
        entitled=node.number("entitled", most=_AMOUNT),
        owed=node.number("owed", most=_AMOUNT),
    )
    signatures = tuple(
        _bytes(str(one), f"income/signatures/{number}")
        for number, one in enumerate(node.items("signatures", optional=True), 1)
    )
    found = IncomeFile(income=income, valuers=_valuers(node), signatures=signatures)
    node.done()
    return found


def write_file(path: Path, text: str) -> None:
    """Whole and on disk when it returns."""
    folder = path.absolute().parent
    make_folder(folder)
    put_file(folder, path.name, text.encode())
    sync_folder(folder)


def shown(seconds: int) -> str:
    """A time as these files have it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _opened(path: Path, form: str, what: str) -> JsonObject:
    node = JsonObject(load(path), what)
    actual = node.text("format", "")
    if actual != form:
        raise InvalidInput(f"{what}/format", actual, form)
    return node


def _valuers(node: JsonObject) -> Epoch:
    addresses = [_address(str(one), f"{node.path}/valuers") for one in node.items("valuers")]
    return valuers_epoch(addresses, node.number("quorum", most=255))


def _share(node: JsonObject, name: str) -> int:
    parts = percent(node.text(name, "0"), field=f"{node.path}/{name}")
    if parts < 0:
        raise InvalidInput(f"{node.path}/{name}", parts, "not below zero")
    return parts


def _wallet(text: str, market: Market, field: str) -> str:
    found = [one.wallet for one in market.participants.values() if text in (one.bic, one.lei)]
    return found[0] if found else _address(text, field)


def _address(text: str, field: str) -> str:
    return checked_address(text, field=field)


def _bytes(text: str, field: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise InvalidInput(field, text, "hexadecimal digits, two a byte") from None


def _text(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"
