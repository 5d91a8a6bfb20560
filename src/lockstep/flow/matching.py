"""Two-sided matching: two instructions that say the same thing become a trade.

Matched on: parties, ISIN, quantity and its type, currency, trade and settlement date, and each
other's reference where one is given; cash within the market's tolerance. The deliverer's amount
settles. Source of the field set: the CSD matching fields of Regulation (EU) 2018/1229, article 5.
"""

import hmac
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Protocol

from lockstep.domain.identifiers import Lei, Reference
from lockstep.domain.instruction import AdviceStatus, Instruction, Side
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.trade import Reason, Trade, TradeState, TradeTerms
from lockstep.domain.values import replace
from lockstep.flow.receives import Receives
from lockstep.flow.reporting import advise, cancel_unmatched
from lockstep.ports import Change, StoredInstruction

__all__ = ["AGE_OUT", "LostTrades", "agree", "match", "match_key", "put_off", "salt_of", "trade_of"]

_HELD = Reason(code="CMIS", text="handed in again: it may be a side of a settlement whose other side has not come")
_PUT_OFF = Reason(code="CMIS", text="not known yet whether it is a side of a settlement that the records lost")

AGE_OUT = timedelta(days=20)
"""After the settlement date; T2S cancels unmatched instructions after twenty business days."""

SHOWN = 3
"""Amounts of the counterparty that one who waits is told."""
LOOKS = 200
"""Instructions looked at between two calls of `keep`: a few dozen milliseconds."""


class LostTrades(Protocol):
    """Trades that the ledgers have and the records do not."""

    def had(self, deliver: StoredInstruction, receive: StoredInstruction, salt: str) -> bool:
        """Whether two instructions are one of them, with the salt that they make."""

    def may_have(self, stored: StoredInstruction) -> bool:
        """Whether an instruction may be a side of one of them."""


def match(
    waiting: Sequence[StoredInstruction],
    market: Market,
    salt_key: bytes,
    now: datetime,
    lost: LostTrades | None = None,
    keep: Callable[[], None] = lambda: None,
) -> list[Change]:
    """One change per new trade, per instruction that aged out, and per change of why one waits.

    Every instruction is told its status the first time, and with it that it was accepted: nothing else tells so.

    `lost` tells of trades that the ledgers have and the records do not: what is handed in again after a loss, perhaps
    in another order, matches first what it had matched before, and else nothing as long as it may be a side of one
    whose other side has not come. None: there are none. `keep` is called again and again on the way.
    """
    at_work = _every(LOOKS, keep)
    changes: list[Change] = []
    by_key: dict[tuple[object, ...], list[StoredInstruction]] = defaultdict(list)
    matched: set[tuple[object, object]] = set()
    for stored in waiting:
        if now.date() - AGE_OUT > stored.instruction.settlement_date:
            changes.append(_aged_out(stored, market, now))
        else:
            by_key[_key(stored.instruction)].append(stored)
    for group in by_key.values():
        for deliver, receive in _lost_pairs(group, market, salt_key, lost, at_work) if lost else ():
            if not {deliver.key, receive.key} & matched:
                matched |= {deliver.key, receive.key}
                changes.append(_matched(deliver, receive, market, salt_key, now))
        held = {one.key for one in group if one.late and lost.may_have(one)} - matched if lost else set()
        apart = matched | held
        free = {side: {one.key: one for one in _of(side, group) if one.key not in apart} for side in Side}
        receives = Receives(free[Side.RECEIVE].values())
        for deliver in list(free[Side.DELIVER].values()):
            at_work()
            best = receives.nearest(deliver, market.tolerances.get(deliver.instruction.cash.currency))
            if best is not None:
                receives.take(best)
                del free[Side.DELIVER][deliver.key], free[Side.RECEIVE][best.key]
                changes.append(_matched(deliver, best, market, salt_key, now))
        left = {side: sorted(free[side].values(), key=_amount) for side in Side}
        for stored in group:
            at_work()
            if stored.key in held:
                changes.extend(_still_waiting(stored, _HELD, market, now))
            elif stored.key in free[stored.instruction.side]:
                others = _nearest(stored, left[stored.instruction.side.other])
                changes.extend(_still_waiting(stored, _why_waiting(stored, others, market), market, now))
    return changes


