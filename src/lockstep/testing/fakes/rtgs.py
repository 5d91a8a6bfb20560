"""The cash leg: an RTGS that several parties share, and each one's port to it."""

import copy
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lockstep.domain.errors import InvalidInput, LockstepError, Refused
from lockstep.domain.identifiers import Bic, SettlementId, Uetr
from lockstep.domain.message import Message
from lockstep.domain.payment import (
    BookingNotice,
    CancelPayment,
    NeverRequest,
    Payment,
    PaymentReport,
    PaymentState,
    Release,
    Resolution,
    ResolutionStatus,
)
from lockstep.domain.statement import StatementRequest
from lockstep.domain.transfer import StatusRequest
from lockstep.ports import CashBody, Clock, Unreadable
from lockstep.testing.fakes.simple import no_fault

__all__ = ["FakeCashSystem", "FakeRtgs"]


@dataclass(slots=True, kw_only=True)
class _Held:
    """A payment as the RTGS keeps it."""

    payment: Payment
    message_id: str
    state: PaymentState
    decided_at: datetime
    reason_code: str | None = None
    reason: str | None = None
    released_by: set[Bic] = field(default_factory=set)


_MEMORY = ("available", "payments", "_ended", "tombstones", "booked", "mail", "_taken")
"""What outlives a restart."""


