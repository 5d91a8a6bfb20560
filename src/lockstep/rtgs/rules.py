"""What a payment must satisfy before it is taken, in the order in which it is judged.

The codes are ISO 20022 external status reasons (ExternalStatusReason1Code):

| code | here it means |
|---|---|
| ED05 | the settlement has ended already: it can never be paid |
| AC02, AC03 | the debtor's, the creditor's account is unknown, not that bank's, or technical |
| CURR | the account has another currency |
| MD01 | no mandate of the debtor is in force for this payee |
| AM14 | more than the mandate's maximum per payment |
| DT01 | another settlement date than the business day |
| ED06 | no business day is open |
| TM01 | `pay_by` has passed, or the day was closed |
| AM04 | (pending, not refused) the debtor lacks funds |
"""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Connection, RowMapping, select

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Bic
from lockstep.domain.payment import CashAccount, Payment
from lockstep.rtgs import ledger
from lockstep.rtgs.register import Reason, tombstone
from lockstep.rtgs.tables import days, mandates

ANY = "*"
"""A mandate for any payee, or for any instructing party."""


def check_form(payment: Payment) -> None:
    """What a schema cannot say and the ledger cannot hold. Raises InvalidInput; nothing is kept."""
    ledger.check_amount(payment.amount, "IntrBkSttlmAmt")
    if payment.pay_by.microsecond:
        raise InvalidInput("SttlmTmReq/RjctTm", payment.pay_by.isoformat(), "whole seconds")


def judge(connection: Connection, payment: Payment, instructing: Bic, now: datetime) -> int | Reason:
    """The number of the mandate under which the payment is taken, or why it is refused."""
    ended_at = tombstone(connection, payment.settlement_id)
    if ended_at is not None:
        return Reason.of("ED05", "RmtInf", f"settlement {payment.settlement_id[:16]}…", "has not ended before")
    found = _accounts(connection, payment) or _mandate(connection, payment, instructing)
    if isinstance(found, Reason):
        return found
    return _time(connection, payment, now) or found


def business_day(connection: Connection) -> date | None:
    """The day that is open, or None."""
    return connection.scalar(select(days.c.date).where(days.c.closed_at.is_(None)))


def mandates_in_force(connection: Connection, account: str | None = None) -> Sequence[RowMapping]:
    """The newest mandate of each (account, instructing party, payee)."""
    query = select(mandates).order_by(mandates.c.number)
    if account is not None:
        query = query.where(mandates.c.account == account)
    rows = connection.execute(query).mappings()
    return list({(row["account"], row["instructing"], row["payee"]): row for row in rows}.values())


def _accounts(connection: Connection, payment: Payment) -> Reason | None:
    sides: tuple[tuple[str, str, CashAccount], ...] = (
        ("AC02", "DbtrAcct", payment.debtor),
        ("AC03", "CdtrAcct", payment.creditor),
    )
    for code, field, side in sides:
        account = ledger.account(connection, side.number)
        if account is None or account.technical:
            return Reason.of(code, field, side.number, "a participant's account")
        if account.owner != side.owner:
            return Reason.of(code, field, side.number, f"an account of {side.owner}")
        if account.currency != payment.amount.currency:
            return Reason.of("CURR", "IntrBkSttlmAmt/@Ccy", payment.amount.currency, f"that of {field}")
    if payment.debtor.number == payment.creditor.number:
        return Reason.of("AC03", "CdtrAcct", payment.creditor.number, "another account than the debtor's")
    return None


def _mandate(connection: Connection, payment: Payment, instructing: Bic) -> Reason | int:
    given = [
        row
        for row in mandates_in_force(connection, payment.debtor.number)
        if row["instructing"] in (ANY, instructing) and row["payee"] in (ANY, payment.creditor.number)
    ]
    if not given:
        return Reason.of("MD01", "DbtrAcct", payment.debtor.number, "has a mandate for this sender and payee")
    valid = [row for row in given if row["until"] >= payment.settlement_date]
    if not valid:
        latest = max(row["until"] for row in given)
        return Reason.of("MD01", "IntrBkSttlmDt", payment.settlement_date, f"not after the mandate's end, {latest}")
    widest = max(valid, key=lambda row: int(row["maximum"]))
    if widest["maximum"] < payment.amount.amount:
        maximum = f"{widest['maximum']} minor units"
        return Reason.of("AM14", "IntrBkSttlmAmt", payment.amount, f"at most the mandate's {maximum}")
    return int(widest["number"])


def _time(connection: Connection, payment: Payment, now: datetime) -> Reason | None:
    day = business_day(connection)
    if day is None:
        return Reason.of("ED06", "IntrBkSttlmDt", payment.settlement_date, "a business day that is open")
    if payment.settlement_date != day:
        return Reason.of("DT01", "IntrBkSttlmDt", payment.settlement_date, f"the business day {day}")
    if now > payment.pay_by:
        return Reason.of("TM01", "SttlmTmReq/RjctTm", payment.pay_by.isoformat(), f"not before {now.isoformat()}")
    return None
