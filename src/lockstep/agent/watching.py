"""The agent's step: read the mailbox, look at the node, release what is locked, sign what is decided.

Its memory is the mailbox itself, re-read from the start after a restart, and the register. Every
step may be repeated: a second release and a second publication change nothing. Before its first act,
and while anything speaks against its register, it is silent.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from lockstep.agent.asking import never_request
from lockstep.agent.judging import Evidence, judge_never_request, judge_outcome, judge_proceeds, judge_release
from lockstep.agent.looking import Look, order_in
from lockstep.agent.margin_desk import MarginDesk
from lockstep.agent.speaking import NO_SETTLEMENT, Signed, Speaker
from lockstep.domain.cash import CashView
from lockstep.domain.collateral.register import Agreement
from lockstep.domain.errors import Contradiction, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import SettlementId, derive_message_id, derive_uetr
from lockstep.domain.message import Message
from lockstep.domain.order import AssetEvent, AssetStatus, Attestation, Order, OutcomeResult
from lockstep.domain.payment import PaymentState, Release
from lockstep.flow.asking import is_open, status_request
from lockstep.flow.mirroring import fold, said_by, settlement_of
from lockstep.ports import CashBody, SettlementBody, Unreadable
from lockstep.signing import outcome_digest

__all__ = ["Agent"]

UNTIL_LATER = ("LockMissing", "LockNotFinal", "PayByNotPassed", "PaymentKnown", "PaymentOpen")
"""Why it does not ask for a tombstone, where time may mend it."""
PAGE, PAGES_AT_ONCE = 1_000, 10
"""Of mail, in one step; a mailbox of more is read on in the next one, before anything is done."""
WHOLE_PAGE = 200
"""Fewer messages are all that there are: see `ports.CashSystem.receive`."""


@dataclass(slots=True, kw_only=True)
class Agent(Speaker):
    """One synchronisation agent over its own ports. Call `step` again and again."""

    margin: MarginDesk | None = None
    """Where the market has a collateral register."""
    _cursor: int = 0

    def step(self) -> bool:
        """One pass; True if anything was done. What a ledger does not answer for waits."""
        if not self._is_reconciled():
            return False
        self._steps += 1
        self._look = Look(self.assets)
        try:
            self._write_logs(look=self._is_to_look)
        except Contradiction:
            return True
        except Unavailable:
            return False
        try:
            done, is_all = self._read_mail()
        except LockstepError:
            done, is_all = False, None
        self._publish_again()  # the chain is looked at after the mail was read, which tells of what may be newer
        if is_all is False:
            return True  # the half of a contradiction is no story: what is there is read before anything is done
        if is_all is None or not self._is_heard:  # whatever it is, nothing can be concluded from it
            return False
        try:
            locked = self.assets.locked()
        except LockstepError:
            return False
        done |= self._attend_all(sorted(one for one in self._watched if self._has_work(one) and one in locked))
        if not self._reconciled:
            return True
        done |= self._attend_margin(locked)
        for settlement in self._asked.due(locked, self.clock.now(), look=self._is_to_look):
            try:
                done |= self._ask(settlement)
            except LockstepError:  # nothing is known, of this one; the others go on
                continue
        return done | self._sign_batches()

    def _attend_all(self, settlements: Sequence[SettlementId]) -> bool:
        """Judges each by itself; then sends all releases, and signs all outcomes."""
        self._look = Look(self.assets)
        self._look.ask_histories(settlements)
        held = [one for one in settlements if self._views[one].state is PaymentState.HELD]
        self._look.ask_earlier(held)
        self._look.ask_views(self._to_release(held))
        releases: list[Message[CashBody]] = []
        signed: list[Signed] = []
        for settlement in settlements:
            try:
                wish = self._attend(self._views[settlement])
            except Unavailable:
                continue
            if isinstance(wish, Message):
                releases.append(wish)
            elif wish is not None:
                signed.append(wish)
        done = self._send(releases)
        return self._leave(signed) or done

    def _attend_margin(self, locked: Collection[SettlementId]) -> bool:
        """What no lock has may be margin."""
        if self.margin is None:
            return False
        unlocked = sorted(one for one in self._watched if one in self._views and one not in locked)
        done, over = self.margin.attend([self._views[one] for one in unlocked])
        done |= self.margin.attend_sales()
        for settlement in over:
            self._watched.discard(settlement)
            self._views.pop(settlement, None)
        return done

    def _has_work(self, settlement: SettlementId) -> bool:
        """What is released waits for the RTGS to say more."""
        return settlement not in self._released or self._views[settlement].state is not PaymentState.HELD

    def _to_release(self, held: Sequence[SettlementId]) -> dict[SettlementId, Order]:
        """Those whose state at the final block will be asked for."""
        orders = {}
        for one in held:
            known = self._look.known_order(one)
            if known is not None and known[1]:
                orders[one] = known[0]
        return orders

    def _ask(self, settlement: SettlementId) -> bool:
        """Asks the RTGS for what it may have told and the line lost; a release that was lost goes out again.

        The payment's first UETR follows from the settlement; of a later one only the RTGS's mail tells.
        """
        view, now = self._views.get(settlement), self.clock.now()
        if not is_open(view):
            self._asked.close(settlement)
            return False
        if self._is_over(settlement):
            self._asked.close(settlement)
            return False
        self._asked.note(settlement, now)
        self._released.discard(settlement)
        uetr = derive_uetr(settlement, 1) if view is None or view.payment is None else view.payment.uetr
        try:
            self.cash.send(status_request(self.bic, self.rtgs, uetr, settlement, now))
        except Unavailable:
            raise
        except LockstepError as error:  # not known there, or not yet
            self.register.note(now, "status refused", settlement, str(error))
        self._ask_for_never(view or CashView(settlement_id=settlement), now)
        return True

    def _ask_for_never(self, view: CashView, now: datetime) -> None:
        """The exit of a lock whose payment never came. At the quorum of agents the RTGS says never, and all sign.

        Asked for again and again, as `due` has it, until it is said: the request or the answer may be lost.
        """
        settlement = view.settlement_id
        if self.register.find(settlement) is not None or self.register.is_forgone(settlement):
            return
        evidence = self._evidence(view)
        order = order_in(evidence.history)
        if order is None:
            return
        try:
            judge_never_request(evidence, self._look.view(settlement, order), now)
            self.cash.send(never_request(self.bic, self.rtgs, settlement, now))
        except Unavailable:
            raise
        except LockstepError as error:
            if not (isinstance(error, Refused) and error.name in UNTIL_LATER):
                self.register.note(now, "never refused", settlement, str(error))
        else:
            self.register.note(now, "asked for never", settlement)

    def _read_mail(self) -> tuple[bool, bool]:
        """Whether there was any, and whether that was all of it. Others' messages say nothing."""
        done = False
        for _ in range(PAGES_AT_ONCE):
            mail = self.cash.receive(self._cursor, PAGE)
            done |= bool(mail)
            for sequence, item in mail:
                if isinstance(item, Unreadable):  # what it would have told, `_ask` asks for
                    self.register.note(self.clock.now(), "unreadable", NO_SETTLEMENT, f"mail {sequence}: {item.error}")
                elif item.sender == self.rtgs:
                    for said in said_by(item.body):
                        self._hear(said)
                self._cursor = sequence
            if len(mail) < WHOLE_PAGE:
                return done, True
        return True, False

    def _hear(self, said: SettlementBody) -> None:
        settlement = settlement_of(said)
        before = self._views.get(settlement)
        view = fold(before, said)
        if not is_open(before) and is_open(view):
            self._asked.reopen(settlement)
        if settlement in self._watched:
            self._views[settlement] = view
            return
        stored = self._unended.get(settlement) or self.register.find(settlement)
        if stored is None or settlement in self._unended:  # else it is past
            self._views[settlement] = view
        self._watch(view, stored)

    def _watch(self, view: CashView, stored: Attestation | None) -> None:
        """Puts a settlement on the list of those to attend to, unless it is signed, or left to the others."""
        settlement = view.settlement_id
        if view.contradiction or (stored is None and not self.register.is_forgone(settlement)):
            self._watched.add(settlement)
        if stored is not None and _tells_the_opposite(view, stored):
            doubt = f"settlement {settlement}: {stored.result.name} is signed, and the mail tells the opposite"
            self.register.note(self.clock.now(), "contradiction", settlement, doubt)

    def _attend(self, view: CashView) -> Message[CashBody] | Signed | None:
        """A release, or a signature that has not left; None for now. Raises Unavailable."""
        settlement = view.settlement_id
        try:
            if view.state is PaymentState.HELD:
                return self._release(view)
            return self._sign(view)
        except Unavailable:
            raise
        except Refused as error:
            if error.name not in ("LockMissing", "LockNotFinal"):  # those two time may mend
                self.register.note(self.clock.now(), "refused", settlement, str(error))
                with suppress(LockstepError):
                    if error.name == "Contradiction" or self._is_over(settlement):
                        self._watched.discard(settlement)
            return None
        except LockstepError as error:  # this settlement is for people; the others go on
            self.register.note(self.clock.now(), "failed", settlement, str(error))
            return None

    def _evidence(self, view: CashView, *, to_release: bool = False) -> Evidence:
        """The other settlements of the trade matter for a release alone: what the RTGS decided of this one is signed
        also while the chain is in doubt about those."""
        history = self._look.history(view.settlement_id)
        order = order_in(history)
        return Evidence(
            history=history,
            cash=view,
            market=self.market,
            epoch=self.assets.epoch(order.movement.epoch if order is not None else None),
            agents=tuple(key.address for key in self._keys),
            earlier=self._earlier(view.settlement_id, order) if to_release else (),
            sold_under=self._sold_under(order, view.settlement_id),
        )

    def _sold_under(self, order: Order | None, settlement: SettlementId) -> Agreement | None:
        """Whom a sale of pledged units pays, and in what; of all else the seller of the order is paid."""
        if self.margin is None or order is None or order.movement.seller != self.market.network.collateral:
            return None
        return self.margin.sold_under(settlement)

    def _earlier(self, settlement: SettlementId, order: Order | None) -> list[Sequence[AssetEvent]]:
        """What became of the settlements of the same trade that were locked before this one."""
        if order is None:
            return []
        locked = list(self._look.settlements_of(order.terms.trade_id))
        if settlement not in locked:
            raise Unavailable(f"the node took back the lock of {settlement} between two looks")
        return [self._look.history(one) for one in locked[: locked.index(settlement)]]

    def _release(self, view: CashView) -> Message[CashBody] | None:
        if view.settlement_id in self._released or view.payment is None:
            return None
        evidence = self._evidence(view, to_release=True)
        judge_release(evidence)
        order = next(event.order for event in evidence.history if event.order is not None)
        if self._look.view(view.settlement_id, order).final is not AssetStatus.LOCKED:
            return None  # the events run ahead of the state: the next step sees which is right
        return Message(
            sender=self.bic,
            receiver=self.rtgs,
            message_id=derive_message_id(self.bic, view.settlement_id, "camt.007"),
            created=view.decided_at or self.clock.now(),
            body=Release(uetr=view.payment.uetr, settlement_id=view.settlement_id),
        )

    def _send(self, releases: Sequence[Message[CashBody]]) -> bool:
        """Hands over the releases of a step. What gets no answer is sent again at the next one."""
        notes: list[tuple[str, SettlementId, str]] = []
        gone = 0
        for message, error in zip(releases, self._handed_over(releases), strict=True):
            assert isinstance(message.body, Release)
            settlement = message.body.settlement_id
            if isinstance(error, Unavailable):
                continue
            if error is None:
                notes.append(("released", settlement, ""))
            else:
                notes.append(("release refused", settlement, str(error)))
                if not (isinstance(error, Refused) and error.name == "PaymentEnded"):
                    continue  # a passing refusal is tried again
            self._released.add(settlement)
            gone += 1
        if notes:
            self.register.note_all(self.clock.now(), notes)
        return gone > 0

    def _handed_over(self, releases: Sequence[Message[CashBody]]) -> Sequence[LockstepError | None]:
        """What came of each: None where the RTGS has it."""
        bulk = getattr(self.cash, "send_all", None)
        if bulk is not None and len(releases) > 1:
            try:
                answers: Sequence[LockstepError | None] = bulk(releases)
            except LockstepError as error:
                nothing_known = error if isinstance(error, Unavailable) else Unavailable(str(error))
                return [nothing_known] * len(releases)
            return answers
        return [self._error_of(message) for message in releases]

    def _error_of(self, message: Message[CashBody]) -> LockstepError | None:
        try:
            self.cash.send(message)
        except LockstepError as error:
            return error
        return None

    def _sign(self, view: CashView) -> Signed | None:
        """Signed is for the order's epoch: the contract takes no other."""
        evidence = self._evidence(view)
        if self.margin is not None and judge_proceeds(evidence):
            assert view.payment is not None  # the judgement found it
            self.margin.note_sale(view.settlement_id, view.payment.amount.amount)
        result = judge_outcome(evidence)
        if result is None:
            return None
        epoch = evidence.epoch
        key = next(one for one in self._keys if one.address in epoch.agents)  # the judgement found one
        digest = outcome_digest(view.settlement_id, result, epoch.number, self.market.network)
        attestation = Attestation(
            settlement_id=view.settlement_id,
            result=result,
            epoch=epoch.number,
            agent=key.address,
            signature=key.sign(digest),
        )
        return attestation, (view.payment.uetr if view.payment else "camt.029",)


def _tells_the_opposite(view: CashView, stored: Attestation) -> bool:
    """Of a booking either of the two messages does, beside a signed NEVER."""
    if stored.result is OutcomeResult.PAID:
        return view.is_never
    return view.contradiction is None and (view.state is PaymentState.BOOKED or view.noticed_at is not None)
