"""What an agent does about margin and income: it releases what is due, and signs for the register what was booked.

Of a sale of pledged units the lock is DvP's, and the agent judges it as a trade's; here it signs what was paid.

Its memory is the mailbox and the chain, read again after a restart, and its register. Each step may be repeated.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from lockstep.agent.margin import MarginEvidence, judge_margin_booking, judge_margin_release
from lockstep.agent.margin_register import MarginRegister
from lockstep.agent.register import Register
from lockstep.domain.cash import CashView
from lockstep.domain.collateral.register import NO_PLEDGE, Agreement, AgreementId, CashPayment, PledgeId
from lockstep.domain.collateral.register_events import Agreed, CashRecorded, IncomeRecorded
from lockstep.domain.errors import Contradiction, InvalidInput, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import Bic, SettlementId, derive_message_id
from lockstep.domain.margin_payment import CashAttestation, IncomeClaim, MarginPayment, income_salt
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.payment import PaymentState, Release
from lockstep.domain.values import replace
from lockstep.flow.asking import due, is_open, status_request
from lockstep.flow.naming import payment_named
from lockstep.ports import AssetLedger, CashBoard, CashSystem, Clock, CollateralLedger
from lockstep.signing import Key, cash_digest, margin_call_id, margin_cash, recover

__all__ = ["MarginDesk"]

Call = tuple[AgreementId, str]


@dataclass(slots=True, kw_only=True)
class MarginDesk:
    """One agent's part in cash margin, over its own ports."""

    bic: Bic
    rtgs: Bic
    keys: tuple[Key, ...]
    market: Market
    assets: AssetLedger
    ledger: CollateralLedger
    cash: CashSystem
    board: CashBoard
    register: MarginRegister
    journal: Register
    """Where its steps are written down, for people."""
    clock: Clock
    _agreements: dict[AgreementId, Agreement] = field(default_factory=dict)
    """Opened, finally; on the terms signed last."""
    _between: dict[frozenset[str], list[AgreementId]] = field(default_factory=dict)
    _claims: dict[Call, IncomeClaim] = field(default_factory=dict)
    """Income that takers owe, recorded finally and not counted as paid, by the call that pays it."""
    _counted: set[Call] = field(default_factory=set)
    """Payments that the register counts, finally."""
    _young: set[Call] = field(default_factory=set)
    """The same, not finally."""
    _by_heirs: Mapping[str, str] = field(default_factory=dict)
    _heirs_at: int = -1
    _read_to: int = -1
    _final: int = 0
    _named: dict[SettlementId, MarginPayment] = field(default_factory=dict)
    _sent: set[SettlementId] = field(default_factory=set)
    """Releases that the RTGS has."""
    _asked: dict[SettlementId, tuple[datetime, datetime | None]] = field(default_factory=dict)
    """Since when each was waited for, and when it was asked for."""

    def attend(self, views: Sequence[CashView]) -> tuple[bool, Sequence[SettlementId]]:
        """Looks after payments that no lock has. Whether anything was done, and for which nothing is left to do.

        What is no margin payment, as far as this agent's node shows, is passed over: its lock, or its agreement, may
        yet come.
        """
        if not views:
            return False, ()
        try:
            self._look()
        except LockstepError:  # nothing is known: nothing is concluded
            return False, ()
        margin = [(view, payment) for view in views if (payment := self._payment_of(view)) is not None]
        moved = {view.settlement_id: payment for view, payment in margin if _may_have_moved(view)}
        booked = {(_call(payment), view.settlement_id) for view, payment in margin if view.is_booked}
        done, over = False, list[SettlementId]()
        for view, payment in margin:
            others = [one for call, one in booked if call == _call(payment) and one != view.settlement_id]
            try:
                done |= self._attend(view, payment, others, moved)
                if self._is_over(view, payment):
                    self._forget(view.settlement_id)
                    over.append(view.settlement_id)
            except Unavailable:
                continue
            except Refused as error:
                self._note("margin refused", view.settlement_id, str(error))
            except Contradiction as error:
                self._note("contradiction", view.settlement_id, str(error))
            except LockstepError as error:  # this payment is for people; the others go on
                self._note("margin failed", view.settlement_id, str(error))
        return done, over

    # --- sales

    def sold_under(self, settlement: SettlementId) -> Agreement | None:
        """Under which agreement the register sells the units of a lock, finally; None: it is no sale. Of the
        taker's wallets, where it was succeeded, the one that the market names. Raises Unavailable."""
        self._look()
        found = self._sale_of(settlement)
        if found is None:
            return None
        terms, heirs = self._agreements[found], self._heirs()
        wallets = [one.wallet for one in self.market.participants.values()]
        heir = heirs.get(terms.taker, terms.taker)
        taker = next((one for one in wallets if heirs.get(one, one) == heir), terms.taker)
        return replace(terms, taker=taker)

    def note_sale(self, settlement: SettlementId, amount: int) -> None:
        """What a sale's payment was: before anything is signed of it. Raises Contradiction if another was noted."""
        self.register.note_sale(settlement, amount)

    def attend_sales(self) -> bool:
        """Signs for the register what sales fetched, until it counts; each epoch anew. True if anything was done."""
        done = False
        try:
            sales = self.register.sales()
            if not sales:
                return False
            self._look()
            epoch = self.assets.epoch()
        except LockstepError:
            return False
        key = next((one for one in self.keys if one.address in epoch.agents), None)
        for settlement, amount in sales.items():
            try:
                agreement = self._sale_of(settlement)
                if agreement is None:  # a reorganisation took it: nothing can be said of it
                    continue
                if (agreement, settlement) in self._counted:
                    self.register.drop_sale(settlement)
                elif key is not None:
                    cash = CashPayment(agreement_id=agreement, call_id=settlement, amount=amount, epoch=epoch.number)
                    done |= self._sign_cash(cash, key, settlement, "")
            except Unavailable:
                continue
            except LockstepError as error:
                self._note("sale refused", settlement, str(error))
        return done

    def _sale_of(self, settlement: SettlementId) -> AgreementId | None:
        """Under which agreement units are, or were, sold so."""
        sale = self.ledger.sale(settlement, self._final)
        pledge = None if sale is None else self.ledger.pledge(sale.pledge_id, self._final)
        return pledge.agreement_id if pledge is not None and pledge.agreement_id in self._agreements else None

    # --- the chain

    def _look(self) -> None:
        """What is new on the register. What is final is read once."""
        final = self.ledger.final_block()
        fresh = self.ledger.events(self._read_to + 1)
        self._young.clear()
        for one in fresh:
            said, is_final = one.said, one.block <= final
            if isinstance(said, CashRecorded):
                call = said.agreement_id, said.call_id
                (self._counted if is_final else self._young).add(call)
                if is_final:
                    self._claims.pop(call, None)
            elif isinstance(said, IncomeRecorded) and is_final and said.owed:
                self._take_claim(said)
            elif isinstance(said, Agreed) and is_final:
                if said.agreement_id not in self._agreements:
                    parties = frozenset((said.agreement.giver, said.agreement.taker))
                    self._between.setdefault(parties, []).append(said.agreement_id)
                self._agreements[said.agreement_id] = said.agreement
        self._final = final
        self._read_to = max(self._read_to, final)

    def _take_claim(self, said: IncomeRecorded) -> None:
        pledge = self.ledger.pledge(said.pledge_id, self.ledger.final_block())
        if pledge is None:
            raise Unavailable(f"the node tells of income on pledge {said.pledge_id}, and does not know it")
        claim = IncomeClaim(
            agreement_id=pledge.agreement_id, pledge_id=said.pledge_id, income_id=said.income_id, owed=said.owed
        )
        self._claims[claim.agreement_id, margin_call_id(claim.agreement_id, income_salt(claim, 1))] = claim

    def _payment_of(self, view: CashView) -> MarginPayment | None:
        known = self._named.get(view.settlement_id)
        if known is None:
            agreements = list(self._known_between(view))
            register, claims = self.ledger.register, self._claims.values()
            known = payment_named(view, self.market, register, agreements, claims)
            if known is None:
                with suppress(LockstepError):  # nothing is known of heirs: the next look asks again
                    every = self._agreements.items()
                    known = payment_named(view, self.market, register, every, claims, self._heirs())
            if known is not None:
                self._named[view.settlement_id] = known
        return known

    def _heirs(self) -> Mapping[str, str]:
        """Of wallets that were succeeded, members' and parties', who acts for them, by the final block. Read once for
        each, where it is asked for. Raises Unavailable."""
        if self._heirs_at != self._final:
            parties = {one for terms in self._agreements.values() for one in (terms.giver, terms.taker)}
            lines = self.ledger.lines(
                {*parties, *(one.wallet for one in self.market.participants.values())}, self._final
            )
            self._by_heirs = {wallet: line[-1] for wallet, line in lines.items() if len(line) > 1}
            self._heirs_at = self._final
        return self._by_heirs

    def _known_between(self, view: CashView) -> Iterator[tuple[AgreementId, Agreement]]:
        """Agreements of the two banks that pay and are paid."""
        if view.payment is None:
            return
        wallets = {one.bic: one.wallet for one in self.market.participants.values()}
        parties = frozenset(wallets.get(one.owner, "") for one in (view.payment.debtor, view.payment.creditor))
        for identifier in self._between.get(parties, ()):
            yield identifier, self._agreements[identifier]

    def _evidence(
        self,
        view: CashView,
        payment: MarginPayment,
        booked: Sequence[str],
        moved: Mapping[SettlementId, MarginPayment],
    ) -> MarginEvidence:
        agreement, call = _call(payment)
        released = self.register.released(agreement)
        sign, claim = -1 if payment.is_return else 1, self._claims.get((agreement, call))
        # Also what others released: this agent may serve since later, or have a register of before.
        known = {
            one: (_call(paid)[1], paid.signed_amount) for one, paid in moved.items() if _call(paid)[0] == agreement
        }
        known |= {one: (its_call, amount) for one, its_call, amount in released}
        under_way = sum(
            amount * sign
            for one, (its_call, amount) in known.items()
            if one != view.settlement_id
            and amount * sign > 0
            and (agreement, its_call) not in self._counted
            and self._pledge_of(agreement, its_call) == payment.pledge_id
        )
        is_income = payment.pledge_id != NO_PLEDGE
        others = [one for one, its_call, _ in released if its_call == call and one != view.settlement_id]
        return MarginEvidence(
            cash=view,
            payment=payment,
            terms=self._agreements[agreement],
            state=self.ledger.state(agreement, self._final),
            cover=self.ledger.cover(agreement, self._final),
            final_time=self.ledger.time_of(self._final),
            is_counted=(agreement, call) in self._counted | self._young,
            under_way=under_way,
            others=others,
            booked_besides=booked,
            epoch=self.assets.epoch(),
            agents=tuple(key.address for key in self.keys),
            claim=claim,
            owed=self.ledger.income_owed(payment.pledge_id, self._final) if is_income else 0,
        )

    def _pledge_of(self, agreement: AgreementId, call: str) -> PledgeId:
        """Of which pledge's income a call that does not count yet is, if it is of income."""
        claim = self._claims.get((agreement, call))
        return NO_PLEDGE if claim is None else claim.pledge_id

    # --- one payment

    def _attend(
        self,
        view: CashView,
        payment: MarginPayment,
        others: Sequence[str],
        moved: Mapping[SettlementId, MarginPayment],
    ) -> bool:
        if view.is_never:
            if any(one == view.settlement_id for one, _, _ in self.register.released(payment.agreement_id)):
                self.register.give_up(view.settlement_id)
            return False
        if _call(payment) in self._counted:
            return False
        asked = self._ask(view)  # first, as it may be refused for ever
        evidence = self._evidence(view, payment, others, moved)
        if view.state is PaymentState.HELD and view.contradiction is None:
            return self._release(evidence) or asked
        return (judge_margin_booking(evidence) and self._sign(evidence)) or asked

    def _is_over(self, view: CashView, payment: MarginPayment) -> bool:
        return view.is_never or _call(payment) in self._counted

    def _release(self, evidence: MarginEvidence) -> bool:
        """Noted first, then sent; what was noted goes out again after a restart, as it may never have left."""
        identifier, payment = evidence.cash.settlement_id, evidence.payment
        if identifier in self._sent or evidence.cash.payment is None:
            return False
        agreement, call = _call(payment)
        judge_margin_release(evidence, self.clock.now())
        self.register.release(identifier, agreement, call, payment.signed_amount)
        try:
            self.cash.send(
                Message(
                    sender=self.bic,
                    receiver=self.rtgs,
                    message_id=derive_message_id(self.bic, identifier, "camt.007"),
                    created=evidence.cash.decided_at or self.clock.now(),
                    body=Release(uetr=evidence.cash.payment.uetr, settlement_id=identifier),
                )
            )
        except Unavailable:
            raise
        except LockstepError as error:
            self._note("margin release refused", identifier, str(error))
            if not (isinstance(error, Refused) and error.name == "PaymentEnded"):
                return False  # a passing refusal is tried again
        else:
            self._note("margin released", identifier)
        self._sent.add(identifier)
        return True

    def _sign(self, evidence: MarginEvidence) -> bool:
        """For the present epoch: the register takes no other. The agent's register first, the board after."""
        view, payment = evidence.cash, evidence.payment
        key = next(one for one in self.keys if one.address in evidence.epoch.agents)  # the judgement found one
        cash = margin_cash(payment, evidence.epoch.number)
        uetr = view.payment.uetr if view.payment is not None else ""
        return self._sign_cash(cash, key, view.settlement_id, uetr)

    def _sign_cash(self, cash: CashPayment, key: Key, identifier: SettlementId, uetr: str) -> bool:
        stored = self.register.find(cash, key.address)
        is_new = stored is None
        if stored is None:
            self._remember(cash.agreement_id, cash.call_id)
            signature = key.sign(cash_digest(cash, self.ledger.register))
            wanted = CashAttestation(cash=cash, agent=key.address, signature=signature)
            stored = self.register.record(wanted, identifier, (uetr,))
        elif stored.cash != cash:
            raise Contradiction(f"call {cash.call_id}: {stored.cash.amount} is signed, {cash.amount} never can be")
        self.board.publish_cash(stored)
        if is_new:
            self._note("margin signed", identifier, f"{cash.amount} for call {cash.call_id}")
        return is_new

    def _remember(self, agreement: AgreementId, call: str) -> None:
        """What only the board knows of what this agent signed, after its register was lost."""
        own = {key.address for key in self.keys}
        for one in self.board.cash_attestations(agreement, call):
            if one.agent not in own:
                continue
            with suppress(InvalidInput, ValueError):
                if recover(cash_digest(one.cash, self.ledger.register), one.signature) == one.agent:
                    self.register.record(one, SettlementId(""), ("board",))

    def _ask(self, view: CashView) -> bool:
        """Asks the RTGS for what it may have told and the line lost; a release that was lost goes out again."""
        if not is_open(view) or view.payment is None:
            self._asked.pop(view.settlement_id, None)
            return False
        now = self.clock.now()
        begun, last = self._asked.setdefault(view.settlement_id, (now, None))
        if not due(begun, last, now):
            return False
        self._asked[view.settlement_id] = begun, now
        self._sent.discard(view.settlement_id)
        try:
            self.cash.send(status_request(self.bic, self.rtgs, view.payment.uetr, view.settlement_id, now))
        except Unavailable:
            raise
        except LockstepError as error:
            self._note("status refused", view.settlement_id, str(error))
        return True

    def _forget(self, identifier: SettlementId) -> None:
        self._named.pop(identifier, None)
        self._asked.pop(identifier, None)
        self._sent.discard(identifier)

    def _note(self, kind: str, identifier: SettlementId, detail: str = "") -> None:
        self.journal.note(self.clock.now(), kind, identifier, detail)


def _call(payment: MarginPayment) -> Call:
    return payment.agreement_id, margin_call_id(payment.agreement_id, payment.salt)


def _may_have_moved(view: CashView) -> bool:
    """By either of the RTGS's two messages, whatever else it said."""
    return not view.is_never and (view.state is PaymentState.BOOKED or view.noticed_at is not None)
