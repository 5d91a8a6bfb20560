"""What a payment must satisfy before it is taken, in the order in which it is judged.

The codes are ISO 20022 external status reasons (ExternalStatusReason1Code):

| code | here it means |
|---|---|
| ED05 | the settlement has ended already, or its sender recalled the UETR before: it can never be paid |
| AC02, AC03 | the debtor's, the creditor's account is unknown, not that bank's, or technical |
| CURR | the account has another currency |
| MD01 | no mandate of the debtor is in force for this payee |
| AM14 | more than the mandate's maximum per payment; (pending, not refused) more than a limit leaves |
| NOOR, ARDT, AM09 | a return: of no booked payment, of one given back already, of more than was paid |
| DT01 | another settlement date than the business day |
| ED06 | no business day is open |
| TM01 | `pay_by` or the cut-off has passed, or the day was closed; (pending) before `not_before` |
| AM04 | (pending, not refused) the debtor lacks funds, or must wait its turn; a liquidity transfer is refused |
"""

from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import Connection, RowMapping, select

from lockstep.domain.identifiers import Bic
from lockstep.domain.money import Money
from lockstep.domain.payment import PaymentState
from lockstep.rtgs import register, timetable
from lockstep.rtgs.database import Step
from lockstep.rtgs.orders import Kind, Order
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.register import Reason
from lockstep.rtgs.tables import days, mandates

_DAY = Prepared(select(days.c.date).where(days.c.closed_at.is_(None)))

ANY = "*"
"""A mandate for any payee, or for any instructing party."""


def judge(step: Step, order: Order, instructing: Bic) -> Mapping[str, int] | Reason:
    """The mandate of each account debited, by number, or why the payment is refused.

    Who instructs a debit of its own account needs no mandate.
    """
    if order.settlement_id and register.tombstone(step.connection, order.settlement_id) is not None:
        return Reason.of("ED05", "RmtInf", f"settlement {order.settlement_id[:16]}…", "has not ended before")
    if register.barred_since(step.connection, order.uetr, instructing) is not None:
        return Reason.of("ED05", "PmtId/UETR", order.uetr, "not recalled before it came")
    return judge_unheard_of(step, order, instructing)


def judge_unheard_of(step: Step, order: Order, instructing: Bic) -> Mapping[str, int] | Reason:
    """As `judge`, of a payment of which nothing is known: see `register.unheard_of`."""
    found = _accounts(step, order) or _returned(step.connection, order)
    if found:
        return found
    given: dict[str, int] = {}
    for account, amount in order.debits().items():
        owner = _owner(step, account)
        if owner == instructing:
            continue
        under = _mandate(step, order, account, amount, instructing)
        if isinstance(under, Reason):
            return under
        given[account] = under
    return _time(step, order) or given


def business_day(connection: Connection) -> date | None:
    """The day that is open, or None."""
    day: date | None = _DAY.scalar(connection)
    return day


def mandates_in_force(connection: Connection, account: str | None = None) -> Sequence[RowMapping]:
    """The newest mandate of each (account, instructing party, payee)."""
    query = select(mandates).order_by(mandates.c.number)
    if account is not None:
        query = query.where(mandates.c.account == account)
    rows = connection.execute(query).mappings()
    return list({(row["account"], row["instructing"], row["payee"]): row for row in rows}.values())


def has_mandate(connection: Connection, account: str, instructing: Bic) -> bool:
    """Whether a party may debit an account at all."""
    return any(
        row["maximum"] > 0 and row["instructing"] in (ANY, instructing)
        for row in mandates_in_force(connection, account)
    )


