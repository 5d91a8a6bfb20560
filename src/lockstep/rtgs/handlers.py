"""What each message does: pacs.009 pays, camt.056 cancels, camt.007 releases. `core` says who may."""

from datetime import datetime

from lockstep.domain.message import Message
from lockstep.domain.payment import CancelPayment, Payment, PaymentState, Release, Resolution, ResolutionStatus
from lockstep.rtgs import entering, payments, recalls, register
from lockstep.rtgs.database import Step
from lockstep.rtgs.orders import Order
from lockstep.rtgs.parties import agents, refusal
from lockstep.rtgs.register import Reason, StoredOrder


def pay(step: Step, message: Message[Payment]) -> None:
    """pacs.009: a new payment, or one already known by its UETR, answered with the newest report."""
    taken = entering.enter(step, Order.of(message.body), instructing=message.sender, message_id=message.message_id)
    if taken is None:
        step.name = "payment-repeated"
        step.repeat_report(message.body.uetr)
    else:
        step.name = f"payment-{taken.state.name.lower()}"


def cancel(step: Step, message: Message[CancelPayment]) -> None:
    """camt.056: a tombstone for the settlement, unless its payment is booked."""
    wish = message.body
    stored = register.live(step.connection, wish.settlement_id)
    if stored is not None:
        _check_original(message, stored)
    recalled = recalls.recall(
        step,
        stored,
        wish.uetr,
        asked_by=message.sender,
        settlement_id=wish.settlement_id,
        case_id=wish.case_id,
        code=wish.reason_code,
    )
    if recalled.reason is not None:
        resolution = _resolution(wish, ResolutionStatus.REFUSED, recalled.decided_at, recalled.reason)
        step.send([message.sender], resolution)
    else:
        resolution = _resolution(wish, ResolutionStatus.CANCELLED, recalled.decided_at)
        step.send([message.sender, *step.once(agents)], resolution)


def release(step: Step, message: Message[Release]) -> None:
    """camt.007: one agent's release of a held payment; at the quorum it is booked."""
    wish = message.body
    known = step.held.get(wish.uetr)
    stored = register.by_uetr(step.connection, wish.uetr) if known is None else known.stored
    if stored is None:
        raise refusal("PaymentUnknown", "UETR", wish.uetr, "the UETR of a payment that is held")
    if stored.order.settlement_id != wish.settlement_id:
        raise refusal("PaymentMismatch", "settlement", wish.settlement_id, "the settlement of this payment")
    if stored.state is PaymentState.PENDING:
        raise refusal("PaymentPending", "UETR", wish.uetr, "a payment that is held; this one waits for funds")
    if stored.state.is_never:
        raise refusal("PaymentEnded", "UETR", wish.uetr, f"a payment that is held; this one is {stored.state.name}")
    if stored.state is PaymentState.BOOKED:
        step.name = "release-late"
        step.repeat_report(wish.uetr)
        return
    step.name = "release-recorded"
    released = payments.released(step, stored)
    if message.sender not in released:
        step.release(wish.settlement_id, message.sender, wish.uetr)
        released[message.sender] = wish.uetr
    if payments.book_if_released(step, stored):
        step.name = "payment-booked"


def _check_original(message: Message[CancelPayment], stored: StoredOrder) -> None:
    wish, order = message.body, stored.order
    if stored.instructing != message.sender:
        raise refusal("NotAuthorised", "AppHdr/Fr", message.sender, "who instructed the payment")
    for field, said, known in (
        ("OrgnlUETR", wish.uetr, order.uetr),
        ("OrgnlIntrBkSttlmAmt", wish.original_amount, order.amount),
        ("OrgnlIntrBkSttlmDt", wish.original_settlement_date, order.settlement_date),
        ("RmtInf/Ustrd", wish.salt, order.salt),
    ):
        if said != known:
            raise refusal("PaymentMismatch", field, said, f"as in the settlement's payment: {known}")


def _resolution(
    wish: CancelPayment, status: ResolutionStatus, decided_at: datetime, reason: Reason | None = None
) -> Resolution:
    return Resolution(
        case_id=wish.case_id,
        uetr=wish.uetr,
        settlement_id=wish.settlement_id,
        salt=wish.salt,
        status=status,
        reason_code=reason.code if reason else None,
        reason=reason.text if reason else None,
        decided_at=decided_at,
    )
