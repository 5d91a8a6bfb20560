"""How a pledge comes back that was pledged on: which releases, in which order. Pure.

A taker can give up no more than what its own pledges on leave it (`Pledge.releasable`); so what is furthest down comes
back first, and each link gives up no more than the link above it needs.
"""

from collections.abc import Collection, Iterator

from lockstep.domain.collateral.claims import Claim
from lockstep.domain.collateral.register import Pledge, PledgeId
from lockstep.domain.errors import InvalidInput
from lockstep.domain.rounding import PARTS, divide_down

__all__ = ["Releasing", "unwinding"]

Releasing = tuple[Claim, int]
"""A pledge, and how many base units its taker gives up."""


def unwinding(claims: Collection[Claim], pledge_id: PledgeId, quantity: int) -> tuple[Releasing, ...]:
    """The releases that bring `quantity` base units of a pledge back to its giver: leaves first, the pledge last.

    `claims` are all live pledges of one moment, in the order in which they were made (`Claims.live`). Of several
    pledges on, the last one comes back first. Raises InvalidInput where so many are not there, or are out for sale
    further down.
    """
    by_id = {one.pledge_id: one for one in claims}
    if pledge_id not in by_id:
        raise InvalidInput("pledge", pledge_id, "a pledge of which units are pledged")
    below: dict[PledgeId, list[Claim]] = {}
    for one in claims:
        if not one.pledge.is_root:
            below.setdefault(one.pledge.parent, []).append(one)
    return tuple(_freed(by_id[pledge_id], quantity, below))


def _freed(given: Claim, quantity: int, below: dict[PledgeId, list[Claim]]) -> Iterator[Releasing]:
    pledge = given.pledge
    at_hand = pledge.quantity - pledge.selling
    if not 0 < quantity <= at_hand:
        raise InvalidInput(
            "quantity", quantity, f"1 to {at_hand} base units of pledge {given.pledge_id}, none for sale"
        )
    wanted = _to_bring_back(pledge, at_hand - quantity)
    for child in reversed(below.get(given.pledge_id, [])):
        part = min(wanted, child.pledge.quantity - child.pledge.selling)
        if part:
            yield from _freed(child, part, below)
            wanted -= part
    if wanted:
        rule = f"{wanted} base units fewer: what is out for sale further down cannot come back now"
        raise InvalidInput("quantity", quantity, rule)
    yield given, quantity


def _to_bring_back(pledge: Pledge, left: int) -> int:
    """Of what was pledged on, how much is too much once so many units are left."""
    return max(pledge.reused - divide_down(left * pledge.reuse_cap, PARTS), 0)
