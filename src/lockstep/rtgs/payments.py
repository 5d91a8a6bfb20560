"""The states a payment passes through. Every change is announced in the step that makes it.

(new) ──> HELD ──release by the quorum──> BOOKED         final
  │  └──> PENDING ──funds──> HELD
  ├─────> REJECTED <──expiry, end of day── HELD, PENDING     never: a tombstone stands
  └ ─ ─ ─ CANCELLED <──camt.056── HELD, PENDING              never: a tombstone stands
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import func, select

from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.payment import BookingNotice, Payment, PaymentState
from lockstep.rtgs import ledger, register
from lockstep.rtgs.database import Step
from lockstep.rtgs.parties import Role, agents, quorum
from lockstep.rtgs.register import Reason, StoredPayment
from lockstep.rtgs.tables import parties, releases


def take(step: Step, message: Message[Payment], verdict: int | Reason) -> PaymentState:
    """Enters a new payment: HELD with its money set aside, or PENDING for want of it; REJECTED with a
    tombstone if the verdict is a reason. A verdict that is a number is the mandate's.
    """
    payment = message.body
    state, reason, mandate = PaymentState.HELD, None, None
    if isinstance(verdict, Reason):
        state, reason = PaymentState.REJECTED, verdict
        if register.tombstone(step.connection, payment.settlement_id) is None:
            register.end(step, payment.settlement_id, "NEVER", payment.uetr, verdict.code)
    else:
        mandate = verdict
        if not ledger.earmark(step, payment.debtor.number, payment.amount.amount):
            state = PaymentState.PENDING
            reason = Reason.of("AM04", "IntrBkSttlmAmt", payment.amount, "at most what the debtor has available")
    stored = StoredPayment(
        payment=payment,
        instructing=message.sender,
        message_id=message.message_id,
        mandate=mandate,
        state=state,
        decided_at=step.now,
        reason_code=reason.code if reason else None,
        reason=reason.text if reason else None,
    )
    register.insert(step, stored)
    _announce(step, stored)
    return state


def book(step: Step, stored: StoredPayment) -> None:
    """Moves the held money, finally; tells both banks, the instructing party and the agents."""
    payment = stored.payment
    posting = ledger.transfer(
        step,
        payment.debtor.number,
        payment.creditor.number,
        payment.amount,
        f"payment/{payment.settlement_id}",
        earmarked=True,
    )
    register.end(step, payment.settlement_id, "BOOKED", payment.uetr)
    _enter(step, stored, PaymentState.BOOKED, None)
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
        step.send([account.owner, *_watchers(step, stored)], notice)
    hold_pending(step, [payment.creditor.number])


def book_if_released(step: Step, stored: StoredPayment) -> bool:
    """Books a held payment that a quorum of those who are agents now has released."""
    given = select(func.count()).select_from(releases.join(parties, releases.c.agent == parties.c.bic))
    given = given.where(releases.c.uetr == stored.payment.uetr, parties.c.role == Role.AGENT.value)
    if step.connection.execute(given).scalar_one() < quorum(step.connection):
        return False
    book(step, stored)
    return True


def never(step: Step, ended: Sequence[StoredPayment], state: PaymentState, reason: Reason) -> None:
    """Ends open payments as REJECTED or CANCELLED and frees their money, then serves who waits for it."""
    for stored in ended:
        payment = stored.payment
        if stored.state is PaymentState.HELD:
            ledger.free(step, payment.debtor.number, payment.amount.amount)
        register.end(step, payment.settlement_id, "NEVER", payment.uetr, reason.code)
        _enter(step, stored, state, reason)
    hold_pending(step, dict.fromkeys(stored.payment.debtor.number for stored in ended))


def hold_pending(step: Step, accounts: Iterable[str]) -> None:
    """Tries the accounts' pending payments again, in order of arrival; each that now fits is held.

    One too large for what is there does not block those behind it.
    """
    for number in accounts:
        for stored in register.pending(step.connection, number, step.now):
            if ledger.earmark(step, number, stored.payment.amount.amount):
                _enter(step, stored, PaymentState.HELD, None)


def _enter(step: Step, stored: StoredPayment, state: PaymentState, reason: Reason | None) -> None:
    code, text = (reason.code, reason.text) if reason else (None, None)
    changed = replace(stored, state=state, decided_at=step.now, reason_code=code, reason=text)
    register.update_state(step, changed)
    _announce(step, changed)


def _announce(step: Step, stored: StoredPayment) -> None:
    """PENDING concerns the instructing party alone; anything else the agents too."""
    pending = stored.state is PaymentState.PENDING
    step.send([stored.instructing] if pending else _watchers(step, stored), stored.report())


def _watchers(step: Step, stored: StoredPayment) -> list[Bic]:
    return [stored.instructing, *agents(step.connection)]
