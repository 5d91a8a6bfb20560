"""When the RTGS told two stories of a payment whose order has no lock: people ask it, and decide.

A lock's end would be the decision: a quorum's proof, or the long stop. Without a lock nothing ends the trade, as the
chain can show nothing more. So people who have it from the RTGS that the payment was never booked, or was given back,
say so. Who and why is journalled with it.
"""

from dataclasses import replace

from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.journal import Entry
from lockstep.domain.payment import PaymentState
from lockstep.domain.trade import Trade
from lockstep.ports import AssetLedger, Book, Change, Clock

__all__ = ["decide_never"]

_FIELD = "settlement"


def decide_never(book: Book, assets: AssetLedger, clock: Clock, settlement: str, by: str, why: str) -> Trade:
    """The payment of a settlement without a lock counts as refused, and its trade goes on: to a new order, or to its
    end. `settlement` is the beginning of the id. Whoever is told the opposite again is told of a `break` again.

    Raises InvalidInput where no open trade waits for that, Refused where the chain has a lock, Conflict where the trade
    was stored meanwhile, Unavailable.
    """
    found = [one for one in book.open_trades() if one.settlement_id and one.settlement_id.startswith(settlement)]
    if not settlement or len(found) != 1:
        raise InvalidInput(_FIELD, settlement, f"the beginning of the id of one open settlement; {len(found)} fit")
    (trade,) = found
    assert trade.settlement_id is not None
    view = book.cash_view(trade.settlement_id)
    if view is None or view.contradiction is None:
        raise InvalidInput(_FIELD, trade.settlement_id, "one that the RTGS told two stories of")
    if any(event.name == "Locked" for event in assets.history(trade.settlement_id)):
        raise Refused(
            "LockedOnChain", {"settlement": trade.settlement_id, "rule": "ended on the agents' proof or long stop"}
        )
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
    entry = Entry(at=now, kind="decided never", subject=trade.settlement_id, facts=facts)
    goes_on = replace(trade, reason=None)
    book.commit(Change(entries=(entry,), cash=(told,), trades=(goes_on,)))
    return goes_on
