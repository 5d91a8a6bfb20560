"""Where a cash system is tried: what a bench gives the conformance suite, and the suite's hands on it."""

import hashlib
import importlib
import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NoReturn, TypeVar

import pytest

from lockstep.domain.errors import InvalidInput, LockstepError, Refused
from lockstep.domain.identifiers import Bic, SettlementId, derive_uetr
from lockstep.domain.message import Message
from lockstep.domain.money import Money
from lockstep.domain.payment import CancelPayment, CashAccount, Payment, PaymentReport, PaymentState, Release
from lockstep.ports import CashBody, CashSystem, Results, Unreadable

__all__ = ["VARIABLE", "Bench", "Hands", "Mail", "configured", "possible"]

VARIABLE = "LOCKSTEP_CASH_SYSTEM"
"""`module:factory` of a bench, for a run by configuration."""

Kind = TypeVar("Kind")


@dataclass(kw_only=True)
class Bench:
    """A cash system on trial: who is known to it, and what may be done to it besides the port.

    The debtor's owner has given `service` a mandate that covers `means`, any number of times that the suite asks,
    in favour of the creditor. Methods that a bench leaves as they are skip the cases that need them.
    """

    rtgs: Bic
    service: Bic
    """Instructs payments under mandates."""
    agents: tuple[Bic, ...]
    """At least as many as `quorum`."""
    stranger: Bic
    """A party with a mailbox that is neither: it may not pay for others, cancel or release."""
    quorum: int
    debtor: CashAccount
    creditor: CashAccount
    small: Money
    """What the debtor can pay at any time, a hundred times over."""
    means: Money
    """What the debtor cannot pay at present, and can once `fund` has brought it."""
    patience_seconds: float = 5.0
    """How long an answer may take to be in a mailbox."""

    def system(self, party: Bic) -> CashSystem:
        """The port as this party has it. Required."""
        raise NotImplementedError

    def now(self) -> datetime:
        """Business time, UTC, in whole seconds; an open business day. Required."""
        raise NotImplementedError

    def pay_by(self) -> datetime:
        """A deadline on the business day, not passed yet. Required."""
        raise NotImplementedError

    def fund(self, account: CashAccount, money: Money) -> None:
        """Money comes in. Else untested: that what waits for money is held once it comes."""
        raise NotImplementedError

    def move_to(self, instant: datetime) -> None:
        """Business time goes on, and what is due happens. Else untested: that nothing is booked after its deadline."""
        raise NotImplementedError

    def close_day(self) -> None:
        """The business day ends. Else untested: that what is left over will never be paid."""
        raise NotImplementedError

    def restart(self) -> None:
        """The system stops and starts again, on its stored state. Else untested: that it forgets nothing."""
        raise NotImplementedError

    def close(self) -> None:
        """Lets go of connections and files."""


