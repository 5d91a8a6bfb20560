"""The settling state machine, level-triggered: look at both ledgers, take the one next step.

`decide` is the whole protocol as one pure function; `observed` says what a look at the ledgers
makes of a trade. `Settler` in `flow.stepping` carries a step out.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from lockstep.domain.cash import CashView
from lockstep.domain.errors import LockstepError
from lockstep.domain.order import AssetStatus, AssetView
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import Reason, Trade, TradeState

__all__ = ["INTENTS", "Sight", "Step", "decide", "is_doubted", "observed", "require_never_locked"]


_REORGANISED = "the chain reorganised below its finality depth"
_LONG_STOP = Reason(code="NVER", text="given back by the long stop; the payment is being cancelled")


class Step(Enum):
    """What a trade wants next."""

    WAIT = "wait"
    HALT = "halt"  # two facts exclude each other: people decide
    PREPARE = "prepare"  # judge the obstacles and write the order
    SIGN = "sign"  # ask both wallets
    LOCK = "lock"
    RENEW = "renew"  # the order went stale unlocked: a new settlement
    CANCEL = "cancel"  # never locked, and never can be
    REQUEST_CASH = "request cash"
    CANCEL_CASH = "cancel cash"  # ask for the outcome never
    SETTLE = "settle"
    GIVE_BACK = "give back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Both ledgers at one look, and whether a quorum's proof of either outcome is there."""

    now: datetime
    asset: AssetView | None
    """None before there is an order."""
    cash: CashView | None
    paid_proven: bool = False
    never_proven: bool = False


def wants_out(trade: Trade, now: datetime) -> bool:
    """Both parties asked, the attempt was given up, or the time to pay is over."""
    late = trade.order is not None and now.timestamp() > trade.order.terms.pay_by
    return trade.cancel_agreed or "give up" in trade.intents or late


def decide(trade: Trade, sight: Sight) -> Step:
    """The one next step."""
    if trade.state.is_end:
        return Step.WAIT
    if contradiction(sight) is not None:
        return Step.HALT
    if trade.order is None or sight.asset is None:
        return _before_order(trade, sight.now)
    asset = sight.asset
    if asset.head is AssetStatus.NONE and asset.final is AssetStatus.NONE:
        return _before_lock(trade, asset, sight.now)
    if asset.head is asset.final is AssetStatus.CANCELLED:  # a party burnt the order before any lock
        return Step.CANCEL if wants_out(trade, sight.now) else Step.RENEW
    if asset.final is AssetStatus.GIVEN_BACK and _cash_may_come(trade, sight.cash):
        return Step.CANCEL_CASH
    if asset.head.is_done or asset.final not in (AssetStatus.LOCKED, AssetStatus.PAID):
        return Step.WAIT  # for finality
    return _locked(trade, asset, sight)


def _before_order(trade: Trade, now: datetime) -> Step:
    if wants_out(trade, now) or now.date() > trade.terms.settlement_date:
        return Step.CANCEL
    return Step.WAIT if now.date() < trade.terms.settlement_date else Step.PREPARE


def _before_lock(trade: Trade, asset: AssetView, now: datetime) -> Step:
    """Once both have signed, anyone may lock until `lock_by`, or until the next epoch: only then is it over."""
    assert trade.order is not None
    signed = trade.seller_signature is not None and trade.buyer_signature is not None
    stale = asset.final_time > trade.order.terms.lock_by or asset.epoch_over
    if wants_out(trade, now):
        return Step.CANCEL if stale or not signed else Step.WAIT
    if stale:
        return Step.RENEW
    return Step.LOCK if signed else Step.SIGN


def _locked(trade: Trade, asset: AssetView, sight: Sight) -> Step:
    cash = sight.cash
    if asset.final is AssetStatus.PAID or (cash is not None and cash.is_booked):
        return Step.SETTLE if asset.final is AssetStatus.PAID or sight.paid_proven else Step.WAIT
    if cash is not None and cash.state is PaymentState.BOOKED:
        return Step.WAIT  # for the booking notice
    if cash is not None and cash.is_never:
        return Step.GIVE_BACK if sight.never_proven else Step.WAIT
    if wants_out(trade, sight.now):
        return Step.CANCEL_CASH
    return Step.REQUEST_CASH if cash is None or cash.state is None else Step.WAIT


def _cash_may_come(trade: Trade, cash: CashView | None) -> bool:
    """The payment was asked for, or is there, and has not ended. Given back on a proof of *never*, it has."""
    if cash is not None and cash.state is not None:
        return cash.state in (PaymentState.HELD, PaymentState.PENDING)
    return "cash" in trade.intents


