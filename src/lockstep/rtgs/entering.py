"""A payment order comes in, whoever brought it: known or new, judged, taken, and offset if it must wait."""

from dataclasses import replace

from lockstep.domain.identifiers import Bic
from lockstep.domain.payment import CashAccount, PaymentState
from lockstep.rtgs import ledger, offsetting, orders, payments, register, rules
from lockstep.rtgs.database import Step
from lockstep.rtgs.orders import Kind, Leg, Order
from lockstep.rtgs.parties import refusal
from lockstep.rtgs.register import StoredOrder


def enter(step: Step, order: Order, *, instructing: Bic, message_id: str) -> StoredOrder | None:
    """Takes a new order; None for one that is known already, with the same content and sender.

    Raises InvalidInput for what no rule of business is asked about, Refused(UetrConflict) for a UETR
    used with other content, Refused(SettlementConflict) for a settlement that has a payment under way.
    """
    orders.check(order)
    new = order.settlement_id is not None and register.unheard_of(
        step.connection, order.uetr, order.settlement_id, instructing
    )
    known = None if new else register.by_uetr(step.connection, order.uetr)
    if known is not None:
        if _as_given(known.order, order) != order or known.instructing != instructing:
            rule = "a UETR is used once, or again by the same sender with the same content"
            raise refusal("UetrConflict", "PmtId/UETR", order.uetr, rule)
        return None
    if order.settlement_id is not None and not new:
        other = register.live(step.connection, order.settlement_id)
        if other is not None:
            rule = f"without a payment that is open or booked; has {other.order.uetr}"
            raise refusal("SettlementConflict", "RmtInf/Ustrd", order.settlement_id, rule)
    if order.kind is Kind.BATCH and step.books.account(order.debtor.number) is None:
        step.books.open_account(order.debtor.number, step.bic, order.amount.currency, technical=True)
    verdict = (rules.judge_unheard_of if new else rules.judge)(step, order, instructing)
    taken = payments.take(step, order, instructing=instructing, message_id=message_id, verdict=verdict)
    if taken.state is PaymentState.PENDING and offsetting.bilateral(step, taken):
        return register.by_uetr(step.connection, order.uetr)
    return taken


def as_batch(order: Order, legs: tuple[Leg, ...], rtgs: Bic) -> Order:
    """An order as a multilateral batch: through the technical account, all legs or none."""
    technical = CashAccount(owner=rtgs, number=ledger.technical_account(order.amount.currency))
    return replace(order, kind=Kind.BATCH, debtor=technical, creditor=technical, legs=legs)


def _as_given(known: Order, order: Order) -> Order:
    """A known order with what may have been modified since taken from the one that came."""
    known = replace(known, priority=order.priority)
    return known if known.held else replace(known, pay_by=order.pay_by, timing=order.timing)
