"""Banks that pay each other without any settlement: orders in one line, and what became of them."""

import dataclasses
import uuid
from datetime import date, datetime

from rtgs_world import DAY, SERVICE, World, euro, settlement

from lockstep.domain.identifiers import Bic, Uetr
from lockstep.domain.payment import CashAccount, PaymentState, Timing
from lockstep.domain.transfer import BankTransfer
from lockstep.rtgs import Account, Kind, Leg, Order, Priority, Role, StoredOrder

URGENT, HIGH, NORMAL = Priority.URGENT, Priority.HIGH, Priority.NORMAL
PENDING, BOOKED, HELD = PaymentState.PENDING, PaymentState.BOOKED, PaymentState.HELD
REJECTED, CANCELLED = PaymentState.REJECTED, PaymentState.CANCELLED


def bank(name: str) -> CashAccount:
    return CashAccount(owner=Bic(f"{name * 4}DEFFXXX"), number=f"{name}-EUR")


A, B, C, D = (bank(name) for name in "ABCD")


def uetr(number: int) -> Uetr:
    return Uetr(str(uuid.UUID(int=number, version=4)))


def order(number: int, debtor: CashAccount, creditor: CashAccount, cents: int, **changes: object) -> Order:
    usual = Order(
        uetr=uetr(number),
        kind=Kind.INTERBANK,
        instruction_id=f"I{number}",
        end_to_end_id=f"E{number}",
        amount=euro(cents),
        settlement_date=DAY,
        debtor=debtor,
        creditor=creditor,
    )
    if "not_before" in changes:
        changes["timing"] = Timing(not_before=changes.pop("not_before"))
    return dataclasses.replace(usual, **changes)


def transfer(of: Uetr, debtor: CashAccount = A, creditor: CashAccount = B, cents: int = 100) -> BankTransfer:
    """A pacs.009 between banks, under any UETR."""
    given = order(1, debtor, creditor, cents)
    return BankTransfer(
        uetr=of,
        instruction_id=given.instruction_id,
        end_to_end_id=given.end_to_end_id,
        amount=given.amount,
        settlement_date=DAY,
        debtor=debtor,
        creditor=creditor,
    )


class Banks:
    """Four banks with accounts in one RTGS; A has money to begin with where a test says so."""

    def __init__(self, world: World, **funds: int) -> None:
        self.world, self.desk = world, world.rtgs.operator
        self._numbers = 0
        for account in (A, B, C, D):
            self.desk.register_party(account.owner, Role.PARTICIPANT)
            self.desk.open_account(account.owner, account.number, "EUR")
        for name, cents in funds.items():
            self.fund(bank(name), cents)

    def fund(self, account: CashAccount, cents: int) -> None:
        self._numbers += 1
        self.desk.fund(account.number, euro(cents), f"banks-{self._numbers}")

    def submit(self, given: Order) -> PaymentState:
        return self.desk.submit(given, instructing=given.debtor.owner, message_id=given.instruction_id).state

    def pay(
        self, number: int, debtor: CashAccount, creditor: CashAccount, cents: int, **changes: object
    ) -> PaymentState:
        return self.submit(order(number, debtor, creditor, cents, **changes))

    def batch(self, number: int, *positions: tuple[CashAccount, int], **changes: object) -> StoredOrder:
        """Net positions in cents, below zero for who pays in."""
        legs = tuple(Leg(account=account.number, debit=cents < 0, amount=abs(cents)) for account, cents in positions)
        total = sum(leg.amount for leg in legs if leg.debit)
        return self.desk.submit_batch(
            order(number, A, A, total, **changes), legs, instructing=SERVICE, message_id=f"B{number}"
        )

    def mandate(self, *accounts: CashAccount, until: date = DAY) -> None:
        for account in accounts:
            self.desk.set_mandate(account.number, euro(10_000_000), until, instructing=SERVICE)

    def stored(self, number: int) -> StoredOrder:
        return next(one for one in self.desk.orders() if one.order.uetr == uetr(number))

    def states(self, *numbers: int) -> list[PaymentState]:
        return [self.stored(number).state for number in numbers]

    def account(self, account: CashAccount) -> Account:
        return next(one for one in self.desk.accounts() if one.number == account.number)

    def posted(self, *accounts: CashAccount) -> list[int]:
        return [self.account(account).posted for account in accounts]

    def queue(self, account: CashAccount) -> list[int]:
        """What waits, by the numbers given, in order of service."""
        return [int(stored.order.instruction_id[1:]) for stored in self.desk.queue(account.number)]


def held(number: int, debtor: CashAccount, creditor: CashAccount, cents: int, pay_by: datetime) -> Order:
    """An order that waits for the agents' release."""
    return order(
        number,
        debtor,
        creditor,
        cents,
        held=True,
        kind=Kind.SETTLEMENT,
        settlement_id=settlement(number),
        salt=f"{number:032x}",
        pay_by=pay_by,
    )