class FakeRtgs:
    """Payments by settlement, each party's mail, accounts by number. Obeys the real one's rules on who may
    what, idempotency, release by a quorum, tombstones and `pay_by`; knows no mandates, no queues and no schemas.
    """

    def __init__(self, clock: Clock, *, bic: Bic, service: Bic, agents: Sequence[Bic], quorum: int) -> None:
        self._clock, self._bic, self._service, self._agents, self._quorum = clock, bic, service, agents, quorum
        self.available: dict[str, int] = defaultdict(int)
        self.payments: dict[SettlementId, _Held] = {}
        self._ended: list[_Held] = []
        """Payments that ended as never, and in whose settlement another came."""
        self.tombstones: dict[SettlementId, datetime] = {}
        self.booked: list[tuple[SettlementId, Payment, datetime]] = []
        """Every debit, with its settlement and time."""
        self.mail: dict[Bic, list[Message[CashBody]]] = defaultdict(list)
        self._taken: dict[tuple[Bic, str], CashBody] = {}
        self._asked_never: dict[SettlementId, set[Bic]] = defaultdict(set)

    def restarted(self) -> "FakeRtgs":
        """Another on a copy of this one's memory: what a system is after a stop and a start on its stored state."""
        again = FakeRtgs(self._clock, bic=self._bic, service=self._service, agents=self._agents, quorum=self._quorum)
        vars(again).update(copy.deepcopy({name: vars(self)[name] for name in _MEMORY}))
        return again

    def handle(self, message: Message[CashBody]) -> None:
        """Takes a message once; a refused one leaves no trace. Raises Refused, InvalidInput."""
        if message.receiver != self._bic:
            raise InvalidInput("AppHdr/To", message.receiver, f"this system, {self._bic}")
        known = self._taken.get((message.sender, message.message_id), message.body)
        if known != message.body:
            raise Refused("MessageConflict", {"message_id": message.message_id})
        allowed = self._agents if isinstance(message.body, Release | NeverRequest) else (self._service,)
        if message.sender not in allowed:
            raise Refused("NotAuthorised", {"sender": message.sender})
        self.expire()
        match message.body:
            case Payment() as payment:
                self._pay(payment, message.message_id)
            case CancelPayment() as wish:
                self._cancel(wish)
            case NeverRequest() as request:
                self._never_asked(request, message.sender)
            case Release() as release:
                self._release(release, message.sender)
            case StatusRequest() as request:
                self._tell_status(request, message.sender)
            case StatementRequest():
                raise Refused("NotAuthorised", {"field": "Acct"})
        self._taken[message.sender, message.message_id] = message.body

    def expire(self) -> None:
        """What is not booked by its time never will be."""
        for held in self._open():
            if self._clock.now() > held.payment.pay_by:
                self._never(held, PaymentState.REJECTED, "TM01", "not booked in time")

    def close_day(self) -> None:
        for held in self._open():
            self._never(held, PaymentState.REJECTED, "ED06", "the day is over")

    def fund(self, account: str, amount: int) -> None:
        """Money comes in; what waited for it is held, in order of arrival."""
        self.available[account] += amount
        for held in self._open():
            if held.state is PaymentState.PENDING:
                self._hold(held)

    def _open(self) -> list[_Held]:
        return [one for one in self.payments.values() if one.state in (PaymentState.HELD, PaymentState.PENDING)]

    def _pay(self, payment: Payment, message_id: str) -> None:
        same = self._by_uetr(payment.uetr)
        if same is not None and same.payment != payment:
            raise Refused("UetrConflict", {"uetr": payment.uetr})
        if same is not None:
            return self._report(same)
        known = self.payments.get(payment.settlement_id)
        if known is not None and not known.state.is_never:
            raise Refused("SettlementConflict", {"settlement_id": payment.settlement_id})
        if known is not None:
            self._ended.append(known)
        held = _Held(payment=payment, message_id=message_id, state=PaymentState.PENDING, decided_at=self._clock.now())
        self.payments[payment.settlement_id] = held
        if payment.settlement_id in self.tombstones:
            return self._never(held, PaymentState.REJECTED, "AM05", "a tombstone stands")
        if self._clock.now() > payment.pay_by:
            return self._never(held, PaymentState.REJECTED, "TM01", "not booked in time")
        if not self._hold(held):
            held.reason_code, held.reason = "AM04", "the debtor is short of funds"
            self._tell([self._service], self._reported(held))
        return None

    def _by_uetr(self, uetr: Uetr) -> _Held | None:
        return next((one for one in (*self.payments.values(), *self._ended) if one.payment.uetr == uetr), None)

    def _hold(self, held: _Held) -> bool:
        amount, account = held.payment.amount.amount, held.payment.debtor.number
        if self.available[account] < amount:
            return False
        self.available[account] -= amount
        self._enter(held, PaymentState.HELD)
        return True

    def _cancel(self, wish: CancelPayment) -> None:
        held = self.payments.get(wish.settlement_id)
        if held is not None and not held.state.is_never:
            known = (held.payment.uetr, held.payment.amount, held.payment.salt)
            if known != (wish.uetr, wish.original_amount, wish.salt):
                raise Refused("PaymentMismatch", {"settlement_id": wish.settlement_id})
        status, at = ResolutionStatus.CANCELLED, self._clock.now()
        if held is not None and held.state is PaymentState.BOOKED:
            return self._tell([self._service], self._resolution(wish, ResolutionStatus.REFUSED, at))
        if held is not None and not held.state.is_never:
            self._never(held, PaymentState.CANCELLED, wish.reason_code, "cancelled on request")
        at = self.tombstones.setdefault(wish.settlement_id, at)
        return self._tell([self._service, *self._agents], self._resolution(wish, status, at))

    def _never_asked(self, wish: NeverRequest, agent: Bic) -> None:
        held, status, to = self.payments.get(wish.settlement_id), ResolutionStatus.CANCELLED, [agent]
        if held is not None and held.state in (PaymentState.HELD, PaymentState.PENDING):
            raise Refused("PaymentOpen", {"settlement": wish.settlement_id})
        if held is not None and held.state is PaymentState.BOOKED:
            status = ResolutionStatus.REFUSED
        elif wish.settlement_id not in self.tombstones:
            self._asked_never[wish.settlement_id].add(agent)
            if len(self._asked_never[wish.settlement_id] & set(self._agents)) < self._quorum:
                return
            to = list(self._agents)
        at = self._clock.now()
        if status is ResolutionStatus.CANCELLED:
            at = self.tombstones.setdefault(wish.settlement_id, at)
        self._tell(to, self._resolution(wish, status, at))
        if held is not None and status is ResolutionStatus.REFUSED:  # what it missed, again
            self._tell([agent], self._reported(held))
            self._notify(held, [agent])

    def _release(self, release: Release, agent: Bic) -> None:
        held = self._by_uetr(release.uetr)
        if held is None:
            raise Refused("PaymentUnknown", {"uetr": release.uetr})
        if held.payment.settlement_id != release.settlement_id:
            raise Refused("PaymentMismatch", {"settlement_id": release.settlement_id})
        if held.state is PaymentState.PENDING:
            raise Refused("PaymentPending", {"uetr": release.uetr})
        if held.state is PaymentState.BOOKED:
            return self._report(held)
        if held.state is not PaymentState.HELD:
            raise Refused("PaymentEnded", {"uetr": release.uetr})
        held.released_by.add(agent)
        if agent in self._agents and len(held.released_by & set(self._agents)) >= self._quorum:
            self._book(held)
        return None

    def _tell_status(self, request: StatusRequest, asker: Bic) -> None:
        held = next((one for one in self.payments.values() if one.payment.uetr == request.uetr), None)
        if held is None:
            raise Refused("PaymentUnknown", {"uetr": request.uetr})
        self._tell([asker], self._reported(held))
        if held.state is PaymentState.BOOKED:
            self._notify(held, [asker])

    def _book(self, held: _Held) -> None:
        payment, now = held.payment, self._clock.now()
        self.booked.append((payment.settlement_id, payment, now))
        self._enter(held, PaymentState.BOOKED)
        self._notify(held, [self._service, *self._agents])
        self.fund(payment.creditor.number, payment.amount.amount)

    def _notify(self, held: _Held, receivers: Sequence[Bic]) -> None:
        payment = held.payment
        posting = next(number for number, one in enumerate(self.booked, 1) if one[0] == payment.settlement_id)
        for account, credit in ((payment.debtor, False), (payment.creditor, True)):
            notice = BookingNotice(
                account=account,
                amount=payment.amount,
                credit=credit,
                booked_at=held.decided_at,
                posting=posting,
                uetr=payment.uetr,
                settlement_id=payment.settlement_id,
                salt=payment.salt,
            )
            self._tell(receivers, notice)

    def _never(self, held: _Held, state: PaymentState, code: str, reason: str) -> None:
        if held.state is PaymentState.HELD:
            self.available[held.payment.debtor.number] += held.payment.amount.amount
        held.reason_code, held.reason = code, reason
        self.tombstones.setdefault(held.payment.settlement_id, self._clock.now())
        self._enter(held, state, code, reason)

    def _enter(self, held: _Held, state: PaymentState, code: str | None = None, reason: str | None = None) -> None:
        held.state, held.decided_at, held.reason_code, held.reason = state, self._clock.now(), code, reason
        self._report(held)

    def _report(self, held: _Held) -> None:
        watchers = [self._service] if held.state is PaymentState.PENDING else [self._service, *self._agents]
        self._tell(watchers, self._reported(held))

    @staticmethod
    def _reported(held: _Held) -> PaymentReport:
        return PaymentReport(
            original_message_id=held.message_id,
            uetr=held.payment.uetr,
            state=held.state,
            decided_at=held.decided_at,
            payment=held.payment,
            reason_code=held.reason_code,
            reason=held.reason,
        )

    @staticmethod
    def _resolution(wish: CancelPayment | NeverRequest, status: ResolutionStatus, at: datetime) -> Resolution:
        return Resolution(
            case_id=wish.case_id,
            uetr=wish.uetr,
            settlement_id=wish.settlement_id,
            salt=wish.salt if isinstance(wish, CancelPayment) else None,
            status=status,
            decided_at=at,
        )

    def _tell(self, parties: Sequence[Bic], body: CashBody) -> None:
        for party in parties:
            message_id = f"R{sum(map(len, self.mail.values()))}"
            self.mail[party].append(
                Message(sender=self._bic, receiver=party, message_id=message_id, created=self._clock.now(), body=body)
            )


class FakeCashSystem:
    """The RTGS as one party sees it."""

    def __init__(self, rtgs: FakeRtgs, party: Bic) -> None:
        self._rtgs, self._party = rtgs, party
        self.sent: list[Message[CashBody]] = []
        """What this party handed over, refused or not."""
        self.before = self.after = no_fault

    def send(self, message: Message[CashBody]) -> None:
        self.before("send")
        self.sent.append(message)
        if message.sender != self._party:
            raise Refused("SenderMismatch", {"sender": message.sender, "party": self._party})
        self._rtgs.handle(message)
        self.after("send")

    def send_all(self, messages: Sequence[Message[CashBody]]) -> Sequence[LockstepError | None]:
        results: list[LockstepError | None] = []
        for message in messages:
            try:
                self.send(message)
                results.append(None)
            except LockstepError as error:
                results.append(error)
        return results

    def receive(self, after: int, limit: int = 200) -> Sequence[tuple[int, Message[CashBody] | Unreadable]]:
        self.before("receive")
        page = self._rtgs.mail[self._party][after : after + limit]
        return [(after + place, message) for place, message in enumerate(page, 1)]
