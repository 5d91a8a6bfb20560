"""What participants are told: sese.024, sese.027, sese.025 and admi.002 as values, with ids that repeat.

A message's id derives from its sender, what it is about and what it says, so that telling the same
thing twice is one message.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lockstep.domain.errors import Conflict, InvalidInput, LockstepError, Refused
from lockstep.domain.identifiers import Bic, Reference, SettlementId, derive_message_id
from lockstep.domain.instruction import (
    AdviceStatus,
    CancellationAdvice,
    CancellationRequest,
    CancellationStatus,
    Instruction,
    SettlementConfirmation,
    Side,
    StatusAdvice,
)
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.notice import Rejection
from lockstep.domain.trade import Reason, Trade
from lockstep.domain.values import replace
from lockstep.ports import PartyBody, StoredInstruction

_ISO_CODES = {
    AdviceStatus.UNMATCHED: {"CMIS", "DMON"},
    AdviceStatus.CANCELLED: {"CANI", "CANS"},
    AdviceStatus.PENDING: {"BLOC", "LACK", "MONY"},
    CancellationStatus.PENDING: {"ADEA", "CONF"},
    CancellationStatus.DENIED: {"DSET"},
}
"""Our reasons that ISO 20022 has a code for in each place; elsewhere they go as OTHR, with the code
in the words."""

MAX_REASON = 210
"""Length of AddtlRsnInf (Max210Text)."""
MAX_DESCRIPTION = 350
"""Length of ErrLctn and of RsnDesc (Max350Text)."""

__all__ = [
    "Refusal",
    "advise",
    "advise_both",
    "answer_request",
    "cancel_unmatched",
    "confirm_both",
    "end_both",
    "refuse",
]


def advise(
    market: Market,
    instruction: Instruction,
    status: AdviceStatus,
    now: datetime,
    *,
    reason: Reason | None = None,
    trade: Trade | None = None,
) -> Message[PartyBody]:
    """One party's sese.024."""
    body = StatusAdvice(
        reference=instruction.reference,
        side=instruction.side,
        status=status,
        reason_code=_code(status, reason),
        reason=_text(status, reason),
        trade_id=trade.trade_id if trade else None,
        salt=trade.terms.salt if trade else None,
        settlement_id=trade.settlement_id if trade else None,
    )
    about = f"{instruction.owner.lei}/{instruction.reference}/{trade.attempt if trade else 0}"
    said = f"sese.024/{status.value}/{reason or ''}"
    return _message(market, instruction, body, about, said, now)


def advise_both(
    instructions: Sequence[Instruction],
    market: Market,
    trade: Trade,
    status: AdviceStatus,
    now: datetime,
    reason: Reason | None = None,
) -> tuple[Message[PartyBody], ...]:
    """Both parties' sese.024 about their trade."""
    return tuple(advise(market, instruction, status, now, reason=reason, trade=trade) for instruction in instructions)


def answer_request(
    market: Market,
    instruction: Instruction,
    request: Message[CancellationRequest],
    status: CancellationStatus,
    now: datetime,
    reason: Reason | None = None,
) -> Message[PartyBody]:
    """The sese.027 to the party that asked for a cancellation."""
    body = CancellationAdvice(
        reference=instruction.reference,
        request_id=request.message_id,
        side=instruction.side,
        status=status,
        reason_code=_code(status, reason),
        reason=_text(status, reason),
    )
    about = f"{request.sender}/{request.message_id}"
    said = f"sese.027/{status.value}/{reason.code if reason else ''}"
    return _message(market, instruction, body, about, said, now)


