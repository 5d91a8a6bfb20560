"""Who is told what of a payment, in the step that decides it: durable together, delivered afterwards."""

from lockstep.domain.identifiers import Bic
from lockstep.domain.payment import BookingNotice, PaymentState
from lockstep.rtgs.database import Step
from lockstep.rtgs.orders import Kind
from lockstep.rtgs.parties import agents
from lockstep.rtgs.register import StoredOrder


def status(step: Step, stored: StoredOrder) -> None:
    """PENDING concerns the instructing party alone; of a settlement's payment anything else the agents too."""
    if stored.order.kind is not Kind.SETTLEMENT:
        return
    pending = stored.state is PaymentState.PENDING
    step.send([stored.instructing] if pending else watchers(step, stored), stored.stored_payment().report())


def booking(step: Step, stored: StoredOrder, posting: int) -> None:
    """Debit and credit, to the accounts' owners; of a settlement's payment to who watches it too."""
    if stored.order.kind is not Kind.SETTLEMENT:
        return
    payment = stored.order.payment()
    for account, credit in ((payment.debtor, False), (payment.creditor, True)):
        notice = BookingNotice(
            account=account,
            amount=payment.amount,
            credit=credit,
            booked_at=step.now,
            posting=posting,
            uetr=payment.uetr,
            settlement_id=payment.settlement_id,
            salt=payment.salt,
        )
        step.send([account.owner, *watchers(step, stored)], notice)


def watchers(step: Step, stored: StoredOrder) -> list[Bic]:
    """Who follows a payment: who gave it, and the agents."""
    return [stored.instructing, *agents(step.connection)]
