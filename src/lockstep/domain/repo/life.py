"""A repo and its current stage.

```
AGREED ─> OPEN ─> CLOSING ─> CLOSED
   │                 │  ▲       ▲
   │                 ▼  └─┐     │     (each day that it fails: tried again)
   │               FAILED ┴─────┤
   └─> CANCELLED     └─> CLOSED_OUT   (people decided, by paragraph 10)
```

Units move by legs, which are trades against payment, and by transfers, free of payment, through the register. What is
not done yet of either is written down before anything is sent, so that any worker goes on from the record alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from lockstep.domain.errors import InvalidInput
from lockstep.domain.identifiers import Reference, SettlementId
from lockstep.domain.money import Money
from lockstep.domain.order import Order
from lockstep.domain.repo.pricing import Period, interest
from lockstep.domain.repo.terms import Lot, RepoTerms

__all__ = ["MOVES", "Event", "Leg", "LegKind", "LegState", "Repo", "RepoState", "Transfer", "TransferKind"]


class RepoState(Enum):
    """Where a repo is; the diagram above."""

    AGREED = "AGREED"
    """Until all opening legs have settled or ended, and the register has their title."""
    OPEN = "OPEN"
    CLOSING = "CLOSING"
    """From the repurchase date on."""
    FAILED = "FAILED"
    """A closing leg ended without settling."""
    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"
    """No opening leg settled."""
    CLOSED_OUT = "CLOSED_OUT"
    """Terminated for failure to deliver or pay; what is due then is settled elsewhere."""

    @property
    def is_end(self) -> bool:
        return not MOVES[self]


_S = RepoState
MOVES: Mapping[RepoState, frozenset[RepoState]] = {
    _S.AGREED: frozenset({_S.OPEN, _S.CANCELLED}),
    _S.OPEN: frozenset({_S.CLOSING}),
    _S.CLOSING: frozenset({_S.FAILED, _S.CLOSED}),
    _S.FAILED: frozenset({_S.CLOSED, _S.CLOSED_OUT}),
    _S.CLOSED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.CLOSED_OUT: frozenset(),
}


class LegKind(Enum):
    """Why units move against payment; the letter is part of the reference."""

    OPENING = "O"
    RETURN = "R"
    """The buyer returns part before the end, against part of the repurchase price."""
    CLOSING = "C"


class LegState(Enum):
    """How far a leg is."""

    INSTRUCTED = "INSTRUCTED"
    """To be instructed, or under way as a trade."""
    SETTLED = "SETTLED"
    """On both ledgers, finally; the register is to be told."""
    RECORDED = "RECORDED"
    DEAD = "DEAD"
    """It ended without settling: nothing moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One trade of a repo: both parties' instructions, of the same reference each."""

    reference: Reference
    kind: LegKind
    lot: int
    attempt: int
    units: int
    cash: Money
    principal: int
    """What of the lot's price it pays, or repays."""
    settlement_date: date
    decided_at: datetime
    """UTC, whole seconds: the messages carry it, so that sent again they are the same."""
    state: LegState = LegState.INSTRUCTED
    waits_for_its_day: bool = False
    """Both instructions were seen to be taken, and nothing is to be looked for before the settlement date."""
    order: Order | None = None
    settlement_id: SettlementId | None = None
    act_by: int = 0
    """Last second of the act that records it."""
    reason: str = ""