def cancel_unmatched(
    market: Market,
    stored: StoredInstruction,
    reason: Reason,
    requests: Sequence[Message[CancellationRequest]],
    now: datetime,
) -> tuple[Message[PartyBody], ...]:
    """What the party of an instruction is told that ends before any match: the answers to its requests, sese.024
    CANCELLED; first that it was accepted, where no matching status has told it.
    """
    instruction, told = stored.instruction, stored.reason is not None
    return (
        *(() if told else (advise(market, instruction, AdviceStatus.ACCEPTED, now),)),
        *(answer_request(market, instruction, one, CancellationStatus.CANCELLED, now) for one in requests),
        advise(market, instruction, AdviceStatus.CANCELLED, now, reason=reason),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A message that was not taken, as far as it could be read: enough to answer it."""

    sender: Bic
    message_id: str
    reference: Reference | None = None
    side: Side | None = None
    """Of an instruction, or of a request to cancel it; of a margin message neither."""
    is_cancellation: bool = False


def refuse(market: Market, refusal: Refusal, error: LockstepError, now: datetime) -> Message[PartyBody]:
    """sese.024 REJECTED for an instruction, sese.027 DEND for a cancellation request, with the rule; admi.002 for what
    is neither."""
    reason = Reason(code="OTHR", text=str(error))
    body: PartyBody
    if refusal.reference is None or refusal.side is None:
        body = _rejection(refusal.message_id, error, now)
    elif refusal.is_cancellation:
        status = CancellationStatus.DENIED
        body = CancellationAdvice(
            reference=refusal.reference,
            side=refusal.side,
            request_id=refusal.message_id,
            status=status,
            reason_code=reason.code,
            reason=_text(status, reason),
        )
    else:
        body = StatusAdvice(
            reference=refusal.reference,
            side=refusal.side,
            status=AdviceStatus.REJECTED,
            reason_code=reason.code,
            reason=_text(AdviceStatus.REJECTED, reason),
        )
    about = f"{refusal.sender}/{refusal.message_id}"
    return Message(
        sender=market.service,
        receiver=refusal.sender,
        message_id=derive_message_id(market.service, about, f"refused/{error}"),
        created=now,
        body=body,
    )


def _rejection(message_id: str, error: LockstepError, now: datetime) -> Rejection:
    """Why it was refused: the rule's name, the field, the rule in words."""
    told = error if isinstance(error, InvalidInput | Conflict) else None
    return Rejection(
        related_message_id=message_id,
        code=error.name if isinstance(error, Refused) else "InvalidMessage",
        rejected_at=now,
        location=_printable(told.field, MAX_DESCRIPTION) if told else None,
        description=_printable(f"{told.value}: {told.rule}" if told else str(error), MAX_DESCRIPTION),
    )


def confirm_both(
    instructions: Sequence[Instruction],
    market: Market,
    trade: Trade,
    settlement_id: SettlementId,
    settled_at: datetime,
    now: datetime,
) -> tuple[Message[PartyBody], ...]:
    """Both parties' sese.025, with the cash as it settled. Only once the delivery is final."""
    return tuple(
        _message(
            market,
            instruction,
            SettlementConfirmation(
                instruction=replace(instruction, cash=trade.terms.cash),
                trade_id=trade.trade_id,
                settlement_id=settlement_id,
                settled_at=settled_at,
            ),
            settlement_id,
            f"sese.025/{instruction.side.value}",
            now,
        )
        for instruction in instructions
    )


def end_both(
    instructions: Sequence[Instruction],
    market: Market,
    trade: Trade,
    settled_at: datetime | None,
    asked: Sequence[tuple[Instruction, Message[CancellationRequest]]],
    now: datetime,
) -> tuple[Message[PartyBody], ...]:
    """sese.025 for a trade that settled, sese.024 for one that ended otherwise, and the sese.027s to who `asked` to
    cancel it. `settled_at` is None where it did not settle.
    """
    late, status = None, CancellationStatus.CANCELLED
    if settled_at is None:
        messages = advise_both(instructions, market, trade, AdviceStatus.CANCELLED, now, trade.reason)
    else:
        if trade.settlement_id is None:
            raise LockstepError(f"trade {trade.trade_id} settled without a settlement")
        messages = confirm_both(instructions, market, trade, trade.settlement_id, settled_at, now)
        late, status = Reason(code="DSET", text="the trade has settled"), CancellationStatus.DENIED
    answers = (answer_request(market, instruction, one, status, now, late) for instruction, one in asked)
    return (*messages, *answers)


def _code(status: AdviceStatus | CancellationStatus, reason: Reason | None) -> str | None:
    if reason is None:
        return None
    return reason.code if reason.code in _ISO_CODES.get(status, ()) else "OTHR"


def _text(status: AdviceStatus | CancellationStatus, reason: Reason | None) -> str | None:
    if reason is None:
        return None
    words = reason.text if _code(status, reason) == reason.code else str(reason)
    return _printable(words, MAX_REASON)


def _printable(words: str, most: int) -> str:
    """A refused value may hold anything."""
    words = "".join(one if one.isprintable() else "?" for one in words)
    return words if len(words) <= most else words[: most - 1] + "…"


def _message(
    market: Market, instruction: Instruction, body: PartyBody, about: str, said: str, now: datetime
) -> Message[PartyBody]:
    return Message(
        sender=market.service,
        receiver=instruction.owner.bic,
        message_id=derive_message_id(market.service, about, said),
        created=now,
        body=body,
    )
