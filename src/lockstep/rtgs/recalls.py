"""Recall (camt.056): before finality it cancels, after it only its creditor's return gives back.

A recall of a payment never seen buries its UETR, and its settlement if it names one, all the same: what
the same party sends under that UETR later is refused, and so is every payment for that settlement. The
UETR stays open to others, since a party recalls what is its own.
"""

from dataclasses import dataclass
from datetime import datetime

from lockstep.domain.identifiers import Bic, SettlementId, Uetr
from lockstep.domain.payment import PaymentState
from lockstep.rtgs import payments, register
from lockstep.rtgs.database import Step
from lockstep.rtgs.register import Reason, StoredOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """What became of a recall: it is never booked, since `decided_at`; or a `reason` why it was too late."""

    decided_at: datetime
    reason: Reason | None = None


def recall(
    step: Step,
    known: StoredOrder | None,
    uetr: Uetr,
    *,
    asked_by: Bic,
    settlement_id: SettlementId | None,
    case_id: str,
    code: str,
) -> Recalled:
    """Recalls the payment `known`, or buries what none is known of. Who may ask, the caller has judged."""
    if known is None:
        since = _buried(step, uetr, asked_by, settlement_id)
        step.name = "tombstone-written" if since is None else "cancellation-repeated"
        return Recalled(decided_at=since or _bury(step, uetr, asked_by, settlement_id, code))
    if known.state is PaymentState.BOOKED:
        step.name = "cancellation-refused"
        reason = Reason.of("PTNA", "TxInf", f"booked at {known.decided_at.isoformat()}", "not yet booked")
        return Recalled(decided_at=step.now, reason=reason)
    if known.state.is_never:
        step.name = "cancellation-repeated"
        return Recalled(decided_at=known.decided_at)
    step.name = "payment-cancelled"
    reason = Reason.of(code, "camt.056", case_id, "cancelled on request")
    payments.never(step, [known], PaymentState.CANCELLED, reason)
    return Recalled(decided_at=step.now)


def _buried(step: Step, uetr: Uetr, asked_by: Bic, settlement_id: SettlementId | None) -> datetime | None:
    if settlement_id is not None:
        return register.tombstone(step.connection, settlement_id)
    return register.barred_since(step.connection, uetr, asked_by)


def _bury(step: Step, uetr: Uetr, asked_by: Bic, settlement_id: SettlementId | None, code: str) -> datetime:
    if settlement_id is not None:
        register.end(step, settlement_id, "NEVER", uetr, code)
    if register.by_uetr(step.connection, uetr) is None:
        register.bar(step, uetr, asked_by, code)
    return step.now
