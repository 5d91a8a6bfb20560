"""What an agent asks the RTGS for: where a payment stands, and never for one that did not come."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from itertools import islice

from lockstep.domain.identifiers import Bic, SettlementId, derive_message_id, derive_uetr
from lockstep.domain.message import Message
from lockstep.domain.payment import NeverRequest
from lockstep.flow.asking import due, due_at
from lockstep.ports import CashBody

__all__ = ["Asked", "never_request"]

ALL_AT_ONCE = 400
"""Locks for which a look goes through all of them; of twice as many every second one does."""
CLOSED_AT_MOST = 100_000
"""Ended settlements that are remembered. One that is forgotten is looked at anew, and closed again."""

Ended = Callable[[Collection[SettlementId]], Collection[SettlementId]]
"""Those of some settlements of which somebody else remembers that they have ended."""


def _none(_: Collection[SettlementId]) -> Collection[SettlementId]:
    return ()


@dataclass(slots=True)
class Asked:
    """Which locked settlements are to be asked for, and when that was done. Of what has `ended` it keeps nothing."""

    ended: Ended = _none
    _times: dict[SettlementId, tuple[datetime, datetime | None]] = field(default_factory=dict)
    """Since when a locked settlement's payment has no end here, and when it was last asked for."""
    _fresh: set[SettlementId] = field(default_factory=set)
    """Open ones that perhaps have no times yet."""
    _waiting: list[tuple[datetime, SettlementId]] = field(default_factory=list)
    """A heap: when each of the others is to be asked for. What was closed, or asked for since, is in it still."""
    _closed: OrderedDict[SettlementId, None] = field(default_factory=OrderedDict)
    """Locked settlements that nothing more is to be asked of, and that have not `ended`."""
    _open: set[SettlementId] = field(default_factory=set)
    """The other locked ones, as of the last look at all or of the last lock."""
    _locked: int = 0
    _newest: SettlementId | None = None
    """The last of the locked ones that were gone through."""
    _looks: int = 0

    def open(self, locked: Collection[SettlementId], *, look: bool) -> list[SettlementId]:
        """Those to be asked for, in order.

        Of a ledger that has its locks in the order in which they came only the new ones are gone through. All are if
        the others changed, and now and then if `look`: of many locks more rarely, so that each costs the same.
        """
        self._look_at(locked, look=look)
        return sorted(self._open)

    def _look_at(self, locked: Collection[SettlementId], *, look: bool) -> None:
        self._looks += look
        if look and self._looks >= len(locked) // ALL_AT_ONCE:
            self._go_through(locked)
        elif len(locked) != self._locked:
            self._go_on(locked)

    def due(self, locked: Collection[SettlementId], now: datetime, *, look: bool) -> list[SettlementId]:
        """Those of the open ones for which it is time to ask, in order. The first look at one begins its waiting."""
        self._look_at(locked, look=look)
        for one in (self._fresh & self._open) - self._times.keys():
            self._times[one] = now, None
            self._wait(one)
        self._fresh.clear()
        found = set()
        while self._waiting and self._waiting[0][0] <= now:
            _, one = heappop(self._waiting)
            if one not in self._open:
                self._times.pop(one, None)  # should its lock come back, its waiting begins anew
            elif one in self._times and due(*self._times[one], now):
                found.add(one)
        for one in found:  # until it is asked for, or closed
            self._wait(one)
        if len(self._waiting) > 2 * len(self._times) + ALL_AT_ONCE:
            self._waiting = sorted((due_at(*times), one) for one, times in self._times.items())
        return sorted(found)

    def _wait(self, settlement: SettlementId) -> None:
        heappush(self._waiting, (due_at(*self._times[settlement]), settlement))

    def _go_through(self, locked: Collection[SettlementId]) -> None:
        still = set(locked) - self._closed.keys()
        self._looks, self._open = 0, still.difference(self.ended(still))
        self._fresh |= self._open
        self._note(locked)

    def _go_on(self, locked: Collection[SettlementId]) -> None:
        fresh = self._since_newest(locked) if self._locked else []
        is_known = any(one in self._open or one in self._closed for one in fresh) or self.ended(fresh)
        if not fresh or len(fresh) != len(locked) - self._locked or is_known:
            self._go_through(locked)
            return
        self._open.update(fresh)
        self._fresh.update(fresh)
        self._note(locked, fresh[-1])

    def _since_newest(self, locked: Collection[SettlementId]) -> Sequence[SettlementId]:
        """Those after the last one that was gone through; none where it is not in its place."""
        since = getattr(locked, "since", None)
        if since is not None and self._newest is not None:
            later: Sequence[SettlementId] = since(self._newest)
            return later
        last = [*islice(locked, max(0, self._locked - 1), None)]
        return last[1:] if last[:1] == [self._newest] else []

    def _note(self, locked: Collection[SettlementId], newest: SettlementId | None = None) -> None:
        self._locked = len(locked)
        self._newest = newest if newest is not None else next(islice(locked, max(0, len(locked) - 1), None), None)

    def note(self, settlement: SettlementId, now: datetime) -> None:
        """It is asked for now."""
        begun, _ = self._times[settlement]
        self._times[settlement] = begun, now
        self._wait(settlement)

    def close(self, settlement: SettlementId) -> None:
        """Nothing more is to be asked."""
        self._closed[settlement] = None
        if len(self._closed) > CLOSED_AT_MOST:
            self._closed.popitem(last=False)
        self._open.discard(settlement)
        self._times.pop(settlement, None)

    def forget(self, settlement: SettlementId) -> None:
        """It has `ended`."""
        self._closed.pop(settlement, None)
        self._open.discard(settlement)
        self._times.pop(settlement, None)

    def reopen(self, settlement: SettlementId) -> None:
        """What had ended has not: another payment's refusal was told before this one came."""
        self._closed.pop(settlement, None)
        self._locked = 0  # all are gone through at the next look


def never_request(sender: Bic, rtgs: Bic, settlement: SettlementId, now: datetime) -> Message[CashBody]:
    """The camt.056 of an agent; each has an id of its own, all have one case."""
    return Message(
        sender=sender,
        receiver=rtgs,
        message_id=derive_message_id(sender, settlement, "camt.056", int(now.timestamp())),
        created=now,
        body=NeverRequest(
            case_id=derive_message_id(sender, settlement, "never"),
            uetr=derive_uetr(settlement, 1),
            settlement_id=settlement,
        ),
    )
