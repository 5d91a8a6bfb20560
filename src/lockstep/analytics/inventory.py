"""Everybody's positions on one sheet: owned, free, earmarked, pledged out, received, re-used, frozen; now or then.

Rows come as columns, as a reader of the chain has them: whole numbers, with participants, securities and networks as
codes. A row holds from the block in which it began until, but not including, the block in which it ended; so the sheet
of any block is one look at the same rows. Base units are 64-bit here: what does not fit is refused, and sums are exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from lockstep.domain.errors import InvalidInput
from lockstep.domain.rounding import PARTS

__all__ = ["ENDLESS", "Attempts", "Holdings", "Inventory", "Pledges", "inventory", "where_pledged"]

Units = npt.NDArray[np.int64]
ENDLESS = 2**63 - 1
"""The end of a row that still holds."""
ROOT = -1
_HALF = 32


@dataclass(frozen=True, slots=True)
class Holdings:
    """What accounts hold, by block. One row for each account and time in which nothing about it changed."""

    participant: Units
    security: Units
    network: Units
    owned: Units
    earmarked: Units
    """In any lane, pledges included: what cannot move."""
    frozen: Units
    since: Units
    until: Units

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class Pledges:
    """Claims on units, by block: a root is what an owner gave, a child what a taker gave on."""

    pledge: Units
    """Its id, as a code."""
    parent: Units
    """The pledge that it re-uses; ROOT, -1, where it is an owner's own."""
    giver: Units
    taker: Units
    security: Units
    network: Units
    quantity: Units
    cap: Units
    """How much of it the taker may give on, in parts of a million."""
    last_day: Units
    """The day on which it ends, as a proleptic ordinal."""
    since: Units
    until: Units

    def __post_init__(self) -> None:
        _check(self)
        if self.cap.size and (self.cap.max() > PARTS):
            raise InvalidInput("cap", self.cap.max(), "at most 1000000 parts of a million")


@dataclass(frozen=True, slots=True)
class Attempts:
    """Refused attempts to commit more than there was: who tried, with what, in which block."""

    participant: Units
    security: Units
    network: Units
    since: Units

    def __post_init__(self) -> None:
        _check(self)


@dataclass(frozen=True, slots=True)
class Inventory:
    """One row for each participant, security and network that has anything, in this order. Base units."""

    participant: Units
    security: Units
    network: Units
    owned: Units
    free: Units
    """Owned, and neither earmarked nor frozen; what is frozen may be earmarked too, so never below zero."""
    earmarked: Units
    pledged: Units
    """Given as collateral out of one's own."""
    received: Units
    """Taken as collateral, given on or not."""
    reused: Units
    """Of what was received: given on."""
    reusable: Units
    """Of what was received: what may still be given on, under each pledge's cap."""
    frozen: Units
    attempts: Units
    """How often it tried to commit more than it had, and was refused, up to the block."""
    over_committed: Units
    """By how much more is earmarked or pledged than is owned, or given on than may be: zero, unless a ledger lies."""


Table = TypeVar("Table", Holdings, Pledges)


def inventory(holdings: Holdings, pledges: Pledges, block: int, attempts: Attempts | None = None) -> Inventory:
    """The sheet as of the end of a block; attempts as far as they are given.

    Raises InvalidInput for sums that 64 bits do not hold, and for pledges whose parent is not there.
    """
    live, claims = _as_of(holdings, block), _as_of(pledges, block)
    tried = _tried(attempts, block)
    given_on = claims.parent != ROOT
    child_sums = _children(claims, given_on)
    allowed = _share(claims.quantity, claims.cap)
    room = np.maximum(allowed - child_sums, 0)
    excess = np.maximum(child_sums - allowed, 0)
    parts = (
        (live.participant, live.security, live.network),
        (claims.giver, claims.security, claims.network),
        (claims.taker, claims.security, claims.network),
        tried,
    )
    keys, names = _keys(parts)
    own, giver, taker, who = keys
    size = len(names[0])
    owned = _sum("owned", own, live.owned, size)
    frozen = _sum("frozen", own, live.frozen, size)
    earmarked = _sum("earmarked", own, live.earmarked, size)
    loose = np.maximum(live.owned - live.earmarked, 0)
    free = _sum("free", own, np.maximum(loose - live.frozen, 0), size)
    pledged = _sum("pledged", giver[~given_on], claims.quantity[~given_on], size)
    over = np.maximum(np.maximum(earmarked, pledged) - owned, 0)
    excesses = _sum("over_committed", taker, excess, size)
    if (over > np.int64(ENDLESS) - excesses).any():
        raise InvalidInput("over_committed", over.max(), "less than 2^63 base units in one sum")
    return Inventory(
        *names,
        owned=owned,
        free=free,
        earmarked=earmarked,
        pledged=pledged,
        received=_sum("received", taker, claims.quantity, size),
        reused=_sum("reused", taker, child_sums, size),
        reusable=_sum("reusable", taker, room, size),
        frozen=frozen,
        attempts=np.bincount(who, minlength=size).astype(np.int64),
        over_committed=over + excesses,
    )


