"""Who is told what of a payment, in the step that decides it: durable together, delivered afterwards.

| payment | its status (pacs.002) | debit and credit (camt.054) |
|---|---|---|
| of a settlement | who gave it, and the agents (PENDING: only who gave it) | both owners, who gave it, the agents |
| a batch | the same | each account's owner |
| between banks, of customers, a return | who gave it, and the debtor's bank | both owners |
| a liquidity transfer | its sender gets a camt.025 | both owners |

The creditor's bank is sent the payment itself once it is booked: pacs.009, pacs.008 or pacs.004.
"""

from sqlalchemy import select

from lockstep.domain.identifiers import Bic
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import BookingNotice, CashAccount, Payment, PaymentReport, PaymentState
from lockstep.domain.statement import Entry, EntryKind, EntryNotice
from lockstep.domain.transfer import BankTransfer, CustomerTransfer, Original, PaymentReturn, TransferReport
from lockstep.iso20022 import MESSAGE_TYPES, Body, read
from lockstep.rtgs.database import Step
from lockstep.rtgs.orders import Kind, Order
from lockstep.rtgs.parties import agents
from lockstep.rtgs.register import StoredOrder
from lockstep.rtgs.tables import postings

DEFINITIONS = {
    Kind.SETTLEMENT: MESSAGE_TYPES[BankTransfer],
    Kind.INTERBANK: MESSAGE_TYPES[BankTransfer],
    Kind.BATCH: MESSAGE_TYPES[BankTransfer],
    Kind.CUSTOMER: MESSAGE_TYPES[CustomerTransfer],
    Kind.RETURN: MESSAGE_TYPES[PaymentReturn],
}
ENTRY_KINDS = {
    Kind.CUSTOMER: EntryKind.CUSTOMER_TRANSFER,
    Kind.RETURN: EntryKind.RETURN,
    Kind.TRANSFER: EntryKind.LIQUIDITY,
}
_FORWARDED = (BankTransfer, CustomerTransfer, PaymentReturn)


def status(step: Step, stored: StoredOrder) -> None:
    """Tells how a payment stands to those whom it concerns."""
    if stored.order.kind is Kind.TRANSFER:
        return
    if stored.order.held:
        pending = stored.state is PaymentState.PENDING
        step.send([stored.instructing] if pending else watchers(step, stored), report(stored))
    else:
        step.send([stored.instructing, *_debtors(stored.order)], report(stored))


def report(stored: StoredOrder) -> Body:
    """pacs.002."""
    order = stored.order
    if order.kind is Kind.SETTLEMENT:
        return _report(stored, order.payment())
    return TransferReport(
        original=Original(message_id=stored.message_id, definition=DEFINITIONS[order.kind]),
        uetr=order.original or order.uetr,
        state=stored.state,
        decided_at=stored.decided_at,
        instruction_id=order.instruction_id,
        end_to_end_id=order.end_to_end_id,
        reason_code=stored.reason_code,
        reason=stored.reason,
    )


def _report(stored: StoredOrder, payment: Payment) -> PaymentReport:
    return PaymentReport(
        original_message_id=stored.message_id,
        uetr=payment.uetr,
        state=stored.state,
        decided_at=stored.decided_at,
        payment=payment,
        reason_code=stored.reason_code,
        reason=stored.reason,
    )


def booked(step: Step, stored: StoredOrder, posting: int) -> None:
    """Tells that a payment is booked, and of its postings, of which `posting` is the first."""
    order = stored.order
    if order.kind is Kind.SETTLEMENT:
        payment, following = order.payment(), watchers(step, stored)
        step.send(following, _report(stored, payment))
        for notice in _notices(stored, payment, posting):
            step.send([notice.account.owner, *following], notice)
        return
    status(step, stored)
    if order.kind is Kind.BATCH:
        for number, leg in enumerate(sorted(order.legs, key=lambda one: not one.debit), posting):
            found = step.books.account(leg.account)
            if found is not None:
                account = CashAccount(owner=found.owner, number=leg.account)
                step.send(
                    [account.owner], EntryNotice(account=account, entry=entry_of(stored, number, leg.debit, leg.amount))
                )
        return
    for account, debit in ((order.debtor, True), (order.creditor, False)):
        step.send(
            [account.owner], EntryNotice(account=account, entry=entry_of(stored, posting, debit, order.amount.amount))
        )
    forwarded = _given(step, stored)
    if isinstance(forwarded, _FORWARDED):
        step.send([order.creditor.owner], forwarded)


def entry_of(stored: StoredOrder, posting: int, debit: bool, amount: int, *, stated: bool = False) -> Entry:
    """One posting of a payment, as its account's owner is told of it. A statement names the settlement
    too; a camt.054 that does is a settlement's own payment.
    """
    order = stored.order
    told = stated and order.settlement_id is not None and order.salt is not None
    return Entry(
        posting=posting,
        amount=Money(currency=order.amount.currency, amount=amount),
        credit=not debit,
        booked_at=stored.booked_at or stored.decided_at,
        kind=ENTRY_KINDS.get(order.kind, EntryKind.BANK_TRANSFER),
        end_to_end_id=order.end_to_end_id,
        uetr=order.original or order.uetr,
        settlement_id=order.settlement_id if told else None,
        salt=order.salt if told else None,
    )


def watchers(step: Step, stored: StoredOrder) -> list[Bic]:
    """Who follows a settlement's payment: who gave it, and the agents."""
    return [stored.instructing, *step.once(agents)]


def booking_again(step: Step, stored: StoredOrder, receiver: Bic) -> None:
    """Tells one who had it before, or should have, of a settlement's postings."""
    if stored.order.kind is not Kind.SETTLEMENT or stored.booked_at is None:
        return
    step.books.flush()
    query = select(postings.c.number).where(postings.c.reference == f"payment/{stored.order.settlement_id}")
    posting = step.connection.execute(query).scalar_one()
    for notice in _notices(stored, stored.order.payment(), posting):
        if receiver in (notice.account.owner, *watchers(step, stored)):
            step.send([receiver], notice)


def _notices(stored: StoredOrder, payment: Payment, posting: int) -> list[BookingNotice]:
    return [
        BookingNotice(
            account=account,
            amount=payment.amount,
            credit=credit,
            booked_at=stored.booked_at or stored.decided_at,
            posting=posting,
            uetr=payment.uetr,
            settlement_id=payment.settlement_id,
            salt=payment.salt,
        )
        for account, credit in ((payment.debtor, False), (payment.creditor, True))
    ]


def _debtors(order: Order) -> list[Bic]:
    return [] if order.kind is Kind.BATCH else [order.debtor.owner]


def _given(step: Step, stored: StoredOrder) -> Body | None:
    """The body of the message that brought a payment; None if no message did."""
    now: Message[Body] | None = step.message
    if now is not None and (now.sender, now.message_id) == (stored.instructing, stored.message_id):
        return now.body
    received = step.received(stored.instructing, stored.message_id)
    return None if received is None else read(received.data).body
