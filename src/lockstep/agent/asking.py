"""What an agent asks the RTGS for: where a payment stands, and never for one that did not come."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from lockstep.domain.identifiers import Bic, SettlementId, derive_message_id, derive_uetr
from lockstep.domain.message import Message
from lockstep.domain.payment import NeverRequest
from lockstep.flow.asking import due
from lockstep.ports import CashBody

__all__ = ["Asked", "never_request"]


@dataclass(slots=True)
class Asked:
    """Which locked settlements are to be asked for, and when that was done."""

    _times: dict[SettlementId, tuple[datetime, datetime | None]] = field(default_factory=dict)
    """Since when a locked settlement's payment has no end here, and when it was last asked for."""
    _closed: set[SettlementId] = field(default_factory=set)
    """Locked settlements that nothing more is to be asked of."""
    _open: set[SettlementId] = field(default_factory=set)
    """The other locked ones, as of the last look at all or of the last lock."""
    _locked: int = 0

    def open(self, locked: Collection[SettlementId], *, look: bool) -> list[SettlementId]:
        """Those to be asked for, in order. All locks are gone through only if `look`, or if their number changed."""
        if look or len(locked) != self._locked:
            self._locked, self._open = len(locked), set(locked) - self._closed
        return sorted(self._open)

    def is_due(self, settlement: SettlementId, now: datetime) -> bool:
        """Whether it is time to ask; the first look at a settlement begins its waiting."""
        begun, last = self._times.setdefault(settlement, (now, None))
        return due(begun, last, now)

    def note(self, settlement: SettlementId, now: datetime) -> None:
        """It is asked for now."""
        begun, _ = self._times[settlement]
        self._times[settlement] = begun, now

    def close(self, settlement: SettlementId) -> None:
        """Nothing more is to be asked."""
        self._closed.add(settlement)
        self._open.discard(settlement)
        self._times.pop(settlement, None)


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
