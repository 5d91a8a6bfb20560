"""After the service's records were lost: what the ledgers show of trades that the records do not have.

The instructions come again, one by one, and make the same trades; their locks are found on the chain
(`stepping`). Four things cannot wait for that:

- A payment that the RTGS tells of, and no trade has. Its trade is not ordered again before the chain shows what
  became of the payment's lock: the buyer would pay twice. Where a reorganisation below the finality depth took the
  lock, the trade stops with its BREAK; where the trade never comes, the journal tells a `break`, once.
- A lock that no trade has, with a payment or without, is ended on the agents' proof (`carrying`), whether its
  instructions ever come again or not.
- A payment that is the collateral register's (`naming`) is none of a lost trade's: the journal says once what it is,
  and it is kept for the call, claim or sale that it pays, should that be handed in again.
- A cancellation of an instruction that was handed in again, or that an unclaimed payment may be for, and whose
  counterpart is not there yet. It is done once the chain shows no lock that may be its trade's; else it is kept, for
  the trade.

No payment is booked before its lock is final. So a final block that is later than the booking, or than the loss,
shows every lock that can matter, unless that is gone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast

from lockstep.domain.cash import CashView
from lockstep.domain.errors import LeaseLost, LockstepError, Unavailable
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import Instruction, Side
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.order import AssetEvent, Order
from lockstep.domain.payment import BookingNotice, Payment, PaymentReport, PaymentState
from lockstep.domain.trade import Reason, Trade
from lockstep.flow.carrying import carry
from lockstep.flow.naming import RegistersOwn, facts_of
from lockstep.flow.reporting import cancel_unmatched
from lockstep.flow.wants import CashViewOf, FinalTime, History, Steps, UnclaimedOf
from lockstep.ports import (
    AssetLedger,
    AttestationBoard,
    Book,
    Change,
    MarginBook,
    PaymentBook,
    SettlementBody,
    StoredInstruction,
    Unclaimed,
)

__all__ = [
    "Lookup",
    "decide_cancellations",
    "lock_of",
    "look_at_unclaimed",
    "payer_of",
    "require_no_payment",
    "unclaimed_by",
]

SKEW = timedelta(minutes=15)
"""So far may the clocks of the chain, the RTGS and the service lie apart."""
AGAIN = timedelta(hours=1)
"""From one look at an unclaimed payment to the next."""
SOON = timedelta(seconds=15)
"""The same, while its lock is open."""
AT_MOST = 100
"""Unclaimed payments looked at in one pass."""
_REORGANISED = "the chain reorganised below its finality depth"


class Lookup(Protocol):
    """Of the records, what tells whose a payment is."""

    def instruction(self, owner: Lei, reference: Reference) -> StoredInstruction | None: ...

    def trade(self, trade_id: TradeId) -> Trade | None: ...


def unclaimed_by(book: Lookup, market: Market, said: SettlementBody, now: datetime) -> Unclaimed | None:
    """The settlement of the first message about it, if no trade has it: a trade has its settlement before it pays."""
    if isinstance(said, PaymentReport):
        if _claimed(book, market, said.payment):
            return None
        settlement, salt = said.payment.settlement_id, said.payment.salt
    elif isinstance(said, BookingNotice):  # it does not name the trade; by the next look the payment is known
        settlement, salt = said.settlement_id, said.salt
    else:
        return None
    return Unclaimed(settlement_id=settlement, salt=salt, due=now.replace(microsecond=0))


def require_no_payment(trade: Trade) -> Steps[None]:
    """A trade that has no lock is ordered, or ended, only if none of its settlements can be paid.

    Raises LockstepError where one can, and its lock is gone; Unavailable while the chain may yet show that.
    """
    for settlement in (yield from UnclaimedOf(trade.terms.salt)):
        view = yield from CashViewOf(settlement)
        if settlement == trade.settlement_id or view is None or view.is_never:
            continue
        told = view.booked_at or view.noticed_at or view.decided_at
        late = told is not None and _later((yield from FinalTime()), told)
        if not late or (yield from History(settlement)):
            raise Unavailable(f"the RTGS has a payment of settlement {settlement}, and the chain not yet its lock")
        if view.contradiction is not None:
            raise LockstepError(f"{view.contradiction}: of settlement {settlement}, which has no lock")
        state = "booked" if _is_booked(view) or view.state is None else view.state.name.lower()
        raise LockstepError(f"the payment of settlement {settlement} is {state} and its lock is gone: {_REORGANISED}")


def lock_of(known: Sequence[SettlementId]) -> Steps[SettlementId]:
    """Of a trade's locks, as its parties can make several, the one that is paid: the first not given back."""
    for identifier in known[:-1]:
        history = yield from History(identifier)
        if not any(event.name == "GivenBack" and event.final for event in history):
            return identifier
    return known[-1]


