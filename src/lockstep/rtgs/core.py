"""The RTGS as its parties meet it: a message in, answers out, a mailbox for each.

Refusals. A message that is refused by name (`Refused`) or for its content (`InvalidInput`) leaves no
trace: its id is not spent, no payment exists, no settlement is touched. Both carry field, value and
rule. Only a well-formed payment of an authorised instructing party that breaks a business rule is kept,
as REJECTED with a tombstone, and answered by pacs.002 RJCT: nobody without that role can burn a settlement.

Every message that is accepted is answered to its sender: by what came of it, else by an admi.007.

A pacs.002 RJCT or CANC and a camt.029 CNCL that name a settlement mean that it will never be paid: the
agents build on that. So a second payment for a settlement that has one open or booked is refused by
name and *not* by RJCT.

| name | why |
|---|---|
| SenderMismatch | the header's sender is not who was authenticated |
| NotAuthorised | the party's role does not allow this message, or the payment is another's |
| MessageConflict, UetrConflict | a message id, a UETR used before with other content |
| SettlementConflict | the settlement has a payment that is open or booked |
| PaymentUnknown, PaymentMismatch | a release or cancellation that fits no payment |
| PaymentOpen | agents' request for a tombstone while a payment is held or pending |
| PaymentPending, PaymentEnded | a release for a payment not yet, or no longer, held |
| PaymentNotQueued | a change of a payment that does not wait |
| StatementUnknown | statements of a period without a business day |
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any

import orjson
from sqlalchemy import Integer, bindparam, select

from lockstep.domain.errors import Conflict, InvalidInput, Refused, Unavailable
from lockstep.domain.identifiers import Bic, bic
from lockstep.domain.liquidity import DeleteReservation, LiquidityTransfer, ModifyReservation, ReservationQuery
from lockstep.domain.message import Message
from lockstep.domain.notice import Acknowledgement
from lockstep.domain.payment import CancelPayment, NeverRequest, Payment, Release
from lockstep.domain.statement import StatementRequest, TransactionQuery
from lockstep.domain.transfer import (
    BankTransfer,
    CustomerTransfer,
    ModifyPayment,
    PaymentReturn,
    Recall,
    StatusRequest,
)
from lockstep.iso20022 import MESSAGE_TYPES, Body, read, unjudged
from lockstep.rtgs import (
    business_day,
    handlers,
    handlers_accounts,
    handlers_never,
    handlers_payments,
    offsetting,
    parties,
    payments,
    queueing,
    register,
)
from lockstep.rtgs.bulk import Received
from lockstep.rtgs.clock import Clock
from lockstep.rtgs.database import Database, Step
from lockstep.rtgs.facts import Facts, collect
from lockstep.rtgs.faults_desk import FaultDesk
from lockstep.rtgs.operator import Operator
from lockstep.rtgs.parties import Role, refusal
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.tables import outbox

LARGEST_PAGE = 1000
RECEIVED = "RCVD"
"""The status code (ReqHdlg/StsCd) of an admi.007."""

Outcome = list[bytes] | Refused | InvalidInput | Conflict | Unavailable
"""The answers to a message, or why there are none."""

_MAILBOX = Prepared(
    select(outbox.c.sequence, outbox.c.data)
    .where(outbox.c.receiver == bindparam("receiver"), outbox.c.sequence > bindparam("after"))
    .order_by(outbox.c.sequence)
    .limit(bindparam("most", type_=Integer))
)

_PAYERS = (Role.PARTICIPANT, Role.INSTRUCTING)
_OWNERS = (Role.PARTICIPANT,)

_HANDLERS: dict[type, tuple[Collection[Role], Callable[[Step, Message[Any]], None]]] = {
    Payment: ((Role.INSTRUCTING,), handlers.pay),
    CancelPayment: ((Role.INSTRUCTING,), handlers.cancel),
    Release: ((Role.AGENT,), handlers.release),
    NeverRequest: ((Role.AGENT,), handlers_never.never),
    BankTransfer: (_PAYERS, handlers_payments.transfer),
    CustomerTransfer: (_PAYERS, handlers_payments.customer_transfer),
    PaymentReturn: (_PAYERS, handlers_payments.give_back),
    Recall: (_PAYERS, handlers_payments.recall),
    ModifyPayment: (_PAYERS, handlers_payments.modify),
    StatusRequest: (tuple(Role), handlers_payments.status),
    LiquidityTransfer: (_OWNERS, handlers_accounts.transfer),
    ModifyReservation: (_OWNERS, handlers_accounts.reserve),
    DeleteReservation: (_OWNERS, handlers_accounts.end_reservation),
    ReservationQuery: (_OWNERS, handlers_accounts.tell_reservations),
    TransactionQuery: (tuple(Role), handlers_accounts.tell_payments),
    StatementRequest: (_PAYERS, handlers_accounts.tell_statements),
}
"""Who may say what, and what does it."""


class Rtgs:
    """One payment system on one database. Not for use from several threads at once.

    `on_commit` is called after each durable step with its name, `before_commit` right before, when raising undoes the
    step: crash tests die there.
    Raises Misconfigured if the database belongs to another BIC.
    """

    def __init__(
        self,
        url: str,
        clock: Clock,
        *,
        bic: Bic,
        on_commit: Callable[[str], None] | None = None,
        before_commit: Callable[[str], None] | None = None,
    ) -> None:
        self._database = Database(url, clock, bic, on_commit, before_commit)
        self.bic = bic
        self.operator = Operator(self._database)
        self.faults = FaultDesk(self._database)

    def handle(self, data: bytes, sender: Bic) -> list[bytes]:
        """Takes one message of an authenticated sender and returns the answers meant for it.

        All that it does is durable before this returns. The same message again returns the same
        answers and does nothing. Raises Refused or InvalidInput; then nothing was done. Under a plan of
        faults it may be taken later or never, and Unavailable may be raised.
        """
        return self.faults.receive(data, sender, lambda: self._handle(data, sender))

    def _handle(self, data: bytes, sender: Bic) -> list[bytes]:
        message = self._read(data, sender)
        now, _ = self._catch_up()
        with self._database.step("message", now, sender, reads_once=True) as step:
            self._overtaken(step, now)
            return self._take(step, message, data)

    def handle_all(self, mail: Sequence[tuple[bytes, Bic]]) -> list[Outcome]:
        """Takes many messages in one transaction, each as `handle` does: in their order, answers or what it raises.

        A message that fails after it has changed something ends the transaction; then each half is taken by itself,
        until it is alone. Under a plan of faults each is taken alone, and what comes together of one sender counts as
        a file.
        """
        if not self.faults.idle:
            files = [[*some] for _, some in groupby(mail, key=itemgetter(1))]
            return [outcome for file in files for outcome in self._under_faults(file)]
        if len(mail) < 2:
            return [self._alone(data, sender) for data, sender in mail]
        try:
            return self._together(mail)
        except (Refused, InvalidInput):
            half = len(mail) // 2
            return [*self.handle_all(mail[:half]), *self.handle_all(mail[half:])]

    def _together(self, mail: Sequence[tuple[bytes, Bic]]) -> list[Outcome]:
        found: list[Outcome] = []
        read = [self._read_or_refused(data, sender) for data, sender in mail]
        now, _ = self._catch_up()
        with self._database.step("messages", now, reads_once=True) as step:
            self._overtaken(step, now)
            messages = [message for message in read if not isinstance(message, Exception)]
            for one in {message.sender for message in messages}:
                step.expect(one, [message.message_id for message in messages if message.sender == one])
            for message, (data, sender) in zip(read, mail, strict=True):
                if isinstance(message, Exception):
                    found.append(message)
                    continue
                step.sender, step.answers = sender, []
                changes = step.books.changes
                try:
                    found.append(self._take(step, message, data))
                except (Refused, InvalidInput) as refused:
                    if step.books.changes != changes:
                        raise
                    found.append(refused)
            step.name = "messages"
        return found

    def _read_or_refused(self, data: bytes, sender: Bic) -> Message[Body] | Refused | InvalidInput:
        try:
            return self._read(data, sender)
        except (Refused, InvalidInput) as refused:
            return refused

    def _under_faults(self, file: Sequence[tuple[bytes, Bic]]) -> list[Outcome]:
        def handle_each() -> list[Outcome]:
            return [self._alone(data, sender) for data, sender in file]

        if len(file) < 2:
            return handle_each()
        return self.faults.receive_file([data for data, _ in file], file[0][1], handle_each)

    def mailbox(self, receiver: Bic, after: int = 0, limit: int = 200) -> list[tuple[int, bytes]]:
        """A party's mail after a sequence number, in order. Sequences begin at 1 and have no gaps.

        Under a plan of faults: as it arrived, which may be late or changed; Unavailable may be raised.
        """
        most = max(0, min(limit, LARGEST_PAGE))
        carried = self.faults.mailbox(receiver, after, most)
        if carried is not None:
            return carried
        with self._database.reading() as connection:
            rows = _MAILBOX.all(connection, receiver=receiver, after=after, most=most)
            return [(sequence, data) for sequence, data in rows]

    def tick(self) -> int:
        """Does what time has made due: rejects what was not booked by its `pay_by`, follows the timetable,
        serves what may be settled from now on, and offsets the queues. How many payments were rejected late.
        """
        now, expired = self._catch_up()
        with self._database.reading() as connection:
            waits = register.anything_queued(connection)
        if waits:
            with self._database.step("queues-served", now) as step:
                payments.serve(step, queueing.begun(step))
                for currency in offsetting.currencies_waiting(step):
                    offsetting.multilateral(step, currency)
        return expired

    def now(self) -> datetime:
        """The business clock's instant, in UTC and whole seconds."""
        return self._database.now()

    def sender_of(self, key: str) -> Bic | None:
        """Whose API key this is."""
        with self._database.reading() as connection:
            return parties.owner_of(connection, key)

    def facts(self) -> Facts:
        """All that the books say at one moment, for an outside auditor."""
        with self._database.reading() as connection:
            return collect(connection, self.bic)

    def close(self) -> None:
        """Lets go of the database."""
        self._database.close()

    def _catch_up(self) -> tuple[datetime, int]:
        """What must be so before anything is done at this instant; how many payments ran out."""
        with self._database.reading() as connection:
            now = self._database.now_by(connection)
            late = register.anything_late(connection, now)
            due = business_day.due(connection, now) is not None
        expired = 0
        if late:
            with self._database.step("payments-expired", now) as step:
                expired = business_day.expire(step)
        if due:
            with self._database.step("timetable-followed", now) as step:
                business_day.follow(step)
        self.faults.take_due(lambda step, data, sender: self._take_late(step, data, sender, now), now)
        return now, expired

    def _overtaken(self, step: Step, caught_up: datetime) -> None:
        """Catches up anew, within a step whose turn came later than it was asked for, after other processes'."""
        if step.now > caught_up:
            business_day.catch_up(step)
            step.answers.clear()  # in the sender's mailbox, but no answers to what it says now

    def _take_late(self, step: Step, data: bytes, sender: Bic, caught_up: datetime) -> None:
        self._overtaken(step, caught_up)
        self._take(step, self._read(data, sender), data)

    def _read(self, data: bytes, sender: Bic) -> Message[Body]:
        message = read(data)
        self._check_header(message, sender)
        return message

    def _take(self, step: Step, message: Message[Body], data: bytes) -> list[bytes]:
        if not self._repeated(step, message, data):
            roles, handler = self._handler(message)
            parties.require(
                step.once(parties.role_of, message.sender), message.sender, roles, MESSAGE_TYPES[type(message.body)][:8]
            )
            step.message = message
            handler(step, message)
            if not step.answers:
                self._acknowledge(step, message)
            self._remember(step, message, data)
        return self._answers(step)

    def _alone(self, data: bytes, sender: Bic) -> Outcome:
        try:
            return self.handle(data, sender)
        except (Refused, InvalidInput, Conflict, Unavailable) as outcome:
            return outcome

    def _check_header(self, message: Message[Body], sender: Bic) -> None:
        if message.sender != bic(sender, field="sender"):
            raise refusal("SenderMismatch", "AppHdr/Fr", message.sender, f"the authenticated sender, {sender}")
        if message.receiver != self.bic:
            raise InvalidInput("AppHdr/To", message.receiver, f"this system, {self.bic}")

    @staticmethod
    def _handler(message: Message[Body]) -> tuple[Collection[Role], Callable[[Step, Message[Any]], None]]:
        try:
            return _HANDLERS[type(message.body)]
        except KeyError:
            names = dict.fromkeys(MESSAGE_TYPES[body][:8] for body in _HANDLERS)
            taken = f"a message that the RTGS takes: {', '.join(names)}"
            raise InvalidInput("AppHdr/MsgDefIdr", type(message.body).__name__, taken) from None

    @staticmethod
    def _repeated(step: Step, message: Message[Body], data: bytes) -> bool:
        """Whether this message was accepted before; if so its answers are the step's."""
        known = step.received(message.sender, message.message_id)
        if known is None:
            return False
        if known.content != _digest(data) and _content(read(bytes(known.data))) != _content(message):
            rule = "a message id is used once, or again with the same content"
            raise refusal("MessageConflict", "AppHdr/BizMsgIdr", message.message_id, rule)
        step.name = "message-repeated"
        step.answers.extend(orjson.loads(known.answers))
        return True

    @staticmethod
    def _acknowledge(step: Step, message: Message[Body]) -> None:
        """admi.007, where there is nothing else to tell the sender yet: for a release short of the quorum."""
        received = Acknowledgement(
            related_message_id=message.message_id,
            related_definition=MESSAGE_TYPES[type(message.body)],
            status_code=RECEIVED,
            at=step.now,
            description="taken; there is nothing else to tell its sender yet",
        )
        step.send([message.sender], received)

    @staticmethod
    def _remember(step: Step, message: Message[Body], data: bytes) -> None:
        answers = orjson.dumps(step.answers).decode()
        step.receive(Received(message.sender, message.message_id, _digest(data), data, step.seconds, answers))

    @staticmethod
    def _answers(step: Step) -> list[bytes]:
        return [step.mail(step.sender, sequence) for sequence in sorted(set(step.answers))] if step.sender else []


def _digest(data: bytes) -> str:
    """A message as it came: whoever sends the same bytes again need not be understood to be known."""
    return hashlib.sha256(data).hexdigest()


def _content(message: Message[Any]) -> bytes:
    """A message's content without what may differ when it is sent again: time and duplicate flag."""
    return unjudged(replace(message, created=datetime(1970, 1, 1, tzinfo=UTC), possible_duplicate=False))