def contradiction(sight: Sight) -> str | None:
    """Two facts that cannot both be true, in words; None when all is well.

    Where the RTGS told two stories nothing is done by them; but an end that the chain shows, finally, is a quorum's
    proof or two officers' decision: people have decided, and the trade ends with it.
    """
    asset, cash = sight.asset, sight.cash
    if cash is not None and cash.contradiction is not None:
        decided = asset is not None and asset.final in (AssetStatus.SETTLED, AssetStatus.GIVEN_BACK)
        return None if decided else cash.contradiction
    if asset is None or cash is None:
        return None
    if asset.final is AssetStatus.GIVEN_BACK and cash.state is PaymentState.BOOKED:
        return "the units were given back and the payment is booked"
    if asset.final in (AssetStatus.SETTLED, AssetStatus.PAID) and cash.is_never:
        return "the chain has it paid and the payment is refused"
    unlocked = asset.head in (AssetStatus.NONE, AssetStatus.CANCELLED)
    if unlocked and cash.state is not None and not cash.state.is_never:
        said = cash.state.name.lower()
        return f"the payment is {said} and nothing is locked: paid too early, or {_REORGANISED}"
    return None


def is_doubted(sight: Sight) -> bool:
    """Whether the RTGS told one story, and the chain ended by the other: on a quorum's proof, or by two officers."""
    ended = sight.asset is not None and sight.asset.final in (
        AssetStatus.SETTLED,
        AssetStatus.PAID,
        AssetStatus.GIVEN_BACK,
    )
    told_once = sight.cash is not None and sight.cash.contradiction is None
    return ended and told_once and contradiction(sight) is not None


def observed(trade: Trade, sight: Sight) -> Trade:
    """The trade as a look at both ledgers shows it: its state and why it waits."""
    conflict = contradiction(sight)
    if conflict is not None:
        return replace(trade, reason=Reason(code="BREAK", text=conflict))
    asset, cash = sight.asset, sight.cash
    if asset is None or asset.final in (AssetStatus.NONE, AssetStatus.CANCELLED, AssetStatus.IN_PARTS):
        return trade
    if asset.final is AssetStatus.SETTLED:
        return trade.moved(TradeState.SETTLED)
    was_paid = trade.state is TradeState.PAID  # then there is nothing to cancel, and people must look
    if asset.final is AssetStatus.GIVEN_BACK and not was_paid and _cash_may_come(trade, cash):
        return replace(trade, reason=_kept(trade, trade.state) or _LONG_STOP)  # the money is let go, then it ends
    if asset.final is AssetStatus.GIVEN_BACK:
        return trade.moved(TradeState.RELEASED, _why_never(trade, cash))
    if asset.final is AssetStatus.PAID or (cash is not None and cash.is_booked):
        return trade.moved(TradeState.PAID, _kept(trade, TradeState.PAID))
    held = cash is not None and cash.state is PaymentState.HELD
    if trade.state is TradeState.PAID or (trade.state is TradeState.EARMARKED and not held):
        return trade
    if cash is not None and cash.state is PaymentState.PENDING:
        text = cash.reason or "the buyer's account is short of funds"
        return trade.moved(TradeState.LOCKED, Reason(code="MONY", text=text))
    if held:
        return trade.moved(TradeState.EARMARKED, _kept(trade, TradeState.EARMARKED))
    never = cash is not None and cash.is_never
    told = _kept(trade, TradeState.LOCKED)
    return trade.moved(TradeState.LOCKED, told or (_why_never(trade, cash) if never else None))


def _kept(trade: Trade, state: TradeState) -> Reason | None:
    """A ledger's refusal stays the reason until the state changes: it is told once, not at each look."""
    told = trade.reason is not None and trade.reason.code in ("CASH", "CHAIN")
    return trade.reason if told and trade.state is state else None


def _why_never(trade: Trade, cash: CashView | None) -> Reason:
    if trade.cancel_agreed:
        return Reason(code="CANI", text="cancelled: both parties asked, before the payment was booked")
    if cash is None or not cash.is_never:
        return Reason(code="NVER", text="given back on the agents' proof, or by the long stop")
    if cash.reason is None:
        return Reason(code="NVER", text="given back on the agents' proof that it will never be paid")
    if trade.reason is not None and trade.reason.code == "MONY":
        return Reason(code="MONY", text=f"the buyer was short of cash; {cash.reason}")
    return Reason(code=cash.reason_code or "NVER", text=cash.reason)


def require_never_locked(trade: Trade) -> None:
    """What was final is gone: the residual risk of the protocol, which stops the trade and is for people.

    Raises LockstepError.
    """
    if trade.state is not TradeState.MATCHED:
        raise LockstepError(f"settlement {trade.settlement_id} was locked and the lock is gone: {_REORGANISED}")


INTENTS = {
    Step.REQUEST_CASH: "cash",
    Step.CANCEL_CASH: "cancel cash",
    Step.SETTLE: "settle",
    Step.GIVE_BACK: "give back",
}
"""What follows at once from a look, by the name of its intent."""
