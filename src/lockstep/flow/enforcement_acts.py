"""What enforcement looks at and what it sends, computed: an agreement's standing, an act's call, a sale's rules."""

from lockstep.domain.collateral.calls import (
    NO_SALE,
    AppropriateCall,
    Call,
    DeclareDefaultCall,
    EndDefaultCall,
    ReleaseCall,
    ReleaseExcessCall,
    SellCall,
    SetOffCall,
)
from lockstep.domain.collateral.register import Agreement, AgreementId, PledgeId
from lockstep.domain.collateral.register_events import Pledged, TitleTransferred
from lockstep.domain.enforcement import Enforcement, Move, MoveKind, Standing
from lockstep.domain.errors import InvalidInput, Refused
from lockstep.domain.identifiers import SettlementId
from lockstep.domain.order import ALONE, Order
from lockstep.flow.margin_figures import prices_by
from lockstep.flow.register_parties import as_acting
from lockstep.ports import CollateralLedger
from lockstep.signing import call_bytes

__all__ = ["call_of", "require_sale", "standing_of"]


def standing_of(ledger: CollateralLedger, agreement_id: AgreementId, at: int | None = None) -> Standing:
    """All of one block, of the final one if none is named; heirs stand for their parties.

    Raises Refused UnknownAgreement, Unavailable.
    """
    block = ledger.final_block() if at is None else at
    terms = ledger.agreement(agreement_id, block)
    if terms is None:
        raise Refused("UnknownAgreement", {"agreement_id": agreement_id})
    events = ledger.events_of(agreement_id, block)
    made = [one.said.pledge_id for one in events if isinstance(one.said, Pledged | TitleTransferred)]
    pledges = ledger.pledges(made, block)
    return Standing(
        terms=as_acting(ledger, terms, block),
        state=ledger.state(agreement_id, block),
        cover=ledger.cover(agreement_id, block),
        prices=prices_by(events),
        pledges=[(one, pledges[one]) for one in made],
        now=ledger.time_of(block),
    )


def call_of(one: Enforcement, move: Move, terms: Agreement) -> bytes:
    """The call of a move's act."""
    call: Call
    match move.kind:
        case MoveKind.DECLARE:
            call = DeclareDefaultCall(agreement_id=one.agreement_id)
        case MoveKind.END:
            call = EndDefaultCall(agreement_id=one.agreement_id)
        case MoveKind.APPROPRIATE:
            call = AppropriateCall(pledge_id=move.pledge_id, quantity=move.units)
        case MoveKind.SET_OFF:
            call = SetOffCall(pledge_id=move.pledge_id, quantity=move.units)
        case MoveKind.RELEASE if move.party == terms.giver:
            call = ReleaseExcessCall(pledge_id=move.pledge_id, quantity=move.units)
        case MoveKind.RELEASE:
            call = ReleaseCall(pledge_id=move.pledge_id, quantity=move.units)
        case MoveKind.SELL:
            offer = move.offer
            assert offer is not None
            call = SellCall(
                pledge_id=move.pledge_id,
                order=offer.order,
                buyer_signature=offer.buyer_signature,
                previous=offer.previous,
            )
    return call_bytes(call)


def require_sale(
    one: Enforcement,
    at: Standing,
    pledge: PledgeId,
    order: Order,
    previous: SettlementId,
    register: str,
    identifier: SettlementId,
) -> None:
    """What the register would refuse of a sale, told before anything is stored. Raises Refused, InvalidInput."""
    movement, details = order.movement, {"agreement_id": one.agreement_id}
    if not one.is_open:
        raise Refused("EnforcementEnded", {**details, "actual": one.reason})
    if not at.terms.sale_floor:
        raise Refused("NotAgreed", {**details, "expected": "sale, with a floor"})
    if not at.state.enforceable(at.now):
        raise Refused("TooEarly", {**details, "actual": at.now, "expected": f"later than {at.state.enforce_from}"})
    given = dict(at.pledges).get(pledge)
    if given is None:
        raise InvalidInput("pledge", pledge, f"a pledge under {one.agreement_id}")
    if (order.terms.part, order.terms.minimum_lot, order.terms.group) != (0, 0, ALONE):
        raise InvalidInput("order", identifier, "whole: no part, no minimum lot, no group")
    for field, actual, expected in (
        ("seller", movement.seller, register),
        ("token", movement.token, given.token),
    ):
        if actual != expected:
            raise InvalidInput(f"order/{field}", actual, expected)
    if previous != NO_SALE:
        return  # the units are out already: the register compares them with that sale's
    if not 0 < movement.quantity <= given.releasable:
        raise InvalidInput("order/quantity", movement.quantity, f"1 to {given.releasable}, what is at hand")
    most = at.most_within(at.due, movement.token)
    if movement.quantity > most:
        raise Refused("ExceedsExposure", {**details, "value": f"{movement.quantity} units", "owed": f"{most} units"})
