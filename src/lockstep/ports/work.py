"""What of the records is due: trades to settle, instructions to match."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from lockstep.domain.identifiers import SettlementId, TradeId
from lockstep.domain.trade import Trade
from lockstep.domain.values import quick
from lockstep.ports.book import StoredInstruction

__all__ = ["Claimed", "WaitingGroup", "WaitingRoom", "WorkQueue"]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """An open trade that one worker has for itself, for a time. See `Lease` for what it may trust."""

    trade: Trade
    fence: int
    """Grows with each claim of the trade."""


class WorkQueue(Protocol):
    """Which open trades are due, kept in the trades' own rows: there is no second list of work.

    A trade is due when it is new, at the time that `done_with` named, at once when it is woken, and at once when
    anybody but its claimant stores it (a cancellation asked for) or stores a cash view of its settlement.
    """

    def claim(self, worker: str, most: int, seconds: int) -> Sequence[Claimed]:
        """Open trades that are due and that no other worker has, the longest due first, leased to `worker` for so long.
        Those that another had last, and that lives, only where there are no others and that one has too many.

        A trade whose lease has run out is anybody's. What a late worker then commits is refused by its fence.
        Raises Unavailable.
        """

    def done_with(self, looked: Sequence[tuple[Claimed, datetime | None]], unable: Collection[TradeId] = ()) -> None:
        """Lets them go, each with the time at which it is to be looked at again at the latest; None: at once.
        Those that this worker was `unable` to look at are anybody's.

        One that was woken since its claim stays due. Those that another has claimed since are left alone.
        """

    def wake(self, settlements: Collection[SettlementId], worker: str = "") -> None:
        """Something was heard of these: their trades are due at once. Settlements that are no trade's are passed over.

        With `worker`, who has heard what all workers hear: another's, while that one lives, are its own to wake, and
        due a few seconds later in case it does not.
        """

    def let_go_of(self, worker: str) -> None:
        """Frees, and makes due, what a dead worker of this name has: for who begins under it."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingGroup:
    """All instructions that wait and could match each other: `flow.matching.match_key` is the same."""

    instructions: tuple[StoredInstruction, ...]
    """Oldest first."""
    seen: tuple[tuple[int, int], ...]
    """For `WaitingRoom.matched_through`: which records these are, and how often each was touched."""


class WaitingRoom(Protocol):
    """What waits to be matched. `Book.waiting` reads all of it, this only what may have something new to say."""

    def unmatched_groups(self, aged_before: date, limit: int = 1000) -> Sequence[WaitingGroup]:
        """Groups into which an instruction came, or out of which one was cancelled, since they were matched through;
        and those that settle before a day. At most about `2 * limit` of them, the longest untouched first.
        """

    def matched_through(self, groups: Sequence[WaitingGroup]) -> None:
        """All that `match` says of these groups is stored, or was a Conflict. What came in meanwhile stays to do."""

    def match_anew(self) -> None:
        """All groups are to do: the market's tolerances may be others."""