@dataclass
class Mail:
    """A party's mailbox from where it ended when the case began."""

    bench: Bench
    party: Bic
    start: int = field(init=False)
    _known: list[tuple[int, Message[CashBody] | Unreadable]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start = 0
        while page := self.bench.system(self.party).receive(self.start):
            self.start = page[-1][0]

    def items(self) -> list[tuple[int, Message[CashBody] | Unreadable]]:
        """All of it, read anew."""
        found: list[tuple[int, Message[CashBody] | Unreadable]] = []
        while page := self.bench.system(self.party).receive(found[-1][0] if found else self.start):
            found.extend(page)
        return found

    def about(self, settlement: SettlementId) -> list[CashBody]:
        """What was told of a settlement until now; what was read before is not asked for again."""
        while page := self.bench.system(self.party).receive(self._known[-1][0] if self._known else self.start):
            self._known.extend(page)
        bodies = [item.body for _, item in self._known if isinstance(item, Message)]
        return [body for body in bodies if _settlement_of(body) == settlement]

    def states(self, settlement: SettlementId) -> list[PaymentState]:
        """The states told, each once, in the order in which they came."""
        told = [body.state for body in self.about(settlement) if isinstance(body, PaymentReport)]
        return list(dict.fromkeys(told))

    def wait(self, settlement: SettlementId, kind: type[Kind], what: Callable[[Kind], bool], count: int = 1) -> Kind:
        """Waits for `count` messages of this kind, and returns the last. The only place that waits."""
        deadline = time.monotonic() + self.bench.patience_seconds
        while True:
            found = [body for body in self.about(settlement) if isinstance(body, kind) and what(body)]
            if len(found) >= count:
                return found[-1]
            if time.monotonic() > deadline:
                told = [type(body).__name__ for body in self.about(settlement)]
                pytest.fail(f"{self.party} was not told {kind.__name__} {count} times of {settlement}, but {told}")
            time.sleep(0.01)

    def wait_for(self, settlement: SettlementId, state: PaymentState) -> PaymentReport:
        return self.wait(settlement, PaymentReport, lambda body: body.state is state)


class Hands:
    """What every case does."""

    @staticmethod
    def payment(bench: Bench, settlement: SettlementId | None = None, attempt: int = 1, **changes: Any) -> Payment:
        settlement = settlement or SettlementId(hashlib.sha256(secrets.token_bytes(16)).hexdigest())
        deadline = bench.pay_by()
        made = Payment(
            uetr=derive_uetr(settlement, attempt),
            instruction_id=settlement[:30],
            end_to_end_id=settlement[:30],
            amount=bench.small,
            settlement_date=deadline.date(),
            debtor=bench.debtor,
            creditor=bench.creditor,
            settlement_id=settlement,
            salt=secrets.token_hex(16),
            pay_by=deadline,
        )
        return replace(made, **changes)

    @staticmethod
    def message(bench: Bench, sender: Bic, body: CashBody, message_id: str | None = None) -> Message[CashBody]:
        identity = message_id or secrets.token_hex(16)
        return Message(sender=sender, receiver=bench.rtgs, message_id=identity, created=bench.now(), body=body)

    def send(self, bench: Bench, sender: Bic, body: CashBody, message_id: str | None = None) -> Message[CashBody]:
        message = self.message(bench, sender, body, message_id)
        bench.system(sender).send(message)
        return message

    @staticmethod
    def send_many(bench: Bench, sender: Bic, messages: Sequence[Message[CashBody]]) -> Results:
        """By `BulkCashSystem.send_all`; skips the case where a system has none."""
        send_all: Callable[[Sequence[Message[CashBody]]], Results] | None = getattr(
            bench.system(sender), "send_all", None
        )
        if send_all is None:
            pytest.skip("the system takes no many messages at once: untested that each stands by itself")
        results = send_all(messages)
        assert len(results) == len(messages)
        return results

    @staticmethod
    def name_of(error: LockstepError | None) -> str | None:
        """A refusal's name; anything else by its kind."""
        return error.name if isinstance(error, Refused) else None if error is None else type(error).__name__

    def hold(self, bench: Bench, mail: Mail) -> Payment:
        """A payment that is set aside."""
        payment = self.payment(bench)
        self.send(bench, bench.service, payment)
        mail.wait_for(payment.settlement_id, PaymentState.HELD)
        return payment

    def release(self, bench: Bench, payment: Payment, agents: Sequence[Bic]) -> None:
        for agent in agents:
            self.send(bench, agent, Release(uetr=payment.uetr, settlement_id=payment.settlement_id))

    @staticmethod
    def cancellation(payment: Payment, case: str | None = None) -> CancelPayment:
        return CancelPayment(
            case_id=case or secrets.token_hex(8),
            uetr=payment.uetr,
            original_message_id=payment.settlement_id[:30],
            original_amount=payment.amount,
            original_settlement_date=payment.settlement_date,
            settlement_id=payment.settlement_id,
            salt=payment.salt,
        )

    def refused(self, bench: Bench, sender: Bic, body: CashBody, name: str, message_id: str | None = None) -> Refused:
        with pytest.raises(Refused) as caught:
            self.send(bench, sender, body, message_id)
        assert caught.value.name == name
        return caught.value

    @staticmethod
    def everybody(bench: Bench) -> dict[Bic, Mail]:
        return {party: Mail(bench, party) for party in (bench.service, *bench.agents)}


def possible(act: Callable[[], object], method: Callable[..., object]) -> None:
    """Does it, or skips the case with what stays untested."""
    try:
        act()
    except NotImplementedError:
        pytest.skip(f"the bench has no {method.__name__}: {method.__doc__}")


def _misconfigured(rule: str) -> NoReturn:
    raise InvalidInput(VARIABLE, os.environ.get(VARIABLE), rule)


def configured() -> Bench:
    """The bench that the environment names. Raises InvalidInput."""
    module, _, name = os.environ.get(VARIABLE, "").partition(":")
    if not module or not name:
        _misconfigured("module:factory, of a function without arguments that returns a Bench")
    try:
        bench = getattr(importlib.import_module(module), name)()
    except (ImportError, AttributeError) as error:
        raise InvalidInput(VARIABLE, f"{module}:{name}", f"importable: {error}") from error
    if not isinstance(bench, Bench):
        _misconfigured("a factory of a lockstep.testing.cash_conformance.Bench")
    return bench


def _settlement_of(body: CashBody) -> SettlementId | None:
    """The settlement that a message names; None for requests and statements, which name none."""
    payment = body.payment if isinstance(body, PaymentReport) else body
    return getattr(payment, "settlement_id", None)