def where_pledged(pledges: Pledges, block: int, giver: int, security: int | None = None) -> Pledges:
    """A participant's pledges as of a block, re-used ones too: to whom, how much, until when, in the rows' order."""
    claims = _as_of(pledges, block)
    mine = claims.giver == giver
    if security is not None:
        mine &= claims.security == security
    return _rows(claims, mine)


def _as_of(table: Table, block: int) -> Table:
    live = (table.since <= block) & (table.until > block)
    return table if live.all() else _rows(table, live)


def _tried(attempts: Attempts | None, block: int) -> tuple[Units, Units, Units]:
    if attempts is None:
        none = np.empty(0, dtype=np.int64)
        return none, none, none
    made = attempts.since <= block
    return attempts.participant[made], attempts.security[made], attempts.network[made]


def _rows(table: Table, chosen: npt.NDArray[np.bool_]) -> Table:
    return type(table)(*(getattr(table, one.name)[chosen] for one in fields(table)))


def _keys(parts: Sequence[tuple[Units, Units, Units]]) -> tuple[list[Units], tuple[Units, Units, Units]]:
    """Each row's place among the participants, securities and networks that there are, and what those are."""
    columns = [np.concatenate([part[place] for part in parts]) for place in range(3)]
    securities, networks = (int(column.max(initial=0)) + 1 for column in columns[1:])
    people = int(columns[0].max(initial=0)) + 1
    if people * securities * networks > 2**62:
        raise InvalidInput("participant", people, "codes of 62 bits with securities and networks together")
    key = (columns[0] * securities + columns[1]) * networks + columns[2]
    dense = people * securities * networks
    if dense <= 4 * key.size + 1024:
        there = np.zeros(dense, dtype=np.bool_)
        there[key] = True
        found = np.flatnonzero(there)
        place = np.zeros(dense, dtype=np.int64)
        place[found] = np.arange(len(found))
        at: Units = place[key]
    else:
        found, at = np.unique(key, return_inverse=True)
    names = (found // (securities * networks), found // networks % securities, found % networks)
    ends = np.cumsum([len(part[0]) for part in parts])
    return np.split(at, ends[:-1]), names


def _sum(name: str, at: Units, units: Units, size: int) -> Units:
    """Sums by place, exactly: halves are added apart, so that none can wrap or round."""
    low = np.zeros(size, dtype=np.int64)
    high = np.zeros(size, dtype=np.int64)
    np.add.at(low, at, units & (2**_HALF - 1))
    np.add.at(high, at, units >> _HALF)
    high += low >> _HALF
    if high.size and high.max() >= 2 ** (63 - _HALF):
        raise InvalidInput(name, int(high.max()) << _HALF, "less than 2^63 base units in one sum")
    total: Units = (high << _HALF) + (low & (2**_HALF - 1))
    return total


def _children(claims: Pledges, given_on: npt.NDArray[np.bool_]) -> Units:
    """What was given on of each claim. Raises InvalidInput for a parent that is not there, or an id that is twice."""
    order = np.argsort(claims.pledge, kind="stable")
    sorted_ids = claims.pledge[order]
    twice = np.flatnonzero(sorted_ids[1:] == sorted_ids[:-1])
    if len(twice):
        raise InvalidInput("pledge", sorted_ids[twice[0]], "once in a block")
    parents = claims.parent[given_on]
    if not len(parents):
        return np.zeros(len(claims.pledge), dtype=np.int64)
    found = np.searchsorted(sorted_ids, parents)
    found[found == len(sorted_ids)] = 0
    lost = np.flatnonzero(sorted_ids[found] != parents)
    if len(lost):
        raise InvalidInput("parent", parents[lost[0]], "a pledge that is there in the same block")
    return _sum("reused", order[found], claims.quantity[given_on], len(claims.pledge))


def _share(quantity: Units, parts: Units) -> Units:
    """A share of each quantity, rounded down, without leaving 64 bits."""
    whole, rest = np.divmod(quantity, PARTS)
    share: Units = whole * parts + rest * parts // PARTS
    return share


def _check(table: Holdings | Pledges | Attempts) -> None:
    """Columns are of one length, whole numbers of 64 bits, and not below zero, but for parents."""
    size = None
    for one in fields(table):
        column = getattr(table, one.name)
        if column.dtype != np.int64 or column.ndim != 1:
            raise InvalidInput(
                one.name, f"{column.dtype}, {column.ndim} dimensions", "a column of 64-bit whole numbers"
            )
        size = len(column) if size is None else size
        if len(column) != size:
            raise InvalidInput(one.name, f"{len(column)} rows", f"{size} rows, as the others")
        if len(column) and column.min() < (ROOT if one.name == "parent" else 0):
            raise InvalidInput(one.name, column.min(), "not below zero")