def _accounts(step: Step, order: Order) -> Reason | None:
    sides: list[tuple[str, str, str, Bic | None]]
    if order.kind is Kind.BATCH:
        sides = [("AC02" if leg.debit else "AC03", f"legs/{leg.account}", leg.account, None) for leg in order.legs]
    else:
        sides = [
            ("AC02", "DbtrAcct", order.debtor.number, order.debtor.owner),
            ("AC03", "CdtrAcct", order.creditor.number, order.creditor.owner),
        ]
    for code, field, number, owner in sides:
        account = step.books.terms(number)
        if account is None or account.technical:
            return Reason.of(code, field, number, "a participant's account")
        if owner is not None and account.owner != owner:
            return Reason.of(code, field, number, f"an account of {owner}")
        if account.currency != order.amount.currency:
            return Reason.of("CURR", "IntrBkSttlmAmt/@Ccy", order.amount.currency, f"that of {field}")
    if order.kind is not Kind.BATCH and order.debtor.number == order.creditor.number:
        return Reason.of("AC03", "CdtrAcct", order.creditor.number, "another account than the debtor's")
    return None


def _owner(step: Step, account: str) -> Bic | None:
    """Whose account it is; None for one that does not exist."""
    found = step.books.terms(account)
    return None if found is None else found.owner


def _returned(connection: Connection, order: Order) -> Reason | None:
    if order.original is None:
        return None
    given = register.by_uetr(connection, order.original)
    if given is None or given.state is not PaymentState.BOOKED or given.order.kind is Kind.BATCH:
        return Reason.of("NOOR", "OrgnlUETR", order.original, "a payment that is booked")
    first = given.order
    if (order.debtor, order.creditor) != (first.creditor, first.debtor):
        rule = f"from {first.creditor.number} back to {first.debtor.number}"
        return Reason.of("AC02", "DbtrAcct", order.debtor.number, rule)
    if order.amount.currency != first.amount.currency:
        return Reason.of("CURR", "RtrdIntrBkSttlmAmt/@Ccy", order.amount.currency, "the original's")
    left = first.amount.amount - register.returned(connection, order.original)
    if left == 0:
        return Reason.of("ARDT", "OrgnlUETR", order.original, "not given back already")
    if order.amount.amount > left:
        rule = f"at most what is left, {Money(currency=order.amount.currency, amount=left)}"
        return Reason.of("AM09", "RtrdIntrBkSttlmAmt", order.amount, rule)
    return None


def _mandate(step: Step, order: Order, account: str, amount: int, instructing: Bic) -> Reason | int:
    payee = order.creditor.number
    given = [
        row
        for row in step.once(mandates_in_force, account)
        if row["instructing"] in (ANY, instructing) and row["payee"] in (ANY, payee)
    ]
    if not given:
        return Reason.of("MD01", "DbtrAcct", account, "has a mandate for this sender and payee")
    valid = [row for row in given if row["until"] >= order.settlement_date]
    if not valid:
        latest = max(row["until"] for row in given)
        return Reason.of("MD01", "IntrBkSttlmDt", order.settlement_date, f"not after the mandate's end, {latest}")
    widest = max(valid, key=lambda row: int(row["maximum"]))
    if widest["maximum"] < amount:
        maximum = f"{widest['maximum']} minor units"
        asked = Money(currency=order.amount.currency, amount=amount)
        return Reason.of("AM14", "IntrBkSttlmAmt", asked, f"at most the mandate's {maximum}")
    return int(widest["number"])


def _time(step: Step, order: Order) -> Reason | None:
    day = step.once(business_day)
    if day is None:
        return Reason.of("ED06", "IntrBkSttlmDt", order.settlement_date, "a business day that is open")
    if order.settlement_date != day:
        return Reason.of("DT01", "IntrBkSttlmDt", order.settlement_date, f"the business day {day}")
    if order.pay_by is not None and step.now > order.pay_by:
        return Reason.of("TM01", "SttlmTmReq/RjctTm", order.pay_by.isoformat(), f"not before {step.now.isoformat()}")
    phase = step.once(timetable.phase)
    if order.kind not in step.once(timetable.taken_in, phase):
        return Reason.of("TM01", order.kind.value, step.now.isoformat(), f"before its cut-off; now it is {phase}")
    return None
