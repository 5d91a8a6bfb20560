"""A bank and its accounts: camt.050, camt.046 to 049, camt.005, camt.060. Who asks must own the account."""

from datetime import date

from sqlalchemy import ColumnElement, select

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic
from lockstep.domain.liquidity import (
    DeleteReservation,
    LiquidityTransfer,
    ModifyReservation,
    QueryError,
    Reservation,
    ReservationKind,
    ReservationQuery,
    ReservationReport,
)
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, PaymentState
from lockstep.domain.statement import QueriedPayment, StatementRequest, TransactionQuery, TransactionReport
from lockstep.iso20022 import MESSAGE_TYPES
from lockstep.rtgs import entering, liquidity, register, reporting, rules
from lockstep.rtgs.database import Step
from lockstep.rtgs.handlers_payments import COMPLETED, REFUSED, acknowledge, concerns, derived_uetr
from lockstep.rtgs.ledger import Account
from lockstep.rtgs.orders import Kind, Order, Priority
from lockstep.rtgs.parties import refusal
from lockstep.rtgs.tables import days, payments

PAGE = 100
"""Payments in one camt.006."""

_CLASSES = {ReservationKind.URGENT: Priority.URGENT, ReservationKind.HIGH: Priority.HIGH}


def transfer(step: Step, message: Message[LiquidityTransfer]) -> None:
    """camt.050: settles at once or not at all; camt.025 says which."""
    body = message.body
    order = Order(
        uetr=body.uetr or derived_uetr(step, message.sender, message.message_id),
        kind=Kind.TRANSFER,
        instruction_id=body.instruction_id or message.message_id,
        end_to_end_id=body.end_to_end_id,
        amount=body.amount,
        settlement_date=body.settlement_date,
        debtor=body.debtor,
        creditor=body.creditor,
    )
    taken = entering.enter(step, order, instructing=message.sender, message_id=message.message_id)
    stored = taken or register.by_uetr(step.connection, order.uetr)
    booked = stored is not None and stored.state is PaymentState.BOOKED
    step.name = "liquidity-transferred" if booked else "transfer-refused"
    why = None if stored is None or booked else f"{stored.reason_code} {stored.reason}"
    acknowledge(step, message, MESSAGE_TYPES[LiquidityTransfer], COMPLETED if booked else REFUSED, why)


def reserve(step: Step, message: Message[ModifyReservation]) -> None:
    """camt.048: so much from now on, in place of what was reserved."""
    wish = message.body
    account = _own(step, message.sender, wish.account)
    if wish.start is not None and wish.start > step.now:
        raise InvalidInput("NewRsvatnValSet/StartDtTm", wish.start.isoformat(), "none: at once")
    if wish.amount.currency != account.currency:
        raise InvalidInput("NewRsvatnValSet/Amt/@Ccy", wish.amount.currency, f"the account's, {account.currency}")
    step.name = "liquidity-reserved"
    acknowledge(step, message, MESSAGE_TYPES[ModifyReservation], COMPLETED, None)
    liquidity.reserve(step, account.number, _class(wish.kind), wish.amount.amount, standing=wish.standing)


def end_reservation(step: Step, message: Message[DeleteReservation]) -> None:
    """camt.049: nothing is reserved any longer, for this day."""
    wish = message.body
    account = _own(step, message.sender, wish.account)
    step.name = "reservation-ended"
    acknowledge(step, message, MESSAGE_TYPES[DeleteReservation], COMPLETED, None)
    liquidity.reserve(step, account.number, _class(wish.kind), 0)


def tell_reservations(step: Step, message: Message[ReservationQuery]) -> None:
    """camt.046: answered by camt.047."""
    account = _own(step, message.sender, message.body.account)
    found = tuple(
        Reservation(
            kind=kind,
            account=message.body.account,
            amount=Money(currency=account.currency, amount=amount),
            standing=standing,
        )
        for kind, standing, amount in (
            (ReservationKind.URGENT, False, account.reserved_urgent),
            (ReservationKind.HIGH, False, account.reserved_high),
            (ReservationKind.URGENT, True, account.standing_urgent),
            (ReservationKind.HIGH, True, account.standing_high),
        )
        if amount
    )
    errors = () if found else (QueryError(code="NONE", description="nothing is reserved"),)
    step.name = "reservations-told"
    step.send([message.sender], ReservationReport(query_id=message.message_id, reservations=found, errors=errors))


def tell_payments(step: Step, message: Message[TransactionQuery]) -> None:
    """camt.005: answered by camt.006, in pages, with those payments that concern the sender."""
    wish = message.body
    conditions: list[ColumnElement[bool]] = []
    if wish.uetr is not None:
        conditions.append(payments.c.uetr == wish.uetr)
    if wish.debtor is not None:
        conditions.append(payments.c.debtor_account == wish.debtor.number)
    if wish.settlement_date is not None:
        conditions.append(payments.c.settlement_date == wish.settlement_date)
    if wish.final is not None:
        is_open = payments.c.state.in_(("HELD", "PENDING"))
        conditions.append(~is_open if wish.final else is_open)
    stored = register.where(step.connection, *conditions)
    found = [
        QueriedPayment(
            uetr=one.order.uetr,
            message_id=one.message_id,
            end_to_end_id=one.order.end_to_end_id,
            state=one.state,
            decided_at=one.decided_at,
            amount=one.order.amount,
            settlement_date=one.order.settlement_date,
            debtor=one.order.debtor,
            creditor=one.order.creditor,
            priority=one.order.priority.stated(),
            reason_code=one.reason_code,
        )
        for one in stored
        if concerns(step, one, message.sender)
    ]
    step.name = "payments-told"
    if not found:
        none = QueryError(code="NONE", description="no payment that concerns the sender is so")
        step.send([message.sender], TransactionReport(query_id=message.message_id, errors=(none,)))
    for start in range(0, len(found), PAGE):
        report = TransactionReport(
            query_id=message.message_id,
            payments=tuple(found[start : start + PAGE]),
            page=start // PAGE + 1,
            is_last=start + PAGE >= len(found),
        )
        step.send([message.sender], report)


def tell_statements(step: Step, message: Message[StatementRequest]) -> None:
    """camt.060: a camt.053 for each business day of the period; of the day that is open, what there is so far.

    Whom the owner has given a mandate may ask too: it sees what it moved.
    """
    wish = message.body
    account = _own(step, message.sender, wish.account, or_mandated=True)
    asked = select(days.c.date).where(days.c.date >= wish.first, days.c.date <= wish.last).order_by(days.c.date)
    found: list[date] = list(step.connection.scalars(asked))
    if not found:
        rule = "a period with a business day that was opened"
        raise refusal("StatementUnknown", "RptgPrd/FrToDt", f"{wish.first} to {wish.last}", rule)
    step.name = "statement-told"
    for day in found:
        reporting.send_statement(step, account, day, query_id=message.message_id, receiver=message.sender)


def _own(step: Step, sender: Bic, said: CashAccount, *, or_mandated: bool = False) -> Account:
    found = step.books.account(said.number)
    if found is not None and not found.technical and found.owner == said.owner:
        if found.owner == sender or (or_mandated and rules.has_mandate(step.connection, found.number, sender)):
            return found
        found = None
    if found is None or found.technical or found.owner != sender or said.owner != sender:
        raise refusal("NotAuthorised", "Acct", said.number, f"an account of {sender}")
    return found


def _class(kind: ReservationKind) -> Priority:
    try:
        return _CLASSES[kind]
    except KeyError:
        raise InvalidInput("RsvatnId/Tp/Cd", kind.value, "UPAR or HPAR") from None
