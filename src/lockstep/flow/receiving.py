"""What comes in from participants: judged, answered and stored, or refused by name."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from lockstep.domain.errors import Conflict, InvalidInput, LockstepError, Refused
from lockstep.domain.instruction import CancellationRequest, CancellationStatus, Instruction, Side
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.trade import Reason, Trade, TradeState
from lockstep.domain.values import replace
from lockstep.flow.reading_ahead import Records, read_ahead
from lockstep.flow.reporting import Refusal, answer_request, cancel_unmatched, refuse
from lockstep.ports import Book, Change, Clock, PartyBody, StoredInstruction

__all__ = ["INSTRUCTED", "HandedIn", "Reception", "Unusable", "accepted", "receive"]

INSTRUCTED = "instructed"
"""What is journalled of an instruction that was taken."""
TRIES = 10
HORIZON = timedelta(days=366)
"""How far ahead a settlement date may lie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedIn:
    """A participant's message, and the bytes that it came as."""

    message: Message[Instruction] | Message[CancellationRequest]
    data: bytes

    @property
    def touches(self) -> set[tuple[str, ...]]:
        """What another message handed in with it must not touch too: each is judged by what is stored."""
        body = self.message.body
        return {("id", self.message.sender, self.message.message_id), ("order", body.owner.lei, body.reference)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """Something from outside that could not be taken for a participant's message, and why not."""

    subject: str
    error: LockstepError
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """Where participants' messages are handed in. Needs no ledger."""

    book: Book
    market: Market
    clock: Clock

    def submit(
        self, message: Message[Instruction] | Message[CancellationRequest], data: bytes, *, late: bool = False
    ) -> str:
        """Takes one participant's message; returns the kind of its journal entry.

        `late` is for what is handed in again because the records were lost: it takes an instruction after its
        settlement date too, and a cancellation of it is not decided before it is known what became of it. Raises
        what `receive` raises; the refusal is journalled first.
        """
        content_hash = hashlib.sha256(data).hexdigest()
        for _ in range(TRIES):
            try:
                change = receive(self.book, self.market, message, content_hash, self.clock.now(), late=late)
            except LockstepError as error:
                self.refuse(message.body.reference, error, _refusal(message))
                raise
            try:
                self.book.commit(change)
            except Conflict:  # the engine moved the trade meanwhile: judged anew
                continue
            return change.entries[0].kind
        raise Conflict("instruction", message.body.reference)

    def submit_all(self, given: Sequence[HandedIn | Unusable], *, late: bool = False) -> Sequence[str | LockstepError]:
        """Takes many in their order: of each what `submit` returns or raises, the refusals among them journalled.

        What touches nothing of one another is stored together. A cancellation request moves what others may have
        instructed, and is taken alone.
        """
        results: list[str | LockstepError] = []
        together: list[HandedIn | Unusable] = []
        touched: set[tuple[str, ...]] = set()
        for one in given:
            touches = one.touches if isinstance(one, HandedIn) else set()
            alone = isinstance(one, HandedIn) and isinstance(one.message.body, CancellationRequest)
            if alone or touches & touched:
                results += self._together(together, late=late)
                together, touched = [], set()
            together.append(one)
            touched |= touches
            if alone:
                results += self._together(together, late=late)
                together, touched = [], set()
        return results + self._together(together, late=late)

    def _together(self, given: Sequence[HandedIn | Unusable], *, late: bool) -> list[str | LockstepError]:
        """Judged by what is stored, then stored in one commit, if the book can."""
        if len(given) < 2:
            return [self._alone(one, late=late) for one in given]
        records = read_ahead(self.book, [one.message for one in given if isinstance(one, HandedIn)])
        judged = [self._judge(one, records, late=late) for one in given]
        conflicts = self._commit([change for change, _ in judged])
        return [
            result if conflict is None else self._alone(one, late=late)
            for one, (_, result), conflict in zip(given, judged, conflicts, strict=True)
        ]

    def _judge(self, one: HandedIn | Unusable, records: Records, *, late: bool) -> tuple[Change, str | LockstepError]:
        """What one makes of the book, and what it is told."""
        if isinstance(one, Unusable):
            return self._refused(one.subject, one.error, one.refusal), one.error
        message, content_hash = one.message, hashlib.sha256(one.data).hexdigest()
        try:
            change = receive(records, self.market, message, content_hash, self.clock.now(), late=late)
        except LockstepError as error:
            return self._refused(message.body.reference, error, _refusal(message)), error
        return change, change.entries[0].kind

    def _commit(self, changes: Sequence[Change]) -> Sequence[LockstepError | None]:
        """Of each why it was not stored: a Conflict. Anything else is raised; what was stored then, is found as such
        when it is handed in again.
        """
        commit_all = getattr(self.book, "commit_all", None)
        if commit_all is not None:
            results: Sequence[LockstepError | None] = commit_all(changes)
            for error in results:
                if error is not None and not isinstance(error, Conflict):
                    raise error
            return results
        try:
            self.book.commit(_merged(changes))
        except Conflict as conflict:  # of one of them: it shows in which when each is taken alone
            return [conflict] * len(changes)
        return [None] * len(changes)

    def _alone(self, one: HandedIn | Unusable, *, late: bool) -> str | LockstepError:
        try:
            if isinstance(one, HandedIn):
                return self.submit(one.message, one.data, late=late)
        except LockstepError as error:
            return error
        self.refuse(one.subject, one.error, one.refusal)
        return one.error

    def refuse(self, subject: str, error: LockstepError, refusal: Refusal | None = None) -> None:
        """Journals why something from outside was not taken, and tells its sender, if it is a participant."""
        self.book.commit(self._refused(subject, error, refusal))

    def _refused(self, subject: str, error: LockstepError, refusal: Refusal | None) -> Change:
        now = self.clock.now()
        facts = {"rule": str(error), "error": type(error).__name__}
        members = {one.bic for one in self.market.participants.values()}
        answered = refusal is not None and refusal.sender in members
        return Change(
            entries=(Entry(at=now, kind="refused", subject=subject, facts=facts),),
            outgoing=(refuse(self.market, refusal, error, now),) if refusal and answered else (),
        )


def _merged(changes: Sequence[Change]) -> Change:
    """One change that makes what these make, of which none has a cursor."""
    names = {one.name for one in fields(Change)} - {"cash_cursor"}
    merged: dict[str, Any] = {name: tuple(part for one in changes for part in getattr(one, name)) for name in names}
    return Change(**merged)


def _refusal(message: Message[Instruction] | Message[CancellationRequest]) -> Refusal:
    return Refusal(
        sender=message.sender,
        message_id=message.message_id,
        reference=message.body.reference,
        side=message.body.side,
        is_cancellation=isinstance(message.body, CancellationRequest),
    )


def receive(
    book: Records,
    market: Market,
    message: Message[Instruction] | Message[CancellationRequest],
    content_hash: str,
    now: datetime,
    *,
    late: bool = False,
) -> Change:
    """The change that one message makes.

    The same message again changes nothing but the journal, and makes `late` what is. `late`: a settlement date that has
    passed is no reason to refuse; what was locked in time is found on the chain and goes on, the rest ends as too late.
    See `recovering` for when it is to be cancelled and its counterpart is not there yet. Raises
    InvalidInput for a value that breaks a rule, Conflict for an id used with other content, Refused for what may
    not be asked.
    """
    earlier = book.seen(message.sender, message.message_id)
    if earlier == content_hash:
        facts = {"sender": message.sender, "message_id": message.message_id}
        entry = Entry(at=now, kind="duplicate", subject=message.body.reference, facts=facts)
        return Change(entries=(entry,), instructions=_marked(book, message.body, now) if late else ())
    if earlier is not None:
        raise Conflict("message", f"{message.sender}/{message.message_id}")
    if isinstance(message.body, Instruction):
        change = _instruct(book, market, message, message.body, content_hash, now, late=late)
    else:
        _require_theirs(market, message)
        change = _cancel(book, market, message, message.body, now)
    return replace(change, seen=((message.sender, message.message_id, content_hash),))


def _require_theirs(market: Market, message: Message[Instruction] | Message[CancellationRequest]) -> None:
    if message.receiver != market.service:
        raise InvalidInput("AppHdr/To", message.receiver, f"{market.service}, this service")
    if message.sender != message.body.owner.bic:
        raise InvalidInput("AppHdr/Fr", message.sender, f"{message.body.owner.bic}, who owns the instruction")
    # An LEI with another's BIC would let one party speak for another.
    market.participant(message.body.owner, field="AcctOwnr")


def _marked(book: Records, body: Instruction | CancellationRequest, now: datetime) -> tuple[StoredInstruction, ...]:
    """An instruction that waits and that an old backup had, handed in again: of its trade nothing is known either."""
    stored = book.instruction(body.owner.lei, body.reference) if isinstance(body, Instruction) else None
    return (replace(stored, late=now),) if stored and stored.status == "WAITING" and not stored.late else ()


def accepted(
    book: Records,
    market: Market,
    message: Message[Instruction] | Message[CancellationRequest],
    instruction: Instruction,
    content_hash: str,
    now: datetime,
    *,
    late: bool,
) -> StoredInstruction:
    """A message's instruction as it is stored, if it may be: its message is new. Raises what `receive` raises."""
    _require_theirs(market, message)
    if book.instruction(instruction.owner.lei, instruction.reference) is not None:
        raise Conflict("instruction", f"{instruction.owner.lei}/{instruction.reference}")
    market.participant(instruction.deliverer, field="DlvrgSttlmPties/Pty1").account(instruction.cash.currency)
    market.participant(instruction.receiver, field="RcvgSttlmPties/Pty1").account(instruction.cash.currency)
    security = market.security(instruction.isin)
    instruction.quantity.units(security.decimals, field="QtyAndAcctDtls/SttlmQty")
    if instruction.quantity_type is not security.quantity_type:
        found, expected = instruction.quantity_type.value, security.quantity_type.value
        raise InvalidInput("QtyAndAcctDtls/SttlmQty/Qty", found, f"{expected} for this security")
    if instruction.cash.currency != security.currency:
        raise InvalidInput("SttlmAmt/Amt/@Ccy", instruction.cash.currency, f"{security.currency} for this security")
    if instruction.settlement_date < now.date() and not late:
        raise InvalidInput("TradDtls/SttlmDt", instruction.settlement_date, f"not before {now.date()}")
    if instruction.settlement_date - now.date() > HORIZON:
        raise InvalidInput("TradDtls/SttlmDt", instruction.settlement_date, f"at most {HORIZON.days} days ahead")
    return StoredInstruction(
        message_id=message.message_id,
        content_hash=content_hash,
        instruction=instruction,
        status="WAITING",
        received_at=now,
        late=now if late else None,
    )


def _instruct(
    book: Records,
    market: Market,
    message: Message[Instruction] | Message[CancellationRequest],
    instruction: Instruction,
    content_hash: str,
    now: datetime,
    *,
    late: bool,
) -> Change:
    stored = accepted(book, market, message, instruction, content_hash, now, late=late)
    facts = {
        "side": instruction.side.value,
        "owner": instruction.owner.bic,
        "isin": instruction.isin,
        "quantity": instruction.quantity.text(),
        "cash": str(instruction.cash),
        "message_id": message.message_id,
    }
    if instruction.settlement_date < now.date():
        facts["late"] = f"after its settlement date, {instruction.settlement_date}"
    return Change(
        entries=(Entry(at=now, kind=INSTRUCTED, subject=instruction.reference, facts=facts),),
        instructions=(stored,),  # its party is told that it is accepted with its first matching status
    )


def _cancel(
    book: Records,
    market: Market,
    message: Message[Instruction] | Message[CancellationRequest],
    body: CancellationRequest,
    now: datetime,
) -> Change:
    stored = book.instruction(body.owner.lei, body.reference)
    if stored is None:
        raise InvalidInput("AcctOwnrTxId", body.reference, f"a reference that {body.owner.lei} has instructed")
    if stored.instruction.side is not body.side:
        raise InvalidInput("SctiesMvmntTp", body.side.value, f"{stored.instruction.side.value}, as instructed")
    request = Message(
        sender=message.sender,
        receiver=message.receiver,
        message_id=message.message_id,
        created=message.created,
        body=body,
    )
    facts = {"owner": body.owner.bic, "message_id": message.message_id}
    entry = Entry(at=now, kind="cancellation asked", subject=body.reference, facts=facts)
    trade = book.trade(stored.trade_id) if stored.trade_id else None
    if trade is None:
        return _cancel_unmatched(market, stored, request, entry, now)
    return _cancel_trade(market, stored, request, entry, trade, now)


def _cancel_unmatched(
    market: Market,
    stored: StoredInstruction,
    request: Message[CancellationRequest],
    entry: Entry,
    now: datetime,
) -> Change:
    if stored.status != "WAITING":
        raise Refused("InstructionEnded", {"reference": stored.instruction.reference, "actual": stored.status})
    if stored.late:
        waits = Reason(code="CONF", text="handed in again: waiting to know whether it had matched before")
        answer = answer_request(market, stored.instruction, request, CancellationStatus.PENDING, now, waits)
        kept = replace(stored, cancellations=(*stored.cancellations, request))
        return Change(entries=(entry,), instructions=(kept,), requests=(request,), outgoing=(answer,))
    reason = Reason(code="CANI", text="cancelled by the party that instructed, before any match")
    return Change(
        entries=(entry,),
        instructions=(replace(stored, status="CANCELLED", reason=reason),),
        requests=(request,),
        outgoing=cancel_unmatched(market, stored, reason, (request,), now),
    )


def _cancel_trade(
    market: Market,
    stored: StoredInstruction,
    request: Message[CancellationRequest],
    entry: Entry,
    trade: Trade,
    now: datetime,
) -> Change:
    """A matched trade belongs to both: it needs both requests, and then the outcome *never*."""
    answers: tuple[Message[PartyBody], ...]
    if trade.state in (TradeState.PAID, TradeState.SETTLED):
        late = Reason(code="DSET", text=f"too late: the trade is {trade.state.value}")
        answers = (answer_request(market, stored.instruction, request, CancellationStatus.DENIED, now, late),)
        return Change(entries=(entry,), requests=(request,), outgoing=answers)
    if trade.state.is_end:
        answers = (answer_request(market, stored.instruction, request, CancellationStatus.CANCELLED, now),)
        return Change(entries=(entry,), requests=(request,), outgoing=answers)
    asked = trade.cancel_asked | {request.body.side}
    both = asked == frozenset(Side)
    waits = Reason(
        code="ADEA" if both else "CONF",
        text="asking the cash side for the outcome never" if both else "waiting for the counterparty's request",
    )
    answers = (answer_request(market, stored.instruction, request, CancellationStatus.PENDING, now, waits),)
    return Change(entries=(entry,), trades=(replace(trade, cancel_asked=asked),), requests=(request,), outgoing=answers)
