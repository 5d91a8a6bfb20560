"""The enforcement of one agreement: what was decided, and what is next by the register's figures.

```
DECLARE ─> notice and cure periods ─> APPROPRIATE, SET_OFF, SELL: up to what is owed ─> RELEASE what is over ─> END
   │               └──────── covered again: cured ────────────────────────────────────────────────────────> END
   └─ covered before it was declared: nothing to end
```

Pure: `next_step` looks at a `Standing` of one block, and says what the taker does next, or why it waits, or how it
ended. The same standing gives the same, so that whoever looks goes on from the record alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from lockstep.domain.collateral.register import (
    NO_PLEDGE,
    Agreement,
    AgreementId,
    Pledge,
    PledgeId,
    PricedToken,
    State,
)
from lockstep.domain.identifiers import Reference, SettlementId
from lockstep.domain.margin_bonds import ActState
from lockstep.domain.order import Order
from lockstep.domain.rounding import PARTS, divide_down
from lockstep.domain.values import quick

__all__ = [
    "Ended",
    "Enforcement",
    "Move",
    "MoveKind",
    "Offer",
    "Outcome",
    "Planned",
    "Standing",
    "Waiting",
    "move_nonce",
    "next_step",
]


class MoveKind(Enum):
    """What the taker does."""

    DECLARE = "DECLARE"
    APPROPRIATE = "APPROPRIATE"
    """It takes pledged units at their attested price."""
    SET_OFF = "SET_OFF"
    """It sets units that it owes off at their attested price."""
    SELL = "SELL"
    """It sells pledged units through DvP, to a buyer who signed."""
    RELEASE = "RELEASE"
    """What is over goes back."""
    END = "END"


TAKES = frozenset({MoveKind.APPROPRIATE, MoveKind.SET_OFF, MoveKind.SELL})


class Outcome(Enum):
    """How an enforcement ended."""

    CURED = "CURED"
    """Collateral and cash cover again, or the taker withdrew before it took anything."""
    ENFORCED = "ENFORCED"
    """The taker took what it is owed, or all that there was."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a sale is: the order that its buyer signed."""

    settlement_id: SettlementId
    order: Order
    buyer_signature: bytes
    previous: SettlementId
    """A sale that was given back and whose units are sold anew; zeros: units of the pledge."""
    is_settled: bool | None = None
    """Whether the buyer has the units; None: it has not ended."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One act of a party's wallet, and what became of it."""

    number: int
    """From 1, ascending."""
    kind: MoveKind
    party: str
    """Whose act it is: the taker's; of END and RELEASE the giver's, where the taker does not sign."""
    act_by: int
    """Last second of the act: in no later block can it be run."""
    decided_at: datetime
    pledge_id: PledgeId = NO_PLEDGE
    token: str = ""
    """The pledge's security."""
    units: int = 0
    offer: Offer | None = None
    state: ActState = ActState.UNDER_WAY
    value: int = 0
    """Minor units that the giver was credited with for it."""
    reason: str = ""

    @property
    def is_under_way(self) -> bool:
        return self.state is ActState.UNDER_WAY


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Enforcement:
    """A taker's way from a default to what it is owed. One at a time is open under an agreement."""

    agreement_id: AgreementId
    name: Reference
    """The taker's own, unique under the agreement."""
    currency: str
    """The agreement's: of all amounts."""
    begun_at: datetime
    call: Reference | None = None
    """The margin call that was not met, if it is one."""
    appropriates: bool = True
    """Units are taken or set off as soon as that is allowed; else only what is said to be sold."""
    is_declared: bool = False
    """The register shows the default, finally."""
    enforce_from: int = 0
    """After which second, by the chain, it may be enforced."""
    withdrawn: bool = False
    """The taker wants it ended."""
    moves: tuple[Move, ...] = ()
    outcome: Outcome | None = None
    left: int = 0
    """Minor units that were owed still when it ended, and are not secured any more."""
    reason: str = ""
    """Why it waits, or how it ended."""
    version: int = 0
    """Stored versions: who stores over another's later one is refused."""

    @property
    def key(self) -> tuple[AgreementId, Reference]:
        return self.agreement_id, self.name

    @property
    def is_open(self) -> bool:
        return self.outcome is None

    @property
    def under_way(self) -> tuple[Move, ...]:
        return tuple(one for one in self.moves if one.is_under_way)

    @property
    def has_taken(self) -> bool:
        """Whether anything was taken, or is about to be."""
        return any(one.kind in TAKES and (one.value > 0 or one.is_under_way) for one in self.moves)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the register says of an agreement at one block."""

    terms: Agreement
    state: State
    cover: int
    """What the collateral counts for after haircuts, cash aside."""
    prices: Mapping[str, PricedToken]
    """The latest valuation's, by token."""
    pledges: Sequence[tuple[PledgeId, Pledge]]
    """All of the agreement's, in the order in which they were made."""
    now: int
    """The block's second."""

    @property
    def is_fresh(self) -> bool:
        return self.state.fresh(self.terms.max_age_seconds, self.now)

    @property
    def is_over(self) -> bool:
        """After the term what is owed is due, and only what was paid counts."""
        return self.now > self.terms.until

    @property
    def needed(self) -> int:
        """What a ground for default is judged by, as the contract judges it."""
        return self.state.exposure if self.is_over else self.state.required

    @property
    def covered(self) -> int:
        return self.state.credit + (0 if self.is_over else self.cover)

    @property
    def has_ground(self) -> bool:
        return self.needed > self.covered

    @property
    def due(self) -> int:
        """What may be taken still: what is owed, and not about to be paid by a sale."""
        return max(0, self.state.exposure - self.state.credit - self.state.selling)

    def most_within(self, due: int, token: str) -> int:
        """The most units whose whole price, rounded up, stays within an amount. 0 for what has no price."""
        price = self.prices.get(token)
        return divide_down(due * PARTS, price.price) if price is not None and price.price else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The taker's next act."""

    kind: MoveKind
    pledge_id: PledgeId = NO_PLEDGE
    units: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Nothing can be done now: why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """It is over."""

    outcome: Outcome
    left: int
    reason: str


