"""Payments that no settlement waits for: pacs.009, pacs.008, pacs.004, camt.056, camt.007, pacs.028.

A participant moves its own money; a service moves others' under their mandates. A payment known by its
UETR is answered with its newest report.
"""

import hashlib
import uuid

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic, Uetr
from lockstep.domain.liquidity import Receipt
from lockstep.domain.message import Message
from lockstep.domain.payment import CashAccount, PaymentState, Resolution, ResolutionStatus
from lockstep.domain.transfer import (
    BankTransfer,
    CustomerTransfer,
    ModifyPayment,
    PaymentReturn,
    Recall,
    RecallAnswer,
    StatusRequest,
)
from lockstep.iso20022 import MESSAGE_TYPES
from lockstep.rtgs import announcing, entering, payments, queueing, recalls, register, rules
from lockstep.rtgs.database import Step
from lockstep.rtgs.orders import Kind, Order, Priority
from lockstep.rtgs.parties import agents, refusal
from lockstep.rtgs.register import StoredOrder

COMPLETED, REFUSED = "COMP", "REJT"
"""camt.025 StsCd, as this system defines it: done, not done."""

DERIVED_AT_MOST = 1_000
"""UETRs tried for a message that brings none."""


def transfer(step: Step, message: Message[BankTransfer]) -> None:
    """pacs.009 between banks."""
    body = message.body
    _enter(step, message, _order(Kind.INTERBANK, body, body.debtor, body.creditor))


def customer_transfer(step: Step, message: Message[CustomerTransfer]) -> None:
    """pacs.008 of customers, between their banks' accounts."""
    body = message.body
    _enter(step, message, _order(Kind.CUSTOMER, body, body.debtor_bank, body.creditor_bank))


def _order(kind: Kind, body: BankTransfer | CustomerTransfer, debtor: CashAccount, creditor: CashAccount) -> Order:
    return Order(
        uetr=body.uetr,
        kind=kind,
        instruction_id=body.instruction_id,
        end_to_end_id=body.end_to_end_id,
        amount=body.amount,
        settlement_date=body.settlement_date,
        debtor=debtor,
        creditor=creditor,
        priority=Priority.of(body.priority),
        pay_by=body.reject_after,
        timing=body.timing,
    )


def give_back(step: Step, message: Message[PaymentReturn]) -> None:
    """pacs.004: a new payment, from the original's creditor to its debtor."""
    body = message.body
    given = register.by_uetr(step.connection, body.uetr)
    if given is None or not _may_return(step, given, message.sender):
        raise refusal("PaymentUnknown", "TxInf/OrgnlUETR", body.uetr, "the UETR of a payment that is booked")
    first = given.order
    for field, said, known in (
        ("TxInf/OrgnlIntrBkSttlmAmt", body.original_amount, first.amount),
        ("TxInf/OrgnlEndToEndId", body.original_end_to_end_id, first.end_to_end_id),
        ("TxInf/OrgnlGrpInf/OrgnlMsgId", body.original.message_id, given.message_id),
        ("TxInf/RtrChain/Dbtr", body.debtor, first.creditor.owner),
        ("TxInf/RtrChain/Cdtr", body.creditor, first.debtor.owner),
    ):
        if said != known:
            raise refusal("PaymentMismatch", field, said, f"as in the original: {known}")
    order = Order(
        uetr=derived_uetr(step, message.sender, body.return_id),
        kind=Kind.RETURN,
        instruction_id=body.return_id,
        end_to_end_id=body.original_end_to_end_id,
        amount=body.amount,
        settlement_date=body.settlement_date,
        debtor=CashAccount(owner=body.debtor, number=first.creditor.number),
        creditor=CashAccount(owner=body.creditor, number=first.debtor.number),
        priority=Priority.of(body.priority),
        original=body.uetr,
        timing=body.timing,
    )
    _enter(step, message, order)


def recall(step: Step, message: Message[Recall]) -> None:
    """camt.056: cancels a payment that waits; of one that is booked, its creditor is asked to return it."""
    wish = message.body
    known = register.by_uetr(step.connection, wish.uetr)
    if known is not None:
        if known.instructing != message.sender:
            raise refusal("NotAuthorised", "AppHdr/Fr", message.sender, "who instructed the payment")
        if known.order.settlement_id is not None:
            rule = "the settlement of this payment, in SplmtryData"
            raise refusal("PaymentMismatch", "settlement", "none", rule)
        for field, said, expected in (
            ("OrgnlIntrBkSttlmAmt", wish.original_amount, known.order.amount),
            ("OrgnlIntrBkSttlmDt", wish.original_settlement_date, known.order.settlement_date),
            ("OrgnlGrpInf/OrgnlMsgId", wish.original.message_id, known.message_id),
        ):
            if said != expected:
                raise refusal("PaymentMismatch", field, said, f"as in the payment: {expected}")
    found = recalls.recall(
        step,
        known,
        wish.uetr,
        asked_by=message.sender,
        settlement_id=None,
        case_id=wish.case_id,
        code=wish.reason_code,
    )
    answer = RecallAnswer(
        case_id=wish.case_id,
        uetr=wish.uetr,
        status=ResolutionStatus.REFUSED if found.reason else ResolutionStatus.CANCELLED,
        reason_code=found.reason.code if found.reason else None,
        reason=found.reason.text if found.reason else None,
    )
    step.send([message.sender], answer)
    if known is not None and found.reason is not None:
        step.send([known.order.creditor.owner], wish)