def put_off(
    waiting: Sequence[StoredInstruction], market: Market, now: datetime
) -> tuple[list[StoredInstruction], set[tuple[Lei, Reference]], list[Change]]:
    """While it cannot be known what the records lost: those that can be matched all the same, the keys of those that
    must wait, as one of them was handed in again, and what these are told if nothing was told them yet.
    """
    unsure = {match_key(one.instruction) for one in waiting if one.late}
    left = [one for one in waiting if match_key(one.instruction) in unsure]
    free = [one for one in waiting if match_key(one.instruction) not in unsure]
    told = [change for one in left if one.reason is None for change in _still_waiting(one, _PUT_OFF, market, now)]
    return free, {one.key for one in left}, told


def _every(times: int, call: Callable[[], None]) -> Callable[[], None]:
    """Calls at the first time, and once in so many times."""
    counted = count()
    return lambda: call() if next(counted) % times == 0 else None


def _of(side: Side, group: Iterable[StoredInstruction]) -> Iterator[StoredInstruction]:
    return (one for one in group if one.instruction.side is side)


def _lost_pairs(
    group: Sequence[StoredInstruction],
    market: Market,
    salt_key: bytes,
    lost: LostTrades,
    at_work: Callable[[], None],
) -> list[tuple[StoredInstruction, StoredInstruction]]:
    """The pairs that were a trade before the records were lost."""
    if not any(one.late for one in group):
        return []
    pairs, receives = [], Receives(_of(Side.RECEIVE, group))
    for deliver in _of(Side.DELIVER, group):
        for receive in receives.all_for(deliver, market.tolerances.get(deliver.instruction.cash.currency)):
            at_work()
            if (deliver.late or receive.late) and lost.had(deliver, receive, salt_of(deliver, receive, salt_key)):
                pairs.append((deliver, receive))
    return pairs


def _key(instruction: Instruction) -> tuple[object, ...]:
    return (
        instruction.deliverer.lei,
        instruction.receiver.lei,
        instruction.isin,
        instruction.quantity,
        instruction.quantity_type,
        instruction.cash.currency,
        instruction.trade_date,
        instruction.settlement_date,
    )


def match_key(instruction: Instruction) -> str:
    """What `match` groups by, as text that begins with the settlement date: whoever keeps what waits finds by it
    what could match, and what is old."""
    quantity, cash = instruction.quantity, instruction.cash
    parts = (
        instruction.settlement_date.isoformat(),
        instruction.trade_date.isoformat(),
        instruction.deliverer.lei,
        instruction.receiver.lei,
        instruction.isin,
        f"{quantity.value}e-{quantity.scale}",
        instruction.quantity_type.value,
        cash.currency,
    )
    return "/".join(parts)


def agree(deliver: Instruction, receive: Instruction, market: Market) -> bool:
    """Whether two of one match key are one trade, as far as the second is the receiver's."""
    if receive.side is not Side.RECEIVE:
        return False
    for one, other in ((deliver, receive), (receive, deliver)):
        if one.counterparty_reference not in (None, other.reference):
            return False
    return _within_tolerance(deliver, receive, market)


def _within_tolerance(first: Instruction, second: Instruction, market: Market) -> bool:
    tolerance = market.tolerances.get(first.cash.currency)
    return tolerance.allows(first.cash, second.cash) if tolerance else first.cash == second.cash


def _distance(deliver: StoredInstruction, receive: StoredInstruction) -> int:
    """How far apart the amounts are."""
    return abs(deliver.instruction.cash.amount - receive.instruction.cash.amount)


def _matched(
    deliver: StoredInstruction,
    receive: StoredInstruction,
    market: Market,
    salt_key: bytes,
    now: datetime,
) -> Change:
    trade = trade_of(deliver, receive, salt_of(deliver, receive, salt_key), salt_key, now)
    terms = trade.terms
    facts = {
        "deliverer_reference": terms.deliverer_reference,
        "receiver_reference": terms.receiver_reference,
        "isin": terms.isin,
        "quantity": terms.quantity.text(),
        "cash": str(terms.cash),
        "receiver_cash": str(receive.instruction.cash),
    }
    both = (deliver, receive)
    return Change(
        entries=(Entry(at=now, kind="matched", subject=trade.trade_id, facts=facts),),
        instructions=tuple(replace(one, status="MATCHED", trade_id=trade.trade_id, reason=None) for one in both),
        trades=(trade,),
        outgoing=tuple(advise(market, one.instruction, AdviceStatus.MATCHED, now, trade=trade) for one in both),
    )