def next_step(one: Enforcement, at: Standing) -> Planned | Waiting | Ended:
    """What follows, with nothing but sales under way. `at` is of a final block."""
    state = at.state
    if not one.is_declared:
        return _undeclared(one, at)
    if not state.in_default:
        outcome = Outcome.ENFORCED if one.has_taken else Outcome.CURED
        reason = "the default has ended: " + ("what could be was taken" if one.has_taken else "cured, or withdrawn")
        return Ended(outcome=outcome, left=state.debt if one.has_taken else 0, reason=reason)
    if one.under_way:
        return _take(one, at) or Waiting(reason="units are out for sale")
    if one.withdrawn:
        return Planned(kind=MoveKind.END)
    if at.is_fresh and not at.has_ground:
        return (_release(at) if one.has_taken and not state.debt else None) or Planned(kind=MoveKind.END)
    if not state.enforceable(at.now):
        return Waiting(reason=f"notice and cure periods until {state.enforce_from}, by the chain")
    if not at.is_fresh:
        return Waiting(reason=f"the latest valuation, of {state.valued_at}, is too old to enforce by")
    take = _take(one, at)
    if take is not None:
        return take
    if state.selling:
        return Waiting(reason="the proceeds of a sale are not recorded")
    if not one.has_taken and not at.due:
        return Waiting(reason="collateral is short of what is required, but nothing is owed that could be taken")
    if at.due and _is_left(at):
        wanted = "a sale" if not one.appropriates or not at.terms.appropriation else "what is pledged on, or a price"
        return Waiting(reason=f"{at.due} minor units are owed still, and collateral is there: {wanted} is awaited")
    return _release(at) or Planned(kind=MoveKind.END)


def _undeclared(one: Enforcement, at: Standing) -> Planned | Waiting | Ended:
    if one.withdrawn:
        return Ended(outcome=Outcome.CURED, left=0, reason="withdrawn before it was declared")
    if not at.is_fresh:
        return Waiting(reason=f"the latest valuation, of {at.state.valued_at}, is too old to declare a default by")
    if not at.has_ground:
        reason = f"{at.needed} is needed and {at.covered} is there: no ground any more"
        return Ended(outcome=Outcome.CURED, left=0, reason=reason)
    return Planned(kind=MoveKind.DECLARE)


def _take(one: Enforcement, at: Standing) -> Planned | None:
    """The next units to take: pledge by pledge in their order, each as far as what is owed goes."""
    if one.withdrawn or not (one.appropriates and at.is_fresh and at.has_ground and at.state.enforceable(at.now)):
        return None
    for identifier, pledge in at.pledges:
        most = at.most_within(at.due, pledge.token)
        if min(pledge.owed, most):
            return Planned(kind=MoveKind.SET_OFF, pledge_id=identifier, units=min(pledge.owed, most))
        if at.terms.appropriation and min(pledge.releasable, most):
            return Planned(kind=MoveKind.APPROPRIATE, pledge_id=identifier, units=min(pledge.releasable, most))
    return None


def _is_left(at: Standing) -> bool:
    """Whether there is collateral that what is owed would reach: units, one of which at least it would buy."""
    return any(
        pledge.quantity + pledge.owed and (at.most_within(at.due, pledge.token) or not _priced(at, pledge.token))
        for _, pledge in at.pledges
    )


def _priced(at: Standing, token: str) -> bool:
    price = at.prices.get(token)
    return price is not None and price.price > 0


def _release(at: Standing) -> Planned | None:
    """Units that are left over, of the first pledge that has any to be released."""
    for identifier, pledge in at.pledges:
        if pledge.releasable:
            return Planned(kind=MoveKind.RELEASE, pledge_id=identifier, units=pledge.releasable)
    return None


def move_nonce(agreement: AgreementId, name: Reference, move: Move) -> int:
    """The number of a move's act, 256 bits: another for each last second."""
    named = f"lockstep enforcement\n{agreement}\n{name}\n{move.number}\n{move.act_by}"
    return int.from_bytes(hashlib.sha256(named.encode()).digest())
