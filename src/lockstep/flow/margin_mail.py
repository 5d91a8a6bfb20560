"""Margin calls as messages: a caller's colr.003 and the other party's colr.004, judged, stored and passed on.

The service stands between the parties and says to each what the other said, unchanged (`Oblgtn` names the parties,
whoever sends). What is passed on is stored in one commit with the call, and delivered as all that participants are
told: killed anywhere, it is said once. A message that is refused is answered by admi.002.

A call is judged by the collateral register's final block, so its node must answer: where it does not, nothing is
stored, and the message is to be handed in again.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lockstep.domain.collateral.register import AgreementId
from lockstep.domain.errors import Conflict, InvalidInput, LockstepError, Unavailable
from lockstep.domain.identifiers import Bic, derive_message_id
from lockstep.domain.journal import Entry
from lockstep.domain.margin_call import CallState, MarginCall
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_message import MarginBody, MarginCallRequest, MarginCallResponse
from lockstep.domain.message import Message
from lockstep.flow.margining import Margining
from lockstep.flow.register_parties import owner_of
from lockstep.flow.reporting import Refusal, refuse
from lockstep.ports import Change, PartyBody

__all__ = ["ANSWERED", "CALLED", "DUPLICATE", "MarginMail"]

CALLED, ANSWERED, DUPLICATE = "margin called", "margin answered", "duplicate"
"""What is journalled of a message that was taken."""
HORIZON = timedelta(days=366)
"""How far ahead the day of delivery may lie."""
TRIES = 10
_AGREEMENT, _CURRENCY = "Agrmt/AgrmtId", "Agrmt/BaseCcy"
_CALL_ID = "AgrdAmtDueToA/AgrdAmtDtls/VartnMrgnAmt/MrgnCallReqId"
_AGREED = "AgrdAmtDueToA/AgrdAmtDtls/VartnMrgnAmt/AgrdAmt"
Seen = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginMail:
    """Where participants' colr.003 and colr.004 are handed in."""

    margining: Margining

    def submit(self, message: Message[MarginBody], data: bytes) -> str:
        """Takes one message; returns the kind of its journal entry.

        The same again is a duplicate, which changes nothing. Raises InvalidInput for a value that breaks a rule,
        Conflict for an id used with other content, Refused for what the register does not allow now: journalled and
        answered first. Raises Unavailable where the register gives no answer: nothing is known of the message then.
        """
        content_hash = hashlib.sha256(data).hexdigest()
        for _ in range(TRIES):
            try:
                return self._take(message, content_hash)
            except Unavailable:
                raise
            except LockstepError as error:
                if isinstance(error, Conflict) and error.kind == "margin call version":
                    continue  # the service moved the call meanwhile: judged anew
                self._refuse(message, error)
                raise
        raise Unavailable(f"margin call {_call_of(message.body)} is being moved: hand the message in again")

    def _take(self, message: Message[MarginBody], content_hash: str) -> str:
        earlier = self.margining.book.seen(message.sender, message.message_id)
        if earlier is not None and earlier != content_hash:
            raise Conflict("message", f"{message.sender}/{message.message_id}")
        seen: Seen = ((message.sender, message.message_id, content_hash),)
        if earlier is not None:
            return self._again(message, ())
        service = self.margining.market.service
        if message.receiver != service:
            raise InvalidInput("AppHdr/To", message.receiver, f"{service}, this service")
        body = message.body
        if isinstance(body, MarginCallRequest):
            return self._call(message, body, seen)
        return self._answer(message, body, seen)

    def _call(self, message: Message[MarginBody], body: MarginCallRequest, seen: Seen) -> str:
        parties, margining = body.obligation, self.margining
        if message.sender != parties.party_a:
            raise InvalidInput("AppHdr/Fr", message.sender, f"{parties.party_a}, who calls (Oblgtn/PtyA)")
        agreement_id = AgreementId(body.agreement.agreement_id)
        known = margining.book.margin_case(agreement_id, body.call_id)
        if known is not None and known.call.caller == message.sender:  # nobody else learns that there is one
            if known.request == body:
                return self._again(message, seen)
            raise Conflict("margin call", body.call_id)
        now = margining.clock.now()
        call = self._judged(agreement_id, body, now)
        passed = self._passed(agreement_id, body, call.called, "colr.003", now)
        also = Change(seen=seen, outgoing=(passed,))
        margining.issue(agreement_id, call, is_return=body.is_return, request=body, also=also)
        return CALLED

    def _judged(self, agreement_id: AgreementId, body: MarginCallRequest, now: datetime) -> MarginCall:
        """The call, if its agreement is theirs and its days are ones on which it can be met."""
        margining, parties = self.margining, body.obligation
        at = margining.ledger.final_block()
        terms = margining.ledger.agreement(agreement_id, at)
        if terms is None:
            raise InvalidInput(
                _AGREEMENT, agreement_id, "an agreement that is open, finally, on the collateral register"
            )
        if body.agreement.currency != terms.currency:
            raise InvalidInput(_CURRENCY, body.agreement.currency, f"{terms.currency}, the agreement's")
        asks, owes = (terms.giver, terms.taker) if body.is_return else (terms.taker, terms.giver)
        for field, party, wallet, role in (
            (
                "Oblgtn/PtyA/AnyBIC",
                parties.party_a,
                asks,
                "giver, who asks for a return" if body.is_return else "taker",
            ),
            ("Oblgtn/PtyB/AnyBIC", parties.party_b, owes, "taker" if body.is_return else "giver"),
        ):
            owner = owner_of(margining.ledger, margining.market, wallet, at)
            if owner is None or owner.bic != party:
                raise InvalidInput(field, party, f"the BIC of the agreement's {role}")
        latest = max(now, datetime.fromtimestamp(margining.ledger.time_of(), UTC))  # a chain's clock may be ahead
        if parties.valued_at > latest:
            raise InvalidInput("Oblgtn/ValtnDt/DtTm", parties.valued_at.isoformat(), f"not after {latest.isoformat()}")
        deliver_by = margining.market.pay_by_on(body.deliver_on)
        day = f"XpctdCollDueToA/XpctdCollDtls/VartnMrgn/{'Rtr' if body.is_return else 'Dlvry'}/Dt"
        if deliver_by <= now:
            raise InvalidInput(
                day, body.deliver_on, f"a day whose last second to pay ({deliver_by:%H:%M:%S} UTC) comes"
            )
        if body.deliver_on - now.date() > HORIZON:
            raise InvalidInput(day, body.deliver_on, f"at most {HORIZON.days} days ahead")
        return MarginCall(
            call_id=body.call_id,
            caller=parties.party_a,
            called=parties.party_b,
            amount=body.amount,
            issued_at=now,
            deliver_by=deliver_by,
            cure_seconds=0 if body.is_return else terms.notice_seconds + terms.cure_seconds,
        )

    def _answer(self, message: Message[MarginBody], body: MarginCallResponse, seen: Seen) -> str:
        margining, agreement_id = self.margining, AgreementId(body.agreement.agreement_id)
        case = margining.book.margin_case(agreement_id, body.call_id)
        if case is None:
            raise InvalidInput(_CALL_ID, body.call_id, f"the id of a margin call under agreement {agreement_id}")
        call, now = case.call, margining.clock.now()
        if message.sender != call.called:
            raise InvalidInput("AppHdr/Fr", message.sender, f"{call.called}, who was called")
        if case.response == body:
            return self._again(message, seen)
        _require_of_call(case, body)
        if call.agreed is not None:
            raise Conflict("answer to margin call", body.call_id)
        if call.state is not CallState.ISSUED:
            raise InvalidInput(_CALL_ID, body.call_id, f"a call that waits for an answer; it is {call.state.value}")
        if now > call.deliver_by:
            raise InvalidInput(_CALL_ID, body.call_id, f"a call answered by {call.deliver_by.isoformat()}")
        passed = self._passed(agreement_id, body, call.caller, "colr.004", now)
        margining.answer(agreement_id, body, message.sender, Change(seen=seen, outgoing=(passed,)))
        return ANSWERED

    def _again(self, message: Message[MarginBody], seen: Seen) -> str:
        facts = {"sender": message.sender, "message_id": message.message_id}
        now = self.margining.clock.now()
        entry = Entry(at=now, kind=DUPLICATE, subject=_call_of(message.body), facts=facts)
        self.margining.book.commit(Change(entries=(entry,), seen=seen))
        return DUPLICATE

    def _passed(
        self, agreement_id: AgreementId, body: MarginBody, receiver: Bic, definition: str, now: datetime
    ) -> Message[PartyBody]:
        service = self.margining.market.service
        about = f"{agreement_id}/{_call_of(body)}"
        return Message(
            sender=service,
            receiver=receiver,
            message_id=derive_message_id(service, about, definition),
            created=now,
            body=body,
        )

    def _refuse(self, message: Message[MarginBody], error: LockstepError) -> None:
        """Journals why a message was not taken, and tells its sender, if it is a participant."""
        margining, now = self.margining, self.margining.clock.now()
        market = margining.market
        facts = {"rule": str(error), "error": type(error).__name__, "message_id": message.message_id}
        members = {one.bic for one in market.participants.values()}
        refusal = Refusal(sender=message.sender, message_id=message.message_id)
        told = (refuse(market, refusal, error, now),) if message.sender in members else ()
        entry = Entry(at=now, kind="refused", subject=_call_of(message.body), facts=facts)
        margining.book.commit(Change(entries=(entry,), outgoing=told))


def _require_of_call(case: MarginCase, body: MarginCallResponse) -> None:
    """An answer says the call's own parties, valuation and agreement, and agrees to no more than was called for."""
    said, call = case.request, case.call
    if said is not None and body.obligation != said.obligation:
        shown = f"{body.obligation.party_a}, {body.obligation.party_b}, {body.obligation.exposure_kind.value}"
        raise InvalidInput("Oblgtn", f"{shown}, {body.obligation.valued_at.isoformat()}", "the same as in the call")
    if (body.obligation.party_a, body.obligation.party_b) != (call.caller, call.called):
        shown = f"{body.obligation.party_a}, {body.obligation.party_b}"
        raise InvalidInput("Oblgtn", shown, f"{call.caller} and {call.called}, as in the call")
    if said is not None and body.agreement != said.agreement:
        shown = f"{body.agreement.name}, {body.agreement.signed_on}, {body.agreement.currency}"
        raise InvalidInput("Agrmt", shown, "the same as in the call")
    if body.agreed.currency != call.amount.currency or body.agreed.amount > call.amount.amount:
        raise InvalidInput(_AGREED, body.agreed, f"at most {call.amount}, which was called for")


def _call_of(body: MarginBody) -> str:
    return body.call_id
