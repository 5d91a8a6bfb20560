"""Settlements that no trade of the records has: carried to their end on the chain, without a word to their parties.

The order is in the lock's event and the proof is the agents'. So units that were paid for are delivered, and units
that never will be are given back, though nobody knows any more whose instructions they were. What only the
instructions tell, the parties' references, is not needed for that; their sese.025 waits until they come.
"""

from collections.abc import Sequence

from lockstep.domain.cash import CashView
from lockstep.domain.errors import Refused
from lockstep.domain.market import Market
from lockstep.domain.order import NO_PROOF, AssetEvent, OutcomeResult
from lockstep.ports import AssetLedger, AttestationBoard
from lockstep.signing import build_proof

__all__ = ["carry", "is_open"]


def is_open(history: Sequence[AssetEvent]) -> bool:
    """Whether a lock is final, and nothing has ended it yet, be it finally or not."""
    locked = any(event.name == "Locked" and event.final for event in history)
    return locked and not any(event.name in ("Settled", "GivenBack") for event in history)


def carry(
    history: Sequence[AssetEvent], view: CashView | None, assets: AssetLedger, board: AttestationBoard, market: Market
) -> str | None:
    """Has an open lock ended, if a quorum has signed what the mail says too; in one word how, None while it waits.

    Sent again it is the same transaction. Raises Unavailable.
    """
    order = next((event.order for event in history if event.order is not None), None)
    if order is None or not is_open(history) or (view is not None and view.contradiction is not None):
        return None
    settlement = history[0].settlement_id
    try:
        if any(event.name == "PaidRecorded" and event.final for event in history):
            assets.settle(settlement, order, NO_PROOF)
            return "settle"
        result = _outcome(view)
        attestations = board.attestations(settlement) if result is not None else ()
        if result is None or not attestations:
            return None
        proof = build_proof(result, attestations, assets.epoch(order.movement.epoch), market.network)
        if proof is None:
            return None
        if result is OutcomeResult.PAID:
            assets.settle(settlement, order, proof)
            return "settle"
        assets.give_back(settlement, order, proof)
        return "give back"
    except Refused as error:  # by the contract, or by the node: that is for people, and tried again
        return f"refused: {error}"


def _outcome(view: CashView | None) -> OutcomeResult | None:
    """What the mail does not speak against: of a payment that was never asked for it says nothing."""
    if view is None or view.is_never or (view.state is None and view.noticed_at is None):
        return OutcomeResult.NEVER
    return OutcomeResult.PAID if view.is_booked else None
