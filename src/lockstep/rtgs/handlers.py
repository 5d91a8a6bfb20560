"""What each message does: pacs.009 pays, camt.056 cancels, camt.007 releases. `core` says who may."""

from datetime import datetime

from sqlalchemy import select

from lockstep.domain.message import Message
from lockstep.domain.payment import CancelPayment, Payment, PaymentState, Release, Resolution, ResolutionStatus
from lockstep.rtgs import payments, register, rules
from lockstep.rtgs.database import Step
from lockstep.rtgs.parties import agents, refusal
from lockstep.rtgs.register import Reason
from lockstep.rtgs.tables import releases


def pay(step: Step, message: Message[Payment]) -> None:
    """pacs.009: a new payment, or one already known by its UETR, answered with the newest report."""
    payment = message.body
    rules.check_form(payment)
    known = register.by_uetr(step.connection, payment.uetr)
    if known is not None:
        if known.payment != payment or known.instructing != message.sender:
            rule = "a UETR is used once, or again by the same sender with the same content"
            raise refusal("UetrConflict", "PmtId/UETR", payment.uetr, rule)
        step.name = "payment-repeated"
        step.repeat_report(payment.uetr)
        return
    other = register.live(step.connection, payment.settlement_id)
    if other is not None:
        rule = f"without a payment that is open or booked; has {other.payment.uetr}"
        raise refusal("SettlementConflict", "RmtInf/Ustrd", payment.settlement_id, rule)
    verdict = rules.judge(step.connection, payment, message.sender, step.now)
    state = payments.take(step, message, verdict)
    step.name = f"payment-{state.name.lower()}"


def cancel(step: Step, message: Message[CancelPayment]) -> None:
    """camt.056: a tombstone for the settlement, unless its payment is booked."""
    wish = message.body
    stored = register.live(step.connection, wish.settlement_id)
    if stored is None:
        step.name = "cancellation-repeated"
        ended_at = register.tombstone(step.connection, wish.settlement_id)
        if ended_at is None:
            step.name = "tombstone-written"
            ended_at = step.now
            register.end(step, wish.settlement_id, "NEVER", wish.uetr, wish.reason_code)
    else:
        _check_original(message, stored)
        if stored.state is PaymentState.BOOKED:
            step.name = "cancellation-refused"
            booked = stored.decided_at
            reason = Reason.of("PTNA", "TxInf", f"booked at {booked.isoformat()}", "not yet booked")
            step.send([message.sender], _resolution(wish, ResolutionStatus.REFUSED, step.now, reason))
            return
        step.name = "payment-cancelled"
        ended_at = step.now
        reason = Reason.of(wish.reason_code, "camt.056", wish.case_id, "cancelled on request")
        payments.never(step, [stored], PaymentState.CANCELLED, reason)
    resolution = _resolution(wish, ResolutionStatus.CANCELLED, ended_at)
    step.send([message.sender, *agents(step.connection)], resolution)


def release(step: Step, message: Message[Release]) -> None:
    """camt.007: one agent's release of a held payment; at the quorum it is booked."""
    wish = message.body
    stored = register.by_uetr(step.connection, wish.uetr)
    if stored is None:
        raise refusal("PaymentUnknown", "UETR", wish.uetr, "the UETR of a payment that is held")
    if stored.payment.settlement_id != wish.settlement_id:
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
    key = (releases.c.settlement_id == wish.settlement_id, releases.c.agent == message.sender)
    if step.connection.execute(select(releases).where(*key)).first() is None:
        step.connection.execute(
            releases.insert().values(
                settlement_id=wish.settlement_id, agent=message.sender, uetr=wish.uetr, released_at=step.now
            )
        )
    if payments.book_if_released(step, stored):
        step.name = "payment-booked"


def _check_original(message: Message[CancelPayment], stored: register.StoredPayment) -> None:
    wish, payment = message.body, stored.payment
    if stored.instructing != message.sender:
        raise refusal("NotAuthorised", "AppHdr/Fr", message.sender, "who instructed the payment")
    for field, said, known in (
        ("OrgnlUETR", wish.uetr, payment.uetr),
        ("OrgnlIntrBkSttlmAmt", wish.original_amount, payment.amount),
        ("OrgnlIntrBkSttlmDt", wish.original_settlement_date, payment.settlement_date),
        ("RmtInf/Ustrd", wish.salt, payment.salt),
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
