"""Margin calls, one step at a time: called, answered, met in cash or in bonds, counted by the collateral register.

Level-triggered, as trades' steps are: what is to be sent is stored first, and nothing is concluded from having sent it;
only from what the RTGS told (the mirror) and the register shows, finally. Killed anywhere, the next look goes on.

```
issue ─> answer ─> pay: the pacs.009 is earmarked ─> agents release, RTGS books ─> agents sign ─> register counts ─> met
                        └─ never: the same call again, under another attempt
```

How bonds move is in `margin_bonds`; a call may be met in part by either.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lockstep.domain.cash import CashView
from lockstep.domain.collateral.register import AgreementId, PledgeId
from lockstep.domain.errors import (
    Conflict,
    ContractRefused,
    InvalidInput,
    LeaseLost,
    LockstepError,
    Refused,
    Unavailable,
)
from lockstep.domain.identifiers import Bic, Isin, Reference, SettlementId, derive_uetr
from lockstep.domain.journal import Entry
from lockstep.domain.margin_call import CallState, MarginCall, deliver, overdue, resolve, withdraw
from lockstep.domain.margin_case import MarginCase
from lockstep.domain.margin_message import MarginCallRequest, MarginCallResponse
from lockstep.domain.margin_payment import MarginPayment, margin_salt
from lockstep.domain.market import Market, Participant
from lockstep.domain.money import Money
from lockstep.domain.payment import Payment
from lockstep.domain.values import replace
from lockstep.flow.asking import due, is_open, status_request
from lockstep.flow.collateral_acts import is_told
from lockstep.flow.enforcing import Enforcing
from lockstep.flow.margin_bonds import MarginBonds
from lockstep.flow.margin_figures import counted_payment, require_parties
from lockstep.flow.margin_ordering import member_of, payment_message, payment_of
from lockstep.flow.naming import payment_found
from lockstep.flow.pledging import heard
from lockstep.ports import (
    AssetLedger,
    CashBoard,
    CashSystem,
    Change,
    Clock,
    CollateralLedger,
    CollateralWallet,
    EnforcementBook,
)
from lockstep.signing import build_quorum_proof, cash_digest, margin_cash, margin_id

__all__ = ["Margining"]

ATTEMPTS_AT_MOST = 20
AGAIN = timedelta(minutes=15)
"""From a payment that is never booked to the next one."""
_NOTHING = Change()


@dataclass(frozen=True, slots=True, kw_only=True)
class Margining:
    """Margin calls' next steps, over the ports."""

    market: Market
    clock: Clock
    book: EnforcementBook
    assets: AssetLedger
    ledger: CollateralLedger
    cash: CashSystem
    board: CashBoard
    wallet: CollateralWallet | None = None
    """Of the parties, for what they give in bonds; None: they have it run themselves."""

    @property
    def bonds(self) -> MarginBonds:
        """The part of it that moves bonds."""
        return MarginBonds(market=self.market, clock=self.clock, book=self.book, ledger=self.ledger, wallet=self.wallet)

    @property
    def enforcing(self) -> Enforcing:
        """What is enforced where a call is not met."""
        return Enforcing(market=self.market, clock=self.clock, book=self.book, ledger=self.ledger, wallet=self.wallet)

    # --- what people and parties say

    def issue(
        self,
        agreement_id: AgreementId,
        call: MarginCall,
        *,
        is_return: bool = False,
        request: MarginCallRequest | None = None,
        also: Change = _NOTHING,
    ) -> MarginCase:
        """Stores a call, and `also` what belongs to it, in one commit. The same again is the stored one.

        Raises Conflict for another call of this id, Refused for an agreement that is not the two parties', or for
        figures on the register that are too old to call by; InvalidInput for another currency; Unavailable.
        """
        case = MarginCase(agreement_id=agreement_id, call=call, is_return=is_return, request=request)
        known = self.book.margin_case(*case.key)
        if known is not None:
            same = (known.call.amount, known.call.caller, known.call.called, known.is_return)
            if same == (call.amount, call.caller, call.called, is_return):
                return known
            raise Conflict("margin call", call.call_id)
        caller, called = self._member(call.caller), self._member(call.called)
        require_parties(self.ledger, case, caller.wallet, called.wallet)
        facts = {"agreement_id": agreement_id, "amount": str(call.amount), "caller": call.caller, "called": call.called}
        return self._store(self._found(case), "margin called", facts, also)

    def answer(
        self, agreement_id: AgreementId, response: MarginCallResponse, sender: Bic, also: Change = _NOTHING
    ) -> MarginCase:
        """Stores what the called party says, and `also` what belongs to it.

        Raises as `pledging.heard`, and InvalidInput for a call that is not.
        """
        case = self._case(agreement_id, Reference(response.call_id))
        call = heard(case.call, response, sender, self.clock.now())
        if call == case.call:
            return case
        facts = {"agreed": str(response.agreed), "state": call.state.value}
        return self._store(replace(case, call=call, response=response), "margin answered", facts, also)

    def pay(self, agreement_id: AgreementId, reference: Reference, amount: Money | None = None) -> MarginCase:
        """The called party wants what is not met yet, or so much of it, paid in cash. Stored here, sent by `step`.

        Said again it changes nothing. Raises InvalidInput for more than is neither here nor under way in bonds,
        Conflict for another amount than said.
        """
        case = self._found(self._case(agreement_id, reference))
        most = Money(currency=case.call.amount.currency, amount=case.unmet)
        wanted = amount or most
        if case.attempt:
            if amount is not None and amount.amount != case.paying:
                raise Conflict("payment of margin call", reference)
            return case
        if case.call.state.is_end:
            raise Refused("CallEnded", {"call": reference, "actual": case.call.state.value})
        if wanted.currency != most.currency or not 0 < wanted.amount <= most.amount:
            raise InvalidInput("amount", wanted, f"above zero, at most {most}, the rest of it")
        now = self.clock.now().replace(microsecond=0)
        return self._begin(replace(case, paying=wanted.amount), now)

    def deliver_bonds(
        self, agreement_id: AgreementId, reference: Reference, name: Reference, isin: Isin, units: int
    ) -> MarginCase:
        """The called giver pledges units for it: see `MarginBonds.deliver`."""
        return self.bonds.deliver(self._with_room(agreement_id, reference), name, isin, units)

    def return_bonds(
        self, agreement_id: AgreementId, reference: Reference, name: Reference, pledge: PledgeId, units: int
    ) -> MarginCase:
        """The called taker releases units for it: see `MarginBonds.give_back`."""
        return self.bonds.give_back(self._with_room(agreement_id, reference), name, pledge, units)

    def withdraw(self, agreement_id: AgreementId, reference: Reference, reason: str) -> MarginCase:
        """The caller takes it back. Raises Refused PaymentUnderWay once it is being paid, BondsUnderWay likewise."""
        case = self._without_dead_payment(self._case(agreement_id, reference))
        if case.is_paying:
            raise Refused("PaymentUnderWay", {"call": reference, "attempt": case.attempt})
        if case.bonds_under_way:
            raise Refused("BondsUnderWay", {"call": reference, "names": [one.name for one in case.bonds_under_way]})
        call = withdraw(case.call, reason, self.clock.now())
        return self._store(replace(case, call=call), "margin withdrawn", {"reason": reason})

    def resolve(self, agreement_id: AgreementId, reference: Reference, amount: Money, reason: str) -> MarginCase:
        """A dispute ends: both say what is owed, at least what was never disputed; where they do stands in the journal.

        Raises InvalidInput for a call that is not, another amount, or after the deadline; Refused NotDisputed.
        """
        case = self._case(agreement_id, reference)
        if case.call.state is not CallState.DISPUTED:
            raise Refused("NotDisputed", {"call": reference, "actual": case.call.state.value})
        call = resolve(case.call, amount, self.clock.now())
        return self._store(replace(case, call=call), "margin resolved", {"agreed": str(amount), "reason": reason})

    # --- steps

    def run(self) -> bool:
        """One step of each open call. True if any moved. What fails holds up only its own call. Raises LeaseLost."""
        moved = False
        for case in self.book.open_margin_cases():
            try:
                moved |= self.step(case)
            except LeaseLost:
                raise
            except (Unavailable, Conflict):  # nothing is known, or another has moved it: the next pass looks again
                continue
            except LockstepError as error:
                moved |= self._wait(case, str(error))
        return moved

    def step(self, case: MarginCase) -> bool:
        """Looks at both ledgers and takes the next step. True if anything moved.

        Raises Unavailable where nothing is known, LockstepError for what people must look at.
        """
        now = self.clock.now()
        if self.bonds.step(case):
            return True
        if not case.is_paying:
            found = self._found(case)
            return self._adopt(found) if found.is_paying else self._late(case, now)
        payment = self._payment(case)
        identifier = self._identifier(case)
        counted = counted_payment(self.ledger, payment)
        view = self.book.cash_view(identifier)
        if view is not None and f"heard {case.attempt}" not in case.intents:  # also where it counts already
            return self._claim(case, identifier, now)
        if counted is not None:
            amount, block = counted
            if amount != payment.signed_amount:
                rule = f"the register counts {amount} for this call, {payment.signed_amount} was to be paid"
                raise LockstepError(rule)
            return block <= self.ledger.final_block() and self._met(case, identifier, view, block)
        if view is not None and view.contradiction is not None:
            raise LockstepError(f"{view.contradiction}: of margin payment {identifier}")
        if view is not None and view.is_booked:
            return self._count(case, payment)
        if self._late(case, now):
            return True
        if view is None:
            return self._instruct(case, payment, identifier) or self._ask(case, identifier, view, now)
        if view.is_never:
            return self._again(case, view, now)
        return self._ask(case, identifier, view, now)

    def _late(self, case: MarginCase, now: datetime) -> bool:
        """The call defaults by its deadline, paid for or not: what is late cures."""
        call = overdue(case.call, now)
        if call == case.call:
            return False
        self._store(replace(case, call=call), "margin defaulted", {"reason": call.reason})
        return True

    def _begin(self, case: MarginCase, now: datetime) -> MarginCase:
        """The next attempt, durable before anything leaves."""
        pay_by = self.market.pay_by_on(now.date())
        if now > pay_by:
            raise Refused("TooLateToday", {"call": case.reference, "actual": now.isoformat(), "expected": pay_by})
        attempt = case.attempt + 1
        intents = {**case.intents, "cash": now}
        intents.pop("asked", None)
        begun = replace(case, attempt=attempt, pay_by=pay_by, intents=intents, reason="")
        identifier = self._identifier(begun)
        facts = {"margin_id": identifier, "attempt": str(attempt), "amount": str(self._money(begun))}
        return self._store(begun, "margin payment intended", facts)

    def _instruct(self, case: MarginCase, payment: MarginPayment, identifier: SettlementId) -> bool:
        """The pacs.009. Sent again it is the same to the byte."""
        try:
            self.cash.send(payment_message(case, payment, identifier, self.market))
        except Unavailable:
            raise
        except LockstepError as error:
            return self._wait(case, f"the RTGS does not take the payment: {error}")
        return False

    def _claim(self, case: MarginCase, identifier: SettlementId, now: datetime) -> bool:
        """The RTGS has told of it: it is no payment of a lost trade."""
        intents = {**case.intents, f"heard {case.attempt}": now}
        entry = Entry(at=now, kind="margin payment heard", subject=case.reference, facts={"margin_id": identifier})
        self.book.commit(Change(entries=(entry,), margin=(replace(case, intents=intents),), claimed=(identifier,)))
        return True

    def _adopt(self, found: MarginCase) -> bool:
        facts = {"attempt": str(found.attempt), "amount": str(self._money(found))}
        self._store(found, "margin payment found", facts)
        return True

    def _again(self, case: MarginCase, view: CashView, now: datetime) -> bool:
        """The RTGS will never book it, and keeps that for ever under its id: the next attempt has another."""
        if case.call.state.is_end:
            self._store(self._without_dead_payment(case), "margin payment given up", {"state": case.call.state.value})
            return True
        if case.attempt >= ATTEMPTS_AT_MOST:
            why = view.reason or view.reason_code
            return self._wait(case, f"{case.attempt} payments were refused, the last: {why}")
        if (view.decided_at is not None and now < view.decided_at + AGAIN) or now > self.market.pay_by_on(now.date()):
            return self._wait(case, f"the RTGS did not book it: {view.reason or view.reason_code}")
        self._begin(case, now.replace(microsecond=0))
        return True

    def _count(self, case: MarginCase, payment: MarginPayment) -> bool:
        """Presents the agents' signatures, once a quorum of those who serve now has signed just this."""
        epoch = self.assets.epoch()
        cash = margin_cash(payment, epoch.number)
        left = self.board.cash_attestations(cash.agreement_id, cash.call_id)
        digest = cash_digest(cash, self.ledger.register)
        proof = build_quorum_proof(digest, [one.signature for one in left if one.cash == cash], epoch)
        if proof is None:
            return False
        try:
            self.ledger.record_cash(cash, proof)
        except ContractRefused as error:
            if error.name in ("AlreadyUsed", "NotPresentEpoch"):  # the next look shows by whom, or asks the next agents
                return False
            return self._wait(case, f"the register refuses, retried: {error}")
        return False

    def _met(self, case: MarginCase, identifier: SettlementId, view: CashView | None, block: int) -> bool:
        """What was paid is delivered when it was booked, however late that is heard; where the RTGS's word is lost,
        when the register counted it, which is no earlier."""
        call = case.call
        if not call.state.is_end:
            booked = None if view is None else view.booked_at or view.noticed_at
            call = deliver(call, self._money(case), booked or datetime.fromtimestamp(self.ledger.time_of(block), UTC))
        facts = {"margin_id": identifier, "amount": str(self._money(case)), "state": call.state.value}
        self._store(replace(case, call=call, is_counted=True, reason=""), "margin counted", facts)
        return True

    def _ask(self, case: MarginCase, identifier: SettlementId, view: CashView | None, now: datetime) -> bool:
        """Asks the RTGS, which is silent: the line may have lost what it said."""
        if not is_open(view) or not due(case.intents["cash"], case.intents.get("asked"), now):
            return False
        now = now.replace(microsecond=0)
        self._store(replace(case, intents={**case.intents, "asked": now}), "status asked", {"margin_id": identifier})
        uetr = derive_uetr(identifier, 1)
        try:
            self.cash.send(status_request(self.market.service, self.market.rtgs, uetr, identifier, now))
        except Unavailable:
            raise
        except LockstepError as error:  # which concludes nothing
            facts = {"margin_id": identifier, "rule": str(error)}
            entry = Entry(at=now, kind="question refused", subject=case.reference, facts=facts)
            self.book.commit(Change(entries=(entry,)))
        return True

    # --- what the steps share

    def _payment(self, case: MarginCase) -> MarginPayment:
        return payment_of(case, self.market)

    def _found(self, case: MarginCase) -> MarginCase:
        """A call that nothing is paid for yet, with the payment that it had before the records were lost, if one is
        booked or may be: not stored yet."""
        if case.attempt:
            return case

        def begun(attempt: int, paid: Payment, at: datetime) -> MarginCase:
            intents = {**case.intents, "cash": at}
            return replace(case, paying=paid.amount.amount, attempt=attempt, pay_by=paid.pay_by, intents=intents)

        salts = [margin_salt(*case.key, attempt) for attempt in range(1, ATTEMPTS_AT_MOST + 1)]
        return payment_found(self.book, salts, begun, self._identifier, self.clock.now()) or case

    def _identifier(self, case: MarginCase) -> SettlementId:
        return margin_id(self._payment(case), self.ledger.register)

    def _with_room(self, agreement_id: AgreementId, reference: Reference) -> MarginCase:
        """The call for which bonds are to move. Where all of it was to be paid in cash, and the RTGS will not book
        that, the bonds come in its place: it is not tried again."""
        case = self._case(agreement_id, reference)
        return case if case.unmet else self._without_dead_payment(case)

    def _without_dead_payment(self, case: MarginCase) -> MarginCase:
        """The call, not stored yet, as if a payment that the RTGS will never book had not been wanted."""
        if not case.is_paying:
            return case
        view = self.book.cash_view(self._identifier(case))
        if view is None or not view.is_never:
            return case
        return replace(case, paying=0, attempt=0, pay_by=None, intents={}, reason="")

    @staticmethod
    def _money(case: MarginCase) -> Money:
        return Money(currency=case.call.amount.currency, amount=case.paying)

    def _member(self, bic: Bic) -> Participant:
        return member_of(self.market, bic)

    def _case(self, agreement_id: AgreementId, reference: Reference) -> MarginCase:
        case = self.book.margin_case(agreement_id, reference)
        if case is None:
            raise InvalidInput("call", reference, f"a margin call under {agreement_id}")
        return case

    def _wait(self, case: MarginCase, reason: str) -> bool:
        """Remembers why it waits, once per reason."""
        if is_told(case.reason, reason):
            return False
        self._store(replace(case, reason=reason), "margin waits", {"reason": reason})
        return True

    def _store(self, case: MarginCase, kind: str, facts: dict[str, str], also: Change = _NOTHING) -> MarginCase:
        entry = Entry(at=self.clock.now(), kind=kind, subject=case.reference, facts=facts)
        self.book.commit(replace(also, entries=(entry, *also.entries), margin=(case,)))
        return replace(case, version=case.version + 1)