def trade_of(
    deliver: StoredInstruction, receive: StoredInstruction, salt: str, salt_key: bytes, now: datetime
) -> Trade:
    """The trade that two instructions make. `salt` is `salt_of` them, unless the RTGS has kept another."""
    terms = TradeTerms(
        deliverer=deliver.instruction.deliverer.lei,
        receiver=deliver.instruction.receiver.lei,
        deliverer_reference=deliver.instruction.reference,
        receiver_reference=receive.instruction.reference,
        isin=deliver.instruction.isin,
        quantity=deliver.instruction.quantity,
        cash=deliver.instruction.cash,
        settlement_date=deliver.instruction.settlement_date,
        salt=salt,
    )
    return Trade(
        trade_id=terms.trade_id,
        terms=terms,
        state=TradeState.MATCHED,
        matched_at=now,
        cancel_asked=frozenset(one.instruction.side for one in (deliver, receive) if one.cancellations),
        cash_secret=_drawn(salt_key, b"cash ids\0" + _pair(deliver, receive)),
    )


def salt_of(deliver: StoredInstruction, receive: StoredInstruction, salt_key: bytes) -> str:
    """The salt of the trade that two instructions make."""
    return _drawn(salt_key, _pair(deliver, receive))


def _drawn(salt_key: bytes, about: bytes) -> str:
    """128 bits that nobody can guess without the service's key, and that a rebuild finds again.

    The same two instructions always make the same trade: handed in anew after the records were lost,
    they meet what became of it on the ledgers.
    """
    return hmac.digest(salt_key, about, "sha256").hex()[:32]


def _pair(deliver: StoredInstruction, receive: StoredInstruction) -> bytes:
    return "\n".join((*deliver.key, *receive.key)).encode()


def _amount(stored: StoredInstruction) -> int:
    return stored.instruction.cash.amount


def _nearest(stored: StoredInstruction, others: Sequence[StoredInstruction]) -> list[StoredInstruction]:
    """Of the others, by amount, the few that lie nearest: each is told of those, however many there are."""
    place = bisect_left(others, _amount(stored), key=_amount)
    near = others[max(0, place - SHOWN) : place + SHOWN]
    return sorted(near, key=lambda other: _distance(stored, other))[:SHOWN]


def _why_waiting(stored: StoredInstruction, others: Collection[StoredInstruction], market: Market) -> Reason:
    apart = [one for one in others if not _within_tolerance(stored.instruction, one.instruction, market)]
    if apart:
        theirs = ", ".join(str(one.instruction.cash) for one in apart)
        return Reason(code="DMON", text=f"cash differs beyond tolerance: {stored.instruction.cash} and {theirs}")
    if others:
        return Reason(code="CMIS", text="the counterparty's instruction names another reference")
    return Reason(code="CMIS", text="no matching instruction from the counterparty")


def _still_waiting(stored: StoredInstruction, reason: Reason, market: Market, now: datetime) -> list[Change]:
    """Tells the party why, when the reason is new."""
    if reason == stored.reason:
        return []
    entry = Entry(at=now, kind="unmatched", subject=stored.instruction.reference, facts={"reason": str(reason)})
    return [
        Change(
            entries=(entry,),
            instructions=(replace(stored, reason=reason),),
            outgoing=(advise(market, stored.instruction, AdviceStatus.UNMATCHED, now, reason=reason),),
        )
    ]


def _aged_out(stored: StoredInstruction, market: Market, now: datetime) -> Change:
    reason = Reason(code="CANS", text=f"unmatched for {AGE_OUT.days} days after its settlement date")
    return Change(
        entries=(Entry(at=now, kind="aged out", subject=stored.instruction.reference, facts={"reason": str(reason)}),),
        instructions=(replace(stored, status="AGED_OUT", reason=reason),),
        outgoing=cancel_unmatched(market, stored, reason, stored.cancellations, now),
    )
