"""When the RTGS is silent: whom to ask, and when. Unknown means held, never failed.

Silence is no answer, so it is asked: by pacs.028 for the payment's UETR, and where a payment is told as booked
by one of the RTGS's two messages only, by camt.060 for the day's statement. Each wait is as long as all
before it together, so that a day of silence costs a handful of questions. Both the service and the agents ask.
"""

from datetime import datetime, timedelta

from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import Bic, Uetr, derive_message_id
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.statement import StatementRequest
from lockstep.domain.trade import Trade, TradeState
from lockstep.domain.transfer import StatusRequest
from lockstep.flow.ordering import payment_for
from lockstep.ports import CashBody

__all__ = [
    "begun_at",
    "due",
    "due_at",
    "half_told",
    "is_open",
    "is_told",
    "share",
    "statement_request",
    "status_request",
    "turn_of",
]

AT_FIRST = timedelta(minutes=5)
AT_LONGEST = timedelta(minutes=15)
SPREAD_SECONDS = 300
"""So long after `AT_FIRST` the service has asked about all that began to wait at one moment."""


def due(begun: datetime, last: datetime | None, now: datetime) -> bool:
    """Whether it is time to ask, after so long a silence; `last` is when it was asked before."""
    return now >= due_at(begun, last)


def due_at(begun: datetime, last: datetime | None) -> datetime:
    """From when on it is time to ask."""
    return begun + AT_FIRST if last is None else last + min(max(last - begun, AT_FIRST), AT_LONGEST)


def begun_at(trade: Trade, view: CashView | None, *, doubted: bool) -> datetime | None:
    """Since when the RTGS has an ending to tell; None: it has none.

    `doubted`: the chain ended otherwise than the RTGS said. Told the chain's end then, that makes two stories, of which
    people have decided on one. It was asked for the payment, by records that may be lost; so it was where it has told
    anything of one.
    """
    if not (doubted or is_open(view)):
        return None
    begun = [trade.intents[name] for name in ("cash", "cancel cash") if name in trade.intents]
    return min(begun, default=trade.matched_at if doubted or view is not None else None)


def turn_of(trade: Trade, begun: datetime) -> datetime:
    """When the service counts the silence about a payment as begun: where it `is_told`, each trade's own part of
    `SPREAD_SECONDS` later, as any number of them may wait since one moment."""
    return begun + share(trade, SPREAD_SECONDS) if is_told(trade) else begun


def is_told(trade: Trade) -> bool:
    """Whether whatever ends its wait is told, or has its time: the RTGS has answered that it has the payment, which it
    earmarked or is short of money for, and nobody has begun to end it."""
    short = trade.state is TradeState.LOCKED and trade.reason is not None and trade.reason.code == "MONY"
    return (short or trade.state is TradeState.EARMARKED) and trade.intents.keys() <= {"lock", "cash", "status asked"}


def share(trade: Trade, seconds: int) -> timedelta:
    """A part of these seconds, each trade's own: what began together is not due together for ever."""
    return timedelta(seconds=seconds * int(trade.trade_id[:4], 16) >> 16)


def is_open(view: CashView | None) -> bool:
    """Whether the RTGS has an ending to tell yet."""
    return view is None or not (view.is_booked or view.is_never or view.contradiction is not None)


def half_told(view: CashView | None) -> bool:
    """Booked by one of the two messages that say so."""
    return view is not None and (view.booked_at is None) is not (view.noticed_at is None)


def status_request(sender: Bic, rtgs: Bic, uetr: Uetr, subject: str, now: datetime) -> Message[CashBody]:
    """The pacs.028; each question has an id of its own."""
    return Message(
        sender=sender,
        receiver=rtgs,
        message_id=derive_message_id(sender, subject, "pacs.028", int(now.timestamp())),
        created=now,
        body=StatusRequest(uetr=uetr),
    )


def statement_request(trade: Trade, market: Market, now: datetime) -> Message[CashBody]:
    """The camt.060 for the day of a trade's payment, on the account that pays."""
    payment = payment_for(trade, market)
    return Message(
        sender=market.service,
        receiver=market.rtgs,
        message_id=derive_message_id(market.service, payment.settlement_id, "camt.060", int(now.timestamp())),
        created=now,
        body=StatementRequest(account=payment.debtor, first=payment.settlement_date, last=payment.settlement_date),
    )