def look_at_unclaimed(
    book: Book,
    assets: AssetLedger,
    board: AttestationBoard,
    market: Market,
    now: datetime,
    register: RegistersOwn | None = None,
) -> Iterator[Change]:
    """What has become of unclaimed settlements that are due, in one change. Those whose lock is open are carried on.

    Raises Unavailable.
    """
    due = book.unclaimed_due(now, AT_MOST)
    if not due:
        return
    look = _Look(
        book=book,
        assets=assets,
        board=board,
        market=market,
        register=register,
        final=datetime.fromtimestamp(assets.final_time(), UTC),
        now=now.replace(microsecond=0),
    )
    changes = [look.at_or_again(one) for one in due]
    left = [one.settlement_id for change in changes for one in change.unclaimed if one.settlement_id not in look.own]
    payments = [view.payment for one in left if (view := book.cash_view(one)) is not None and view.payment is not None]
    yield Change(
        entries=tuple(entry for change in changes for entry in change.entries),
        instructions=tuple(
            replace(stored, late=now)
            for stored in book.waiting()
            if not stored.late and any(_pays_for(payment, stored.instruction, market) for payment in payments)
        ),
        unclaimed=tuple(one for change in changes for one in change.unclaimed),
        claimed=tuple(settlement for change in changes for settlement in change.claimed),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One look at several unclaimed settlements."""

    book: Book
    assets: AssetLedger
    board: AttestationBoard
    market: Market
    register: RegistersOwn | None
    final: datetime
    """When the last final block was made, asked before the chain's events."""
    now: datetime
    own: set[SettlementId] = field(default_factory=set)
    """Of those that were looked at, the collateral register's."""

    def at_or_again(self, one: Unclaimed) -> Change:
        """What cannot be looked at now keeps none of the others waiting."""
        try:
            return self.at(one)
        except LeaseLost:
            raise
        except LockstepError:
            return Change(unclaimed=(replace(one, due=self.now + SOON),))

    def at(self, one: Unclaimed) -> Change:
        settlement, view = one.settlement_id, self.book.cash_view(one.settlement_id)
        if view is not None and view.payment is not None and _claimed(self.book, self.market, view.payment):
            return Change(claimed=(settlement,))
        if view is not None and view.contradiction is not None:  # which was told
            return Change(unclaimed=(replace(one, due=None),))
        history = self.assets.history(settlement)
        if self._is_of_a_trade(settlement, history):
            return Change(claimed=(settlement,))
        if any(event.name == "Locked" for event in history) and not _ended(history):
            return self._carried(one, history, view)
        if view is None or view.is_never:
            return Change(claimed=(settlement,))
        if (own := self._of_register(one, view)) is not None:
            return own
        again = Change(unclaimed=(replace(one, due=self.now + AGAIN),))
        told = view.booked_at or view.noticed_at
        if told is None or self.final <= told + SKEW:
            return again
        if any(event.name == "Settled" and event.final for event in history):
            return Change(unclaimed=(replace(one, due=None),))
        if history or _trade_at_it(self.book, self.market, view):
            return again
        return Change(entries=(self._break(settlement, view),), unclaimed=(replace(one, due=None),))

    def _is_of_a_trade(self, settlement: SettlementId, history: Sequence[AssetEvent]) -> bool:
        """Whether the trade that the lock names goes on with it."""
        order = next((event.order for event in history if event.order is not None), None)
        trade = self.book.trade(order.terms.trade_id) if order is not None else None
        return trade is not None and trade.settlement_id == settlement

    def _of_register(self, one: Unclaimed, view: CashView) -> Change | None:
        """What it pays, told once; None: it is not the register's."""
        payment = None if self.register is None else self.register.named([view]).get(one.settlement_id)
        if payment is None or view.payment is None:
            return None
        self.own.add(one.settlement_id)
        facts, reference = facts_of(payment), Reference(view.payment.end_to_end_id)
        case = cast(MarginBook, self.book).margin_case(payment.agreement_id, reference)
        stored = cast(PaymentBook, self.book).register_payment(facts["call_id"])
        if (case is not None and case.is_counted) or (stored is not None and not stored.is_open):
            return Change(claimed=(one.settlement_id,))  # heard of after it counted
        facts["rule"] = "a payment of the collateral register's: it counts there, whether its call is handed in or not"
        entry = Entry(at=self.now, kind="register payment", subject=one.settlement_id, facts=facts)
        return Change(entries=(entry,), unclaimed=(replace(one, due=None),))

    def _carried(self, one: Unclaimed, history: Sequence[AssetEvent], view: CashView | None) -> Change:
        """The lock ended, if that can be proved; how is told once."""
        again = replace(one, due=self.now + SOON)
        became = carry(history, view, self.assets, self.board, self.market)
        if became is None:
            return Change(unclaimed=(again,))
        facts = {"step": became, "rule": "a lock is ended on the agents' proof, also where its trade is not known"}
        last = self.book.last_said(one.settlement_id)
        if last is not None and last.entry.kind == "carried" and last.entry.facts == facts:
            return Change(unclaimed=(again,))
        entry = Entry(at=self.now, kind="carried", subject=one.settlement_id, facts=facts)
        return Change(entries=(entry,), unclaimed=(again,))

    def _break(self, settlement: SettlementId, view: CashView) -> Entry:
        rule = "a payment is booked for a lock, and of a trade"
        facts = {"rule": rule, "actual": f"neither is there: {_REORGANISED}"}
        if view.payment is not None:
            facts |= {
                "debtor": f"{view.payment.debtor.owner}/{view.payment.debtor.number}",
                "creditor": f"{view.payment.creditor.owner}/{view.payment.creditor.number}",
                "amount": str(view.payment.amount),
                "end_to_end_id": view.payment.end_to_end_id,
            }
        return Entry(at=self.now, kind="break", subject=settlement, facts=facts)


def _ended(history: Sequence[AssetEvent]) -> bool:
    return any(event.name in ("Settled", "GivenBack") and event.final for event in history)


def _pays_for(payment: Payment, instruction: Instruction, market: Market) -> bool:
    """Whether it may be the payment of the trade that an instruction is one side of."""
    if instruction.settlement_date != payment.settlement_date:
        return False
    accounts = payment.debtor, payment.creditor
    sides = market.participants[instruction.receiver.lei], market.participants[instruction.deliverer.lei]
    if tuple(one.account_in(payment.amount.currency) for one in sides) != accounts:
        return False
    is_payer = instruction.side is Side.RECEIVE
    return instruction.reference == payment.end_to_end_id if is_payer else instruction.cash == payment.amount


def _is_booked(view: CashView) -> bool:
    return view.state is PaymentState.BOOKED or view.noticed_at is not None


def _passed(assets: AssetLedger, instant: datetime) -> bool:
    """Whether a final block is later. To be asked before the chain's events: those are then no older."""
    return _later(assets.final_time(), instant)


def _later(final_time: int, instant: datetime) -> bool:
    return datetime.fromtimestamp(final_time, UTC) > instant + SKEW


def payer_of(payment: Payment, market: Market) -> tuple[Lei, Reference] | None:
    """The instruction that a payment names: its owner, if that is a participant, and its reference."""
    payer = next((lei for lei, one in market.participants.items() if one.bic == payment.debtor.owner), None)
    return None if payer is None else (payer, Reference(payment.end_to_end_id))


def _trade_of(book: Lookup, market: Market, payment: Payment) -> Trade | None:
    """The trade of the instruction that a payment names."""
    named = payer_of(payment, market)
    stored = None if named is None else book.instruction(*named)
    return None if stored is None or stored.trade_id is None else book.trade(stored.trade_id)


def _claimed(book: Lookup, market: Market, payment: Payment) -> bool:
    trade = _trade_of(book, market, payment)
    return trade is not None and trade.settlement_id == payment.settlement_id


def _trade_at_it(book: Book, market: Market, view: CashView) -> bool:
    """Whether a trade stops for the payment, or will: see `require_no_payment`."""
    if view.payment is None:
        return any(trade.settlement_id == view.settlement_id for trade in book.open_trades())
    trade = _trade_of(book, market, view.payment)
    return trade is not None and trade.order is None and not trade.state.is_end


def decide_cancellations(
    waiting: Iterable[StoredInstruction], book: Book, assets: AssetLedger, market: Market, now: datetime
) -> Iterator[Change]:
    """Cancels what waits, was handed in again and was locked by no trade that the records lost. Raises Unavailable."""
    for one in waiting:
        stored = book.instruction(*one.key) if one.cancellations else None
        if stored is None or stored.status != "WAITING":
            continue
        if stored.perhaps is not None and book.trade(stored.perhaps) is None:
            continue
        if not _passed(assets, stored.late or stored.received_at):
            continue
        perhaps = _lost_trade(stored.instruction, book, assets, market)
        if perhaps is None:
            yield _cancelled(stored, market, now)
        elif perhaps != stored.perhaps:
            rule = "a cancellation of what may have been locked waits for the counterpart's instruction"
            facts = {"trade_id": perhaps, "rule": rule}
            entry = Entry(at=now, kind="cancellation waits", subject=stored.instruction.reference, facts=facts)
            yield Change(entries=(entry,), instructions=(replace(stored, perhaps=perhaps),))


def _lost_trade(instruction: Instruction, book: Book, assets: AssetLedger, market: Market) -> TradeId | None:
    """A trade that the chain has a lock of, and no record, and that the instruction may be one side of."""
    for settlement in tuple(assets.locked()):
        order = next((event.order for event in assets.history(settlement) if event.order is not None), None)
        if order is not None and _may_be(instruction, order, market) and book.trade(order.terms.trade_id) is None:
            return order.terms.trade_id
    return None


def _may_be(instruction: Instruction, order: Order, market: Market) -> bool:
    """Wallets are left out, as a bank may have another by now: what is kept is decided when its trade comes."""
    security = market.security(instruction.isin)
    return (
        order.movement.token == security.token
        and order.movement.quantity == instruction.quantity.units(security.decimals)
        and order.terms.pay_by == int(market.pay_by_on(instruction.settlement_date).timestamp())
    )


def _cancelled(stored: StoredInstruction, market: Market, now: datetime) -> Change:
    reason = Reason(code="CANI", text="cancelled by the party that instructed, before any match")
    subject = stored.instruction.reference
    entry = Entry(at=now, kind="cancelled unmatched", subject=subject, facts={"reason": str(reason)})
    return Change(
        entries=(entry,),
        instructions=(replace(stored, status="CANCELLED", reason=reason),),
        outgoing=cancel_unmatched(market, stored, reason, stored.cancellations, now),
    )