def modify(step: Step, message: Message[ModifyPayment]) -> None:
    """camt.007: another priority or time for a payment that waits; answered by camt.025."""
    wish = message.body
    stored = queueing.queued(step, wish.uetr)
    if message.sender not in (stored.instructing, stored.order.debtor.owner):
        raise refusal("NotAuthorised", "AppHdr/Fr", message.sender, "who instructed the payment, or its debtor")
    timed = wish.not_before is not None or wish.reject_after is not None
    if timed and stored.order.held:
        raise InvalidInput("Mod/NewPmtValSet/PrcgVldtyTm", wish.uetr, "a payment that is of no settlement")
    if timed:
        queueing.set_times(step, stored, not_before=wish.not_before, pay_by=wish.reject_after)
    if wish.priority is not None:
        queueing.set_priority(step, stored, Priority.of(wish.priority))
    step.name = "payment-modified"
    acknowledge(step, message, MESSAGE_TYPES[ModifyPayment], COMPLETED, None)
    payments.serve(step, stored.order.debits())


def status(step: Step, message: Message[StatusRequest]) -> None:
    """pacs.028: answered with the payment's status, to whom it concerns, and with its booking notices again.

    An agent's, for a payment that never came and never can, by the camt.029 that it may have missed.
    """
    wish = message.body
    stored = register.by_uetr(step.connection, wish.uetr)
    if stored is None or not concerns(step, stored, message.sender):
        if _told_never(step, wish, message.sender):
            return
        raise refusal("PaymentUnknown", "OrgnlUETR", wish.uetr, "the UETR of a payment that concerns the sender")
    step.name = "status-told"
    step.send([message.sender], announcing.report(stored))
    announcing.booking_again(step, stored, message.sender)


def _told_never(step: Step, wish: StatusRequest, party: Bic) -> bool:
    """Tells an agent of the tombstones under a UETR; False if there are none for it to know."""
    buried = register.buried_under(step.connection, wish.uetr) if party in step.once(agents) else []
    for settlement, since in buried:
        step.name = "status-told"
        answer = Resolution(
            case_id=wish.uetr.replace("-", ""),  # the case was another's: this one is the question's
            uetr=wish.uetr,
            settlement_id=settlement,
            salt=None,
            status=ResolutionStatus.CANCELLED,
            decided_at=since,
        )
        step.send([party], answer)
    return bool(buried)


def concerns(step: Step, stored: StoredOrder, party: Bic) -> bool:
    """Whether a party may know of a payment: who gave it, whose accounts it moves, agents of a settlement's."""
    order = stored.order
    banks = (stored.instructing, order.debtor.owner, order.creditor.owner)
    return party in banks or (order.held and party in step.once(agents))


def _may_return(step: Step, given: StoredOrder, party: Bic) -> bool:
    """Whether a party may know of a payment and ask to give it back: the mandate for the amount is judged later."""
    return concerns(step, given, party) or rules.has_mandate(step.connection, given.order.creditor.number, party)


def acknowledge(step: Step, message: Message[object], definition: str, code: str, description: str | None) -> None:
    """camt.025 to the sender."""
    receipt = Receipt(
        original_message_id=message.message_id,
        original_definition=definition,
        status_code=code,
        description=description,
    )
    step.send([message.sender], receipt)


def derived_uetr(step: Step, sender: Bic, name: str) -> Uetr:
    """A UETR for what has none of its own: the same for the same sender and name.

    Anybody can compute it, so those that others' payments have already are passed over, which costs each of them
    a message. Raises Refused(UetrConflict) after `DERIVED_AT_MOST`.
    """
    for attempt in range(DERIVED_AT_MOST):
        subject = f"{sender}/{name}" if attempt == 0 else f"{sender}/{name}/{attempt}"
        digest = hashlib.sha256(subject.encode()).digest()
        uetr = Uetr(str(uuid.UUID(bytes=digest[:16], version=4)))
        known = register.by_uetr(step.connection, uetr)
        if known is None or known.instructing == sender:
            return uetr
    rule = f"one whose first {DERIVED_AT_MOST} UETRs others' payments have not"
    raise refusal("UetrConflict", "AppHdr/BizMsgIdr", name, rule)


def _enter(step: Step, message: Message[object], order: Order) -> None:
    taken = entering.enter(step, order, instructing=message.sender, message_id=message.message_id)
    if taken is None:
        step.name = "payment-repeated"
        step.repeat_report(order.original or order.uetr)
        return
    step.name = f"payment-{taken.state.name.lower()}"
    if taken.state is PaymentState.REJECTED and order.kind is Kind.TRANSFER:
        step.name = "transfer-refused"
