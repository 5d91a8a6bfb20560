"""When the RTGS told two stories of a payment whose order has no lock: people ask it, and decide.

A lock's end would be the decision: a quorum's proof, or the long stop. Without a lock nothing ends the trade, as the
chain can show nothing more. So people who have it from the RTGS that the payment was never booked, or was given back,
say so. Who and why is journalled with it.
"""

from dataclasses import replace

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.journal import Entry
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import Trade
from lockstep.ports import AssetLedger, Book, Change, Clock, Unclaimed

__all__ = ["decide_never"]

_FIELD = "settlement"


def decide_never(book: Book, assets: AssetLedger, clock: Clock, settlement: str, by: str, why: str) -> SettlementId:
    """The payment of a settlement without a lock counts as refused, and its trade goes on: to a new order, or to its
    end. `settlement` is the beginning of the id: of an open trade's, or of one that the records lost. Whoever is told
    the opposite again is told of a `break` again.

    Raises InvalidInput where no trade waits for that, Refused where the chain has a lock, Conflict where a trade was
    stored meanwhile, Unavailable.
    """
    trades = book.open_trades()
    lost = {one.settlement_id: one for one in book.all_unclaimed()}
    known = dict.fromkeys([*(one.settlement_id for one in trades if one.settlement_id is not None), *lost])
    found = [one for one in known if one.startswith(settlement)]
    if not settlement or len(found) != 1:
        raise InvalidInput(_FIELD, settlement, f"the beginning of the id of one open settlement; {len(found)} fit")
    (identifier,) = found
    view = book.cash_view(identifier)
    if view is None or view.contradiction is None:
        raise InvalidInput(_FIELD, identifier, "one that the RTGS told two stories of")
    if any(event.name == "Locked" for event in assets.history(identifier)):
        raise Refused("LockedOnChain", {"settlement": identifier, "rule": "ended on the agents' proof or long stop"})
    now = clock.now()
    told = replace(
        view,
        state=PaymentState.REJECTED,
        decided_at=now.replace(microsecond=0),
        booked_at=None,
        noticed_at=None,
        noticed=None,
        noticed_uetr=None,
        reason_code="NARR",
        reason="people decided that it will never be booked",
        contradiction=None,
    )
    facts = {"rule": "one story", "told": view.contradiction, "by": by, "why": why}
    again = lost.get(identifier)
    book.commit(
        Change(
            entries=(Entry(at=now, kind="decided never", subject=identifier, facts=facts),),
            cash=(told,),
            trades=tuple(replace(one, reason=None) for one in trades if _waits_for(one, identifier, again)),
            unclaimed=() if again is None else (replace(again, due=now.replace(microsecond=0)),),
        )
    )
    return identifier


def _waits_for(trade: Trade, settlement: SettlementId, lost: Unclaimed | None) -> bool:
    return trade.settlement_id == settlement or (lost is not None and lost.salt == trade.terms.salt)
