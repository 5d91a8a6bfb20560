"""What people and scripts are shown of trades: rows, and the two-leg timeline of one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lockstep.chain.refusals import explain, refusal_from_hex
from lockstep.domain.cash import CashView
from lockstep.domain.errors import ContractRefused, InvalidInput, Unavailable
from lockstep.domain.identifiers import TradeId
from lockstep.domain.instruction import Side
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.order import AssetEvent
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import Trade
from lockstep.flow.ordering import payment_uetr
from lockstep.ports import AssetLedger, Book, StoredInstruction

__all__ = ["Moment", "Row", "explained", "find_trade", "refusal_of", "timeline", "trade_rows"]

_ENDINGS = ("Settled", "GivenBack")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One trade, or one instruction that found no counterpart (state UNMATCHED)."""

    id: str
    state: str
    reason: str | None
    deliverer: str
    receiver: str
    reference: str
    isin: str
    quantity: str
    cash: str
    currency: str
    settlement_id: str | None = None
    uetr: str | None = None
    lock_tx: str | None = None
    settle_tx: str | None = None
    """What ended the lock: delivery or give-back."""
    gas: int | None = None
    times: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of a timeline. `leg` is asset, cash or service."""

    at: datetime
    leg: str
    what: str
    detail: str = ""

    def as_json(self) -> dict[str, str]:
        return {"at": self.at.isoformat(), "leg": self.leg, "what": self.what, "detail": self.detail}


def trade_rows(book: Book, market: Market, assets: AssetLedger | None) -> list[Row]:
    """Every trade, then every instruction without one. Without a chain its columns stay empty."""
    instructions = book.instructions()  # before the trades: what matches in between shows as a trade, once
    trades = book.trades()
    matched = {(terms.deliverer, terms.deliverer_reference) for terms in (one.terms for one in trades)}
    matched |= {(terms.receiver, terms.receiver_reference) for terms in (one.terms for one in trades)}
    rows = [_trade_row(trade, book, market, _history(trade, assets), assets) for trade in trades]
    return rows + [_instruction_row(one, market) for one in instructions if one.key not in matched]


def _history(trade: Trade, assets: AssetLedger | None) -> Sequence[AssetEvent]:
    if assets is None or trade.settlement_id is None:
        return ()
    try:
        return assets.history(trade.settlement_id)
    except Unavailable:
        return ()


def _trade_row(
    trade: Trade, book: Book, market: Market, history: Sequence[AssetEvent], assets: AssetLedger | None
) -> Row:
    terms = trade.terms
    cash = book.cash_view(trade.settlement_id) if trade.settlement_id else None
    lock = next((event for event in history if event.name == "Locked"), None)
    end = next((event for event in history if event.name in _ENDINGS), None)
    spent = [assets.gas_of(event.transaction) for event in history] if assets else []
    return Row(
        id=trade.trade_id,
        state=trade.state.value,
        reason=str(trade.reason) if trade.reason else None,
        deliverer=market.participants[terms.deliverer].name,
        receiver=market.participants[terms.receiver].name,
        reference=terms.deliverer_reference,
        isin=terms.isin,
        quantity=terms.quantity.text(),
        cash=terms.cash.text(),
        currency=terms.cash.currency,
        settlement_id=trade.settlement_id,
        uetr=_uetr(trade, cash),
        lock_tx=lock.transaction if lock else None,
        settle_tx=end.transaction if end else None,
        gas=sum(one for one in spent if one is not None) if spent else None,
        times={name: at.isoformat() for name, at in _times(trade, cash, history).items()},
    )


def _uetr(trade: Trade, cash: CashView | None) -> str | None:
    """The payment's, once it was asked for."""
    if cash is not None and cash.payment is not None:
        return cash.payment.uetr
    if trade.settlement_id is None or "cash" not in trade.intents:
        return None
    return payment_uetr(trade)


def _times(trade: Trade, cash: CashView | None, history: Sequence[AssetEvent]) -> dict[str, datetime]:
    times = {"matched": trade.matched_at}
    names = {"Locked": "locked", "Settled": "settled", "GivenBack": "given_back", "PaidRecorded": "paid_recorded"}
    times |= {names[event.name]: event.at for event in history}
    if cash is not None and cash.booked_at is not None:
        times["paid"] = cash.booked_at
    if cash is not None and cash.is_never and cash.decided_at is not None:
        times["never"] = cash.decided_at
    return dict(sorted(times.items(), key=lambda item: item[1]))


