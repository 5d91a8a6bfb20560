"""camt.056 of agents: at their quorum a settlement that no payment came for can never be paid.

It is the exit of a lock whose operator is gone before it sent the payment: nobody else may speak for that
settlement, and the RTGS says nothing of what it never saw. When it is time to ask is the agents' affair, as the lock
and its last second to pay are on the chain. A payment that did come ends by itself, at its own last second: while
it is open nothing is recorded, and once it is booked the answer is RJCR.
"""

from datetime import datetime

from sqlalchemy import bindparam, func, select

from lockstep.domain.message import Message
from lockstep.domain.payment import NeverRequest, PaymentState, Resolution, ResolutionStatus
from lockstep.rtgs import announcing, register
from lockstep.rtgs.database import Step
from lockstep.rtgs.parties import Role, agents, quorum, refusal
from lockstep.rtgs.prepared import Prepared
from lockstep.rtgs.register import Reason
from lockstep.rtgs.tables import never_requests, parties

_ASKED = Prepared(
    select(never_requests.c.asked_at).where(
        never_requests.c.settlement_id == bindparam("settlement_id"), never_requests.c.agent == bindparam("agent")
    )
)
_ASK = Prepared(never_requests.insert())
_ASKERS = Prepared(
    select(func.count())
    .select_from(never_requests.join(parties, never_requests.c.agent == parties.c.bic))
    .where(never_requests.c.settlement_id == bindparam("of"), parties.c.role == Role.AGENT.value)
)


def never(step: Step, message: Message[NeverRequest]) -> None:
    """One agent's request. Who are agents now are counted, each once; to all of them goes the camt.029 CNCL.

    Who asks for never of a booked payment missed what was said of it, so that it is told again. By pacs.028 it could
    not ask: it knows the first UETR of a settlement only, which another's payment may have.
    """
    wish = message.body
    live = register.live(step.connection, wish.settlement_id)
    if live is not None and live.state is PaymentState.BOOKED:
        step.name = "cancellation-refused"
        reason = Reason.of("PTNA", "TxInf", f"booked at {live.decided_at.isoformat()}", "not yet booked")
        step.send([message.sender], _resolution(wish, ResolutionStatus.REFUSED, step.now, reason))
        step.send([message.sender], announcing.report(live))
        announcing.booking_again(step, live, message.sender)
        return
    if live is not None:
        rule = f"a settlement without a payment; this one is {live.state.name} and ends by itself"
        raise refusal("PaymentOpen", "settlement", wish.settlement_id, rule)
    since = register.tombstone(step.connection, wish.settlement_id)
    if since is not None:
        step.name = "cancellation-repeated"
        step.send([message.sender], _resolution(wish, ResolutionStatus.CANCELLED, since))
        return
    step.name = "never-asked"
    key = {"settlement_id": wish.settlement_id, "agent": message.sender}
    if _ASKED.first(step.connection, **key) is None:
        step.books.changes += 1
        _ASK.run(step.connection, [{**key, "uetr": wish.uetr, "asked_at": step.now}])
    if _ASKERS.scalar(step.connection, of=wish.settlement_id) < step.once(quorum):
        return
    # The settlement alone is buried: the UETR is the last agent's word, and may be another payment's.
    step.name = "tombstone-written"
    register.end(step, wish.settlement_id, "NEVER", wish.uetr, wish.reason_code)
    step.send(step.once(agents), _resolution(wish, ResolutionStatus.CANCELLED, step.now))


def _resolution(
    wish: NeverRequest, status: ResolutionStatus, decided_at: datetime, reason: Reason | None = None
) -> Resolution:
    return Resolution(
        case_id=wish.case_id,
        uetr=wish.uetr,
        settlement_id=wish.settlement_id,
        salt=None,
        status=status,
        reason_code=reason.code if reason else None,
        reason=reason.text if reason else None,
        decided_at=decided_at,
    )
