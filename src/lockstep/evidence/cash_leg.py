"""What the RTGS said of a settlement's payment: its messages as they came, folded as service and agents fold them."""

from collections.abc import Sequence
from datetime import datetime

from lockstep.domain.cash import CashView
from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.message import Message
from lockstep.domain.order import Order, OutcomeResult
from lockstep.domain.payment import BookingNotice, CancelPayment, Payment, PaymentReport, Resolution
from lockstep.domain.trade import TradeTerms
from lockstep.evidence.links import BrokenLink, Link
from lockstep.evidence.pack import Pack
from lockstep.evidence.trust import Trust
from lockstep.flow.mirroring import fold, settlement_of
from lockstep.iso20022 import read
from lockstep.signing import cash_hash

__all__ = [
    "OURS",
    "THEIRS",
    "CashBody",
    "CashMessage",
    "booked_at",
    "judge_messages",
    "judge_outcome",
    "reported_from",
]

CashBody = Payment | CancelPayment | PaymentReport | BookingNotice | Resolution
CashMessage = Message[CashBody]
OURS = (Payment, CancelPayment)
"""What the service sends."""
THEIRS = (PaymentReport, BookingNotice, Resolution)
"""What the RTGS answers and tells."""


def judge_messages(
    pack: Pack, terms: TradeTerms, order: Order, settlement: SettlementId, trust: Trust
) -> Sequence[CashMessage]:
    """The messages as values, if each is about exactly this settlement and this cash. Raises BrokenLink."""
    found: list[CashMessage] = []
    seen: set[tuple[str, str]] = set()
    for data in pack.cash_messages:
        try:
            message = read(data)
        except InvalidInput as error:
            raise BrokenLink(Link.CASH_MESSAGE, str(error)) from error
        body, name = message.body, message.message_id
        if not isinstance(body, CashBody):
            raise BrokenLink(Link.CASH_MESSAGE, f"{name} is a {type(body).__name__}, nothing of one payment")
        expected = (trust.service, trust.rtgs) if isinstance(body, OURS) else (trust.rtgs, trust.service)
        if (message.sender, message.receiver) != expected:
            route = f"from {message.sender} to {message.receiver}"
            raise BrokenLink(Link.CASH_MESSAGE, f"{name} went {route}, not from {expected[0]} to {expected[1]}")
        if settlement_of(body) != settlement:
            raise BrokenLink(Link.CASH_MESSAGE, f"{name} is of settlement {settlement_of(body)}")
        if (message.sender, name) in seen:
            raise BrokenLink(Link.CASH_MESSAGE, f"{name} is there twice")
        seen.add((message.sender, name))
        _compare(name, body, terms, order)
        found.append(
            Message(
                sender=message.sender,
                receiver=message.receiver,
                message_id=name,
                created=message.created,
                body=body,
            )
        )
    return found


def _compare(name: str, body: CashBody, terms: TradeTerms, order: Order) -> None:
    """Whether it speaks of the cash that both parties signed."""
    payment = body.payment if isinstance(body, PaymentReport) else body
    if isinstance(payment, Payment):
        signed = cash_hash(payment.salt, payment.amount, payment.debtor, payment.creditor)
        if signed != order.terms.cash_hash:
            raise BrokenLink(
                Link.CASH_MESSAGE, f"{name} pays {payment.amount} from and to accounts that the order does not name"
            )
        if (payment.amount, payment.salt) != (terms.cash, terms.salt):
            raise BrokenLink(Link.CASH_MESSAGE, f"{name} pays {payment.amount}, the terms say {terms.cash}")
        if payment.settlement_date != terms.settlement_date:
            raise BrokenLink(
                Link.CASH_MESSAGE, f"{name} is for {payment.settlement_date}, the terms say {terms.settlement_date}"
            )
        if payment.pay_by.timestamp() != order.terms.pay_by:
            raise BrokenLink(Link.CASH_MESSAGE, f"{name} may be paid until {payment.pay_by.isoformat()}, not payBy")
    if isinstance(body, BookingNotice | CancelPayment):
        amount = body.amount if isinstance(body, BookingNotice) else body.original_amount
        if (amount, body.salt) != (terms.cash, terms.salt):
            raise BrokenLink(Link.CASH_MESSAGE, f"{name} is of {amount}, the terms say {terms.cash}")
    if isinstance(body, Resolution) and body.salt not in (None, terms.salt):
        raise BrokenLink(Link.CASH_MESSAGE, f"{name} has the salt {body.salt}, the terms have {terms.salt}")


def judge_outcome(messages: Sequence[CashMessage], order: Order, result: OutcomeResult) -> CashView:
    """The payment as the messages leave it, if it ended as the agents signed."""
    view: CashView | None = None
    for message in messages:
        if isinstance(message.body, THEIRS):
            view = fold(view, message.body)
    if view is None:
        raise BrokenLink(Link.CASH_OUTCOME, "no message of the RTGS is there")
    if view.contradiction is not None:
        raise BrokenLink(Link.CASH_OUTCOME, f"the RTGS told two stories: {view.contradiction}")
    if result is OutcomeResult.PAID:
        if not view.is_booked or view.booked_at is None:
            raise BrokenLink(
                Link.CASH_OUTCOME, "the agents signed PAID, and pacs.002 ACSC and camt.054 are not both there"
            )
        booked = booked_at(view)
        if booked is not None and booked.timestamp() > order.terms.pay_by:
            raise BrokenLink(Link.CASH_OUTCOME, f"booked at {booked.isoformat()}, after payBy")
        for message in messages:
            _of_payment(message, view.payment)
    elif not view.is_never:
        raise BrokenLink(Link.CASH_OUTCOME, "the agents signed NEVER, and no message of the RTGS says so")
    return view


def _of_payment(message: CashMessage, payment: Payment | None) -> None:
    """Whether what was sent is the payment that was booked, and each notice of one of its two sides."""
    body = message.body
    if isinstance(body, Payment) and body != payment:
        raise BrokenLink(Link.CASH_OUTCOME, f"{message.message_id} is another payment than the one that was booked")
    if isinstance(body, BookingNotice):
        sides = {} if payment is None else {payment.debtor: False, payment.creditor: True}
        if body.account not in sides:
            raise BrokenLink(Link.CASH_OUTCOME, f"{message.message_id} is of another account than the payment's")
        if body.credit is not sides[body.account]:
            raise BrokenLink(Link.CASH_OUTCOME, f"{message.message_id} books the payment the wrong way round")


def booked_at(view: CashView) -> datetime | None:
    """When pacs.002 ACSC and camt.054 had both booked it, as agents count it; None: they have not."""
    if view.booked_at is None or view.noticed_at is None:
        return None
    return max(view.booked_at, view.noticed_at)


def reported_from(messages: Sequence[CashMessage], view: CashView) -> datetime | None:
    """When the payment entered the RTGS, by the first state that it told of it (AccptncDtTm); None: it was never in."""
    reports = [one.body for one in messages if isinstance(one.body, PaymentReport)]
    uetr = view.payment.uetr if view.payment is not None else None
    instants = [one.decided_at for one in reports if one.uetr == uetr and not one.state.is_never]
    return min(instants, default=None)
