"""Carrying a step out: reserve the id, persist the intent, act, and let the next look observe.

Nothing here concludes from having sent something; only from what a ledger shows at the next look. Each step is written
as one trade's; many are carried out side by side (`together`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lockstep.domain.errors import UNNAMED_REVERTS, ContractRefused, LockstepError, Refused, Unavailable
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.instruction import Side
from lockstep.domain.journal import Entry
from lockstep.domain.message import Message
from lockstep.domain.order import NO_PROOF, AssetStatus, EndCall, LockCall, OutcomeResult, Proof
from lockstep.domain.trade import Reason, Trade, TradeState
from lockstep.domain.values import replace
from lockstep.flow.answering import Answering, SettleAll, has_failed
from lockstep.flow.asking import begun_at, due, half_told, statement_request, status_request, turn_of
from lockstep.flow.beside import Beside
from lockstep.flow.ordering import cancel_message, order_for, payment_message, payment_uetr
from lockstep.flow.pacing import Moved
from lockstep.flow.recovering import lock_of, require_no_payment
from lockstep.flow.settling import INTENTS, Sight, Step, decide, is_doubted, observed, require_never_locked
from lockstep.flow.storing import Storing
from lockstep.flow.together import together
from lockstep.flow.wants import (
    AttestationsOf,
    CashViewOf,
    Commit,
    EpochOf,
    FreeNonce,
    GiveBack,
    History,
    Lock,
    NewNonce,
    Obstacle,
    Send,
    Settle,
    SettlementsOf,
    Sign,
    Steps,
    TradeOf,
    View,
)
from lockstep.ports import (
    AssetLedger,
    AttestationBoard,
    Book,
    CashBody,
    CashSystem,
    Change,
    OrderWallet,
)
from lockstep.signing import build_proof, check_order, settlement_id

__all__ = ["Settler"]

CASH_ATTEMPTS_AT_MOST = 20
_SHORT = Reason(code="LACK", text="the seller is short of free units")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settler(Storing):
    """Trades' next steps, over the ports."""

    book: Book
    assets: AssetLedger
    cash: CashSystem
    wallet: OrderWallet
    board: AttestationBoard
    beside: Beside | None = None

    def advance(self, trade: Trade) -> bool:
        """One trade's next step. True if anything moved.

        Raises Unavailable when a ledger does not answer: nothing was concluded, the next pass goes on.
        """
        (moved,) = self.advance_all([trade])
        if isinstance(moved, LockstepError):
            raise moved
        return bool(moved)

    def advance_all(
        self,
        trades: Sequence[Trade],
        keep: Callable[[], None] = lambda: None,
        settle: SettleAll | None = None,
        *,
        halted: bool = False,
    ) -> list[bool | Moved | LockstepError]:
        """Each trade's next step, side by side: whether anything moved, or why this one could not be stepped.

        `keep` is called before each piece of it; `settle` delivers, instead of the ledger alone. While the chain is
        `halted` what is paid is delivered, and nothing else. Raises LeaseLost where all of it is another worker's now.
        """
        step = self.deliver_paid if halted else self.step
        ask = self._world(keep, settle)
        return together([step(trade) for trade in trades], ask, has_failed(self.book), ask.begin)

    def set_apart(
        self, broken: Sequence[tuple[Trade, LockstepError]], keep: Callable[[], None] = lambda: None
    ) -> list[bool | LockstepError]:
        """Shows people the trades that cannot be stepped, once per error. They are looked at again later.

        Whether that was new, or why it could not be stored. Raises LeaseLost.
        """
        return together(
            [self._set_apart(trade, error) for trade, error in broken], self._world(keep), has_failed(self.book)
        )

    def _world(self, keep: Callable[[], None], settle: SettleAll | None = None) -> Answering:
        return Answering(
            book=self.book,
            assets=self.assets,
            cash=self.cash,
            wallet=self.wallet,
            board=self.board,
            keep=keep,
            settle=settle,
            beside=self.beside,
        )

    # --- one trade

    def step(self, trade: Trade) -> Steps[bool | Moved]:
        """Looks at both ledgers, stores what changed, takes the next step. True if anything moved."""
        sight, proof = yield from self._look(trade)
        seen = observed(trade, sight)
        step = decide(seen, sight)
        moved: bool | Moved = seen != trade
        if moved:
            seen = yield from self._store_observation(trade, seen, sight, INTENTS.get(step))
            moved = Moved.SENT  # until a ledger tells more
        if step in (Step.SETTLE, Step.GIVE_BACK):
            moved = (yield from self._end(seen, step, proof)) or moved
        elif step in _ACTIONS:
            moved = (yield from _ACTIONS[step](self, seen)) or moved
        return moved or (yield from self._ask(seen, sight))

    def deliver_paid(self, trade: Trade) -> Steps[bool | Moved]:
        """All that is done while the chain is halted: what is paid is delivered, on the agents' proof."""
        sight, proof = yield from self._look(trade)
        if decide(trade, sight) is not Step.SETTLE or not sight.paid_proven:
            return False
        return (yield from self._end(trade, Step.SETTLE, proof))

    def _set_apart(self, trade: Trade, error: LockstepError) -> Steps[bool]:
        current = yield from TradeOf(trade.trade_id)
        return current is not None and (yield from self._wait_for(current, Reason(code="BREAK", text=str(error))))

    def _look(self, trade: Trade) -> Steps[tuple[Sight, Proof | None]]:
        """Both ledgers, and a quorum's proof of what the cash side says, if it is there."""
        now = self.clock.now()
        if trade.order is None or trade.settlement_id is None:
            return Sight(now=now, asset=None, cash=None), None
        cash = yield from CashViewOf(trade.settlement_id)
        asset = yield from View(trade.settlement_id, trade.order)
        proof, paid, never = None, False, False
        is_open = asset.final is AssetStatus.LOCKED and not asset.head.is_done  # else no proof is read
        if is_open and cash is not None and (cash.is_booked or cash.is_never):
            result = OutcomeResult.PAID if cash.is_booked else OutcomeResult.NEVER
            proof = yield from self._proof(trade, result)
            paid, never = proof is not None and cash.is_booked, proof is not None and cash.is_never
        return Sight(now=now, asset=asset, cash=cash, paid_proven=paid, never_proven=never), proof

    def _proof(self, trade: Trade, result: OutcomeResult) -> Steps[Proof | None]:
        """The order's own epoch proves it, whoever serves now: the contract takes no other's word."""
        assert trade.settlement_id is not None and trade.order is not None
        attestations = yield from AttestationsOf(trade.settlement_id)
        if not attestations:
            return None
        epoch = yield from EpochOf(trade.order.movement.epoch)
        return build_proof(result, attestations, epoch, self.market.network)

    # --- before the lock

    def _prepare(self, trade: Trade) -> Steps[bool]:
        """Obstacles are judged before anything is signed or reserved, so that a refusal leaves nothing behind."""
        known = yield from SettlementsOf(trade.trade_id)
        if known:
            return (yield from self._adopt(trade, (yield from lock_of(known))))
        yield from require_no_payment(trade)
        now = self.clock.now()
        if now > self.market.pay_by_on(trade.terms.settlement_date):
            return (yield from self._cancel(trade))
        epoch = yield from EpochOf()
        draft = order_for(trade, self.market, epoch=epoch.number, nonce=0, now=int(now.timestamp()))
        obstacle = yield from Obstacle(draft)
        if obstacle is not None and obstacle.code == "LACK":
            return (yield from self._wait_for(trade, obstacle))
        if obstacle is not None:
            return (yield from self._ended(trade, TradeState.CANCELLED, obstacle))
        nonce = yield from self._nonce(trade, draft.movement.seller)
        order = replace(draft, movement=replace(draft.movement, nonce=nonce))
        identifier = settlement_id(order, self.market.network)
        ordered = replace(trade, order=order, settlement_id=identifier, reason=None)
        stored = yield from self._commit(ordered, "ordered", settlement_id=identifier, nonce=str(nonce))
        yield from self._sign(stored)
        return True

    def _nonce(self, trade: Trade, seller: str) -> Steps[int]:
        """The lapsed order's, unless the chain has seen it used; else a fresh one."""
        reserved = trade.reserved_nonce
        if reserved is not None and (yield from FreeNonce(seller, reserved)) == reserved:
            return reserved
        return (yield from NewNonce(seller))

    def _adopt(self, trade: Trade, identifier: SettlementId) -> Steps[bool]:
        """The chain has a lock of this trade that the records do not: they were lost. It goes on from there.

        Raises Refused where both parties locked other terms under this trade's id.
        """
        history = yield from History(identifier)
        order = next((event.order for event in history if event.order is not None), None)
        if order is None:
            raise Unavailable(f"the node shows settlement {identifier} and no longer its lock")
        check_order(order, trade.terms, self.market)
        adopted = replace(trade, order=order, settlement_id=identifier, reason=None)
        entry = Entry(
            at=self.clock.now(),
            kind="adopted from the chain",
            subject=trade.trade_id,
            facts={"settlement_id": identifier},
        )
        yield from Commit(Change(entries=(entry,), trades=(adopted,), claimed=(identifier,)))
        return True

    def _sign(self, trade: Trade) -> Steps[bool]:
        assert trade.order is not None
        try:
            seller = trade.seller_signature or (yield from Sign(trade.order, trade.terms, Side.DELIVER))
            buyer = trade.buyer_signature or (yield from Sign(trade.order, trade.terms, Side.RECEIVE))
        except Refused as error:
            return (yield from self._give_up(trade, Reason(code="WLLT", text=f"a wallet refused to sign: {error}")))
        signed = replace(trade, seller_signature=seller, buyer_signature=buyer)
        if signed == trade:
            return False
        yield from self._commit(signed, "signed", settlement_id=str(trade.settlement_id))
        return True

    def _lock(self, trade: Trade) -> Steps[bool | Moved]:
        assert trade.order and trade.settlement_id and trade.seller_signature and trade.buyer_signature
        yield from require_no_payment(trade)
        decided = yield from self._intend(trade, "lock")
        try:
            yield from Lock(
                LockCall(
                    settlement_id=trade.settlement_id,
                    order=trade.order,
                    seller=trade.seller_signature,
                    buyer=trade.buyer_signature,
                )
            )
        except ContractRefused as error:
            if error.name == "InsufficientFreeUnits":
                return (yield from self._wait_for(decided, _SHORT))
            if error.name in ("NonceUsed", "LockByPassed", "NotCurrentEpoch"):
                # Locked already by someone else's hand, or never to be: the chain shows which, finally.
                return decided != trade
            if error.name in UNNAMED_REVERTS:  # perhaps the node's trouble: tried again until the order lapses
                return (yield from self._wait_for(decided, Reason(code="LOCK", text=f"the lock fails: {error}")))
            return (
                yield from self._give_up(decided, Reason(code="LOCK", text=f"the contract refuses the lock: {error}"))
            )
        return _sent(trade, decided)

    def _renew(self, trade: Trade) -> Steps[bool]:
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
        yield from self._commit(renewed, "order lapsed", settlement_id=str(trade.settlement_id))
        return True

    def _cancel(self, trade: Trade) -> Steps[bool]:
        known = yield from SettlementsOf(trade.trade_id)
        locked = (yield from lock_of(known)) if known else None
        if locked is not None and locked == trade.settlement_id:
            return False  # it is locked after all: one of two looks was wrong, the next decides
        if locked is not None:
            return (yield from self._adopt(trade, locked))
        require_never_locked(trade)
        yield from require_no_payment(trade)
        if trade.cancel_agreed:
            reason = Reason(code="CANI", text="cancelled: both parties asked, before any lock")
        elif trade.reason is not None and trade.reason.code != "BREAK":
            reason = trade.reason
        else:
            reason = Reason(code="LATE", text="not locked before the time to pay was over")
        return (yield from self._ended(trade, TradeState.CANCELLED, reason))

    # --- locked

    def _request_cash(self, trade: Trade) -> Steps[bool | Moved]:
        decided = yield from self._intend(trade, "cash")
        message = payment_message(decided, self.market, decided.intents["cash"])
        return (yield from self._send_cash(decided, message)) or _sent(trade, decided)

    def _cancel_cash(self, trade: Trade) -> Steps[bool | Moved]:
        decided = yield from self._intend(trade, "cancel cash")
        known = (yield from CashViewOf(trade.settlement_id)) if trade.settlement_id else None
        message = cancel_message(decided, self.market, decided.intents["cancel cash"], known)
        return (yield from self._send_cash(decided, message)) or _sent(trade, decided)

    def _send_cash(self, trade: Trade, message: Message[CashBody]) -> Steps[bool]:
        try:
            yield from Send(message)
        except Unavailable:
            raise
        except LockstepError as error:
            if isinstance(error, Refused) and error.name in ("UetrConflict", "MessageConflict"):
                return (yield from self._next_cash_attempt(trade, error))
            reason = Reason(code="CASH", text=f"the RTGS does not take the message: {error}")
            return (yield from self._wait_for(trade, reason))
        return False

    def _next_cash_attempt(self, trade: Trade, error: Refused) -> Steps[bool]:
        """Somebody spent our id on other content: the same wish goes out under the next."""
        if trade.cash_attempt >= CASH_ATTEMPTS_AT_MOST:
            return (
                yield from self._wait_for(trade, Reason(code="CASH", text=f"the RTGS has all our ids already: {error}"))
            )
        yield from self._commit(replace(trade, cash_attempt=trade.cash_attempt + 1), "cash id taken", reason=str(error))
        return True

    def _ask(self, trade: Trade, sight: Sight) -> Steps[bool | Moved]:
        """Asks the RTGS about a payment that it told no end of, or another than the chain's. See `asking`."""
        begun = begun_at(trade, sight.cash, doubted=is_doubted(sight))
        if trade.state.is_end or begun is None:
            return False
        last = trade.intents.get("status asked")
        if not due(turn_of(trade, begun), last, sight.now):
            return False
        now = sight.now.replace(microsecond=0)
        intents = {**trade.intents, "status asked": now}
        subject = str(trade.settlement_id)
        asked = yield from self._commit(replace(trade, intents=intents), "status asked", settlement_id=subject)
        known = sight.cash.payment if sight.cash is not None else None
        uetr = payment_uetr(trade) if known is None else known.uetr
        question = status_request(self.market.service, self.market.rtgs, uetr, subject, now)
        refused = yield from self._question(asked, question)
        if refused == "PaymentUnknown" and "cancel cash" in trade.intents:
            yield from self._question(asked, cancel_message(asked, self.market, now, sight.cash, again=True))
        if last is not None and half_told(sight.cash):
            yield from self._question(asked, statement_request(asked, self.market, now))
        return Moved.ASKED

    def _question(self, trade: Trade, message: Message[CashBody]) -> Steps[str | None]:
        """Sends it; the name of its refusal, which concludes nothing and is journalled."""
        try:
            yield from Send(message)
        except Unavailable:
            raise
        except LockstepError as error:
            facts = {"message": type(message.body).__name__, "rule": str(error)}
            entry = Entry(at=self.clock.now(), kind="question refused", subject=trade.trade_id, facts=facts)
            yield from Commit(Change(entries=(entry,)))
            return error.name if isinstance(error, Refused) else "InvalidMessage"
        return None

    def _end(self, trade: Trade, step: Step, proof: Proof | None) -> Steps[bool | Moved]:
        """Delivers or gives back. After payment nothing is terminal: a refusal is shown and retried."""
        assert trade.order is not None and trade.settlement_id is not None
        decided = yield from self._intend(trade, step.value)
        call = EndCall(settlement_id=trade.settlement_id, order=trade.order, proof=proof or NO_PROOF)
        try:
            yield from Settle(call) if step is Step.SETTLE else GiveBack(call)
        except ContractRefused as error:
            reason = Reason(code="CHAIN", text=f"the contract refuses, retried: {error}")
            return (yield from self._wait_for(decided, reason))
        return _sent(trade, decided)


def _sent(trade: Trade, decided: Trade) -> bool | Moved:
    """Sent again, with nothing new to remember, it did not move."""
    return Moved.SENT if decided != trade else False


_ACTIONS: Mapping[Step, Callable[[Settler, Trade], Steps[bool] | Steps[bool | Moved]]] = {
    Step.PREPARE: lambda settler, trade: settler._prepare(trade),
    Step.SIGN: lambda settler, trade: settler._sign(trade),
    Step.LOCK: lambda settler, trade: settler._lock(trade),
    Step.RENEW: lambda settler, trade: settler._renew(trade),
    Step.CANCEL: lambda settler, trade: settler._cancel(trade),
    Step.REQUEST_CASH: lambda settler, trade: settler._request_cash(trade),
    Step.CANCEL_CASH: lambda settler, trade: settler._cancel_cash(trade),
}
