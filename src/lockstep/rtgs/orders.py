"""What the RTGS is asked to do, whichever message asked: one value for every kind of payment."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, IntEnum

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import SettlementId, Uetr
from lockstep.domain.money import Money
from lockstep.domain.payment import AT_ONCE, CashAccount, Payment, Timing
from lockstep.domain.priority import Priority as StatedPriority

LARGEST_AMOUNT = 10**18 - 1
"""ISO 20022 amounts have at most 18 digits; balances then stay within 64 bits for any real ledger."""


class Kind(Enum):
    """What a payment is for. Cut-offs are set per kind."""

    SETTLEMENT = "SETTLEMENT"  # pacs.009 that names a settlement: held until the agents release it
    INTERBANK = "INTERBANK"  # pacs.009
    CUSTOMER = "CUSTOMER"  # pacs.008
    RETURN = "RETURN"  # pacs.004: a new payment, which gives back one that is booked
    TRANSFER = "TRANSFER"  # camt.050: booked at once or refused, never queued
    BATCH = "BATCH"  # multilateral, all or none


class Priority(IntEnum):
    """The order of service; 0 goes first."""

    URGENT = 0
    HIGH = 1
    NORMAL = 2

    @classmethod
    def of(cls, stated: StatedPriority) -> "Priority":
        """From a message's word for it."""
        return cls[stated.name]

    def stated(self) -> StatedPriority:
        """As a message says it."""
        return StatedPriority[self.name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One account's part of a batch; a debit pays in, a credit is paid out. `amount` in minor units."""

    account: str
    debit: bool
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A payment order. Not a promise: what became of it stands beside it, in the register.

    `held`: the money is set aside first, and moves once the agents' quorum has released it; such an
    order names its settlement and its `pay_by`. Without a `pay_by` it may be paid until the day ends.
    `legs` are a batch's only, whose debtor and creditor are the technical account and whose amount is
    the sum of its debits.
    """

    uetr: Uetr
    kind: Kind
    instruction_id: str
    end_to_end_id: str
    amount: Money
    settlement_date: date
    debtor: CashAccount
    creditor: CashAccount
    priority: Priority = Priority.NORMAL
    held: bool = False
    settlement_id: SettlementId | None = None
    salt: str | None = None
    pay_by: datetime | None = None
    """UTC, inclusive: not booked by then means never."""
    timing: Timing = AT_ONCE
    """Before its `not_before` it is not queued, and stands in nobody's way; the rest is kept and told."""
    original: Uetr | None = None
    """Of a return: the payment that it gives back."""
    legs: tuple[Leg, ...] = ()

    @classmethod
    def of(cls, payment: Payment) -> "Order":
        """The order that a settlement's pacs.009 gives."""
        return cls(
            uetr=payment.uetr,
            kind=Kind.SETTLEMENT,
            instruction_id=payment.instruction_id,
            end_to_end_id=payment.end_to_end_id,
            amount=payment.amount,
            settlement_date=payment.settlement_date,
            debtor=payment.debtor,
            creditor=payment.creditor,
            held=True,
            settlement_id=payment.settlement_id,
            salt=payment.salt,
            pay_by=payment.pay_by,
            priority=Priority.of(payment.priority),
            timing=payment.timing,
        )

    def payment(self) -> Payment:
        """The settlement's payment, as messages carry it. Raises InvalidInput for any other order."""
        if self.kind is not Kind.SETTLEMENT or self.settlement_id is None or self.salt is None or self.pay_by is None:
            raise InvalidInput("kind", self.kind.value, "a settlement's payment")
        return Payment(
            uetr=self.uetr,
            instruction_id=self.instruction_id,
            end_to_end_id=self.end_to_end_id,
            amount=self.amount,
            settlement_date=self.settlement_date,
            debtor=self.debtor,
            creditor=self.creditor,
            settlement_id=self.settlement_id,
            salt=self.salt,
            pay_by=self.pay_by,
            priority=self.priority.stated(),
            timing=self.timing,
        )

    def debits(self) -> dict[str, int]:
        """What each account must find, in minor units."""
        if self.kind is not Kind.BATCH:
            return {self.debtor.number: self.amount.amount}
        return {leg.account: leg.amount for leg in self.legs if leg.debit}


def check(order: Order) -> None:
    """What no schema says and the ledger cannot hold. Raises InvalidInput."""
    check_amount(order.amount, "IntrBkSttlmAmt")
    for field, moment in (
        ("SttlmTmReq/RjctTm", order.pay_by),
        ("SttlmTmReq/FrTm", order.timing.not_before),
        ("SttlmTmIndctn/DbtDtTm", order.timing.debit_at),
        ("SttlmTmIndctn/CdtDtTm", order.timing.credit_at),
    ):
        if moment is not None and moment.microsecond:
            raise InvalidInput(field, moment.isoformat(), "whole seconds")
    if order.held and (order.settlement_id is None or order.pay_by is None):
        raise InvalidInput("RmtInf", order.uetr, "a held payment names its settlement and its latest time")
    if (order.kind is Kind.RETURN) != (order.original is not None):
        raise InvalidInput("OrgnlUETR", order.original, "the payment that a return, and nothing else, gives back")
    if (order.kind is Kind.BATCH) != bool(order.legs):
        raise InvalidInput("legs", len(order.legs), "legs for a batch, and for nothing else")
    if order.legs:
        _check_legs(order)


def check_amount(amount: Money, field: str) -> None:
    """Raises InvalidInput for an amount that no message can carry."""
    if not 0 < amount.amount <= LARGEST_AMOUNT:
        raise InvalidInput(field, amount, "greater than zero, at most 18 digits")


def _check_legs(order: Order) -> None:
    for leg in order.legs:
        if not 0 < leg.amount <= LARGEST_AMOUNT:
            raise InvalidInput("legs/amount", leg.amount, "greater than zero, at most 18 digits")
    numbers = [leg.account for leg in order.legs]
    if len(set(numbers)) < len(numbers):
        twice = next(number for number in numbers if numbers.count(number) > 1)
        raise InvalidInput("legs/account", twice, "one net position per account")
    debits = sum(leg.amount for leg in order.legs if leg.debit)
    credits = sum(leg.amount for leg in order.legs if not leg.debit)
    if not debits == credits == order.amount.amount:
        raise InvalidInput("legs", f"{debits} debited, {credits} credited", f"both sum to {order.amount.amount}")
