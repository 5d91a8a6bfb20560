"""Income and sales of pledged units, one step at a time: paid in the RTGS, ended on the chain, counted by the register.

Level-triggered, as margin calls are: what is to be sent is stored first, and nothing is concluded from having sent it;
only from what the RTGS told (the mirror) and the chain shows, finally. Killed anywhere, the next look goes on.

```
income   recorded ─> pay: earmarked ─> agents release, RTGS books ─> agents sign Cash ─> register counts
                     └─ never: the same claim again, under another attempt
sale     locked, finally ─> pay: earmarked ─> agents release, RTGS books ─> agents sign PAID and Cash
            │                  └─ never: given back ─> sale ended, units pledged as before
            └─ not in time: lapsed           settled ─> sale ended ─> register counts what it fetched
```
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lockstep.domain.cash import CashView
from lockstep.domain.collateral.register import CashPayment, PledgeId
from lockstep.domain.collateral.register_events import CashRecorded, IncomeRecorded
from lockstep.domain.errors import (
    Conflict,
    ContractRefused,
    InvalidInput,
    LeaseLost,
    LockstepError,
    Refused,
    Unavailable,
)
from lockstep.domain.identifiers import SettlementId, derive_uetr
from lockstep.domain.journal import Entry
from lockstep.domain.margin_payment import IncomeClaim, MarginPayment, income_salt
from lockstep.domain.market import Market, Participant
from lockstep.domain.money import Money
from lockstep.domain.order import AssetEvent, Order
from lockstep.domain.payment import Payment
from lockstep.domain.register_payment import PaymentStage, RegisterPayment
from lockstep.domain.values import replace
from lockstep.flow.asking import due, is_open, status_request
from lockstep.flow.carrying import carry
from lockstep.flow.collateral_acts import is_told
from lockstep.flow.margining import Margining
from lockstep.flow.naming import payment_found
from lockstep.flow.register_ordering import register_payment_message, salt_of
from lockstep.flow.register_parties import owner_of
from lockstep.ports import (
    AssetLedger,
    AttestationBoard,
    CashBoard,
    CashSystem,
    Change,
    Clock,
    CollateralLedger,
    PaymentBook,
)
from lockstep.signing import (
    build_quorum_proof,
    cash_digest,
    cash_hash,
    margin_call_id,
    margin_cash,
    margin_id,
    settlement_id,
)

__all__ = ["RegisterPaying"]

ATTEMPTS_AT_MOST = 20
AGAIN = timedelta(minutes=15)
"""From a payment of income that is never booked to the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPaying:
    """Next steps of payments of income and of sales, over the ports."""

    market: Market
    clock: Clock
    book: PaymentBook
    assets: AssetLedger
    ledger: CollateralLedger
    cash: CashSystem
    board: CashBoard
    outcomes: AttestationBoard

    @classmethod
    def beside(cls, margining: Margining, book: PaymentBook, outcomes: AttestationBoard) -> "RegisterPaying":
        """Over the ports that margin calls are stepped over, with the board of outcomes of locks."""
        return cls(
            market=margining.market,
            clock=margining.clock,
            book=book,
            assets=margining.assets,
            ledger=margining.ledger,
            cash=margining.cash,
            board=margining.board,
            outcomes=outcomes,
        )

    # --- what parties say

    def pay_income(self, pledge_id: PledgeId, income_id: str) -> RegisterPayment:
        """The taker wants a claim paid, whole. Stored here, paid by `step`. Said again it changes nothing.

        Raises InvalidInput for a claim that is not recorded finally, Refused IncomeMet where less is owed by now,
        TooLateToday; Unavailable.
        """
        claim = self._claim_of(pledge_id, income_id)
        name = margin_call_id(claim.agreement_id, income_salt(claim, 1))
        known = self.book.register_payment(name)
        if known is not None:
            return known
        owed = self.ledger.income_owed(pledge_id)
        if owed < claim.owed:
            raise Refused(
                "IncomeMet", {"pledge_id": pledge_id, "actual": owed, "expected": f"{claim.owed}, still owed"}
            )
        terms = self.ledger.agreement(claim.agreement_id)
        assert terms is not None  # its pledge is there
        made = RegisterPayment(
            name=name,
            agreement_id=claim.agreement_id,
            pledge_id=pledge_id,
            income_id=income_id,
            amount=Money(currency=terms.currency, amount=claim.owed),
            debtor=self._member(terms.taker).account(terms.currency),
            creditor=self._member(terms.giver).account(terms.currency),
        )
        found = self._found(made, claim)
        if found is not None:
            facts = {"payment": self._identifier(found), "attempt": str(found.attempt), "amount": str(found.amount)}
            return self._store(found, "income payment found", facts)
        return self._begin(made, self.clock.now().replace(microsecond=0))

    def take_sale(self, pledge_id: PledgeId, order: Order, cash: Money, salt: str) -> RegisterPayment:
        """A sale's order with its cash terms: once it is locked the buyer pays the pledge's taker, by `step`.

        Said again it changes nothing. Raises InvalidInput for terms that are not the order's, or a pledge that is not.
        """
        name = settlement_id(order, self.market.network)
        known = self.book.register_payment(name)
        if known is not None:
            return known
        pledge = self.ledger.pledge(pledge_id)
        terms = None if pledge is None else self.ledger.agreement(pledge.agreement_id)
        if pledge is None or terms is None:
            raise InvalidInput("sale/pledge", pledge_id, "a pledge in this register")
        if cash.currency != terms.currency:
            raise InvalidInput("sale/currency", cash.currency, f"{terms.currency}, the agreement's")
        buyer, taker = self._member(order.movement.buyer), self._member(terms.taker)
        debtor, creditor = buyer.account(cash.currency), taker.account(cash.currency)
        if cash_hash(salt, cash, debtor, creditor) != order.terms.cash_hash:
            raise InvalidInput("sale/amount", cash, "the cash terms that the order was made of, by its hash")
        made = RegisterPayment(
            name=name,
            agreement_id=pledge.agreement_id,
            pledge_id=pledge_id,
            amount=cash,
            debtor=debtor,
            creditor=creditor,
            order=order,
            salt=salt,
            attempt=1,
            pay_by=datetime.fromtimestamp(order.terms.pay_by, UTC),
            intents={"cash": self.clock.now().replace(microsecond=0)},
        )
        return self._store(made, "sale taken", {"settlement_id": name, "amount": str(cash)})

    # --- steps

    def run(self) -> bool:
        """One step of each. True if any moved. What fails holds up only its own payment. Raises LeaseLost."""
        moved = False
        for one in self.book.open_register_payments():
            try:
                moved |= self.step(one)
            except LeaseLost:
                raise
            except (Unavailable, Conflict):  # nothing is known, or another has moved it: the next pass looks again
                continue
            except LockstepError as error:
                moved |= self._wait(one, str(error))
        return moved

    def step(self, one: RegisterPayment) -> bool:
        """Looks at the ledgers and takes the next step. True if anything moved.

        Raises Unavailable where nothing is known, LockstepError for what people must look at.
        """
        counted, now, identifier = self._counted(one), self.clock.now(), self._identifier(one)
        view = self.book.cash_view(identifier)
        if view is not None and f"heard {one.attempt}" not in one.intents:  # also where it counts already
            return self._claim(one, identifier, now)
        if counted is not None:
            return counted and self._end(one, PaymentStage.COUNTED)
        if view is not None and view.contradiction is not None:
            raise LockstepError(f"{view.contradiction}: of payment {identifier}")
        if one.order is None:
            return self._step_income(one, identifier, view, now)
        return self._step_sale(one, one.order, identifier, view, now)

    def _step_income(
        self, one: RegisterPayment, identifier: SettlementId, view: CashView | None, now: datetime
    ) -> bool:
        if view is not None and view.is_booked:
            return self._count(one)
        if view is not None and view.is_never:
            return self._again(one, view, now)
        return (view is None and self._instruct(one, identifier)) or self._ask(one, identifier, view, now)

    def _step_sale(
        self, one: RegisterPayment, order: Order, identifier: SettlementId, view: CashView | None, now: datetime
    ) -> bool:
        history = self.assets.history(identifier)
        final = {event.name for event in history if event.final}
        if "Settled" in final or "GivenBack" in final:
            return self._ended(one, identifier, settled="Settled" in final)
        if "Locked" not in final:
            return self._lapsed(one, order, history)
        done = carry(history, view, self.assets, self.outcomes, self.market)
        if done is not None:
            return not done.startswith("refused") or self._wait(one, f"the chain refuses, retried: {done}")
        if view is None and now <= datetime.fromtimestamp(order.terms.pay_by, UTC):
            return self._instruct(one, identifier) or self._ask(one, identifier, view, now)
        return self._ask(one, identifier, view, now)

    def _ended(self, one: RegisterPayment, identifier: SettlementId, *, settled: bool) -> bool:
        """DvP has ended it, finally: then the register is told, and what was paid is counted."""
        sale = self.ledger.sale(identifier, self.ledger.final_block())
        if sale is None:
            raise LockstepError(f"DvP has settlement {identifier}, and the register no sale of it")
        if sale.open:
            try:
                self.ledger.end_sale(identifier)
            except ContractRefused as error:
                return self._wait(one, f"the register refuses, retried: {error}")
            return True  # under way, until it shows finally
        return self._count(one) if settled else self._end(one, PaymentStage.GIVEN_BACK)

    def _lapsed(self, one: RegisterPayment, order: Order, history: Sequence[AssetEvent]) -> bool:
        """No lock yet, or no final one: it may come until the order's last second."""
        late = self.ledger.time_of(self.ledger.final_block()) > order.terms.lock_by
        return late and not history and self._end(one, PaymentStage.LAPSED)

    def _again(self, one: RegisterPayment, view: CashView, now: datetime) -> bool:
        """The RTGS will never book it, and keeps that for ever under its id: the next attempt has another."""
        why = view.reason or view.reason_code
        if one.attempt >= ATTEMPTS_AT_MOST:
            return self._wait(one, f"{one.attempt} payments were refused, the last: {why}")
        if (view.decided_at is not None and now < view.decided_at + AGAIN) or now > self.market.pay_by_on(now.date()):
            return self._wait(one, f"the RTGS did not book it: {why}")
        self._begin(one, now.replace(microsecond=0))
        return True

    def _begin(self, one: RegisterPayment, now: datetime) -> RegisterPayment:
        """The next attempt, durable before anything leaves."""
        pay_by = self.market.pay_by_on(now.date())
        if now > pay_by:
            raise Refused("TooLateToday", {"call": one.name, "actual": now.isoformat(), "expected": pay_by})
        intents = {name: at for name, at in one.intents.items() if name != "asked"} | {"cash": now}
        begun = replace(one, attempt=one.attempt + 1, pay_by=pay_by, intents=intents, reason="")
        facts = {"payment": self._identifier(begun), "attempt": str(begun.attempt), "amount": str(one.amount)}
        return self._store(begun, "income payment intended", facts)

    def _instruct(self, one: RegisterPayment, identifier: SettlementId) -> bool:
        """The pacs.009. Sent again it is the same to the byte."""
        try:
            self.cash.send(register_payment_message(one, identifier, self.market))
        except Unavailable:
            raise
        except LockstepError as error:
            return self._wait(one, f"the RTGS does not take the payment: {error}")
        return False

    def _claim(self, one: RegisterPayment, identifier: SettlementId, now: datetime) -> bool:
        """The RTGS has told of it: it is no payment of a lost trade."""
        heard = replace(one, intents={**one.intents, f"heard {one.attempt}": now})
        entry = Entry(at=now, kind="register payment heard", subject=one.name, facts={"payment": identifier})
        self.book.commit(Change(entries=(entry,), payments=(heard,), claimed=(identifier,)))
        return True

    def _count(self, one: RegisterPayment) -> bool:
        """Presents the agents' signatures, once a quorum of those who serve now has signed just this."""
        epoch = self.assets.epoch()
        cash = self._cash(one, epoch.number)
        left = self.board.cash_attestations(cash.agreement_id, cash.call_id)
        digest = cash_digest(cash, self.ledger.register)
        proof = build_quorum_proof(digest, [each.signature for each in left if each.cash == cash], epoch)
        if proof is None:
            return False
        try:
            self.ledger.record_cash(cash, proof)
        except ContractRefused as error:
            if error.name in ("AlreadyUsed", "NotPresentEpoch"):  # the next look shows by whom, or asks the next agents
                return False
            return self._wait(one, f"the register refuses, retried: {error}")
        return True  # under way, until it shows

    def _ask(self, one: RegisterPayment, identifier: SettlementId, view: CashView | None, now: datetime) -> bool:
        """Asks the RTGS, which is silent: the line may have lost what it said."""
        if not is_open(view) or not due(one.intents["cash"], one.intents.get("asked"), now):
            return False
        now = now.replace(microsecond=0)
        self._store(replace(one, intents={**one.intents, "asked": now}), "status asked", {"payment": identifier})
        request = status_request(self.market.service, self.market.rtgs, derive_uetr(identifier, 1), identifier, now)
        try:
            self.cash.send(request)
        except Unavailable:
            raise
        except LockstepError as error:  # which concludes nothing
            facts = {"payment": identifier, "rule": str(error)}
            self.book.commit(Change(entries=(Entry(at=now, kind="question refused", subject=one.name, facts=facts),)))
        return True

    # --- what the steps share

    def _counted(self, one: RegisterPayment) -> bool | None:
        """Whether the register counts it finally; None: not at all yet. Raises LockstepError for another amount."""
        final, expected = self.ledger.final_block(), self._cash(one, 0).amount
        for event in self.ledger.events_of(one.agreement_id):
            if isinstance(event.said, CashRecorded) and event.said.call_id == one.name:
                if event.said.amount != expected:
                    raise LockstepError(f"the register counts {event.said.amount} for {one.name}, not {expected}")
                return event.block <= final
        return None

    def _cash(self, one: RegisterPayment, epoch: int) -> CashPayment:
        if one.order is None:
            return margin_cash(self._payment(one), epoch)
        return CashPayment(agreement_id=one.agreement_id, call_id=one.name, amount=one.amount.amount, epoch=epoch)

    def _identifier(self, one: RegisterPayment) -> SettlementId:
        return SettlementId(one.name) if one.order else margin_id(self._payment(one), self.ledger.register)

    def _payment(self, one: RegisterPayment) -> MarginPayment:
        assert one.pay_by is not None
        return MarginPayment(
            agreement_id=one.agreement_id,
            amount=one.amount,
            is_return=True,
            pledge_id=one.pledge_id,
            debtor=one.debtor,
            creditor=one.creditor,
            salt=salt_of(one),
            pay_by=int(one.pay_by.timestamp()),
        )

    def _claim_of(self, pledge_id: PledgeId, income_id: str) -> IncomeClaim:
        final = self.ledger.final_block()
        pledge = self.ledger.pledge(pledge_id, final)
        if pledge is None:
            raise InvalidInput("pledge", pledge_id, "a pledge in this register, finally")
        for one in self.ledger.events_of_pledge(pledge_id, final):
            if isinstance(one.said, IncomeRecorded) and one.said.income_id == income_id and one.said.owed:
                return IncomeClaim(
                    agreement_id=pledge.agreement_id, pledge_id=pledge_id, income_id=income_id, owed=one.said.owed
                )
        raise InvalidInput("income", income_id, "income that the pledge's taker owes, recorded finally")

    def _found(self, made: RegisterPayment, claim: IncomeClaim) -> RegisterPayment | None:
        """The payment that it had before the records were lost, if one is booked or may be."""

        def begun(attempt: int, paid: Payment, at: datetime) -> RegisterPayment:
            return replace(made, attempt=attempt, pay_by=paid.pay_by, intents={"cash": at})

        salts = [income_salt(claim, attempt) for attempt in range(1, ATTEMPTS_AT_MOST + 1)]
        return payment_found(self.book, salts, begun, self._identifier, self.clock.now())

    def _member(self, wallet: str) -> Participant:
        found = owner_of(self.ledger, self.market, wallet, self.ledger.final_block())
        if found is None:
            raise InvalidInput("wallet", wallet, "the wallet of one participant")
        return found

    def _end(self, one: RegisterPayment, stage: PaymentStage) -> bool:
        self._store(replace(one, stage=stage, reason=""), "register payment ended", {"stage": stage.value})
        return True

    def _wait(self, one: RegisterPayment, reason: str) -> bool:
        """Remembers why it waits, once per reason."""
        if is_told(one.reason, reason):
            return False
        self._store(replace(one, reason=reason), "register payment waits", {"reason": reason})
        return True

    def _store(self, one: RegisterPayment, kind: str, facts: dict[str, str]) -> RegisterPayment:
        entry = Entry(at=self.clock.now(), kind=kind, subject=one.name, facts=facts)
        self.book.commit(Change(entries=(entry,), payments=(one,)))
        return replace(one, version=one.version + 1)
