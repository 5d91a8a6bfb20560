"""The world of the RTGS tests: who is there, and short ways to say what they say."""

import dataclasses
import hashlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from lockstep.domain.identifiers import Bic, SettlementId, derive_uetr
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.notice import Acknowledgement
from lockstep.domain.payment import (
    BookingNotice,
    CancelPayment,
    CashAccount,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    Resolution,
)
from lockstep.iso20022 import read, write
from lockstep.rtgs import Role, Rtgs

RTGS = Bic("CBNKDEFFXXX")
SERVICE = Bic("LSTPDEFFXXX")
BUYER = Bic("BUYRFRPPXXX")
SELLER = Bic("SELLDEFFXXX")
AGENTS = [Bic(f"AGT{number}DEFFXXX") for number in range(4)]
DAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAY_BY = datetime(2026, 11, 20, 16, tzinfo=UTC)
BUYER_ACCOUNT = CashAccount(owner=BUYER, number="BUYER-EUR")
SELLER_ACCOUNT = CashAccount(owner=SELLER, number="SELLER-EUR")


def euro(cents: int) -> Money:
    return Money(currency="EUR", amount=cents)


def settlement(number: int) -> SettlementId:
    return SettlementId(hashlib.sha256(f"settlement {number}".encode()).hexdigest())


def payment(number: int = 1, cents: int = 10_000, *, attempt: int = 1, **changes: object) -> Payment:
    usual = Payment(
        uetr=derive_uetr(settlement(number), attempt),
        instruction_id=f"INSTR{number}",
        end_to_end_id=f"E2E{number}",
        amount=euro(cents),
        settlement_date=DAY,
        debtor=BUYER_ACCOUNT,
        creditor=SELLER_ACCOUNT,
        settlement_id=settlement(number),
        salt=f"{number:032x}",
        pay_by=PAY_BY,
    )
    return dataclasses.replace(usual, **changes)


def cancellation(of: Payment, **changes: object) -> CancelPayment:
    usual = CancelPayment(
        case_id="CASE1",
        uetr=of.uetr,
        original_message_id="ORIGINAL1",
        original_amount=of.amount,
        original_settlement_date=of.settlement_date,
        settlement_id=of.settlement_id,
        salt=of.salt,
    )
    return dataclasses.replace(usual, **changes)


def kind(body: object) -> str:
    """What a message says, in a word."""
    match body:
        case PaymentReport(state=state):
            return state.name
        case Resolution(status=status):
            return status.value
        case BookingNotice(credit=credit):
            return "CREDIT" if credit else "DEBIT"
        case Acknowledgement():
            return "RECEIVED"
    return type(body).__name__


class SetClock:
    """A clock that stands until it is set."""

    def __init__(self, instant: datetime) -> None:
        self.instant = instant

    def now(self) -> datetime:
        return self.instant


class World:
    def __init__(self, url: str) -> None:
        self.url, self.clock = url, SetClock(NOON)
        self.forget()
        self.rtgs = self._open()

    def forget(self) -> None:
        """As on the first day, but for the database."""
        self.clock.instant = NOON
        self.commits = list[str]()
        self.on_commit: Callable[[str], None] = self.commits.append
        self._messages = 0
        self._seen: dict[Bic, int] = {}

    def _open(self) -> Rtgs:
        return Rtgs(self.url, self.clock, bic=RTGS, on_commit=lambda name: self.on_commit(name))

    def furnish(self, funds: int = 15_000) -> None:
        desk = self.rtgs.operator
        desk.open_day(DAY)  # before there is anybody to tell
        desk.register_party(SERVICE, Role.INSTRUCTING, f"{SERVICE}-secret-key")
        for bank in (BUYER, SELLER):
            desk.register_party(bank, Role.PARTICIPANT, f"{bank}-secret-key")
        for agent in AGENTS:
            desk.register_party(agent, Role.AGENT, f"{agent}-secret-key")
        for account in (BUYER_ACCOUNT, SELLER_ACCOUNT):
            desk.open_account(account.owner, account.number, "EUR")
            desk.set_mandate(account.number, euro(1_000_000), DAY)
        if funds:
            desk.fund(BUYER_ACCOUNT.number, euro(funds), "opening")

    def restart(self) -> None:
        self.rtgs.close()
        self.rtgs = self._open()

    def say(
        self,
        body: Payment | CancelPayment | Release,
        sender: Bic = SERVICE,
        message_id: str | None = None,
        **header: object,
    ) -> list[str]:
        """Sends a message and returns what the answers say."""
        return [kind(read(data).body) for data in self.raw(body, sender, message_id, **header)]

    def raw(self, body: object, sender: Bic = SERVICE, message_id: str | None = None, **header: object) -> list[bytes]:
        self._messages += message_id is None
        message = Message(
            sender=sender,
            receiver=RTGS,
            message_id=message_id or f"MSG{self._messages}",
            created=self.clock.instant,
            body=body,
        )
        return self.rtgs.handle(write(dataclasses.replace(message, **header)), sender)

    def release(self, of: Payment, *agents: int) -> list[str]:
        """The agents release; what the last of them is answered."""
        answers = list[str]()
        for agent in agents:
            answers = self.say(Release(uetr=of.uetr, settlement_id=of.settlement_id), AGENTS[agent])
        return answers

    def later(self, **delta: int) -> None:
        self.clock.instant += timedelta(**delta)

    def bodies(self, receiver: Bic) -> list[object]:
        return [read(data).body for _, data in self.rtgs.mailbox(receiver)]

    def news(self, receiver: Bic) -> list[str]:
        """What arrived for a party since it last looked."""
        mail = self.rtgs.mailbox(receiver, self._seen.get(receiver, 0))
        self._seen[receiver] = mail[-1][0] if mail else self._seen.get(receiver, 0)
        return [kind(read(data).body) for _, data in mail]

    def state(self, of: Payment) -> PaymentState | None:
        return next((row.state for row in self.rtgs.operator.payments() if row.payment.uetr == of.uetr), None)

    def buried(self, of: Payment) -> bool:
        return of.settlement_id in {stone.settlement_id for stone in self.rtgs.facts().tombstones}

    def money(self, account: CashAccount = BUYER_ACCOUNT) -> tuple[int, int]:
        """Posted and earmarked."""
        return next(
            (row.posted, row.earmarked) for row in self.rtgs.operator.accounts() if row.number == account.number
        )
