"""The register of payments and of how settlements ended: what is kept, without what happens."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, Connection, RowMapping, select

from lockstep.domain.identifiers import Bic, SettlementId, Uetr
from lockstep.domain.money import Money
from lockstep.domain.payment import CashAccount, Payment, PaymentReport, PaymentState
from lockstep.rtgs.database import Step
from lockstep.rtgs.tables import endings, payments

OPEN = (PaymentState.HELD, PaymentState.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why, as pacs.002 says it: an ISO code and a text that names field, value and rule."""

    code: str
    text: str

    @classmethod
    def of(cls, code: str, field: str, value: object, rule: str) -> "Reason":
        return cls(code=code, text=f"{field}: {value}: {rule}"[:105])  # AddtlInf is Max105Text


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayment:
    """A payment as the RTGS keeps it."""

    payment: Payment
    instructing: Bic
    message_id: str
    mandate: int | None
    """Number of the mandate under which it was taken; None when it was refused."""
    state: PaymentState
    decided_at: datetime
    reason_code: str | None = None
    reason: str | None = None

    def report(self) -> PaymentReport:
        return PaymentReport(
            original_message_id=self.message_id,
            uetr=self.payment.uetr,
            state=self.state,
            decided_at=self.decided_at,
            payment=self.payment,
            reason_code=self.reason_code,
            reason=self.reason,
        )


def all_payments(connection: Connection) -> list[StoredPayment]:
    """All payments, in order of arrival."""
    return _where(connection)


def by_uetr(connection: Connection, uetr: Uetr) -> StoredPayment | None:
    return next(iter(_where(connection, payments.c.uetr == uetr)), None)


def live(connection: Connection, settlement_id: SettlementId) -> StoredPayment | None:
    """The settlement's payment that is open or booked; there is at most one."""
    states = [PaymentState.HELD.name, PaymentState.PENDING.name, PaymentState.BOOKED.name]
    found = _where(connection, payments.c.settlement_id == settlement_id, payments.c.state.in_(states))
    return next(iter(found), None)


def still_open(connection: Connection, due_before: datetime | None = None) -> list[StoredPayment]:
    """Payments held or pending, in order of arrival; with `due_before` those whose `pay_by` has passed."""
    conditions: list[ColumnElement[bool]] = [payments.c.state.in_([state.name for state in OPEN])]
    if due_before is not None:
        conditions.append(payments.c.pay_by < due_before)
    return _where(connection, *conditions)


def pending(connection: Connection, debtor_account: str, now: datetime) -> list[StoredPayment]:
    """An account's payments that wait for funds and may still be paid, in order of arrival."""
    return _where(
        connection,
        payments.c.state == PaymentState.PENDING.name,
        payments.c.debtor_account == debtor_account,
        payments.c.pay_by >= now,
    )


def tombstone(connection: Connection, settlement_id: SettlementId) -> datetime | None:
    """Since when a settlement can never be paid, or None."""
    return connection.scalar(
        select(endings.c.ended_at).where(endings.c.settlement_id == settlement_id, endings.c.ending == "NEVER")
    )


def end(step: Step, settlement_id: SettlementId, ending: str, uetr: Uetr, reason_code: str | None = None) -> None:
    """Writes a settlement's one ending, BOOKED or NEVER; the table refuses a second."""
    step.connection.execute(
        endings.insert().values(
            settlement_id=settlement_id, ending=ending, uetr=uetr, ended_at=step.now, reason_code=reason_code
        )
    )


def update_state(step: Step, stored: StoredPayment) -> None:
    """Stores a payment's new state."""
    step.connection.execute(
        payments.update()
        .where(payments.c.uetr == stored.payment.uetr)
        .values(
            state=stored.state.name,
            decided_at=stored.decided_at,
            reason_code=stored.reason_code,
            reason=stored.reason,
        )
    )


def insert(step: Step, stored: StoredPayment) -> None:
    """Stores a new payment."""
    payment = stored.payment
    step.connection.execute(
        payments.insert().values(
            uetr=payment.uetr,
            settlement_id=payment.settlement_id,
            salt=payment.salt,
            instructing=stored.instructing,
            message_id=stored.message_id,
            instruction_id=payment.instruction_id,
            end_to_end_id=payment.end_to_end_id,
            currency=payment.amount.currency,
            amount=payment.amount.amount,
            settlement_date=payment.settlement_date,
            debtor=payment.debtor.owner,
            debtor_account=payment.debtor.number,
            creditor=payment.creditor.owner,
            creditor_account=payment.creditor.number,
            pay_by=payment.pay_by,
            mandate=stored.mandate,
            state=stored.state.name,
            decided_at=stored.decided_at,
            reason_code=stored.reason_code,
            reason=stored.reason,
        )
    )


def _where(connection: Connection, *conditions: ColumnElement[bool]) -> list[StoredPayment]:
    rows = connection.execute(select(payments).where(*conditions).order_by(payments.c.number)).mappings()
    return [_stored(row) for row in rows]


def _stored(row: RowMapping) -> StoredPayment:
    settlement_date: date = row["settlement_date"]
    return StoredPayment(
        payment=Payment(
            uetr=Uetr(row["uetr"]),
            instruction_id=row["instruction_id"],
            end_to_end_id=row["end_to_end_id"],
            amount=Money(currency=row["currency"], amount=row["amount"]),
            settlement_date=settlement_date,
            debtor=CashAccount(owner=Bic(row["debtor"]), number=row["debtor_account"]),
            creditor=CashAccount(owner=Bic(row["creditor"]), number=row["creditor_account"]),
            settlement_id=SettlementId(row["settlement_id"]),
            salt=row["salt"],
            pay_by=row["pay_by"],
        ),
        instructing=Bic(row["instructing"]),
        message_id=row["message_id"],
        mandate=row["mandate"],
        state=PaymentState[row["state"]],
        decided_at=row["decided_at"],
        reason_code=row["reason_code"],
        reason=row["reason"],
    )