class TransferKind(Enum):
    """Why units move free of payment."""

    TOP_UP = "TOP_UP"
    """Margin securities (paragraph 4)."""
    RETURN = "RETURN"
    """Equivalent margin securities, or excess, back to the seller."""
    SUBSTITUTE = "SUBSTITUTE"
    """Other securities in, then equivalent ones to the old out, as one (paragraph 8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One movement through the register's lane."""

    number: int
    """From 1, never used again."""
    kind: TransferKind
    decided_at: datetime
    act_by: int
    """Last second of its acts."""
    lot_in: Lot | None = None
    """The lot that begins with it."""
    lot_out: int = 0
    """The lot of which units come back; 0: none."""
    units_out: int = 0
    state: LegState = LegState.INSTRUCTED
    """RECORDED: done. SETTLED is not used: the register moves and records in one."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened, for people."""

    at: datetime
    what: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repo:
    """A repo as it stands. `terms` are as agreed first; what changed since is in the other fields."""

    terms: RepoTerms
    state: RepoState
    agreed_at: datetime
    repurchase_date: date | None
    lots: tuple[Lot, ...]
    periods: tuple[Period, ...]
    interest_paid: int = 0
    """With partial returns, minor units."""
    legs: tuple[Leg, ...] = ()
    transfers: tuple[Transfer, ...] = ()
    successor: RepoTerms | None = None
    """What it is rolled into once it is closed."""
    succeeded: bool = False
    """The successor's record is made."""
    history: tuple[Event, ...] = ()
    waits: str = ""
    """What the last look ran into, for people; empty: nothing."""
    version: int = 0
    """Stored versions: who stores over another's later one is refused."""

    @property
    def look_from(self) -> date | None:
        """The first day on which a step may be due; None: none by itself, until people ask for something."""
        if self.state.is_end:
            is_due = self.state is RepoState.CLOSED and self.successor is not None and not self.succeeded
            return date.min if is_due else None
        if not self.is_quiet:
            legs = self.pending_legs if not self.pending_transfers else ()
            days = [one.settlement_date if one.waits_for_its_day else date.min for one in legs]
            return min(days, default=date.min)
        if self.state is RepoState.OPEN:
            return self.repurchase_date
        failed = [one for one in self.last_closing if one.state is LegState.DEAD]
        return min(one.settlement_date for one in failed) + timedelta(1) if failed else date.min

    @property
    def principal(self) -> int:
        """Purchase price not repaid yet, minor units."""
        return sum(one.price for one in self.lots)

    @property
    def rate(self) -> int:
        """The pricing rate that was agreed last."""
        return self.periods[-1].rate

    @property
    def pending_legs(self) -> tuple[Leg, ...]:
        return tuple(one for one in self.legs if one.state in (LegState.INSTRUCTED, LegState.SETTLED))

    @property
    def pending_transfers(self) -> tuple[Transfer, ...]:
        return tuple(one for one in self.transfers if one.state is LegState.INSTRUCTED)

    @property
    def is_quiet(self) -> bool:
        """Nothing of it is under way."""
        return not self.pending_legs and not self.pending_transfers

    @property
    def failed_cash(self) -> Money:
        """Of the repurchase price, what is due by closing legs that have not settled."""
        undone = (LegState.INSTRUCTED, LegState.DEAD)
        return self.money(sum(one.cash.amount for one in self.last_closing if one.state in undone))

    @property
    def last_closing(self) -> tuple[Leg, ...]:
        """Of each lot the closing leg that was instructed last."""
        return tuple({one.lot: one for one in self.legs if one.kind is LegKind.CLOSING}.values())

    def money(self, amount: int) -> Money:
        """An amount in the repo's currency."""
        return Money(currency=self.terms.purchase_price.currency, amount=amount)

    def lot(self, number: int) -> Lot:
        """Raises InvalidInput for a number that no lot has."""
        for one in self.lots:
            if one.number == number:
                return one
        raise InvalidInput("lot", number, f"one of {', '.join(str(one.number) for one in self.lots)}")

    def leg(self, reference: Reference) -> Leg:
        """Raises InvalidInput for a reference that no leg has."""
        for one in self.legs:
            if one.reference == reference:
                return one
        raise InvalidInput("leg", reference, f"a leg of {self.terms.repo_id}")

    def price_differential(self, on: date) -> int:
        """Interest accrued up to a day and not paid yet, minor units."""
        return interest(self.periods, on, self.terms.basis) - self.interest_paid

    def repurchase_price(self, on: date) -> Money:
        """What the seller pays to have all back on a day."""
        return self.money(self.principal + self.price_differential(on))
