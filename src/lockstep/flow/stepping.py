"""Carrying a step out: reserve the id, persist the intent, act, and let the next look observe.

Nothing here concludes from having sent something; only from what a ledger shows at the next look.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from lockstep.domain.errors import UNNAMED_REVERTS, ContractRefused, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.instruction import AdviceStatus, CancellationStatus, Side
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.order import OutcomeResult, Proof
from lockstep.domain.trade import Reason, Trade, TradeState
from lockstep.flow.asking import due, half_told, is_open, statement_request, status_request
from lockstep.flow.ordering import cancel_message, order_for, payment_message, payment_uetr
from lockstep.flow.reporting import advise_both, answer_request, confirm_both
from lockstep.flow.settling import Sight, Step, decide, observed, require_never_locked
from lockstep.ports import (
    AssetLedger,
    AttestationBoard,
    Book,
    CashBody,
    CashSystem,
    Change,
    Clock,
    OrderWallet,
    PartyBody,
)
from lockstep.signing import build_proof, check_order, settlement_id

__all__ = ["Settler"]

CASH_ATTEMPTS_AT_MOST = 20
_SHORT = Reason(code="LACK", text="the seller is short of free units")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settler:
    """One trade's next step, over the ports."""

    market: Market
    book: Book
    assets: AssetLedger
    cash: CashSystem
    wallet: OrderWallet
    board: AttestationBoard
    clock: Clock

    def advance(self, trade: Trade) -> bool:
        """Looks at both ledgers, stores what changed, takes the next step. True if anything moved.

        Raises Unavailable when a ledger does not answer: nothing was concluded, the next pass goes on.
        """
        sight = self._look(trade)
        seen = observed(trade, sight)
        moved = seen != trade
        if moved:
            seen = self._store_observation(trade, seen, sight)
        step = decide(seen, sight)
        action = self._actions().get(step)
        moved = (action(seen) if action else False) or moved
        return moved or self._ask(seen, sight)

    def deliver_paid(self, trade: Trade) -> bool:
        """All that is done while the chain is halted: what is paid is delivered, on the agents' proof."""
        sight = self._look(trade)
        return sight.paid_proven and decide(trade, sight) is Step.SETTLE and self._end(trade, OutcomeResult.PAID)

    def set_apart(self, trade: Trade, error: LockstepError) -> bool:
        """Shows people a trade that cannot be stepped, once per error. It is looked at again each pass."""
        current = self.book.trade(trade.trade_id)
        return current is not None and self._wait_for(current, Reason(code="BREAK", text=str(error)))

    def _actions(self) -> Mapping[Step, Callable[[Trade], bool]]:
        return {
            Step.PREPARE: self._prepare,
            Step.SIGN: self._sign,
            Step.LOCK: self._lock,
            Step.RENEW: self._renew,
            Step.CANCEL: self._cancel,
            Step.REQUEST_CASH: self._request_cash,
            Step.CANCEL_CASH: self._cancel_cash,
            Step.SETTLE: lambda trade: self._end(trade, OutcomeResult.PAID),
            Step.GIVE_BACK: lambda trade: self._end(trade, OutcomeResult.NEVER),
        }

    def _look(self, trade: Trade) -> Sight:
        if trade.order is None or trade.settlement_id is None:
            return Sight(now=self.clock.now(), asset=None, cash=None)
        cash = self.book.cash_view(trade.settlement_id)
        paid, never = (cash.is_booked, cash.is_never) if cash else (False, False)
        return Sight(
            now=self.clock.now(),
            asset=self.assets.view(trade.settlement_id, trade.order),
            cash=cash,
            paid_proven=paid and self._proof(trade, OutcomeResult.PAID) is not None,
            never_proven=never and self._proof(trade, OutcomeResult.NEVER) is not None,
        )

    def _proof(self, trade: Trade, result: OutcomeResult) -> Proof | None:
        """The order's own epoch proves it, whoever serves now: the contract takes no other's word."""
        assert trade.settlement_id is not None and trade.order is not None
        attestations = self.board.attestations(trade.settlement_id)
        if not attestations:
            return None
        epoch = self.assets.epoch(trade.order.movement.epoch)
        return build_proof(result, attestations, epoch, self.market.network)

    # --- before the lock

    def _prepare(self, trade: Trade) -> bool:
        """Obstacles are judged before anything is signed, so that a refusal leaves nothing behind."""
        known = self.assets.settlements_of(trade.trade_id)
        if known:
            return self._adopt(trade, known[-1])
        now = self.clock.now()
        if now > self.market.pay_by_on(trade.terms.settlement_date):
            return self._cancel(trade)
        seller = self.market.participants[trade.terms.deliverer].wallet
        order = order_for(
            trade,
            self.market,
            epoch=self.assets.epoch().number,
            nonce=self._nonce(trade, seller),
            now=int(now.timestamp()),
        )
        obstacle = self.assets.obstacle(order)
        if obstacle is not None and obstacle.code == "LACK":
            return self._wait_for(trade, obstacle)
        if obstacle is not None:
            return self._ended(trade, TradeState.CANCELLED, obstacle)
        identifier = settlement_id(order, self.market.network)
        ordered = replace(trade, order=order, settlement_id=identifier, reason=None)
        self._sign(self._commit(ordered, "ordered", settlement_id=identifier, nonce=str(order.movement.nonce)))
        return True

    def _nonce(self, trade: Trade, seller: str) -> int:
        """The lapsed order's, unless the chain has seen it used; else a fresh one."""
        reserved = trade.reserved_nonce
        if reserved is not None and self.assets.next_nonce(seller, reserved) == reserved:
            return reserved
        return self.assets.next_nonce(seller, self.book.next_order_nonce(seller))

    def _adopt(self, trade: Trade, identifier: SettlementId) -> bool:
        """The chain has a lock of this trade that the records do not: they were lost. It goes on from there.

        Raises Refused where both parties locked other terms under this trade's id.
        """
        history = self.assets.history(identifier)
        order = next((event.order for event in history if event.order is not None), None)
        if order is None:
            raise Unavailable(f"the node shows settlement {identifier} and no longer its lock")
        check_order(order, trade.terms, self.market)
        adopted = replace(trade, order=order, settlement_id=identifier, reason=None)
        self._commit(adopted, "adopted from the chain", settlement_id=identifier)
        return True

    def _sign(self, trade: Trade) -> bool:
        assert trade.order is not None
        try:
            seller = trade.seller_signature or self.wallet.sign(trade.order, trade.terms, Side.DELIVER)
            buyer = trade.buyer_signature or self.wallet.sign(trade.order, trade.terms, Side.RECEIVE)
        except Refused as error:
            return self._give_up(trade, Reason(code="WLLT", text=f"a wallet refused to sign: {error}"))
        signed = replace(trade, seller_signature=seller, buyer_signature=buyer)
        if signed == trade:
            return False
        self._commit(signed, "signed", settlement_id=str(trade.settlement_id))
        return True

    def _lock(self, trade: Trade) -> bool:
        assert trade.order and trade.settlement_id and trade.seller_signature and trade.buyer_signature
        decided = self._intend(trade, "lock")
        try:
            self.assets.lock(trade.settlement_id, trade.order, trade.seller_signature, trade.buyer_signature)
        except ContractRefused as error:
            if error.name == "InsufficientFreeUnits":
                return self._wait_for(decided, _SHORT)
            if error.name in ("NonceUsed", "LockByPassed", "NotCurrentEpoch"):
                # Locked already by someone else's hand, or never to be: the chain shows which, finally.
                return decided != trade
            if error.name in UNNAMED_REVERTS:  # perhaps the node's trouble: tried again until the order lapses
                return self._wait_for(decided, Reason(code="LOCK", text=f"the lock fails: {error}"))
            return self._give_up(decided, Reason(code="LOCK", text=f"the contract refuses the lock: {error}"))
        return decided != trade

    def _renew(self, trade: Trade) -> bool:
        """The order can never be locked any more, finally: its time or its epoch is over. A new one takes its place.

        Raises LockstepError where it was locked, finally, and is no more: a payment may be on its way for it.
        """
        require_never_locked(trade)
        intents = {name: at for name, at in trade.intents.items() if name != "lock"}
        renewed = replace(
            trade,
            attempt=trade.attempt + 1,
            reserved_nonce=trade.order.movement.nonce if trade.order else None,
            order=None,
            settlement_id=None,
            seller_signature=None,
            buyer_signature=None,
            intents=intents,
        )
        self._commit(renewed, "order lapsed", settlement_id=str(trade.settlement_id))
        return True

    def _cancel(self, trade: Trade) -> bool:
        known = self.assets.settlements_of(trade.trade_id)
        if known and known[-1] == trade.settlement_id:
            return False  # it is locked after all: one of two looks was wrong, the next decides
        if known:
            return self._adopt(trade, known[-1])
        require_never_locked(trade)
        if trade.cancel_agreed:
            reason = Reason(code="CANI", text="cancelled: both parties asked, before any lock")
        elif trade.reason is not None:
            reason = trade.reason
        else:
            reason = Reason(code="LATE", text="not locked before the time to pay was over")
        return self._ended(trade, TradeState.CANCELLED, reason)

    # --- locked

    def _request_cash(self, trade: Trade) -> bool:
        decided = self._intend(trade, "cash")
        return self._send_cash(decided, payment_message(decided, self.market, decided.intents["cash"])) or (
            decided != trade
        )

    def _cancel_cash(self, trade: Trade) -> bool:
        decided = self._intend(trade, "cancel cash")
        known = self.book.cash_view(trade.settlement_id) if trade.settlement_id else None
        message = cancel_message(decided, self.market, decided.intents["cancel cash"], known)
        return self._send_cash(decided, message) or decided != trade

    def _send_cash(self, trade: Trade, message: Message[CashBody]) -> bool:
        try:
            self.cash.send(message)
        except Unavailable:
            raise
        except LockstepError as error:
            if isinstance(error, Refused) and error.name in ("UetrConflict", "MessageConflict"):
                return self._next_cash_attempt(trade, error)
            reason = Reason(code="CASH", text=f"the RTGS does not take the message: {error}")
            return self._wait_for(trade, reason)
        return False

    def _next_cash_attempt(self, trade: Trade, error: Refused) -> bool:
        """Somebody spent our id on other content: the same wish goes out under the next."""
        if trade.cash_attempt >= CASH_ATTEMPTS_AT_MOST:
            return self._wait_for(trade, Reason(code="CASH", text=f"the RTGS has all our ids already: {error}"))
        self._commit(replace(trade, cash_attempt=trade.cash_attempt + 1), "cash id taken", reason=str(error))
        return True

    def _ask(self, trade: Trade, sight: Sight) -> bool:
        """Asks the RTGS about a payment that it has not told the end of, after a wait. See `asking`."""
        begun = [trade.intents[name] for name in ("cash", "cancel cash") if name in trade.intents]
        if trade.state.is_end or not begun or not is_open(sight.cash):
            return False
        last = trade.intents.get("status asked")
        if not due(min(begun), last, sight.now):
            return False
        now = sight.now.replace(microsecond=0)
        asked = self._commit(
            replace(trade, intents={**trade.intents, "status asked": now}),
            "status asked",
            settlement_id=str(trade.settlement_id),
        )
        known = sight.cash.payment if sight.cash is not None else None
        uetr = payment_uetr(trade) if known is None else known.uetr
        subject = str(trade.settlement_id)
        refused = self._question(asked, status_request(self.market.service, self.market.rtgs, uetr, subject, now))
        if refused == "PaymentUnknown" and "cancel cash" in trade.intents:
            self._question(asked, cancel_message(asked, self.market, now, sight.cash, again=True))
        if last is not None and half_told(sight.cash):
            self._question(asked, statement_request(asked, self.market, now))
        return True

    def _question(self, trade: Trade, message: Message[CashBody]) -> str | None:
        """Sends it; the name of its refusal, which concludes nothing and is journalled."""
        try:
            self.cash.send(message)
        except Unavailable:
            raise
        except LockstepError as error:
            facts = {"message": type(message.body).__name__, "rule": str(error)}
            entry = Entry(at=self.clock.now(), kind="question refused", subject=trade.trade_id, facts=facts)
            self.book.commit(Change(entries=(entry,)))
            return error.name if isinstance(error, Refused) else "InvalidMessage"
        return None

    def _end(self, trade: Trade, result: OutcomeResult) -> bool:
        """Delivers or gives back. After payment nothing is terminal: a refusal is shown and retried."""
        assert trade.order is not None and trade.settlement_id is not None
        decided = self._intend(trade, "settle" if result is OutcomeResult.PAID else "give back")
        proof = self._proof(trade, result) or Proof(quorum=0, signers=0, signatures=b"", absent=())
        act = self.assets.settle if result is OutcomeResult.PAID else self.assets.give_back
        try:
            act(trade.settlement_id, trade.order, proof)
        except ContractRefused as error:
            return self._wait_for(decided, Reason(code="CHAIN", text=f"the contract refuses, retried: {error}"))
        return decided != trade

    # --- storing

    def _intend(self, trade: Trade, name: str) -> Trade:
        """The trade with an intent and its time, durable before anything leaves."""
        if name in trade.intents:
            return trade
        intents = {**trade.intents, name: self.clock.now().replace(microsecond=0)}
        return self._commit(replace(trade, intents=intents), f"{name} intended", settlement_id=str(trade.settlement_id))

    def _give_up(self, trade: Trade, reason: Reason) -> bool:
        """No further try with this order; it ends once nobody can lock it any more."""
        if "give up" in trade.intents:
            return False
        intents = {**trade.intents, "give up": self.clock.now()}
        self._commit(replace(trade, reason=reason, intents=intents), "given up", reason=str(reason))
        return True

    def _wait_for(self, trade: Trade, reason: Reason) -> bool:
        """Remembers, and tells both, why a trade waits; once per reason."""
        if trade.reason == reason:
            return False
        now = self.clock.now()
        self.book.commit(
            Change(
                entries=(Entry(at=now, kind="waiting", subject=trade.trade_id, facts={"reason": str(reason)}),),
                trades=(replace(trade, reason=reason),),
                outgoing=advise_both(self.book, self.market, trade, AdviceStatus.PENDING, now, reason),
            )
        )
        return True

    def _ended(self, trade: Trade, state: TradeState, reason: Reason) -> bool:
        now = self.clock.now()
        ended = trade.moved(state, reason)
        facts = {"from": trade.state.value, "reason": str(reason)}
        self.book.commit(
            Change(
                entries=(Entry(at=now, kind=state.value.lower(), subject=trade.trade_id, facts=facts),),
                trades=(ended,),
                outgoing=self._ending_messages(ended, now),
            )
        )
        return True

    def _store_observation(self, before: Trade, after: Trade, sight: Sight) -> Trade:
        """State, journal entry and the messages that tell of it: one commit."""
        now = sight.now
        outgoing: tuple[Message[PartyBody], ...] = ()
        if after.state.is_end:
            outgoing = self._ending_messages(after, now)
        elif after.reason is not None and after.reason != before.reason and not (sight.cash and sight.cash.is_never):
            outgoing = advise_both(self.book, self.market, after, AdviceStatus.PENDING, now, after.reason)
        facts = {"from": before.state.value, "settlement_id": str(after.settlement_id)}
        if after.reason is not None:
            facts["reason"] = str(after.reason)
        changed = after.state is not before.state
        kind = after.state.value.lower() if changed else "waiting" if after.reason else "going on"
        self.book.commit(
            Change(
                entries=(Entry(at=now, kind=kind, subject=after.trade_id, facts=facts),),
                trades=(after,),
                outgoing=outgoing,
            )
        )
        return replace(after, version=after.version + 1)

    def _ending_messages(self, trade: Trade, now: datetime) -> tuple[Message[PartyBody], ...]:
        """sese.025 for a settled trade, sese.024 for one that ended otherwise, and open sese.027s."""
        messages: tuple[Message[PartyBody], ...]
        if trade.state is TradeState.SETTLED:
            assert trade.settlement_id is not None
            events = self.assets.history(trade.settlement_id)
            settled_at = next((event.at for event in events if event.name == "Settled"), None)
            if settled_at is None:
                raise Unavailable(f"the node shows settlement {trade.settlement_id} settled and not yet the event")
            messages = confirm_both(self.book, self.market, trade, trade.settlement_id, settled_at, now)
        else:
            messages = advise_both(self.book, self.market, trade, AdviceStatus.CANCELLED, now, trade.reason)
        denied = trade.state is TradeState.SETTLED
        for request in self.book.cancellations(trade.trade_id):
            stored = self.book.instruction(request.body.owner.lei, request.body.reference)
            if stored is None:
                continue
            status = CancellationStatus.DENIED if denied else CancellationStatus.CANCELLED
            late = Reason(code="DSET", text="the trade has settled") if denied else None
            messages += (answer_request(self.market, stored.instruction, request, status, now, late),)
        return messages

    def _commit(self, trade: Trade, kind: str, **facts: str) -> Trade:
        """Stores a trade with its journal entry; returns it as stored."""
        entry = Entry(at=self.clock.now(), kind=kind, subject=trade.trade_id, facts=facts)
        self.book.commit(Change(entries=(entry,), trades=(trade,)))
        return replace(trade, version=trade.version + 1)
