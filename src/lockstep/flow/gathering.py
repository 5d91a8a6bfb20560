"""What a rebuild reads: the RTGS's mail, participants' messages and the chain's locks, before it concludes anything."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from lockstep.domain.cash import CashView
from lockstep.domain.identifiers import Lei, Reference, SettlementId, TradeId
from lockstep.domain.instruction import CancellationRequest, Instruction
from lockstep.domain.journal import Entry
from lockstep.domain.market import Market
from lockstep.domain.message import Message
from lockstep.domain.order import AssetEvent, AssetStatus, AssetView, Order
from lockstep.domain.payment import BookingNotice, PaymentReport
from lockstep.domain.statement import Statement
from lockstep.flow.hearing import Mail
from lockstep.flow.mirroring import fold, said_by, settlement_of
from lockstep.flow.receiving import INSTRUCTED, accepted, receive
from lockstep.ports import Book, PartyBody, StoredInstruction, Unreadable

__all__ = ["Gathered", "Heard", "SeenLock"]

_STATUS = {
    "Locked": AssetStatus.LOCKED,
    "PaidRecorded": AssetStatus.PAID,
    "Settled": AssetStatus.SETTLED,
    "GivenBack": AssetStatus.GIVEN_BACK,
}

_Key = tuple[Lei, Reference]


class Heard:
    """The RTGS's mail, folded as it is read."""

    def __init__(self, now: datetime) -> None:
        self.now, self.cursor = now, 0
        self.views: dict[SettlementId, CashView] = {}
        self.salts: dict[SettlementId, str] = {}
        self.statements: list[Statement] = []
        self.entries: list[Entry] = []

    def hear(self, mail: Mail) -> None:
        """A page of it, in its order."""
        for sequence, item in mail:
            self.cursor = sequence
            if isinstance(item, Unreadable):
                self._note("unreadable", "mail", {"sequence": str(sequence), "rule": str(item.error)})
                continue
            body = item.body
            if isinstance(body, Statement):
                self.statements.append(body)
            for said in said_by(body):
                settlement = settlement_of(said)
                before = self.views.get(settlement)
                if before is None and isinstance(body, Statement):
                    continue  # of a settlement that is not ours
                after = self.views[settlement] = fold(before, said)
                if settlement not in self.salts:
                    if isinstance(said, PaymentReport):
                        self.salts[settlement] = said.payment.salt
                    elif isinstance(said, BookingNotice):
                        self.salts[settlement] = said.salt
                if after.contradiction is not None and (before is None or before.contradiction is None):
                    facts = {"message_id": item.message_id, "rule": "one story", "actual": after.contradiction}
                    self._note("break", settlement, facts)

    def _note(self, kind: str, subject: str, facts: Mapping[str, str]) -> None:
        self.entries.append(Entry(at=self.now, kind=kind, subject=subject, facts=facts))


class Gathered:
    """Participants' messages. As a `Book` it knows what `receive` asks for."""

    def __init__(self, market: Market, now: datetime) -> None:
        self.market, self.now = market, now
        self.instructions: dict[_Key, StoredInstruction] = {}
        """In the order in which they were handed in."""
        self.requests: dict[_Key, list[Message[CancellationRequest]]] = defaultdict(list)
        self.messages_seen: dict[tuple[str, str], str] = {}
        self.pending: dict[_Key, tuple[Message[PartyBody], ...]] = {}
        """What who asked for a cancellation is told while it waits."""

    def instruction(self, owner: Lei, reference: Reference) -> StoredInstruction | None:
        return self.instructions.get((owner, reference))

    def seen(self, sender: str, message_id: str) -> str | None:
        return self.messages_seen.get((sender, message_id))

    def trade(self, _: TradeId) -> None:
        return None

    def take(self, message: Message[Instruction] | Message[CancellationRequest], content_hash: str) -> str:
        """One message, in its order; the kind of what became of it. Raises what `receive` raises."""
        id_, body = (message.sender, message.message_id), message.body
        if isinstance(body, Instruction) and id_ not in self.messages_seen:  # without what nobody is to be told
            stored = accepted(cast(Book, self), self.market, message, body, content_hash, self.now, late=True)
            self.instructions[stored.key] = stored
            self.messages_seen[id_] = content_hash
            return INSTRUCTED
        change = receive(cast(Book, self), self.market, message, content_hash, self.now, late=True)
        kind = change.entries[0].kind
        self.messages_seen.update({(sender, one): digest for sender, one, digest in change.seen})
        self.instructions.update({stored.key: stored for stored in change.instructions})
        for request in change.requests:
            key = request.body.owner.lei, request.body.reference
            self.requests[key].append(request)
            self.pending[key] = change.outgoing
        return kind


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLock:
    """A settlement as the chain's events tell it, oldest first."""

    settlement_id: SettlementId
    order: Order
    events: Sequence[AssetEvent]

    @property
    def given_back(self) -> bool:
        return any(event.name == "GivenBack" and event.final for event in self.events)

    def view(self, final_time: int) -> AssetView:
        final = [event for event in self.events if event.final]
        return AssetView(head=_status(self.events), final=_status(final), final_time=final_time)


def _status(events: Sequence[AssetEvent]) -> AssetStatus:
    return _STATUS[events[-1].name] if events else AssetStatus.NONE