def _instruction_row(stored: StoredInstruction, market: Market) -> Row:
    one = stored.instruction
    return Row(
        id=f"{one.owner.bic}/{one.reference}",
        state="UNMATCHED" if stored.status == "WAITING" else stored.status,
        reason=str(stored.reason) if stored.reason else "CMIS: not matched yet",
        deliverer=market.participants[one.deliverer.lei].name,
        receiver=market.participants[one.receiver.lei].name,
        reference=one.reference,
        isin=one.isin,
        quantity=one.quantity.text(),
        cash=one.cash.text(),
        currency=one.cash.currency,
        times={"instructed": stored.received_at.isoformat()},
    )


def find_trade(book: Book, text: str) -> Trade:
    """The one trade whose id begins so, or that has this reference. Raises InvalidInput."""
    whole = book.trade(TradeId(text)) if len(text) == 64 else None
    if whole is not None:
        return whole
    found = [
        one
        for one in book.trades()
        if one.trade_id.startswith(text) or text in (one.terms.deliverer_reference, one.terms.receiver_reference)
    ]
    if len(found) != 1:
        raise InvalidInput("trade", text, f"the beginning of one trade's id or its reference; {len(found)} fit")
    return found[0]


def timeline(trade: Trade, book: Book, assets: AssetLedger | None) -> list[Moment]:
    """One trade's story: what the service did, what the chain shows, what the RTGS said."""
    moments = []
    for side, owner, reference in (
        (Side.DELIVER, trade.terms.deliverer, trade.terms.deliverer_reference),
        (Side.RECEIVE, trade.terms.receiver, trade.terms.receiver_reference),
    ):
        stored = book.instruction(owner, reference)
        if stored is not None:
            detail = f"{side.value} {reference} from {stored.instruction.owner.bic}"
            moments.append(Moment(at=stored.received_at, leg="service", what="sese.023 received", detail=detail))
    rows = [*book.journal(trade.trade_id)]
    if trade.settlement_id is not None:
        rows += book.journal(trade.settlement_id)
    moments += [_noted(row.entry) for row in sorted(rows, key=lambda row: row.number)]
    moments += [_on_chain(event, assets) for event in _history(trade, assets)]
    return sorted(moments, key=lambda moment: moment.at)


_SHOWN = ("reason", "rule", "cash", "quantity", "nonce")
_MESSAGES = {"PaymentReport": "pacs.002", "BookingNotice": "camt.054", "Resolution": "camt.029"}


def _noted(entry: Entry) -> Moment:
    """A journal entry; what was heard from the RTGS belongs to the cash leg."""
    facts = entry.facts
    if entry.kind == "heard":
        state = PaymentState(facts["state"]) if facts.get("state") else None
        said = f"payment {state.name.lower()} ({state.value})" if state else "heard"
        notified = facts["message"] == "BookingNotice"
        what = f"{_MESSAGES.get(facts['message'], facts['message'])} {'account booked (BOOK)' if notified else said}"
        return Moment(at=entry.at, leg="cash", what=what, detail=facts["message_id"])
    shown = ", ".join(f"{name} {value}" for name, value in facts.items() if name in _SHOWN)
    return Moment(at=entry.at, leg="service", what=entry.kind, detail=shown)


def _on_chain(event: AssetEvent, assets: AssetLedger | None) -> Moment:
    gas = assets.gas_of(event.transaction) if assets else None
    finality = "final" if event.final else "not final yet"
    spent = f", {gas:,} gas" if gas else ""
    detail = f"block {event.block}, {finality}{spent}, {event.transaction}"
    return Moment(at=event.at, leg="asset", what=event.name, detail=detail)


def refusal_of(data: str) -> ContractRefused:
    """The exception for revert data in hexadecimal digits. Raises InvalidInput."""
    return refusal_from_hex(data)


def explained(refusal: ContractRefused) -> dict[str, Any]:
    """A contract's refusal for people (`lines`) and for programs."""
    told = {"name": refusal.name, "meaning": refusal.meaning, "details": refusal.details}
    return {**told, "lines": list(explain(refusal))}
