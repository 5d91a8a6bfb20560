"""Pledges and earmarks: what the register says is pledged is there, once, and pledged on within its cap."""

from collections import Counter
from collections.abc import Iterator

from lockstep.testing.facts import Facts

__all__ = ["lanes_equal_pledges", "reuse_is_bounded"]

PARTS = 1_000_000


def reuse_is_bounded(facts: Facts) -> Iterator[str]:
    """Of a pledge no more is pledged on than its cap allows, and that is the sum of the pledges on it (I3)."""
    known = {one.pledge: one for one in facts.pledges}
    below: Counter[str] = Counter()
    for one in facts.pledges:
        if one.parent is None:
            continue
        below[one.parent] += one.quantity
        if one.parent not in known:
            yield f"pledge {one.pledge} is on pledge {one.parent}, which there is not"
        elif known[one.parent].token != one.token:
            yield f"pledge {one.pledge} is of another security than pledge {one.parent}, which it is on"
    for one in facts.pledges:
        if one.reused != below[one.pledge]:
            yield f"pledge {one.pledge}: {one.reused} units pledged on, its pledges on have {below[one.pledge]}"
        limit = (one.quantity - one.selling) * one.cap // PARTS
        if one.reused > limit:
            yield f"pledge {one.pledge}: {one.reused} units pledged on, where {limit} may be"


def lanes_equal_pledges(facts: Facts) -> Iterator[str]:
    """The register's earmarks are its pledges of own units, less what is for sale, per holder and security (I10)."""
    known = {one.pledge: one for one in facts.pledges}
    pledged: Counter[tuple[str, str]] = Counter()
    for one in facts.pledges:
        if one.parent is None:
            pledged[one.token, one.holder] += one.quantity
        root = one
        for _ in facts.pledges:
            if root.parent is None or root.parent not in known:
                break
            root = known[root.parent]
        pledged[root.token, root.holder] -= one.selling
    for token, holder in sorted({*pledged, *facts.register_lanes}):
        units, marked = pledged[token, holder], facts.register_lanes.get((token, holder), 0)
        if units != marked:
            yield f"token {token}, holder {holder}: {units} units pledged, {marked} earmarked by the register"
