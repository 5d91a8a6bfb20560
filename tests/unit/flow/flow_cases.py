"""One matched trade, its order and its payment: what the tests of the flow vary."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from lockstep.domain.cash import CashView
from lockstep.domain.instruction import Side
from lockstep.domain.message import Message
from lockstep.domain.payment import (
    BookingNotice,
    PaymentReport,
    PaymentState,
    Resolution,
    ResolutionStatus,
)
from lockstep.domain.trade import Trade, TradeState, TradeTerms
from lockstep.flow.ordering import order_for, payment_for
from lockstep.ports import StoredInstruction
from lockstep.signing import settlement_id
from lockstep.testing.fakes import MORNING, example_instruction, example_market

MARKET = example_market()
DELIVER, RECEIVE = example_instruction(Side.DELIVER, "D-1"), example_instruction(Side.RECEIVE, "R-1")
TERMS = TradeTerms(
    deliverer=DELIVER.deliverer.lei,
    receiver=DELIVER.receiver.lei,
    deliverer_reference=DELIVER.reference,
    receiver_reference=RECEIVE.reference,
    isin=DELIVER.isin,
    quantity=DELIVER.quantity,
    cash=DELIVER.cash,
    settlement_date=DELIVER.settlement_date,
    salt="0f" * 16,
)
MATCHED = Trade(trade_id=TERMS.trade_id, terms=TERMS, state=TradeState.MATCHED, matched_at=MORNING)
ORDER = order_for(MATCHED, MARKET, epoch=1, nonce=0, now=int(MORNING.timestamp()))
SETTLEMENT = settlement_id(ORDER, MARKET.network)
ORDERED = replace(MATCHED, order=ORDER, settlement_id=SETTLEMENT)
SIGNED = replace(ORDERED, seller_signature=b"s" * 65, buyer_signature=b"b" * 65)
PAYMENT = payment_for(ORDERED, MARKET)
LATER = MORNING + timedelta(hours=1)


def stored(instruction: Any, at: datetime = MORNING, **changes: Any) -> StoredInstruction:
    return replace(
        StoredInstruction(
            message_id=f"M-{instruction.reference}",
            content_hash="0" * 64,
            instruction=instruction,
            status="WAITING",
            received_at=at,
        ),
        **changes,
    )


def report(state: PaymentState, at: datetime = LATER, **changes: Any) -> PaymentReport:
    body = PaymentReport(original_message_id="P-1", uetr=PAYMENT.uetr, state=state, decided_at=at, payment=PAYMENT)
    return replace(body, **changes)


def notice(*, credit: bool = False, at: datetime = LATER, **changes: Any) -> BookingNotice:
    body = BookingNotice(
        account=PAYMENT.creditor if credit else PAYMENT.debtor,
        amount=PAYMENT.amount,
        credit=credit,
        booked_at=at,
        posting=7,
        uetr=PAYMENT.uetr,
        settlement_id=SETTLEMENT,
        salt=PAYMENT.salt,
    )
    return replace(body, **changes)


def resolution(status: ResolutionStatus, at: datetime = LATER) -> Resolution:
    return Resolution(
        case_id="C-1",
        uetr=PAYMENT.uetr,
        settlement_id=SETTLEMENT,
        salt=PAYMENT.salt,
        status=status,
        decided_at=at,
    )


def cash(state: PaymentState | None = None, **changes: Any) -> CashView:
    booked = LATER if state is PaymentState.BOOKED else None
    view = CashView(settlement_id=SETTLEMENT, state=state, payment=PAYMENT, decided_at=LATER, booked_at=booked)
    return replace(view, **changes)


def said(body: Any, message_id: str, **changes: Any) -> Message[Any]:
    """A party's message to the service."""
    message = Message(sender=body.owner.bic, receiver=MARKET.service, message_id=message_id, created=MORNING, body=body)
    return replace(message, **changes)
