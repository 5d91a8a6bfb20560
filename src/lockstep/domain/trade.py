"""A trade: two matched instructions on their way through the settlement protocol.

```
MATCHED ─> LOCKED ─> EARMARKED ─> PAID ─> SETTLED
   │          └──────────┴─> RELEASED        (locked, then given back on proof of *never*)
   └─> CANCELLED                             (never locked)
```

A state is what both ledgers were seen to say; a pass that comes late may skip states, but never
goes back and never leaves an end.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum

from lockstep.domain.errors import LockstepError
from lockstep.domain.identifiers import Isin, Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import Side
from lockstep.domain.money import Money, Quantity
from lockstep.domain.order import Order
from lockstep.domain.values import quick, replace

__all__ = ["MOVES", "Reason", "Trade", "TradeState", "TradeTerms"]


class TradeState(Enum):
    """Where a trade is; the diagram above."""

    MATCHED = "MATCHED"
    LOCKED = "LOCKED"
    EARMARKED = "EARMARKED"
    PAID = "PAID"
    SETTLED = "SETTLED"
    CANCELLED = "CANCELLED"
    RELEASED = "RELEASED"

    @property
    def is_end(self) -> bool:
        return not MOVES[self]


_S = TradeState
MOVES: Mapping[TradeState, frozenset[TradeState]] = {
    _S.MATCHED: frozenset({_S.LOCKED, _S.EARMARKED, _S.PAID, _S.SETTLED, _S.CANCELLED, _S.RELEASED}),
    _S.LOCKED: frozenset({_S.EARMARKED, _S.PAID, _S.SETTLED, _S.RELEASED}),
    _S.EARMARKED: frozenset({_S.PAID, _S.SETTLED, _S.RELEASED}),
    _S.PAID: frozenset({_S.SETTLED}),
    _S.SETTLED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.RELEASED: frozenset(),
}


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why something waits or did not happen: an ISO code where there is one, and plain words."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class TradeTerms:
    """What both parties agreed, in the form whose hash is the trade's id."""

    deliverer: Lei
    receiver: Lei
    deliverer_reference: Reference
    receiver_reference: Reference
    isin: Isin
    quantity: Quantity
    cash: Money
    """What the deliverer instructed: that amount settles."""
    settlement_date: date
    salt: str
    """32 hex digits that nobody can guess, so that terms cannot be guessed back from the id."""

    def canonical(self) -> bytes:
        """One `name=value` line per term, in this order, UTF-8: what every party hashes."""
        lines = (
            ("deliverer", self.deliverer),
            ("receiver", self.receiver),
            ("deliverer_reference", self.deliverer_reference),
            ("receiver_reference", self.receiver_reference),
            ("isin", self.isin),
            ("quantity", self.quantity.text()),
            ("cash", self.cash.text()),
            ("currency", self.cash.currency),
            ("settlement_date", self.settlement_date.isoformat()),
            ("salt", self.salt),
        )
        return "".join(f"{name}={value}\n" for name, value in lines).encode()

    @property
    def trade_id(self) -> TradeId:
        return TradeId(hashlib.sha256(self.canonical()).hexdigest())


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """A trade and its current settlement attempt. `terms` never change; the rest moves forward.

    `intents` holds when each step was first decided on: a step sent again is sent with the same
    content, hence with that time. `version` counts its stored versions: who stores over another's
    later version is refused.
    """

    trade_id: TradeId
    terms: TradeTerms
    state: TradeState
    matched_at: datetime
    attempt: int = 1
    order: Order | None = None
    settlement_id: SettlementId | None = None
    reserved_nonce: int | None = None
    """A lapsed order's nonce: the next order takes it too, so that at most one of them can be locked."""
    cash_attempt: int = 1
    """Counts up where the RTGS has our message id or UETR under other content."""
    cash_secret: str | None = None
    """The service's alone: all its payment's ids but the first derive from it, so that nobody spends them."""
    seller_signature: bytes | None = None
    buyer_signature: bytes | None = None
    cancel_asked: frozenset[Side] = frozenset()
    reason: Reason | None = None
    intents: Mapping[str, datetime] = field(default_factory=dict)
    version: int = 0

    @property
    def cancel_agreed(self) -> bool:
        """Both parties have asked. Still only a request for the outcome *never*."""
        return self.cancel_asked == frozenset(Side)

    def moved(self, state: TradeState, reason: Reason | None = None) -> "Trade":
        """The trade in another state. Raises LockstepError for a move the diagram does not have."""
        if state is not self.state and state not in MOVES[self.state]:
            raise LockstepError(f"trade {self.trade_id} cannot go from {self.state.value} to {state.value}")
        return replace(self, state=state, reason=reason)
